"""Whether a caller may show content: what the room's roster says of sharing, in the words of a floor."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from signalling import messages as m
from signalling.gateways.interface import Floor


class Share(Protocol):
    """Ask the room to let the caller share, or tell it that they share no more."""

    async def __call__(self, *, on: bool) -> None:
        """What came of it is in the roster."""


class Presenting:
    """The floor of one caller. `tell` has the gateway tell the peer; `share` asks the room.

    While the room is asked, the peer is told nothing else: its answer is then the answer to what was wanted.
    """

    def __init__(
        self,
        tell: Callable[[Floor], None],
        share: Share,
        later: Callable[[float, Callable[[], Awaitable[object]]], None],
    ) -> None:
        """Take where to ask and to tell; `later(seconds, make)` runs the awaitable that `make` gives then."""
        self._tell = tell
        self._share = share
        self._later = later
        self._floor = Floor.FREE
        self._told = Floor.FREE
        self._asking = 0

    def hears(self, roster: m.Roster) -> None:
        """Take what the room says of who shares."""
        sharing = [person for person in roster.people if person.sharing]
        own = any(person.you for person in sharing)
        self._floor = Floor.YOURS if own else (Floor.TAKEN if sharing else Floor.FREE)
        if self._floor is not self._told and not self._asking:
            self._say()

    def wants(self, *, wanted: bool) -> None:
        """Ask the room, in the order in which the peer did."""
        self._asking += wanted
        self._later(0, self._ask if wanted else self._give_back)

    async def _ask(self) -> None:
        try:
            await self._share(on=True)
        finally:
            self._asking -= 1
            self._say()

    async def _give_back(self) -> None:
        await self._share(on=False)

    def _say(self) -> None:
        self._told = self._floor
        self._tell(self._floor)
