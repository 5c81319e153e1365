"""What messages and bodies are made of: limits, types, words, and their base."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

PROTOCOL_VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 320 * 1024
MAX_SERVER_BYTES: Final = 1024 * 1024
MAX_BODY_BYTES: Final = 16 * 1024
MAX_SDP_CHARS: Final = 256 * 1024
MAX_SLOTS: Final = 128
MAX_LINES: Final = 4320
MAX_PEOPLE: Final = 50
MAX_TEXT_CHARS: Final = 500
MAX_STILL_BYTES: Final = 16 * 1024 * 1024
MAX_PIECE_BYTES: Final = 64 * 1024

# Control characters and bidirectional overrides are refused: a name must look in every list as it was meant.
_NO_CONTROLS: Final = r"^(?![\s\S]*[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069])"

Ref = Annotated[int, Meta(ge=0, le=2**31, description="Chosen by the client, echoed in the reply.")]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
Rota = Annotated[str, Meta(min_length=1, max_length=24, pattern=r"^[a-z][a-z0-9-]*$(?!\n)")]
Organisation = Annotated[
    str, Meta(pattern=r"^[0-9]{9}$(?!\n)", description="Number in the register of legal entities.")
]
Digits = Annotated[str, Meta(min_length=4, max_length=12, pattern=r"^[0-9]+$(?!\n)")]
NationalNumber = Annotated[str, Meta(min_length=11, max_length=11, pattern=r"^[0-9]+$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=_NO_CONTROLS)]
Address = Annotated[str, Meta(min_length=1, max_length=255, pattern=_NO_CONTROLS)]
Phone = Annotated[str, Meta(min_length=8, max_length=16, pattern=r"^\+[1-9][0-9]+$(?!\n)")]
Reason = Annotated[str, Meta(max_length=200, pattern=_NO_CONTROLS)]
Reference = Annotated[str, Meta(min_length=1, max_length=80, pattern=_NO_CONTROLS)]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS, pattern=_NO_CONTROLS)]
NoticeVersion = Annotated[str, Meta(min_length=12, max_length=12, pattern=r"^[0-9a-f]{12}$(?!\n)")]
Token = Annotated[str, Meta(min_length=1, max_length=2048)]
Secret = Annotated[str, Meta(min_length=1, max_length=256)]
Sdp = Annotated[str, Meta(min_length=1, max_length=MAX_SDP_CHARS)]
Mid = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[!#-'*+\-.0-9A-Z^-~]+$(?!\n)")]
# A point of P-256 as WebCrypto exports it raw: 65 bytes in base64url (RFC 4648, 5), without padding.
StillKey = Annotated[str, Meta(min_length=87, max_length=87, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
StillBytes = Annotated[int, Meta(ge=1, le=MAX_STILL_BYTES)]
PayloadType = Annotated[int, Meta(ge=0, le=127)]
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


class Ground(StrEnum):
    """Why somebody is invited, as whoever issued the link has it on record."""

    APPOINTMENT = "appointment"
    DROP_IN = "drop_in"
    POWER_OF_ATTORNEY = "power_of_attorney"
    GUARDIAN = "guardian"
    INTERPRETING = "interpreting"
    CARE = "care"
    ON_DUTY = "on_duty"
    PATIENTS_WISH = "patients_wish"
    OTHER = "other"


class Place(StrEnum):
    """Where a participant is who is in the house, or is being called to it."""

    CALLED = "called"
    WAITING = "waiting"
    ADMITTED = "admitted"


class Line(StrEnum):
    """By what a participant is connected."""

    BROWSER = "browser"
    SIP = "sip"
    H323 = "h323"
    TELEPHONE = "telephone"


class Keys(StrEnum):
    """How the keys of somebody's media came about; the weakest of all their media is told."""

    HANDSHAKE = "handshake"
    SIGNALLED = "signalled"
    EXPOSED = "exposed"
    UNPROVED = "unproved"
    """Nobody knows between whom, and nothing that comes is proved to be what was sent (H.235.6)."""
    NONE = "none"


class Assurance(StrEnum):
    """How sure it is who somebody is, by what the bridge itself has seen proven."""

    NONE = "none"
    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"


class Relation(StrEnum):
    """What somebody is to the one for whom they come, by what their login said."""

    PARENT = "parent"
    POWER_OF_ATTORNEY = "power_of_attorney"
    GUARDIAN = "guardian"
    OTHER = "other"


class Matter(StrEnum):
    """What somebody says yes to: a consultation by video, on the terms of the notice; being recorded."""

    VIDEO = "video"
    RECORDING = "recording"


class Miss(StrEnum):
    """Why somebody who was called is not there."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    NO_MEDIA = "no_media"


class StillAnswer(StrEnum):
    """What somebody says who is asked for a still picture."""

    TAKE = "take"
    DECLINED = "declined"
    NO_PICTURE = "no_picture"


class StillOutcome(StrEnum):
    """What the page that asked for a still picture says of it."""

    SENT = "sent"
    UNREADABLE = "unreadable"
    CANCELLED = "cancelled"


class StillState(StrEnum):
    """Where a still picture is; all but the first two are its end."""

    ASKED = "asked"
    COMING = "coming"
    SENT = "sent"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    NO_ANSWER = "no_answer"
    NO_PICTURE = "no_picture"
    TOO_SLOW = "too_slow"
    UNREADABLE = "unreadable"
    GONE = "gone"


class TextState(StrEnum):
    """What became of a text message with a link."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


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
    BRIDGE = "bridge"
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


class Employer(Part, frozen=True, kw_only=True):
    """For whom somebody works, by what their login proved: the number, and the name that the operator gave it."""

    number: Organisation
    name: Name | None = None


class Flow(Part, frozen=True, kw_only=True):
    """Quality in one direction, of all packets, before repair."""

    loss_percent: Percent
    jitter_ms: NotNegative
    bitrate_kbps: NotNegative
