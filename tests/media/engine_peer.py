"""A real engine on loopback, and a browser's end of a leg: STUN checks and a DTLS client over one UDP socket."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aioice import stun

from media.api import Engine, Event
from media.legs import LegPolicy, Legs
from media.sdp import OfferRoles
from media.transport import DtlsClient
from tests.media.sdp_offers import recorded
from tests.media.transport_network import certificate

ROLES = OfferRoles(mic="0", camera="1", content="2")
ROOM = 4
_UFRAG = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)
_PWD = re.compile(r"^a=ice-pwd:(\S+)", re.MULTILINE)
_FINGERPRINT = re.compile(r"a=fingerprint:sha-256 ([0-9A-F:]+)")


@dataclass
class Ears:
    """Collects events, and wakes whoever waits for one."""

    events: list[object] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: object) -> None:
        """Hear one."""
        self.events.append(event)
        self._news.set()

    async def wait_for(self, wanted: Callable[[object], bool]) -> object:
        """Give the first event that fits, once it has come."""
        async with asyncio.timeout(60):
            while True:
                self._news.clear()
                if found := [event for event in self.events if wanted(event)]:
                    return found[0]
                await self._news.wait()

    async def of(self, kind: type) -> object:
        """Give the first event of a kind, once it has come."""
        return await self.wait_for(lambda event: isinstance(event, kind))


@asynccontextmanager
async def running_engine(
    shards: int = 1, *, drills: bool = False, lines: tuple[int, int] | None = None
) -> AsyncIterator[tuple[Engine, Ears]]:
    """An engine on free ports of loopback, whose events are heard."""
    engine, ears = Engine("127.0.0.1", 0, shards, drills=drills, lines=lines), Ears()
    try:
        engine.listen(asyncio.get_running_loop(), ears.take)
        yield engine, ears
    finally:
        engine.stop()


def offer_of(name: str, ufrag: str = "peer") -> str:
    """Chromium's offer with the certificate of the peer called `name`."""
    sdp = _FINGERPRINT.sub(f"a=fingerprint:sha-256 {certificate(name).fingerprint}", recorded("chromium"))
    return _UFRAG.sub(f"a=ice-ufrag:{ufrag}", sdp)


@asynccontextmanager
async def running_legs() -> AsyncIterator[tuple[Legs, Engine, Ears]]:
    """Legs on a real engine; `ears` hear what the owner of the legs is told."""
    ears = Ears()
    engine = Engine("127.0.0.1", 0, 1)
    loop = asyncio.get_running_loop()
    legs = Legs(engine, certificate("server"), LegPolicy(lambda shard: (engine.addresses[shard],)), ears.take)

    def hear(event: Event) -> None:
        legs.handle_event(event, loop.time())

    try:
        engine.listen(loop, hear)
        yield legs, engine, ears
    finally:
        engine.stop()


class Peer(asyncio.DatagramProtocol):
    """The browser's end: asks by STUN until answered, then shakes hands."""

    def __init__(self, name: str, answer: str, ufrag: str = "peer") -> None:
        self._certificate = certificate(name)
        self._ufrag, self._answer = ufrag, answer
        self._fingerprint = [("sha-256", _found(_FINGERPRINT, answer))]
        self.dtls: DtlsClient | None = None
        self.checked = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Ask for consent."""
        self._transport = transport
        self.check(self._answer)

    def check(self, answer: str) -> None:
        """Send a nominating connectivity check with the credentials of an answer."""
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{_found(_UFRAG, answer)}:{self._ufrag}"
        request.attributes["PRIORITY"] = 1
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(_found(_PWD, answer).encode())
        self._send(bytes(request))

    def datagram_received(self, data: bytes, _address: object) -> None:
        """Take STUN or DTLS, by the first byte (RFC 7983)."""
        now = asyncio.get_running_loop().time()
        if data[0] < 2:
            if stun.parse_message(data).message_class is stun.Class.RESPONSE:
                self.checked.set()
            if self.dtls is None:
                self.dtls = DtlsClient(self._certificate, self._fingerprint, now)
        elif self.dtls is not None:
            self.dtls.handle_datagram(data, now)
        if self.dtls is not None:
            for datagram in self.dtls.datagrams_to_send():
                self._send(datagram)

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(data)


@asynccontextmanager
async def connected_peer(engine: Engine, name: str, answer: str) -> AsyncIterator[Peer]:
    """A peer with a socket of its own."""
    peer = Peer(name, answer)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, remote_addr=engine.addresses[0]
    )
    try:
        yield peer
    finally:
        transport.close()


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match is not None
    return match[1]
