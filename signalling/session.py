"""One client's connection as a state machine without IO: what may be said when, how often, in which version.

The caller hands in every text that arrives and every message that goes out, and carries out the returned
effects in order. Time is an argument in seconds on a monotonic scale. Who may do what to whom is not decided
here: a message that is legal for this connection's state is delivered to the deciding side.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from signalling import messages as m
from signalling.errors import BadMessage, Code, SignallingError

VERSIONS: Final = frozenset({m.PROTOCOL_VERSION})

# What someone who waits may do: set up media behind the closed gate, prepare mic and camera, go. A report may be
# under way when somebody is sent back to wait.
_WHILE_WAITING: Final = (
    m.Offer,
    m.SelfMute,
    m.Camera,
    m.Consent,
    m.TakeHost,
    m.CallInstead,
    m.Report,
    m.Leave,
)
# A test has a connection of its own, from which no way leads into the room.
_WHILE_TESTING: Final = (m.Offer, m.TestReport, m.Leave)
# Nor from one on which somebody is on duty: they come into a room by a link.
_ON_DUTY: Final = (m.Take, m.Leave)
# What anybody may do without end, each time of which is kept for years and told to everybody.
_KEPT: Final = (m.SelfMute, m.Camera, m.Sharing)
_BYTES_A_TOKEN: Final = 16 * 1024


class State(Enum):
    """Where a connection is in its life."""

    NEW = auto()
    JOINING = auto()
    WAITING = auto()
    ADMITTED = auto()
    TESTING = auto()
    ON_DUTY = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand this message to the deciding side."""

    message: m.ClientMessage


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this message to the client."""

    message: m.ServerMessage


@dataclass(frozen=True, slots=True)
class Close:
    """Say `bye` with this code, then close the socket."""

    code: Code


Effect = Deliver | Reply | Close


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate and patience of one connection.

    A bad message costs `bad_message_cost` ordinary ones, a long one one more for each 16 kB. Switching one's own
    microphone, camera or sharing has a rate of its own.
    """

    messages_per_second: float = 20.0
    burst: float = 60.0
    bad_message_cost: float = 10.0
    switches_per_second: float = 1.0
    switches_burst: float = 30.0
    join_seconds: float = 10.0
    test_seconds: float = 30.0


class Bucket:
    """Token bucket: `burst` tokens at the start, refilled at `rate` tokens a second, never above `burst`."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, tokens: float, now: float) -> bool:
        """Take tokens; False, and nothing taken, if there are too few. A clock going back adds nothing."""
        elapsed = max(0.0, now - self._at)
        self._at = max(self._at, now)
        self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        if tokens > self._tokens:
            return False
        self._tokens -= tokens
        return True


class Session:
    """See the module. A session is used once, for one connection."""

    def __init__(self, now: float, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._bucket = Bucket(self._limits.messages_per_second, self._limits.burst, now)
        self._switches = Bucket(self._limits.switches_per_second, self._limits.switches_burst, now)
        self._deadline = now + self._limits.join_seconds
        self._state = State.NEW

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        return self._deadline if self._state in {State.NEW, State.TESTING} else None

    def handle_timeout(self, now: float) -> list[Effect]:
        """Close a connection on which no join came in time, or whose test does not end."""
        deadline = self.poll_timeout()
        if deadline is None or now < deadline:
            return []
        return self._close(Code.JOIN_TIMEOUT)

    def handle_text(self, text: str | bytes, now: float) -> list[Effect]:
        """Judge a message from the client."""
        if self._state is State.CLOSED:
            return []
        if not self._bucket.take(1.0 + len(text) // _BYTES_A_TOKEN, now):
            return self._flooded()
        try:
            message = m.decode_client(text)
        except SignallingError as error:
            return self._faulty(error, text, now)
        if isinstance(message, _KEPT) and not self._switches.take(1.0, now):
            return [_error(Code.TOO_MANY, None, message.ref)]
        return self._judge(message, now)

    def handle_binary(self, now: float) -> list[Effect]:
        """Refuse a binary frame: the protocol has none."""
        if self._state is State.CLOSED:
            return []
        if not self._bucket.take(1.0, now):
            return self._flooded()
        return self._faulty(BadMessage("Messages are text frames; a binary frame came."), b"", now)

    def handle_rejected(self, message: m.ClientMessage, error: SignallingError) -> list[Effect]:
        """Tell the client that the deciding side said no. A first message that fails ends the connection."""
        if self._state is State.CLOSED:
            return []
        effects: list[Effect] = [_error(error.code, error.message, _ref(message))]
        return effects + self._close(error.code) if isinstance(message, m.Join | m.Test | m.Duty) else effects

    def handle_outgoing(self, message: m.ServerMessage) -> None:
        """Learn from what the deciding side sends: `welcome` and `roster` say the place, `bye` is the end."""
        if self._state is State.CLOSED:
            return
        match message:
            case m.Welcome():
                self._place(message.place)
            case m.Roster():
                for person in message.people:
                    if person.you:
                        self._place(person.place)
            case m.Bye():
                self._state = State.CLOSED

    def handle_closed(self) -> None:
        """Note that the socket is gone."""
        self._state = State.CLOSED

    def _judge(self, message: m.ClientMessage, now: float) -> list[Effect]:
        if isinstance(message, m.Join | m.Test | m.Duty):
            return self._begin(message, now)
        if self._state is State.NEW:
            told = _error(Code.WRONG_STATE, "The first message must be join, test or duty.", _ref(message))
            return [told, *self._close(Code.WRONG_STATE)]
        if self._state is State.TESTING:
            return self._judge_in_test(message)
        if self._state is State.ON_DUTY:
            return self._judge_on_duty(message)
        if self._state is State.JOINING:
            return [_error(Code.WRONG_STATE, "The join is not finished.", _ref(message))]
        return self._judge_in_room(message)

    def _judge_in_room(self, message: m.ClientMessage) -> list[Effect]:
        if isinstance(message, m.Ping):
            return [Reply(m.Pong(ref=message.ref))]
        if isinstance(message, m.Leave):
            return [Deliver(message), *self._close(Code.LEFT)]
        if isinstance(message, m.TestReport | m.Take):
            return [_error(Code.WRONG_STATE, "This connection is for a room only.", message.ref)]
        if self._state is State.WAITING and not isinstance(message, _WHILE_WAITING):
            return [_error(Code.NOT_ADMITTED, None, _ref(message))]
        return [Deliver(message)]

    def _judge_in_test(self, message: m.ClientMessage) -> list[Effect]:
        if not isinstance(message, _WHILE_TESTING):
            return [_error(Code.WRONG_STATE, "This connection is for a test only.", _ref(message))]
        # With the report the test is over, whatever becomes of it.
        over = self._close(Code.LEFT) if isinstance(message, m.TestReport | m.Leave) else []
        return [Deliver(message), *over]

    def _judge_on_duty(self, message: m.ClientMessage) -> list[Effect]:
        if isinstance(message, m.Ping):
            return [Reply(m.Pong(ref=message.ref))]
        if not isinstance(message, _ON_DUTY):
            return [_error(Code.WRONG_STATE, "This connection is for being on duty only.", _ref(message))]
        return self._close(Code.LEFT) if isinstance(message, m.Leave) else [Deliver(message)]

    def _begin(self, first: m.Join | m.Test | m.Duty, now: float) -> list[Effect]:
        if self._state is not State.NEW:
            return [_error(Code.WRONG_STATE, "This connection has begun as something else.", _ref(first))]
        if first.version not in VERSIONS:
            return self._unsupported()
        if isinstance(first, m.Test):
            self._state, self._deadline = State.TESTING, now + self._limits.test_seconds
        elif isinstance(first, m.Duty):
            self._state = State.ON_DUTY
        else:
            self._state = State.JOINING
        return [Deliver(first)]

    def _faulty(self, error: SignallingError, data: str | bytes, now: float) -> list[Effect]:
        too_large = error.code is Code.TOO_LARGE
        version, ref = (None, None) if too_large else m.peek(data)
        if self._state is State.NEW and version is not None and version not in VERSIONS:
            return self._unsupported()
        told = _error(error.code, error.message, ref)
        # One unit is paid already; a stranger who has not joined pays with the connection.
        if self._state is State.NEW:
            return [told, *self._close(error.code)]
        if not self._bucket.take(self._limits.bad_message_cost - 1.0, now):
            return [told, *self._flooded()]
        return [told]

    def _unsupported(self) -> list[Effect]:
        known = ", ".join(str(version) for version in sorted(VERSIONS))
        told = _error(Code.UNSUPPORTED_VERSION, f"The bridge speaks these versions: {known}.", None)
        return [told, *self._close(Code.UNSUPPORTED_VERSION)]

    def _flooded(self) -> list[Effect]:
        return [_error(Code.TOO_MANY, None, None), *self._close(Code.TOO_MANY)]

    def _close(self, code: Code) -> list[Effect]:
        self._state = State.CLOSED
        return [Close(code)]

    def _place(self, place: m.Place) -> None:
        self._state = State.ADMITTED if place is m.Place.ADMITTED else State.WAITING


def _ref(message: m.ClientMessage) -> int | None:
    return None if isinstance(message, m.Join | m.Report | m.Leave) else message.ref


def _error(code: Code, message: str | None, ref: int | None) -> Reply:
    return Reply(m.ErrorMessage(ref=ref, code=code, message=message or code.sentence))
