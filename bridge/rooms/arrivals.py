"""Coming and going: a link is used, a connection is lost, somebody leaves."""

from datetime import datetime
from typing import NamedTuple

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import (
    ByParticipant,
    Invitation,
    InvitationId,
    Office,
    Participant,
    ParticipantId,
    Place,
    ResumeHash,
    Room,
    System,
)
from bridge.rooms.policy import MAX_WAITING, free_places
from bridge.rooms.refusal import Refusal


class _Who(NamedTuple):
    """Somebody about to enter: new, or known from before they left."""

    participant: ParticipantId
    resume_hash: ResumeHash


def knock(room: Room, command: c.Knock, now: datetime) -> ev.Outcome:
    """Answer a link at the door: back to a held place, to the waiting room, in as a host, or not at all."""
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "The link belongs to no invitation of this room.")
    known = None if invitation.participant is None else room.participants[invitation.participant]
    if invitation.revoked or (known is not None and known.barred):
        return Refusal("link_blocked", "The link has been taken back, or its holder removed.")
    if known is None:
        return _first_use(room, command, invitation, now)
    if command.resume_hash != known.resume_hash:
        return Refusal("link_used", "The link has been used by somebody else, or on another device.")
    if known.place is Place.OUTSIDE:
        return _enter(room, command, invitation, _Who(known.id, known.resume_hash), now)
    return _reconnect(room, command, known, now)


def _first_use(room: Room, command: c.Knock, invitation: Invitation, now: datetime) -> ev.Outcome:
    if command.new_participant in room.participants:
        return Refusal("wrong_state", "The id for the newcomer is taken.")
    who = _Who(command.new_participant, command.new_resume_hash)
    return _enter(room, command, invitation, who, now)


def _reconnect(room: Room, command: c.Knock, known: Participant, now: datetime) -> ev.Outcome:
    if known.connection == command.connection:
        return []
    by = ByParticipant(known.id)
    return [ev.Reconnected(room=room.id, at=now, by=by, participant=known.id, connection=command.connection)]


def _enter(room: Room, command: c.Knock, invitation: Invitation, who: _Who, now: datetime) -> ev.Outcome:
    """Let in one who has no place: a guest to the waiting room, the holder of a host link to the room."""
    if now >= invitation.expires_at:
        return Refusal("link_expired", "The link is no longer valid.")
    if invitation.host:
        return [
            ev.HostEntered(
                room=room.id,
                at=now,
                by=ByParticipant(who.participant),
                participant=who.participant,
                invitation=invitation.id,
                connection=command.connection,
                resume_hash=who.resume_hash,
                takes_host=room.present_host is None,
            )
        ]
    closed = _door_closed(room)
    if closed is not None:
        return closed
    return [
        ev.Arrived(
            room=room.id,
            at=now,
            by=ByParticipant(who.participant),
            participant=who.participant,
            invitation=invitation.id,
            connection=command.connection,
            resume_hash=who.resume_hash,
        )
    ]


def _door_closed(room: Room) -> Refusal | None:
    if room.locked:
        return Refusal("room_locked", "The host has locked the room.")
    if free_places(room) == 0 or len(room.at(Place.WAITING)) >= MAX_WAITING:
        return Refusal("room_full", "There is no place left in the room.")
    return None


def may_test(room: Room, link: InvitationId, now: datetime) -> Refusal | None:
    """Return why the holder of a link may not try the way to the bridge, None when they may.

    A test uses no link and takes no place, so a locked or full room is no reason, nor is a link that is in use.
    """
    if room.ended:
        return Refusal("room_ended", "The consultation is over.")
    invitation = room.invitations.get(link)
    if invitation is None:
        return Refusal("link_invalid", "The link belongs to no invitation of this room.")
    known = None if invitation.participant is None else room.participants[invitation.participant]
    if invitation.revoked or (known is not None and known.barred):
        return Refusal("link_blocked", "The link has been taken back, or its holder removed.")
    if now >= invitation.expires_at and (known is None or known.place is Place.OUTSIDE):
        return Refusal("link_expired", "The link is no longer valid.")
    return None


def disconnect(room: Room, command: c.Disconnect, now: datetime) -> ev.Outcome:
    """Note a lost connection, unless a newer one has replaced it or its owner has gone."""
    participant = room.participants.get(command.participant)
    if participant is None or participant.connection != command.connection:
        return []
    return [
        ev.Disconnected(
            room=room.id,
            at=now,
            by=System(Office.BRIDGE),
            participant=participant.id,
            connection=command.connection,
        )
    ]


def leave(room: Room, command: c.Leave, now: datetime) -> ev.Outcome:
    """Let somebody go; a goodbye from a replaced connection, or from one already outside, changes nothing."""
    if not isinstance(command.by, ByParticipant):
        return Refusal("unknown_participant", "The system is not in the room and cannot leave it.")
    participant = room.participants.get(command.by.participant)
    if participant is None:
        return Refusal("unknown_participant", "The one who leaves is not in this room.")
    stale = command.connection is not None and command.connection != participant.connection
    if participant.place is Place.OUTSIDE or stale:
        return []
    return [ev.Left(room=room.id, at=now, by=command.by, participant=participant.id)]
