"""An endpoint against sipp on loopback: a peer that shares no line of code with it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.io.endpoint import Endpoint
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri
from tests.gateways.sip import sipp
from tests.gateways.sip.sipp import answer, asked, hear, pause, sdp, send
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
            case e.OfferReceived(call=call) | e.OfferWanted(call=call):
                self.do(lambda agent, now: agent.answer(call, OURS, now))
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

    def pass_over(self, seconds: float) -> None:
        """Let the agent believe that so much time has passed."""
        self.do(lambda agent, now: agent.timeout(now + seconds))

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


async def test_a_call_without_an_offer(tmp_path: Path) -> None:
    """As call managers do: the offer is in our 200, the answer in the ACK."""
    async with _house() as house:
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, inside=False),
            *(TRYING, RINGING, hear(200, keep=True)),
            send("ACK", 1, sdp=sdp()),
            pause(50),
            *BYE,
        )
        assert house.of(e.IncomingCall)[0].sdp is None
        assert len(house.of(e.AnswerReceived)) == 1


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


async def test_hold_and_resume(tmp_path: Path) -> None:
    """Two re-INVITEs."""
    async with _house() as house:
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, sdp=sdp(), inside=False),
            *(TRYING, RINGING, hear(200, keep=True), send("ACK", 1)),
            send("INVITE", 2, sdp=sdp("sendonly", 2)),
            *(TRYING, hear(200), send("ACK", 2)),
            send("INVITE", 3, sdp=sdp("sendrecv", 3)),
            *(TRYING, hear(200), send("ACK", 3)),
            *BYE,
        )
        assert [event.hold for event in house.of(e.OfferReceived)] == [True, False]


def _after_confirmed(seconds: float) -> Callable[[House, e.Event], None]:
    """So much time passes at once when the call stands."""

    def also(house: House, event: e.Event) -> None:
        if isinstance(event, e.Confirmed):
            house.pass_over(seconds)

    return also


async def test_we_refresh_the_session(tmp_path: Path) -> None:
    """Asked to be the refresher, we send UPDATE at half time."""
    async with _house() as house:
        house.also = _after_confirmed(50.0)
        more = ("Supported: timer", "Session-Expires: 90;refresher=uas", "Allow: INVITE, UPDATE")
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, *more, sdp=sdp(), inside=False),
            *(TRYING, RINGING, hear(200, keep=True), send("ACK", 1)),
            *(asked("UPDATE"), answer("200 OK", "Session-Expires: 90;refresher=uac")),
            *BYE,
        )
        assert [event.why for event in house.of(e.Ended)] == [e.Ending.HUNG_UP_THERE]


async def test_a_session_that_the_peer_does_not_refresh_ends(tmp_path: Path) -> None:
    """The peer took it on itself and does not do it: BYE."""
    async with _house() as house:
        house.also = _after_confirmed(61.0)
        more = ("Supported: timer", "Session-Expires: 90;refresher=uac")
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, *more, sdp=sdp(), inside=False),
            *(TRYING, RINGING, hear(200, keep=True), send("ACK", 1)),
            *(asked("BYE"), answer("200 OK")),
        )
        assert [event.why for event in house.of(e.Ended)] == [e.Ending.EXPIRED]


async def test_a_call_is_cancelled(tmp_path: Path) -> None:
    """Before it is answered."""
    async with _house() as house:
        house.do = lambda _command: None
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, sdp=sdp(), inside=False),
            *(hear(100), sipp.cancel(1, 2), hear(200), hear(487), sipp.ack_refusal(1, 5)),
        )
        assert [event.why for event in house.of(e.Ended)] == [e.Ending.CANCELLED]


async def test_a_cancel_that_comes_too_late(tmp_path: Path) -> None:
    """The call stands, and is ended by BYE."""
    async with _house() as house:
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, sdp=sdp(), inside=False),
            *(TRYING, RINGING, hear(200, keep=True)),
            *(sipp.cancel(1, 4), hear(200, keep=True), send("ACK", 1)),
            *BYE,
        )
        assert [event.why for event in house.of(e.Ended)] == [e.Ending.HUNG_UP_THERE]


async def test_changes_that_cross(tmp_path: Path) -> None:
    """Our re-INVITE meets sipp's: 491 both ways, then we try again, sooner than who began the call."""
    async with _house() as house:

        def also(house: House, event: e.Event) -> None:
            if isinstance(event, e.Confirmed):
                house.do(lambda agent, now: agent.reinvite(event.call, OURS, now))

        house.also = also
        await _scenario(
            house,
            tmp_path,
            send("INVITE", 1, sdp=sdp(), inside=False),
            *(TRYING, RINGING, hear(200, keep=True), send("ACK", 1)),
            asked("INVITE"),
            *(answer("491 Request Pending"), asked("ACK")),
            *(asked("INVITE"), answer("200 OK", sdp=sdp(version=2)), asked("ACK")),
            *BYE,
        )
        assert len(house.of(e.AnswerReceived)) == 1


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_twenty_calls_a_second(tmp_path: Path, transport: str) -> None:
    """For two seconds, by sipp's own scenario; nothing is left, and no call was lost."""
    async with _house(transport) as house:
        options = ("-sn", "uac", "-r", "20", "-m", "40", "-d", "100", "-t", "u1" if transport == "UDP" else "t1")
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
