"""What the parts of an agent share: connections, alarms, counts, and what is to be done."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from signalling.gateways.alarms import Alarms
from signalling.gateways.guard import Guard, network
from signalling.gateways.h323.events import Action, CallId, Close, Event, Identity, LineId, Listen, Open, Send
from signalling.gateways.h323.settings import Settings
from signalling.gateways.h323.wire.tpkt import Framer, wrap

if TYPE_CHECKING:
    from signalling.gateways.h323.call import Call

What = Literal["first", "rest", "linger", "stage", "control"]
ALARMS_OF_LINES: Final[tuple[What, ...]] = ("first", "rest", "linger")
ALARMS_OF_CALLS: Final[tuple[What, ...]] = ("stage", "control")
_LARGEST_REFERENCE: Final = 0x7FFF


@dataclass(slots=True)
class Line:
    """A connection: of call signalling, or of one call's H.245."""

    id: LineId
    host: str = field(repr=False)
    call: "Call | None" = None
    carries_control: bool = False
    listens: bool = False
    """Whether it is the peer's to open."""
    open: bool = False
    done: bool = False
    """Whether all is said on it, and what comes is of no interest."""
    framer: Framer = field(default_factory=Framer)


class Core:
    """The tables of one agent."""

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        self.settings = settings
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self.lines: dict[LineId, Line] = {}
        self.calls: dict[CallId, Call] = {}
        self.alarms: Alarms[tuple[What, int]] = Alarms()
        self.trusted: frozenset[str] = frozenset()
        """Hosts of gatekeepers: those whom they route to us may have their H.245 elsewhere."""
        self._actions: list[Action] = []
        self._last = 0
        self._messages = Guard(settings.message_rate, settings.message_burst)
        self._sources = Guard(settings.source_rate, settings.source_burst)

    def collect(self) -> list[Action]:
        """What is to be done since this was last asked."""
        actions, self._actions = self._actions, []
        return actions

    def tell(self, event: Event) -> None:
        """Let the owner know."""
        self._actions.append(event)

    def number(self) -> int:
        """A number for what is new."""
        self._last += 1
        return self._last

    def identity(self) -> Identity:
        """A new call's."""
        return Identity(self.rng.randbytes(16), self.rng.randbytes(16), self.rng.randint(1, _LARGEST_REFERENCE))

    def wake(self, what: What, number: int, when: float | None) -> None:
        """Set an alarm of a line or a call, or take it back."""
        self.alarms.set((what, number), when)

    # Lines.

    def join(self, host: str, call: "Call | None" = None, *, carries_control: bool = False) -> Line:
        """Keep a new line."""
        line = Line(LineId(self.number()), host, call, carries_control)
        self.lines[line.id] = line
        return line

    def connect(self, host: str, port: int, call: "Call | None" = None, *, carries_control: bool = False) -> Line:
        """Open a line to a peer."""
        line = self.join(host, call, carries_control=carries_control)
        self._actions.append(Open(line.id, host, port))
        return line

    def listen(self, host: str, call: "Call", now: float) -> Line:
        """Have the peer open a line for H.245."""
        line = self.join(host, call, carries_control=True)
        line.listens = True
        self._actions.append(Listen(line.id, "" if host in self.trusted else host))
        self.wake("first", line.id, now + self.settings.timers.first)
        return line

    def send(self, line: Line, message: bytes) -> None:
        """Send a message."""
        if line.open and not line.done:
            self._actions.append(Send(line.id, wrap(message)))

    def finish(self, line: Line, now: float) -> None:
        """Let the peer close a line on which all is said; it is done for it after a moment."""
        line.done, line.call = True, None
        for what in ALARMS_OF_LINES:
            self.wake(what, line.id, None)
        self.wake("linger", line.id, now + self.settings.timers.linger)

    def close(self, line: Line) -> None:
        """Close a line when all is sent."""
        self.forget(line)
        self._actions.append(Close(line.id))

    def forget(self, line: Line) -> None:
        """Nothing more comes of a line."""
        line.done, line.open, line.call = True, False, None
        self.lines.pop(line.id, None)
        for what in ALARMS_OF_LINES:
            self.wake(what, line.id, None)

    def allows_message(self, line: Line, now: float) -> bool:
        """Whether one more message may come on a line now."""
        if not self._messages.allows(str(line.id), now):
            return False
        return line.host in self.trusted or self._sources.allows(line.host, now)

    def may_begin(self, host: str) -> bool:
        """Whether there is room for one more connection from there; a gatekeeper speaks for many."""
        idle = sum(line.call is None for line in self.lines.values())
        if len(self.lines) >= self.settings.max_lines or idle >= self.settings.max_idle_lines:
            return False
        source = network(host)
        beginning = [line for line in self.lines.values() if line.call is None or not line.call.up]
        theirs = sum(network(line.host) == source for line in beginning)
        return host in self.trusted or theirs < self.settings.max_beginning_of_one
