"""What the four kinds of transaction have in common (RFC 3261 section 17)."""

from dataclasses import dataclass, field
from enum import Enum, auto

from signalling.gateways.sip.message import Message, Request, Response
from signalling.gateways.sip.timers import Timers


class State(Enum):
    """RFC 3261's states; CALLING is TRYING's name in INVITE clients."""

    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


@dataclass(slots=True)
class Step:
    """What one input brought about."""

    send: list[Message] = field(default_factory=list)
    deliver: Request | Response | None = None
    """A message that the user of the transaction has to see."""
    failed: bool = False
    """No answer came in time (timers B and F), or no ACK (timer H)."""


class Transaction:
    """States, and the two times that a transaction can wait for: to send again, and to go on to its next state."""

    __slots__ = ("_every", "_resend_at", "ends_at", "reliable", "request", "state", "timers")

    def __init__(self, request: Request, timers: Timers, *, reliable: bool, state: State) -> None:
        self.request = request
        self.timers = timers
        self.reliable = reliable
        self.state = state
        self.ends_at: float | None = None
        self._resend_at: float | None = None
        self._every = timers.t1

    @property
    def due(self) -> float | None:
        """When `timeout` has something to do."""
        if self.state is State.TERMINATED:
            return None
        return min((when for when in (self._resend_at, self.ends_at) if when is not None), default=None)

    def timeout(self, now: float) -> Step:
        """Do what is due."""
        step = Step()
        if self.ends_at is not None and now >= self.ends_at:
            step.failed = self._expire()
            self._enter(State.TERMINATED)
        elif self._resend_at is not None and now >= self._resend_at:
            step.send.append(self._again())
            self._every = self._next_interval()
            self._resend_at = now + self._every
        return step

    def _enter(self, state: State, ends_at: float | None = None) -> None:
        """Go on, with nothing to send again until `_repeat` says so."""
        self.state = state
        self.ends_at = ends_at
        self._resend_at = None

    def _repeat(self, now: float) -> None:
        """Send again from now on, where the network may lose what is sent."""
        self._every = self.timers.t1
        self._resend_at = None if self.reliable else now + self._every

    def _end_after(self, state: State, seconds: float, now: float) -> None:
        """Stay in `state` for that long; not at all if that is zero."""
        if seconds > 0:
            self._enter(state, now + seconds)
        else:
            self._enter(State.TERMINATED)

    def _again(self) -> Message:
        """What is sent again."""
        return self.request

    def _next_interval(self) -> float:
        return min(2 * self._every, self.timers.t2)

    def _expire(self) -> bool:
        """Say whether ending in the present state is a failure."""
        return False
