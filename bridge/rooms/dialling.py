"""Who is called by the host: they ring without a place, answer and come in, or are not reached."""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.acts import invite
from bridge.rooms.model import ByParticipant, Miss, Office, Participant, Place, Room, System
from bridge.rooms.policy import MAX_CALLED, free_places, host_standing, meets_another
from bridge.rooms.refusal import Refusal


def dial(room: Room, command: c.Dial, now: datetime) -> ev.Outcome:
    """Have somebody called: an act of the host, also while the door is locked, where there is a place for them."""
    host = host_standing(room, command.by)
    if isinstance(host, Refusal):
        return host
    called = len(room.at(Place.CALLED))
    if called >= MAX_CALLED:
        return Refusal("too_many", "Enough people are being called.")
    if free_places(room) <= called:
        return Refusal("room_full", "There is no place left in the room.")
    if command.new_participant in room.participants:
        return Refusal("wrong_state", "The id for who is called is taken.")
    invited = invite(
        room,
        c.Invite(
            by=command.by,
            invitation=command.invitation,
            role=command.role,
            name=command.name,
            expires_at=command.expires_at,
        ),
        now,
    )
    if isinstance(invited, Refusal):
        return invited
    dialled = ev.Dialled(
        room=room.id,
        at=now,
        by=command.by,
        participant=command.new_participant,
        invitation=command.invitation,
        connection=command.connection,
        resume_hash=command.new_resume_hash,
        line=command.line,
    )
    return [*invited, dialled]


def answer(room: Room, command: c.Answer, now: datetime) -> ev.Outcome:
    """Let in who answers: the host who had them called admitted them by that, if they are host still.

    Where they are not, no place is left, or they would meet a patient from whom they are kept apart, who answers
    waits.
    """
    person = _called(room, command)
    if person is None:
        return Refusal("wrong_state", "Nobody is called on this connection.")
    caller = room.invitations[person.invitation].issued_by
    events: list[ev.Event] = [
        ev.Arrived(
            room=room.id,
            at=now,
            by=ByParticipant(person.id),
            participant=person.id,
            invitation=person.invitation,
            connection=command.connection,
            resume_hash=person.resume_hash,
            line=command.line,
        )
    ]
    welcome = isinstance(host_standing(room, caller), Participant) and not meets_another(room, person)
    if welcome and free_places(room):
        events.append(ev.Admitted(room=room.id, at=now, by=caller, participant=person.id))
    return events


def miss(room: Room, command: c.NoteMiss, now: datetime) -> ev.Outcome:
    """Note that somebody was not reached, unless that is known, or they have been."""
    person = _called(room, command)
    return [] if person is None else not_reached(room, person, command.why, now)


def not_reached(room: Room, person: Participant, why: Miss, now: datetime) -> list[ev.Event]:
    """The event of that."""
    return [ev.NotReached(room=room.id, at=now, by=System(Office.BRIDGE), participant=person.id, why=why)]


def _called(room: Room, command: c.Answer | c.NoteMiss) -> Participant | None:
    person = room.participants.get(command.participant)
    is_called = person is not None and person.place is Place.CALLED and person.connection == command.connection
    return person if is_called else None
