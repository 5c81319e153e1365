"""When a block of sound is worth a look: waking for each packet costs more than mixing what it brings."""

from __future__ import annotations

from typing import Final

# A look comes so long after blocks are usually whole.
_AFTER_S: Final = 0.0005
_SOONER, _LATER = 1 / 4, 1 / 16
_LEAST_S, _MOST_S = 0.01, 0.03


class Rest:
    """Keeps to the moment when blocks become whole; `after` is in seconds from a block's beginning.

    Early blocks count for more than late ones: nobody has to wait for a look, while somebody who is late is waited
    for anyhow.
    """

    def __init__(self) -> None:
        self.after = _LEAST_S

    def note(self, whole: float) -> None:
        """Learn when the last packet of a block came, in seconds from its beginning."""
        step = whole + _AFTER_S - self.after
        self.after += step * (_SOONER if step < 0 else _LATER)
        self.after = min(max(self.after, _LEAST_S), _MOST_S)
