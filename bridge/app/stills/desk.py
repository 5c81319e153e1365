"""Asking for still pictures, answering, and the pieces that go through; who may is for the rooms to say."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bridge.app.allowance import Allowance
from bridge.app.ids import new_id
from bridge.app.live import LiveRoom
from bridge.app.service import RoomService
from bridge.app.stills.relay import Relay
from bridge.app.stills.telling import tell
from bridge.app.stills.way import Way, fits
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, ByParticipant, Office, ParticipantId, StillEnd, StillId, System
from signalling import messages as m
from signalling.errors import Code, Rejected

ANSWER_SECONDS: Final = 90.0
"""To read the question, find the other camera, and hold still."""
TRANSFER_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 2.0
OF_A_ROOM: Final = (6, 10.0)
"""So many questions at once, and one more every so many seconds: each is a dialog before somebody's eyes."""


class Stills:
    """The pages' messages about still pictures, and the `StillRelay` of signalling."""

    def __init__(
        self,
        service: RoomService,
        later: Callable[[float, Callable[[], Awaitable[object]]], None],
        new_token: Callable[[], str],
    ) -> None:
        """Take the use cases; `later(seconds, make)` runs what `make` gives after that time."""
        self._service = service
        self._later = later
        self._new_token = new_token
        self._of_room = Allowance(*OF_A_ROOM)

    async def handle(
        self, live: LiveRoom, who: ParticipantId, message: m.AskStill | m.AnswerStill | m.EndStill
    ) -> None:
        """Do what a page asks. Raises Rejected."""
        match message:
            case m.AskStill():
                await self._ask(live, who, message)
            case m.AnswerStill(answer=m.StillAnswer.TAKE):
                self._take(live, who, message)
            case m.AnswerStill(still=still, answer=answer):
                await self._end(live, ByParticipant(who), StillId(still), StillEnd(answer.value))
            case m.EndStill(still=still, end=end):
                await self._end(live, ByParticipant(who), StillId(still), StillEnd(end.value))

    async def put(self, still: str, token: str, number: int, piece: bytes) -> None:
        """See `StillRelay.put`."""
        live, relay = self._find(still, lambda way: fits(way.up, token))
        async with self._noting(live, StillId(still)):
            await relay.put(number, piece)

    async def get(self, still: str, token: str, number: int) -> bytes:
        """See `StillRelay.get`."""
        live, relay = self._find(still, lambda way: fits(way.down, token))
        async with self._noting(live, StillId(still)):
            return await relay.get(number)

    async def _ask(self, live: LiveRoom, who: ParticipantId, wish: m.AskStill) -> None:
        if live.room.host == who and not self._of_room.take(live.room.id, self._service.outside.clock.monotonic()):
            raise Rejected(Code.TOO_MANY, "Questions for pictures follow each other too fast.")
        still, whom = StillId(new_id("t")), ParticipantId(wish.participant)

        def begin(live: LiveRoom, _events: Sequence[ev.Event]) -> None:
            live.still = Way(still, who, whom, wish.key)

        # Also of a question of which only the records know, since writing it down was cut short.
        self._later(ANSWER_SECONDS, lambda: self._give_up(live, still, StillEnd.NO_ANSWER))
        await self._service.act(live, c.AskStill(by=ByParticipant(who), still=still, participant=whom), begin)

    def _take(self, live: LiveRoom, who: ParticipantId, answer: m.AnswerStill) -> None:
        way = live.still
        if way is None or (way.still, way.participant) != (answer.still, who) or way.relay is not None:
            raise Rejected(Code.WRONG_STATE, "No such picture is asked of this person.")
        if answer.size is None:
            raise Rejected(Code.BAD_MESSAGE, "A picture that is taken has a size.")
        way.open(answer.size, self._new_token)
        tell(live, way)
        self._later(TRANSFER_SECONDS, lambda: self._give_up(live, way.still, StillEnd.TOO_SLOW))

    async def _end(self, live: LiveRoom, by: Actor, still: StillId, end: StillEnd) -> None:
        await self._service.act(live, c.EndStill(by=by, still=still, end=end))

    async def _give_up(self, live: LiveRoom, still: StillId, end: StillEnd) -> None:
        """Let it end that nothing came of it, until that is on record: nobody can ask again before."""
        known, way = live.room.still, live.still
        answered = way is not None and way.still == still and way.relay is not None
        if live.room.ended or known is None or known.id != still or (answered and end is StillEnd.NO_ANSWER):
            return
        try:
            await self._end(live, System(Office.BRIDGE), still, end)
        except Rejected:
            return
        except Exception:
            self._later(RETRY_SECONDS, lambda: self._give_up(live, still, end))
            raise

    def _find(self, still: str, opens: Callable[[Way], bool]) -> tuple[LiveRoom, Relay]:
        for live in self._service.rooms:
            way = live.still
            # While it is in doubt what is on record, one of the two may have been put out.
            if (
                way is not None
                and way.still == still
                and way.relay is not None
                and not live.in_doubt
                and opens(way)
            ):
                return live, way.relay
        raise Rejected(Code.UNAUTHORIZED)

    @asynccontextmanager
    async def _noting(self, live: LiveRoom, still: StillId) -> AsyncIterator[None]:
        try:
            yield
        except Rejected as error:
            if error.code is Code.TOO_SLOW:
                await self._give_up(live, still, StillEnd.TOO_SLOW)
            raise
