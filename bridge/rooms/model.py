"""What a room is at one moment: immutable values, changed only by `bridge.rooms.evolve`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

RoomId = NewType("RoomId", str)
ParticipantId = NewType("ParticipantId", str)
InvitationId = NewType("InvitationId", str)
ResumeHash = NewType("ResumeHash", str)
"""Digest of the secret that a page keeps so as to come back; the secret itself never enters the domain."""
ConnectionId = NewType("ConnectionId", int)
"""One socket or call leg. Compared for equality only: the last one recorded is the present one."""
RoomNumber = NewType("RoomNumber", str)
"""Digits by which room systems and telephones dial a room; no two rooms have the same."""
PinDigest = NewType("PinDigest", str)
"""Keyed digest of a PIN; the PIN itself never enters the domain."""
SubjectDigest = NewType("SubjectDigest", str)
"""Keyed digest of whom a login named; the name itself never enters the domain."""
NoticeVersion = NewType("NoticeVersion", str)
"""Which words of the information notice somebody was shown."""
StillId = NewType("StillId", str)
RotaName = NewType("RotaName", str)
"""The operator's word for a list of health personnel who take turns on duty."""


class Pii:
    """A text that says something about a person; prints as "[redacted]" wherever it ends up by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the eyes of those who may see it."""
        return self._text

    def __repr__(self) -> str:
        return "[redacted]"

    def __format__(self, spec: str) -> str:
        return format("[redacted]", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pii) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Pii, self._text))


class Role(StrEnum):
    """Whom a person is in the consultation; the words are those of the wire."""

    DOCTOR = "doctor"
    PATIENT = "patient"
    RELATIVE = "relative"
    INTERPRETER = "interpreter"
    SPECIALIST = "specialist"
    ASSISTANT = "assistant"
    OPERATOR = "operator"


class Place(StrEnum):
    """Where a participant is. Those outside left, were put out (`Participant.barred`) or were never reached."""

    CALLED = "called"
    WAITING = "waiting"
    ADMITTED = "admitted"
    OUTSIDE = "outside"


class Line(StrEnum):
    """By what a person is connected; the words are those of the wire."""

    BROWSER = "browser"
    SIP = "sip"
    H323 = "h323"
    TELEPHONE = "telephone"


class Miss(StrEnum):
    """Why somebody who was called is not there; the words are those of the wire."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    NO_MEDIA = "no_media"
    """What is at the other end and the bridge have no media in common that may be used."""


class Matter(StrEnum):
    """What somebody says yes to; the words are those of the wire."""

    VIDEO = "video"
    """That the consultation is by video, on the terms of the notice; it is no condition for being let in."""
    RECORDING = "recording"
    """That sound and picture are recorded. Nothing is, so far, and no page asks for it."""


class TextState(StrEnum):
    """What became of a text message with a link; the words are those of the wire."""

    SENT = "sent"
    """The operator's supplier has taken it."""
    DELIVERED = "delivered"
    FAILED = "failed"


class StillEnd(StrEnum):
    """What becomes of a still picture that the host has asked for; the words are those of the wire."""

    SENT = "sent"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    NO_ANSWER = "no_answer"
    NO_PICTURE = "no_picture"
    """The person's device gave none."""
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"
    """It came, and the asker's page could not show it."""
    GONE = "gone"
    """One of the two went out, or lost the connection for longer than it takes to come back."""


class Assurance(StrEnum):
    """How sure it is who somebody is, by what the bridge has itself seen proven; the words are eIDAS's.

    `NONE` is for all who came by a link alone, or by telephone.
    """

    NONE = "none"
    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"

    def reaches(self, other: "Assurance") -> bool:
        """Whether it is as sure as `other`, or surer."""
        order = list(Assurance)
        return order.index(self) >= order.index(other)


class Ground(StrEnum):
    """Why somebody is invited, as whoever issued the link has it on record; the words are those of the wire."""

    APPOINTMENT = "appointment"
    DROP_IN = "drop_in"
    POWER_OF_ATTORNEY = "power_of_attorney"
    GUARDIAN = "guardian"
    INTERPRETING = "interpreting"
    CARE = "care"
    """Takes part in the patient's care: home nursing, a ward, a specialist."""
    ON_DUTY = "on_duty"
    PATIENTS_WISH = "patients_wish"
    """The patient asked for them, and nothing more is known."""
    OTHER = "other"


class Relation(StrEnum):
    """What somebody is to the one for whom they come; the words are those of the wire."""

    PARENT = "parent"
    POWER_OF_ATTORNEY = "power_of_attorney"
    """Given by the one who is represented: help, which does not consent in their place."""
    GUARDIAN = "guardian"
    """Appointed for one who cannot speak for themselves, or a power of attorney that was assigned so."""
    OTHER = "other"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a login proved. `subject` is the same for the same person; `provider` is the operator's word for it.

    `organisation` is the number of the one that they work for, nine digits; `health_personnel` says that the
    provider found them in the register of health personnel (HPR), `hpr` digests their number in it. Who comes for
    somebody else `represents` them, as their `relation`.
    """

    assurance: Assurance
    provider: str
    subject: SubjectDigest
    organisation: str | None = None
    health_personnel: bool = False
    hpr: SubjectDigest | None = None
    represents: SubjectDigest | None = None
    relation: Relation | None = None

    def __repr__(self) -> str:
        """Leave out who it is."""
        return f"Identity({self.assurance}, {self.provider})"


class Office(StrEnum):
    """The parts of the system that act without being in the room."""

    ADMINISTRATION = "administration"  # REST: the appointment book and its like
    OPERATOR = "operator"  # runs the bridge, never takes part
    BRIDGE = "bridge"  # what the bridge itself observes, such as a lost connection


class ByParticipant(msgspec.Struct, frozen=True, tag="participant"):
    """Somebody in the room acts."""

    participant: ParticipantId


class System(msgspec.Struct, frozen=True, tag="system"):
    """The system acts, through one of its offices."""

    office: Office


Actor = ByParticipant | System


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A single-purpose link, bound to one participant at its first use; with `many` each who opens it is another.

    `host` marks a host link: its holder does not wait and may take the host role. `substitute` marks one whose
    holder may do so while no host is there. `expires_at` limits entering, not the return to a place that is still
    held. With `pin` the holder can call instead: the room's number, then the PIN.
    """

    id: InvitationId
    role: Role
    name: Pii
    host: bool
    issued_by: Actor
    issued_at: datetime
    expires_at: datetime
    pin: PinDigest | None = field(default=None, repr=False)
    requires: Assurance = Assurance.NONE
    """How sure it has to be who the holder is: a host comes in so only, a guest otherwise for a reason only."""
    person: SubjectDigest | None = field(default=None, repr=False)
    """Whose link it is, where that was said: a login of anybody else does not come in by it."""
    many: bool = False
    substitute: bool = False
    duty: bool = False
    """Whether its holder got it by taking the room, as one of the room's rota."""
    ground: Ground | None = None
    reference: Pii | None = None
    """Where the ground is to be found: the number of an appointment or of a note in the record."""
    expected_at: datetime | None = None
    """When it is the holder's turn, by whoever knows the appointment."""
    delayed: bool = False
    """Whether `expected_at` is later than was said at first."""
    participant: ParticipantId | None = None
    """The holder, from the first use on; None with `many`."""
    revoked: bool = False
    cancelled: bool = False
    text: TextState | None = None
    """What became of the text message with it, if there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody who has used an invitation.

    `since` is when they came to their present place. `connection` is None while they are not connected.
    `barred` means removed or refused: the link is spent. The host's mute and the person's own are kept apart,
    so that a host can never open a microphone that its owner closed.
    """

    id: ParticipantId
    invitation: InvitationId
    name: Pii
    role: Role
    place: Place
    since: datetime
    connection: ConnectionId | None
    resume_hash: ResumeHash = field(repr=False)
    may_host: bool = False
    barred: bool = False
    muted_by_host: bool = False
    muted_by_self: bool = False
    may_unmute: bool = True
    camera: bool = True
    sharing: bool = False
    line: Line = Line.BROWSER
    confirmed: bool = False
    """Whether the host has noted that somebody told them who this is. It proves nothing to anybody else."""
    identity: Identity | None = None
    """What a login proved, of whoever is at their page; None for all who came by a link or a call alone."""
    lost_at: datetime | None = None
    """Since when they are not connected; None while they are."""
    consents: Mapping[Matter, NoticeVersion | None] = field(default_factory=dict)
    """What they said yes to, on the words of which notice; None where they took it back."""

    @property
    def assurance(self) -> Assurance:
        """How sure it is who this is."""
        return Assurance.NONE if self.identity is None else self.identity.assurance

    @property
    def connected(self) -> bool:
        """Whether a connection of theirs is up."""
        return self.connection is not None

    @property
    def muted(self) -> bool:
        """Whether their microphone is closed, by whomever."""
        return self.muted_by_host or self.muted_by_self

    @property
    def present(self) -> bool:
        """Admitted and connected: the only state in which media may pass."""
        return self.place is Place.ADMITTED and self.connected


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A still picture that somebody has been asked for; nothing of the picture is here.

    It is between two pages, and goes on as long as both people are in the room by theirs.
    """

    id: StillId
    asker: ParticipantId
    participant: ParticipantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """That somebody on the rota has taken the room, and has not come yet."""

    participant: ParticipantId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A consultation room. `revision` counts the events that made it; the first one is 1.

    `host` keeps the role while disconnected and is None when nobody has it; `plain_calls` lets callers come whose
    media nothing encrypts. With `autolock` the room locks by itself when the first guest is let in, and opens when
    the last one has gone; with `one_at_a_time` two patients are never in together. Where it has a `rota`, any of
    those on it may come as its doctor. The mappings are in order of
    first appearance and are never changed in place.
    """

    id: RoomId
    name: Pii
    created_at: datetime
    max_participants: int
    revision: int
    number: RoomNumber | None = None
    plain_calls: bool = False
    autolock: bool = False
    one_at_a_time: bool = False
    rota: RotaName | None = None
    taken: Taken | None = None
    locked: bool = False
    locked_by_itself: bool = False
    expected_at: datetime | None = None
    """When the host expects to receive, while late."""
    ended_at: datetime | None = None
    host: ParticipantId | None = None
    still: Still | None = None
    """The picture that is being asked for or is on its way: one at a time."""
    invitations: Mapping[InvitationId, Invitation] = field(default_factory=dict)
    participants: Mapping[ParticipantId, Participant] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the consultation is over for all."""
        return self.ended_at is not None

    @property
    def present_host(self) -> Participant | None:
        """The host, if admitted and connected."""
        host = None if self.host is None else self.participants.get(self.host)
        return host if host is not None and host.present else None

    def at(self, place: Place) -> tuple[Participant, ...]:
        """Everyone in `place`, longest there first."""
        return tuple(sorted((p for p in self.participants.values() if p.place is place), key=lambda p: p.since))
