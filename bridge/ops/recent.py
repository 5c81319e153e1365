"""What has been counted lately: counters only rise, and who looks asks what happened in the last hour. Pure."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

MINUTES: Final = 60
Key = tuple[str, str]
"""A counter's name and its code; both come from short fixed lists."""


class Recent:
    """What counters have risen by, minute by minute, for an hour. `now` in seconds rises."""

    def __init__(self) -> None:
        self._known: dict[Key, int] = {}
        self._minutes: deque[tuple[int, Counter[Key]]] = deque(maxlen=MINUTES)
        self._last: dict[Key, float] = {}

    def observe(self, now: float, counts: Mapping[Key, int]) -> None:
        """Take all counters' values; one that is seen for the first time has risen from nothing."""
        more = {key: risen for key, value in counts.items() if (risen := value - self._known.get(key, 0)) > 0}
        self._known.update(counts)
        if not more:
            return
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, Counter()))
        self._minutes[-1][1].update(more)
        self._last.update(dict.fromkeys(more, now))

    def within(self, now: float, minutes: int = MINUTES) -> dict[Key, int]:
        """What each counter rose by in the last minutes, the present one included."""
        first = int(now // 60) - minutes + 1
        total: Counter[Key] = Counter()
        for minute, counted in self._minutes:
            if minute >= first:
                total.update(counted)
        return dict(total)

    def ago(self, now: float, key: Key) -> float | None:
        """Seconds since this counter last rose; None if it never did."""
        at = self._last.get(key)
        return None if at is None else now - at
