"""From a resource to what is wanted of a room. Pure; errors quote nothing of the resource."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from bridge.integration.appointments.booking import CALLED_OFF, Named, Standing
from bridge.rooms.model import Assurance, Role
from bridge.rooms.policy import CLINICIANS
from signalling.errors import BadMessage
from signalling.fhir import resources as fhir
from signalling.messages import Language

ROLES: Final = "urn:brotjeneste:fhir:role"
REQUIRES: Final = "urn:brotjeneste:fhir:requires"
TEXT_TO: Final = "urn:brotjeneste:fhir:text-to"
LANGUAGE: Final = "urn:brotjeneste:fhir:language"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PARTICIPANT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/participant-type"
NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
LONGEST: Final = timedelta(days=7)
FARTHEST: Final = timedelta(days=2 * 366)
_KINDS: Final = {
    "Patient": Role.PATIENT,
    "RelatedPerson": Role.RELATIVE,
    "Practitioner": Role.DOCTOR,
    "PractitionerRole": Role.DOCTOR,
}
_TYPES: Final = {
    (PARTICIPATION, "CON"): Role.SPECIALIST,
    (PARTICIPATION, "SPRF"): Role.ASSISTANT,
    (PARTICIPANT_TYPE, "translator"): Role.INTERPRETER,
}

W = TypeVar("W", Assurance, Language)
D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One who is to have a link; `text_to` is where it is sent as a text message, and is kept nowhere."""

    reference: str
    name: str
    role: Role
    host: bool
    requires: Assurance | None
    """None for what is usual of such people."""
    text_to: str | None = field(repr=False)
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the book wants."""

    status: str
    start: datetime
    end: datetime
    names: list[Named]
    standing: list[Standing]
    people: list[Wanted]


def read(resource: fhir.Appointment, now: datetime) -> Wish:
    """Read a resource. Raises BadMessage."""
    start, end = resource.start, resource.end
    if start is None or end is None or not start < end:
        raise BadMessage("An appointment with a room has a start, and an end after it.")
    if end - start > LONGEST or abs(start - now) > FARTHEST:
        raise BadMessage("An appointment lasts at most a week, and begins within two years.")
    people = [wanted for one in resource.participant if (wanted := _wanted(one)) is not None]
    references = [one.reference for one in people]
    if len(references) != len(set(references)):
        raise BadMessage("Each participant has a reference of their own.")
    if resource.status not in CALLED_OFF and not any(one.host for one in people):
        raise BadMessage("An appointment with a room has a Practitioner who takes part as a doctor.")
    return Wish(
        status=resource.status,
        start=start,
        end=end,
        names=[
            Named(system=one.system, value=one.value) for one in resource.identifier if one.system and one.value
        ],
        standing=[_standing(one) for one in resource.participant],
        people=people,
    )


def _standing(one: fhir.Participant) -> Standing:
    types = [(coding.system, coding.code) for concept in one.type for coding in concept.coding]
    return Standing(
        reference=None if one.actor is None else one.actor.reference, types=types, acceptance=one.status
    )


def _wanted(one: fhir.Participant) -> Wanted | None:
    """Who gets a link: people with a reference who have not declined."""
    reference = None if one.actor is None else one.actor.reference
    if one.actor is None or reference is None or one.status == "declined":
        return None
    kind = _KINDS.get(kind_of(reference))
    if kind is None:
        return None
    role = _role(one, kind)
    return Wanted(
        reference=reference,
        name=one.actor.display or role.value.capitalize(),
        role=role,
        # An interpreter or an assistant is a Practitioner as well, and waits to be let in.
        host=kind is role is Role.DOCTOR,
        requires=_word(one, REQUIRES, Assurance, None),
        text_to=_text_to(one),
        language=_word(one, LANGUAGE, Language, Language.NB),
    )


def kind_of(reference: str) -> str:
    """Of which type a reference is: the last part but one of its address."""
    return "/".join(reference.split("/")[-2:-1])


def _role(one: fhir.Participant, kind: Role) -> Role:
    codings = [coding for concept in one.type for coding in concept.coding]
    said = next((coding.code for coding in codings if coding.system == ROLES), None)
    if said is not None:
        try:
            role = Role(said)
        except ValueError:
            raise BadMessage("A participant has a role that there is not.") from None
        if role is Role.OPERATOR or (role in CLINICIANS and kind is not Role.DOCTOR):
            raise BadMessage("A participant has a role that is not for them.")
        return role
    if kind is not Role.DOCTOR:
        return kind
    found = (_TYPES.get((coding.system or "", coding.code or "")) for coding in codings)
    return next((role for role in found if role is not None), kind)


def _word(one: fhir.Participant, url: str, kind: type[W], default: D) -> W | D:
    found = next((extension.value_code for extension in one.extension if extension.url == url), None)
    if found is None:
        return default
    try:
        return kind(found)
    except ValueError:
        raise BadMessage("An extension of a participant has a code that there is not.") from None


def _text_to(one: fhir.Participant) -> str | None:
    found = next((extension for extension in one.extension if extension.url == TEXT_TO), None)
    if found is None:
        return None
    point = found.value_contact_point
    number = "" if point is None or point.value is None else re.sub(r"[\s()-]", "", point.value)
    if not NUMBER.fullmatch(number):
        raise BadMessage("A number to send a text message to is + and digits, in a ContactPoint.")
    return number
