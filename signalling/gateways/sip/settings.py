"""What a user agent is told about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from signalling.gateways.sip.digest import Verifier
from signalling.gateways.sip.flows import Transport
from signalling.gateways.sip.session_timer import DEFAULT_SECONDS, MIN_SE
from signalling.gateways.sip.timers import Timers
from signalling.gateways.sip.values import Uri


@dataclass(frozen=True, slots=True)
class Settings:
    """Frozen for an agent's life; seconds.

    `places` are the address (IPv6 in brackets) and port by which peers reach this agent, for each transport.
    `serves` says whether an address is one of ours: requests to others are dropped without a word, so that
    scanners learn nothing. With a `verifier`, calls must authenticate.
    """

    places: Mapping[Transport, tuple[str, int]]
    serves: Callable[[Uri], bool] = lambda _: True
    verifier: Verifier | None = None
    user: str = "bridge"
    """The user part of our Contact."""
    product: str = "brotjeneste"
    timers: Timers = field(default_factory=Timers)
    ring_seconds: float = 180.0
    """How long a call may ring, in either direction."""
    decide_seconds: float = 20.0
    """How long the owner may think about an offer inside a call."""
    session_seconds: int = DEFAULT_SECONDS
    min_session_seconds: int = MIN_SE
    max_calls: int = 500
    begin_rate: float = 50.0
    """Requests outside calls that one source address may send in a second, when its burst is used up."""
    begin_burst: float = 200.0
