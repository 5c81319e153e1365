"""Patients are received one after the other: what pages ask for it, and what hosts are told of those invited."""

from datetime import datetime
from typing import Final

from bridge.app.live import LiveRoom
from bridge.rooms import commands as c
from bridge.rooms.model import (
    Actor,
    ByParticipant,
    Invitation,
    InvitationId,
    Participant,
    ParticipantId,
    Pii,
    Place,
    Room,
)
from bridge.rooms.policy import is_apart
from bridge.rooms.refusal import Refusal
from signalling import messages as m
from signalling.errors import Code

Request = m.SeeOff | m.TakeHost | m.Appoint | m.Withdraw | m.Delay | m.Cancel
# A list that is longer is nobody's to read, and would be sent again with every change of the room.
MOST_EXPECTED: Final = 50
# A page that tries again and again tells the host no more often than this.
TOLD_EVERY_S: Final = 60.0
_CLOSED: Final = ("room_locked", "room_full")


def command(by: ByParticipant, message: Request) -> c.Command:
    """The domain's command for what a page asks."""
    match message:
        case m.SeeOff(leaving=leaving, following=following, reason=reason):
            return c.SeeOff(
                by=by,
                leaving=frozenset(map(ParticipantId, leaving)),
                following=None if following is None else ParticipantId(following),
                reason=Pii(reason) if reason else None,
            )
        case m.TakeHost():
            return c.TakeHost(by=by)
        case m.Appoint(invitation=invitation):
            return c.Appoint(by=by, invitation=InvitationId(invitation))
        case m.Withdraw(invitation=invitation):
            return c.RevokeInvitation(by=by, invitation=InvitationId(invitation))
        case m.Delay(expected_at=at, invitation=invitation):
            named = None if invitation is None else InvitationId(invitation)
            return c.Delay(by=by, expected_at=at, invitation=named)
        case m.Cancel(invitation=invitation, new_time=at):
            return c.Cancel(by=by, invitation=InvitationId(invitation), new_time=at)


def invited(room: Room, person: Participant) -> m.Invitation:
    """On what somebody is here, as hosts are told."""
    return _described(room, room.invitations[person.invitation], apart=is_apart(room, person))


def expected(room: Room, now: datetime) -> list[m.Expected]:
    """Who is invited and has not come, the last invited last; links for many are always in it."""
    missing = [link for link in room.invitations.values() if _is_missing(link, now)]
    return [
        m.Expected(
            name=link.name.reveal(),
            role=m.Role(link.role.value),
            invited=_described(room, link, apart=room.one_at_a_time or link.many),
            expected_at=link.expected_at,
            late=link.delayed,
        )
        for link in missing[-MOST_EXPECTED:]
    ]


def _is_missing(link: Invitation, now: datetime) -> bool:
    if link.revoked or link.cancelled or link.expires_at <= now:
        return False
    return link.many or link.participant is None


def _described(room: Room, link: Invitation, *, apart: bool) -> m.Invitation:
    return m.Invitation(
        invitation=link.id,
        many=link.many,
        substitute=link.substitute or link.host,
        apart=apart,
        ground=None if link.ground is None else m.Ground(link.ground.value),
        reference=None if link.reference is None else link.reference.reveal(),
        by=_inviter(room, link.issued_by),
    )


def _inviter(room: Room, by: Actor) -> m.Inviter | None:
    person = room.participants.get(by.participant) if isinstance(by, ByParticipant) else None
    return None if person is None else m.Inviter(name=person.name.reveal(), role=m.Role(person.role.value))


def cancelled_by(room: Room, invitation: InvitationId) -> list[ParticipantId]:
    """Whom a cancelled link had brought, and who is out now."""
    return [p.id for p in room.participants.values() if p.invitation == invitation and p.place is Place.OUTSIDE]


def turned_away(live: LiveRoom, command: c.Command, refusal: Refusal, now: float) -> m.TurnedAway | None:
    """Tell the host who stands before a closed door, since nobody else can open it; at `now`, in seconds."""
    if refusal.code not in _CLOSED or not isinstance(command, c.Knock | c.Call):
        return None
    link = _link_of(live.room, command)
    if link is None or now - live.turned_away.get(link.id, -TOLD_EVERY_S) < TOLD_EVERY_S:
        return None
    live.turned_away[link.id] = now
    named = command.name if link.many and isinstance(command, c.Knock) else None
    return m.TurnedAway(name=(named or link.name).reveal(), role=m.Role(link.role.value), why=Code(refusal.code))


def _link_of(room: Room, command: c.Knock | c.Call) -> Invitation | None:
    if isinstance(command, c.Knock):
        return room.invitations.get(command.invitation)
    return next((link for link in room.invitations.values() if link.pin in command.pins), None)
