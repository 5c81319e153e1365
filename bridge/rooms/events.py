"""What has happened in a room: plain data, recorded before it acts.

Each event carries the room, the time (UTC) and who did it. The JSON form is tagged by "type" with the class
name and is what the store keeps: class and field names are therefore permanent, and a field added later needs
a default. Names of people are in it in clear (`RoomCreated`, `Invited`, `Arrived`, `RoomTaken`, the reason in
`Refused`), so a store of events is a store of personal data.
"""

from datetime import datetime
from typing import Any

import msgspec

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
from bridge.rooms.refusal import HistoryError, Refusal


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    room: RoomId
    at: datetime
    by: Actor


class RoomCreated(_Event, frozen=True, kw_only=True):
    """A room was opened."""

    name: Pii
    max_participants: int
    number: RoomNumber | None = None
    plain_calls: bool = False
    autolock: bool = False
    one_at_a_time: bool = False
    rota: RotaName | None = None


class Invited(_Event, frozen=True, kw_only=True):
    """A link was issued."""

    invitation: InvitationId
    role: Role
    name: Pii
    host: bool
    expires_at: datetime
    pin: PinDigest | None = None
    requires: Assurance = Assurance.NONE
    person: SubjectDigest | None = None
    many: bool = False
    substitute: bool = False
    ground: Ground | None = None
    reference: Pii | None = None
    expected_at: datetime | None = None


class InvitationRevoked(_Event, frozen=True, kw_only=True):
    """A link was taken back."""

    invitation: InvitationId


class InvitationCancelled(_Event, frozen=True, kw_only=True):
    """What a link was for is called off; whoever waits by it goes out."""

    invitation: InvitationId
    new_time: datetime | None = None


class SubstituteAppointed(_Event, frozen=True, kw_only=True):
    """The holder of a link may take over while no host is there."""

    invitation: InvitationId


class Delayed(_Event, frozen=True, kw_only=True):
    """Those who wait, or the holders of one link, are told when it is their turn; None: there is no delay."""

    expected_at: datetime | None
    invitation: InvitationId | None = None


class InvitationMoved(_Event, frozen=True, kw_only=True):
    """A link is good until another time."""

    invitation: InvitationId
    expires_at: datetime


class TextNoted(_Event, frozen=True, kw_only=True):
    """A text message with a link was sent, came, or did not."""

    invitation: InvitationId
    state: TextState


class PinRenewed(_Event, frozen=True, kw_only=True):
    """The holder of a link was given a PIN, in the place of the one before if there was one."""

    invitation: InvitationId
    pin: PinDigest


class Dialled(_Event, frozen=True, kw_only=True):
    """The host had somebody called; until they answer, they have no place."""

    participant: ParticipantId
    invitation: InvitationId
    connection: ConnectionId
    resume_hash: ResumeHash
    line: Line


class NotReached(_Event, frozen=True, kw_only=True):
    """Who was called did not answer."""

    participant: ParticipantId
    why: Miss


class Arrived(_Event, frozen=True, kw_only=True):
    """Somebody came to the waiting room, for the first time or again, or answered when called.

    Again means after leaving, or by a call after a lost connection. `name` is what they call themselves, where
    the link is for many.
    """

    participant: ParticipantId
    invitation: InvitationId
    connection: ConnectionId
    resume_hash: ResumeHash
    line: Line = Line.BROWSER
    name: Pii | None = None


class HostEntered(_Event, frozen=True, kw_only=True):
    """The holder of a host link came in without waiting.

    Nobody in the room admitted them: the administration did, when it issued the link. `takes_host` tells
    whether they also became the host, which happens when no host is present.
    """

    participant: ParticipantId
    invitation: InvitationId
    connection: ConnectionId
    resume_hash: ResumeHash
    takes_host: bool
    line: Line = Line.BROWSER


class Reconnected(_Event, frozen=True, kw_only=True):
    """Somebody came back to the place that they hold; an older connection of theirs is replaced."""

    participant: ParticipantId
    connection: ConnectionId
    line: Line = Line.BROWSER


class Identified(_Event, frozen=True, kw_only=True):
    """A login in somebody's browser proved who they are."""

    participant: ParticipantId
    identity: Identity


class Disconnected(_Event, frozen=True, kw_only=True):
    """The present connection was lost; the place is held."""

    participant: ParticipantId
    connection: ConnectionId


class Left(_Event, frozen=True, kw_only=True):
    """Somebody went out of their own will."""

    participant: ParticipantId


class Admitted(_Event, frozen=True, kw_only=True):
    """The host let somebody in; with a `reason` where less was proven of them than was required."""

    participant: ParticipantId
    reason: Pii | None = None


class Refused(_Event, frozen=True, kw_only=True):
    """The host turned somebody away for good."""

    participant: ParticipantId
    reason: Pii | None = None


class Removed(_Event, frozen=True, kw_only=True):
    """The host put somebody out for good."""

    participant: ParticipantId


class SeenOff(_Event, frozen=True, kw_only=True):
    """The host ended somebody's visit; their link leads to the waiting room as before."""

    participant: ParticipantId


class SentToWaiting(_Event, frozen=True, kw_only=True):
    """The host put somebody back into the waiting room."""

    participant: ParticipantId


class LockChanged(_Event, frozen=True, kw_only=True):
    """The door was closed or opened to newcomers: by the host, or as the room's setting has it (`automatic`)."""

    locked: bool
    automatic: bool = False


class MuteChanged(_Event, frozen=True, kw_only=True):
    """The host muted somebody or lifted that mute."""

    participant: ParticipantId
    muted: bool
    may_unmute: bool


class IdentityConfirmed(_Event, frozen=True, kw_only=True):
    """The host noted that somebody in the consultation told who this is."""

    participant: ParticipantId


class ConfirmationWithdrawn(_Event, frozen=True, kw_only=True):
    """The host took back that somebody had told who this is."""

    participant: ParticipantId


class SelfMuteChanged(_Event, frozen=True, kw_only=True):
    """Somebody closed or opened their own microphone; opening also lifts a host's mute."""

    participant: ParticipantId
    muted: bool


class CameraChanged(_Event, frozen=True, kw_only=True):
    """Somebody turned their camera on or off."""

    participant: ParticipantId
    on: bool


class SharingChanged(_Event, frozen=True, kw_only=True):
    """Somebody started or stopped sharing content."""

    participant: ParticipantId
    on: bool


class Consented(_Event, frozen=True, kw_only=True):
    """Somebody said yes to a matter for themselves, on the words of this notice."""

    participant: ParticipantId
    matter: Matter
    notice: NoticeVersion


class ConsentWithdrawn(_Event, frozen=True, kw_only=True):
    """Somebody took their yes to a matter back."""

    participant: ParticipantId
    matter: Matter


class StillAsked(_Event, frozen=True, kw_only=True):
    """The host asked somebody for a still picture of their camera."""

    participant: ParticipantId
    still: StillId


class StillSent(_Event, frozen=True, kw_only=True):
    """The picture came to the page of who had asked, by that page's word."""

    participant: ParticipantId
    still: StillId


class StillDeclined(_Event, frozen=True, kw_only=True):
    """Somebody did not want to send one, or stopped sending it."""

    participant: ParticipantId
    still: StillId


class StillFailed(_Event, frozen=True, kw_only=True):
    """No picture came, and why."""

    participant: ParticipantId
    still: StillId
    why: StillEnd


class HandedOver(_Event, frozen=True, kw_only=True):
    """The host gave the role to another clinician."""

    participant: ParticipantId
    previous: ParticipantId


class HostTaken(_Event, frozen=True, kw_only=True):
    """The holder of a host link took the role while no host was present."""

    participant: ParticipantId
    previous: ParticipantId | None


class RoomTaken(_Event, frozen=True, kw_only=True):
    """One of the room's rota took it, and has a link by which they come in as host."""

    participant: ParticipantId
    invitation: InvitationId
    name: Pii
    role: Role
    requires: Assurance
    expires_at: datetime
    resume_hash: ResumeHash
    identity: Identity


class RoomEnded(_Event, frozen=True, kw_only=True):
    """The consultation is over for all; `cancelled`: before it had begun."""

    cancelled: bool = False
    new_time: datetime | None = None


Event = (
    RoomCreated
    | Invited
    | InvitationRevoked
    | InvitationCancelled
    | SubstituteAppointed
    | Delayed
    | InvitationMoved
    | TextNoted
    | PinRenewed
    | Dialled
    | NotReached
    | Arrived
    | HostEntered
    | Reconnected
    | Identified
    | Disconnected
    | Left
    | Admitted
    | Refused
    | Removed
    | SeenOff
    | SentToWaiting
    | LockChanged
    | MuteChanged
    | IdentityConfirmed
    | ConfirmationWithdrawn
    | SelfMuteChanged
    | CameraChanged
    | SharingChanged
    | Consented
    | ConsentWithdrawn
    | StillAsked
    | StillSent
    | StillDeclined
    | StillFailed
    | HandedOver
    | HostTaken
    | RoomTaken
    | RoomEnded
)

Outcome = list[Event] | Refusal
"""What a command comes to."""


def _enc_hook(value: Any) -> str:
    if isinstance(value, Pii):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _dec_hook(wanted: type, value: Any) -> Pii:
    if wanted is Pii and isinstance(value, str):
        return Pii(value)
    raise TypeError(f"expected a text for {wanted.__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_enc_hook)
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event, dec_hook=_dec_hook)


def encode(event: Event) -> bytes:
    """Return the event as JSON (UTF-8)."""
    return _ENCODER.encode(event)


def decode(data: bytes) -> Event:
    """Return the event that `encode` wrote; raise HistoryError when the bytes hold none."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The cause is cut off on purpose: it may quote the record, which holds names.
        raise HistoryError("a recorded event cannot be read") from None
