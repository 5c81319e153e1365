"""What is due when: one time for each key."""

from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
_SLACK: Final = 64


class Alarms(Generic[Key]):
    """A heap in which a key that is set again leaves its former entry behind, to be passed over."""

    __slots__ = ("_count", "_heap", "_times")

    def __init__(self) -> None:
        self._times: dict[Key, tuple[float, int]] = {}
        # The running number keeps keys from being compared, and those of one moment in order.
        self._heap: list[tuple[float, int, Key]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._times)

    def set(self, key: Key, when: float | None) -> None:
        """Ring for `key` at `when` and at no other time; None: not at all."""
        if when is None:
            self._times.pop(key, None)
        elif key not in self._times or self._times[key][0] != when:
            self._count += 1
            self._times[key] = (when, self._count)
            heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 2 * len(self._times) + _SLACK:
            self._heap = [(when, count, key) for key, (when, count) in self._times.items()]
            heapify(self._heap)

    def next(self) -> float | None:
        """When the next is due."""
        while self._heap:
            when, count, key = self._heap[0]
            if self._times.get(key) == (when, count):
                return when
            heappop(self._heap)
        return None

    def pop(self, now: float) -> Key | None:
        """Take one that is due; None if none is."""
        when = self.next()
        if when is None or when > now:
            return None
        key = heappop(self._heap)[2]
        del self._times[key]
        return key
