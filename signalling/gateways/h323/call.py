"""One call: what is the same for both directions. How it begins is `incoming` or `outgoing`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from signalling.gateways.h323 import causes
from signalling.gateways.h323 import events as e
from signalling.gateways.h323.control import events as c
from signalling.gateways.h323.control.rations import Ration
from signalling.gateways.h323.core import ALARMS_OF_CALLS, Core, Line
from signalling.gateways.h323.errors import INVALID_CONTENTS, MalformedError
from signalling.gateways.h323.messages import Signal, Writer, place
from signalling.gateways.h323.path import Path
from signalling.gateways.h323.secret import Secret
from signalling.gateways.h323.wire import asn1, q931
from signalling.gateways.h323.wire.q931 import Element, Kind

if TYPE_CHECKING:
    from signalling.gateways.h323.control.control import Control

KEYS: Final = frozenset("0123456789*#ABCD")
KEY_PRESSES: Final = (64, 0.05)
"""Of a keypad: a PIN at once from a memory, and twenty a second."""
MOST_MALFORMED: Final = 16
"""Messages that cannot be read, before the call ends for it."""
INITIATED: Final = 1
ACTIVE: Final = 10
"""States of a call that has said Setup, and of one that is up (Q.931 table 4-8)."""
_ENDINGS: Final = {
    c.Ending.HUNG_UP: e.Ending.HUNG_UP_THERE,
    c.Ending.LOST: e.Ending.LOST,
    c.Ending.NO_MEDIA: e.Ending.NO_CONTROL,
    c.Ending.BAD: e.Ending.MALFORMED,
}
_CAUSES: Final = {
    e.Ending.HUNG_UP_THERE: causes.NORMAL,
    e.Ending.LOST: causes.TIMER,
    e.Ending.NO_CONTROL: 88,
    e.Ending.MALFORMED: INVALID_CONTENTS,
    e.Ending.NOT_ANSWERED: causes.TIMER,
}


class Beginning(Protocol):
    """How a call begins: it comes in or goes out."""

    state: int
    """As Q.931 counts them (table 4-8), before the call is up."""

    def receive(self, signal: Signal, now: float) -> None:
        """Take a message of call signalling."""

    def ready_to_listen(self, port: int, now: float) -> None:
        """There is a port for the peer's connection."""

    def fast_started(self, channels: c.FastStart, now: float) -> None:
        """Our answer to the channels of its Setup."""


class Call:
    """A call on its line."""

    def __init__(self, core: Core, line: Line, writer: Writer, control: "Control") -> None:
        self.core = core
        self.id = e.CallId(core.number())
        self.line = line
        self.writer = writer
        self.control = control
        self.path = Path(self)
        self.secret = Secret(core.rng.randbytes) if core.settings.encrypts else None
        self.beginning: Beginning | None = None
        self.up = False
        self.over = False
        self.controlled = False
        """Whether H.245 has begun."""
        self.offer: str | None = None
        """Our media in a call of ours, until the peer has answered them."""
        self._malformed = 0
        self._keys = Ration(*KEY_PRESSES)
        line.call = self
        core.calls[self.id] = self

    # What comes.

    def receive(self, signal: Signal, now: float) -> None:
        """Take a message of call signalling."""
        if signal.kind == Kind.RELEASE_COMPLETE:
            self._released(signal, now)
            return
        if signal.kind == Kind.STATUS_ENQUIRY:
            self._say_state()
        elif signal.kind == Kind.INFORMATION:
            self._pressed(signal.message.keypad, now)
        if self.beginning is not None:
            self.beginning.receive(signal, now)
        if not self.over:
            self._take_control(signal, now)
        self.settle(now)

    def _take_control(self, signal: Signal, now: float) -> None:
        """Take what a message holds of H.245, or says of the way for it."""
        messages = signal.control
        if messages and not self.controlled:
            self.path.keep(messages)
        elif messages:
            for data in messages:
                self.heard(data, now)
        where = signal.control_place
        if where is not None and self.up:
            self.path.connect(where)

    def heard(self, data: bytes, now: float) -> None:
        """Take a message of H.245."""
        if self.over:
            return
        try:
            message = asn1.decode(asn1.Kind.H245, data)
        except MalformedError:
            self.malformed(now)
            return
        self.control.receive(message, now)
        self.settle(now)

    def malformed(self, now: float) -> None:
        """Something came that cannot be read."""
        self.core.counts["malformed"] += 1
        self._malformed += 1
        if self._malformed >= MOST_MALFORMED:
            self.fail(e.Ending.MALFORMED, now)

    def _pressed(self, keys: str, now: float) -> None:
        for key in keys.upper():
            if key not in KEYS:
                continue
            if not self._keys.take(now):
                self.core.counts["keys_flooded"] += 1
                return
            self.core.tell(e.KeyPressed(self.id, key))

    def _released(self, signal: Signal, now: float) -> None:
        core, line = self.core, self.line
        for data in signal.control if self.controlled else ():
            self.heard(data, now)
        if not self.over:
            self.end(e.Ending.HUNG_UP_THERE, signal.message.cause, signal.reason)
        core.close(line)

    # What is done about it.

    def start(self, now: float) -> None:
        """Begin H.245, and take what has come of it."""
        if self.controlled:
            return
        self.controlled = True
        self.control.start(now, self.offer)
        early, self.path.early = self.path.early, []
        for data in early:
            self.heard(data, now)

    def settle(self, now: float) -> None:
        """Carry out what H.245 wants by now."""
        self._tell(now)
        if self.over:
            return
        riders = self.path.riders() if self.up else []
        if riders:
            self.say(Kind.FACILITY, "empty", control=riders)
        self.path.flush()
        self.core.wake("control", self.id, self.control.next_timeout())

    def gather(self, now: float) -> list[bytes]:
        """What of H.245 can ride in the message that is said next; nothing of it goes before."""
        self._tell(now)
        return self.path.riders()

    def _tell(self, now: float) -> None:  # noqa: C901 - one a kind of event
        for action in self.control.collect():
            if self.over:
                return
            match action:
                case c.Send(message):
                    self.path.send(message)
                case c.OfferReceived(sdp, hold, fast):
                    self.core.tell(e.OfferReceived(self.id, sdp, hold, fast))
                case c.AnswerReceived(sdp):
                    self.core.tell(e.AnswerReceived(self.id, sdp))
                case c.FastStart() if self.beginning is not None:
                    self.beginning.fast_started(action, now)
                case c.Ready():
                    self.core.wake("stage", self.id, None)
                    self.core.tell(e.Ready(self.id))
                case c.KeyFrameWanted():
                    self.core.tell(e.KeyFrameWanted(self.id))
                case c.KeyPressed(key):
                    self._pressed(key, now)
                case c.FloorWanted(wanted):
                    self.core.tell(e.FloorWanted(self.id, wanted))
                case c.Ended(why):
                    self.fail(_ENDINGS[why], now)

    def say(
        self,
        kind: Kind,
        name: str,
        body: dict[str, asn1.Value] | None = None,
        control: list[bytes] | None = None,
        elements: Mapping[int, bytes] | None = None,
    ) -> None:
        """Send a message of call signalling."""
        self.writer.tunnels = self.path.tunnels
        self.core.send(self.line, self.writer.write(kind, name, body, control, elements))

    def _say_state(self) -> None:
        state = ACTIVE if self.up or self.beginning is None else self.beginning.state
        elements: dict[int, bytes] = {
            Element.CAUSE: q931.cause(causes.ASKED),
            Element.CALL_STATE: q931.call_state(state),
        }
        self.say(Kind.STATUS, "status", self.writer.common(), elements=elements)

    def ask_for_connection(self, port: int) -> None:
        """Have the peer open a connection for H.245 (H.323 8.2.3)."""
        body = {
            **self.writer.during(),
            "reason": ("startH245", 0),
            "h245Address": place(self.core.settings.host, port),
        }
        self.say(Kind.FACILITY, "facility", body)

    # Lines.

    def opened(self, line: Line, now: float) -> None:
        """The connection for H.245 is up."""
        if line is self.path.line:
            self.start(now)
            self.settle(now)

    def broken(self, line: Line, now: float, *, was_open: bool) -> None:
        """A connection is gone, or did not come to be."""
        if line is self.line:
            self.end(e.Ending.LOST)
        elif line is self.path.line:
            self.path.lost()
            if was_open:
                self.fail(e.Ending.LOST, now)
            elif not self.path.listen(now):
                self.core.counts["no_control"] += 1

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""
        if what == "control":
            self.control.timeout(now)
            self.settle(now)
        elif self.up:
            self.fail(e.Ending.NO_CONTROL, now)
        else:
            unheard = self.beginning is not None and self.beginning.state == INITIATED
            self.fail(e.Ending.LOST if unheard else e.Ending.NOT_ANSWERED, now)

    # The end.

    def fail(self, why: e.Ending, now: float) -> None:
        """End it for what has happened."""
        if not self.over:
            self.core.counts[f"call_{why.value}"] += why not in (e.Ending.HUNG_UP_THERE, e.Ending.NOT_ANSWERED)
            self.release(_CAUSES[why], "", now, why)

    def release(self, cause: int, reason: str, now: float, why: e.Ending = e.Ending.HUNG_UP_HERE) -> None:
        """End it, and say so."""
        if self.over:
            return
        if self.controlled:
            self.control.end(now)
            for action in self.control.collect():
                if isinstance(action, c.Send):
                    self.path.send(action.message)
        riders = self.path.riders()
        self.path.flush()
        body = self.writer.common() | ({"reason": (reason, 0)} if reason else {})
        self.say(Kind.RELEASE_COMPLETE, "releaseComplete", body, riders, {Element.CAUSE: q931.cause(cause)})
        line = self.line
        self.end(why)
        if line.open:
            self.core.finish(line, now)
        else:
            self.core.close(line)

    def end(self, why: e.Ending, cause: int | None = None, reason: str = "") -> None:
        """Tell that it is over, once; nothing more comes of it."""
        if self.over:
            return
        self.over = True
        self.path.close()
        self.line.call = None
        self.core.calls.pop(self.id, None)
        for what in ALARMS_OF_CALLS:
            self.core.wake(what, self.id, None)
        self.core.tell(e.Ended(self.id, why, cause, reason))
