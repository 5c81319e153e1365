"""The SIP gateway: a user agent's events as what a `Visit` is told, and a `Call`'s wishes as its commands."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Final

from signalling.gateways.bfcp.io import FloorLine, FloorPort
from signalling.gateways.fates import Fates, tell_end
from signalling.gateways.interface import (
    Caller,
    Ending,
    Floor,
    GatewayError,
    Health,
    Host,
    Line,
    MediaRefused,
    Miss,
    Party,
    Settings,
    TurnedAway,
    Visit,
)
from signalling.gateways.numbers import ROOM, shown
from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.errors import CommandError
from signalling.gateways.sip.flows import Flow, Transport
from signalling.gateways.sip.io.endpoint import Endpoint
from signalling.gateways.sip.io.resolver import DnsLookup, Lookup, resolve
from signalling.gateways.sip.io.tls import client_context, server_context
from signalling.gateways.sip.options import Options, read
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.plan import Route, Trunk
from signalling.gateways.sip.registration import Membership
from signalling.gateways.sip.settings import Settings as AgentSettings
from signalling.gateways.sip.values import NameAddr, Uri

_SUBSCRIBER: Final = re.compile(r"\+?[0-9]{5,15}")
_VIDEO: Final = re.compile(rb"^m=video [1-9]", re.MULTILINE)
# Calls that nobody hung up on: what became of them is not known.
_LOST: Final = frozenset({e.Ending.LOST, e.Ending.EXPIRED, e.Ending.NO_ACK})
_STATUS: Final = {
    Ending.NO_ROOM: 404,
    Ending.NO_MEDIA: 488,
    Ending.NO_PLACE: 486,
    Ending.TOO_MANY: 503,
    Ending.TURNED_AWAY: 403,
    Ending.ROOM_ENDED: 480,
    Ending.STOPPING: 503,
    Ending.FAILED: 500,
}
# Why a call of ours was not taken (RFC 3261 section 21; 607 is RFC 8197); any other refusal leads nowhere.
_MISSES: Final = {
    **dict.fromkeys((486, 600), Miss.BUSY),
    **dict.fromkeys((408, 480, 487), Miss.NO_ANSWER),
    **dict.fromkeys((603, 607), Miss.DECLINED),
    **dict.fromkeys((415, 488, 606), Miss.NO_MEDIA),
}
_RINGS: Final = frozenset({180, 183})
DRAIN_SECONDS: Final = 2.0
# After a trunk's name has led nowhere.
RETRY_S: Final = 30.0


class SipCall:
    """One call; a `Call` of the gateways' interface."""

    def __init__(self, gateway: "SipGateway", call: e.CallId | None = None) -> None:
        self.visit: Visit | None = None
        self.unanswered = False
        """Whether it is one of ours that nobody has taken yet."""
        self.may_be_rejected = False
        self.over = False
        self.early: bytes | None = None
        self.call = call
        self.content: FloorLine | None = None
        """The floor of what is shown; a call that is over has none."""
        self._gateway = gateway

    def hang_up(self, why: Ending) -> None:
        """End or turn down."""
        if self.over:
            return
        self.end()
        call = self.call
        if call is None:
            return
        self._gateway.forget(call)
        if self.may_be_rejected:
            self._gateway.command(lambda agent, now: agent.reject(call, now, _STATUS.get(why, 480)))
        else:
            self._gateway.command(lambda agent, now: agent.hang_up(call, now))

    def want_key_frame(self) -> None:
        """By INFO (RFC 5168)."""
        call = self.call
        if not self.over and call is not None:
            self._gateway.command(lambda agent, now: agent.want_key_frame(call, now))

    def offer(self, description: str) -> None:
        """By UPDATE where the peer knows that, else by INVITE."""
        call = self.call
        if not self.over and call is not None:
            described = self.describe(description)
            self._gateway.command(lambda agent, now: agent.update(call, described, now))

    def floor(self, floor: Floor) -> None:
        """By BFCP, to a peer that has that."""
        if self.content is not None:
            self.content.tell(floor)

    # For its gateway.

    def end(self) -> None:
        """Be over."""
        self.over = True
        if self.content is not None:
            self.content.close()
            self.content = None

    def describe(self, ours: str, offer: str | None = None) -> bytes:
        """Our description, offer or answer, with the gateway's own line in it."""
        if self.content is not None:
            ours = self.content.offer(ours) if offer is None else self.content.answer(offer, ours)
        return ours.encode()

    def answered(self, theirs: str) -> None:
        """Take the peer's answer."""
        if self.content is not None:
            self.content.answered(theirs)


class SipGateway:
    """All calls on one set of sockets; a `Gateway` of the gateways' interface."""

    def __init__(
        self, host: Host, options: Options, lookup: Lookup | None = None, rng: random.Random | None = None
    ) -> None:
        """Take what to answer to and how to be reached; `lookup` is the system's name service without."""
        self.ports: dict[Transport, int] = {}
        self._host = host
        self._fates = Fates(host)
        self._options = options
        self._lookup = lookup or DnsLookup()
        self._rng = rng or random.SystemRandom()
        self._calls: dict[e.CallId, SipCall] = {}
        self._floors = FloorPort(options.host, self._rng, host.count)
        self._draining = False
        self._endpoint: Endpoint | None = None
        self._tasks: asyncio.TaskGroup | None = None
        # Filled in once it is known which ports there are.
        self._places: dict[Transport, tuple[str, int]] = {}

    # As a gateway.

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; calls that are up then are hung up."""
        options = self._options
        tls = client_context(options.authorities, *(options.identity or ()))
        settings = AgentSettings(places=self._places, serves=self._serves, max_calls=options.max_calls)
        async with (
            AsyncExitStack() as stack,
            Endpoint(UserAgent(settings, self._rng), self._take, tls) as endpoint,
            asyncio.TaskGroup() as group,
        ):
            stack.callback(self._floors.close)
            self._endpoint, self._tasks = endpoint, group
            await self._listen(endpoint)
            for trunk in options.plan.trunks:
                if trunk.register:
                    group.create_task(self._register(trunk))
            ready()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self._end_all()

    @property
    def dials(self) -> bool:
        """Whether the number plan lets anybody be called."""
        return bool(self._options.plan)

    def reaches(self, address: str) -> Party | None:
        """Whom the number plan has for an address or a number."""
        route = self._options.plan.route(address)
        if route is None:
            return None
        return Party(route.line, _shown(route.uri, by_number=route.line is Line.TELEPHONE))

    def dial(self, address: str, visit: Visit) -> SipCall:
        """Call an address or a number. Raises GatewayError where the plan has none, or the gateway is not up."""
        route = self._options.plan.route(address)
        if route is None or self._tasks is None or self._draining:
            raise GatewayError("this address cannot be called now")
        call = SipCall(self)
        call.visit, call.unanswered = visit, True
        self._begin(call, lambda: self._dial(route, call, visit))
        return call

    def drain(self) -> None:
        """Turn new calls down."""
        self._draining = True

    def health(self) -> Health:
        """Count the calls, and what came that was of no use."""
        if self._endpoint is None:
            return Health(len(self._calls), "not_serving")
        counts = self._endpoint.agent.counts | self._endpoint.network.counts
        return Health(len(self._calls), "draining" if self._draining else "", counts)

    # For its calls.

    def command(self, command: Callable[[UserAgent, float], list[e.Action]]) -> None:
        """Give a command; that the call may be over by now is no fault."""
        if self._endpoint is not None:
            with suppress(CommandError):
                self._endpoint.do(command)

    def forget(self, call: e.CallId) -> None:
        """Tell its visit nothing more."""
        self._calls.pop(call, None)

    # Beginning and end.

    async def _listen(self, endpoint: Endpoint) -> None:
        options, net = self._options, endpoint.network
        await self._floors.bind(options.bind, options.floor_port)
        for kind in options.transports:
            if kind == "UDP":
                port = await net.bind(options.bind, options.port)
            elif kind == "TCP":
                port = await net.listen(options.bind, options.port)
            elif options.identity is not None:
                context = server_context(*options.identity, options.authorities if options.mutual else None)
                port = await net.listen(options.bind, options.tls_port, context)
            self.ports[kind] = port
            self._places[kind] = (f"[{options.host}]" if ":" in options.host else options.host, port)

    def _end_all(self) -> None:
        self._fates.stop(self._calls.values())
        self._endpoint = self._tasks = None

    def _serves(self, uri: Uri) -> bool:
        """Whether an address is a room's, or the gateway's own as trunks name it in OPTIONS."""
        host = uri.host.strip("[]").lower()
        if uri.scheme not in ("sip", "sips") or host not in (self._options.host, *self._options.domains):
            return False
        return uri.user is None or ROOM.fullmatch(uri.user_text) is not None

    # What the agent tells.

    def _take(self, event: e.Event) -> None:
        if isinstance(event, e.IncomingCall):
            self._begin_incoming(event)
            return
        if isinstance(event, e.RegistrationFailed):
            self._host.count("registration_failed")
            return
        call = self._calls.get(event.call) if hasattr(event, "call") else None
        if call is None or call.visit is None:
            if isinstance(event, e.Ended) and call is not None:
                call.end()
                self.forget(event.call)
            return
        visit = call.visit
        self._fates.take(call, lambda: self._tell(call, visit, event), lambda: self._refuse_media(call, event))

    def _tell(self, call: SipCall, visit: Visit, event: e.Event) -> None:  # noqa: C901 - one a kind of event
        match event:
            case e.Progress(sdp=sdp, status=status):
                call.early = sdp or call.early
                if status in _RINGS:
                    visit.ringing()
            case e.Accepted():
                self._taken(call, visit, event)
            case e.Confirmed():
                visit.established()
            case e.OfferReceived(call=handle, sdp=sdp, hold=hold):
                offer = _text(sdp)
                self._answer(handle, call.describe(visit.describe(offer), offer))
                visit.held(held=hold)
            case e.OfferWanted(call=handle):
                self._answer(handle, call.describe(visit.describe(None)))
            case e.AnswerReceived(sdp=sdp):
                self._answered(call, visit, sdp)
            case e.OfferRefused():
                visit.declined()
            case e.KeyFrameWanted():
                visit.wants_key_frame()
            case e.KeyPressed(key=key):
                visit.pressed(key)
            case e.Ended(call=handle, why=why, status=status):
                call.end()
                self.forget(handle)
                tell_end(call, visit, _miss(why, status), lost=why in _LOST)

    def _answer(self, call: e.CallId, description: bytes) -> None:
        self.command(lambda agent, now: agent.answer(call, description, now))

    def _taken(self, call: SipCall, visit: Visit, event: e.Accepted) -> None:
        if event.flow is not None:
            visit.reached(event.flow.host, private=event.flow.transport == "TLS")
        answer = event.sdp or call.early
        if answer is not None:
            self._answered(call, visit, answer)
        call.unanswered = False
        visit.established()

    @staticmethod
    def _answered(call: SipCall, visit: Visit, answer: bytes) -> None:
        visit.answered(_text(answer))
        call.answered(_text(answer))

    def _open_floor(self, call: SipCall, seen_at: str) -> FloorLine:
        return self._floors.open(seen_at, lambda wanted: self._floor_wanted(call, wanted=wanted))

    def _floor_wanted(self, call: SipCall, *, wanted: bool) -> None:
        """The peer wants to show content, or no more."""
        if call.visit is None or call.over:
            return
        try:
            call.visit.wants_floor(wanted=wanted)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this call's alone
            self._fates.fail(call, error)

    def _refuse_media(self, call: SipCall, event: e.Event) -> None:
        """A new offer is turned down and the call goes on; without media that both can use there is none."""
        if isinstance(event, e.OfferReceived | e.OfferWanted):
            handle = event.call
            self.command(lambda agent, now: agent.refuse(handle, now))
            return
        self._fates.give_up(call, Ending.NO_MEDIA)

    # How calls begin.

    def _begin(self, call: SipCall, beginning: Callable[[], Awaitable[None]]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._fates.begin(call, beginning))

    def _begin_incoming(self, event: e.IncomingCall) -> None:
        call = self._calls[event.call] = SipCall(self, event.call)
        call.may_be_rejected = True
        self._begin(call, lambda: self._arrive(event, call))

    async def _arrive(self, event: e.IncomingCall, call: SipCall) -> None:
        handle = event.call
        if self._draining:
            call.hang_up(Ending.STOPPING)
            return
        self.command(lambda agent, now: agent.ring(handle, now))
        try:
            visit = await self._host.arrive(_caller(event), call)
        except TurnedAway as error:
            call.hang_up(error.why)
            return
        if call.over:
            visit.ended(lost=False)
            return
        call.visit = visit
        call.content = self._open_floor(call, event.flow.host)
        offer = None if event.sdp is None else _text(event.sdp)
        try:
            description = call.describe(visit.describe(offer), offer)
        except MediaRefused:
            self._host.count("media_refused")
            self._fates.give_up(call, Ending.NO_MEDIA)
            return
        except TurnedAway as error:
            self._host.count(error.code)
            self._fates.give_up(call, error.why)
            return
        call.may_be_rejected = False
        self.command(lambda agent, now: agent.accept(handle, description, now))

    async def _dial(self, route: Route, call: SipCall, visit: Visit) -> None:
        trunk = route.trunk
        flows = await self._ways(route.uri if trunk is None else trunk.proxy)
        if call.over:
            return
        if not flows or self._endpoint is None:
            call.end()
            visit.missed(Miss.UNREACHABLE)
            return
        if route.line is Line.SIP:
            call.content = self._open_floor(call, flows[0].host)
        try:
            sdp = call.describe(visit.describe(None))
        except TurnedAway as error:
            self._fates.give_up(call, error.why)
            return
        if trunk is None:
            me = NameAddr(Uri("sip", self._options.domains[0] if self._options.domains else self._options.host))
            invitation = Invitation(route.uri, me, flows, sdp)
        else:
            proxy = NameAddr(replace(trunk.proxy, params={**trunk.proxy.params, "lr": None}))
            invitation = Invitation(route.uri, trunk.us, flows, sdp, (proxy,), accounts=trunk.accounts)
        call.call = self._endpoint.start(lambda agent, now: agent.invite(invitation, now))
        self._calls[call.call] = call

    async def _ways(self, uri: Uri) -> tuple[Flow, ...]:
        return await resolve(uri, self._lookup, self._options.transports, self._rng)

    async def _register(self, trunk: Trunk) -> None:
        """Be known to a trunk from now on; while its name leads nowhere, ask again."""
        while not (flows := await self._ways(trunk.proxy)):
            self._host.count("registration_failed")
            await asyncio.sleep(RETRY_S)
        registrar = Uri("sip", trunk.domain)
        membership = Membership(registrar, trunk.us, flows, accounts=trunk.accounts)
        if self._endpoint is not None:
            self._endpoint.start(lambda agent, now: agent.register(membership, now))


def _miss(why: e.Ending, status: int | None) -> Miss:
    if why is e.Ending.NOT_ANSWERED:
        return Miss.NO_ANSWER
    if why is e.Ending.BAD_ANSWER:
        return Miss.NO_MEDIA
    return Miss.UNREACHABLE if status is None else _MISSES.get(status, Miss.UNREACHABLE)


def _caller(event: e.IncomingCall) -> Caller:
    uri = event.caller.uri
    by_number = uri.scheme == "tel" or _SUBSCRIBER.fullmatch(uri.user_text) is not None
    # A telephone comes by a trunk, which writes its number where others write a name, and shows no picture.
    sound_only = event.sdp is not None and _VIDEO.search(event.sdp) is None
    return Caller(
        line=Line.TELEPHONE if by_number and sound_only else Line.SIP,
        number=event.address.user_text,
        source=event.flow.host,
        address=_shown(uri, by_number=by_number),
        private=event.flow.transport == "TLS",
    )


def _shown(uri: Uri, *, by_number: bool) -> str:
    """What a person knows a caller by; nothing of one who withholds it (RFC 3323 section 4.1.1.3)."""
    if uri.scheme == "tel":
        text = uri.opaque.partition(";")[0]
    elif uri.host.lower().endswith(".invalid") or uri.user is None:
        return ""
    else:
        text = uri.user_text if by_number else f"{uri.user_text}@{uri.host}"
    return shown(text)


def _text(description: bytes) -> str:
    return description.decode("utf-8", "replace")


def make(host: Host, settings: Settings) -> SipGateway:
    """Make the gateway; the entry point names this. Raises SettingsError."""
    return SipGateway(host, read(settings))
