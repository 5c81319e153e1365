"""Calls over real sockets on loopback: UDP, TCP, TLS with identities, reuse, and peers that misbehave."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.flows import Flow, Transport
from signalling.gateways.sip.io import network
from signalling.gateways.sip.io.endpoint import Endpoint
from signalling.gateways.sip.io.tls import client_context, identities, server_context, stands_for
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.parsing import parse
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri
from tests.gateways.sip.certificates import Authority
from tests.gateways.sip.samples import request

HOST = "127.0.0.1"


@dataclass
class Side:
    """An endpoint, its port, and what its owner hears."""

    endpoint: Endpoint
    port: int
    events: "asyncio.Queue[e.Event]" = field(default_factory=asyncio.Queue)

    async def hear(self, kind: type) -> e.Event:
        """Wait for an event of this kind, past others."""
        async with asyncio.timeout(10):
            while not isinstance(event := await self.events.get(), kind):
                pass
        return event

    def call(self, flow: Flow) -> e.CallId:
        """Call somebody."""
        to = Uri("sip", flow.host, flow.port, "room")
        invitation = Invitation(to, NameAddr(Uri("sip", HOST, user="me")), (flow,), b"offer")
        return self.endpoint.start(lambda agent, now: agent.invite(invitation, now))

    def answer_all(self, event: e.Event) -> None:
        """Take every call."""
        if isinstance(event, e.IncomingCall):
            self.endpoint.do(lambda agent, now: agent.accept(event.call, b"answer", now))


@asynccontextmanager
async def _side(
    kind: Transport, server: ssl.SSLContext | None = None, client: ssl.SSLContext | None = None
) -> AsyncIterator[Side]:
    places: dict[Transport, tuple[str, int]] = {}
    agent = UserAgent(Settings(places=places), random.Random(5))
    side: list[Side] = []

    def owner(event: e.Event) -> None:
        side[0].events.put_nowait(event)
        side[0].answer_all(event)

    async with Endpoint(agent, owner, client) as endpoint:
        net = endpoint.network
        port = await net.bind(HOST, 0) if kind == "UDP" else await net.listen(HOST, 0, server)
        places[kind] = (HOST, port)
        side.append(Side(endpoint, port))
        yield side[0]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signs the certificates of this test."""
    return Authority(tmp_path)


async def _talk(one: Side, other: Side, flow: Flow) -> None:
    """A call with a change from the other side, ended by the other side."""
    call = one.call(flow)
    assert await one.hear(e.Accepted) == e.Accepted(call, b"answer")
    there = await other.hear(e.Confirmed)
    other.endpoint.do(lambda agent, now: agent.reinvite(there.call, b"again", now))
    await one.hear(e.OfferReceived)
    one.endpoint.do(lambda agent, now: agent.answer(call, b"good", now))
    await other.hear(e.AnswerReceived)
    other.endpoint.do(lambda agent, now: agent.hang_up(there.call, now))
    ended = await one.hear(e.Ended)
    assert ended.why is e.Ending.HUNG_UP_THERE


@pytest.mark.parametrize("kind", ["UDP", "TCP"])
async def test_a_call_over_sockets(kind: Transport) -> None:
    """Both ways on one connection, which is reused for a second call."""
    async with _side(kind) as one, _side(kind) as other:
        for _ in range(2):
            await _talk(one, other, Flow(kind, HOST, other.port))
        assert len(other.endpoint.network._connections) == (0 if kind == "UDP" else 1)
        assert len(one.endpoint.network._connections) == (0 if kind == "UDP" else 1)


async def test_a_call_over_tls_from_and_to_whom_the_certificates_name(authority: Authority) -> None:
    """Mutual TLS; the callee can see by what domain it is called."""
    bridge = authority.issue("bridge", x509.UniformResourceIdentifier("sip:bridge.example"))
    ward = authority.issue("ward", x509.DNSName("ward.example"))
    async with (
        _side("TLS", server_context(*bridge, authority.file)) as other,
        _side("TLS", server_context(*ward), client_context(authority.file, *ward)) as one,
    ):
        call = one.call(Flow("TLS", HOST, other.port, name="Bridge.example"))
        arrived = await other.hear(e.IncomingCall)
        assert other.endpoint.network.identities(arrived.flow) == {"ward.example"}
        await one.hear(e.Accepted)
        one.endpoint.do(lambda agent, now: agent.hang_up(call, now))
        await other.hear(e.Ended)


async def test_another_domain_than_the_one_asked_for_is_not_talked_to(authority: Authority) -> None:
    """RFC 5922 section 7.3: its chain is good, its name is not; nothing is said to it."""
    other_name = authority.issue("other", x509.DNSName("*.example"))
    mine = authority.issue("mine", x509.DNSName("mine.example"))
    async with (
        _side("TLS", server_context(*other_name)) as other,
        _side("TLS", server_context(*mine), client_context(authority.file)) as one,
    ):
        one.call(Flow("TLS", HOST, other.port, name="bridge.example"))
        ended = await one.hear(e.Ended)
        assert ended.status == 503
        assert one.endpoint.network.counts["wrong_identity"] == 1
        assert other.events.empty()


async def test_a_peer_without_a_certificate_is_not_let_in(authority: Authority) -> None:
    """Mutual TLS asks for one."""
    bridge = authority.issue("bridge", x509.DNSName("bridge.example"))
    async with (
        _side("TLS", server_context(*bridge, authority.file)) as other,
        _side("TLS", server_context(*bridge), client_context(authority.file)) as one,
    ):
        one.call(Flow("TLS", HOST, other.port, name="bridge.example"))
        ended = await one.hear(e.Ended)
        assert ended.status == 503
        assert other.events.empty()


async def test_nobody_listens() -> None:
    """A connection that is refused ends the call with 503; nothing waits for a timer."""
    async with _side("TCP") as one, _side("TCP") as gone:
        port = gone.port
        for server in gone.endpoint.network._servers:
            server.close()
        one.call(Flow("TCP", HOST, port))
        ended = await one.hear(e.Ended)
        assert ended.status == 503
        assert one.endpoint.network.counts["not_connected"] == 1


async def test_a_connection_that_breaks_is_opened_anew_inside_a_call() -> None:
    """The BYE goes to the address that the peer named."""
    async with _side("TCP") as one, _side("TCP") as other:
        one.call(Flow("TCP", HOST, other.port))
        await one.hear(e.Accepted)
        there = await other.hear(e.Confirmed)
        for connection in list(other.endpoint.network._connections.values()):
            connection.abort()
        await asyncio.sleep(0)
        other.endpoint.do(lambda agent, now: agent.hang_up(there.call, now))
        ended = await one.hear(e.Ended)
        assert ended.why is e.Ending.HUNG_UP_THERE


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01" + b"\xff" * 40_000,
        b"INVITE sip:x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
async def test_noise_on_a_connection_closes_that_one_only(data: bytes) -> None:
    """Counted; others go on."""
    async with _side("TCP") as other, _side("TCP") as one:
        reader, writer = await asyncio.open_connection(HOST, other.port)
        writer.write(data)
        async with asyncio.timeout(5):
            assert await _rest(reader) == b""
        writer.close()
        assert other.endpoint.network.counts["unframed"] == 1
        await _talk(one, other, Flow("TCP", HOST, other.port))


async def test_half_a_message_does_not_hold_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed when the rest does not come."""
    monkeypatch.setattr(network, "UNFINISHED_SECONDS", 0.05)
    async with _side("TCP") as other:
        reader, writer = await asyncio.open_connection(HOST, other.port)
        writer.write(b"OPTIONS sip:x SIP/2.0\r\n")
        async with asyncio.timeout(5):
            assert await _rest(reader) == b""
        writer.close()


async def test_keep_alives_are_answered_and_messages_found_between_them() -> None:
    """RFC 5626 section 3.5.1."""
    async with _side("TCP") as other:
        reader, writer = await asyncio.open_connection(HOST, other.port)
        options = request("OPTIONS", transport="TCP").encode()
        writer.write(b"\r\n\r\n" + options[:40])
        async with asyncio.timeout(5):
            assert await reader.readexactly(2) == b"\r\n"
            writer.write(options[40:])
            answer = await reader.readuntil(b"\r\n\r\n")
        assert parse(answer).status == 200
        writer.close()


async def test_there_are_not_more_connections_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next is closed at once, and counted."""
    monkeypatch.setattr(network, "MAX_CONNECTIONS", 2)
    async with _side("TCP") as other:
        open_ones = [await asyncio.open_connection(HOST, other.port) for _ in range(3)]
        async with asyncio.timeout(5):
            assert await _rest(open_ones[2][0]) == b""
        assert other.endpoint.network.counts["too_many_connections"] == 1
        for _, writer in open_ones:
            writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, however the end comes."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        ({"subjectAltName": (("URI", "sip:a.example"), ("DNS", "b.example"))}, {"a.example"}),
        ({"subjectAltName": (("DNS", "B.example"),), "subject": ((("commonName", "c"),),)}, {"b.example"}),
        ({"subjectAltName": (("URI", "sip:anna@a.example"), ("IP Address", "1.2.3.4"))}, set()),
        ({"subject": ((("commonName", "C.example"),),)}, {"c.example"}),
        ({}, set()),
    ],
)
def test_what_a_certificate_stands_for(certificate: dict[str, object], names: set[str]) -> None:
    """RFC 5922 section 7.1."""
    assert identities(certificate) == names
    assert all(stands_for(certificate, name.upper() + ".") for name in names)
    assert not stands_for(certificate, "other.example")
    assert not stands_for({"subjectAltName": (("DNS", "*.example"),)}, "a.example")
