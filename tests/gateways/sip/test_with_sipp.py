"""An endpoint against sipp on loopback: what the bridge does not do of itself. The rest goes through all of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from signalling.gateways.conformance import HostDouble, VisitDouble, serving
from signalling.gateways.interface import Ending
from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.io.endpoint import Endpoint
from signalling.gateways.sip.io.gateway import SipGateway
from signalling.gateways.sip.options import Options
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.plan import NumberPlan
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri
from tests.gateways.sip import sipp
from tests.gateways.sip.sipp import answer, asked, hear, sdp, send
from tests.support.ports import free_ports

HOST = "127.0.0.1"
OURS = sdp().replace("sipp", "bridge").replace("\n", "\r\n").encode()
TRYING = hear(100, optional=True)
RINGING = hear(180, optional=True)
BYE = (send("BYE", 9), hear(200))


@dataclass
class House:
    """An endpoint that takes every call and answers every offer, and what it was told."""

    port: int
    told: list[e.Event] = field(default_factory=list)
    endpoint: Endpoint | None = None
    early: bool = False
    """Whether it answers before it accepts."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    also: Callable[["House", e.Event], None] = lambda _house, _event: None

    def owner(self, event: e.Event) -> None:
        """React."""
        self.told.append(event)
        match event:
            case e.IncomingCall(call=call):
                self.do(lambda agent, now: agent.ring(call, now, OURS if self.early else None))
                self.do(lambda agent, now: agent.accept(call, None if self.early else OURS, now))
        self.also(self, event)
        self.heard.set()

    def do(self, command: Callable[[UserAgent, float], list[e.Action]]) -> None:
        """Give a command."""
        assert self.endpoint is not None
        self.endpoint.do(command)

    def of(self, kind: type) -> list[e.Event]:
        """What was told of one kind."""
        return [event for event in self.told if isinstance(event, kind)]

    async def quiet(self) -> None:
        """Wait until every call has ended: sipp may go while its last word is still on the way."""
        async with asyncio.timeout(20):
            while len(self.of(e.Ended)) < len(self.of(e.IncomingCall)) + len(self.of(e.Accepted)):
                self.heard.clear()
                await self.heard.wait()

    def left_after(self, seconds: float) -> dict[str, int]:
        """What would still be kept then, if nobody said anything any more."""
        assert self.endpoint is not None
        agent = self.endpoint.agent
        until = self.endpoint._now() + seconds
        while (when := agent.next_timeout()) is not None and when <= until:
            agent.timeout(when)
        return {name: size for name, size in agent.sizes.items() if size}


@asynccontextmanager
async def _house(transport: str = "UDP", **settings: object) -> AsyncIterator[House]:
    port = free_ports(1)[0]
    agent = UserAgent(Settings(places={transport: (HOST, port)}, **settings), random.Random(2))
    house = House(port)
    async with Endpoint(agent, house.owner) as endpoint:
        house.endpoint = endpoint
        if transport == "UDP":
            await endpoint.network.bind(HOST, port)
        else:
            await endpoint.network.listen(HOST, port)
        yield house


async def _scenario(house: House, folder: Path, *steps: str, options: tuple[str, ...] = ("-m", "1")) -> None:
    outcome = await sipp.run(folder, house.port, *steps, options=options)
    assert outcome.code == 0, outcome.output
    await house.quiet()
    assert house.left_after(100.0) == {}


async def test_early_media(tmp_path: Path) -> None:
    """A reliable 183 has the answer; the 200 waits for its PRACK (RFC 3262)."""
    async with _house() as house:
        house.early = True
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, "Supported: 100rel", sdp=sdp(), inside=False),
            *(TRYING, sipp.hear_reliable(183), send("PRACK", 2, "RAck: [$1] 1 INVITE"), hear(200)),
            *(hear(200, keep=True), send("ACK", 1)),
            *BYE,
        )
        assert [event.why for event in house.of(e.Ended)] == [e.Ending.HUNG_UP_THERE]


async def test_twenty_calls_a_second_over_tcp(tmp_path: Path) -> None:
    """For two seconds, by sipp's own scenario; nothing is left, and no call was lost."""
    async with _house("TCP") as house:
        options = ("-sn", "uac", "-r", "20", "-m", "40", "-d", "100", "-t", "t1")
        await _scenario(house, tmp_path, options=options)
        assert len(house.of(e.Confirmed)) == 40
        assert [event.why for event in house.of(e.Ended)] == [e.Ending.HUNG_UP_THERE] * 40


async def test_we_call_sipp(tmp_path: Path) -> None:
    """Sipp's own callee takes a call of ours."""
    async with _house() as house:
        port = free_ports(1)[0]

        def also(house: House, event: e.Event) -> None:
            if isinstance(event, e.Accepted):
                house.do(lambda agent, now: agent.hang_up(event.call, now))

        house.also = also
        flow = Flow("UDP", HOST, port)
        invitation = Invitation(
            Uri("sip", HOST, port, "service"), NameAddr(Uri("sip", HOST, user="bridge")), (flow,), OURS
        )
        assert house.endpoint is not None
        house.endpoint.start(lambda agent, now: agent.invite(invitation, now))
        await _scenario(house, tmp_path, options=("-sn", "uas", "-p", str(port), "-m", "1", "-d", "1"))
        assert len(house.of(e.Accepted)) == 1


async def test_media_that_come_before_the_answer_are_the_answer(tmp_path: Path) -> None:
    """A trunk says reliably (RFC 3262) what is to be heard while it rings, and then only that it is answered."""
    port, visit = free_ports(1)[0], VisitDouble()
    early = answer("183 Session Progress", "Require: 100rel", "RSeq: 7", sdp=sdp(), to="first")
    steps = (
        *(asked("INVITE", keep=True), early, asked("PRACK"), answer("200 OK"), answer("200 OK", to="kept")),
        *(asked("ACK"), asked("BYE"), answer("200 OK")),
    )
    gateway = SipGateway(HostDouble(), Options(port=0, transports=("UDP",), plan=NumberPlan(domains=(HOST,))))
    async with serving(gateway), asyncio.TaskGroup() as group:
        task = group.create_task(sipp.run(tmp_path, port, *steps, options=("-p", str(port), "-m", "1")))
        call = gateway.dial(f"sip:trunk@{HOST}:{port}", visit)
        await visit.hears("established")
        call.hang_up(Ending.REMOVED)
        outcome = await task
        assert outcome.code == 0, outcome.output
        assert visit.told == ["asked", "ringing", "reached", "answered", "established"]
        assert gateway.health().calls == 0
