"""What is told while somebody waits: to them, that they do, and to a host at a room system, that somebody does."""

from collections.abc import Awaitable, Callable
from typing import Final

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
