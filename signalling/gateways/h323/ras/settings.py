"""What a registration with a gatekeeper is told: whom as, where, and how patient to be."""

from dataclasses import dataclass, field

from signalling.gateways.h323.events import Identity
from signalling.gateways.h323.ras.events import Place


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds."""

    answer: float = 3.0
    """How long to wait for an answer before asking again (H.225.0 table 20 has 3 to 5)."""
    tries: int = 3
    progress: float = 30.0
    """How long at most one RequestInProgress makes us wait."""
    retry: float = 15.0
    """After how long to try again where nothing worked; twice as long each time."""
    retry_limit: float = 300.0
    soon: tuple[float, float] = (0.5, 3.0)
    """When to register anew after the gatekeeper has forgotten us: all endpoints are told at one moment."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Where to register what."""

    gatekeeper: Place = field(repr=False)
    here: Place = field(repr=False)
    """Where we take RAS."""
    signalling: Place = field(repr=False)
    """Where we take calls."""
    name: str = field(repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    prefixes: tuple[str, ...] = field(default=(), repr=False)
    """What numbers begin with that are ours; with one we register as a gateway, which such belong to."""
    password: str = field(default="", repr=False)
    """Shared with the gatekeeper, for H.235.1; without it nothing is proven to either side."""
    seconds: int = 300
    """How long a registration should last; the gatekeeper has the last word."""
    timers: Timers = field(default_factory=Timers)


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that is to be made or answered."""

    identity: Identity = field(repr=False)
    answers: bool
    called: str = field(repr=False)
    """A number or name: whom we call, or as whom we are called; may be empty where `peer` is known."""
    caller: str = field(default="", repr=False)
    """Who calls us, if that is known; we call as ourselves."""
    peer: Place | None = field(default=None, repr=False)
    """Where the other side takes call signalling, if that is known; port 0 of one who connected to us."""
    bits: int = 2_000_000
    """A second, both directions together."""
