"""What is told while somebody waits: to them, whose turn it is, and to a host at a room system, that they do."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bridge.app.announcing.prompts import AHEAD, LATE, Prompt
from signalling import messages as m

# Who waits is told so again, lest they think that the line is dead.
HOLD_S: Final = 40.0


class Hold:
    """Tells one caller again and again that they wait; `later(s, make)` awaits what `make` gives then."""

    def __init__(
        self,
        later: Callable[[float, Callable[[], Awaitable[object]]], None],
        waits: Callable[[], bool],
        tell: Callable[[], None],
    ) -> None:
        """Take how to know whether they still do, and how to tell them."""
        self._later = later
        self._waits = waits
        self._tell = tell
        self._turn = 0

    def begin(self) -> None:
        """Count from now on; what was begun before is over."""
        self._turn += 1
        turn = self._turn

        async def again() -> None:
            if turn == self._turn and self._waits():
                self._tell()
                self.begin()

        self._later(HOLD_S, again)


class Turn:
    """Whose turn it is, as one who waits is told."""

    def __init__(self) -> None:
        self._ahead: int | None = None
        self._late_until: datetime | None = None

    def is_put_off(self, roster: m.Roster) -> bool:
        """Take what the roster says; whether there is a delay that was not told before."""
        before = self._late_until
        self._ahead, self._late_until = roster.ahead, roster.expected_at if roster.late else None
        return self._late_until is not None and self._late_until != before

    def prompt(self, now: datetime, otherwise: Prompt = Prompt.STILL_WAITING) -> Prompt:
        """What to say of it."""
        if self._late_until is not None:
            return _late(self._late_until - now)
        if otherwise is not Prompt.STILL_WAITING or self._ahead is None:
            return otherwise
        return AHEAD[min(self._ahead, len(AHEAD) - 1)]


def _late(left: timedelta) -> Prompt:
    """The prompt for so much time that is left, rounded to what people say."""
    if left <= timedelta(0):
        return Prompt.LATE
    minutes = left / timedelta(minutes=1)
    # A twelfth more than what is said is still about that.
    return next((prompt for most, prompt in LATE.items() if minutes <= most * 13 / 12), Prompt.LATE_MORE)


class WhoWaits:
    """What a host was told of those who wait."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def is_news(self, roster: m.Roster) -> bool:
        """Whether somebody waits now who did not before, as far as the receiver of the roster may let them in."""
        waiting = frozenset(
            person.participant
            for person in roster.people
            if roster.host and person.place is m.Place.WAITING and person.connected
        )
        new, self._known = waiting - self._known, waiting
        return bool(new)
