"""The last hour, minute by minute: how it was is half of what somebody wants to know who is woken. Pure."""

from collections import deque
from typing import Final, NamedTuple

MINUTES: Final = 60


class Look(NamedTuple):
    """One look at the node: people in calls, the busiest shard's share of a core, legs with a fault."""

    in_call: int
    busiest: float
    bad: int


class History:
    """The highest of each minute. `now` in seconds rises."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, Look]] = deque(maxlen=MINUTES)

    def observe(self, now: float, look: Look) -> None:
        """Take a look in."""
        minute = int(now // 60)
        if self._minutes and self._minutes[-1][0] == minute:
            _, before = self._minutes.pop()
            highest = max(before.in_call, look.in_call), max(before.busiest, look.busiest)
            look = Look(*highest, max(before.bad, look.bad))
        self._minutes.append((minute, look))

    def series(self, now: float) -> dict[str, list[float | None]]:
        """Each figure's last sixty minutes, the oldest first; None where nobody looked."""
        first = int(now // 60) - MINUTES + 1
        looks = dict(self._minutes)
        return {
            name: [None if (look := looks.get(first + step)) is None else look[index] for step in range(MINUTES)]
            for index, name in enumerate(Look._fields)
        }
