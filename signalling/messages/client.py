"""What clients send, in the order of `PROTOCOL.md`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from signalling.messages.words import (
    MAX_LINES,
    MAX_PEOPLE,
    MAX_SLOT_REPORTS,
    MAX_SLOTS,
    Address,
    Assurance,
    Count,
    Flow,
    FrameRate,
    Ground,
    Id,
    Instant,
    Language,
    Limited,
    Lines,
    Matter,
    Mid,
    Milliseconds,
    Name,
    NoticeVersion,
    NotNegative,
    Part,
    Percent,
    Phone,
    Reason,
    Ref,
    Reference,
    Role,
    Sdp,
    Seconds,
    Secret,
    SourceName,
    StillAnswer,
    StillBytes,
    StillKey,
    StillOutcome,
    Text,
    Token,
    Total,
    Wire,
)


class Join(Wire, frozen=True, kw_only=True):
    """First message on every connection. `resume` is the link's secret, of `welcome` or one's own.

    `name` is for links that are for many.
    `notice`: which one stood beside the button that the person pressed.
    """

    version: Annotated[int, Meta(ge=0, le=2**31)]
    token: Token
    resume: Secret | None = None
    language: Language
    name: Name | None = None
    notice: NoticeVersion | None = None


class Sources(Part, frozen=True, kw_only=True):
    """The mid (RFC 8843) of each m-line that the client sends on, null where it has none."""

    mic: Mid | None = None
    camera: Mid | None = None
    content: Mid | None = None


class Offer(Wire, frozen=True, kw_only=True):
    """The client's SDP offer (RFC 8866); the reply is `answer`. `switches`: it heeds `codec`."""

    sdp: Sdp
    sources: Sources
    switches: bool = False
    ref: Ref


class Admit(Wire, frozen=True, kw_only=True):
    """Host: let someone in who waits; with a reason where less is proven of them than is required."""

    participant: Id
    reason: Reason | None = None
    ref: Ref


class AdmitAll(Wire, frozen=True, kw_only=True):
    """Host: let in everyone who waits."""

    ref: Ref


class SeeOff(Wire, frozen=True, kw_only=True):
    """Host: end the visit of some, and let the next one in in the same act."""

    leaving: Annotated[list[Id], Meta(max_length=MAX_PEOPLE)]
    following: Id | None = None
    reason: Reason | None = None
    ref: Ref


class Refuse(Wire, frozen=True, kw_only=True):
    """Host: turn away someone who waits, for good."""

    participant: Id
    reason: Reason | None = None
    ref: Ref


class Remove(Wire, frozen=True, kw_only=True):
    """Host: put someone out, for good."""

    participant: Id
    ref: Ref


class ToWaiting(Wire, frozen=True, kw_only=True):
    """Host: send someone back to the waiting room."""

    participant: Id
    ref: Ref


class Lock(Wire, frozen=True, kw_only=True):
    """Host: let nobody new come in, or again let them."""

    locked: bool
    ref: Ref


class Mute(Wire, frozen=True, kw_only=True):
    """Host: mute someone's microphone in the engine; `may_unmute`: they may lift it themselves."""

    participant: Id
    muted: bool
    may_unmute: bool
    ref: Ref


class SelfMute(Wire, frozen=True, kw_only=True):
    """Mute or unmute one's own microphone."""

    muted: bool
    ref: Ref


class Camera(Wire, frozen=True, kw_only=True):
    """Say that one's own camera is on or off."""

    on: bool
    ref: Ref


class Sharing(Wire, frozen=True, kw_only=True):
    """Say that one shares content, or has stopped."""

    on: bool
    ref: Ref


class HandOver(Wire, frozen=True, kw_only=True):
    """Host: make another clinician the host."""

    participant: Id
    ref: Ref


class TakeHost(Wire, frozen=True, kw_only=True):
    """Become host while none is there, also from the waiting room, where the roster says `may_take_over`."""

    ref: Ref


class Appoint(Wire, frozen=True, kw_only=True):
    """Host: let a clinician take over while no host is there."""

    invitation: Id
    ref: Ref


class Invite(Wire, frozen=True, kw_only=True):
    """Host, or a patient for company: make a link, and with `pin` a way to call; the reply is `invited`.

    `many` and `substitute` as in `CreateInvitation`. Host: the link is sent to `text_to`, as `texted` tells.
    """

    role: Role
    name: Name
    pin: bool = False
    requires: Assurance | None = None
    many: bool = False
    substitute: bool = False
    ground: Ground | None = None
    reference: Reference | None = None
    text_to: Phone | None = None
    language: Language = Language.NB
    ref: Ref


class Withdraw(Wire, frozen=True, kw_only=True):
    """Host: take a link back that nobody has come by."""

    invitation: Id
    ref: Ref


class Delay(Wire, frozen=True, kw_only=True):
    """Host: tell those who wait and will come when it is their turn; null: there is no delay."""

    expected_at: Instant | None = None
    invitation: Id | None = None
    ref: Ref


class Cancel(Wire, frozen=True, kw_only=True):
    """Host: call off what a link was for, and tell whoever waits by it."""

    invitation: Id
    new_time: Instant | None = None
    ref: Ref


class Dial(Wire, frozen=True, kw_only=True):
    """Host: have somebody called, by SIP address or telephone number."""

    address: Address
    role: Role
    name: Name
    ref: Ref


class ConfirmIdentity(Wire, frozen=True, kw_only=True):
    """Host: note that somebody in the consultation has told who this is, or take that back."""

    participant: Id
    confirmed: bool
    ref: Ref


class Write(Wire, frozen=True, kw_only=True):
    """The line that I am writing, as a whole; `done` when it is sent. Told to who is in now, and kept nowhere."""

    text: Text
    done: bool
    ref: Ref

    def __repr__(self) -> str:
        """Leave out what was written."""
        return f"Write(done={self.done})"


class Consent(Wire, frozen=True, kw_only=True):
    """Say yes to a matter on the words of the present notice, or take that back."""

    matter: Matter
    given: bool
    notice: NoticeVersion
    ref: Ref


class AskStill(Wire, frozen=True, kw_only=True):
    """Host: ask somebody for a still picture, encrypted to `key`."""

    participant: Id
    key: StillKey
    ref: Ref


class AnswerStill(Wire, frozen=True, kw_only=True):
    """Say whether one sends the picture that one is asked for; `size` is in bytes, encrypted."""

    still: Id
    answer: StillAnswer
    size: StillBytes | None = None
    ref: Ref


class EndStill(Wire, frozen=True, kw_only=True):
    """Who asked for a still picture: say what has become of it."""

    still: Id
    end: StillOutcome
    ref: Ref


class CallInstead(Wire, frozen=True, kw_only=True):
    """Ask for a number and a PIN of one's own, so as to go on by telephone; the reply is `to_call`."""

    ref: Ref


class SuggestCall(Wire, frozen=True, kw_only=True):
    """Host: suggest to somebody on a page that they go on by telephone, as `call_suggested` tells them."""

    participant: Id
    ref: Ref


class Pin(Wire, frozen=True, kw_only=True):
    """Always show this participant to me; null leaves the choice to the bridge."""

    participant: Id | None
    ref: Ref


class SlotView(Part, frozen=True, kw_only=True):
    """How many lines of picture one slot's tile can show, in pixels of the screen."""

    mid: Mid
    height: Annotated[int, Meta(ge=1, le=MAX_LINES)]


class Viewport(Wire, frozen=True, kw_only=True):
    """How large my tiles are; it replaces the last one. A slot that is not named may have pictures of any size."""

    slots: Annotated[list[SlotView], Meta(max_length=MAX_SLOTS)]
    ref: Ref


class End(Wire, frozen=True, kw_only=True):
    """Host: end the consultation for everyone."""

    ref: Ref


class SlotReport(Part, frozen=True, kw_only=True):
    """What the client knows of one slot. Counts are since the connection was made; pictures have `width`."""

    mid: Mid
    frames_per_second: FrameRate | None = None
    arrived_per_second: FrameRate | None = None
    freezes: Total = 0
    frozen_seconds: Seconds = 0.0
    concealed: Total = 0
    samples: Total = 0
    buffer_ms: Milliseconds | None = None
    width: Lines | None = None
    height: Lines | None = None


class SourceReport(Part, frozen=True, kw_only=True):
    """What the client knows of one of its pictures on the way out; seconds since the connection was made."""

    source: SourceName
    limited: Limited = Limited.NONE
    cpu_seconds: Seconds = 0.0
    bandwidth_seconds: Seconds = 0.0
    frames_per_second: FrameRate | None = None


class Report(Wire, frozen=True, kw_only=True):
    """What only the client knows of its media, every 2 s: hints, never in place of what the bridge measures."""

    slots: Annotated[list[SlotReport], Meta(max_length=MAX_SLOT_REPORTS)]
    sources: Annotated[list[SourceReport], Meta(max_length=3)]
    rtt_ms: Milliseconds | None = None
    capacity_kbps: NotNegative | None = None
    details: bool = False
    """The page shows figures of single sources, which `stats` leaves out for others."""


class Ping(Wire, frozen=True, kw_only=True):
    """Ask whether the line still carries anything; the reply is `pong`, whatever else goes on."""

    ref: Ref


class Leave(Wire, frozen=True, kw_only=True):
    """Go, and free the place at once instead of after the time allowed for coming back."""


class Test(Wire, frozen=True, kw_only=True):
    """First message on a connection that only tries the way to the bridge; the reply is `testing`."""

    version: Annotated[int, Meta(ge=0, le=2**31)]
    token: Token
    ref: Ref


class TestReport(Wire, frozen=True, kw_only=True):
    """What a page in a test got back of its own picture and sound; the reply is `tested`, and then `bye`."""

    sent_kbps: NotNegative
    down: Flow | None = None
    rtt_ms: NotNegative | None = None
    capacity_kbps: NotNegative | None = None
    concealed_percent: Percent | None = None
    frames: Count
    sound: bool
    ref: Ref


class Duty(Wire, frozen=True, kw_only=True):
    """The first message on a connection of somebody on a rota, who is known by the login in their browser."""

    version: Annotated[int, Meta(ge=0, le=2**31)]
    ref: Ref


class Take(Wire, frozen=True, kw_only=True):
    """Take a room of the queue, to come in as its host."""

    room: Id
    ref: Ref


ClientMessage = (
    Join
    | Offer
    | Admit
    | AdmitAll
    | SeeOff
    | Refuse
    | Remove
    | ToWaiting
    | Lock
    | Mute
    | SelfMute
    | Camera
    | Sharing
    | HandOver
    | TakeHost
    | Appoint
    | Invite
    | Withdraw
    | Delay
    | Cancel
    | Dial
    | ConfirmIdentity
    | Write
    | Consent
    | AskStill
    | AnswerStill
    | EndStill
    | CallInstead
    | SuggestCall
    | Pin
    | Viewport
    | End
    | Report
    | Ping
    | Leave
    | Test
    | TestReport
    | Duty
    | Take
)
