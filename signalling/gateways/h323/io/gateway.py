"""The H.323 gateway: an agent's events as what a `Visit` is told, and a `Call`'s wishes as its commands."""

import asyncio
import ipaddress
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from signalling.gateways.fates import Fates, tell_end
from signalling.gateways.h323 import causes
from signalling.gateways.h323 import events as e
from signalling.gateways.h323.agent import UserAgent
from signalling.gateways.h323.control.control import Control
from signalling.gateways.h323.control.settings import Settings as ControlSettings
from signalling.gateways.h323.errors import CommandError
from signalling.gateways.h323.io.endpoint import Endpoint
from signalling.gateways.h323.io.registration import Owner, Registration, registration
from signalling.gateways.h323.options import Options, read
from signalling.gateways.h323.outgoing import Invitation
from signalling.gateways.h323.plan import Route
from signalling.gateways.h323.ras import Admission
from signalling.gateways.h323.ras.events import Admitted, NotAdmitted
from signalling.gateways.h323.settings import Settings as AgentSettings
from signalling.gateways.h323.wire import asn1
from signalling.gateways.interface import (
    Caller,
    Ending,
    Floor,
    GatewayError,
    Health,
    Host,
    Line,
    Miss,
    Party,
    Settings,
    SettingsError,
    TurnedAway,
    Visit,
)
from signalling.gateways.numbers import ROOM

# Calls that nobody hung up on: what became of them is not known.
_LOST: Final = frozenset({e.Ending.LOST, e.Ending.NO_CONTROL, e.Ending.MALFORMED})


class H323Call:
    """One call; a `Call` of the gateways' interface."""

    def __init__(self, gateway: "H323Gateway", call: e.CallId | None = None) -> None:
        self.visit: Visit | None = None
        self.call = call
        self.over = False
        self.described = False
        """Whether any media were agreed on."""
        self.held = False
        self.unanswered = False
        """Whether it is one of ours that nobody has taken yet."""
        self.admission = b""
        """By what the gatekeeper knows it, which wants to be told of its end; empty without."""
        self._gateway = gateway

    def hang_up(self, why: Ending) -> None:
        """End or turn down."""
        self.release(*causes.RELEASES.get(why, (causes.NORMAL, "")))

    def release(self, cause: int, reason: str) -> None:
        """End or turn down, in H.323's words."""
        if self.over:
            return
        self.over = True
        self._gateway.disengage(self)
        call = self.call
        if call is not None:
            self._gateway.forget(call)
            self._gateway.command(lambda agent, now: agent.hang_up(call, now, cause, reason))

    def want_key_frame(self) -> None:
        """By videoFastUpdatePicture."""
        self._do(lambda agent, call, now: agent.want_key_frame(call, now))

    def offer(self, description: str) -> None:
        """By other channels."""
        self._do(lambda agent, call, now: agent.offer(call, description, now))

    def floor(self, floor: Floor) -> None:
        """By H.239, to a peer that has that."""
        self._do(lambda agent, call, now: agent.floor(call, floor, now))

    def _do(self, command: Callable[[UserAgent, e.CallId, float], list[e.Action]]) -> None:
        call = self.call
        if not self.over and call is not None:
            self._gateway.command(lambda agent, now: command(agent, call, now))


class H323Gateway:
    """All calls on one set of sockets; a `Gateway` of the gateways' interface."""

    def __init__(self, host: Host, options: Options, rng: random.Random | None = None) -> None:
        """Take what to answer to and how to be reached."""
        self.port = 0
        self._host = host
        self._fates = Fates(host)
        self._options = options
        self._rng = rng or random.SystemRandom()
        self._calls: dict[e.CallId, H323Call] = {}
        self._draining = False
        self._endpoint: Endpoint | None = None
        self._registration: Registration | None = None
        self._tasks: asyncio.TaskGroup | None = None

    # As a gateway.

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled; calls that are up then are hung up."""
        options = self._options
        settings = AgentSettings(
            host=options.host,
            name=options.name,
            timers=options.timers,
            tunnels=options.tunnels,
            fast=options.fast,
            max_calls=options.max_calls,
        )
        agent = UserAgent(settings, self._rng, self._control)
        async with (
            Endpoint(agent, self._take, options.bind, options.control_ports) as endpoint,
            asyncio.TaskGroup() as group,
        ):
            self._endpoint, self._tasks = endpoint, group
            # The tables take seconds to load, in which nobody who called would be heard.
            await asyncio.to_thread(asn1.prepare)
            self.port = await endpoint.network.listen(options.port)
            owner = Owner(agent.trust, self._dropped)
            async with registration(options, self.port, self._rng, owner) as self._registration:
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
        return None if route is None else Party(Line.H323, route.shown)

    def dial(self, address: str, visit: Visit) -> H323Call:
        """Call an address or a number. Raises GatewayError where the plan has none, or the gateway is not up."""
        route = self._options.plan.route(address)
        if route is None or self._tasks is None or self._draining:
            raise GatewayError("this address cannot be called now")
        call = H323Call(self)
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
        counts = Counter(self._endpoint.agent.counts) + self._endpoint.network.counts
        trouble = "draining" if self._draining else ""
        if self._registration is not None:
            counts += self._registration.counts
            trouble = trouble or ("" if self._registration.registered else "not_registered")
        return Health(len(self._calls), trouble, counts)

    # For its calls.

    def command(self, command: Callable[[UserAgent, float], list[e.Action]]) -> None:
        """Give a command; that the call may be over by now is no fault."""
        if self._endpoint is not None:
            with suppress(CommandError):
                self._endpoint.do(command)

    def forget(self, call: e.CallId) -> None:
        """Tell its visit nothing more, and the gatekeeper that it is over."""
        over = self._calls.pop(call, None)
        if over is not None:
            self.disengage(over)

    def disengage(self, call: H323Call) -> None:
        """Give the gatekeeper its leave back."""
        if self._registration is not None and call.admission:
            self._registration.disengage(call.admission)
            call.admission = b""

    # Beginning and end.

    def _control(self) -> Control:
        return Control(ControlSettings(), self._rng)

    def _end_all(self) -> None:
        self._fates.stop(self._calls.values())
        self._endpoint = self._tasks = self._registration = None

    # What the agent tells.

    def _take(self, event: e.Event) -> None:
        if isinstance(event, e.IncomingCall):
            new = self._calls[event.call] = H323Call(self, event.call)
            self._begin(new, lambda: self._arrive(event, new))
            return
        call = self._calls.get(event.call)
        if call is None or call.visit is None:
            if isinstance(event, e.Ended) and call is not None:
                call.over = True
                self.forget(event.call)
            return
        visit = call.visit
        self._fates.take(call, lambda: self._tell(call, visit, event), lambda: self._refuse_media(call, event))

    def _tell(self, call: H323Call, visit: Visit, event: e.Event) -> None:
        match event:
            case e.Ringing():
                visit.ringing()
            case e.Accepted(host=host):
                visit.reached(host, private=False)
            case e.OfferReceived():
                self._describe(call, visit, event)
            case e.AnswerReceived(sdp=sdp):
                visit.answered(sdp)
                call.described = True
            case e.Ready():
                call.unanswered = False
                visit.established()
            case e.KeyFrameWanted():
                visit.wants_key_frame()
            case e.KeyPressed(key=key):
                visit.pressed(key)
            case e.FloorWanted(wanted=wanted):
                visit.wants_floor(wanted=wanted)
            case e.Ended(call=handle, why=why):
                call.over = True
                self.forget(handle)
                tell_end(call, visit, _miss(event), lost=why in _LOST)

    def _describe(self, call: H323Call, visit: Visit, event: e.OfferReceived) -> None:
        handle, described = event.call, visit.describe(event.sdp)
        call.described = True
        self.command(lambda agent, now: agent.answer(handle, described, now))
        if event.hold != call.held:
            call.held = event.hold
            visit.held(held=event.hold)

    def _refuse_media(self, call: H323Call, event: e.Event) -> None:
        """What changes is turned down and the call goes on; without media that both can use there is none."""
        if isinstance(event, e.OfferReceived) and (event.fast or call.described):
            handle = event.call
            self.command(lambda agent, now: agent.refuse(handle, now))
            return
        self._fates.give_up(call, Ending.NO_MEDIA)

    # How calls begin.

    def _begin(self, call: H323Call, beginning: Callable[[], Awaitable[None]]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._fates.begin(call, beginning))

    async def _arrive(self, event: e.IncomingCall, call: H323Call) -> None:
        handle = event.call
        if self._draining:
            call.hang_up(Ending.STOPPING)
            return
        number = self._number(event.numbers)
        if number is None:
            self._host.count("no_number")
            call.hang_up(Ending.NO_ROOM)
            return
        registration = self._registration
        if registration is not None and registration.registered:
            asked = Admission(
                event.identity, answers=True, called=event.numbers[0], caller=event.caller, peer=(event.host, 0)
            )
            told = await self._admit(call, asked, registration)
            if call.over:
                return
            if isinstance(told, NotAdmitted):
                call.release(*causes.NOT_ADMITTED)
                return
        self.command(lambda agent, now: agent.ring(handle, now))
        caller = Caller(line=Line.H323, number=number, source=event.host, address=event.caller)
        try:
            visit = await self._host.arrive(caller, call)
        except TurnedAway as error:
            call.hang_up(error.why)
            return
        if call.over:
            visit.ended(lost=False)
            return
        call.visit = visit
        self.command(lambda agent, now: agent.accept(handle, now))

    def _number(self, names: tuple[str, ...]) -> str | None:
        """The number of a room among what was called."""
        prefix = self._options.prefix
        for name in names:
            for number in (name.removeprefix(prefix), name):
                if ROOM.fullmatch(number):
                    return number
        return None

    async def _dial(self, route: Route, call: H323Call, visit: Visit) -> None:
        agent = None if self._endpoint is None else self._endpoint.agent
        invitation = None if agent is None else await self._way(route, call, agent.identity())
        if call.over:
            return
        if invitation is None or self._endpoint is None:
            call.hang_up(Ending.FAILED)
            visit.missed(Miss.UNREACHABLE)
            return
        try:
            sdp = visit.describe(None)
        except TurnedAway as error:
            self._fates.give_up(call, error.why)
            return
        whole = replace(invitation, sdp=sdp)
        call.call = self._endpoint.start(lambda agent, now: agent.invite(whole, now))
        self._calls[call.call] = call

    async def _way(self, route: Route, call: H323Call, identity: e.Identity) -> Invitation | None:
        """Where to call: as the route says, or as the gatekeeper does, which is asked in any case."""
        host = await _resolve(route.host) if route.host else None
        registration = self._registration
        if registration is None or not registration.registered:
            return None if host is None else Invitation(host, route.port, route.name, "", identity)
        if call.over or (host is None and route.host):
            return None
        peer = None if host is None else (host, route.port)
        told = await self._admit(
            call, Admission(identity, answers=False, called=route.name, peer=peer), registration
        )
        if not isinstance(told, Admitted) or told.place is None:
            return None
        return Invitation(*told.place, told.name or route.name, "", identity, told.endpoint, told.tokens)

    async def _admit(self, call: H323Call, asked: Admission, registration: Registration) -> Admitted | NotAdmitted:
        """Ask the gatekeeper; a call that is over meanwhile gives its leave back by itself."""
        call.admission = asked.identity.call
        told = await registration.admit(asked)
        if isinstance(told, NotAdmitted):
            call.admission = b""
            self._host.count("not_admitted")
        return told

    def _dropped(self, admission: bytes) -> None:
        """The gatekeeper ends a call."""
        for call in list(self._calls.values()):
            if call.admission == admission:
                call.admission = b""
                self._fates.give_up(call, Ending.REMOVED)


async def _resolve(host: str) -> str | None:
    """The numeric address of a host; None where its name leads nowhere."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:
        return None
    return str(found[0][4][0]) if found else None


def _miss(event: e.Ended) -> Miss:
    if event.why is e.Ending.NOT_ANSWERED:
        return Miss.NO_ANSWER
    if event.why is e.Ending.NO_CONTROL:
        return Miss.NO_MEDIA
    return causes.miss(event.cause, event.reason)


def make(host: Host, settings: Settings) -> H323Gateway:
    """Make the gateway; the entry point names this. Raises SettingsError."""
    options = read(settings)
    if not asn1.available():
        raise SettingsError("the extra h323 is not installed: pip install brotjeneste[h323]")
    return H323Gateway(host, options)
