"""Sums over rows that come and go, which never fall.

A leg that ends takes its counters with it, and a Prometheus counter must not go down; so what each leg added
since it was last seen is added here. What a leg counted between the last observation and its end is missing:
observe at each tick, and before a leg is removed.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from bridge.ops.errors import SnapshotMismatch
from bridge.ops.table import Row

Group = tuple[int, ...]


def present(array: np.ndarray, rows: Iterable[Row]) -> list[Row]:
    """Give the rows whose columns are in `array`; raise SnapshotMismatch where one must be and is not."""
    names = array.dtype.names or ()
    missing = [row.column for row in rows if row.column not in names and not row.optional]
    if missing:
        raise SnapshotMismatch(f"the engine's snapshot has no column {', '.join(missing)}")
    return [row for row in rows if row.column in names]


class Totals:
    """Sums of `columns` by `groups`, over rows told apart by `keys` (ids are never used again)."""

    def __init__(self, keys: Sequence[str], groups: Sequence[str], rows: Sequence[Row]) -> None:
        self._keys = keys
        self._groups = groups
        self._rows = rows
        self._known_keys = np.empty((0, len(keys)), np.int64)
        self._known_peaks: np.ndarray | None = None
        self.sums: dict[Group, dict[str, int]] = {}

    def observe(self, array: np.ndarray) -> None:
        """Add what each row of the structured array has more than when it was last seen."""
        columns = [row.column for row in present(array, self._rows)]
        keys = np.stack([array[key].astype(np.int64) for key in self._keys], axis=1)
        counts = np.stack([array[column].astype(np.int64) for column in columns], axis=1)
        # The highest value seen counts: a receiver's cumulative loss can fall (RFC 3550 section 6.4.1).
        known = self._peaks_of(keys, counts.shape)
        peaks = np.maximum(counts, known)
        self._add(array, columns, peaks - known)
        self._known_keys, self._known_peaks = keys, peaks

    def _peaks_of(self, keys: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if self._known_peaks is not None and np.array_equal(self._known_keys, keys):
            # Nobody has come or gone, as in most seconds.
            return self._known_peaks
        peaks = np.zeros(shape, np.int64)
        if self._known_peaks is None or not len(keys):
            return peaks
        known, now = np.split(_identify(np.concatenate([self._known_keys, keys])), [len(self._known_keys)])
        _, before, after = np.intersect1d(known, now, assume_unique=True, return_indices=True)
        peaks[after] = self._known_peaks[before]
        return peaks

    def _add(self, array: np.ndarray, columns: list[str], more: np.ndarray) -> None:
        if not self._groups:
            self._add_to((), columns, more.sum(axis=0))
            return
        groups = np.stack([array[group].astype(np.int64) for group in self._groups], axis=1)
        numbers = _identify(groups)
        for number, place in zip(*np.unique(numbers, return_index=True), strict=True):
            self._add_to(tuple(groups[place].tolist()), columns, more[numbers == number].sum(axis=0))

    def _add_to(self, group: Group, columns: list[str], more: np.ndarray) -> None:
        sums = self.sums.setdefault(group, dict.fromkeys(columns, 0))
        for column, count in zip(columns, more.tolist(), strict=True):
            sums[column] += count


def _identify(keys: np.ndarray) -> np.ndarray:
    """Give equal numbers to equal rows, different ones to different rows."""
    numbers = np.zeros(len(keys), np.int64)
    for column in keys.T:
        _, ranks = np.unique(column, return_inverse=True)
        _, numbers = np.unique(numbers * (int(ranks.max(initial=0)) + 1) + ranks, return_inverse=True)
    return numbers
