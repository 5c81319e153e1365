"""From what is kept, and the room as it is, to a resource. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.integration.appointments.booking import Attendee, Booking, Standing
from bridge.rooms.model import Invitation, Participant, Place, Room
from signalling.fhir import resources as fhir

VIRTUAL_SERVICE: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.virtualService"
CHANNEL: Final = "urn:brotjeneste:fhir:channel"
LINK: Final = "urn:brotjeneste:fhir:link"
PRESENCE: Final = "urn:brotjeneste:fhir:presence"
_ARRIVABLE: Final = frozenset({"proposed", "pending", "booked", "waitlist", "checked-in"})
_PRESENCE: Final = {
    Place.WAITING: "waiting",
    Place.ADMITTED: "admitted",
    Place.OUTSIDE: "gone",
    Place.CALLED: "called",
}

Link = Callable[[Invitation], str]


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways in: the page to which all links lead, and the link of an invitation."""

    page: str
    link: Link


def resource(identity: str, version: int, booking: Booking, room: Room, ways: Ways) -> fhir.Appointment:
    """The appointment with the links of those who have one, and who has arrived."""
    return fhir.Appointment(
        resource_type="Appointment",
        id=identity,
        meta=fhir.Versioned(version_id=str(version)),
        extension=[] if room.ended else [_service(ways.page, room.max_participants)],
        identifier=[fhir.Identifier(system=name.system, value=name.value) for name in booking.names],
        status=_status(booking, room),  # type: ignore[arg-type]
        start=booking.start,
        end=booking.end,
        participant=[_participant(one, booking, room, ways.link) for one in booking.standing],
    )


def _status(booking: Booking, room: Room) -> str:
    """What the book says, or `arrived` once somebody waits or is in who is no host of the appointment."""
    hosts = {one.invitation for one in booking.attendees if one.host}
    here = any(
        person.place in (Place.WAITING, Place.ADMITTED)
        for person in room.participants.values()
        if person.invitation not in hosts
    )
    return "arrived" if here and booking.status in _ARRIVABLE else booking.status


def _participant(one: Standing, booking: Booking, room: Room, link: Link) -> fhir.Participant:
    attendee = None if one.reference is None else booking.attendee(one.reference)
    codings = [fhir.Coding(system=system, code=code) for system, code in one.types]
    return fhir.Participant(
        extension=[] if attendee is None else _of_attendee(attendee, room, link),
        type=[fhir.CodeableConcept(coding=[coding]) for coding in codings],
        actor=None if one.reference is None else fhir.Reference(reference=one.reference),
        status=one.acceptance,  # type: ignore[arg-type]
    )


def _of_attendee(attendee: Attendee, room: Room, link: Link) -> list[fhir.Extension]:
    invitation = room.invitations[attendee.invitation]
    person = None if invitation.participant is None else room.participants[invitation.participant]
    presence = [] if person is None else [fhir.Extension(url=PRESENCE, value_code=_presence(person))]
    usable = not room.ended and not invitation.revoked and (person is None or not person.barred)
    return [*([fhir.Extension(url=LINK, value_url=link(invitation))] if usable else []), *presence]


def _presence(person: Participant) -> str:
    here = person.place in (Place.WAITING, Place.ADMITTED)
    return "away" if here and not person.connected else _PRESENCE[person.place]


def _service(page: str, most: int) -> fhir.Extension:
    """R5's VirtualServiceDetail, as the cross-version extensions have it in R4."""
    return fhir.Extension(
        url=VIRTUAL_SERVICE,
        extension=[
            fhir.SimpleExtension(url="_datatype", value_string="VirtualServiceDetail"),
            fhir.SimpleExtension(url="channelType", value_coding=fhir.Coding(system=CHANNEL, code="brotjeneste")),
            fhir.SimpleExtension(url="address", value_url=page),
            fhir.SimpleExtension(url="maxParticipants", value_positive_int=most),
        ],
    )
