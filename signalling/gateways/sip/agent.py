"""The user agent: bytes, commands and time in; bytes and events out. No clock, socket or chance of its own."""

import random
from typing import Final

from signalling.gateways.guard import Guard
from signalling.gateways.sip import incoming, media_control, outgoing
from signalling.gateways.sip.call import Call
from signalling.gateways.sip.changes import Wish
from signalling.gateways.sip.core import EXTENSIONS, METHODS, Core, Sent
from signalling.gateways.sip.dialogs import DialogId
from signalling.gateways.sip.digest import Asked, Verdict
from signalling.gateways.sip.errors import CommandError, SipError
from signalling.gateways.sip.events import Action, CallId, Pinged, RegistrationId
from signalling.gateways.sip.flows import Flow, stamp, way_back
from signalling.gateways.sip.incoming import Incoming
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.parsing import MalformedMessageError, parse
from signalling.gateways.sip.registration import Membership, Registration
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.transactions import Failure, Key, server_key
from signalling.gateways.sip.transactions import Incoming as Arrival
from signalling.gateways.sip.values import CSeq, NameAddr, Uri

_INSIDE: Final = frozenset({"BYE", "INFO", "UPDATE", "PRACK"})


class UserAgent:
    """All calls and registrations behind one set of addresses.

    Every method that may bring something about gives the actions in order. Commands raise CommandError if they
    do not fit the state of what they name; nothing has happened then.
    """

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        self._core = Core(settings, rng)
        self._guard = Guard(settings.begin_rate, settings.begin_burst)

    # Time and the network.

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do."""
        times = (self._core.transactions.next_timeout(), self._core.alarms.next())
        return min((when for when in times if when is not None), default=None)

    def timeout(self, now: float) -> list[Action]:
        """Do what is due."""
        self._core.transactions.timeout(now)
        self._settle(now)
        while (due := self._core.alarms.pop(now)) is not None:
            owner = self._core.owners.get(due[0])
            if owner is not None:
                owner.alarm(due[1], now)
            self._settle(now)
        return self._core.collect()

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Action]:
        """Take one message, as it came in a datagram or was cut out of a stream."""
        core = self._core
        try:
            message = parse(data)
        except MalformedMessageError as error:
            core.counts["malformed"] += 1
            self._answer_malformed(error, flow, now)
            return core.collect()
        if isinstance(message, Request):
            if self._is_unwelcome(message, flow, now):
                return []
            stamp(message, flow)
        core.transactions.receive(message, flow, now)
        self._settle(now)
        return core.collect()

    def broken(self, flow: Flow, now: float) -> list[Action]:
        """What was sent this way could not be, or the connection is gone."""
        self._core.transactions.broken(flow)
        for owner in list(self._core.owners.values()):
            if isinstance(owner, Registration):
                owner.broken(flow, now)
        self._settle(now)
        return self._core.collect()

    @property
    def counts(self) -> dict[str, int]:
        """What was dropped or out of the ordinary, by kind."""
        return dict(self._core.counts + self._core.transactions.counts)

    @property
    def sizes(self) -> dict[str, int]:
        """How much is kept: all zero when nothing goes on."""
        core = self._core
        return {
            "transactions": len(core.transactions),
            "calls": len(core.owners),
            "dialogs": len(core.dialogs),
            "alarms": len(core.alarms),
        }

    # Calls.

    def invite(self, invitation: Invitation, now: float) -> tuple[CallId, list[Action]]:
        """Call somebody."""
        call = outgoing.start(self._core, invitation, now)
        return call, self._core.collect()

    def ring(self, call: CallId, now: float, sdp: bytes | None = None) -> list[Action]:
        """Say that a call rings (180), or with `sdp` what is to be heard meanwhile (183)."""
        self._incoming(call).ring(sdp, now)
        return self._core.collect()

    def accept(self, call: CallId, sdp: bytes | None, now: float) -> list[Action]:
        """Take a call; see `incoming.Incoming.accept`."""
        self._incoming(call).accept(sdp, now)
        return self._core.collect()

    def reject(self, call: CallId, now: float, status: int = 603) -> list[Action]:
        """Turn a call down."""
        self._incoming(call).reject(status, now)
        return self._core.collect()

    def hang_up(self, call: CallId, now: float) -> list[Action]:
        """End a call in whatever state it is."""
        self._call(call).hang_up(now)
        return self._core.collect()

    def reinvite(self, call: CallId, sdp: bytes | None, now: float) -> list[Action]:
        """Offer something else by INVITE, or ask for an offer; as soon as nothing else is under way."""
        self._standing(call).changes.want(Wish("INVITE", sdp), now)
        return self._core.collect()

    def update(self, call: CallId, sdp: bytes, now: float) -> list[Action]:
        """Offer something else by UPDATE if the peer knows that, else by INVITE."""
        standing = self._standing(call)
        method = "UPDATE" if "UPDATE" in standing.confirmed_dialog().methods else "INVITE"
        standing.changes.want(Wish(method, sdp), now)
        return self._core.collect()

    def answer(self, call: CallId, sdp: bytes, now: float) -> list[Action]:
        """Answer `OfferReceived`, or give what `OfferWanted` asks for."""
        self._standing(call).changes.answer(sdp, now)
        return self._core.collect()

    def refuse(self, call: CallId, now: float, status: int = 488) -> list[Action]:
        """Turn down what `OfferReceived` or `OfferWanted` told of."""
        self._standing(call).changes.refuse(status, now)
        return self._core.collect()

    def want_key_frame(self, call: CallId, now: float) -> list[Action]:
        """Ask the peer for a key frame by INFO (RFC 5168)."""
        return self.inform(call, media_control.MEDIA_CONTROL, media_control.PICTURE_FAST_UPDATE, now)

    def inform(self, call: CallId, content_type: str, body: bytes, now: float) -> list[Action]:
        """Send an INFO of any kind."""
        self._standing(call).inform(content_type, body, now)
        return self._core.collect()

    # Registrations and pings.

    def register(self, membership: Membership, now: float) -> tuple[RegistrationId, list[Action]]:
        """Register, and keep registered."""
        registration = Registration(self._core.new_id(), self._core, membership)
        self._core.owners[registration.id] = registration
        registration.register(now)
        return registration.handle, self._core.collect()

    def unregister(self, registration: RegistrationId, now: float) -> list[Action]:
        """Take a registration back."""
        owner = self._core.owners.get(registration)
        if not isinstance(owner, Registration):
            raise CommandError("There is no such registration.")
        owner.unregister(now)
        return self._core.collect()

    def ping(self, uri: Uri, flow: Flow, now: float) -> tuple[str, list[Action]]:
        """Ask by OPTIONS whether somebody is there; `Pinged` follows."""
        core, token = self._core, self._core.token()
        request = Request(method="OPTIONS", uri=uri)
        request.headers.set("From", str(core.contact(flow).with_tag(core.token())))
        request.headers.set("To", str(NameAddr(uri.bare())))
        request.headers.set("Call-ID", token)
        request.headers.set("CSeq", str(CSeq(1, "OPTIONS")))
        request.headers.set("Max-Forwards", "70")

        def heard(_sent: Sent, response: Response, _now: float) -> None:
            if response.is_final:
                core.tell(Pinged(token, response.status))

        numbers = iter(range(2, 2**31))
        core.request(Sent(request, flow, heard, lambda: next(numbers)), now)
        return token, core.collect()

    # Looking up.

    def _call(self, call: CallId) -> Call:
        owner = self._core.owners.get(call)
        if not isinstance(owner, Call) or owner.over:
            raise CommandError("There is no such call.")
        return owner

    def _standing(self, call: CallId) -> Call:
        found = self._call(call)
        if found.dialog is None:
            raise CommandError("The call has not got that far.")
        return found

    def _incoming(self, call: CallId) -> Incoming:
        stage = self._call(call).stage
        if not isinstance(stage, Incoming):
            raise CommandError("This is a call of ours.")
        return stage

    # What comes.

    def _is_unwelcome(self, request: Request, flow: Flow, now: float) -> bool:
        """Whether to drop a request that begins something: it is for nobody here, or one too many.

        Scanners hear nothing, not even that somebody listens.
        """
        if request.to.tag is not None or request.method == "ACK":
            return False
        if not self._core.settings.serves(request.uri):
            self._core.counts["unknown_address"] += 1
            return True
        if not self._guard.allows(flow.host, now):
            self._core.counts["flood"] += 1
            return True
        return False

    def _answer_malformed(self, error: MalformedMessageError, flow: Flow, now: float) -> None:
        request = error.request
        if request is None or not self._core.settings.serves(request.to.uri):
            return
        if not self._guard.allows(flow.host, now):
            self._core.counts["flood"] += 1
            return
        stamp(request, flow)
        self._core.transmit(self._core.response(request, error.status), way_back(request.via, flow))

    def _settle(self, now: float) -> None:
        """Let everybody see what came, until nothing more does."""
        transactions = self._core.transactions
        while transactions.inbox:
            arrived, transactions.inbox = transactions.inbox, []
            for item in arrived:
                self._arrived(item, now)

    def _arrived(self, item: Arrival | Failure, now: float) -> None:
        core = self._core
        if isinstance(item, Failure):
            if isinstance(item.user, Sent):
                core.fail(item.user, item, now)
            else:
                core.counts["never_acknowledged"] += item.request.method == "INVITE"
        elif isinstance(item.message, Response):
            if isinstance(item.user, Sent):
                core.hear(item.user, item.message, now)
        else:
            self._request(item, item.message, now)

    def _request(self, item: Arrival, request: Request, now: float) -> None:
        core, tag = self._core, request.to.tag
        if request.method == "CANCEL":
            self._cancel(item, request, now)
        elif tag is not None:
            owner = core.dialogs.get(DialogId(request.call_id, tag, request.from_.tag or ""))
            if owner is not None:
                owner.receive(item, request, now)
            elif item.key is not None:
                core.respond(item.key, core.response(request, 481), now)
            else:
                core.counts["stray_ack"] += 1
        elif item.key is None:
            core.counts["stray_ack"] += 1
        else:
            self._begin(item.key, request, item.flow, now)

    def _cancel(self, item: Arrival, cancel: Request, now: float) -> None:
        """RFC 3261 section 9.2: the CANCEL is answered by itself, with the tag that the INVITE's answer has."""
        core = self._core
        if item.key is None:
            return
        call = self._invited(server_key(cancel, "INVITE"))
        status = 200 if core.transactions.knows_invite(cancel) else 481
        core.respond(item.key, core.response(cancel, status, None if call is None else call.dialog), now)
        if call is not None and call.stage is not None and core.transactions.cancelled(cancel):
            call.stage.abandoned(now)

    def _invited(self, key: Key) -> Call | None:
        """The call that an INVITE began."""
        for owner in self._core.owners.values():
            if isinstance(owner, Call) and isinstance(owner.stage, Incoming) and owner.stage.key == key:
                return owner
        return None

    def _begin(self, key: Key, request: Request, flow: Flow, now: float) -> None:
        """Take a request outside any dialog (RFC 3261 section 8.2)."""
        core = self._core
        try:
            self._check(request)
            if request.method == "OPTIONS":
                core.respond(key, core.response(request, 200), now)
                return
            user = self._authenticate(key, request, now)
            if user is not None:
                incoming.receive(core, key, (request, flow), user, now)
        except SipError as error:
            response = core.response(request, error.status)
            if error.status == 422:  # noqa: PLR2004
                response.headers.set("Min-SE", str(core.settings.min_session_seconds))
            if error.status == 420:  # noqa: PLR2004
                response.headers.set("Unsupported", ", ".join(_unknown_options(request)))
            if error.status == 503:  # noqa: PLR2004
                response.headers.set("Retry-After", "10")
            core.respond(key, response, now)

    def _check(self, request: Request) -> None:
        if request.method in _INSIDE:
            raise SipError(481, "There is no such call.")
        if request.method not in ("INVITE", "OPTIONS"):
            raise SipError(405 if request.method in ("REGISTER", *METHODS) else 501, "This method is not known.")
        if _unknown_options(request):
            raise SipError(420, "An extension that is required is not known.")
        if request.method == "INVITE" and request.body and request.sdp is None:
            raise SipError(415, "Only session descriptions are known here.")
        if request.method == "INVITE" and "Content-Encoding" in request.headers:
            raise SipError(415, "No content encoding is known here.")
        if request.method == "INVITE" and len(self._core.owners) >= self._core.settings.max_calls:
            raise SipError(503, "There are too many calls.")

    def _authenticate(self, key: Key, request: Request, now: float) -> str | None:
        """Who calls; empty where nobody is asked; None if a challenge went out instead (RFC 3261 section 22.2)."""
        core, verifier = self._core, self._core.settings.verifier
        if verifier is None:
            return ""
        lines = request.headers.lines("Authorization")
        asked = Asked(request.method, str(request.uri), request.body)
        verdict, user = verifier.verify(lines, asked, now)
        if verdict is Verdict.GOOD:
            return user
        if lines and verdict is Verdict.BAD:
            core.counts["bad_credentials"] += 1
        response = core.response(request, 401)
        response.headers.set("WWW-Authenticate", *verifier.challenges(now, stale=verdict is Verdict.STALE))
        core.respond(key, response, now)
        return None


def _unknown_options(request: Request) -> list[str]:
    return sorted(request.headers.tokens("Require") - set(EXTENSIONS))
