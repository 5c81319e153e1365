"""Who may do what, and how much: the rules that `decide` consults.

Each `*_standing` function returns the participant in question, or the refusal that answers the asker.
"""

import re
from datetime import datetime

from bridge.rooms.model import (
    Actor,
    ByParticipant,
    Office,
    Participant,
    ParticipantId,
    Pii,
    Place,
    Role,
    Room,
    RoomNumber,
    System,
)
from bridge.rooms.refusal import Refusal

MIN_PARTICIPANTS = 2
MAX_PARTICIPANTS = 50
MAX_WAITING = 50  # a waiting leg costs the engine a handshake and a port entry: the queue is bounded too
MAX_CALLED = 5  # each rings somewhere and holds ports
MAX_INVITATIONS = 200  # in the life of a room; also bounds its participants
MAX_HOST_INVITATIONS = 5  # host links are not counted against max_participants, so they are few
MAX_INVITATIONS_BY_PATIENT = 10
MAX_TEXT = 200  # characters of a name or a reason
ROOM_NUMBER = re.compile(r"[0-9]{4,12}")

CLINICIANS = frozenset({Role.DOCTOR, Role.SPECIALIST})
INVITED_BY_PATIENT = frozenset({Role.RELATIVE, Role.INTERPRETER, Role.ASSISTANT})
"""A patient may bring company, but not put a clinician's title on anyone."""


def is_administration(by: Actor) -> bool:
    """Whether the REST administration acts."""
    return isinstance(by, System) and by.office is Office.ADMINISTRATION


def acting_standing(room: Room, by: Actor) -> Participant | Refusal:
    """Return the actor, who must be admitted and connected."""
    if not isinstance(by, ByParticipant):
        return Refusal("not_host", "This takes a person in the room.")
    actor = room.participants.get(by.participant)
    if actor is None:
        return Refusal("unknown_participant", "The one who asks is not in this room.")
    if actor.place is not Place.ADMITTED:
        return Refusal("not_admitted", "The one who asks is not admitted.")
    if not actor.connected:
        return Refusal("wrong_state", "The one who asks is not connected.")
    return actor


def host_standing(room: Room, by: Actor) -> Participant | Refusal:
    """Return the actor, who must be the present host."""
    actor = acting_standing(room, by)
    if isinstance(actor, Participant) and actor.id != room.host:
        return Refusal("not_host", "Only the host does this.")
    return actor


def target_standing(room: Room, by: Actor, participant: ParticipantId) -> Participant | Refusal:
    """Return the participant on whom the present host acts."""
    host = host_standing(room, by)
    if isinstance(host, Refusal):
        return host
    target = room.participants.get(participant)
    return Refusal("unknown_participant", "There is no such participant.") if target is None else target


def may_invite(room: Room, by: Actor, role: Role, *, host_link: bool) -> Refusal | None:
    """Return why `by` may not issue a link for `role`, None when they may."""
    if role is Role.OPERATOR or (host_link and role not in CLINICIANS):
        return Refusal("bad_message", "No such link exists for this role.")
    if is_administration(by):
        return None
    actor = acting_standing(room, by)
    if isinstance(actor, Refusal):
        return actor
    if host_link:
        return Refusal("not_host", "Only the administration issues host links.")
    if actor.id == room.host or (actor.role is Role.PATIENT and role in INVITED_BY_PATIENT):
        return None
    return Refusal("not_host", "Only the host invites, or the patient for company of their own.")


def invitation_room(room: Room, by: Actor, *, host_link: bool) -> Refusal | None:
    """Return why no further link fits, None when one does."""
    issued = room.invitations.values()
    if len(issued) >= MAX_INVITATIONS:
        return Refusal("too_many", "The room has had all the links it may have.")
    if host_link and sum(i.host for i in issued) >= MAX_HOST_INVITATIONS:
        return Refusal("too_many", "The room has had all the host links it may have.")
    by_patient = isinstance(by, ByParticipant) and by.participant != room.host
    if by_patient and sum(i.issued_by == by for i in issued) >= MAX_INVITATIONS_BY_PATIENT:
        return Refusal("too_many", "The patient has issued all the links they may issue.")
    return None


def free_places(room: Room) -> int:
    """Return how many more can be admitted; those admitted hold their place while disconnected."""
    return max(0, room.max_participants - len(room.at(Place.ADMITTED)))


def lacks_proof(room: Room, person: Participant) -> bool:
    """Whether less is proven of who somebody is than their invitation requires."""
    return not person.assurance.reaches(room.invitations[person.invitation].requires)


def text_fits(text: Pii) -> bool:
    """Whether a name or reason holds something and is not too long."""
    return bool(text.reveal().strip()) and len(text.reveal()) <= MAX_TEXT


def can_be_dialled(number: RoomNumber) -> bool:
    """Whether a number is one that every keypad can dial."""
    return ROOM_NUMBER.fullmatch(number) is not None


def is_aware(moment: datetime) -> bool:
    """Whether a time says its offset, so that it can be compared with others."""
    return moment.utcoffset() is not None
