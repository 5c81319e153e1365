"""A peer whose every message a test writes, against an agent on a virtual clock whose H.245 is a double."""

import random
from dataclasses import dataclass, field
from typing import Any

from signalling.gateways.h323 import events as e
from signalling.gateways.h323.agent import UserAgent
from signalling.gateways.h323.control import events as c
from signalling.gateways.h323.outgoing import Invitation
from signalling.gateways.h323.settings import Settings
from signalling.gateways.h323.wire import asn1, q931, tpkt
from signalling.gateways.h323.wire.q931 import Element, Kind

PEER = "192.0.2.7"
GUID = bytes(range(16))
INFO: dict[str, Any] = {"terminal": {}, "mc": False, "undefinedNode": False}
ROUND_TRIP = ("request", ("roundTripDelayRequest", {"sequenceNumber": 9}))
END = ("command", ("endSessionCommand", ("disconnect", 0)))


class ControlDouble:
    """Writes down what it is told and gives what a test puts into `out`."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.out: list[c.Action] = []
        self.secret: object = None
        self.due: float | None = None

    def start(self, now: float, offer: str | None = None) -> None:
        """Say something first."""
        del now
        self.told.append(("start", offer))
        self.out.append(c.Send(ROUND_TRIP))

    def receive(self, message: Any, now: float) -> None:
        """Write it down; an end of the session is one."""
        del now
        self.told.append(message[1][0])
        if message == END:
            self.out.append(c.Ended(c.Ending.HUNG_UP))

    def fast_start(self, channels: list[Any], now: float) -> None:
        """Have it answered."""
        del now
        self.told.append(("fast", len(channels)))
        self.out.append(c.OfferReceived("v=0\r\n", hold=False, fast=True))

    def fast_proposal(self, sdp: str) -> list[Any]:
        """None."""
        del sdp
        return []

    def answer(self, sdp: str, now: float) -> None:
        """Write it down."""
        del now
        self.told.append(("answer", sdp))
        self.out.append(c.FastStart(()))

    def refuse(self, now: float) -> None:
        """Write it down."""
        del now
        self.told.append("refuse")

    def end(self, now: float) -> None:
        """Say it."""
        del now
        self.out.append(c.Send(END))

    def timeout(self, now: float) -> None:
        """Write it down."""
        del now
        self.due = None
        self.told.append("timeout")

    def next_timeout(self) -> float | None:
        """When a test says."""
        return self.due

    def collect(self) -> list[c.Action]:
        """What there is."""
        out, self.out = self.out, []
        return out


@dataclass
class Heard:
    """A message of the agent's."""

    kind: int
    name: str
    body: dict[str, Any]
    pdu: dict[str, Any]
    message: q931.Message
    control: list[Any]


@dataclass
class World:
    """An agent and its peer."""

    settings: Settings = field(default_factory=lambda: Settings(encrypts=False))
    now: float = 100.0
    events: list[e.Event] = field(default_factory=list)
    wishes: list[e.Action] = field(default_factory=list)
    sent: dict[int, bytes] = field(default_factory=dict)
    controls: list[ControlDouble] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agent = UserAgent(self.settings, random.Random(1), self._control)

    def _control(self) -> Any:
        self.controls.append(ControlDouble())
        return self.controls[-1]

    @property
    def control(self) -> ControlDouble:
        """Of the newest call."""
        return self.controls[-1]

    def do(self, actions: list[e.Action]) -> None:
        """Carry out."""
        for action in actions:
            if isinstance(action, e.Send):
                self.sent[action.line] = self.sent.get(action.line, b"") + action.data
            elif isinstance(action, e.Open | e.Listen | e.Close):
                self.wishes.append(action)
            else:
                self.events.append(action)

    def connect(self, host: str = PEER) -> e.LineId:
        """Somebody connects."""
        line, actions = self.agent.arrived(host, self.now)
        self.do(actions)
        assert line is not None
        return line

    def feed(self, line: e.LineId, data: bytes) -> None:
        """Bytes come."""
        self.do(self.agent.receive(line, data, self.now))

    def say(self, line: e.LineId, kind: Kind, name: str, body: Any = None, **more: Any) -> None:
        """The peer says something."""
        self.feed(line, written(kind, name, body, **more))

    def heard(self, line: e.LineId) -> list[Heard]:
        """What the agent has said on a line since this was last asked."""
        return [_heard(one) for one in tpkt.Framer().feed(self.sent.pop(line, b""))]

    def heard_control(self, line: e.LineId) -> list[Any]:
        """The same on one for H.245."""
        return [asn1.decode(asn1.Kind.H245, one) for one in tpkt.Framer().feed(self.sent.pop(line, b""))]

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while (due := self.agent.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.do(self.agent.timeout(self.now))
        self.now = until

    def called(self, **wanted: Any) -> tuple[e.LineId, e.IncomingCall]:
        """Somebody calls."""
        line = self.connect()
        self.say(line, Kind.SETUP, "setup", setup(**wanted.pop("body", {})), **wanted)
        call = self.events[-1]
        assert isinstance(call, e.IncomingCall)
        return line, call

    def calls(self, **wanted: Any) -> tuple[e.LineId, e.CallId]:
        """We call somebody, and the connection is there."""
        wanted = {"host": PEER, "port": 1720, "name": "47110815", "sdp": "v=0\r\n"} | wanted
        call, actions = self.agent.invite(Invitation(identity=self.agent.identity(), **wanted), self.now)
        self.do(actions)
        opening = self.wishes[-1]
        assert isinstance(opening, e.Open)
        self.do(self.agent.opened(opening.line, self.now))
        return opening.line, call

    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.agent.sizes == (0, 0, 0)


def setup(**other: Any) -> dict[str, Any]:
    """The body of a Setup."""
    return {
        "sourceInfo": INFO,
        "sourceAddress": [("h323-ID", "Ward 7")],
        "destinationAddress": [("dialledDigits", "47110815")],
        "activeMC": False,
        "conferenceID": GUID,
        "conferenceGoal": ("create", 0),
        "callType": ("pointToPoint", 0),
        "mediaWaitForConnect": False,
        "canOverlapSend": False,
        "multipleCalls": False,
        "maintainConnection": False,
    } | other


def during(**other: Any) -> dict[str, Any]:
    """The body of what follows it."""
    return {"destinationInfo": INFO, "multipleCalls": False, "maintainConnection": False} | other


def written(
    kind: Kind,
    name: str,
    body: Any = None,
    *,
    reference: int = 7,
    tunnels: bool | None = True,
    control: tuple[Any, ...] = (),
    elements: dict[int, bytes] | None = None,
    from_called: bool = False,
) -> bytes:
    """A message of a peer's, in its TPKT."""
    whole = (
        0
        if body is None
        else {"protocolIdentifier": (0, 0, 8, 2250, 0, 4), "callIdentifier": {"guid": GUID}} | body
    )
    pdu: dict[str, Any] = {"h323-message-body": (name, whole)}
    if tunnels is not None:
        pdu["h245Tunnelling"] = tunnels
    if control:
        pdu["h245Control"] = [asn1.encode(asn1.Kind.H245, one) for one in control]
    information = asn1.encode(asn1.Kind.H225, {"h323-uu-pdu": pdu})
    parts = {**(elements or {}), Element.USER_USER: q931.user_user(information)}
    return tpkt.wrap(q931.Message(kind, reference, from_called, parts).encode())


def _heard(data: bytes) -> Heard:
    message = q931.parse(data)
    assert message.user_information is not None
    pdu = asn1.decode(asn1.Kind.H225, message.user_information)["h323-uu-pdu"]
    name, body = pdu["h323-message-body"]
    control = [asn1.decode(asn1.Kind.H245, one) for one in pdu.get("h245Control", [])]
    return Heard(message.kind, name, body if isinstance(body, dict) else {}, pdu, message, control)
