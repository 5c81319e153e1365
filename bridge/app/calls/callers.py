"""Callers: the `Host` of gateways, in terms of rooms, legs and commands.

A call gets a leg whose gate is closed, and whoever is at its end is asked for a PIN. The right one is a knock
like that of a link: the caller becomes a participant who waits, and from then on the same code as for a page
carries out what the host decides. Whom the host has called comes to the same by another beginning
(`bridge.app.calls.called`).
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bridge.app.allowance import Allowance
from bridge.app.calls.called import Called
from bridge.app.calls.desk import CallerPolicy, CallMedia, Desk
from bridge.app.calls.visitor import Visitor
from bridge.app.live import LiveRoom
from bridge.app.service import RoomService
from bridge.rooms.model import ParticipantId, RoomNumber
from signalling import messages as m
from signalling.gateways.guard import network
from signalling.gateways.interface import Call, Caller, Ending, Gateway, Line, Party, TurnedAway

LOG: Final = structlog.get_logger("bridge.callers")
# Calls that are at the desk of one room, whose callers nobody knows yet.
AT_THE_DESK: Final = 10
CALLS_OF_A_SOURCE: Final = (20, 3.0)
# Wrong PINs from one address, which may be the one trunk of a hospital.
WRONG_PINS_OF_A_SOURCE: Final = (9, 60.0)
# Wrong PINs at one room from all the world: a million of them take two years.
WRONG_PINS_AT_A_ROOM: Final = (10, 60.0)


class CallerDoor:
    """All calls of one gateway; a `Host`."""

    def __init__(
        self,
        service: RoomService,
        media: CallMedia,
        policy: CallerPolicy,
        later: Callable[[float, Callable[[], Awaitable[object]]], None],
        emptying: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the use cases; `later(seconds, make)` runs the awaitable that `make` gives after that time.

        While the bridge is `emptying`, calls are taken to rooms in which somebody is, and to no others.
        """
        self._desk = Desk(
            service, media, policy, later, Allowance(*WRONG_PINS_OF_A_SOURCE), Allowance(*WRONG_PINS_AT_A_ROOM)
        )
        self._calls_of_source = Allowance(*CALLS_OF_A_SOURCE)
        self._visits: set[Visitor] = set()
        self._draining = False
        self._emptying = emptying

    async def arrive(self, caller: Caller, call: Call) -> Visitor:
        """Bring a caller to the desk of the room. Raises TurnedAway."""
        if self._draining:
            raise self._turned_away(Ending.STOPPING)
        if not self._calls_of_source.take(network(caller.source), self._desk.now()):
            raise self._turned_away(Ending.TOO_MANY)
        live = await self._desk.service.find_called(RoomNumber(caller.number))
        if live is None:
            raise self._turned_away(Ending.NO_ROOM)
        if self._emptying() and not live.seats:
            raise self._turned_away(Ending.STOPPING)
        if sum(one.live is live and one.at_the_desk for one in self._visits) >= AT_THE_DESK:
            raise self._turned_away(Ending.TOO_MANY)
        visit = Visitor(self._desk, live, caller, call, self._visits.discard)
        self._visits.add(visit)
        return visit

    async def dial(self, gateway: Gateway, live: LiveRoom, who: ParticipantId, wish: m.Dial) -> None:
        """Put on record that `who` has somebody called, and call. Raises Rejected.

        What the gateway says of the call later comes to the room as with a caller; here nothing of it is awaited.
        """
        party = gateway.reaches(wish.address) or Party(Line.SIP, "")
        visit = Called(self._desk, live, party, self._visits.discard)
        self._visits.add(visit)
        try:
            await visit.ring(who, wish, lambda: gateway.dial(wish.address, visit))
        except BaseException:
            self._visits.discard(visit)
            raise

    def _turned_away(self, why: Ending) -> TurnedAway:
        self._desk.count(why.value)
        return TurnedAway(why)

    def report(self, error: Exception) -> None:
        """Log and count what went wrong with one call."""
        LOG.error("call_failed", error=type(error).__name__, exc_info=error)
        self._desk.count(Ending.FAILED.value)

    def count(self, what: str) -> None:
        """Count something of the gateway's."""
        self._desk.service.outside.counts.inc("gateways", what)

    def drain(self) -> None:
        """Take no new calls."""
        self._draining = True

    def lose_all(self) -> None:
        """Take all calls for lost: the gateway has failed."""
        for visit in list(self._visits):
            visit.ended(lost=True)

    def __len__(self) -> int:
        """How many calls there are."""
        return len(self._visits)

    def pressed(self, leg: int, key: str) -> None:
        """Take a key that came as RTP."""
        if (visit := self._at(leg)) is not None:
            visit.pressed(key)

    def key_frame_wanted(self, leg: int) -> None:
        """Have the peer asked in its protocol's own way."""
        if (visit := self._at(leg)) is not None:
            visit.want_key_frame()

    def silent(self, leg: int) -> None:
        """Take a call for lost of which nothing is heard."""
        if (visit := self._at(leg)) is not None:
            self._desk.count("silent")
            visit.silent()

    def _at(self, leg: int) -> Visitor | None:
        return next((visit for visit in self._visits if visit.leg == leg), None)
