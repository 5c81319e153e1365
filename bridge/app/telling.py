"""What each person is told: views of a room as messages of the browser protocol. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bridge.app import receiving
from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.numbers import masked
from bridge.app.ports import Legs
from bridge.app.proof import NOTHING_USUAL, Usual
from bridge.rooms import events as ev
from bridge.rooms.model import (
    Assurance,
    Identity,
    InvitationId,
    Line,
    Participant,
    ParticipantId,
    Place,
    Role,
    Room,
)
from bridge.rooms.pins import can_have_one
from bridge.rooms.policy import CLINICIANS
from bridge.rooms.receiving import ahead_of, turn_of
from bridge.rooms.substitutes import may_take_over
from bridge.rooms.views import visible_to
from media.api import Demand
from media.description import CAMERA, CONTENT, MIC
from signalling import messages as m
from signalling.errors import Code

SOURCE_NAMES = {MIC: m.SourceName.MIC, CAMERA: m.SourceName.CAMERA, CONTENT: m.SourceName.CONTENT}


@dataclass(frozen=True, slots=True)
class Beside:
    """What is told of a room and is not on record."""

    tested: Mapping[InvitationId, m.TrialVerdict] = field(default_factory=dict)
    legs: Mapping[ParticipantId, MediaLeg] = field(default_factory=dict)
    numbers: Mapping[ParticipantId, str] = field(default_factory=dict, repr=False)
    ringing: Collection[ParticipantId] = frozenset()
    away: Collection[ParticipantId] = frozenset()
    """Of whom nothing has come for some seconds: nobody is told that they are there."""
    dials: bool = False
    short: bool = False
    texts: bool = False
    now: datetime | None = None
    organisations: Mapping[str, str] = field(default_factory=dict)
    """What the operator calls the organisations for which people work, by their numbers."""
    usual: Usual = NOTHING_USUAL


NOTHING: Final = Beside()
PRIVATELY: Final = frozenset({Role.PATIENT, Role.RELATIVE})
"""As whom people take part who are not there by their work."""


def roster(room: Room, viewer: ParticipantId, beside: Beside = NOTHING) -> m.Roster:
    """Everyone whom `viewer` may know of; a host learns more of them."""
    host = room.host == viewer
    waits = viewer in room.participants and room.participants[viewer].place is Place.WAITING
    expected_at, late = _turn(room, viewer)
    return m.Roster(
        revision=room.revision,
        # A room that locks by itself would tell who waits that somebody else is in, or has gone.
        locked=room.locked and not waits,
        host=host,
        number=room.number if host else None,
        dials=host and beside.dials,
        short=host and beside.short,
        texts=host and beside.texts,
        asked_of_patients=m.Assurance(beside.usual.of_patients if host else Assurance.NONE),
        ahead=ahead_of(room, viewer),
        expected_at=expected_at,
        late=late,
        may_take_over=viewer in room.participants and may_take_over(room, room.participants[viewer]),
        expected=receiving.expected(room, beside.now) if host and beside.now is not None else [],
        people=[_person(room, person, viewer, beside) for person in visible_to(room, viewer)],
    )


def _turn(room: Room, viewer: ParticipantId) -> tuple[datetime | None, bool]:
    """When it is the turn of one who waits; for the host, what is said of it to all."""
    person = room.participants.get(viewer)
    if person is not None and person.place is Place.WAITING:
        return turn_of(room, viewer)
    if room.host == viewer:
        return room.expected_at, room.expected_at is not None
    return None, False


def _person(room: Room, person: Participant, viewer: ParticipantId, beside: Beside) -> m.Person:
    media = beside.legs.get(person.id)
    at_work = _at_work(person)
    return m.Person(
        participant=person.id,
        name=person.name.reveal(),
        role=m.Role(person.role.value),
        host=room.host == person.id,
        place=m.Place(person.place.value),
        connected=person.connected and person.id not in beside.away,
        muted=person.muted,
        may_unmute=person.may_unmute,
        camera=person.camera,
        sharing=person.sharing,
        you=person.id == viewer,
        line=m.Line(person.line.value),
        number=_number(person, beside, whole=room.host == viewer),
        ringing=person.id in beside.ringing,
        assurance=m.Assurance(person.assurance.value),
        required=m.Assurance(_required(room, person, viewer).value),
        relation=_relation(person) if viewer in (room.host, person.id) else None,
        health_personnel=at_work is not None and at_work.health_personnel,
        employer=None if at_work is None else _employer(at_work, beside),
        confirmed=person.confirmed,
        encryption=None if media is None else media.encryption,
        tested=beside.tested.get(person.invitation) if room.host == viewer else None,
        invited=receiving.invited(room, person) if room.host == viewer else None,
        consents=_consents(person) if viewer in (room.host, person.id) else [],
    )


def _consents(person: Participant) -> list[m.Consented]:
    return [
        m.Consented(matter=m.Matter(matter.value), given=notice is not None)
        for matter, notice in person.consents.items()
    ]


def _required(room: Room, person: Participant, viewer: ParticipantId) -> Assurance:
    """How sure it has to be who somebody is, for the host and for themselves."""
    told = viewer in (room.host, person.id)
    return room.invitations[person.invitation].requires if told else Assurance.NONE


def _relation(person: Participant) -> m.Relation | None:
    """As what somebody comes for somebody else; for whom, nobody is told, since the bridge does not know it."""
    relation = None if person.identity is None else person.identity.relation
    return None if relation is None else m.Relation(relation.value)


def _at_work(person: Participant) -> Identity | None:
    """What a login proved of somebody who takes part by their work.

    A nurse who is the patient, or comes with their mother, is here as that: where they work is nobody's business.
    """
    identity = person.identity
    private = person.role in PRIVATELY or (identity is not None and identity.represents is not None)
    return None if private else identity


def _employer(identity: Identity, beside: Beside) -> m.Employer | None:
    number = identity.organisation
    return None if number is None else m.Employer(number=number, name=beside.organisations.get(number))


def _number(person: Participant, beside: Beside, *, whole: bool) -> str | None:
    """Whence somebody came who has no page: for the host as the networks say, for others hardly anything."""
    known = beside.numbers.get(person.id)
    if not known or person.line is Line.BROWSER:
        return None
    return known if whole else masked(known)


def missed(room: Room, event: ev.NotReached) -> m.Missed:
    """Why somebody whom the host had called is not there."""
    person = room.participants[event.participant]
    return m.Missed(participant=person.id, name=person.name.reveal(), why=m.Miss(event.why.value))


def layout(live: LiveRoom, legs: Legs, viewer: ParticipantId) -> m.Layout:
    """Who is in each of the viewer's slots. Nobody, while the viewer waits: then there is no plan for them."""
    own = live.legs.get(viewer)
    if own is None:
        return m.Layout(slots=[])
    described = legs.description(own.leg)
    slots = []
    for (leg, slot), (sender, source) in sorted(live.plan.items()):
        owner, mid = live.owner_of(sender), described.mid_of(slot)
        if leg == own.leg and owner is not None and mid is not None:
            slots.append(m.LayoutSlot(mid=mid, participant=owner, source=SOURCE_NAMES[source]))
    return m.Layout(slots=slots)


def demand(wanted: Demand) -> m.Demand:
    """What the engine would like one source of somebody's to send."""
    return m.Demand(
        source=SOURCE_NAMES[wanted.source],
        encodings=[m.Wanted(active=one.active, max_bitrate=one.max_bitrate) for one in wanted.encodings],
        leg=leg_name(wanted.leg),
    )


def codec(leg: int, source: int, payload_type: int) -> m.Codec:
    """In what one source of somebody's is best sent."""
    return m.Codec(source=SOURCE_NAMES[source], payload_type=payload_type, leg=leg_name(leg))


def welcome(room: Room, person: Participant, resume: str, slots: m.SlotCounts, leg: MediaLeg | None) -> m.Welcome:
    """The first message to somebody who got through the door."""
    return m.Welcome(
        version=m.PROTOCOL_VERSION,
        participant=person.id,
        room_name=room.name.reveal(),
        role=m.Role(person.role.value),
        host=room.host == person.id,
        place=m.Place(person.place.value),
        resume=resume,
        slots=slots,
        ice_servers=[],
        leg=None if leg is None else leg_name(leg.leg),
        calls=can_have_one(room, room.invitations[person.invitation]),
    )


def leg_name(leg: int) -> str:
    """A leg in words: its number has more bits than a number of JavaScript."""
    return str(leg)


def farewell(event: ev.Event, after: Room) -> dict[ParticipantId, Code]:
    """Whose connection ends with this event, and why. A room's end is for everyone and not in here."""
    match event:
        case ev.SeenOff(participant=who):
            return {who: Code.ENDED}
        case ev.InvitationCancelled(invitation=invitation):
            return dict.fromkeys(receiving.cancelled_by(after, invitation), Code.CANCELLED)
        case ev.Removed(participant=who):
            return {who: Code.REMOVED}
        case ev.Refused(participant=who):
            return {who: Code.REFUSED}
        case ev.Left(participant=who) | ev.NotReached(participant=who):
            return {who: Code.LEFT}
        case _:
            return {}


def end_for(event: ev.RoomEnded, person: Participant) -> Code:
    """As what somebody learns that it is over: who was to be received, that it does not take place."""
    return Code.CANCELLED if event.cancelled and person.role not in CLINICIANS else Code.ENDED


def last_word(event: ev.Event) -> m.Cancelled | None:
    """What is told before the connection ends: the new time of what is called off."""
    if isinstance(event, ev.InvitationCancelled | ev.RoomEnded) and event.new_time is not None:
        return m.Cancelled(new_time=event.new_time)
    return None


def counts(room: Room) -> dict[str, int]:
    """How many wait and how many are in."""
    return {"waiting": len(room.at(Place.WAITING)), "admitted": len(room.at(Place.ADMITTED))}
