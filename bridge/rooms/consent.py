"""Consents: each is a person's own, to one matter and on the words of one notice, and can be taken back.

Consent opens and closes nothing. The host is told, and decides what follows from it.
"""

from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, ByParticipant, Matter, Participant, Place, Room
from bridge.rooms.refusal import Refusal


def at_the_door(room: Room, command: c.Knock, known: Participant | None, now: datetime) -> list[ev.Event]:
    """Give the yes of who came in by a button beside the notice.

    Who still has a place has said what they want since: a page that is loaded again says nothing new.
    """
    said = known is not None and known.place is not Place.OUTSIDE and Matter.VIDEO in known.consents
    if command.notice is None or said:
        return []
    who = command.new_participant if known is None else known.id
    return [
        ev.Consented(
            room=room.id,
            at=now,
            by=ByParticipant(who),
            participant=who,
            matter=Matter.VIDEO,
            notice=command.notice,
        )
    ]


def consent(room: Room, command: c.Consent, now: datetime) -> ev.Outcome:
    """Note that somebody says yes, who waits or is in."""
    person = _standing(room, command.by)
    if isinstance(person, Refusal):
        return person
    if person.consents.get(command.matter) == command.notice:
        return []
    return [
        ev.Consented(
            room=room.id,
            at=now,
            by=command.by,
            participant=person.id,
            matter=command.matter,
            notice=command.notice,
        )
    ]


def withdraw(room: Room, command: c.WithdrawConsent, now: datetime) -> ev.Outcome:
    """Note that somebody takes their yes back; there is nothing to note of who has not said it."""
    person = _standing(room, command.by)
    if isinstance(person, Refusal):
        return person
    if person.consents.get(command.matter) is None:
        return []
    return [ev.ConsentWithdrawn(room=room.id, at=now, by=command.by, participant=person.id, matter=command.matter)]


def _standing(room: Room, by: Actor) -> Participant | Refusal:
    """Return who speaks for themselves; nobody else can."""
    person = room.participants.get(by.participant) if isinstance(by, ByParticipant) else None
    if person is None:
        return Refusal("unknown_participant", "Consent is given by a person in the room.")
    if person.place not in (Place.WAITING, Place.ADMITTED) or not person.connected:
        return Refusal("wrong_state", "Consent is given by one who waits or is in, and is connected.")
    return person
