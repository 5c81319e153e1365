"""What a user agent gives: messages to send, and what its owner has to know or to decide."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.values import NameAddr, Uri

CallId = NewType("CallId", int)
"""A call's handle in commands and events; nothing of it is on the wire."""
RegistrationId = NewType("RegistrationId", int)


class Ending(StrEnum):
    """Why a call is over."""

    HUNG_UP_HERE = "hung_up_here"
    HUNG_UP_THERE = "hung_up_there"
    REJECTED_HERE = "rejected_here"
    REJECTED_THERE = "rejected_there"
    CANCELLED = "cancelled"
    """The caller gave up before it was answered."""
    NOT_ANSWERED = "not_answered"
    """It rang for too long."""
    NO_ACK = "no_ack"
    BAD_ANSWER = "bad_answer"
    """The peer accepted without a session description where one was due."""
    EXPIRED = "expired"
    """Nobody refreshed the session (RFC 4028)."""
    LOST = "lost"
    """The peer knows the call no more, or answers no more."""


@dataclass(frozen=True, slots=True)
class Send:
    """A message for the network."""

    data: bytes = field(repr=False)
    flow: Flow


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """Somebody calls. Answer with `ring`, `accept` or `reject`; `sdp` is None if the caller wants our offer."""

    call: CallId
    caller: NameAddr = field(repr=False)
    address: Uri
    sdp: bytes | None = field(repr=False)
    flow: Flow
    user: str = field(default="", repr=False)
    """Who the caller is by digest authentication; empty without."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional response to our call; `sdp` is what early media is described by."""

    call: CallId
    status: int
    sdp: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Our call was taken, by `flow`. `sdp` is the answer; None if it came before or `OfferReceived` follows."""

    call: CallId
    sdp: bytes | None = field(default=None, repr=False)
    flow: Flow | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The peer knows that we took its call."""

    call: CallId


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """The peer offers something else: `answer` or `refuse`. `hold` if it wants to hear and see nothing."""

    call: CallId
    sdp: bytes = field(repr=False)
    hold: bool


@dataclass(frozen=True, slots=True)
class OfferWanted:
    """The peer asks for an offer of ours. Answer with `answer` or `refuse`."""

    call: CallId


@dataclass(frozen=True, slots=True)
class AnswerReceived:
    """The peer answered our offer."""

    call: CallId
    sdp: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferRefused:
    """The peer turned down our offer; what was agreed before stands."""

    call: CallId
    status: int


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """The peer asks for a key frame (RFC 5168)."""

    call: CallId


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of the peer's telephone, told by INFO."""

    call: CallId
    key: str = field(repr=False)
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A call is over; nothing follows for it."""

    call: CallId
    why: Ending
    status: int | None = None
    """The peer's refusal, if that is why."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The registrar will find us for so many seconds; the agent refreshes."""

    registration: RegistrationId
    seconds: int


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """The registrar refused or did not answer; the agent tries again in `retry` seconds."""

    registration: RegistrationId
    status: int
    retry: float


@dataclass(frozen=True, slots=True)
class Unregistered:
    """A registration was taken back."""

    registration: RegistrationId


@dataclass(frozen=True, slots=True)
class Pinged:
    """What an OPTIONS of ours was answered with; 408 if with nothing."""

    token: str
    status: int


Event = (
    IncomingCall
    | Progress
    | Accepted
    | Confirmed
    | OfferReceived
    | OfferWanted
    | AnswerReceived
    | OfferRefused
    | KeyFrameWanted
    | KeyPressed
    | Ended
    | Registered
    | RegistrationFailed
    | Unregistered
    | Pinged
)
Action = Send | Event
