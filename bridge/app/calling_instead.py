"""Going on by telephone: a number and a new PIN for whoever holds a link, at the page's own wish."""

from collections.abc import Callable
from typing import Final

from bridge.app.allowance import Allowance
from bridge.app.live import LiveRoom
from bridge.app.new_pins import new_pin
from bridge.app.ports import Links, Pins
from bridge.app.service import RoomService
from bridge.rooms import commands as c
from bridge.rooms.model import InvitationId, ParticipantId, ResumeHash
from bridge.rooms.pins import can_have_one
from bridge.rooms.views import visible_to
from signalling import messages as m
from signalling.errors import Code, Rejected

OF_AN_INVITATION: Final = (3, 60.0)
"""So many at once, and one more every so many seconds: each is kept on record."""
SUGGESTIONS: Final = (2, 20.0)
"""The same of what hosts suggest to one person: each comes before what they were doing."""


class CallingInstead:
    """The `CallDesk` of signalling, and what pages ask in a room."""

    def __init__(
        self,
        service: RoomService,
        links: Links,
        pins: Pins | None,
        hash_secret: Callable[[str], str],
        telephone: str = "",
    ) -> None:
        """Take the use cases; without `pins` nobody calls.

        `telephone` stands before the number of a room when a telephone dials it; empty where none can.
        """
        self._service = service
        self._links = links
        self._pins = pins
        self._hash_secret = hash_secret
        self._telephone = telephone
        self._of_invitation = Allowance(*OF_AN_INVITATION)
        self._suggestions = Allowance(*SUGGESTIONS)

    async def by_link(self, wish: m.CallInsteadOf) -> m.WayToCall:
        """See `CallDesk`."""
        room_id, invitation = self._links.read(wish.token)
        live = await self._service.find(room_id)
        if live is None:
            raise Rejected(Code.LINK_INVALID)
        resume = None if wish.resume is None else ResumeHash(self._hash_secret(wish.resume))
        return await self._renew(live, invitation, resume)

    async def by_page(self, live: LiveRoom, who: ParticipantId, wish: m.CallInstead) -> m.ToCall:
        """Give somebody who sits in the room, or waits, the way to go on by a call. Raises Rejected."""
        person = live.room.participants[who]
        way = await self._renew(live, person.invitation, person.resume_hash)
        return m.ToCall(ref=wish.ref, number=way.number, pin=way.pin, telephone=way.telephone)

    def suggest(self, live: LiveRoom, who: ParticipantId, wish: m.SuggestCall) -> None:
        """Tell somebody's page that the host suggests a call. Nothing changes by that. Raises Rejected."""
        other = ParticipantId(wish.participant)
        if (why := self._why_not(live, who, other)) is not None:
            self._service.outside.counts.inc("refusals", why.code.value)
            raise why
        live.seats[other].connection.send(m.CallSuggested(by=who))

    def _why_not(self, live: LiveRoom, who: ParticipantId, other: ParticipantId) -> Rejected | None:
        if live.in_doubt:
            return Rejected(Code.WRONG_STATE, "It is not known just now who is in; try again.")
        if live.room.present_host is None or live.room.present_host.id != who:
            return Rejected(Code.NOT_HOST)
        person = next((one for one in visible_to(live.room, who) if one.id == other), None)
        if person is None:
            return Rejected(Code.UNKNOWN_PARTICIPANT)
        if other not in live.seats or not can_have_one(live.room, live.room.invitations[person.invitation]):
            return Rejected(Code.WRONG_STATE, "They have no page that is there, or no way to call.")
        if not self._suggestions.take(other, self._service.outside.clock.monotonic()):
            return Rejected(Code.TOO_MANY, "They have just been told.")
        return None

    async def _renew(self, live: LiveRoom, invitation: InvitationId, resume: ResumeHash | None) -> m.WayToCall:
        known = live.room.invitations.get(invitation)
        if known is None or live.room.number is None:
            raise Rejected(Code.LINK_INVALID if known is None else Code.WRONG_STATE)
        if not self._of_invitation.take(invitation, self._service.outside.clock.monotonic()):
            raise Rejected(Code.TOO_MANY, "New PINs follow each other too fast.")
        pin, digest = new_pin(self._pins, live.room, host=known.host)
        await self._service.act(live, c.RenewPin(invitation=invitation, resume_hash=resume, new_pin=digest))
        number = live.room.number
        return m.WayToCall(
            number=number, pin=pin, telephone=f"{self._telephone}{number}" if self._telephone else None
        )
