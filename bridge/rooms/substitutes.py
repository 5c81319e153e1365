"""Who may be host: a host link's holder at any time, a substitute while no host is there."""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, ByParticipant, Participant, Place, Room
from bridge.rooms.policy import (
    CLINICIANS,
    acting_standing,
    has_all_hosts,
    host_standing,
    is_administration,
    substitutes_proof,
)
from bridge.rooms.refusal import Refusal


def take_host(room: Room, command: c.TakeHost, now: datetime) -> ev.Outcome:
    """Take the host role while nobody present has it; a substitute who waits comes in by it."""
    waiting = _waiting_substitute(room, command.by)
    if waiting is not None:
        return _refusal(room, waiting) or _step_in(room, waiting, now)
    actor = acting_standing(room, command.by)
    if isinstance(actor, Refusal):
        return actor
    if actor.id == room.host:
        return []
    refusal = _refusal(room, actor)
    if refusal is not None:
        return refusal
    return [ev.HostTaken(room=room.id, at=now, by=command.by, participant=actor.id, previous=room.host)]


def _waiting_substitute(room: Room, by: Actor) -> Participant | None:
    person = room.participants.get(by.participant) if isinstance(by, ByParticipant) else None
    waits = person is not None and person.place is Place.WAITING and person.connected
    return person if waits and person is not None and room.invitations[person.invitation].substitute else None


def _refusal(room: Room, person: Participant) -> Refusal | None:
    invitation = room.invitations[person.invitation]
    if not person.may_host and not invitation.substitute:
        return Refusal("not_host", "This takes a host link.")
    if room.present_host is not None:
        return Refusal("wrong_state", "The host is present; the role can be handed over.")
    if not person.may_host and not person.assurance.reaches(substitutes_proof(room, invitation)):
        return Refusal("login_needed", "A substitute has to log in as surely as a host.")
    return None


def may_take_over(room: Room, person: Participant) -> bool:
    """Whether somebody who is connected may take the host role now."""
    here = person.present or _waiting_substitute(room, ByParticipant(person.id)) is not None
    return here and person.id != room.host and _refusal(room, person) is None


def _step_in(room: Room, person: Participant, now: datetime) -> ev.Outcome:
    if person.connection is None:
        return Refusal("wrong_state", "The one who asks is not connected.")
    return [
        ev.HostEntered(
            room=room.id,
            at=now,
            by=ByParticipant(person.id),
            participant=person.id,
            invitation=person.invitation,
            connection=person.connection,
            resume_hash=person.resume_hash,
            takes_host=True,
            line=person.line,
        )
    ]


def appoint(room: Room, command: c.Appoint, now: datetime) -> ev.Outcome:
    """Let a clinician take over while no host is there: by the host, or by the administration when none is."""
    if not is_administration(command.by):
        host = host_standing(room, command.by)
        if isinstance(host, Refusal):
            return host
    invitation = room.invitations.get(command.invitation)
    if invitation is None:
        return Refusal("link_invalid", "There is no such invitation.")
    if invitation.substitute or invitation.host:
        return []
    if invitation.role not in CLINICIANS or invitation.many:
        return Refusal("wrong_state", "A substitute is a clinician with a link of their own.")
    if has_all_hosts(room):
        return Refusal("too_many", "The room has had all the host links it may have.")
    return [ev.SubstituteAppointed(room=room.id, at=now, by=command.by, invitation=invitation.id)]
