"""User agents on a virtual clock, and the network between them: seeded, lossy, late, out of order."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.flows import Flow, Transport
from signalling.gateways.sip.message import Message
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.parsing import parse
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri

PORT: Final = 5060
_NEVER: Final = 1e9


@dataclass(frozen=True)
class Weather:
    """What the network does to datagrams; seconds."""

    loss: float = 0.0
    least: float = 0.01
    most: float = 0.01
    twice: float = 0.0


@dataclass
class Party:
    """An agent with an address, and what it has heard. `react` is what its owner does on an event."""

    world: "World"
    host: str
    settings: Settings
    transport: Transport = "UDP"
    react: Callable[["Party", e.Event], None] = lambda _party, _event: None
    heard: list[e.Event] = field(default_factory=list)
    deaf: Callable[[Message], bool] = lambda _message: False
    """Which messages get lost on their way here, besides those that the weather takes."""

    def __post_init__(self) -> None:
        self.agent = UserAgent(self.settings, random.Random(f"{self.host} {self.world.seed}"))

    @property
    def now(self) -> float:
        """The world's time."""
        return self.world.now

    def way_to(self, other: "Party") -> Flow:
        """A flow to somebody."""
        return Flow(self.transport, other.host, PORT)

    def invite(self, other: "Party", sdp: bytes | None = b"offer", user: str = "room") -> e.CallId:
        """Call somebody."""
        to = Uri("sip", other.host, user=user)
        invitation = Invitation(to, NameAddr(Uri("sip", self.host, user="me")), (self.way_to(other),), sdp)
        call, actions = self.agent.invite(invitation, self.now)
        self.do(actions)
        return call

    def do(self, actions: list[e.Action]) -> None:
        """Carry out what the agent wants."""
        for action in actions:
            if isinstance(action, e.Send):
                self.world.carry(self, action)
            else:
                self.heard.append(action)
                self.react(self, action)

    def of(self, kind: type) -> list[e.Event]:
        """What was heard of one kind."""
        return [event for event in self.heard if isinstance(event, kind)]

    def last_call(self) -> e.CallId:
        """The call that came in last."""
        return self.of(e.IncomingCall)[-1].call

    def endings(self) -> list[str]:
        """How calls ended, in order."""
        return [str(event.why) for event in self.of(e.Ended)]


class World:
    """Time and the network."""

    def __init__(self, seed: int = 0, weather: Weather = Weather()) -> None:
        self.seed = seed
        self.now = 0.0
        self.weather = weather
        self.rng = random.Random(seed)
        self.parties: dict[str, Party] = {}
        self.log: list[tuple[float, str, str, str]] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def party(self, host: str, transport: Transport = "UDP", **settings: object) -> Party:
        """Another agent."""
        places = {transport: (host, PORT)}
        party = Party(self, host, Settings(places=places, **settings), transport)
        self.parties[host] = party
        return party

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do something then."""
        self._count += 1
        heappush(self._queue, (when, self._count, act))

    def carry(self, sender: Party, send: e.Send) -> None:
        """Take a message to where it goes, if the weather lets it."""
        message = parse(send.data)
        self.log.append((self.now, sender.host, send.flow.host, message.start_line.removesuffix(" SIP/2.0")))
        receiver = self.parties.get(send.flow.host)
        if receiver is None or receiver.deaf(message):
            return
        flow = Flow(send.flow.transport, sender.host, PORT)
        weather = self.weather
        for _ in range(2 if self.rng.random() < weather.twice else 1):
            if send.flow.reliable:
                self._convey(sender, receiver, send, flow)
                return
            if self.rng.random() >= weather.loss:
                late = self.rng.uniform(weather.least, weather.most)
                self.at(self.now + late, lambda: self._deliver(receiver, send.data, flow))

    def _convey(self, sender: Party, receiver: Party, send: e.Send, flow: Flow) -> None:
        """Over a connection things come once and in order, or it breaks, and both learn of that."""
        if self.rng.random() >= self.weather.loss:
            self.at(self.now + self.weather.least, lambda: self._deliver(receiver, send.data, flow))
            return
        self.at(self.now, lambda: sender.do(sender.agent.broken(send.flow, self.now)))
        self.at(self.now, lambda: receiver.do(receiver.agent.broken(flow, self.now)))

    def _deliver(self, receiver: Party, data: bytes, flow: Flow) -> None:
        receiver.do(receiver.agent.receive(data, flow, self.now))

    def run(self, until: float) -> None:
        """Let time pass, up to and including `until`."""
        while True:
            soonest, party = min(
                ((party.agent.next_timeout() or 0.0, party.host) for party in self._waiting()),
                default=(_NEVER, ""),
            )
            arrival = self._queue[0][0] if self._queue else _NEVER
            when = min(soonest, arrival)
            if when > until:
                self.now = until
                return
            self.now = max(self.now, when)
            if arrival <= soonest:
                heappop(self._queue)[2]()
            else:
                self.parties[party].do(self.parties[party].agent.timeout(self.now))

    def _waiting(self) -> list[Party]:
        return [party for party in self.parties.values() if party.agent.next_timeout() is not None]

    def sent(self, host: str) -> list[str]:
        """The start lines that somebody sent: methods and statuses."""
        return [_short(line) for _, sender, _, line in self.log if sender == host]

    def empty(self) -> bool:
        """Whether nobody keeps anything."""
        return all(not any(party.agent.sizes.values()) for party in self.parties.values())


def _short(line: str) -> str:
    first, second, *_ = line.split(" ")
    return second if first.startswith("SIP/") else first


def obliging(sdp: bytes = b"answer") -> Callable[[Party, e.Event], None]:
    """An owner that takes every call and answers every offer."""

    def react(party: Party, event: e.Event) -> None:
        match event:
            case e.IncomingCall(call=call):
                party.do(party.agent.ring(call, party.now))
                party.do(party.agent.accept(call, sdp, party.now))
            case e.OfferReceived(call=call) | e.OfferWanted(call=call):
                party.do(party.agent.answer(call, sdp, party.now))
            case _:
                pass

    return react
