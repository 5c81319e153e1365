"""Resources and types of FHIR R4, with the elements that the bridge reads or writes. What else comes is not kept.

Elements are those of http://hl7.org/fhir/R4; the structs are lenient in what they take, since a book sends all
that it has, and hold what they give to the same names.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from signalling.messages.words import Instant, Name, Part

FhirId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9.-]+$(?!\n)")]
FhirUri = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^\S+$(?!\n)")]
FhirCode = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\s]+( [^\s]+)*$(?!\n)")]
FhirText = Annotated[str, Meta(min_length=1, max_length=256)]
MAX_PARTICIPANTS = 50
MAX_REPEATS = 20

BookStatus = Literal[
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
]
Acceptance = Literal["accepted", "declined", "tentative", "needs-action"]


class Element(Part, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=False):
    """Base of everything of FHIR: unknown elements are passed over, those at their default left out."""


class Coding(Element, frozen=True, kw_only=True):
    """A code of a system."""

    system: FhirUri | None = None
    code: FhirCode | None = None
    display: FhirText | None = None


class CodeableConcept(Element, frozen=True, kw_only=True):
    """Something, by codes."""

    coding: Annotated[list[Coding], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)


class Identifier(Element, frozen=True, kw_only=True):
    """The book's own name for an appointment."""

    system: FhirUri | None = None
    value: FhirText | None = None


class Reference(Element, frozen=True, kw_only=True):
    """Who it is, as the book knows them; `display` is the name that the others see."""

    reference: FhirUri | None = None
    display: Name | None = None


class ContactPoint(Element, frozen=True, kw_only=True):
    """How somebody is reached."""

    system: FhirCode | None = None
    value: FhirText | None = None


class SimpleExtension(Element, frozen=True, kw_only=True):
    """What base FHIR has no element for, with the few types of value that occur here."""

    url: FhirUri
    value_code: FhirCode | None = None
    value_string: FhirText | None = None
    value_url: Annotated[str, Meta(max_length=2048)] | None = None
    value_positive_int: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    value_coding: Coding | None = None
    value_contact_point: ContactPoint | None = None


class Extension(SimpleExtension, frozen=True, kw_only=True):
    """The same, or several of them under one name."""

    extension: Annotated[list[SimpleExtension], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)


class Participant(Element, frozen=True, kw_only=True):
    """Somebody, or something, that the appointment involves."""

    extension: Annotated[list[Extension], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)
    type: Annotated[list[CodeableConcept], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)
    actor: Reference | None = None
    status: Acceptance


class Versioned(Element, frozen=True, kw_only=True):
    """Which version of a resource it is."""

    version_id: FhirId | None = None


class Appointment(Element, frozen=True, kw_only=True):
    """An appointment, of which the book is master; the bridge adds the links and who has arrived."""

    resource_type: Literal["Appointment"]
    id: FhirId | None = None
    meta: Versioned | None = None
    extension: Annotated[list[Extension], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)
    identifier: Annotated[list[Identifier], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)
    status: BookStatus
    start: Instant | None = None
    end: Instant | None = None
    participant: Annotated[list[Participant], Meta(min_length=1, max_length=MAX_PARTICIPANTS)]


class Entry(Element, frozen=True, kw_only=True):
    """One that was found."""

    full_url: str
    resource: Appointment


class Bundle(Element, frozen=True, kw_only=True):
    """What a search found."""

    resource_type: Literal["Bundle"]
    type: Literal["searchset"]
    total: Annotated[int, Meta(ge=0)]
    entry: list[Entry] = msgspec.field(default_factory=list)


class Parameter(Element, frozen=True, kw_only=True):
    """One parameter of an operation."""

    name: FhirText
    value_reference: Reference | None = None


class Parameters(Element, frozen=True, kw_only=True):
    """What an operation is given."""

    resource_type: Literal["Parameters"]
    parameter: Annotated[list[Parameter], Meta(max_length=MAX_REPEATS)] = msgspec.field(default_factory=list)


class Detail(Element, frozen=True, kw_only=True):
    """Words for developers."""

    text: str


class Issue(Element, frozen=True, kw_only=True):
    """What went wrong; `code` is of http://hl7.org/fhir/issue-type, `details` the bridge's own code."""

    severity: Literal["error"]
    code: str
    details: CodeableConcept
    diagnostics: str


class OperationOutcome(Element, frozen=True, kw_only=True):
    """The body of every error."""

    resource_type: Literal["OperationOutcome"]
    issue: list[Issue]


class CapabilityStatement(Element, frozen=True, kw_only=True):
    """What the bridge can; its parts are fixed."""

    resource_type: Literal["CapabilityStatement"]
    status: Literal["active"]
    date: str
    kind: Literal["instance"]
    fhir_version: Literal["4.0.1"]
    format: list[Literal["json"]]
    rest: list[dict[str, Any]]


def encode(resource: Element) -> str:
    """A resource as JSON."""
    return msgspec.json.encode(resource).decode()
