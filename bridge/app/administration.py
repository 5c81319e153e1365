"""The REST side: rooms made and ended, links issued, by an appointment book or an operator."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Final

from bridge.app import telling
from bridge.app.ids import new_id
from bridge.app.new_pins import new_pin
from bridge.app.ports import Links, Pins, RoomListing
from bridge.app.service import RoomService
from bridge.app.texts import Text
from bridge.app.turns import ADMINISTRATION, RoomTurns
from bridge.rooms import commands as c
from bridge.rooms.model import (
    Ground,
    InvitationId,
    Pii,
    Role,
    Room,
    RoomId,
    RoomNumber,
    RotaName,
    SubjectDigest,
)
from signalling import messages as m
from signalling.errors import Code, Rejected

NUMBER_DIGITS: Final = 8


class RoomAdministration(RoomTurns):
    """The `Administration` of signalling."""

    def __init__(
        self,
        service: RoomService,
        links: Links,
        listing: Callable[[], Awaitable[Sequence[RoomListing]]],
        pins: Pins | None = None,
        emptying: Callable[[], bool] = lambda: False,
        *,
        person: Callable[[str], str] | None = None,
        rotas: Collection[str] = (),
    ) -> None:
        """Take the use cases, where the rooms of all times are listed, and PINs where rooms can be called.

        `person` makes of a national identity number the name by which a login with it is known; `rotas` are those
        of which a room's doctors may come.

        While the bridge is `emptying`, it opens no rooms.
        """
        super().__init__(service)
        self._links = links
        self._person_of = person
        self._pins = pins
        self._listing = listing
        self._emptying = emptying
        self._rotas = rotas

    async def create_room(self, request: m.CreateRoom) -> m.RoomInfo:
        """Open a room. Raises Rejected with `restarting` while the bridge is emptied, and `unknown_rota`."""
        if self._emptying():
            raise Rejected(Code.RESTARTING, "This bridge is being emptied and opens no rooms; another may.")
        if request.rota is not None and request.rota not in self._rotas:
            raise Rejected(Code.UNKNOWN_ROTA)
        command = c.CreateRoom(
            by=ADMINISTRATION,
            room=RoomId(new_id("r")),
            name=Pii(request.name),
            max_participants=request.max_participants,
            number=None if self._pins is None else await self._new_number(),
            plain_calls=request.plain_calls,
            autolock=request.autolock,
            one_at_a_time=request.one_at_a_time,
            rota=None if request.rota is None else RotaName(request.rota),
        )
        return _info(await self._service.create(command))

    async def _new_number(self) -> RoomNumber:
        """A number that no room has had. It begins with no 0, which some exchanges take for a prefix."""
        while True:
            number = str(10 ** (NUMBER_DIGITS - 1) + secrets.randbelow(9 * 10 ** (NUMBER_DIGITS - 1)))
            if await self._service.outside.store.room_of(number) is None:
                return RoomNumber(number)

    async def rooms(self) -> list[m.RoomInfo]:
        """Every room that has not ended."""
        listed = [record for record in await self._listing() if record.ended_at is None]
        return [await self.room(record.id) for record in listed]

    async def room(self, room: str) -> m.RoomInfo:
        """One room. Raises Rejected with `unknown_room`."""
        found = await self._service.look(RoomId(room))
        if found is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        return _info(found)

    async def end_room(self, room: str) -> None:
        """End a consultation for everyone. Ending it again changes nothing."""
        live = await self._known(room)
        if not live.room.ended:
            await self._service.act(live, c.End(by=ADMINISTRATION))

    def _person(self, number: str | None) -> SubjectDigest | None:
        """Whose link it is, without the number, which is kept nowhere. Raises Rejected where nobody logs in."""
        if number is None:
            return None
        if self._person_of is None:
            raise Rejected(Code.WRONG_STATE, "Nobody can log in here, so a link cannot be one person's.")
        return SubjectDigest(self._person_of(number))

    async def invite(self, room: str, request: m.CreateInvitation) -> m.InvitationInfo:
        """Issue a link."""
        live = await self._known(room)
        outside = self._service.outside
        if request.text_to is not None:
            outside.texting.check(live, request.text_to)
        pin, digest = new_pin(self._pins, live.room, host=request.host) if request.pin else (None, None)
        command = c.Invite(
            by=ADMINISTRATION,
            invitation=InvitationId(new_id("i")),
            role=Role(request.role.value),
            name=Pii(request.name),
            expires_at=self._service.outside.clock.now() + timedelta(minutes=request.valid_minutes),
            host=request.host,
            pin=digest,
            requires=outside.usual.proof(request.role, request.requires),
            person=self._person(request.person),
            many=request.many,
            substitute=request.substitute,
            ground=None if request.ground is None else Ground(request.ground.value),
            reference=None if request.reference is None else Pii(request.reference),
            expected_at=request.expected_at,
        )
        await self._service.act(live, command)
        number = None if pin is None else live.room.number
        link = self._links.make(live.room.id, command.invitation, command.expires_at)
        state = None
        if request.text_to is not None:
            text = Text(command.invitation, link, request.language, number, pin)
            state = await outside.texting.send(live, request.text_to, text)
        return m.InvitationInfo(
            invitation=command.invitation,
            room=room,
            role=request.role,
            host=request.host,
            link=link,
            expires_at=command.expires_at,
            number=number,
            pin=pin,
            text=None if state is None else m.TextState(state.value),
        )


def _info(room: Room) -> m.RoomInfo:
    return m.RoomInfo(
        room=room.id,
        name=room.name.reveal(),
        created_at=room.created_at,
        locked=room.locked,
        ended=room.ended,
        max_participants=room.max_participants,
        number=room.number,
        plain_calls=room.plain_calls,
        autolock=room.autolock,
        one_at_a_time=room.one_at_a_time,
        rota=room.rota,
        expected_at=room.expected_at,
        **telling.counts(room),
    )
