"""How often something may be done: some at once, then one every so often, for each key on its own."""

from typing import Final

MAX_KEYS: Final = 10_000


class Allowance:
    """A bucket for each key. Times in seconds of a clock that does not go back."""

    def __init__(self, at_once: int, every_s: float) -> None:
        """Allow `at_once`, and one more for each `every_s` that passes."""
        self._at_once = at_once
        self._every = every_s
        # When the bucket would be full again.
        self._full_at: dict[str, float] = {}

    def take(self, key: str, now: float) -> bool:
        """Whether it may be done once more; if so, it is counted.

        When so many keys are known that no more can be kept, unknown ones are turned away: what is rationed is not
        worth the memory of the machine.
        """
        if key not in self._full_at and len(self._full_at) >= MAX_KEYS:
            self._full_at = {known: at for known, at in self._full_at.items() if at > now}
            if len(self._full_at) >= MAX_KEYS:
                return False
        full_at = max(self._full_at.get(key, now), now) + self._every
        if full_at - now > self._at_once * self._every:
            return False
        self._full_at[key] = full_at
        return True

    def give_back(self, key: str) -> None:
        """Let one that was taken not count."""
        if key in self._full_at:
            self._full_at[key] -= self._every

    def has(self, key: str, now: float) -> bool:
        """Whether it might be done once more."""
        return self._full_at.get(key, now) - now <= (self._at_once - 1) * self._every
