"""One agent against a peer that a test plays by hand."""

import random

from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request, Response, answer
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.parsing import parse
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri

PEER = Flow("UDP", "192.0.2.9", 5060)
ROOM = Uri("sip", "bridge.example", user="room")


class Scripted:
    """The agent, and all that it sent and told."""

    def __init__(self, seed: int = 1, **settings: object) -> None:
        self.settings = Settings(places={"UDP": ("192.0.2.1", 5060), "TCP": ("192.0.2.1", 5060)}, **settings)
        self.agent = UserAgent(self.settings, random.Random(seed))
        self.now = 0.0
        self.sent: list[Request | Response] = []
        self.flows: list[Flow] = []
        self.told: list[e.Event] = []

    def do(self, actions: list[e.Action]) -> None:
        """Write down what the agent wants."""
        for action in actions:
            if isinstance(action, e.Send):
                self.sent.append(parse(action.data))
                self.flows.append(action.flow)
            else:
                self.told.append(action)

    def hear(self, message: Request | Response | bytes, flow: Flow = PEER) -> None:
        """The peer says this."""
        data = message if isinstance(message, bytes) else message.encode()
        self.do(self.agent.receive(data, flow, self.now))

    def run(self, until: float) -> None:
        """Let time pass."""
        while (when := self.agent.next_timeout()) is not None and when <= until:
            self.now = max(self.now, when)
            self.do(self.agent.timeout(self.now))
        self.now = until

    def invite(self, *flows: Flow, sdp: bytes | None = b"offer", **more: object) -> e.CallId:
        """Have the agent call."""
        me = NameAddr(Uri("sip", "bridge.example", user="bridge"))
        invitation = Invitation(Uri("sip", "192.0.2.9", user="anna"), me, flows or (PEER,), sdp, **more)
        call, actions = self.agent.invite(invitation, self.now)
        self.do(actions)
        return call

    def last(self, method: str) -> Request:
        """The last request of this method that the agent sent."""
        return [item for item in self.sent if isinstance(item, Request) and item.method == method][-1]

    def statuses(self) -> list[int]:
        """All responses that it sent."""
        return [item.status for item in self.sent if isinstance(item, Response)]

    def empty(self) -> bool:
        """Whether it keeps nothing."""
        return not any(self.agent.sizes.values())


def says(asked: Request, status: int, tag: str, sdp: bytes | None = None, *more: tuple[str, str]) -> Response:
    """A response as another party would give it, with a Contact of its own."""
    response = answer(asked, status, tag)
    response.headers.set("Contact", f"<sip:{tag}@192.0.2.9>")
    for name, value in more:
        response.headers.add(name, value)
    if sdp is not None:
        response.set_body("application/sdp", sdp)
    return response


def asks(method: str, branch: str, *more: str, to: str = "<sip:room@bridge.example>", number: int = 1) -> bytes:
    """A request of the peer's."""
    lines = [
        f"{method} {ROOM} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{branch}",
        "From: <sip:anna@ward.example>;tag=anna",
        f"To: {to}",
        "Call-ID: one@ward.example",
        f"CSeq: {number} {method}",
        "Contact: <sip:anna@192.0.2.9>",
        "Max-Forwards: 70",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()
