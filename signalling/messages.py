"""Every message of the browser protocol and every REST body, with their limits. `PROTOCOL.md` is its prose.

Unknown fields are refused, so that a misspelt field is a clear error and never a silently ignored wish.
Fields that may be null may also be left out, `pin.participant` excepted.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from signalling import strict
from signalling.errors import Code, SignallingError

PROTOCOL_VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 320 * 1024
MAX_SERVER_BYTES: Final = 1024 * 1024
MAX_BODY_BYTES: Final = 16 * 1024
MAX_SDP_CHARS: Final = 256 * 1024
MAX_SLOTS: Final = 128
MAX_LINES: Final = 4320

# Control characters and bidirectional overrides are refused: a name must look in every list as it was meant.
_NO_CONTROLS: Final = r"^(?![\s\S]*[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069])"

Ref = Annotated[int, Meta(ge=0, le=2**31, description="Chosen by the client, echoed in the reply.")]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=_NO_CONTROLS)]
Reason = Annotated[str, Meta(max_length=200, pattern=_NO_CONTROLS)]
Token = Annotated[str, Meta(min_length=1, max_length=2048)]
Secret = Annotated[str, Meta(min_length=1, max_length=256)]
Sdp = Annotated[str, Meta(min_length=1, max_length=MAX_SDP_CHARS)]
Mid = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[!#-'*+\-.0-9A-Z^-~]+$(?!\n)")]
Percent = Annotated[float, Meta(ge=0, le=100)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Instant = Annotated[datetime, Meta(tz=True)]
# What clients report: each within what a browser can mean, so that no figure made of it runs away.
FrameRate = Annotated[float, Meta(ge=0, le=240)]
Milliseconds = Annotated[float, Meta(ge=0, le=60_000)]
Seconds = Annotated[float, Meta(ge=0, le=10_000_000)]
Total = Annotated[int, Meta(ge=0, le=2**53)]
Lines = Annotated[int, Meta(ge=0, le=16_384)]
MAX_SLOT_REPORTS: Final = 64


class Role(StrEnum):
    """What someone is in the consultation."""

    DOCTOR = "doctor"
    PATIENT = "patient"
    RELATIVE = "relative"
    INTERPRETER = "interpreter"
    SPECIALIST = "specialist"
    ASSISTANT = "assistant"
    OPERATOR = "operator"


class Place(StrEnum):
    """Where a participant is who is in the house at all."""

    WAITING = "waiting"
    ADMITTED = "admitted"


class SourceName(StrEnum):
    """What a participant can send."""

    MIC = "mic"
    CAMERA = "camera"
    CONTENT = "content"


class Limited(StrEnum):
    """What keeps a sender from more: `qualityLimitationReason` of the statistics of WebRTC."""

    NONE = "none"
    CPU = "cpu"
    BANDWIDTH = "bandwidth"
    OTHER = "other"


class Verdict(StrEnum):
    """Whose link, or what else, is to blame for a person's bad picture or sound; `unknown` without figures."""

    GOOD = "good"
    UPLINK = "uplink"
    DOWNLINK = "downlink"
    BRIDGE = "bridge"
    CLIENT_CPU = "client_cpu"
    UNKNOWN = "unknown"


class Language(StrEnum):
    """Language of the page: Norwegian bokmal, Norwegian nynorsk, English."""

    NB = "nb"
    NN = "nn"
    EN = "en"


class TrialVerdict(StrEnum):
    """What a test of the way to the bridge has shown."""

    GOOD = "good"
    WEAK = "weak"
    UNUSABLE = "unusable"


class TestReason(StrEnum):
    """What keeps a verdict from being better."""

    BLOCKED = "blocked"
    LOSS_UP = "loss_up"
    LOSS_DOWN = "loss_down"
    JITTER_UP = "jitter_up"
    JITTER_DOWN = "jitter_down"
    DELAY = "delay"
    RATE_UP = "rate_up"
    RATE_DOWN = "rate_down"
    NO_PICTURE = "no_picture"
    NO_SOUND = "no_sound"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what messages and bodies are made of."""


class Wire(Part, frozen=True, tag_field="type", tag=_snake):
    """Base of every WebSocket message: its `type` is the class name in snake case."""


# --- client to server ---------------------------------------------------------------------------------------


class Join(Wire, frozen=True, kw_only=True):
    """First message on every connection. `resume` is the link's secret, of `welcome` or one's own."""

    version: Annotated[int, Meta(ge=0, le=2**31)]
    token: Token
    resume: Secret | None = None
    language: Language


class Sources(Part, frozen=True, kw_only=True):
    """The mid (RFC 8843) of each m-line that the client sends on, null where it has none."""

    mic: Mid | None = None
    camera: Mid | None = None
    content: Mid | None = None


class Offer(Wire, frozen=True, kw_only=True):
    """The client's SDP offer (RFC 8866); the reply is `answer`."""

    sdp: Sdp
    sources: Sources
    ref: Ref


class Admit(Wire, frozen=True, kw_only=True):
    """Host: let someone in who waits."""

    participant: Id
    ref: Ref


class AdmitAll(Wire, frozen=True, kw_only=True):
    """Host: let in everyone who waits."""

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


class Invite(Wire, frozen=True, kw_only=True):
    """Host: make a link for one more person; the reply is `invited`."""

    role: Role
    name: Name
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


# --- server to client ---------------------------------------------------------------------------------------


class SlotCounts(Part, frozen=True, kw_only=True):
    """How many receiving m-lines of each kind the offer should hold."""

    audio: Count
    video: Count
    content: Count


class IceServer(Part, frozen=True, kw_only=True):
    """A STUN or TURN server in the form that `RTCPeerConnection` takes."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Welcome(Wire, frozen=True, kw_only=True):
    """The join succeeded. `resume` is the secret to keep for coming back on this link."""

    version: int
    participant: Id
    room_name: str
    role: Role
    host: bool
    place: Place
    resume: Secret
    slots: SlotCounts
    ice_servers: list[IceServer]


class Answer(Wire, frozen=True, kw_only=True):
    """The bridge's SDP answer."""

    ref: Ref
    sdp: Sdp


class Ok(Wire, frozen=True, kw_only=True):
    """The act is done."""

    ref: Ref


class Invited(Wire, frozen=True, kw_only=True):
    """The link to give to the person. It works for one browser, until `expires_at`."""

    ref: Ref
    link: str
    expires_at: Instant


class ErrorMessage(Wire, frozen=True, kw_only=True, tag="error"):
    """Something failed. `ref` is that of the message at fault, or null where none could be read."""

    ref: Ref | None
    code: Code
    message: str


class Person(Part, frozen=True, kw_only=True):
    """One line of the roster."""

    participant: Id
    name: str
    role: Role
    host: bool
    place: Place
    connected: bool
    muted: bool
    may_unmute: bool
    camera: bool
    sharing: bool
    you: bool
    tested: TrialVerdict | None = None


class Roster(Wire, frozen=True, kw_only=True):
    """Everyone whom the receiver may know of; it replaces the last one. `host`: the receiver is a host."""

    revision: Count
    locked: bool
    host: bool
    people: list[Person]


class LayoutSlot(Part, frozen=True, kw_only=True):
    """Who is in one of the receiver's slots now; slots that are not named are empty."""

    mid: str
    participant: Id
    source: SourceName


class Layout(Wire, frozen=True, kw_only=True):
    """All filled slots; it replaces the last one."""

    slots: list[LayoutSlot]


class Wanted(Part, frozen=True, kw_only=True):
    """What the bridge would like one encoding to be; `max_bitrate` is in bit/s, null for no limit."""

    active: bool
    max_bitrate: Count | None = None


class Demand(Wire, frozen=True, kw_only=True):
    """What the bridge would like a source of the receiver's to send; it replaces the last one for this source."""

    source: SourceName
    encodings: list[Wanted]


class StreamStats(Part, frozen=True, kw_only=True):
    """Quality of one kind of media in one direction: a source on its way up, all slots of its kind down.

    `burst_packets` is the mean length of runs of lost packets; `mos` the E-model's estimate for sound, 1 to 4.5.
    """

    source: SourceName
    loss_percent: Percent
    loss_after_percent: Percent
    burst_packets: NotNegative | None = None
    jitter_ms: NotNegative
    bitrate_kbps: NotNegative
    frames_per_second: NotNegative | None = None
    mos: NotNegative | None = None


class Flow(Part, frozen=True, kw_only=True):
    """Quality in one direction, of all packets, before repair."""

    loss_percent: Percent
    jitter_ms: NotNegative
    bitrate_kbps: NotNegative


class FlowStats(Part, frozen=True, kw_only=True):
    """Quality in one direction over the last two seconds: loss before and after repair, of all packets."""

    loss_percent: Percent
    loss_after_percent: Percent
    jitter_ms: NotNegative
    bitrate_kbps: NotNegative
    streams: list[StreamStats]


class PersonStats(Part, frozen=True, kw_only=True):
    """Quality of one person's link: `up` towards the bridge, `down` from it.

    `freezes`, `frozen_percent` and `concealed_percent` are what their page says of the last seconds.
    """

    participant: Id
    up: FlowStats
    down: FlowStats
    rtt_ms: NotNegative | None = None
    verdict: Verdict
    freezes: Count = 0
    frozen_percent: Percent | None = None
    concealed_percent: Percent | None = None


class Stats(Wire, frozen=True, kw_only=True):
    """To hosts, every second."""

    people: list[PersonStats]


class Bye(Wire, frozen=True, kw_only=True):
    """The last message before the bridge closes the socket."""

    code: Code
    message: str


class Testing(Wire, frozen=True, kw_only=True):
    """A test may begin: make the offers, and report when media have come back for `seconds`."""

    ref: Ref
    seconds: NotNegative
    ice_servers: list[IceServer]


class Tested(Wire, frozen=True, kw_only=True):
    """How good the way to the bridge is, why it is not better, and the figures that say so."""

    ref: Ref
    verdict: TrialVerdict
    reasons: list[TestReason]
    up: Flow
    down: Flow
    rtt_ms: NotNegative | None = None


ClientMessage = (
    Join
    | Offer
    | Admit
    | AdmitAll
    | Refuse
    | Remove
    | ToWaiting
    | Lock
    | Mute
    | SelfMute
    | Camera
    | Sharing
    | HandOver
    | Invite
    | Pin
    | Viewport
    | End
    | Report
    | Leave
    | Test
    | TestReport
)
ServerMessage = (
    Welcome | Answer | Ok | Invited | ErrorMessage | Roster | Layout | Demand | Stats | Bye | Testing | Tested
)


# --- REST bodies --------------------------------------------------------------------------------------------


class CreateRoom(Part, frozen=True, kw_only=True):
    """A new consultation. The name is shown to its participants; leave a patient's name out of it."""

    name: Name
    max_participants: Annotated[int, Meta(ge=2, le=50)] = 9


class RoomInfo(Part, frozen=True, kw_only=True):
    """A room as an administrator sees it: counts, no people."""

    room: Id
    name: str
    created_at: Instant
    locked: bool
    ended: bool
    max_participants: int
    waiting: Count
    admitted: Count


class Rooms(Part, frozen=True, kw_only=True):
    """Every room that the bridge keeps."""

    rooms: list[RoomInfo]


class CreateInvitation(Part, frozen=True, kw_only=True):
    """A link for one person; `host` lets its holder decide who comes in."""

    role: Role
    name: Name
    host: bool = False
    valid_minutes: Annotated[int, Meta(ge=1, le=60 * 24 * 31)] = 60 * 24


class InvitationInfo(Part, frozen=True, kw_only=True):
    """The link to give to the person, and how long it works."""

    invitation: Id
    room: Id
    role: Role
    host: bool
    link: str
    expires_at: Instant


class ErrorInfo(Part, frozen=True, kw_only=True):
    """Body of every REST error."""

    code: Code
    message: str


class Health(Part, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


# --- coding ------------------------------------------------------------------------------------------------


class _Envelope(msgspec.Struct):
    """The little that can be read of a message that breaks its schema."""

    type: str = ""
    version: int | None = None
    ref: Ref | None = None


_CLIENT: Final[msgspec.json.Decoder[ClientMessage]] = msgspec.json.Decoder(ClientMessage)
_SERVER: Final[msgspec.json.Decoder[ServerMessage]] = msgspec.json.Decoder(ServerMessage)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_ENCODER: Final = msgspec.json.Encoder()

Body = TypeVar("Body", bound=Part)


def decode_client(data: str | bytes) -> ClientMessage:
    """Read a client's message; raise `TooLarge` or `BadMessage`, whose texts hold nothing of the input."""
    return strict.decode(_CLIENT, data, MAX_MESSAGE_BYTES)


def decode_server(data: str | bytes) -> ServerMessage:
    """Read a server's message, as clients in Python do; errors as in `decode_client`."""
    return strict.decode(_SERVER, data, MAX_SERVER_BYTES)


def decode_body(data: bytes, kind: type[Body]) -> Body:
    """Read a REST body of the given struct; errors as in `decode_client`."""
    return strict.decode(msgspec.json.Decoder(kind), data, MAX_BODY_BYTES)


def peek(data: str | bytes) -> tuple[int | None, int | None]:
    """Return `(version, ref)` of a message that `decode_client` refused.

    `version` is there for a first message only: a newer client's may have fields unknown here, and should yet
    hear `unsupported_version`. `ref` lets the error name the message at fault.
    """
    try:
        envelope = strict.decode(_ENVELOPE, data, MAX_MESSAGE_BYTES)
    except SignallingError:
        return None, None
    return (envelope.version if envelope.type in {"join", "test"} else None), envelope.ref


def encode(message: Part) -> str:
    """Any message or body as JSON text."""
    return _ENCODER.encode(message).decode()


def encode_server(message: ServerMessage) -> str:
    """JSON text for a WebSocket frame."""
    return encode(message)


def encode_client(message: ClientMessage) -> str:
    """JSON text for a WebSocket frame, for clients written in Python."""
    return encode(message)
