"""When a person's own line has not done for so long that a telephone would: without going back and forth. Pure.

A line does not do while the bridge names it as at fault (`verdict`) and sound on the side that it spoils is such
that nearly everybody would be dissatisfied (a rating below 60: ITU-T G.109). Pictures are no reason: a thin link
that carries sound is one on which a consultation goes on.

Seconds of that add up, and others take off half as much. It is told when there are `TOLD_AT_S` of them, and that
it is over when there are none. So neither a bad moment nor a good one makes a difference, and between two changes
is a quarter of a minute at the least.
"""

from dataclasses import dataclass
from typing import Final

from bridge.app.quality.lines import Assessment
from bridge.app.quality.mos import opinion_of
from signalling.messages import Verdict

DISSATISFIED_BELOW: Final = opinion_of(60.0)
# A verdict takes 5 to 10 s to come, so that somebody is told after some 20 s.
TOLD_AT_S: Final = 15.0
EASES: Final = 0.5
# Of what was between two looks that are further apart nothing is known.
LONGEST_LOOK_S: Final = 2.0


def suffers(of: Assessment) -> bool:
    """Whether sound suffers by this person's own line, now."""
    opinion = {Verdict.UPLINK: of.mos_up, Verdict.DOWNLINK: of.mos_down}.get(of.verdict)
    return opinion is not None and opinion < DISSATISFIED_BELOW


@dataclass(slots=True)
class Strain:
    """One person's. `now` in seconds rises from look to look, about one a second."""

    poor: bool = False
    """Whether a telephone would do better, as far as it has been told."""
    _seconds: float = 0.0
    _at: float | None = None

    def look(self, now: float, *, suffers: bool) -> bool:
        """Take what it is like now; give `poor`."""
        passed = 0.0 if self._at is None else min(max(now - self._at, 0.0), LONGEST_LOOK_S)
        self._at = now
        self._seconds = min(max(self._seconds + (passed if suffers else -EASES * passed), 0.0), TOLD_AT_S)
        if self._seconds in (0.0, TOLD_AT_S):
            self.poor = self._seconds > 0
        return self.poor
