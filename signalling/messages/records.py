"""What is told of consultations afterwards: audit, attendance, usage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from signalling.messages.words import Assurance, Count, Id, Instant, Line, Name, Organisation, Part, Role

Sequence = Annotated[int, Meta(ge=0, le=2**31 - 1, description="A row's place in the chain.")]
MAX_AUDIT_ROWS = 1000
MAX_USAGE_ROOMS = 100


class AuditQuery(Part, frozen=True, kw_only=True):
    """Which rows: of a room, of a time (`until` excluded), after the one with this number; at most `limit`."""

    room: Id | None = None
    since: Instant | None = None
    until: Instant | None = None
    after: Sequence = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_AUDIT_ROWS)] = 100


class BundleLink(Part, frozen=True, kw_only=True):
    """An address that belongs to a bundle."""

    relation: Literal["self", "next"]
    url: str


class BundleSearch(Part, frozen=True, kw_only=True):
    """Why a resource is in a bundle."""

    mode: Literal["match"] = "match"


class BundleEntry(Part, frozen=True, kw_only=True):
    """A resource and its name."""

    full_url: str = field(name="fullUrl")
    resource: dict[str, Any]
    search: BundleSearch = BundleSearch()


class AuditBundle(Part, frozen=True, kw_only=True):
    """A Bundle of AuditEvent resources (FHIR R4); where there is a link `next`, there is more."""

    resource_type: Literal["Bundle"] = field(name="resourceType", default="Bundle")
    type: Literal["searchset"] = "searchset"
    link: list[BundleLink]
    entry: list[BundleEntry]


class AttendanceQuery(Part, frozen=True, kw_only=True):
    """What one organisation is told; without a number, what each of them is."""

    organisation: Organisation | None = None


class Attendee(Part, frozen=True, kw_only=True):
    """A stay of one person of the organisation, by one kind of line.

    `assurance`, `provider` and `health_personnel` are what a login proved, and `confirmed` that the host noted
    that somebody had told who this is. `admitted` is null for who only waited, `left` as long as they hold a
    place; `seconds` is how long they were in the room and connected.
    """

    participant: Id
    invitation: Id
    role: Role
    line: Line
    assurance: Assurance
    provider: Name | None = None
    health_personnel: bool = False
    confirmed: bool
    came: Instant
    admitted: Instant | None = None
    left: Instant | None = None
    seconds: Count


class OrganisationAttendance(Part, frozen=True, kw_only=True):
    """What one organisation is told: its own people, and the roles of those who were in the room with them."""

    organisation: Organisation
    people: list[Attendee]
    others: list[Role]


class Attendance(Part, frozen=True, kw_only=True):
    """Each organisation's part is for that organisation alone."""

    room: Id
    organisations: list[OrganisationAttendance]


class UsageQuery(Part, frozen=True, kw_only=True):
    """Conferences that ended in this time (`until` excluded), of at most `limit` rooms after the one named."""

    since: Instant
    until: Instant
    after: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_USAGE_ROOMS)] = MAX_USAGE_ROOMS


class LineUsage(Part, frozen=True, kw_only=True):
    """How many used one kind of line in a conference, and how many minutes together, begun ones included."""

    line: Line
    participants: Count
    minutes: Count


class Conference(Part, frozen=True, kw_only=True):
    """A time in which two or more were in a room together; breaks of less than a minute are part of it.

    `number` counts within the room. `minutes` are those begun, `most` is how many were there at once.
    """

    room: Id
    number: Annotated[int, Meta(ge=1)]
    start: Instant
    end: Instant
    minutes: Count
    participants: Count
    most: Count
    lines: list[LineUsage]


class Usage(Part, frozen=True, kw_only=True):
    """Conferences that are over. With `next` there may be more: ask again, with it as `after`."""

    conferences: list[Conference]
    next: Id | None = None
