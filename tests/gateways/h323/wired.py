"""Two agents with all of a call between them on a virtual clock, and what each has written to the other."""

import random
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from signalling.gateways.h323 import events as e
from signalling.gateways.h323.agent import UserAgent
from signalling.gateways.h323.control.control import Control
from signalling.gateways.h323.control.settings import Settings as ControlSettings
from signalling.gateways.h323.outgoing import Invitation
from signalling.gateways.h323.settings import Settings
from signalling.gateways.interface import Floor
from tests.gateways.h323.pairs import OFFER, our_answer

SIGNALLING: Final = 1720
APART: Final = 1721
"""The port of a connection for H.245 alone."""
SECONDS: Final = 5.0


@dataclass
class End:
    """One agent, at an address of its own, with a bridge that takes everything."""

    host: str
    agent: UserAgent
    told: list[e.Event] = field(default_factory=list)
    lines: dict[e.LineId, tuple["End", e.LineId, int]] = field(default_factory=dict)
    """Of each connection the other end's, and the port that it is to."""
    listening: e.LineId | None = None

    @property
    def call(self) -> e.CallId:
        """The one that there is."""
        return self.told[0].call


class Wire:
    """A caller and a called one. `sent` is each message with the port of its connection, in order."""

    def __init__(self, *, encrypts: bool, tunnels: bool) -> None:
        self.now = 100.0
        self.sent: list[tuple[int, bytes]] = []
        self._due: deque[tuple[End, list[e.Action]]] = deque()
        self.caller, self.called = (self._end(at, encrypts=encrypts, tunnels=tunnels) for at in (1, 2))

    @staticmethod
    def _end(at: int, *, encrypts: bool, tunnels: bool) -> End:
        host, rng = f"192.0.2.{at}", random.Random(at)
        settings = Settings(host=host, name=f"end {at}", encrypts=encrypts, tunnels=tunnels)
        return End(host, UserAgent(settings, rng, lambda: Control(ControlSettings(), random.Random(at))))

    def run(self) -> None:
        """Call, let both open all channels, have a key frame asked for and something shown, and hang up."""
        caller = self.caller
        wanted = Invitation(self.called.host, SIGNALLING, "4711", OFFER, caller.agent.identity())
        call, actions = caller.agent.invite(wanted, self.now)
        self._due.append((caller, actions))
        self._settle()
        self._do(caller, caller.agent.want_key_frame(call, self.now))
        called = self.called
        self._due.append((called, called.agent.floor(called.call, Floor.TAKEN, self.now)))
        self._settle()
        self._do(caller, caller.agent.hang_up(call, self.now))

    def _settle(self) -> None:
        until = self.now + SECONDS
        while True:
            self._deliver()
            dues = [end.agent.next_timeout() for end in (self.caller, self.called)]
            due = min((one for one in dues if one is not None), default=until)
            if due >= until:
                return
            self.now = max(self.now, due)
            for end in (self.caller, self.called):
                self._due.append((end, end.agent.timeout(self.now)))

    def _do(self, end: End, actions: list[e.Action]) -> None:
        self._due.append((end, actions))
        self._deliver()

    def _deliver(self) -> None:
        while self._due:
            end, actions = self._due.popleft()
            for action in actions:
                self._act(end, action)

    def _act(self, end: End, action: e.Action) -> None:
        match action:
            case e.Send(line, data):
                other, theirs, port = end.lines[line]
                self.sent.append((port, data))
                self._due.append((other, other.agent.receive(theirs, data, self.now)))
            case e.Open(line, _, port):
                self._connect(end, line, port)
            case e.Listen(line):
                end.listening = line
                self._due.append((end, end.agent.listens(line, APART, self.now)))
            case e.Close():
                pass
            case _:
                end.told.append(action)
                self._decide(end, action)

    def _connect(self, end: End, line: e.LineId, port: int) -> None:
        other = self.called if end is self.caller else self.caller
        if port == APART:
            theirs = other.listening
            assert theirs is not None
            taken = partial(other.agent.opened, theirs)
        else:
            theirs, actions = other.agent.arrived(end.host, self.now)
            assert theirs is not None
            taken = lambda _: actions  # noqa: E731 - a connection that comes is told of at once
        end.lines[line], other.lines[theirs] = (other, theirs, port), (end, line, port)
        self._due.append((end, end.agent.opened(line, self.now)))
        self._due.append((other, taken(self.now)))

    def _decide(self, end: End, event: e.Event) -> None:
        match event:
            case e.IncomingCall(call):
                self._due.append((end, end.agent.accept(call, self.now)))
            case e.FloorWanted(call, True):
                self._due.append((end, end.agent.floor(call, Floor.YOURS, self.now)))
            case e.OfferReceived(call, sdp):
                self._due.append((end, end.agent.answer(call, our_answer(sdp, end.host), self.now)))
