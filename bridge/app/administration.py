"""The REST side: rooms made and ended, links issued, by an appointment book or an operator."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from bridge.app import telling
from bridge.app.ports import Links, RoomListing
from bridge.app.service import RoomService
from bridge.rooms import commands as c
from bridge.rooms.model import InvitationId, Office, Pii, Role, Room, RoomId, System
from signalling import messages as m
from signalling.errors import Code, Rejected

ADMINISTRATION: Final = System(Office.ADMINISTRATION)
ID_BYTES: Final = 9  # ids stand in links, which are sent by SMS; nothing rests on their being hard to guess


class RoomAdministration:
    """The `Administration` of signalling."""

    def __init__(
        self, service: RoomService, links: Links, listing: Callable[[], Awaitable[Sequence[RoomListing]]]
    ) -> None:
        """Take the use cases, and where the rooms of all times are listed."""
        self._service = service
        self._links = links
        self._listing = listing

    async def create_room(self, request: m.CreateRoom) -> m.RoomInfo:
        """Open a room."""
        command = c.CreateRoom(
            by=ADMINISTRATION,
            room=RoomId(f"r_{secrets.token_urlsafe(ID_BYTES)}"),
            name=Pii(request.name),
            max_participants=request.max_participants,
        )
        return _info(await self._service.create(command))

    async def rooms(self) -> list[m.RoomInfo]:
        """Every room that has not ended."""
        listed = [record for record in await self._listing() if record.ended_at is None]
        return [await self.room(record.id) for record in listed]

    async def room(self, room: str) -> m.RoomInfo:
        """One room. Raises Rejected with `unknown_room`."""
        live = await self._service.find(RoomId(room))
        if live is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        return _info(live.room)

    async def end_room(self, room: str) -> None:
        """End a consultation for everyone. Ending it again changes nothing."""
        live = await self._service.find(RoomId(room))
        if live is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        if not live.room.ended:
            await self._service.act(live, c.End(by=ADMINISTRATION))

    async def invite(self, room: str, request: m.CreateInvitation) -> m.InvitationInfo:
        """Issue a link."""
        live = await self._service.find(RoomId(room))
        if live is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        command = c.Invite(
            by=ADMINISTRATION,
            invitation=InvitationId(f"i_{secrets.token_urlsafe(ID_BYTES)}"),
            role=Role(request.role.value),
            name=Pii(request.name),
            expires_at=self._service.outside.clock.now() + timedelta(minutes=request.valid_minutes),
            host=request.host,
        )
        await self._service.act(live, command)
        return m.InvitationInfo(
            invitation=command.invitation,
            room=room,
            role=request.role,
            host=request.host,
            link=self._links.make(live.room.id, command.invitation, command.expires_at),
            expires_at=command.expires_at,
        )


def _info(room: Room) -> m.RoomInfo:
    return m.RoomInfo(
        room=room.id,
        name=room.name.reveal(),
        created_at=room.created_at,
        locked=room.locked,
        ended=room.ended,
        max_participants=room.max_participants,
        **telling.counts(room),
    )
