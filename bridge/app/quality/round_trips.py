"""The round trip of each leg, by what was measured of it, and by its packets where nothing was. Pure."""

from array import array
from collections.abc import Mapping
from typing import Final, NamedTuple

WAITS: Final = 60
FEW_WAITS: Final = 3
"""Exact round trips that are kept to compare with, and what is too few of them.

What a receiver waits is its own matter and stays. Where a queue comes and goes, an exact one tells of a moment and
not of what packets meet, so that many have a say, and those more that were made while there was hardly a queue.
"""
QUIET_MS: Final = 5.0
"""Delays that differ by so little tell of the receiver's waiting as well as each other."""
LONGEST_MS: Final = 20_000.0
"""What the engine takes for a round trip at the most: a sender writes what it likes into its timestamps."""


class RoundTrips(NamedTuple):
    """All round trips that were measured since the leg began, together, and their number.

    `delay_*` is the same of reports on each packet: a round trip and what the receiver waits before it reports.
    They come many times a second, and exact ones once in one to five seconds. `up_*` is of the way up alone: how
    much longer each packet of sound took than some other, of which only differences mean anything.
    """

    sum_us: int = 0
    times: int = 0
    delay_sum_us: int = 0
    delays: int = 0
    up_sum_us: int = 0
    ups: int = 0

    def since(self, before: "RoundTrips") -> "RoundTrips":
        """What was measured since then; nothing where counting began anew."""
        return RoundTrips(*(max(new - old, 0) for new, old in zip(self, before, strict=True)))

    @property
    def exact_ms(self) -> float | None:
        """The mean of the exact ones."""
        return self.sum_us / self.times / 1000 if self.times else None

    @property
    def delay_ms(self) -> float | None:
        """The mean of what reports on each packet took."""
        return self.delay_sum_us / self.delays / 1000 if self.delays else None

    @property
    def up_ms(self) -> float | None:
        """The mean of the way up, from wherever it is counted."""
        return self.up_sum_us / self.ups / 1000 if self.ups and self.up_sum_us else None


NEVER: Final = RoundTrips()


class Known(NamedTuple):
    """What was last measured of a leg, and its way up in that second."""

    ms: float
    up_ms: float | None


class Waits:
    """How long a receiver waits before it reports, by what was measured of late."""

    def __init__(self) -> None:
        self._delays_ms = array("d")
        self._waits_ms = array("d")
        self.usual_ms: float | None = None

    def add(self, exact_ms: float, delay_ms: float) -> None:
        """Note both of the same second; their difference is below 0 by chance, or where the link changed in it."""
        self._delays_ms.append(delay_ms)
        self._waits_ms.append(delay_ms - exact_ms)
        del self._delays_ms[:-WAITS], self._waits_ms[:-WAITS]
        if len(self._waits_ms) >= FEW_WAITS:
            self.usual_ms = max(self._median(), 0.0)

    def _median(self) -> float:
        """Weighted by how likely it is that a queue made the difference.

        Exact ones that meet a thin link's queue are mostly a little shorter than the mean and sometimes much
        longer: their plain median made a round trip of 62 ms one of 50. That a single second was quiet tells
        little.
        """
        quiet = sorted(self._delays_ms)[1]
        weights = [1 / (QUIET_MS**2 + max(delay - quiet, 0.0) ** 2) for delay in self._delays_ms]
        left = sum(weights) / 2
        for wait, weight in sorted(zip(self._waits_ms, weights, strict=True)):
            left -= weight
            if left <= 0:
                return wait
        return max(self._waits_ms)


class Trips:
    """What each leg's round trips were of late, reading by reading."""

    def __init__(self) -> None:
        self._waits: dict[int, Waits] = {}
        self._known: dict[int, Known] = {}
        self._last: dict[int, RoundTrips] = {}
        """What came with the last reading."""

    def push(self, now: Mapping[int, RoundTrips], before: Mapping[int, RoundTrips]) -> None:
        """Take the counts of a reading, and of the one before it."""
        self._waits = {leg: known for leg, known in self._waits.items() if leg in now}
        self._known = {leg: known for leg, known in self._known.items() if leg in now}
        self._last = {leg: one.since(before.get(leg, NEVER)) for leg, one in now.items()}
        for leg, new in self._last.items():
            if (exact := new.exact_ms) is not None and (delay := new.delay_ms) is not None:
                self._waits.setdefault(leg, Waits()).add(exact, delay)
            if (ms := self._measured(leg, new)) is not None:
                self._known[leg] = Known(ms, new.up_ms)

    def of(self, leg: int, window: RoundTrips) -> float | None:
        """The mean of the window, in ms; None where nothing was ever measured.

        Where nothing was measured since the last reading, what was before holds, and how much longer sound takes
        from the leg than it did then: a way up that is full loses the reports that would tell of it, for seconds.
        """
        known, last = self._known.get(leg), self._last.get(leg, NEVER)
        if known is None:
            return None
        if self._measured(leg, last) is not None:
            mean = self._measured(leg, window)
            return known.ms if mean is None else mean
        up_ms = last.up_ms
        grown = 0.0 if up_ms is None or known.up_ms is None else up_ms - known.up_ms
        return min(max(known.ms + grown, 0.0), LONGEST_MS)

    def _measured(self, leg: int, of: RoundTrips) -> float | None:
        """The mean of what was measured in some time; None where nothing was.

        Where there are reports on each packet it is that of their delays, less what the receiver usually waited
        of late: so one exact measurement more or less, on a link that shakes, or none since the link changed,
        makes no difference.
        """
        waits = self._waits.get(leg)
        if waits is not None and waits.usual_ms is not None and of.delay_ms is not None:
            return max(of.delay_ms - waits.usual_ms, 0.0)
        return of.exact_ms
