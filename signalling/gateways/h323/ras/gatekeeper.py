"""The front: commands, datagrams and time in; what is to be done out."""

import random
from collections import Counter, OrderedDict
from collections.abc import Callable
from math import inf
from typing import Final

from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.ras.admissions import Admissions
from signalling.gateways.h323.ras.events import Action, Place
from signalling.gateways.h323.ras.messages import Body
from signalling.gateways.h323.ras.registration import Registration, State
from signalling.gateways.h323.ras.requests import ANSWERS
from signalling.gateways.h323.ras.settings import Admission, Membership
from signalling.gateways.h323.ras.station import Station
from signalling.gateways.h323.wire.asn1 import Kind, decode

LARGEST: Final = 8192
"""Bytes of a datagram that is looked at."""
_REMEMBERED: Final = 64
_REPEATED: Final = 15.0
"""Seconds in which the same bytes are the same question."""
_IS_ANSWER: Final = frozenset(name for both in ANSWERS.values() for name in both) | {
    "requestInProgress",
    "unknownMessageResponse",
}
_UNSIGNED: Final = frozenset({"gatekeeperConfirm", "gatekeeperReject"})
"""What comes before a gatekeeper knows who asks."""


class Gatekeeper:
    """A gatekeeper as one of its endpoints sees it. `wall` gives seconds since 1970, for tokens.

    Commands and `receive` leave their actions for `collect`. Nothing is taken but from the gatekeeper's address,
    and, with a password, from who has it.
    """

    def __init__(self, membership: Membership, rng: random.Random, wall: Callable[[], float]) -> None:
        self._station = Station(membership, rng, wall)
        self._registration = Registration(self._station)
        self._admissions = Admissions(self._station, self._registration)
        # What was answered when, for questions that come again (7.19): an answer may be lost.
        self._answers: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    @property
    def registered(self) -> bool:
        """Whether calls can be made and come."""
        return self._registration.state is State.ON

    @property
    def endpoint(self) -> str:
        """By what the gatekeeper knows us; empty while it does not."""
        return self._station.known_as

    @property
    def hosts(self) -> frozenset[str]:
        """Addresses from which calls come by way of the gatekeeper."""
        signalling = self._registration.signalling
        return frozenset({self._station.gatekeeper[0], *(signalling[:1] if signalling else ())})

    @property
    def counts(self) -> Counter[str]:
        """What was dropped: `stranger`, `malformed`, `unproven`, `unexpected`, `unknown`."""
        return self._station.counts

    @property
    def sizes(self) -> tuple[int, int]:
        """Questions that are open and calls that are held."""
        return len(self._station.requests), len(self._admissions)

    def collect(self) -> list[Action]:
        """What is to be done since this was last asked."""
        return self._station.collect()

    # Commands.

    def register(self, now: float) -> None:
        """Register, and stay so until `unregister`. Raises MalformedError where a name cannot be written."""
        self._registration.register(now)

    def unregister(self, now: float) -> None:
        """Leave; `Unregistered` follows. Calls that are up stay so."""
        self._admissions.forget()
        self._registration.unregister(now)

    def admit(self, asked: Admission, now: float) -> None:
        """Ask for a call.

        Raises MalformedError where a name cannot be written, and CommandError where a call has its identifier.
        """
        self._admissions.admit(asked, now)

    def disengage(self, call: bytes, now: float) -> None:
        """Say that a call is over, whether it was admitted or not."""
        self._admissions.disengage(call, now)

    # The network and time.

    def receive(self, data: bytes, source: Place, now: float) -> None:
        """Take a datagram."""
        if source != self._station.gatekeeper:
            self.counts["stranger"] += 1
            return
        name, body = _read(data)
        if not name:
            self.counts["malformed"] += 1
        elif not isinstance(body, dict):
            self.counts["unknown"] += 1
        elif not (name in _UNSIGNED or self._station.proven(data, body)):
            self.counts["unproven"] += 1
            self._station.requests.doubt(body)
        elif name in _IS_ANSWER:
            if not self._station.requests.answered(name, body, source, now):
                self.counts["unexpected"] += 1
        else:
            self._asked(name, body, data, now)

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do; None: never."""
        parts = (self._station.requests, self._registration, self._admissions)
        return min((when for part in parts if (when := part.next_timeout()) is not None), default=None)

    def timeout(self, now: float) -> None:
        """Do what is due."""
        self._station.requests.timeout(now)
        self._registration.timeout(now)
        self._admissions.timeout(now)

    # Inside.

    def _asked(self, name: str, body: Body, data: bytes, now: float) -> None:
        """Answer the gatekeeper, and what comes again with the same answer."""
        station = self._station
        when, answer = self._answers.get(data, (-inf, b""))
        if now - when > _REPEATED:
            told = self._answer(name, body, data, now)
            if told is None:
                self.counts["unknown"] += 1
                return
            answer = station.written(*told)
            self._answers[data] = (now, answer)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        station.send(answer, station.gatekeeper)

    def _answer(self, name: str, body: Body, data: bytes, now: float) -> tuple[str, Body] | None:
        number = {"requestSeqNum": body["requestSeqNum"]}
        answer: tuple[str, Body] | None = None
        match name:
            case "disengageRequest":
                answer = self._admissions.drop(body)
            case "bandwidthRequest":
                answer = self._admissions.widen(body)
            case "infoRequest":
                answer = self._admissions.inform(body)
            case "unregistrationRequest":
                answer = self._unregistered(body, now)
            case "serviceControlIndication":
                # Of the services that it may offer beside calls we have none.
                answer = "serviceControlResponse", number
            case "gatekeeperRequest" | "registrationRequest" | "admissionRequest" | "locationRequest":
                # Such come to gatekeepers; whoever sends them here shall know.
                answer = "unknownMessageResponse", number | {"messageNotUnderstood": data}
        return answer

    def _unregistered(self, body: Body, now: float) -> tuple[str, Body]:
        number = {"requestSeqNum": body["requestSeqNum"]}
        if not self.registered:
            return "unregistrationReject", number | {"rejectReason": ("notCurrentlyRegistered", 0)}
        self._registration.forgotten(body, now)
        return "unregistrationConfirm", number


def _read(data: bytes) -> tuple[str, Body]:
    """A message's name and body; no name where it is none."""
    try:
        return decode(Kind.RAS, data) if len(data) <= LARGEST else ("", {})
    except MalformedError:
        return "", {}
