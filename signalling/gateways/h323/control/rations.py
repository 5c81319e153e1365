"""How much of something a peer may do, or we: some at once, then one every so often."""

from typing import Final

_ROUNDING_S: Final = 1e-6


class Ration:
    """A bucket. Times in seconds of a clock that does not go back."""

    def __init__(self, at_once: int, every_s: float) -> None:
        self._at_once = at_once
        self._every = every_s
        self._full_at = 0.0

    def take(self, now: float) -> bool:
        """Whether it may be done once more; if so, it is counted."""
        full_at = max(self._full_at, now) + self._every
        if full_at - now > self._at_once * self._every + _ROUNDING_S:
            return False
        self._full_at = full_at
        return True

    def when(self, now: float) -> float:
        """When it may be done again, if not now."""
        return max(now, self._full_at - (self._at_once - 1) * self._every)
