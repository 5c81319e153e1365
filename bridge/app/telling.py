"""What each person is told: views of a room as messages of the browser protocol. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.ports import Legs
from bridge.rooms import events as ev
from bridge.rooms.model import InvitationId, Participant, ParticipantId, Place, Room
from bridge.rooms.views import visible_to
from media.api import Demand
from media.description import CAMERA, CONTENT, MIC
from signalling import messages as m
from signalling.errors import Code

NO_TESTS: Final[Mapping[InvitationId, m.TrialVerdict]] = MappingProxyType({})
NO_LEGS: Final[Mapping[ParticipantId, MediaLeg]] = MappingProxyType({})
SOURCE_NAMES = {MIC: m.SourceName.MIC, CAMERA: m.SourceName.CAMERA, CONTENT: m.SourceName.CONTENT}


def roster(
    room: Room,
    viewer: ParticipantId,
    tested: Mapping[InvitationId, m.TrialVerdict] = NO_TESTS,
    legs: Mapping[ParticipantId, MediaLeg] = NO_LEGS,
) -> m.Roster:
    """Everyone whom `viewer` may know of; a host learns as well what their tests have shown."""
    known = tested if room.host == viewer else NO_TESTS
    return m.Roster(
        revision=room.revision,
        locked=room.locked,
        host=room.host == viewer,
        people=[_person(room, person, viewer, known, legs.get(person.id)) for person in visible_to(room, viewer)],
    )


def _person(
    room: Room,
    person: Participant,
    viewer: ParticipantId,
    tested: Mapping[InvitationId, m.TrialVerdict],
    media: MediaLeg | None,
) -> m.Person:
    return m.Person(
        participant=person.id,
        name=person.name.reveal(),
        role=m.Role(person.role.value),
        host=room.host == person.id,
        place=m.Place(person.place.value),
        connected=person.connected,
        muted=person.muted,
        may_unmute=person.may_unmute,
        camera=person.camera,
        sharing=person.sharing,
        you=person.id == viewer,
        line=m.Line(person.line.value),
        encryption=None if media is None else media.encryption,
        tested=tested.get(person.invitation),
    )


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
    )


def leg_name(leg: int) -> str:
    """A leg in words: its number has more bits than a number of JavaScript."""
    return str(leg)


def farewell(event: ev.Event) -> dict[ParticipantId, Code]:
    """Whose connection ends with this event, and why. A room's end is for everyone and not in here."""
    match event:
        case ev.Removed(participant=who):
            return {who: Code.REMOVED}
        case ev.Refused(participant=who):
            return {who: Code.REFUSED}
        case ev.Left(participant=who):
            return {who: Code.LEFT}
        case _:
            return {}


def counts(room: Room) -> dict[str, int]:
    """How many wait and how many are in."""
    return {"waiting": len(room.at(Place.WAITING)), "admitted": len(room.at(Place.ADMITTED))}
