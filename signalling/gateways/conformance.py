"""What every gateway has to do, as tests that any of them can be put to; needs pytest and pytest-asyncio.

A gateway's author derives a class from `Conformance` and gives it the fixtures `gateway` (made with the `host`
fixture, not yet serving) and `peer` (the other end of its protocol). `HostDouble` stands in for the bridge.

    class TestMyGateway(Conformance):
        @pytest.fixture
        def gateway(self, host): ...
        @pytest.fixture
        def peer(self, gateway): ...
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import pytest

from signalling.gateways.interface import (
    Call,
    Caller,
    Ending,
    Floor,
    Gateway,
    GatewayError,
    MediaRefused,
    Miss,
    TurnedAway,
)

NUMBER: Final = "47110815"
OURS: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
)
"""What the double describes: any media will do, since none flow."""
PATIENCE_S: Final = 10.0


class PeerCall(Protocol):
    """One call, at the peer's end. What is waited for fails the test when it does not come."""

    async def up(self) -> None:
        """Wait until the call is up."""

    async def over(self) -> None:
        """Wait until the call has ended, whoever ended it, or was never taken."""

    async def hang_up(self) -> None:
        """End it."""

    async def press(self, key: str) -> None:
        """Press a key, in the protocol's own way."""

    async def offer(self, *, hold: bool = False) -> None:
        """Offer other media, or none for now, and wait for the answer."""

    async def want_key_frame(self) -> None:
        """Ask for one in the protocol's own way."""

    async def key_frame_wanted(self) -> None:
        """Wait until the gateway asks for one."""

    async def vanish(self) -> None:
        """Say nothing any more, and let so much time pass that this is noticed."""


class Peer(Protocol):
    """The other end of a gateway's protocol, whose code it shares as little as can be."""

    async def call(self, number: str) -> PeerCall:
        """Call a room. Returns as soon as it rings or is turned down."""

    @property
    def address(self) -> str:
        """Where the gateway can dial this peer."""

    async def called(self) -> PeerCall:
        """Wait for a call, let it ring, and take it."""

    def be_busy(self) -> None:
        """Turn down whoever calls from now on, since another call goes on."""


@dataclass
class VisitDouble:
    """A `Visit` that writes down what it is told."""

    caller: Caller | None = None
    told: list[str] = field(default_factory=list)
    refuses: bool = False
    refuses_answers: bool = False
    ours: str = OURS
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def _note(self, what: str) -> None:
        over = {"ended", "lost", *(f"missed {why}" for why in Miss)}
        assert not over & set(self.told), f"{what} after the end"
        self.told.append(what)
        self.changed.set()

    def describe(self, offer: str | None) -> str:
        """Give a description."""
        if self.refuses:
            raise MediaRefused("this double takes no media")
        self._note("asked" if offer is None else "offered")
        return self.ours

    def answered(self, description: str) -> None:
        """Write it down."""
        assert description
        if self.refuses_answers:
            raise MediaRefused("this double takes no answer")
        self._note("answered")

    def declined(self) -> None:
        """Write it down."""
        self._note("declined")

    def ringing(self) -> None:
        """Write it down."""
        self._note("ringing")

    def reached(self, source: str, *, private: bool) -> None:
        """Write down that it was told."""
        del private
        assert source
        self._note("reached")

    def missed(self, why: Miss) -> None:
        """Write it down."""
        self._note(f"missed {why}")

    def established(self) -> None:
        """Write it down."""
        self._note("established")

    def pressed(self, key: str) -> None:
        """Write it down."""
        self._note(f"pressed {key}")

    def held(self, *, held: bool) -> None:
        """Write it down."""
        self._note("held" if held else "resumed")

    def wants_key_frame(self) -> None:
        """Write it down."""
        self._note("key frame")

    def wants_floor(self, *, wanted: bool) -> None:
        """Write it down."""
        self._note("wants the floor" if wanted else "wants no floor")

    def ended(self, *, lost: bool) -> None:
        """Write it down."""
        self._note("lost" if lost else "ended")

    async def hears(self, what: str) -> None:
        """Wait until it was told so."""
        async with asyncio.timeout(PATIENCE_S):
            while what not in self.told:
                self.changed.clear()
                await self.changed.wait()


@dataclass
class HostDouble:
    """A `Host` that lets everybody in who calls `NUMBER`, and writes down who came."""

    visits: list[tuple[VisitDouble, Call]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
    refuses_media: bool = False
    ours: str = OURS
    fails: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    slow: asyncio.Event | None = None
    """Where it is set, callers wait for it."""

    async def arrive(self, caller: Caller, call: Call) -> VisitDouble:
        """Let the caller in."""
        if self.slow is not None:
            await self.slow.wait()
        if self.fails:
            raise RuntimeError("this double fails")
        if caller.number != NUMBER:
            raise TurnedAway(Ending.NO_ROOM)
        visit = VisitDouble(caller, refuses=self.refuses_media, ours=self.ours)
        self.visits.append((visit, call))
        self.arrived.set()
        return visit

    def report(self, error: Exception) -> None:
        """Write it down."""
        self.errors.append(error)

    def count(self, what: str) -> None:
        """Write it down."""
        self.counts.append(what)

    async def next(self) -> tuple[VisitDouble, Call]:
        """Wait for the next visit."""
        async with asyncio.timeout(PATIENCE_S):
            await self.arrived.wait()
        self.arrived.clear()
        return self.visits[-1]


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[None]:
    """Let a gateway serve meanwhile."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(gateway.serve(ready.set))
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
        try:
            yield
        finally:
            task.cancel()


class Conformance:
    """The suite."""

    @pytest.fixture
    def host(self) -> HostDouble:
        """Stand in for the bridge."""
        return HostDouble()

    @pytest.fixture
    async def running(self, gateway: Gateway) -> AsyncIterator[Gateway]:
        """Serve during the test; at the end no call may be left."""
        async with serving(gateway):
            yield gateway
        assert gateway.health().calls == 0

    async def test_a_call_is_taken_and_ended_by_the_caller(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """The bridge learns who calls what, that the call is up, and that it has ended."""
        call = await peer.call(NUMBER)
        visit, _ = await host.next()
        await call.up()
        await visit.hears("established")
        assert visit.caller is not None
        assert visit.caller.number == NUMBER
        assert running.health().calls == 1
        await call.hang_up()
        await visit.hears("ended")

    async def test_a_call_is_ended_by_the_bridge(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """As at a removal; the bridge is told nothing after it."""
        call = await peer.call(NUMBER)
        visit, ours = await host.next()
        await visit.hears("established")
        ours.hang_up(Ending.REMOVED)
        await call.over()
        ours.hang_up(Ending.REMOVED)
        ours.want_key_frame()
        ours.offer(OURS)
        ours.floor(Floor.TAKEN)
        assert not {"ended", "lost"} & set(visit.told)
        assert running.health().calls == 0

    async def test_what_is_no_room_is_turned_down(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """And leaves nothing."""
        call = await peer.call("99999999")
        await call.over()
        assert host.visits == []
        assert running.health().calls == 0

    async def test_media_that_the_bridge_refuses_end_the_call(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """The bridge is told that it has ended."""
        host.refuses_media = True
        call = await peer.call(NUMBER)
        await call.over()
        visit, _ = await host.next()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_a_bridge_that_fails_at_one_call_keeps_the_others(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """The error is reported, the caller hears no, and the next call works."""
        first = await peer.call(NUMBER)
        visit, _ = await host.next()
        host.fails = True
        failed = await peer.call(NUMBER)
        await failed.over()
        assert len(host.errors) == 1
        host.fails = False
        assert not {"ended", "lost"} & set(visit.told)
        await first.press("1")
        await visit.hears("pressed 1")
        await first.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_keys_arrive_in_their_order(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """Each once."""
        call = await peer.call(NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        for key in "12*#0":
            await call.press(key)
        await visit.hears("pressed 0")
        assert [one for one in visit.told if one.startswith("pressed")] == [f"pressed {key}" for key in "12*#0"]
        await call.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_hold_and_resume(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """Each is a new description, answered."""
        call = await peer.call(NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        await call.offer(hold=True)
        await visit.hears("held")
        await call.offer()
        await visit.hears("resumed")
        await call.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_a_change_that_the_bridge_refuses_changes_nothing(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """The call goes on as it was."""
        call = await peer.call(NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        visit.refuses = True
        await call.offer(hold=True)
        visit.refuses = False
        await call.press("5")
        await visit.hears("pressed 5")
        assert "held" not in visit.told
        await call.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_key_frames_both_ways(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """A wish of the peer's reaches the bridge, and one of the bridge's the peer."""
        call = await peer.call(NUMBER)
        visit, ours = await host.next()
        await visit.hears("established")
        await call.want_key_frame()
        await visit.hears("key frame")
        ours.want_key_frame()
        await call.key_frame_wanted()
        await call.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_an_offer_of_the_bridges_is_answered(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """As when content begins."""
        call = await peer.call(NUMBER)
        visit, ours = await host.next()
        await visit.hears("established")
        ours.offer(OURS.replace("o=- 1 1", "o=- 1 2"))
        await visit.hears("answered")
        await call.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_a_peer_that_vanishes_is_lost(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """The bridge can tell that from a goodbye."""
        call = await peer.call(NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        await call.vanish()
        await visit.hears("lost")
        assert running.health().calls == 0

    async def test_a_caller_who_gives_up_while_the_bridge_thinks_leaves_nothing(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """What the bridge then gives is told at once that it is over."""
        host.slow = asyncio.Event()
        call = await peer.call(NUMBER)
        await call.hang_up()
        await call.over()
        host.slow.set()
        visit, _ = await host.next()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_the_bridge_calls_somebody(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """The offer is the bridge's, the answer the peer's."""
        visit = VisitDouble()
        ours = running.dial(peer.address, visit)
        call = await peer.called()
        await visit.hears("established")
        assert visit.told == ["asked", "ringing", "reached", "answered", "established"]
        ours.hang_up(Ending.ROOM_ENDED)
        await call.over()
        assert host.visits == []
        assert running.health().calls == 0

    async def test_what_the_operator_has_not_allowed_is_not_called(self, running: Gateway) -> None:
        """Nothing goes out for it."""
        assert running.dials
        assert running.reaches("nobody@nowhere.invalid") is None
        with pytest.raises(GatewayError):
            running.dial("nobody@nowhere.invalid", VisitDouble())
        assert running.health().calls == 0

    async def test_whoever_is_busy_is_missed(self, running: Gateway, peer: Peer) -> None:
        """The bridge is told why, once."""
        peer.be_busy()
        visit = VisitDouble()
        party = running.reaches(peer.address)
        assert party is not None
        assert party.address not in repr(party)
        running.dial(peer.address, visit)
        await visit.hears("missed busy")
        assert not {"established", "ended"} & set(visit.told)
        assert running.health().calls == 0

    async def test_a_call_that_is_taken_back_leaves_nothing(self, running: Gateway, peer: Peer) -> None:
        """The peer does not ring on."""
        visit = VisitDouble()
        ours = running.dial(peer.address, visit)
        await visit.hears("ringing")
        ours.hang_up(Ending.REMOVED)
        await (await peer.called()).over()
        assert running.health().calls == 0

    async def test_media_that_the_bridge_refuses_in_an_answer_are_a_miss(
        self, running: Gateway, peer: Peer
    ) -> None:
        """The call is ended, since nothing can be heard in it."""
        visit = VisitDouble(refuses_answers=True)
        running.dial(peer.address, visit)
        await (await peer.called()).over()
        await visit.hears("missed no_media")
        assert running.health().calls == 0

    async def test_who_is_called_hangs_up(self, running: Gateway, host: HostDouble, peer: Peer) -> None:
        """The bridge is told."""
        visit = VisitDouble()
        running.dial(peer.address, visit)
        call = await peer.called()
        await visit.hears("established")
        await call.hang_up()
        await visit.hears("ended")
        assert host.visits == []
        assert running.health().calls == 0

    async def test_drained_it_takes_no_more_and_keeps_what_it_has(
        self, running: Gateway, host: HostDouble, peer: Peer
    ) -> None:
        """A node is emptied without cutting anybody off."""
        call = await peer.call(NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        running.drain()
        late = await peer.call(NUMBER)
        await late.over()
        assert len(host.visits) == 1
        assert running.health().trouble
        await call.press("7")
        await visit.hears("pressed 7")
        await call.hang_up()
        await visit.hears("ended")
        assert running.health().calls == 0

    async def test_stopped_it_ends_its_calls(self, gateway: Gateway, host: HostDouble, peer: Peer) -> None:
        """Peers are told, and so is the bridge; nothing can be dialled any more."""
        async with serving(gateway):
            call = await peer.call(NUMBER)
            visit, _ = await host.next()
            await visit.hears("established")
        await call.over()
        assert "lost" in visit.told
        assert gateway.health().trouble
        assert gateway.health().calls == 0
