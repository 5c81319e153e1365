"""What is done at a room system by keypad: `*` and a digit. Pure; times in seconds that never go back.

Two keys, since one is soon pressed by mistake: nobody should be let in by an elbow. What concerns the room is the
host's alone to do; how their own picture is laid out, anybody's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# The second key comes sooner than that after `*`, or means nothing.
PAUSE_S: Final = 5.0


class Act(StrEnum):
    """What the keys mean."""

    ADMIT_NEXT = "admit_next"
    LOCK = "lock"
    """Lock the room, or unlock it."""
    PICTURES = "pictures"
    """See one person instead of everybody together, or the other way round."""


ACTS: Final = {"1": Act.ADMIT_NEXT, "2": Act.PICTURES, "5": Act.LOCK}


@dataclass(slots=True)
class Keys:
    """The keys of one call."""

    _begun: float | None = None

    def press(self, key: str, now: float) -> Act | None:
        """Take a key; give the act that it completes."""
        begun, self._begun = self._begun, now if key == "*" else None
        if begun is None or now - begun > PAUSE_S:
            return None
        return ACTS.get(key)
