"""What a registration with a gatekeeper tells its owner, and what it wants sent."""

from dataclasses import dataclass, field

from signalling.gateways.h323.wire.asn1 import Value

Place = tuple[str, int]
"""A numeric address and a port."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """To be sent from where the gatekeeper reaches us."""

    data: bytes = field(repr=False)
    place: Place = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registered:
    """The gatekeeper sends us calls from now on; renewed by itself before so many seconds are over."""

    seconds: int


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """It does not, or no longer; tried again by itself after so many seconds."""

    reason: str
    """A reason of H.225.0's, or `noAnswer`."""
    after: float


@dataclass(frozen=True, slots=True)
class Unregistered:
    """We have left, as we were told to."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call may be made or answered."""

    call: bytes = field(repr=False)
    place: Place | None = field(repr=False)
    """Where Setup goes; None of a call that we answer."""
    name: str = field(default="", repr=False)
    """Who is called there, if the gatekeeper says it otherwise than we did."""
    endpoint: str = ""
    """By what the gatekeeper knows us, for Setup."""
    tokens: tuple[Value, ...] = field(default=(), repr=False)
    """What Setup shows to whom it is called at."""


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """A call may not be made or answered."""

    call: bytes = field(repr=False)
    reason: str
    """A reason of H.225.0's, such as `calledPartyNotRegistered`, or `notRegistered` or `noAnswer`."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """The gatekeeper ends a call; no `disengage` is due for it."""

    call: bytes = field(repr=False)


Event = Registered | NotRegistered | Unregistered | Admitted | NotAdmitted | Dropped
Action = Datagram | Event
