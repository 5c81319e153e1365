"""The SIP gateway under the suite for all gateways, and what only SIP has."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from signalling.gateways.bfcp.codec import Primitive, Status
from signalling.gateways.conformance import NUMBER, Conformance, HostDouble, VisitDouble, serving
from signalling.gateways.interface import Ending, Floor, GatewayError, Line, SettingsError
from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.digest import Account
from signalling.gateways.sip.flows import Flow, Transport
from signalling.gateways.sip.io.endpoint import Endpoint
from signalling.gateways.sip.io.gateway import SipGateway, make
from signalling.gateways.sip.message import Request, answer
from signalling.gateways.sip.options import Options, read
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.parsing import parse
from signalling.gateways.sip.plan import NumberPlan
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri
from tests.gateways.bfcp.client import FLOOR, FloorClient

HOST = "127.0.0.1"
PATIENCE_S = 10.0
CONTENT = (
    "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {} RTP/AVP 97\r\n"
    "m=video {} RTP/AVP 97\r\na=content:slides\r\na=label:3\r\nm=application {} UDP/BFCP *\r\n"
)
THEIRS = (
    b"v=0\r\no=- 7 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\na=%s\r\n"
)


BAD_TRUNKS: Final = (
    ({}, "proxy"),
    ({"proxy": "proxy.example"}, "proxy"),
    ({"proxy": "sip:me@proxy.example"}, "proxy"),
    ({"proxy": "sip:p.example", "prefixes": ["47"]}, "prefixes"),
    ({"proxy": "sip:p.example", "prefixes": ["+"]}, "prefixes"),
    ({"proxy": "sip:p.example", "number": "the bridge"}, "number"),
    ({"proxy": "sip:p.example", "username": "me"}, "password_file"),
    ({"proxy": "sip:p.example", "username": "me", "password_file": "/nowhere/at/all"}, "password_file"),
    ({"proxy": "sip:p.example", "register": True}, "register"),
    ({"proxy": "sip:p.example", "domains": ["P.example"]}, "domains"),
    ({"proxy": "sip:p.example", "prefix": ["+47"]}, "trunks.main: unknown keys: prefix"),
)


@dataclass
class Caller:
    """One call, at the peer's end."""

    peer: "SipPeer"
    call: e.CallId
    told: list[e.Event] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    offers: int = 1

    async def hears(self, *kinds: type) -> e.Event:
        """Wait until it was told one of these."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [one for one in self.told if isinstance(one, kinds)]):
                self.changed.clear()
                await self.changed.wait()
        self.told.remove(found[0])
        return found[0]

    def do(self, command: Callable[[UserAgent, e.CallId, float], list[e.Action]]) -> None:
        """Give a command of this call."""
        self.peer.endpoint.do(lambda agent, now: command(agent, self.call, now))

    async def up(self) -> None:
        """Wait for the 200."""
        await self.hears(e.Accepted)

    async def over(self) -> None:
        """Wait for the end."""
        await self.hears(e.Ended)

    async def hang_up(self) -> None:
        """CANCEL or BYE."""
        self.do(lambda agent, call, now: agent.hang_up(call, now))

    async def press(self, key: str) -> None:
        """By INFO."""
        body = f"Signal={key}\r\nDuration=160\r\n".encode()
        self.do(lambda agent, call, now: agent.inform(call, "application/dtmf-relay", body, now))

    async def offer(self, *, hold: bool = False) -> None:
        """By re-INVITE."""
        self.offers += 1
        sdp = THEIRS % (self.offers, b"sendonly" if hold else b"sendrecv")
        self.do(lambda agent, call, now: agent.reinvite(call, sdp, now))
        await self.hears(e.AnswerReceived, e.OfferRefused)

    async def want_key_frame(self) -> None:
        """By INFO (RFC 5168)."""
        self.do(lambda agent, call, now: agent.want_key_frame(call, now))

    async def key_frame_wanted(self) -> None:
        """By INFO, too."""
        await self.hears(e.KeyFrameWanted)

    async def vanish(self) -> None:
        """Answer nothing; our side tries to change something, and gives up on it in the end."""
        self.peer.deaf = True
        self.peer.ask_after(self)


@dataclass
class SipPeer:
    """A user agent of ours on the other side: all that a peer may do can be had of no packaged program."""

    endpoint: Endpoint
    gateway: SipGateway
    host: HostDouble
    port: int = 0
    deaf: bool = False
    refuses: int = 0
    """With which status it turns down whoever calls."""
    answer: bytes = THEIRS % (1, b"sendrecv")
    calls: dict[e.CallId, Caller] = field(default_factory=dict)
    incoming: "asyncio.Queue[Caller]" = field(default_factory=asyncio.Queue)

    def take(self, event: e.Event) -> None:
        """Give an event to its call; take every call, answer every offer."""
        if self.deaf:
            return
        call = getattr(event, "call", None)
        assert call is not None
        mine = self.calls.setdefault(call, Caller(self, call))
        if isinstance(event, e.IncomingCall) and self.refuses:
            mine.do(lambda agent, call, now: agent.reject(call, now, self.refuses))
        elif isinstance(event, e.IncomingCall):
            mine.do(lambda agent, call, now: agent.ring(call, now))
            self.incoming.put_nowait(mine)
        if isinstance(event, e.OfferReceived):
            mine.do(lambda agent, call, now: agent.answer(call, self.answer, now))
        mine.told.append(event)
        mine.changed.set()

    async def call(
        self, number: str, sdp: bytes | None = THEIRS % (1, b"sendrecv"), user: str | None = "me"
    ) -> Caller:
        """Call the gateway."""
        flow = Flow("UDP", HOST, self.gateway.ports["UDP"])
        to, me = Uri("sip", HOST, flow.port, number), NameAddr(Uri("sip", HOST, user=user))
        call = self.endpoint.start(lambda agent, now: agent.invite(Invitation(to, me, (flow,), sdp), now))
        mine = self.calls.setdefault(call, Caller(self, call))
        async with asyncio.timeout(PATIENCE_S):
            while not mine.told:
                mine.changed.clear()
                await mine.changed.wait()
        return mine

    @property
    def address(self) -> str:
        """Where it is."""
        return f"sip:someone@{HOST}:{self.port}"

    async def called(self) -> Caller:
        """Wait for a call, and take it if it is still there."""
        async with asyncio.timeout(PATIENCE_S):
            mine = await self.incoming.get()
        if not any(isinstance(one, e.Ended) for one in mine.told):
            mine.do(lambda agent, call, now: agent.accept(call, THEIRS % (1, b"sendrecv"), now))
        return mine

    def be_busy(self) -> None:
        """486 from now on."""
        self.refuses = 486

    def ask_after(self, caller: Caller) -> None:
        """Let the gateway find out that nobody is there."""
        _, ours = self.host.visits[-1]
        del caller
        self.endpoint.network.send = lambda *_: None
        ours.offer("v=0\r\n")
        agent = self.gateway._endpoint
        assert agent is not None
        agent.do(lambda one, now: [action for late in (1, 40, 80) for action in one.timeout(now + late)])


@asynccontextmanager
async def _peer(gateway: SipGateway, host: HostDouble) -> AsyncIterator[SipPeer]:
    places: dict[Transport, tuple[str, int]] = {}
    peers: list[SipPeer] = []
    agent = UserAgent(Settings(places=places), random.Random(3))
    async with Endpoint(agent, lambda event: peers[0].take(event)) as endpoint:  # noqa: PLW0108 - it comes next
        port = await endpoint.network.bind(HOST, 0)
        places["UDP"] = (HOST, port)
        peers.append(SipPeer(endpoint, gateway, host, port))
        yield peers[0]


class TestSip(Conformance):
    """SIP over UDP on loopback."""

    @pytest.fixture
    def gateway(self, host: HostDouble) -> SipGateway:
        """Any free port."""
        plan = NumberPlan(domains=(HOST,))
        return SipGateway(host, Options(port=0, transports=("UDP",), domains=("rooms.example",), plan=plan))

    @pytest.fixture
    async def peer(self, gateway: SipGateway, host: HostDouble) -> AsyncIterator[SipPeer]:
        """The other side."""
        async with _peer(gateway, host) as made:
            yield made


@asynccontextmanager
async def _house(host: HostDouble, **options: object) -> AsyncIterator[tuple[SipGateway, SipPeer]]:
    gateway = SipGateway(host, Options(port=0, transports=("UDP", "TCP"), domains=("rooms.example",), **options))
    async with serving(gateway), _peer(gateway, host) as peer:
        yield gateway, peer


async def test_a_call_without_an_offer_is_given_one() -> None:
    """As call managers call."""
    host = HostDouble()
    async with _house(host) as (_, peer):
        call = await peer.call(NUMBER, sdp=None)
        visit, _ = await host.next()
        await call.hears(e.OfferReceived)
        await visit.hears("answered")
        await call.hang_up()
        await visit.hears("ended")
        assert visit.told[0] == "asked"


@pytest.mark.parametrize(
    ("user", "sdp", "line"),
    [
        ("+4799999999", THEIRS % (1, b"sendrecv"), Line.TELEPHONE),
        ("+4799999999", THEIRS % (1, b"sendrecv") + b"m=video 6002 RTP/AVP 97\r\n", Line.SIP),
        ("+4799999999", THEIRS % (1, b"sendrecv") + b"m=video 0 RTP/AVP 97\r\n", Line.TELEPHONE),
        ("ward.7", THEIRS % (1, b"sendrecv"), Line.SIP),
    ],
)
async def test_telephones_are_told_from_room_systems(user: str, sdp: bytes, line: Line) -> None:
    """By a number where others have a name, and no picture."""
    host = HostDouble()
    async with _house(host) as (_, peer):
        call = await peer.call(NUMBER, sdp=sdp, user=user)
        visit, _ = await host.next()
        assert visit.caller is not None
        assert visit.caller.line is line
        assert visit.caller.source == HOST
        await visit.hears("established")
        await call.hang_up()
        await visit.hears("ended")


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("+4799999999", "+4799999999"),
        ("ward.7", f"ward.7@{HOST}"),
        (None, ""),
        ("%E2%80%AE7.draw", ""),
        ("%0A", ""),
        ("w" * 300, ""),
    ],
)
async def test_callers_are_known_by_what_a_person_would_read(user: str | None, shown: str) -> None:
    """A number, or an address; nothing of one who gives none, or what would be read as something else."""
    host = HostDouble()
    async with _house(host) as (_, peer):
        await peer.call(NUMBER, user=user)
        visit, _ = await host.next()
        assert visit.caller is not None
        assert visit.caller.address == shown
        assert shown not in repr(visit.caller) or not shown


@pytest.mark.parametrize("offers", [True, False])
async def test_a_room_system_asks_for_the_floor(*, offers: bool) -> None:
    """By BFCP, which the gateway adds to what the bridge describes; it goes with the call."""
    host = HostDouble(ours=CONTENT.format(42_000, 42_002, 0))
    client = FloorClient()
    sdp = CONTENT.format(6_000, 6_002, await client.open()).encode()
    async with _house(host) as (gateway, peer):
        peer.answer = sdp
        call = await peer.call(NUMBER, sdp=sdp if offers else None)
        visit, ours = await host.next()
        described = await call.hears(e.Accepted if offers else e.OfferReceived)
        if not offers:
            await visit.hears("answered")
        line = re.search(rb"m=application ([1-9][0-9]*) UDP/BFCP .*a=confid:([0-9]+)", described.sdp, re.DOTALL)
        assert line is not None
        client.begin(int(line[1]), int(line[2]), 1)
        client.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await visit.hears("wants the floor")
        ours.floor(Floor.YOURS)
        await client.comes_to(Status.GRANTED)
        ours.floor(Floor.TAKEN)
        await client.comes_to(Status.REVOKED)
        await client.until(lambda: client.taken)
        await call.hang_up()
        await visit.hears("ended")
        ours.floor(Floor.FREE)
        assert len(gateway._floors) == 0
    client.close()


@pytest.mark.parametrize(
    ("status", "why"),
    [
        *((600, "busy"), (480, "no_answer"), (603, "declined"), (488, "no_media")),
        *((404, "unreachable"), (403, "unreachable"), (500, "unreachable")),
    ],
)
async def test_why_a_call_was_not_taken_is_told_in_a_word(status: int, why: str) -> None:
    """Of the many that SIP has for it."""
    host = HostDouble()
    async with _house(host, plan=NumberPlan(domains=(HOST,))) as (gateway, peer):
        peer.refuses = status
        visit = VisitDouble()
        gateway.dial(peer.address, visit)
        await visit.hears(f"missed {why}")
        assert gateway.health().calls == 0


async def test_scanners_hear_nothing_and_trunks_hear_that_we_are_there() -> None:
    """What is no number and no address of ours is dropped; OPTIONS without a user is a trunk's ping."""
    host = HostDouble()
    async with _house(host) as (gateway, _):
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        class Probe(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                del addr
                heard.put_nowait(data)

        port = gateway.ports["UDP"]
        transport, _ = await loop.create_datagram_endpoint(Probe, remote_addr=(HOST, port))
        me = transport.get_extra_info("sockname")[1]
        lines = f"Via: SIP/2.0/UDP {HOST}:{me};branch=z9hG4bK"
        for number, uri in enumerate(
            ("sip:100@127.0.0.1", "sip:admin@127.0.0.1", f"sip:{NUMBER}@elsewhere.example")
        ):
            transport.sendto(_options(uri, f"{lines}{number}"))
        transport.sendto(_options("sip:127.0.0.1", f"{lines}ping"))
        async with asyncio.timeout(PATIENCE_S):
            answer = await heard.get()
        assert answer.startswith(b"SIP/2.0 200 ")
        assert b"z9hG4bKping" in answer
        assert heard.empty()
        transport.close()


def _options(uri: str, via: str) -> bytes:
    asked = f"OPTIONS {uri} SIP/2.0\r\n{via}\r\nFrom: <sip:x@127.0.0.1>;tag=x\r\nTo: <{uri}>\r\n"
    return f"{asked}Call-ID: {via[-20:]}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n".encode()


@pytest.mark.parametrize("address", ["", "tel:+4799999999", "http://x.example", "sip:", "someone"])
async def test_what_is_no_sip_address_is_not_called(address: str) -> None:
    """Nor is anybody while the gateway does not serve."""
    host = HostDouble()
    async with _house(host) as (gateway, _):
        with pytest.raises(GatewayError):
            gateway.dial(address, VisitDouble())
    with pytest.raises(GatewayError):
        gateway.dial("sip:a@127.0.0.1", VisitDouble())


async def test_an_address_that_leads_nowhere_ends_the_call() -> None:
    """And hanging up before it was looked up is no fault."""

    class Nowhere:
        async def pointers(self, name: str) -> list[object]:
            del name
            return []

        targets = addresses = pointers

    host = HostDouble()
    plan = NumberPlan(domains=("nowhere.example",))
    gateway = SipGateway(host, Options(port=0, transports=("UDP",), plan=plan), Nowhere())
    async with serving(gateway):
        visit = VisitDouble()
        gateway.dial("sip:a@nowhere.example", visit)
        await visit.hears("missed unreachable")
        given_up = VisitDouble()
        gateway.dial("sip:a@nowhere.example", given_up).hang_up(Ending.ROOM_ENDED)
        await asyncio.sleep(0)
        assert given_up.told == []
        assert gateway.health().calls == 0


def test_settings_are_checked() -> None:
    """A misspelt or impossible one is named."""
    good = read({"host": "192.0.2.1", "domains": ["Rooms.example"], "port": 5070})
    assert (good.bind, good.domains, good.port) == ("192.0.2.1", ("rooms.example",), 5070)
    assert not good.plan
    for bad, word in (
        ({"prot": 5060}, "prot"),
        ({"port": "5060"}, "port"),
        ({"port": True}, "port"),
        ({"port": 70000}, "port"),
        ({"floor_port": 65536}, "floor_port"),
        ({"host": "example.org"}, "host"),
        ({"domains": "example.org"}, "domains"),
        ({"transports": ["quic"]}, "transports"),
        ({"transports": []}, "transports"),
        ({"transports": ["tls"]}, "certificate"),
        ({"certificate": "a.pem"}, "key"),
        ({"mutual": True}, "authorities"),
        ({"country_code": "+47"}, "country_code"),
        ({"dial_domains": "ward.example"}, "dial_domains"),
        ({"dial_domains": ["P.example"], "trunks": {"main": {"proxy": "sip:p.example"}}}, "every number"),
        (
            {
                "trunks": {
                    "a": {"proxy": "sip:a.example"},
                    "b": {"proxy": "sip:b.example", "domains": ["a.example"]},
                }
            },
            "every",
        ),
        ({"trunks": ["main"]}, "trunks"),
        *(({"trunks": {"main": trunk}}, word) for trunk, word in BAD_TRUNKS),
    ):
        with pytest.raises(SettingsError, match=word):
            read(bad)


def test_a_trunk_is_read_with_its_account(tmp_path: Path) -> None:
    """The password is in a file of its own."""
    (tmp_path / "password").write_text("secret\n")
    trunk = {
        "proxy": "sips:sbc.example",
        "domain": "Trunk.example",
        "prefixes": ["+472"],
        "username": "bridge",
        "password_file": str(tmp_path / "password"),
    }
    (read_trunk,) = read({"trunks": {"main": trunk}}).plan.trunks
    assert read_trunk.accounts == {"trunk.example": Account("bridge", "secret")}
    assert str(read_trunk.us) == "<sip:bridge@trunk.example>"
    (tmp_path / "password").write_text(" ")
    with pytest.raises(SettingsError, match="empty"):
        read({"trunks": {"main": trunk}})


async def test_a_trunk_is_told_where_we_are(tmp_path: Path) -> None:
    """Where the operator wants it; it may ask who we are."""
    loop, heard = asyncio.get_running_loop(), asyncio.Queue[Request]()

    class Registrar(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            request = parse(data)
            assert isinstance(request, Request)
            response = answer(request, 200 if "Authorization" in request.headers else 401, "x")
            response.headers.set("WWW-Authenticate", 'Digest realm="trunk.example", nonce="n"')
            transport.sendto(response.encode(), addr)
            heard.put_nowait(request)

    transport, _ = await loop.create_datagram_endpoint(Registrar, local_addr=(HOST, 0))
    port = transport.get_extra_info("sockname")[1]
    (tmp_path / "password").write_text("secret")
    trunk = {"proxy": f"sip:{HOST}:{port}", "domain": "trunk.example", "register": True}
    account = {"username": "bridge", "password_file": str(tmp_path / "password")}
    gateway = make(HostDouble(), {"port": 0, "transports": ["udp"], "trunks": {"main": trunk | account}})
    async with serving(gateway), asyncio.timeout(PATIENCE_S):
        first, second = await heard.get(), await heard.get()
    transport.close()
    assert [str(first.method), str(first.uri)] == ["REGISTER", "sip:trunk.example"]
    assert 'username="bridge"' in (second.headers.get("Authorization") or "")


def test_the_entry_point_makes_a_gateway() -> None:
    """It opens nothing before it serves."""
    gateway = make(HostDouble(), {"port": 0})
    assert gateway.health().trouble == "not_serving"
