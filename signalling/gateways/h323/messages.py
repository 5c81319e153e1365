"""Messages of call signalling: a Q.931 message with a H323-UserInformation in it, read and written (H.225.0 7.3).

Once one has come out of `read`, no view of it raises: PER gives values of the standard's types, and names that are
not known here are passed over.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from signalling.gateways.h323.events import Identity
from signalling.gateways.h323.wire import asn1, q931
from signalling.gateways.h323.wire.asn1 import Value
from signalling.gateways.h323.wire.q931 import Element, Kind

VERSION: Final = (0, 0, 8, 2250, 0, 6)
"""Of H.225.0, whose older versions leave out what they do not know."""
NOBODY: Final = bytes(16)
"""The identity of a call that gives none."""
_IPV4: Final = 4
_GOALS: Final = frozenset({"create", "join", "invite"})
_USED: Final = frozenset({"setup", "callProceeding", "alerting", "progress", "connect", "facility", "information"})


@dataclass(frozen=True, slots=True)
class Signal:
    """A message that came. Fields of one that has no user information are empty."""

    message: q931.Message = field(repr=False)
    name: str = ""
    body: dict[str, Value] = field(default_factory=dict, repr=False)
    pdu: dict[str, Value] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> int:
        """Of Q.931."""
        return self.message.kind

    @property
    def tunnels(self) -> bool | None:
        """Whether its sender carries H.245 in call signalling; None where it does not say so yet."""
        if not self.pdu or "provisionalRespToH245Tunnelling" in self.pdu:
            return None
        return bool(self.pdu.get("h245Tunnelling", False))

    @property
    def control(self) -> list[bytes]:
        """Messages of H.245 in it, also those beside a fast start (H.323 8.2.4)."""
        beside = self.body.get("parallelH245Control", []) if self.name == "setup" else []
        return [*beside, *self.pdu.get("h245Control", [])]

    @property
    def fast(self) -> list[bytes]:
        """Channels that are offered or accepted before H.245."""
        return list(self.body.get("fastStart", [])) if self.name in _USED else []

    @property
    def tokens(self) -> list[Value]:
        """For the security of media."""
        return list(self.body.get("tokens", []))

    @property
    def control_place(self) -> tuple[str, int] | None:
        """Where its sender takes a connection for H.245."""
        return read_place(self.body.get("h245Address")) if self.name in _USED else None

    @property
    def identity(self) -> Identity:
        """Of the call that a Setup begins; a caller of H.225.0's first version gives only the conference."""
        conference = bytes(self.body.get("conferenceID", NOBODY))
        call = self.body.get("callIdentifier", {"guid": conference})["guid"]
        return Identity(bytes(call), conference, self.message.reference)

    @property
    def is_a_call(self) -> bool:
        """Whether a Setup wants to talk to somebody."""
        return self.name == "setup" and self.body["conferenceGoal"][0] in _GOALS

    @property
    def reason(self) -> str:
        """Of a ReleaseComplete or a Facility."""
        return str(self.body["reason"][0]) if "reason" in self.body else ""


def read(data: bytes) -> Signal:
    """Read the contents of one TPKT. Raises MalformedError."""
    return with_user_information(q931.parse(data))


def with_user_information(message: q931.Message) -> Signal:
    """Read what a message of Q.931 carries. Raises MalformedError."""
    information = message.user_information
    if information is None:
        return Signal(message)
    pdu = asn1.decode(asn1.Kind.H225, information)["h323-uu-pdu"]
    name, body = pdu["h323-message-body"]
    return Signal(message, str(name), body if isinstance(body, dict) else {}, pdu)


@dataclass(slots=True)
class Writer:
    """Writes one call's messages. `tunnels` is what they say of H.245 in them."""

    identity: Identity
    called: bool
    """Whether it is we who were called."""
    tunnels: bool

    def write(
        self,
        kind: Kind,
        name: str,
        body: dict[str, Value] | None = None,
        control: list[bytes] | None = None,
        elements: Mapping[int, bytes] | None = None,
    ) -> bytes:
        """Write a message with what else of Q.931 belongs to it."""
        pdu: dict[str, Value] = {
            "h323-message-body": (name, 0 if body is None else body),
            "h245Tunnelling": self.tunnels,
        }
        if control:
            pdu["h245Control"] = control
        information = asn1.encode(asn1.Kind.H225, {"h323-uu-pdu": pdu})
        parts = {**(elements or {}), Element.USER_USER: q931.user_user(information)}
        return q931.Message(kind, self.identity.reference, self.called, parts).encode()

    def common(self) -> dict[str, Value]:
        """What every body has."""
        return {"protocolIdentifier": VERSION, "callIdentifier": {"guid": self.identity.call}}

    def during(self) -> dict[str, Value]:
        """What bodies have that belong to a call that is not over."""
        return {**self.common(), "multipleCalls": False, "maintainConnection": False}


def terminal() -> Value:
    """What we are."""
    return {"terminal": {}, "mc": False, "undefinedNode": False}


def place(host: str, port: int) -> Value:
    """A TransportAddress; `host` is numeric."""
    packed = ipaddress.ip_address(host).packed
    return ("ipAddress" if len(packed) == _IPV4 else "ip6Address", {"ip": packed, "port": port})


def read_place(address: Value | None) -> tuple[str, int] | None:
    """A numeric address and a port out of a TransportAddress; None where there is none to connect to."""
    if address is None or address[0] not in ("ipAddress", "ip6Address"):
        return None
    host, port = ipaddress.ip_address(address[1]["ip"]), address[1]["port"]
    return (str(host), port) if port and not host.is_unspecified else None
