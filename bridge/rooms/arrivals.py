"""Coming and going: a link is used, the room is called, a connection is lost, somebody leaves."""

from datetime import datetime, timedelta
from typing import NamedTuple

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.consent import at_the_door
from bridge.rooms.dialling import not_reached
from bridge.rooms.model import (
    Assurance,
    ByParticipant,
    ConnectionId,
    Identity,
    Invitation,
    InvitationId,
    Line,
    Miss,
    Office,
    Participant,
    ParticipantId,
    Pii,
    Place,
    ResumeHash,
    Room,
    System,
)
from bridge.rooms.policy import MAX_WAITING, free_places, substitutes_proof, text_fits
from bridge.rooms.refusal import Refusal

GIVEN_UP = timedelta(minutes=15)
"""Whoever came by a link for many, waits, and has not been connected for so long gives way to who comes."""


class _Who(NamedTuple):
    """Somebody about to enter: new, or known from before they left."""

    participant: ParticipantId
    resume_hash: ResumeHash
    connection: ConnectionId
    line: Line
    name: Pii | None = None


def knock(room: Room, command: c.Knock, now: datetime) -> ev.Outcome:
    """Answer a link at the door: back to a held place, to the waiting room, in as a host, or not at all."""
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "The link belongs to no invitation of this room.")
    known = _one_of_many(room, command) if invitation.many else _holder(room, invitation)
    refusal = _spent(invitation, known) or _not_theirs(command, known) or _not_meant(invitation, command.identity)
    if refusal is not None:
        return refusal
    if known is None or known.place is Place.OUTSIDE:
        if invitation.host and not _proves(command.identity, invitation.requires):
            return Refusal("login_needed", "The holder of this link has to log in before coming in.")
        if invitation.many and (command.name is None or not text_fits(command.name)):
            return Refusal("name_needed", "The link is for many; say who comes.")
        entered = _enter(room, invitation, _identify(room, command, known, Line.BROWSER), now, command.identity)
    else:
        entered = _reconnect(room, known, command.connection, Line.BROWSER, now)
    said = [*_identified(room, command, known, now), *at_the_door(room, command, known, now)]
    return entered if isinstance(entered, Refusal) else [*entered, *said]


def _not_meant(invitation: Invitation, identity: Identity | None) -> Refusal | None:
    """Why a login does not come in by somebody's link: it is neither theirs nor of one who comes for them."""
    if invitation.person is None or identity is None:
        return None
    if invitation.person in {identity.subject, identity.represents}:
        return None
    return Refusal("other_person", "The link is another person's, by what their login said.")


def _one_of_many(room: Room, command: c.Knock) -> Participant | None:
    """Who of those that came by a link for many knocks: nobody yet, unless they hold a place or are barred.

    Whoever has gone is not known again, since the next one at the same computer may be somebody else. Barred is
    also who logs in as somebody who is.
    """
    for person in room.participants.values():
        if person.invitation != command.invitation:
            continue
        by_secret = command.resume_hash is not None and person.resume_hash == command.resume_hash
        if by_secret and (person.barred or person.place is not Place.OUTSIDE):
            return person
        if person.barred and command.identity is not None and _is_same(person.identity, command.identity):
            return person
    return None


def _is_same(one: Identity | None, other: Identity) -> bool:
    return one is not None and one.subject == other.subject


def _not_theirs(command: c.Knock, known: Participant | None) -> Refusal | None:
    if known is not None and command.resume_hash != known.resume_hash:
        return Refusal("link_used", "The link has been used by somebody else, or on another device.")
    if known is not None and not _may_be(known, command.identity):
        return Refusal("other_person", "Somebody else has come by this link, by what their login said.")
    return None


def _may_be(known: Participant, identity: Identity | None) -> bool:
    """Whether a login is that of somebody who is known already, as far as both are known.

    Who came for one child does not come back to the same place for another.
    """
    if identity is None or known.identity is None:
        return True
    of_both = {identity.represents, known.identity.represents} - {None}
    return identity.subject == known.identity.subject and len(of_both) <= 1


def _proves(identity: Identity | None, required: Assurance) -> bool:
    return (Assurance.NONE if identity is None else identity.assurance).reaches(required)


def _identified(room: Room, command: c.Knock, known: Participant | None, now: datetime) -> list[ev.Event]:
    """Put a login on record, where it says what is not known yet.

    Who comes in again from outside begins anew, so that a page without its login has none.
    """
    stands = known is not None and known.place is not Place.OUTSIDE
    if command.identity is None or (known is not None and stands and known.identity == command.identity):
        return []
    who = command.new_participant if known is None else known.id
    return [ev.Identified(room=room.id, at=now, by=ByParticipant(who), participant=who, identity=command.identity)]


def call(room: Room, command: c.Call, now: datetime) -> ev.Outcome:
    """Answer a PIN at the door, as `knock` answers a link.

    A PIN is short and may be overheard. So it takes no place from a connection that is up, and leads a guest who
    held a place among the admitted to the waiting room again, where the host sees by whom it is used.
    """
    invitation = next((one for one in room.invitations.values() if one.pin in command.pins), None)
    if invitation is None:
        return Refusal("pin_wrong", "No invitation of this room has this PIN.")
    known = _holder(room, invitation)
    if (spent := _spent(invitation, known)) is not None:
        return spent
    if known is None or known.place is Place.OUTSIDE:
        return _enter(room, invitation, _identify(room, command, known, command.line), now)
    if known.connected and known.connection != command.connection:
        return Refusal("link_used", "The holder of this PIN is connected.")
    if known.connected or known.place is Place.WAITING or invitation.host:
        return _reconnect(room, known, command.connection, command.line, now)
    who = _Who(known.id, known.resume_hash, command.connection, command.line)
    return [_arrival(room, invitation, who, now)]


def _holder(room: Room, invitation: Invitation) -> Participant | None:
    return None if invitation.participant is None else room.participants[invitation.participant]


def _spent(invitation: Invitation, holder: Participant | None) -> Refusal | None:
    """Why a link or PIN opens nothing any more; a link for many that was taken back still keeps held places."""
    holds = invitation.many and holder is not None and holder.place is not Place.OUTSIDE
    if invitation.cancelled and not holds:
        return Refusal("cancelled", "What the link was for has been called off.")
    if (invitation.revoked and not holds) or (holder is not None and holder.barred):
        return Refusal("link_blocked", "The link or PIN has been taken back, or its holder removed.")
    return None


def _identify(room: Room, command: c.Knock | c.Call, known: Participant | None, line: Line) -> _Who | Refusal:
    if known is not None:
        return _Who(known.id, known.resume_hash, command.connection, line)
    if command.new_participant in room.participants:
        return Refusal("wrong_state", "The id for the newcomer is taken.")
    name = command.name if isinstance(command, c.Knock) else None
    return _Who(command.new_participant, command.new_resume_hash, command.connection, line, name)


def _reconnect(room: Room, known: Participant, connection: ConnectionId, line: Line, now: datetime) -> ev.Outcome:
    if known.connection == connection:
        return []
    by = ByParticipant(known.id)
    return [ev.Reconnected(room=room.id, at=now, by=by, participant=known.id, connection=connection, line=line)]


def _enter(
    room: Room, invitation: Invitation, who: _Who | Refusal, now: datetime, identity: Identity | None = None
) -> ev.Outcome:
    """Let in one who has no place: a guest to the waiting room, the holder of a host link to the room.

    While no host is there, a substitute comes in as one, by their browser: a PIN may be overheard.
    """
    if isinstance(who, Refusal):
        return who
    if now >= invitation.expires_at:
        return Refusal("link_expired", "The link is no longer valid.")
    steps_in = invitation.substitute and room.present_host is None and who.line is Line.BROWSER
    if invitation.host or (steps_in and _proves(identity, substitutes_proof(room, invitation))):
        return [
            ev.HostEntered(
                room=room.id,
                at=now,
                by=ByParticipant(who.participant),
                participant=who.participant,
                invitation=invitation.id,
                connection=who.connection,
                resume_hash=who.resume_hash,
                takes_host=room.present_host is None,
                line=who.line,
            )
        ]
    given_up = _given_up(room, now)
    closed = _door_closed(room, invitation, len(room.at(Place.WAITING)) - len(given_up))
    return [*given_up, _arrival(room, invitation, who, now)] if closed is None else closed


def _given_up(room: Room, now: datetime) -> list[ev.Event]:
    """Take the place of those who came by a link for many and will hardly come back."""
    return [
        ev.Left(room=room.id, at=now, by=System(Office.BRIDGE), participant=p.id)
        for p in room.at(Place.WAITING)
        if room.invitations[p.invitation].many and p.lost_at is not None and now - p.lost_at >= GIVEN_UP
    ]


def _arrival(room: Room, invitation: Invitation, who: _Who, now: datetime) -> ev.Event:
    return ev.Arrived(
        room=room.id,
        at=now,
        by=ByParticipant(who.participant),
        participant=who.participant,
        invitation=invitation.id,
        connection=who.connection,
        resume_hash=who.resume_hash,
        line=who.line,
        name=who.name if invitation.many else None,
    )


def _door_closed(room: Room, invitation: Invitation, waiting: int) -> Refusal | None:
    """Why a newcomer cannot wait: those whose turn comes after others' wait for those who are in to go."""
    in_line = invitation.many or room.one_at_a_time
    if room.locked and not (in_line and room.locked_by_itself):
        return Refusal("room_locked", "The room is locked.")
    if waiting >= MAX_WAITING or (free_places(room) == 0 and not in_line):
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
    known = _holder(room, invitation)
    if (spent := _spent(invitation, known)) is not None:
        return spent
    if now >= invitation.expires_at and (known is None or known.place is Place.OUTSIDE):
        return Refusal("link_expired", "The link is no longer valid.")
    return None


def disconnect(room: Room, command: c.Disconnect, now: datetime) -> ev.Outcome:
    """Note a lost connection, unless a newer one has replaced it or its owner has gone."""
    participant = room.participants.get(command.participant)
    if participant is None or participant.connection != command.connection:
        return []
    if participant.place is Place.CALLED:
        return not_reached(room, participant, Miss.UNREACHABLE, now)
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
