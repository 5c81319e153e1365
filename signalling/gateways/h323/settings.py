"""What an agent is told about itself."""

from dataclasses import dataclass, field

from signalling.gateways.h323.timers import Timers


@dataclass(frozen=True, slots=True)
class Settings:
    """Frozen for an agent's life."""

    host: str = "127.0.0.1"
    """The numeric address by which peers reach us."""
    name: str = "brotjeneste"
    """Our alias and what peers may display."""
    timers: Timers = field(default_factory=Timers)
    encrypts: bool = True
    """Whether we offer and take H.235.6; what a room wants of it is the owner's to say."""
    tunnels: bool = True
    """Whether we take and offer H.245 inside call signalling."""
    fast: bool = False
    """Whether our own calls offer a fast start."""
    max_calls: int = 200
    max_lines: int = 500
    """Connections, those for H.245 included."""
    max_idle_lines: int = 100
    """Connections that have not said yet what they are for."""
    max_beginning_of_one: int = 40
    """Connections of one source address without a call that is up: no single one may keep others out."""
    begin_rate: float = 20.0
    """Connections that one source address may open in a second, when its burst is used up."""
    begin_burst: float = 60.0
    message_rate: float = 50.0
    """Messages that one connection may bring in a second, when its burst is used up."""
    message_burst: float = 500.0
    source_rate: float = 60.0
    """Messages that all connections of one source address may bring in a second; some take 7 ms to read."""
    source_burst: float = 600.0
