"""What a caller goes through between the ringing and the waiting room: a PIN by keypad, three tries. Pure.

`press` and `timeout` give what is to be done; `told` takes what came of a try. Times in seconds of a clock that
does not go back.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from signalling.gateways.interface import Ending

TRIES: Final = 3
SHORTEST: Final = 4
LONGEST: Final = 12
# A key more seldom than that is the end of a PIN, for those who do not know of `#`.
PAUSE_S: Final = 6.0
# Without a key for so long the question, which takes ten seconds to say, is asked again, so often.
PATIENCE_S: Final = 30.0
ASKED: Final = 3
# Whoever presses keys that make no PIN is asked on, but not for ever: there are few places at the desk of a room.
MOST_S: Final = 240.0


class Prompt(StrEnum):
    """What a caller is told, by voice and on the picture."""

    ENTER_PIN = "enter_pin"
    PIN_WRONG = "pin_wrong"
    PIN_WRONG_AGAIN = "pin_wrong_again"
    """There is one try left."""
    PIN_SPENT = "pin_spent"
    NO_PIN = "no_pin"
    NO_ENTRY = "no_entry"
    WAITING = "waiting"
    STILL_WAITING = "still_waiting"
    ADMITTED = "admitted"
    CALLED_IN = "called_in"
    """Admitted by having taken a call of the host's."""
    WAITING_AGAIN = "waiting_again"
    REFUSED = "refused"
    REMOVED = "removed"
    ENDED = "ended"
    LET_IN = "let_in"
    NOBODY_WAITS = "nobody_waits"
    SOMEBODY_WAITS = "somebody_waits"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    NOT_DONE = "not_done"
    IDLE = "idle"
    """Is in, and there is nothing to be seen of others; only ever written."""


@dataclass(frozen=True, slots=True)
class Say:
    """Tell the caller something."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Try:
    """Come to the door with this PIN, then call `told`. No further try comes before that."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Tell the caller something, and then end the call."""

    why: Ending
    prompt: Prompt


Step = Say | Try | GiveUp


@dataclass(slots=True)
class Reception:
    """One caller at the desk."""

    _keys: str = field(default="", repr=False)
    _wrong: int = 0
    _asked: int = 0
    _trying: bool = False
    _over: bool = False
    _due: float | None = None
    _until: float = 0.0

    def greet(self, now: float) -> list[Step]:
        """Begin, or ask again."""
        self._until = self._until if self._asked else now + MOST_S
        self._asked += 1
        self._look_again(now + PATIENCE_S)
        return [Say(Prompt.ENTER_PIN)]

    def press(self, key: str, now: float) -> list[Step]:
        """Take a key. `#` ends a PIN, `*` begins it anew; keys before `greet` and during a try are passed over."""
        if self._over or self._trying or not self._asked:
            return []
        self._asked = 1
        self._look_again(now + PAUSE_S)
        if key == "*":
            self._keys = ""
        elif key == "#":
            return self._enter(now)
        elif key.isascii() and key.isdigit() and len(key) == 1:
            self._keys += key
            if len(self._keys) == LONGEST:
                return self._enter(now)
        return []

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do."""
        return None if self._over or self._trying else self._due

    def timeout(self, now: float) -> list[Step]:
        """Do what is due."""
        due = self.next_timeout()
        if due is None or now < due:
            return []
        if len(self._keys) >= SHORTEST:
            return self._enter(now)
        self._keys = ""
        patient = self._asked < ASKED and now < self._until
        return self.greet(now) if patient else self._give_up(Ending.NO_PIN)

    def told(self, *, right: bool, now: float) -> list[Step]:
        """Take what came of a try."""
        self._trying = False
        if right:
            self._over = True
            return []
        self._wrong += 1
        if self._wrong == TRIES:
            return self._give_up(Ending.WRONG_PIN)
        self._asked = 1
        self._look_again(now + PATIENCE_S)
        return [Say(Prompt.PIN_WRONG if self._wrong < TRIES - 1 else Prompt.PIN_WRONG_AGAIN)]

    def _look_again(self, at: float) -> None:
        self._due = min(at, self._until)

    def _enter(self, now: float) -> list[Step]:
        pin, self._keys = self._keys, ""
        if not pin:
            self._look_again(now + PATIENCE_S)
            return []
        self._trying = True
        return [Try(pin)]

    def _give_up(self, why: Ending) -> list[Step]:
        self._over = True
        return [GiveUp(why, Prompt.PIN_SPENT if why is Ending.WRONG_PIN else Prompt.NO_PIN)]
