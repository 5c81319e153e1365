"""Percentiles of samples and of histograms, without a guess between what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Smallest value that at least `percent` (0 to 100) of the values do not exceed; None of no values."""
    if not values:
        return None
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


@dataclass(frozen=True)
class Histogram:
    """Counts between bounds: `counts[i]` values were at most `bounds_us[i]` and above the bound before it.

    The last bucket takes everything above the bound before it, whatever its own bound says.
    """

    bounds_us: NDArray[np.float64]
    counts: NDArray[np.uint64]

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.bounds_us):
            raise ValueError("a histogram has a count for each bound")

    @property
    def total(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())

    def since(self, before: Histogram) -> Histogram:
        """What came after an earlier reading of the same histogram; one that was reset meanwhile gives itself."""
        if bool((self.counts < before.counts).any()):
            return self
        return Histogram(self.bounds_us, self.counts - before.counts)

    def percentile_us(self, percent: float) -> float | None:
        """Upper bound of the bucket that holds the percentile: never less than the true value.

        None without values, infinity when the percentile is in the last bucket.
        """
        if self.total == 0:
            return None
        rank = max(1, math.ceil(self.total * percent / 100))
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank))
        return float(self.bounds_us[bucket]) if bucket < len(self.bounds_us) - 1 else math.inf
