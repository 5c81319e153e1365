"""How often a host is told figures: on a thin link they would crowd out the sound that they are about."""

from bisect import bisect_left
from typing import Final

import msgspec

from bridge.app.quality.figures import Carries
from bridge.rooms.model import ConnectionId
from signalling import messages as m

# Of what the link carries: one message is a segment of TCP, for which sound waits 200 ms at 60 kbit/s.
SHARE: Final = 0.01
LONGEST_S: Final = 30.0
# Below this a line that tells of each source makes sound wait longer than a receiver holds it back. Verdicts are
# told there when they change, and figures as seldom as may be.
BRIEF_BPS: Final = 150_000
VERDICT_S: Final = 5.0
# Above this the figures of any room are within their share every second, and need not be measured.
AMPLE_BPS: Final = 3_000_000
# Lines that tell of no source come when a word that pages make of them may have become another, and now and then:
# at most these, in percent of packets and of the time and in ms, is good, and fair (`stats.js`).
CALM_S: Final = 10.0
LIMITS: Final = {"loss": (1, 5), "frozen": (2, 10), "jitter": (25, 100), "rtt": (300, 500)}
# TCP, TLS and IP around a message, and the answers to it.
AROUND_BYTES: Final = 150


def is_brief(carries: Carries | None) -> bool:
    """Whether lines are to be short on a host's own link."""
    return carries is not None and carries.bits_per_second < BRIEF_BPS


def _verdicts(message: m.Stats) -> dict[str, m.Verdict]:
    return {person.participant: person.verdict for person in message.people}


def _said(message: m.Stats) -> list[tuple[object, ...]]:
    """What a page makes of lines that tell of no source: the same between two limits."""
    return [
        (
            *(one.participant, one.verdict, _step("rtt", one.rtt_ms), _step("frozen", one.frozen_percent)),
            *(_step("loss", flow.loss_after_percent) for flow in (one.up, one.down)),
            *(_step("jitter", flow.jitter_ms) for flow in (one.up, one.down)),
        )
        for one in message.people
    ]


def _step(name: str, value: float | None) -> int:
    return bisect_left(LIMITS[name], value or 0.0)


def _has_details(message: m.Stats) -> bool:
    return any(flow.streams for one in message.people for flow in (one.up, one.down))


class Ration:
    """When each host's page may be told figures again; one that is opened anew knows nothing of those before.

    Times in seconds of a clock that does not go back.
    """

    def __init__(self) -> None:
        self._told: dict[ConnectionId, tuple[float, m.Stats]] = {}

    def take(self, host: ConnectionId, now: float, message: m.Stats, carries: Carries | None) -> bool:
        """Whether the message may go to the host now; if so, it is counted. `carries` is the host's own link.

        What was told before has to be made up for at the rate of now: a link that has become thin since would
        else have to carry the next message just when its queue is full.
        """
        if now < self._due(host, message, carries):
            return False
        self._told[host] = (now, message)
        return True

    def keep(self, hosts: set[ConnectionId]) -> None:
        """Forget everyone else."""
        self._told = {host: told for host, told in self._told.items() if host in hosts}

    def _due(self, host: ConnectionId, message: m.Stats, carries: Carries | None) -> float:
        if host not in self._told:
            return 0.0
        at, told = self._told[host]
        if is_brief(carries):
            return at + (LONGEST_S if _verdicts(told) == _verdicts(message) else VERDICT_S)
        share = _share_s(told, carries)
        if _has_details(message):
            return at + share
        if _said(told) == _said(message):
            return at + max(share, CALM_S)
        return at + (share if _verdicts(told) == _verdicts(message) else min(share, VERDICT_S))


def _share_s(told: m.Stats, carries: Carries | None) -> float:
    """How long what was told last is made up for by a link's share."""
    if carries is None or carries.bits_per_second >= AMPLE_BPS:
        return 0.0
    size = len(msgspec.json.encode(told)) + AROUND_BYTES
    return min(size * 8 / (SHARE * max(carries.bits_per_second, 1)), LONGEST_S)
