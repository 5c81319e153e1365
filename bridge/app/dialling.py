"""Having somebody called from the host's page: who may, how often, and by which gateway."""

from collections.abc import Callable
from typing import Final, Protocol

from bridge.app.allowance import Allowance
from bridge.app.live import LiveRoom
from bridge.app.ports import Clock
from bridge.rooms.model import ParticipantId
from signalling import messages as m
from signalling.errors import Code, Rejected

CALLS_OF_A_ROOM: Final = (10, 30.0)
# Calls cost money: whoever has got hold of a host's page, or of many, is stopped before it is much.
CALLS_OF_ALL: Final = (100, 2.0)


class NoDialling:
    """Where nobody can be called."""

    @property
    def available(self) -> bool:
        """Whether anybody may be called."""
        return False

    async def dial(self, live: LiveRoom, who: ParticipantId, wish: m.Dial) -> None:
        """Have somebody called for `who`; what comes of it is told later. Raises Rejected."""
        del live, who, wish
        raise Rejected(Code.NOT_DIALABLE)


class Diallers(Protocol):
    """The gateways, as who wants to call sees them."""

    @property
    def dials(self) -> bool:
        """Whether any of them calls anybody."""

    def reaches(self, address: str) -> bool:
        """Whether one of them would call this."""

    async def dial(self, live: LiveRoom, who: ParticipantId, wish: m.Dial) -> None:
        """Put on record that `who` has somebody called, and call. Raises Rejected."""


class Dialling(NoDialling):
    """Calls by gateways."""

    def __init__(self, gateways: Callable[[], Diallers | None], clock: Clock) -> None:
        """Take where the gateways are to be found, once there are any."""
        self._gateways = gateways
        self._clock = clock
        self._of_room = Allowance(*CALLS_OF_A_ROOM)
        self._of_all = Allowance(*CALLS_OF_ALL)

    @property
    def available(self) -> bool:
        """Whether a gateway calls anybody."""
        gateways = self._gateways()
        return gateways is not None and gateways.dials

    async def dial(self, live: LiveRoom, who: ParticipantId, wish: m.Dial) -> None:
        """Have somebody called for `who`; what comes of it is told later. Raises Rejected.

        Whoever is not the host is turned down by the room, on record, and learns nothing of the number plan.
        """
        gateways = self._gateways()
        if gateways is None:
            raise Rejected(Code.NOT_DIALABLE)
        if live.room.host == who:
            if not gateways.reaches(wish.address):
                raise Rejected(Code.NOT_DIALABLE)
            now = self._clock.monotonic()
            if not self._of_room.take(live.room.id, now) or not self._of_all.take("", now):
                raise Rejected(Code.TOO_MANY, "Calls follow each other too fast.")
        await gateways.dial(live, who, wish)
