"""Who may do what, and how much: the rules that `decide` consults.

Each `*_standing` function returns the participant in question, or the refusal that answers the asker.
"""

import re
from datetime import datetime

from bridge.rooms import commands as c
from bridge.rooms.model import (
    Actor,
    Assurance,
    ByParticipant,
    Ground,
    Invitation,
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


def may_invite(room: Room, by: Actor, asked: c.Invite) -> Refusal | None:
    """Return why `by` may not issue such a link, None when they may."""
    if asked.role is Role.OPERATOR or ((asked.host or asked.substitute) and asked.role not in CLINICIANS):
        return Refusal("bad_message", "No such link exists for this role.")
    if is_administration(by):
        return None
    actor = acting_standing(room, by)
    if isinstance(actor, Refusal):
        return actor
    if asked.host:
        return Refusal("not_host", "Only the administration issues host links.")
    plain = not asked.many and not asked.substitute
    if actor.id == room.host or (actor.role is Role.PATIENT and asked.role in INVITED_BY_PATIENT and plain):
        return None
    return Refusal("not_host", "Only the host invites, or the patient for company of their own.")


def is_by_patient(room: Room, by: Actor) -> bool:
    """Whether a patient acts who is not the host."""
    actor = room.participants.get(by.participant) if isinstance(by, ByParticipant) else None
    return actor is not None and actor.role is Role.PATIENT and actor.id != room.host


def invitation_room(room: Room, by: Actor, *, for_host: bool) -> Refusal | None:
    """Return why no further link fits, None when one does."""
    issued = [link for link in room.invitations.values() if not link.duty]
    if len(issued) >= MAX_INVITATIONS:
        return Refusal("too_many", "The room has had all the links it may have.")
    if for_host and has_all_hosts(room):
        return Refusal("too_many", "The room has had all the host links it may have.")
    by_patient = isinstance(by, ByParticipant) and by.participant != room.host
    if by_patient and sum(i.issued_by == by for i in issued) >= MAX_INVITATIONS_BY_PATIENT:
        return Refusal("too_many", "The patient has issued all the links they may issue.")
    return None


def has_all_hosts(room: Room) -> bool:
    """Whether as many may be host as ever may."""
    own = (link for link in room.invitations.values() if not link.duty)
    return sum(link.host or link.substitute for link in own) >= MAX_HOST_INVITATIONS


def free_places(room: Room) -> int:
    """Return how many more can be admitted; those admitted hold their place while disconnected."""
    return max(0, room.max_participants - len(room.at(Place.ADMITTED)))


def lacks_proof(room: Room, person: Participant) -> bool:
    """Whether less is proven of who somebody is than their invitation requires."""
    return not person.assurance.reaches(room.invitations[person.invitation].requires)


def substitutes_proof(room: Room, invitation: Invitation) -> Assurance:
    """How sure it has to be who a substitute is before they are host: as sure as of any host."""
    return asked_of_hosts(room, invitation.requires)


def asked_of_hosts(room: Room, besides: Assurance) -> Assurance:
    """How sure it has to be who any host of the room is, and as sure as is asked `besides`."""
    levels = list(Assurance)
    return max([besides, *(i.requires for i in room.invitations.values() if i.host)], key=levels.index)


def is_apart(room: Room, person: Participant) -> bool:
    """Whether somebody is one of several who see the same doctor one after the other."""
    return room.one_at_a_time or room.invitations[person.invitation].many


def meets_another(room: Room, newcomer: Participant) -> bool:
    """Whether somebody let in now would meet a patient, or a patient's company, from whom they are kept apart."""
    patient = _patient_of(room, newcomer)
    if patient is None:
        return False
    for other in room.participants.values():
        inside = other.place in (Place.ADMITTED, Place.CALLED) and other.id != newcomer.id
        if inside and (is_apart(room, other) or is_apart(room, newcomer)):
            theirs = _patient_of(room, other)
            if theirs is not None and theirs != patient:
                return True
    return False


def _patient_of(room: Room, person: Participant) -> ParticipantId | None:
    """To whose consultation somebody belongs, as far as the links tell."""
    if person.role is Role.PATIENT:
        return person.id
    invitation = room.invitations[person.invitation]
    by = invitation.issued_by
    if not isinstance(by, ByParticipant) or invitation.ground is not Ground.PATIENTS_WISH:
        return None
    issuer = room.participants.get(by.participant)
    return by.participant if issuer is None or issuer.role is Role.PATIENT else None


def text_fits(text: Pii) -> bool:
    """Whether a name or reason holds something and is not too long."""
    return bool(text.reveal().strip()) and len(text.reveal()) <= MAX_TEXT


def can_be_dialled(number: RoomNumber) -> bool:
    """Whether a number is one that every keypad can dial."""
    return ROOM_NUMBER.fullmatch(number) is not None


def is_aware(moment: datetime) -> bool:
    """Whether a time says its offset, so that it can be compared with others."""
    return moment.utcoffset() is not None
