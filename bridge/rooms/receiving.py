"""One after the other: a visit ends and the next begins in one act, so that nobody meets who is kept apart."""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.evolve import evolve
from bridge.rooms.hosting import let_in
from bridge.rooms.model import Participant, ParticipantId, Place, Role, Room
from bridge.rooms.policy import host_standing
from bridge.rooms.refusal import Refusal


def see_off(room: Room, command: c.SeeOff, now: datetime) -> ev.Outcome:
    """End the visit of some, and let in who follows; all of it or nothing.

    Who is being called is not reached any more, since they would come in to somebody else, and nobody shares a
    screen on which the one before may be. Where the one who follows is in already, it has been done.
    """
    host = host_standing(room, command.by)
    if isinstance(host, Refusal):
        return host
    following = None if command.following is None else room.participants.get(command.following)
    if following is not None and following.place is Place.ADMITTED:
        return []
    leaving = _leaving(room, command)
    if isinstance(leaving, Refusal):
        return leaving
    events: list[ev.Event] = [
        ev.SeenOff(room=room.id, at=now, by=command.by, participant=person.id) for person in leaving
    ]
    if command.following is None:
        return events
    if following is None:
        return Refusal("unknown_participant", "There is no such participant.")
    events += [
        ev.SharingChanged(room=room.id, at=now, by=command.by, participant=person.id, on=False)
        for person in room.participants.values()
        if person.sharing and person not in leaving
    ]
    entered = let_in(_after(room, events), following, command, now)
    return entered if isinstance(entered, Refusal) else [*events, *entered]


def _leaving(room: Room, command: c.SeeOff) -> list[Participant] | Refusal:
    """Those of whom it is asked and who are in, and with somebody to follow all who are called."""
    if not command.leaving <= set(room.participants):
        return Refusal("unknown_participant", "There is no such participant.")
    if room.host in command.leaving:
        return Refusal("wrong_state", "The host sees others off and stays.")
    called = room.at(Place.CALLED)
    asked = [person for person in room.at(Place.ADMITTED) if person.id in command.leaving]
    return [*asked, *(one for one in called if command.following is not None or one.id in command.leaving)]


def _after(room: Room, events: list[ev.Event]) -> Room:
    for event in events:
        room = evolve(room, event)
    return room


def ahead_of(room: Room, participant: ParticipantId) -> int | None:
    """Return how many patients are to be let in before this one, None for others and for who does not wait.

    That is all that a patient learns of others. Whoever is not connected cannot be let in, and is not counted.
    """
    person = room.participants.get(participant)
    if person is None or person.place is not Place.WAITING or not _is_patient(person):
        return None
    line = [other for other in room.at(Place.WAITING) if _is_patient(other)]
    return sum(other.connected for other in line[: line.index(person)])


def _is_patient(person: Participant) -> bool:
    return person.role is Role.PATIENT


def turn_of(room: Room, participant: ParticipantId) -> tuple[datetime | None, bool]:
    """Return when it is somebody's turn, as far as anybody has said, and whether that is later than at first."""
    person = room.participants[participant]
    invitation = room.invitations[person.invitation]
    own, late = invitation.expected_at, invitation.delayed
    if room.expected_at is not None and (own is None or room.expected_at > own):
        return room.expected_at, True
    return own, late
