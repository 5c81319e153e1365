"""What can be asked of a room: one frozen value per act.

`by` says who asks. Knock, Call, Disconnect and TakeRoom have none: who acts follows from the link, the PIN, the
lost connection and the login. The ids in a command that creates something are made by the caller, so that
`decide` needs no randomness.
"""

from dataclasses import dataclass
from datetime import datetime

from bridge.rooms.model import (
    Actor,
    Assurance,
    ConnectionId,
    Ground,
    Identity,
    InvitationId,
    Line,
    Matter,
    Miss,
    NoticeVersion,
    ParticipantId,
    Pii,
    PinDigest,
    ResumeHash,
    Role,
    RoomId,
    RoomNumber,
    RotaName,
    StillEnd,
    StillId,
    SubjectDigest,
    TextState,
)

DEFAULT_MAX_PARTICIPANTS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRoom:
    """Open a room; `max_participants` counts the admitted. Without a `number` nobody can call it.

    With `plain_calls` callers may come whose media nothing encrypts, where the bridge takes such at all. With
    `autolock` it locks when the first guest is let in; with `one_at_a_time` two patients are never in together.
    With a `rota` its doctor is whoever of that rota takes it.
    """

    by: Actor
    room: RoomId
    name: Pii
    max_participants: int = DEFAULT_MAX_PARTICIPANTS
    number: RoomNumber | None = None
    plain_calls: bool = False
    autolock: bool = False
    one_at_a_time: bool = False
    rota: RotaName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Issue a link, and with `pin` a way in by call. For a host (`host=True`) only the administration does it.

    A link for `many` is a standing one: each who opens it says their name and waits as a person of their own.
    `substitute` lets its holder, a clinician, take over while no host is there. `ground` and `reference` say why
    the person is invited, `expected_at` when it is their turn. `person` is who that is, as a login would say.
    """

    by: Actor
    invitation: InvitationId
    role: Role
    name: Pii
    expires_at: datetime
    host: bool = False
    pin: PinDigest | None = None
    requires: Assurance = Assurance.NONE
    person: SubjectDigest | None = None
    many: bool = False
    substitute: bool = False
    ground: Ground | None = None
    reference: Pii | None = None
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeInvitation:
    """Make a link useless for whoever holds no place through it."""

    by: Actor
    invitation: InvitationId


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveInvitation:
    """Let a link be good until another time, since the appointment was moved."""

    by: Actor
    invitation: InvitationId
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteText:
    """Note what became of the text message with a link; to which number is nothing of the room's."""

    by: Actor
    invitation: InvitationId
    state: TextState


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """Come to the door with a link, for the first time or again.

    `resume_hash` digests the secret that the page presented, None when it had none. `new_participant` and
    `new_resume_hash` are used only when this is the link's first use; on a return the old ones stay in force.
    """

    invitation: InvitationId
    connection: ConnectionId
    resume_hash: ResumeHash | None
    new_participant: ParticipantId
    new_resume_hash: ResumeHash
    identity: Identity | None = None
    """What a login in the same browser proved, if there was one."""
    name: Pii | None = None
    """What somebody calls themselves who comes by a link for many; of no effect with others."""
    notice: NoticeVersion | None = None
    """The notice that stood beside the button that was pressed, for one who comes in by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Come to the door by a call to the room's number, with a PIN, for the first time or again.

    `pins` are the digests of what was entered, one under each key that is in use. `new_participant` and
    `new_resume_hash` are used only when the invitation has not been used, by link or by PIN.
    """

    pins: frozenset[PinDigest]
    line: Line
    connection: ConnectionId
    new_participant: ParticipantId
    new_resume_hash: ResumeHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """The host has somebody called, who gets an invitation for it; by which number is nothing of the room's.

    `new_resume_hash` digests a secret that nobody has: no page comes back to the place of who was called.
    """

    by: Actor
    invitation: InvitationId
    new_participant: ParticipantId
    role: Role
    name: Pii
    expires_at: datetime
    line: Line
    connection: ConnectionId
    new_resume_hash: ResumeHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Who was called has taken the call."""

    participant: ParticipantId
    connection: ConnectionId
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteMiss:
    """Who was called has not been reached."""

    participant: ParticipantId
    connection: ConnectionId
    why: Miss


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewPin:
    """Whoever holds a link wants to call instead. `resume_hash` is as in Knock."""

    invitation: InvitationId
    resume_hash: ResumeHash | None
    new_pin: PinDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """A connection is lost; of no effect when a newer one has replaced it."""

    participant: ParticipantId
    connection: ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Go out of one's own will. `connection`, where given, must be the present one for the act to count."""

    by: Actor
    connection: ConnectionId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Let one who waits, and is connected, in."""

    by: Actor
    participant: ParticipantId
    reason: Pii | None = None
    """Why somebody is let in of whom less is proven than their invitation requires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitAll:
    """Let in those who wait and are connected, longest waiting first, as many as there is room for."""

    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SeeOff:
    """End the visit of `leaving`, and in the same act let `following` in, who waits and has seen nobody of them.

    Who leaves is not barred. `reason` is as in `Admit`.
    """

    by: Actor
    leaving: frozenset[ParticipantId]
    following: ParticipantId | None = None
    reason: Pii | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Turn away one who waits, for good. `reason` is shown to that person."""

    by: Actor
    participant: ParticipantId
    reason: Pii | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Put out one who is admitted or waits, for good."""

    by: Actor
    participant: ParticipantId


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToWaiting:
    """Put one who is admitted back into the waiting room."""

    by: Actor
    participant: ParticipantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Close (or open) the door to newcomers."""

    by: Actor
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """The host closes a microphone, or lifts the host's own mute; never the person's own."""

    by: Actor
    participant: ParticipantId
    muted: bool
    may_unmute: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmIdentity:
    """The host notes that somebody in the consultation has told who this is, or takes that back."""

    by: Actor
    participant: ParticipantId
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfMute:
    """Close or open one's own microphone."""

    by: Actor
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Say whether one's own camera is on."""

    by: Actor
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Start or stop sharing content; one person at a time."""

    by: Actor
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Say yes to a matter for oneself, on the words of this notice."""

    by: Actor
    matter: Matter
    notice: NoticeVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawConsent:
    """Take one's yes to a matter back."""

    by: Actor
    matter: Matter


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStill:
    """The host asks somebody for a still picture of their camera."""

    by: Actor
    still: StillId
    participant: ParticipantId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStill:
    """Say what has become of a still picture; of no effect when that is known already."""

    by: Actor
    still: StillId
    end: StillEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Give the host role to another clinician who is admitted and connected."""

    by: Actor
    participant: ParticipantId


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeHost:
    """Take the host role with a host link while no host is present; a substitute does so also while waiting."""

    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRoom:
    """One of a rota takes a room of it, to come in as its host by a link of their own; who that is, is `identity`.

    Who acts follows from that. `requires` is how sure the rota wants it to be who comes, as by `Invite`.
    """

    rota: RotaName
    identity: Identity
    name: Pii
    requires: Assurance
    invitation: InvitationId
    new_participant: ParticipantId
    new_resume_hash: ResumeHash
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Appoint:
    """Let the holder of a link, a clinician, take over while no host is there; by host or administration."""

    by: Actor
    invitation: InvitationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Say when it is the turn of those who wait, or of the holders of one link; None: there is no delay."""

    by: Actor
    expected_at: datetime | None
    invitation: InvitationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Call off what a link was for, before its holder was let in; `new_time` is told where there is one."""

    by: Actor
    invitation: InvitationId
    new_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """End the consultation for all; `cancelled` where it has not begun, with the new time if there is one."""

    by: Actor
    cancelled: bool = False
    new_time: datetime | None = None


Command = (
    CreateRoom
    | Invite
    | RevokeInvitation
    | MoveInvitation
    | NoteText
    | Knock
    | Call
    | Dial
    | Answer
    | NoteMiss
    | RenewPin
    | Disconnect
    | Leave
    | Admit
    | AdmitAll
    | SeeOff
    | Refuse
    | Remove
    | SendToWaiting
    | Lock
    | Mute
    | ConfirmIdentity
    | SelfMute
    | Camera
    | Sharing
    | Consent
    | WithdrawConsent
    | AskStill
    | EndStill
    | HandOver
    | TakeHost
    | TakeRoom
    | Appoint
    | Delay
    | Cancel
    | End
)
