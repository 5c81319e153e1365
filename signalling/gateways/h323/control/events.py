"""What the control of a call gives: messages for the peer, and what its owner has to know or to decide."""

from dataclasses import dataclass, field
from enum import StrEnum

from signalling.gateways.h323.control.values import Choice, Fields


class Ending(StrEnum):
    """Why the control of a call is over."""

    HUNG_UP = "hung_up"
    """The peer ended the session."""
    LOST = "lost"
    """It answers no more, or did not begin."""
    NO_MEDIA = "no_media"
    """There is nothing that both sides could use."""
    BAD = "bad"
    """It does what no peer may, or does it without end."""


@dataclass(frozen=True, slots=True)
class Send:
    """A message for the peer."""

    message: Choice = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """The peer's media are these from now on: `answer` or `refuse`. `hold` if it wants to see and hear nothing.

    A `fast` one came in a Setup: refused, the call goes on without.
    """

    sdp: str = field(repr=False)
    hold: bool
    fast: bool = False


@dataclass(frozen=True, slots=True)
class AnswerReceived:
    """What became of an offer of ours."""

    sdp: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FastStart:
    """The answer to the channels of a Setup (H.323 section 8.1.7); without any, they are turned down."""

    channels: tuple[Fields, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """The peer hears what we send from now on, or never will; once a call."""


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """The peer asks for a key frame."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of the peer's keypad."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FloorWanted:
    """The peer wants to show content, or no more. To a wish `Control.floor` follows."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over; nothing follows."""

    why: Ending


Event = OfferReceived | AnswerReceived | FastStart | Ready | KeyFrameWanted | KeyPressed | FloorWanted | Ended
Action = Send | Event
