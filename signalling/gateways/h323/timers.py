"""How long a call may stand at each of its stages; seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """Q.931's by their names where it has one (H.225.0 section 7.4 and table 9-1 of Q.931)."""

    first: float = 5.0
    """A new connection says Setup, and one for H.245 anything at all."""
    rest: float = 10.0
    """The rest of a message comes."""
    t303: float = 8.0
    """Setup is answered."""
    t310: float = 30.0
    """A call that proceeds rings or is taken."""
    t301: float = 180.0
    """A call that rings is taken."""
    control: float = 20.0
    """A call that is up has media."""
    linger: float = 2.0
    """The peer closes a connection on which all is said."""
