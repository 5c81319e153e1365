"""A gatekeeper played by hand, and the network and clock between it and an endpoint."""

import random
from dataclasses import dataclass, field
from typing import Any

from signalling.gateways.h323.events import Identity
from signalling.gateways.h323.messages import place
from signalling.gateways.h323.ras import Admission, Gatekeeper, Membership
from signalling.gateways.h323.ras.events import Datagram
from signalling.gateways.h323.wire.asn1 import Kind, Value, decode, encode

HERE = ("192.0.2.1", 1719)
SIGNALLING = ("192.0.2.1", 1720)
THERE = ("192.0.2.9", 1719)
ROUTED = ("192.0.2.9", 1721)
OTHER = ("192.0.2.10", 1719)
VERSION = (0, 0, 8, 2250, 0, 6)
NOW_BY_THE_WALL = 1_800_000_000.0


def identity(number: int = 1) -> Identity:
    """A call's."""
    return Identity(bytes((number,)) * 16, bytes((number, 0)) * 8, number)


def outgoing(number: int = 1, **other: object) -> Admission:
    """A call of ours to a number."""
    return Admission(**{"identity": identity(number), "answers": False, "called": "4711", **other})


def incoming(number: int = 1, **other: object) -> Admission:
    """A call that came to us."""
    known = {"identity": identity(number), "answers": True, "called": "1001", "caller": "Ward 7", "peer": ROUTED}
    return Admission(**{**known, **other})


@dataclass
class Scene:
    """An endpoint, what it said to its gatekeeper and not yet heard an answer to, and what it told its owner."""

    endpoint: Gatekeeper
    now: float = 100.0
    said: list[tuple[str, dict[str, Value], tuple[str, int]]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    def gather(self) -> None:
        """Take what is to be done."""
        for action in self.endpoint.collect():
            if isinstance(action, Datagram):
                self.said.append((*decode(Kind.RAS, action.data), action.place))
            else:
                self.told.append(action)

    def heard(self, name: str) -> dict[str, Value]:
        """What the endpoint said last and alone, which has to be this."""
        self.gather()
        ((said, body, _),) = self.said
        self.said.clear()
        assert said == name
        return body

    def say(self, name: str, source: tuple[str, int] = THERE, **body: Value) -> None:
        """Say something to the endpoint."""
        self.endpoint.receive(encode(Kind.RAS, (name, body)), source, self.now)

    def events(self) -> list[Any]:
        """What the owner was told since it was last asked."""
        self.gather()
        told, self.told = self.told, []
        return told

    def wait(self) -> float:
        """Go to when something is due and do it; gives how long that was."""
        when = self.endpoint.next_timeout()
        assert when is not None
        passed, self.now = when - self.now, max(when, self.now)
        self.endpoint.timeout(self.now)
        return passed

    # What gatekeepers say.

    def confirm_discovery(self, number: int, source: tuple[str, int] = THERE, **more: Value) -> None:
        """A GatekeeperConfirm."""
        body = {"protocolIdentifier": VERSION, "gatekeeperIdentifier": "gk", "rasAddress": place(*source)}
        self.say("gatekeeperConfirm", source, requestSeqNum=number, **{**body, **more})

    def confirm_registration(self, number: int, source: tuple[str, int] = THERE, **more: Value) -> None:
        """A RegistrationConfirm."""
        body = {
            "protocolIdentifier": VERSION,
            "callSignalAddress": [place(*ROUTED)],
            "gatekeeperIdentifier": "gk",
            "endpointIdentifier": "17_endp",
            "timeToLive": 60,
        }
        self.say("registrationConfirm", source, requestSeqNum=number, **{**body, **more})

    def confirm_admission(self, number: int, **more: Value) -> None:
        """An AdmissionConfirm."""
        body = {
            "bandWidth": 20_000,
            "callModel": ("gatekeeperRouted", 0),
            "destCallSignalAddress": place(*ROUTED),
        }
        self.say("admissionConfirm", requestSeqNum=number, **{**body, **more})

    def register(self, **more: Value) -> None:
        """Have it registered."""
        self.endpoint.register(self.now)
        self.confirm_discovery(self.heard("gatekeeperRequest")["requestSeqNum"])
        self.confirm_registration(self.heard("registrationRequest")["requestSeqNum"], **more)
        assert self.endpoint.registered
        self.events()


def scene(**membership: object) -> Scene:
    """An endpoint that has not said anything."""
    whole = {
        "gatekeeper": THERE,
        "here": HERE,
        "signalling": SIGNALLING,
        "name": "bridge",
        "numbers": ("1001",),
        **membership,
    }
    return Scene(Gatekeeper(Membership(**whole), random.Random(3), lambda: NOW_BY_THE_WALL))
