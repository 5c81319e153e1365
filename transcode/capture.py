"""When what comes in was captured, by its senders' reports: sound and pictures of one person meet there.

The engine writes all reports by one clock, whichever leg they are for, and fills in RTP times by the sender's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

# The slow drift of clocks is followed in so many reports.
_SLOWLY: Final = 64
# What would have been captured so long ago, or lies ahead, is not believed.
_LONGEST_S: Final = 2.0
_AHEAD_S: Final = 0.5
_HALF: Final = 1 << 31
_ALL: Final = 1 << 32


class Captures:
    """The senders' clocks, as seconds of the machine's."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._pairs: dict[int, tuple[float, int]] = {}

    def note(self, ssrc: int, clock: float, timestamp: int, now: float) -> None:
        """Take a report of a sender. The one that came soonest tells best how far the clocks are apart."""
        apart = now - clock
        later = apart - self._offset if self._offset is not None else -1.0
        if self._offset is not None and 0 <= later < 1:
            self._offset += later / _SLOWLY
        else:
            self._offset = apart
        self._pairs[ssrc] = (clock, timestamp)

    def age(self, ssrc: int, timestamp: int, clock_rate: int, at: float) -> float | None:
        """Give the seconds from the capture of what has this RTP time to `at`; None where that is not known."""
        pair = self._pairs.get(ssrc)
        if pair is None or self._offset is None:
            return None
        clock, known = pair
        ticks = (timestamp - known + _HALF) % _ALL - _HALF
        age = at - (clock + ticks / clock_rate + self._offset)
        return age if -_AHEAD_S < age < _LONGEST_S else None

    def keep(self, inputs: Iterable[int]) -> None:
        """Forget all others."""
        kept = set(inputs)
        self._pairs = {ssrc: pair for ssrc, pair in self._pairs.items() if ssrc in kept}


def middle(ages: Iterable[float | None]) -> float | None:
    """Give the median of those that are known: right for most, whatever one of them is."""
    known = [age for age in ages if age is not None]
    return median(known) if known else None
