"""Dialogs (RFC 3261 section 12): the peer-to-peer relation that a 1xx with a tag or a 2xx to an INVITE makes."""

from dataclasses import dataclass, field, replace
from typing import Self

from signalling.gateways.sip.digest import Accounts
from signalling.gateways.sip.errors import SipError
from signalling.gateways.sip.flows import DEFAULT_PORTS, Flow, is_address, same_host
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.values import CSeq, NameAddr, Uri

MAX_FORWARDS = 70


@dataclass(frozen=True, slots=True)
class DialogId:
    """What tells dialogs apart, seen from here."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(slots=True)
class Dialog:
    """One dialog's state (RFC 3261 section 12.1). `flow` is the way on which the peer last spoke in it."""

    id: DialogId
    local: NameAddr
    remote: NameAddr
    target: Uri
    routes: tuple[NameAddr, ...]
    flow: Flow
    local_number: int
    remote_number: int | None = None
    early: bool = True
    methods: frozenset[str] = field(default_factory=frozenset)
    """What the peer's Allow says that it takes, in upper case."""
    supported: frozenset[str] = field(default_factory=frozenset)
    """What the peer's Supported says."""
    accounts: Accounts = field(default_factory=dict)
    """Who we are to the peer, where we called it."""

    @classmethod
    def of_server(cls, invite: Request, local_tag: str, flow: Flow, first_number: int) -> Self:
        """The dialog of a call that came in (RFC 3261 section 12.1.1). Raises SipError without one Contact."""
        dialog = cls(
            id=DialogId(invite.call_id, local_tag, invite.from_.tag or ""),
            local=invite.to.with_tag(local_tag),
            remote=invite.from_,
            target=_target(invite.contacts),
            routes=tuple(invite.record_routes),
            flow=flow,
            local_number=first_number,
            remote_number=invite.cseq.number,
        )
        dialog.learn(invite)
        return dialog

    @classmethod
    def of_client(cls, invite: Request, response: Response, flow: Flow) -> Self:
        """The dialog that a response to our INVITE makes (section 12.1.2). Raises SipError without one Contact."""
        dialog = cls(
            id=DialogId(invite.call_id, invite.from_.tag or "", response.to.tag or ""),
            local=invite.from_,
            remote=response.to,
            target=_target(response.contacts),
            routes=tuple(reversed(response.record_routes)),
            flow=flow,
            local_number=invite.cseq.number,
            early=not response.is_final,
        )
        dialog.learn(response)
        return dialog

    @property
    def _hop(self) -> Uri:
        """Where the next one on the route is, by its own word."""
        return self.routes[0].uri if self.routes else self.target

    @property
    def way(self) -> Flow:
        """Where requests in it go.

        On connections, to whence the peer spoke (RFC 5923). On UDP, to the next hop's port if its address is the
        one from which the peer spoke; an address that is another is one behind a NAT, where nothing would
        arrive.
        """
        hop = self._hop
        if self.flow.reliable or not same_host(hop.host, self.flow.host):
            return self.flow
        return replace(self.flow, port=hop.port or DEFAULT_PORTS["UDP"])

    @property
    def ways_besides(self) -> tuple[Flow, ...]:
        """Where to go when the peer's connection is gone: to the address that it named, if that needs no look-up.

        A TLS peer is called back only where there is a name to check its certificate by.
        """
        flow, hop = self.flow, self._hop
        if not flow.reliable or not is_address(hop.host) or (flow.transport == "TLS" and not flow.name):
            return ()
        port = hop.port or DEFAULT_PORTS[flow.transport]
        return (Flow(flow.transport, hop.host.strip("[]"), port, name=flow.name),)

    def learn(self, message: Request | Response) -> None:
        """Take over what a message of the peer says about itself, if it says anything."""
        if "Allow" in message.headers:
            self.methods = frozenset(method.upper() for method in message.headers.tokens("Allow"))
        if "Supported" in message.headers:
            self.supported = message.headers.tokens("Supported")

    def refresh(self, message: Request | Response) -> None:
        """Take over the target that an INVITE, an UPDATE or a 2xx to one names (section 12.2)."""
        if message.contacts:
            self.target = message.contacts[0].uri
        self.learn(message)

    def confirm(self, response: Response) -> None:
        """Take the 2xx: its route set replaces that of the early dialog (section 13.2.2.4)."""
        self.early = False
        self.routes = tuple(reversed(response.record_routes))
        self.refresh(response)

    def check_order(self, request: Request) -> None:
        """Take note of a request's number; raise SipError 500 if it is an old one (section 12.2.2)."""
        number = request.cseq.number
        if self.remote_number is not None and number <= self.remote_number:
            raise SipError(500, "This request comes out of order.")
        self.remote_number = number

    def request(self, method: str, number: int | None = None) -> Request:
        """A request in this dialog (section 12.2.1.1), without Via; `number` for ACK, whose INVITE it shares.

        To a peer whose first route does not know loose routing, that route is the request's URI and the target
        is the last route.
        """
        if number is None:
            self.local_number += 1
            number = self.local_number
        uri, routes = self.target, [str(route) for route in self.routes]
        if self.routes and "lr" not in self.routes[0].uri.params:
            uri, routes = self.routes[0].uri, [*routes[1:], f"<{self.target}>"]
        request = Request(method=method, uri=uri)
        for route in routes:
            request.headers.add("Route", route)
        request.headers.set("From", str(self.local))
        request.headers.set("To", str(self.remote))
        request.headers.set("Call-ID", self.id.call_id)
        request.headers.set("CSeq", str(CSeq(number, method)))
        request.headers.set("Max-Forwards", str(MAX_FORWARDS))
        return request


def _target(contacts: list[NameAddr]) -> Uri:
    if len(contacts) != 1 or not contacts[0].uri.host:
        raise SipError(400, "A call needs one Contact with a SIP URI.")
    return contacts[0].uri
