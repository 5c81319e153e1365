"""How often a host is told figures: on a thin link they would crowd out the sound that they are about."""

from typing import Final

import msgspec

from bridge.app.quality.figures import Carries
from bridge.rooms.model import ParticipantId
from signalling import messages as m

# Of what the link carries: one message is a segment of TCP, for which sound waits 200 ms at 60 kbit/s.
SHARE: Final = 0.01
LONGEST_S: Final = 30.0
# Above this the figures of any room are within their share every second, and need not be measured.
AMPLE_BPS: Final = 3_000_000
# TCP, TLS and IP around a message, and the answers to it.
AROUND_BYTES: Final = 150


class Ration:
    """When each host may be told figures again. Times in seconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._due: dict[ParticipantId, float] = {}

    def take(self, host: ParticipantId, now: float, message: m.Stats, carries: Carries | None) -> bool:
        """Whether the message may go to the host now; if so, it is counted. `carries` is the host's own link."""
        if now < self._due.get(host, now):
            return False
        if carries is None or carries.bits_per_second >= AMPLE_BPS:
            self._due.pop(host, None)
            return True
        size = len(msgspec.json.encode(message)) + AROUND_BYTES
        wait = size * 8 / (SHARE * max(carries.bits_per_second, 1))
        self._due[host] = now + min(wait, LONGEST_S)
        return True

    def keep(self, hosts: set[ParticipantId]) -> None:
        """Forget everyone else."""
        self._due = {host: due for host, due in self._due.items() if host in hosts}
