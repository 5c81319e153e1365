"""Occurrences under fixed words, for the metrics."""

from collections import Counter


class Tally:
    """Counts by name and code; both come from short fixed lists, so this does not grow."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def inc(self, name: str, code: str) -> None:
        """Add one."""
        self._counts[name, code] += 1

    def of(self, *names: str) -> dict[str, int]:
        """All counts of these names together, by code."""
        together: Counter[str] = Counter()
        for (name, code), number in self._counts.items():
            if name in names:
                together[code] += number
        return dict(together)

    def everything(self) -> dict[tuple[str, str], int]:
        """All counts, by name and code."""
        return dict(self._counts)
