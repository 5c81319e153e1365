"""SIP's timers as data (RFC 3261 section 17 and table 4, RFC 6026 section 7.1); seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """The base values; all others follow from them."""

    t1: float = 0.5
    """An estimate of the round trip: the first retransmission interval."""
    t2: float = 4.0
    """The longest retransmission interval, of an INVITE request aside."""
    t4: float = 5.0
    """How long a message may stay in the network."""
    d: float = 32.0
    """How long a client waits for final responses of an INVITE to be repeated (timer D)."""

    @property
    def give_up(self) -> float:
        """Timers B, F, H, J, L and M."""
        return 64 * self.t1

    def drain(self, *, reliable: bool) -> float:
        """Timers I and K: nothing can come late on a connection."""
        return 0.0 if reliable else self.t4

    def linger(self, *, reliable: bool) -> float:
        """Timer D."""
        return 0.0 if reliable else self.d
