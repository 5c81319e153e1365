"""What the parts of a user agent share: transactions, alarms, tokens, how requests and responses are dressed."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from signalling.gateways.alarms import Alarms
from signalling.gateways.sip.dialogs import Dialog, DialogId
from signalling.gateways.sip.digest import Accounts, Asked, authorize, choose
from signalling.gateways.sip.events import Action, Event, Send
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Message, Request, Response, answer
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.transactions import Failure, Incoming, Key, Transactions, client_key
from signalling.gateways.sip.values import MAGIC, CSeq, NameAddr, Uri, Via

METHODS: Final = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO")
EXTENSIONS: Final = ("100rel", "timer")
ACCEPTS: Final = "application/sdp, application/media_control+xml, application/dtmf-relay, application/dtmf"
_WITH_CONTACT: Final = frozenset({"INVITE", "UPDATE", "OPTIONS"})
_CHALLENGES: Final = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
# A wrong password is asked for again and again: once with the account, once more for a nonce that was stale.
_MAX_CHALLENGES: Final = 2
_UNAVAILABLE: Final = 503
_TIMEOUT: Final = 408


class Owner(Protocol):
    """A call or a registration: what alarms, and requests inside dialogs, are for."""

    id: int

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""

    def receive(self, incoming: Incoming, request: Request, now: float) -> None:
        """Take a request inside one of its dialogs."""


Handler = Callable[["Sent", Response, float], None]


@dataclass(slots=True, eq=False)
class Sent:
    """A request of ours that is under way.

    It is sent anew with credentials, or on another way, before the handler hears of a refusal; what was not
    answered or could not be sent comes to the handler as 408 or 503.
    """

    request: Request
    flow: Flow
    handler: Handler
    next_number: Callable[[], int]
    others: tuple[Flow, ...] = ()
    """Further ways to the same party (RFC 3263 section 4.3)."""
    accounts: Accounts = field(default_factory=dict)
    """Who we are to those whom it goes to."""
    insists: bool = True
    """Whether it is sent anew where that may help; not what has been taken back."""
    challenges: int = 0
    acks: dict[str, tuple[Request, Flow]] = field(default_factory=dict)
    """The ACK of each 2xx to an INVITE, by the tag of whoever sent it."""

    @property
    def key(self) -> Key:
        """Its transaction at present."""
        return client_key(self.request)


class Core:
    """The context in which calls and registrations work."""

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        self.settings = settings
        self.rng = rng
        self.transactions = Transactions(settings.timers)
        self.alarms: Alarms[tuple[int, str]] = Alarms()
        self.owners: dict[int, Owner] = {}
        self.dialogs: dict[DialogId, Owner] = {}
        self.counts: Counter[str] = Counter()
        self._actions: list[Action] = []
        self._last_id = 0

    def new_id(self) -> int:
        """A number for the next owner."""
        self._last_id += 1
        return self._last_id

    def forget(self, owner: Owner, alarms: Iterable[str]) -> None:
        """Let go of an owner and of these alarms of it."""
        self.owners.pop(owner.id, None)
        for what in alarms:
            self.alarms.set((owner.id, what), None)

    def token(self) -> str:
        """96 random bits: for tags, branches and the like."""
        return f"{self.rng.getrandbits(96):024x}"

    def tell(self, event: Event) -> None:
        """Let the owner of the agent know, after what has been said to the peer."""
        self._flush()
        self._actions.append(event)

    def collect(self) -> list[Action]:
        """All actions since the last time, in order."""
        self._flush()
        actions, self._actions = self._actions, []
        return actions

    def _flush(self) -> None:
        for outgoing in self.transactions.outbox:
            self._actions.append(Send(outgoing.message.encode(), outgoing.flow))
        self.transactions.outbox.clear()

    def transmit(self, message: Message, flow: Flow) -> None:
        """Send outside any transaction."""
        self._flush()
        self._actions.append(Send(message.encode(), flow))

    def via(self, flow: Flow) -> Via:
        """Our Via on this way, with a branch of its own."""
        host, port = self.settings.places[flow.transport]
        rport = {"rport": None} if flow.transport == "UDP" else {}
        return Via(flow.transport, host, port, {**rport, "branch": MAGIC + self.token()})

    def contact(self, flow: Flow, *, secure: bool = False) -> NameAddr:
        """Our Contact on this way; a sips one where the dialog is secure (RFC 3261 section 12.1.1)."""
        host, port = self.settings.places[flow.transport]
        params: dict[str, str | None] = {} if flow.transport == "UDP" else {"transport": flow.transport.lower()}
        if secure and flow.transport == "TLS":
            return NameAddr(Uri("sips", host, port, self.settings.user))
        return NameAddr(Uri("sip", host, port, self.settings.user, params=params))

    def request(self, sent: Sent, now: float) -> Sent:
        """Send a request: it gets a Via, and what its method asks for if it is not there."""
        request = sent.request
        request.headers.remove("Via")
        fields = list(request.headers)
        request.headers = type(request.headers)([("Via", str(self.via(sent.flow))), *fields])
        if request.method in _WITH_CONTACT:
            contact = self.contact(sent.flow, secure=request.uri.scheme == "sips")
            request.headers.set("Contact", str(contact))
            request.headers.set("Allow", ", ".join(METHODS))
            if "Supported" not in request.headers:
                request.headers.set("Supported", ", ".join(EXTENSIONS))
        request.headers.set("User-Agent", self.settings.product)
        self.transactions.request(request, sent.flow, now, sent)
        return sent

    def inside(self, dialog: Dialog, request: Request, handler: Handler, now: float) -> Sent:
        """Send a request in a dialog."""

        def next_number() -> int:
            dialog.local_number += 1
            return dialog.local_number

        sent = Sent(request, dialog.way, handler, next_number, dialog.ways_besides, dialog.accounts)
        return self.request(sent, now)

    def acknowledge(self, sent: Sent, dialog: Dialog, sdp: bytes | None = None) -> None:
        """Send the ACK of a 2xx to our INVITE (RFC 3261 section 13.2.2.4)."""
        ack = dialog.request("ACK", sent.request.cseq.number)
        fields = list(ack.headers)
        ack.headers = type(ack.headers)([("Via", str(self.via(dialog.way))), *fields])
        for _, name in _CHALLENGES.values():
            for line in sent.request.headers.lines(name):
                ack.headers.add(name, line)
        if sdp is not None:
            ack.set_body("application/sdp", sdp)
        sent.acks[dialog.id.remote_tag] = ack, dialog.way
        self.transmit(ack, dialog.way)

    def acknowledged(self, sent: Sent, response: Response) -> bool:
        """Send the ACK again if this 2xx has had one."""
        ack = sent.acks.get(response.to.tag or "")
        if ack is not None:
            self.transmit(*ack)
        return ack is not None

    def cancel(self, sent: Sent, now: float) -> None:
        """Take back an INVITE that has had a provisional response (RFC 3261 section 9.1)."""
        invite = sent.request
        cancel = Request(method="CANCEL", uri=invite.uri)
        cancel.headers.set("Via", str(invite.via))
        for name in ("Route", "From", "To", "Call-ID"):
            for line in invite.headers.lines(name):
                cancel.headers.add(name, line)
        cancel.headers.set("CSeq", str(CSeq(invite.cseq.number, "CANCEL")))
        cancel.headers.set("Max-Forwards", "70")
        sent.insists = False
        self.transactions.request(cancel, sent.flow, now)
        self.transactions.give_up(sent.key, now + self.settings.timers.give_up)

    def hear(self, sent: Sent, response: Response, now: float) -> None:
        """Take a response to a request of ours: try again if that may help, else let the handler know."""
        if (
            response.is_final
            and sent.insists
            and (self._authorized(sent, response) or self._elsewhere(sent, response))
        ):
            self.request(sent, now)
        else:
            sent.handler(sent, response, now)

    def fail(self, sent: Sent, failure: Failure, now: float) -> None:
        """Treat what was not answered as refused (RFC 3261 section 8.1.3.1)."""
        self.hear(sent, answer(sent.request, _UNAVAILABLE if failure.transport else _TIMEOUT), now)

    def _authorized(self, sent: Sent, response: Response) -> bool:
        """Put in the credentials that a challenge asks for (RFC 3261 section 22.2)."""
        names = _CHALLENGES.get(response.status)
        if names is None or sent.challenges >= _MAX_CHALLENGES:
            return False
        challenge = choose(response.headers.lines(names[0]))
        account = None if challenge is None else sent.accounts.get(challenge.get("realm"))
        if challenge is None or account is None:
            return False
        if sent.challenges and challenge.get("stale").lower() != "true" and names[1] in sent.request.headers:
            return False
        sent.challenges += 1
        asked = Asked(sent.request.method, str(sent.request.uri), sent.request.body)
        self._renew(sent)
        sent.request.headers.set(names[1], str(authorize(challenge, account, asked, self.token())))
        return True

    def _elsewhere(self, sent: Sent, response: Response) -> bool:
        """Go on to the next way where this one gives nothing (RFC 3263 section 4.3)."""
        if response.status not in (_TIMEOUT, _UNAVAILABLE) or not sent.others:
            return False
        sent.flow, *others = sent.others
        sent.others = tuple(others)
        self._renew(sent)
        return True

    @staticmethod
    def _renew(sent: Sent) -> None:
        """Another request with the next number; the former one still belongs to its transaction."""
        sent.request = replace(sent.request, headers=sent.request.headers.copy())
        sent.request.headers.set("CSeq", str(CSeq(sent.next_number(), sent.request.method)))

    def response(self, request: Request, status: int, dialog: Dialog | None = None) -> Response:
        """A response, with what one inside a dialog, or a 2xx to an INVITE, has to carry (section 12.1.1)."""
        tag = dialog.id.local_tag if dialog is not None else self.token()
        response = answer(request, status, tag)
        if dialog is not None and request.method in _WITH_CONTACT and status < 300:  # noqa: PLR2004
            for line in request.headers.lines("Record-Route"):
                response.headers.add("Record-Route", line)
            secure = request.uri.scheme == "sips"
            response.headers.set("Contact", str(self.contact(dialog.flow, secure=secure)))
        if response.is_success or status == 405:  # noqa: PLR2004
            response.headers.set("Allow", ", ".join(METHODS))
            response.headers.set("Supported", ", ".join(EXTENSIONS))
        if status == 415 or (request.method == "OPTIONS" and response.is_success):  # noqa: PLR2004
            response.headers.set("Accept", ACCEPTS)
        response.headers.set("Server", self.settings.product)
        return response

    def respond(self, key: Key, response: Response, now: float) -> None:
        """Answer a request."""
        self.transactions.respond(key, response, now)

    def wake(self, owner: Owner, what: str, when: float | None) -> None:
        """Call the owner's `alarm` then; None: not any more."""
        self.alarms.set((owner.id, what), when)
