"""How often a host is told figures: on a thin link they would crowd out the sound that they are about."""

from typing import Final

import msgspec

from bridge.app.quality.figures import Carries
from bridge.rooms.model import ParticipantId
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
# TCP, TLS and IP around a message, and the answers to it.
AROUND_BYTES: Final = 150


def is_brief(carries: Carries | None) -> bool:
    """Whether lines are to be short on a host's own link."""
    return carries is not None and carries.bits_per_second < BRIEF_BPS


def _verdicts(message: m.Stats) -> dict[str, m.Verdict]:
    return {person.participant: person.verdict for person in message.people}


class Ration:
    """When each host may be told figures again. Times in seconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._told: dict[ParticipantId, tuple[float, m.Stats]] = {}

    def take(self, host: ParticipantId, now: float, message: m.Stats, carries: Carries | None) -> bool:
        """Whether the message may go to the host now; if so, it is counted. `carries` is the host's own link.

        What was told before has to be made up for at the rate of now: a link that has become thin since would
        else have to carry the next message just when its queue is full.
        """
        if now < self._due(host, message, carries):
            return False
        self._told[host] = (now, message)
        return True

    def keep(self, hosts: set[ParticipantId]) -> None:
        """Forget everyone else."""
        self._told = {host: told for host, told in self._told.items() if host in hosts}

    def _due(self, host: ParticipantId, message: m.Stats, carries: Carries | None) -> float:
        if host not in self._told or carries is None or carries.bits_per_second >= AMPLE_BPS:
            return 0.0
        at, told = self._told[host]
        if is_brief(carries):
            return at + (LONGEST_S if _verdicts(told) == _verdicts(message) else VERDICT_S)
        size = len(msgspec.json.encode(told)) + AROUND_BYTES
        return at + min(size * 8 / (SHARE * max(carries.bits_per_second, 1)), LONGEST_S)
