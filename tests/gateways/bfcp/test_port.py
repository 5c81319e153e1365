"""The UDP port of all calls, on loopback: each call has its own floor, and noise disturbs none."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from signalling.gateways.bfcp.codec import Primitive, Status
from signalling.gateways.bfcp.io import NOISE, STRANGER, FloorLine, FloorPort
from signalling.gateways.interface import Floor
from tests.gateways.bfcp.client import FLOOR, HOST, FloorClient
from tests.gateways.bfcp.test_sdp import OURS, THEIRS


@asynccontextmanager
async def running() -> AsyncIterator[tuple[FloorPort, Counter[str]]]:
    """A port, and what it counts."""
    counts: Counter[str] = Counter()
    port = FloorPort(HOST, random.Random(4), lambda what: counts.update([what]))
    await port.bind(HOST, 0)
    try:
        yield port, counts
    finally:
        port.close()
        assert len(port) == 0


@asynccontextmanager
async def call(port: FloorPort, told: Callable[[bool], None]) -> AsyncIterator[tuple[FloorClient, FloorLine]]:
    """A call that has said hello."""
    client = FloorClient()
    line = port.open(HOST, told)
    theirs = THEIRS.replace("application 5070", f"application {await client.open()}").replace("192.0.2.10", HOST)
    assert f"m=application {port.port} UDP/BFCP" in line.answer(theirs, OURS)
    client.begin(port.port, line.association.own.conference, 1)
    await client.until(lambda: len(client.heard) == 2)
    try:
        yield client, line
    finally:
        client.close()
        line.close()


async def test_each_call_has_its_own_floor() -> None:
    """What one wants and is told is nobody else's."""
    wishes: list[tuple[str, bool]] = []
    async with (
        running() as (port, counts),
        call(port, lambda wanted: wishes.append(("one", wanted))) as (one, line),
        call(port, lambda wanted: wishes.append(("two", wanted))) as (two, other),
    ):
        one.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await one.comes_to(Status.PENDING)
        line.tell(Floor.YOURS)
        other.tell(Floor.TAKEN)
        await one.comes_to(Status.GRANTED)
        await two.until(lambda: two.taken)
        assert (two.own, one.taken) == ([], False)
        one.release()
        await one.comes_to(Status.RELEASED)
        assert wishes == [("one", True), ("one", False)]
        assert not counts


async def test_noise_is_counted_and_disturbs_nobody() -> None:
    """From strangers who know the number of the conference, from nowhere, and from the peer itself."""
    rng = random.Random(11)
    stranger = FloorClient()
    async with (
        running() as (port, counts),
        call(port, lambda _wanted: None) as (client, line),
    ):
        await stranger.open()
        stranger.begin(port.port, line.association.own.conference, 1)
        for length in (1, 11, 12, 13, 400, 1400):
            stranger.send(rng.randbytes(length))
        head = client.sent[0][4:8] + b"\0\7\0\1"
        client.send(b"\x40\x0b\0\x09" + head)
        await client.until(lambda: bool(client.errors))
        client.send(b"\x60\x0b\0\0" + head)
        client.send(b"\x48\x0b\0\0" + head)
        await client.until(lambda: len(client.errors) == 3)
        # Datagrams on loopback keep their order, so that all of the noise has been heard before this.
        client.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await client.comes_to(Status.PENDING)
        line.tell(Floor.YOURS)
        await client.comes_to(Status.GRANTED)
        assert stranger.heard == []
        stranger.close()
        assert counts == {STRANGER: 2, NOISE: 9}


async def test_what_a_peer_does_not_acknowledge_comes_again_and_ends_with_the_call() -> None:
    """The port's own clock does it; a call that is over has nothing to come."""
    async with running() as (port, counts), call(port, lambda _wanted: None) as (client, line):
        client.deaf = True
        client.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await client.comes_to(Status.PENDING)
        line.tell(Floor.YOURS)
        await client.until(lambda: client.heard[-1] == client.heard[-2])
        assert client.own == [Status.PENDING, Status.GRANTED, Status.GRANTED]
        line.close()
        line.close()
        assert line._timer is not None
        assert line._timer.cancelled()
        heard = len(client.heard)
        client.ask(Primitive.FLOOR_QUERY, *FLOOR)
        # Its round trip is over after the other's would be.
        async with call(port, lambda _wanted: None):
            assert len(client.heard) == heard
        assert counts == {NOISE: 1}
