"""Offer and answer as far as SIP has a say: whose turn it is (RFC 3264 section 4, RFC 6337 section 2, RFC 3311).

What an offer says is of no account here; a description is bytes that are kept for the next refresh.
"""

from dataclasses import dataclass
from enum import Enum, auto

from signalling.gateways.sip.errors import CommandError, SipError


class Turn(Enum):
    """Whose offer is open."""

    NOBODY = auto()
    """All offers are answered, or none was made."""
    PEER = auto()
    """Ours is with the peer."""
    US = auto()
    """The peer's is with us."""


@dataclass(slots=True)
class Offers:
    """The state of offer and answer in one dialog."""

    turn: Turn = Turn.NOBODY
    local: bytes | None = None
    """Our description in force: the last that we offered or answered and that was not turned down."""
    remote: bytes | None = None
    """The peer's description in force."""
    _open: bytes | None = None

    @property
    def complete(self) -> bool:
        """Whether an offer has been answered."""
        return self.local is not None and self.remote is not None

    def offer(self, sdp: bytes) -> None:
        """Make an offer. Raises CommandError while another is open."""
        if self.turn is not Turn.NOBODY:
            raise CommandError("An offer is open already.")
        self.turn, self._open = Turn.PEER, sdp

    def answer(self, sdp: bytes) -> None:
        """Answer the peer's offer. Raises CommandError if there is none."""
        if self.turn is not Turn.US:
            raise CommandError("There is no offer to answer.")
        self.local, self.remote = sdp, self._open
        self.turn, self._open = Turn.NOBODY, None

    def hear_offer(self, sdp: bytes) -> None:
        """Take the peer's offer. Raises SipError: 491 if ours is open, 500 if its former one is (RFC 3311 5.2)."""
        if self.turn is Turn.PEER:
            raise SipError(491, "An offer from here is open.")
        if self.turn is Turn.US:
            raise SipError(500, "The former offer has not been answered.")
        self.turn, self._open = Turn.US, sdp

    def hear_answer(self, sdp: bytes) -> bool:
        """Take a description that answers ours; False if none was awaited, as with one that is said twice."""
        if self.turn is not Turn.PEER:
            return False
        self.local, self.remote = self._open, sdp
        self.turn, self._open = Turn.NOBODY, None
        return True

    def drop(self) -> None:
        """The open offer is void: what was agreed before stands (RFC 3261 section 14.1)."""
        self.turn, self._open = Turn.NOBODY, None
