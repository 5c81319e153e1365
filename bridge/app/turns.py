"""Whose turn it is and when, as the appointment book or the administration has it."""

from typing import Final

from bridge.app.live import LiveRoom
from bridge.app.service import RoomService
from bridge.rooms import commands as c
from bridge.rooms.model import InvitationId, Office, RoomId, System
from signalling import messages as m
from signalling.errors import Code, Rejected

ADMINISTRATION: Final = System(Office.ADMINISTRATION)


class RoomTurns:
    """The `Turns` of signalling."""

    def __init__(self, service: RoomService) -> None:
        self._service = service

    async def _known(self, room: str) -> LiveRoom:
        """A room. Raises Rejected with `unknown_room`."""
        live = await self._service.find(RoomId(room))
        if live is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        return live

    async def delay(self, room: str, invitation: str | None, new: m.NewTime) -> None:
        """Put off the turn of one link's holder, or of all who wait and will come."""
        link = None if invitation is None else InvitationId(invitation)
        command = c.Delay(by=ADMINISTRATION, expected_at=new.time, invitation=link)
        await self._service.act(await self._known(room), command)

    async def cancel(self, room: str, invitation: str | None, new: m.NewTime) -> None:
        """Call off what one link was for, or the whole consultation."""
        command: c.Command = c.End(by=ADMINISTRATION, cancelled=True, new_time=new.time)
        if invitation is not None:
            command = c.Cancel(by=ADMINISTRATION, invitation=InvitationId(invitation), new_time=new.time)
        await self._service.act(await self._known(room), command)

    async def appoint(self, room: str, invitation: str) -> None:
        """Let the holder of a link take over while no host is there."""
        live = await self._known(room)
        await self._service.act(live, c.Appoint(by=ADMINISTRATION, invitation=InvitationId(invitation)))

    async def withdraw(self, room: str, invitation: str) -> None:
        """Take a link back."""
        live = await self._known(room)
        await self._service.act(live, c.RevokeInvitation(by=ADMINISTRATION, invitation=InvitationId(invitation)))
