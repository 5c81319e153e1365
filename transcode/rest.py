"""When a block of sound is worth a look: waking for each packet costs more than mixing what it brings."""

from __future__ import annotations

from typing import Final

# A look comes so long before the block is usually whole.
_BEFORE_S: Final = 0.001
_SLOWLY: Final = 8
_BACK_S: Final = 0.002
_LEAST_S, _MOST_S = 0.01, 0.03


class Rest:
    """Keeps to a moment just before blocks become whole; `after` is in seconds from a block's beginning.

    A block that is whole at the first look may have been so for a while: the next looks are sooner, by 2 ms each.
    """

    def __init__(self) -> None:
        self.after = _LEAST_S

    def note(self, whole: float) -> None:
        """Learn when a block was seen to be whole, in seconds from its beginning."""
        spare = whole - self.after
        step = (spare - _BEFORE_S) / _SLOWLY if spare > _BEFORE_S else -_BACK_S
        self.after = min(max(self.after + step, _LEAST_S), _MOST_S)
