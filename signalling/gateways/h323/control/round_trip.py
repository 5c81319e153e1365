"""How far away the peer is, and whether it is there at all (H.245 annex C.9)."""

from collections.abc import Callable
from typing import Final

from signalling.gateways.h323.control.values import Choice, Fields, number

EVERY_S: Final = 20.0
T105_S: Final = 10.0
MOST_UNANSWERED: Final = 2
_SPACE: Final = 256


class RoundTrip:
    """One call's. Whatever the peer says shows that it is there."""

    def __init__(self, send: Callable[[Choice], None]) -> None:
        self.delay: float | None = None
        self.lost = False
        self._send = send
        self._sequence = 0
        self._asked: float | None = None
        self._unanswered = 0
        self._due: float | None = None

    def begin(self, now: float) -> None:
        """Ask from time to time, from now on."""
        self._due = now + EVERY_S

    def heard(self) -> None:
        """Take note that the peer has said something."""
        self._unanswered = 0

    def asked(self, fields: Fields) -> None:
        """Answer at once."""
        said = {"sequenceNumber": fields["sequenceNumber"]}
        self._send(("response", ("roundTripDelayResponse", said)))

    def answered(self, fields: Fields, now: float) -> None:
        """Take the answer to the last question."""
        if self._asked is not None and number(fields.get("sequenceNumber")) == self._sequence:
            self.delay, self._asked, self._due = now - self._asked, None, now + EVERY_S

    def next_timeout(self) -> float | None:
        """When there is something to ask or to give up."""
        return self._due

    def timeout(self, now: float) -> None:
        """Ask, or count that nothing has come."""
        if self._due is None or self._due > now:
            return
        if self._asked is not None:
            self._unanswered += 1
            self._asked, self.lost = None, self._unanswered >= MOST_UNANSWERED
        self._sequence = (self._sequence + 1) % _SPACE
        self._asked, self._due = now, now + T105_S
        self._send(("request", ("roundTripDelayRequest", {"sequenceNumber": self._sequence})))
