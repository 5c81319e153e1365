"""Two DTLS ends on a virtual clock, joined by a network that loses, doubles and reorders by a seed."""

import heapq
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from media.transport import DtlsCertificate, DtlsClient, DtlsServer, SrtpProfile
from media.transport.dtls import DtlsAssociation

BORN = datetime(2026, 1, 1, tzinfo=UTC)
DELAY = 0.01


@cache
def certificate(name: str) -> DtlsCertificate:
    """Make one certificate per name and test run: keys are slow to make."""
    assert name
    return DtlsCertificate.generate(BORN)


def named(name: str) -> list[tuple[str, str]]:
    """Return what signalling would say of a certificate."""
    return [("sha-256", certificate(name).fingerprint)]


def client_and_server(
    client_profiles: tuple[SrtpProfile, ...] | None = None,
    *,
    server_expects: Iterable[tuple[str, str]] | None = None,
    client_expects: Iterable[tuple[str, str]] | None = None,
) -> tuple[DtlsClient, DtlsServer]:
    """Return two ends that trust each other unless told otherwise; the client's first flight is waiting."""
    server = DtlsServer(certificate("server"), server_expects or named("client"), 0.0)
    trusted = client_expects or named("server")
    if client_profiles is None:
        return DtlsClient(certificate("client"), trusted, 0.0), server
    return DtlsClient(certificate("client"), trusted, 0.0, profiles=client_profiles), server


@dataclass(frozen=True)
class Weather:
    """What the network does to a datagram, as probabilities."""

    lose: float = 0.0
    double: float = 0.0
    delay: float = 0.0


class Network:
    """Carries datagrams between two ends until both are done, in virtual time."""

    def __init__(self, left: DtlsAssociation, right: DtlsAssociation, weather: Weather, seed: int) -> None:
        self.now = 0.0
        self.lost = 0
        self.sizes: list[int] = []
        self._ends = (left, right)
        self._weather = weather
        self._random = random.Random(seed)
        self._order = itertools.count()
        self._flying: list[tuple[float, int, int, bytes]] = []

    def run(self, until: float = 35.0) -> None:
        """Deliver and fire timers until both ends have a result or an error and nothing is in flight."""
        self._send()
        while (due := self._next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            while self._flying and self._flying[0][0] <= self.now:
                _, _, to, datagram = heapq.heappop(self._flying)
                self._ends[to].handle_datagram(datagram, self.now)
                self._send()
            for end in self._ends:
                timeout = end.next_timeout(self.now)
                if timeout is not None and timeout <= self.now:
                    end.handle_timeout(self.now)
            self._send()

    def _next_due(self) -> float | None:
        timers = [end.next_timeout(self.now) for end in self._ends]
        arrivals = [self._flying[0][0]] if self._flying else []
        return min([*(timer for timer in timers if timer is not None), *arrivals], default=None)

    def _send(self) -> None:
        for number, end in enumerate(self._ends):
            for datagram in end.datagrams_to_send():
                self.sizes.append(len(datagram))
                self._launch(1 - number, datagram)

    def _launch(self, to: int, datagram: bytes) -> None:
        if self._random.random() < self._weather.lose:
            self.lost += 1
            return
        for _ in range(1 + (self._random.random() < self._weather.double)):
            late = self._random.random() * 0.05 if self._random.random() < self._weather.delay else 0.0
            heapq.heappush(self._flying, (self.now + DELAY + late, next(self._order), to, datagram))
