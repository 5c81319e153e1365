"""A room whose doctor comes from a rota: who waits there for one, and who of the rota takes it.

Who is on a rota is for the application to know. Here one of them takes the room, once: the act makes them a host
link of their own, by which they come in as by any other, and until they have come nobody else takes it.
"""

from datetime import datetime, timedelta

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.arrivals import GIVEN_UP
from bridge.rooms.model import ByParticipant, Participant, Place, Role, Room
from bridge.rooms.policy import asked_of_hosts, is_aware, text_fits
from bridge.rooms.refusal import Refusal

TAKEN_FOR = timedelta(seconds=60)
"""Who has taken a room and not come by then has not taken it for others any more; their link stays good."""


def who_waits(room: Room, now: datetime) -> tuple[Participant, ...]:
    """Those for whom a doctor is wanted, longest waiting first, while nobody hosts.

    Whoever has lost the connection is among them for as long as they may come back to their place.
    """
    if room.ended or room.rota is None or room.present_host is not None:
        return ()
    return tuple(p for p in room.at(Place.WAITING) if p.lost_at is None or now - p.lost_at < GIVEN_UP)


def taker(room: Room, now: datetime) -> Participant | None:
    """Who has the room: the host who is there, or who has taken it just now."""
    if room.present_host is not None:
        return room.present_host
    taken = room.taken
    return None if taken is None or now - taken.at >= TAKEN_FOR else room.participants[taken.participant]


def take(room: Room, command: c.TakeRoom, now: datetime) -> ev.Outcome:
    """Let one of the rota take the room in which somebody waits."""
    unfit = _unfit(room, command, now)
    if unfit is not None:
        return unfit
    before = taker(room, now)
    if before is not None and not _is_again(before, command):
        return Refusal("taken", "Somebody on the rota has taken the room.")
    if before is not None:
        return []
    if not who_waits(room, now):
        return Refusal("wrong_state", "Nobody waits in the room.")
    if command.invitation in room.invitations or command.new_participant in room.participants:
        return Refusal("wrong_state", "The id for the link or its holder is taken.")
    return [_taken(room, command, now)]


def _unfit(room: Room, command: c.TakeRoom, now: datetime) -> Refusal | None:
    """Why nobody takes this room so, whoever waits."""
    if room.rota is None or command.rota != room.rota:
        return Refusal("not_on_rota", "The room is not of this rota.")
    if not text_fits(command.name):
        return Refusal("bad_message", "The name is empty or too long.")
    if not is_aware(command.expires_at) or command.expires_at <= now:
        return Refusal("bad_message", "The link must expire later than now, at a time with an offset.")
    if not command.identity.assurance.reaches(asked_of_hosts(room, command.requires)):
        return Refusal("login_needed", "Who takes a room has to be as surely known as its hosts.")
    return None


def _is_again(before: Participant, command: c.TakeRoom) -> bool:
    """Whether one who has taken the room and has not come takes it a second time, as by a second click."""
    known = before.identity
    return before.place is Place.OUTSIDE and known is not None and known.subject == command.identity.subject


def _taken(room: Room, command: c.TakeRoom, now: datetime) -> ev.Event:
    return ev.RoomTaken(
        room=room.id,
        at=now,
        by=ByParticipant(command.new_participant),
        participant=command.new_participant,
        invitation=command.invitation,
        name=command.name,
        role=Role.DOCTOR,
        requires=command.requires,
        expires_at=command.expires_at,
        resume_hash=command.new_resume_hash,
        identity=command.identity,
    )
