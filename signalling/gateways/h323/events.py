"""What the agent gives: bytes and wishes for the network, and what its owner has to know or to decide."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

CallId = NewType("CallId", int)
"""A call's handle in commands and events; nothing of it is on the wire."""
LineId = NewType("LineId", int)
"""A connection's handle, from before it is opened on."""


class Ending(StrEnum):
    """Why a call is over."""

    HUNG_UP_HERE = "hung_up_here"
    HUNG_UP_THERE = "hung_up_there"
    """The peer released it, or did not take it: `Ended` then has its cause and reason."""
    NOT_ANSWERED = "not_answered"
    """Nothing came of it in the time for that."""
    NO_CONTROL = "no_control"
    """The call was up, but no media came of it: H.245 did not begin, or the peer has no use for ours."""
    MALFORMED = "malformed"
    """The peer sends too much that cannot be read."""
    LOST = "lost"
    """The connection broke, or the peer answers no more."""


# For the network.


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for a connection, with their TPKT header."""

    line: LineId
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Open:
    """Connect to a peer: `UserAgent.opened` or `UserAgent.broken` follows."""

    line: LineId
    host: str = field(repr=False)
    port: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Take one connection from this peer on a port of its own; none if `host` is empty is from anybody.

    `UserAgent.listens` follows with the port, then `opened` or `broken`.
    """

    line: LineId
    host: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Close:
    """Close a connection when all is sent, or listen for it no more."""

    line: LineId


# For the owner.


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """Somebody calls. Answer with `accept` or `hang_up`."""

    call: CallId
    numbers: tuple[str, ...] = field(repr=False)
    """What was called, in the forms that the caller gave, the plainest first."""
    caller: str = field(repr=False)
    """By what the caller is known; empty if withheld."""
    host: str = field(repr=False)
    identity: "Identity" = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a call is known on the wire and to gatekeepers (H.225.0 section 7.3)."""

    call: bytes
    conference: bytes
    reference: int


@dataclass(frozen=True, slots=True)
class Ringing:
    """Our call rings."""

    call: CallId


@dataclass(frozen=True, slots=True)
class Accepted:
    """Our call was taken by the peer at this address; its media follow."""

    call: CallId
    host: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """The peer's media are these from now on: `answer` or `refuse`. `hold` if it wants to see and hear nothing."""

    call: CallId
    sdp: str = field(repr=False)
    hold: bool
    fast: bool = False
    """Whether it came before the call was taken, in which case there is another way when it is refused."""


@dataclass(frozen=True, slots=True)
class AnswerReceived:
    """What became of media of ours."""

    call: CallId
    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """The peer can hear us from now on; once a call."""

    call: CallId


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """The peer asks for a key frame."""

    call: CallId


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of the peer's keypad."""

    call: CallId
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FloorWanted:
    """The peer wants to show content, or no more."""

    call: CallId
    wanted: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A call is over; nothing follows for it."""

    call: CallId
    why: Ending
    cause: int | None = None
    """The peer's, by Q.850, if it gave one."""
    reason: str = ""
    """The peer's, by H.225.0, if it gave one."""


Event = (
    IncomingCall
    | Ringing
    | Accepted
    | OfferReceived
    | AnswerReceived
    | Ready
    | KeyFrameWanted
    | KeyPressed
    | FloorWanted
    | Ended
)
Action = Send | Open | Listen | Close | Event
