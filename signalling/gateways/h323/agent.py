"""The user agent: bytes, commands and time in; bytes, wishes for connections and events out.

No clock, socket or chance of its own. Every method gives what is to be done, in its order.
"""

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from signalling.gateways.guard import Guard
from signalling.gateways.h323 import causes
from signalling.gateways.h323.call import Call
from signalling.gateways.h323.core import Core, Line
from signalling.gateways.h323.errors import CommandError, MalformedError
from signalling.gateways.h323.events import Action, CallId, Close, Identity, LineId
from signalling.gateways.h323.events import Ending as Failure
from signalling.gateways.h323.incoming import Incoming
from signalling.gateways.h323.messages import NOBODY, Writer, with_user_information
from signalling.gateways.h323.outgoing import Invitation, Outgoing
from signalling.gateways.h323.settings import Settings
from signalling.gateways.h323.wire import q931
from signalling.gateways.h323.wire.q931 import Element, Kind
from signalling.gateways.interface import Ending, Floor

if TYPE_CHECKING:
    from signalling.gateways.h323.control.control import Control

FACILITY_REJECTED: Final = (29, "")
NEW_CONNECTION: Final = (47, "newConnectionNeeded")


class UserAgent:
    """All calls of one endpoint. Commands to a call that is over raise CommandError."""

    def __init__(self, settings: Settings, rng: random.Random, control: "Callable[[], Control]") -> None:
        """Take what to say of us; `control` makes the H.245 of a new call."""
        self._core = Core(settings, rng)
        self._control = control
        self._guard = Guard(settings.begin_rate, settings.begin_burst)

    @property
    def counts(self) -> Mapping[str, int]:
        """What was out of the ordinary."""
        return self._core.counts

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many calls, lines and alarms there are."""
        return len(self._core.calls), len(self._core.lines), len(self._core.alarms)

    def trust(self, hosts: frozenset[str]) -> None:
        """Let those whom these hosts route to us have their H.245 elsewhere."""
        self._core.trusted = hosts

    # What the network tells.

    def arrived(self, host: str, now: float) -> tuple[LineId | None, list[Action]]:
        """Somebody has connected; None: close it."""
        core = self._core
        if not self._guard.allows(host, now):
            core.counts["flooded"] += 1
            return None, []
        if not core.may_begin(host):
            core.counts["too_many_lines"] += 1
            return None, []
        line = core.join(host)
        line.open = True
        core.wake("first", line.id, now + core.settings.timers.first)
        return line.id, core.collect()

    def opened(self, line_id: LineId, now: float) -> list[Action]:
        """A connection that was wished for is there."""
        line = self._core.lines.get(line_id)
        if line is None or line.call is None:
            return [Close(line_id)]
        line.open = True
        self._core.wake("first", line.id, None)
        if line.carries_control:
            line.call.opened(line, now)
        elif isinstance(line.call.beginning, Outgoing):
            line.call.beginning.opened(now)
        return self._core.collect()

    def listens(self, line_id: LineId, port: int, now: float) -> list[Action]:
        """The peer can connect to this port."""
        line = self._core.lines.get(line_id)
        if line is not None and line.call is not None and line.call.beginning is not None:
            line.call.beginning.ready_to_listen(port, now)
        return self._core.collect()

    def broken(self, line_id: LineId, now: float) -> list[Action]:
        """A connection is closed, or did not come to be."""
        line = self._core.lines.get(line_id)
        if line is not None:
            self._lose(line, now)
        return self._core.collect()

    def receive(self, line_id: LineId, data: bytes, now: float) -> list[Action]:
        """Bytes came."""
        core, line = self._core, self._core.lines.get(line_id)
        if line is None or line.done:
            return []
        try:
            messages = line.framer.feed(data)
        except MalformedError:
            core.counts["unframed"] += 1
            self._spoil(line, now)
            return core.collect()
        for message in messages:
            if not core.allows_message(line, now):
                core.counts["flooded"] += 1
                self._spoil(line, now)
            if line.done:
                break
            self._take(line, message, now)
        if not line.done:
            core.wake("rest", line.id, now + core.settings.timers.rest if line.framer.unfinished else None)
        return core.collect()

    def timeout(self, now: float) -> list[Action]:
        """Do what is due."""
        core = self._core
        while (due := core.alarms.pop(now)) is not None:
            what, number = due
            call, line = core.calls.get(CallId(number)), core.lines.get(LineId(number))
            if call is not None and what in ("stage", "control"):
                call.alarm(what, now)
            elif line is not None and what == "linger":
                core.close(line)
            elif line is not None:
                core.counts["stalled"] += 1
                self._stall(line, now)
        return core.collect()

    def next_timeout(self) -> float | None:
        """When something is due next."""
        return self._core.alarms.next()

    # Commands.

    def identity(self) -> Identity:
        """By what a new call of ours is to be known."""
        return self._core.identity()

    def invite(self, invitation: Invitation, now: float) -> tuple[CallId, list[Action]]:
        """Call somebody."""
        del now
        core = self._core
        line = core.connect(invitation.host, invitation.port)
        writer = Writer(invitation.identity, called=False, tunnels=core.settings.tunnels)
        call = Call(core, line, writer, self._control())
        Outgoing(call, invitation)
        return call.id, core.collect()

    def ring(self, call_id: CallId, now: float) -> list[Action]:
        """Tell the caller that it rings."""
        del now
        self._incoming(call_id).ring()
        return self._core.collect()

    def accept(self, call_id: CallId, now: float) -> list[Action]:
        """Take a call; its media follow."""
        self._incoming(call_id).accept(now)
        return self._core.collect()

    def answer(self, call_id: CallId, sdp: str, now: float) -> list[Action]:
        """Answer an offer."""
        return self._do(call_id, now, lambda call: call.control.answer(sdp, now))

    def refuse(self, call_id: CallId, now: float) -> list[Action]:
        """Turn an offer down."""
        return self._do(call_id, now, lambda call: call.control.refuse(now))

    def offer(self, call_id: CallId, sdp: str, now: float) -> list[Action]:
        """Have other media."""
        return self._do(call_id, now, lambda call: call.control.offer(sdp, now))

    def want_key_frame(self, call_id: CallId, now: float) -> list[Action]:
        """Ask for one."""
        return self._do(call_id, now, lambda call: call.control.want_key_frame(now))

    def floor(self, call_id: CallId, floor: Floor, now: float) -> list[Action]:
        """Say who shows content."""
        return self._do(call_id, now, lambda call: call.control.floor(floor, now))

    def hang_up(self, call_id: CallId, now: float, cause: int = causes.NORMAL, reason: str = "") -> list[Action]:
        """End a call, or do not take it."""
        self._call(call_id).release(cause, reason, now)
        return self._core.collect()

    def _call(self, call_id: CallId) -> Call:
        call = self._core.calls.get(call_id)
        if call is None:
            raise CommandError("this call is over")
        return call

    def _incoming(self, call_id: CallId) -> Incoming:
        beginning = self._call(call_id).beginning
        if not isinstance(beginning, Incoming):
            raise CommandError("this call is our own")
        return beginning

    def _do(self, call_id: CallId, now: float, command: Callable[[Call], None]) -> list[Action]:
        call = self._call(call_id)
        command(call)
        call.settle(now)
        return self._core.collect()

    # What comes of what is told.

    def _take(self, line: Line, message: bytes, now: float) -> None:
        if line.carries_control:
            if line.call is not None:
                line.call.heard(message, now)
            return
        try:
            read = q931.parse(message)
        except MalformedError:
            self._malformed(line, now)
            return
        call = line.call
        if call is None and read.kind == Kind.SETUP:
            self._begin(line, read, now)
        elif call is None or read.reference != call.writer.identity.reference:
            self._stray(line, read)
        else:
            try:
                signal = with_user_information(read)
            except MalformedError:
                self._malformed(line, now)
            else:
                call.receive(signal, now)

    def _begin(self, line: Line, message: q931.Message, now: float) -> None:
        """Somebody calls."""
        core = self._core
        core.wake("first", line.id, None)
        try:
            signal = with_user_information(message)
        except MalformedError as error:
            core.counts["malformed"] += 1
            unknown = Identity(NOBODY, NOBODY, message.reference)
            self._turn_down(line, unknown, now, (error.cause, ""))
            return
        if not signal.is_a_call:
            self._turn_down(line, signal.identity, now, FACILITY_REJECTED)
        elif len(core.calls) >= core.settings.max_calls:
            core.counts["too_many_calls"] += 1
            self._turn_down(line, signal.identity, now, causes.RELEASES[Ending.TOO_MANY])
        else:
            writer = Writer(signal.identity, called=True, tunnels=bool(signal.tunnels))
            Incoming(Call(core, line, writer, self._control()), signal).begin()

    def _stray(self, line: Line, message: q931.Message) -> None:
        """What belongs to no call: a second Setup is told to come on a connection of its own."""
        self._core.counts["stray"] += 1
        if line.call is None:
            self._core.close(line)
        elif message.kind == Kind.SETUP:
            # Which call it would have been is not looked at.
            self._release(line, Identity(NOBODY, NOBODY, message.reference), NEW_CONNECTION)

    def _malformed(self, line: Line, now: float) -> None:
        if line.call is not None:
            line.call.malformed(now)
        else:
            self._core.counts["malformed"] += 1
            self._core.close(line)

    def _turn_down(self, line: Line, identity: Identity, now: float, why: tuple[int, str]) -> None:
        self._release(line, identity, why)
        self._core.finish(line, now)

    def _release(self, line: Line, identity: Identity, why: tuple[int, str]) -> None:
        """Say that there will be no such call."""
        (cause, reason), writer = why, Writer(identity, called=True, tunnels=False)
        body = writer.common() | ({"reason": (reason, 0)} if reason else {})
        elements: dict[int, bytes] = {Element.CAUSE: q931.cause(cause)}
        self._core.send(line, writer.write(Kind.RELEASE_COMPLETE, "releaseComplete", body, elements=elements))

    def _spoil(self, line: Line, now: float) -> None:
        """Nothing more can be read from it."""
        if line.call is not None:
            line.call.fail(Failure.MALFORMED, now)
        else:
            self._core.close(line)

    def _stall(self, line: Line, now: float) -> None:
        """Nothing came when something was due."""
        call = line.call
        if call is not None and line is call.line and line.open:
            call.fail(Failure.LOST, now)
            return
        was_open = line.open
        self._core.close(line)
        if call is not None:
            call.broken(line, now, was_open=was_open)

    def _lose(self, line: Line, now: float) -> None:
        call, was_open = line.call, line.open
        self._core.forget(line)
        if call is not None:
            call.broken(line, now, was_open=was_open)
