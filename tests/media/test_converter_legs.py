"""Legs of converters on a real engine; sockets in the test pretend to be the workers at their other ends."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

from media.api import Feed, GateChanged, SetFeeds, SetGate, SourceRef
from media.converters import SOUND, ConverterLeg, ConverterLegs
from tests.media.engine_peer import ROOM, running_engine

PORTS = (58_100, 58_139)
PCMA = next(form.pt for form in SOUND if form.codec == "pcma")


@contextmanager
def worker() -> Iterator[socket.socket]:
    """The other end of a leg."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as end:
        end.bind(("127.0.0.1", 0))
        end.settimeout(0)
        yield end


def packet(ssrc: int, number: int) -> bytes:
    """20 ms of G.711."""
    return struct.pack("!BBHII", 0x80, PCMA, number, 160 * number, ssrc) + bytes([number]) * 160


async def test_what_a_converter_makes_goes_where_it_is_fed_once_its_gate_is_open() -> None:
    """Its second source into the first slot of another, under the number that is known beforehand; no other."""
    loop = asyncio.get_running_loop()
    async with running_engine(lines=PORTS) as (engine, ears):
        legs = ConverterLegs(engine)
        with worker() as sends, worker() as takes:
            made, taker = (legs.open(ROOM, "audio", (2, 2)) for _ in range(2))
            for leg, end in ((made, sends), (taker, takes)):
                legs.connect(leg, end.getsockname()[1])
            source = SourceRef(leg=made.leg, source=1)
            engine.submit(SetFeeds(room=ROOM, feeds=(Feed(leg=taker.leg, slot=0, source=source),)))
            sends.sendto(packet(made.out(1), 1), ("127.0.0.1", made.port))
            while not engine.snapshot().legs["gate_drops_in"].any():  # noqa: ASYNC110 - the engine has no event for it
                await asyncio.sleep(0.01)
            for leg in (taker, made):
                engine.submit(SetGate(leg=leg.leg, open=True))
            await ears.wait_for(lambda event: isinstance(event, GateChanged) and event.leg == made.leg)
            sends.sendto(packet(made.out(0), 2), ("127.0.0.1", made.port))
            sends.sendto(packet(made.out(1), 3), ("127.0.0.1", made.port))
            found = await _media(loop, takes)
            assert struct.unpack("!I", found[8:12])[0] == taker.input(0)
            assert found[1] & 0x7F == PCMA
            assert found[12:] == bytes([3]) * 160


async def _media(loop: asyncio.AbstractEventLoop, end: socket.socket) -> bytes:
    """The next packet that is no report."""
    async with asyncio.timeout(30):
        while True:
            found = await loop.sock_recv(end, 2000)
            if found[1] & 0x7F == PCMA:
                return found


async def test_ports_of_converters_are_reached_from_this_machine_alone() -> None:
    """They are on the loopback address, wherever the bridge listens; one that is not used is given back."""
    async with running_engine(lines=PORTS) as (engine, _):
        legs = ConverterLegs(engine)
        leg = legs.open(ROOM, "video", (8, 1))
        assert _is_taken(leg, "127.0.0.1")
        assert not _is_taken(leg, "127.0.0.2")
        legs.discard(leg)


def _is_taken(leg: ConverterLeg, host: str) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        try:
            other.bind((host, leg.port))
        except OSError:
            return True
    return False
