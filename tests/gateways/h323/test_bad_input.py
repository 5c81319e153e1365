"""What peers send that is no H.323, or too much of it: a cause for its end, counters, nobody else disturbed."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.conformance import NUMBER, HostDouble, serving
from signalling.gateways.h323 import events as e
from signalling.gateways.h323.agent import UserAgent
from signalling.gateways.h323.control.control import Control
from signalling.gateways.h323.control.settings import Settings as ControlSettings
from signalling.gateways.h323.io.gateway import H323Gateway
from signalling.gateways.h323.options import Options
from signalling.gateways.h323.secret import Secret
from signalling.gateways.h323.settings import Settings
from signalling.gateways.h323.timers import Timers
from signalling.gateways.h323.wire import q931, tpkt
from signalling.gateways.h323.wire.q931 import Element, Kind
from tests.gateways.h323.scripted import PEER, ROUND_TRIP, World, setup, written
from tests.gateways.h323.test_conformance import OURS
from tests.support.bridge import eventually
from tests.support.h323_caller import terminal
from tests.support.h323_values import HOST, PCMU

VECTORS = Path(__file__).parents[2] / "vectors" / "h323"
CAPTURES = {
    path.stem: [
        bytes.fromhex(parts[3])
        for parts in map(str.split, path.read_text().splitlines())
        if parts[0] == "call" and parts[2] == "1720"
    ]
    for path in sorted(VECTORS.glob("c*.txt"))
}
"""What callers said in calls of another stack."""
LONGEST_S = 400.0


def ended(world: World) -> e.Ended:
    """The last word on a call."""
    over = [one for one in world.events if isinstance(one, e.Ended)]
    assert len(over) == 1
    return over[0]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "unframed"),
        (bytes((3, 0, 0xFF, 0xFF)), "unframed"),
        (bytes((3, 0, 0, 2)), "unframed"),
        (tpkt.wrap(b"\x08\x02"), "malformed"),
        (tpkt.wrap(bytes(100)), "malformed"),
        (tpkt.wrap(q931.Message(Kind.FACILITY, 1, from_called=False).encode()), "stray"),
    ],
)
def test_who_says_something_else_is_shown_out(data: bytes, count: str) -> None:
    """Without a word, since there is no call to speak of."""
    world = World()
    line = world.connect()
    world.feed(line, data)
    assert world.sent == {}
    assert world.wishes == [e.Close(line)]
    assert world.agent.counts == {count: 1}
    assert world.is_empty()


@pytest.mark.parametrize("information", [b"", b"\x05", bytes((5,)) + bytes(30), b"\x05" + b"\xff" * 300])
def test_a_setup_that_cannot_be_read_is_released_with_a_cause(information: bytes) -> None:
    """And the connection closed."""
    world = World()
    line = world.connect()
    elements = {Element.USER_USER: information} if information else {}
    world.feed(line, tpkt.wrap(q931.Message(Kind.SETUP, 9, from_called=False, elements=elements).encode()))
    (release,) = world.heard(line)
    assert release.kind == Kind.RELEASE_COMPLETE
    assert release.message.reference == 9
    assert release.message.cause in (29, 100)
    world.wait(3)
    assert world.wishes == [e.Close(line)]
    assert world.is_empty()


def test_a_call_that_breaks_its_stream_is_released() -> None:
    """With a cause; whoever else calls notices nothing."""
    world = World()
    other, other_call = world.called()
    line, call = world.called()
    world.heard(line)
    world.feed(line, bytes((3, 0, 0xFF, 0xFF)))
    (release,) = world.heard(line)
    assert release.message.cause == 100
    assert ended(world) == e.Ended(call.call, e.Ending.MALFORMED)
    world.heard(other)
    world.do(world.agent.accept(other_call.call, world.now))
    assert [one.name for one in world.heard(other)] == ["connect"]


def test_a_call_bears_some_nonsense_and_not_much() -> None:
    """In call signalling and in H.245."""
    world = World()
    line, call = world.called()
    world.do(world.agent.accept(call.call, world.now))
    world.heard(line)
    broken = q931.Message(Kind.FACILITY, 7, from_called=False, elements={Element.USER_USER: b"\x05\xff\xff"})
    for _ in range(15):
        world.feed(line, tpkt.wrap(broken.encode()))
    world.say(line, Kind.FACILITY, "empty", control=(ROUND_TRIP,))
    assert world.control.told[-1] == "roundTripDelayRequest"
    world.feed(line, tpkt.wrap(broken.encode()))
    assert ended(world).why is e.Ending.MALFORMED
    assert world.agent.counts["malformed"] == 16


def test_half_a_message_is_not_waited_for_without_end() -> None:
    """Before a call, and in one."""
    whole = written(Kind.SETUP, "setup", setup())
    world = World()
    line = world.connect()
    world.feed(line, whole[:50])
    world.wait(11)
    assert world.wishes == [e.Close(line)]
    assert world.is_empty()
    line, _ = world.called()
    world.feed(line, whole[:50])
    world.wait(11)
    assert ended(world).why is e.Ending.LOST
    assert [one.name for one in world.heard(line)][-1] == "releaseComplete"
    world.wait(3)
    assert world.is_empty()


def test_who_says_nothing_is_not_waited_for() -> None:
    """On a new connection."""
    world = World()
    line = world.connect()
    world.wait(6)
    assert world.wishes == [e.Close(line)]
    assert world.agent.counts["stalled"] == 1
    assert world.is_empty()


def test_connections_are_rationed() -> None:
    """Those of one source in time, those that say nothing in number; others still come."""
    world = World(Settings(encrypts=False, begin_rate=1, begin_burst=5, max_idle_lines=7))
    made = [world.agent.arrived(PEER, world.now)[0] for _ in range(10)]
    assert sum(one is not None for one in made) == 5
    assert world.agent.counts["flooded"] == 5
    others = [world.agent.arrived(f"192.0.2.{100 + at}", world.now)[0] for at in range(10)]
    assert sum(one is not None for one in others) == 2
    assert world.agent.counts["too_many_lines"] == 8
    world.wait(6)
    assert world.is_empty()
    world.called()


def test_no_single_source_keeps_others_out() -> None:
    """By silent connections, or by calls that nobody has taken; a gatekeeper speaks for many."""
    world, most = World(), 0
    # As fast as it may, for longer than one that is silent is waited for.
    for _ in range(8):
        for _ in range(60):
            world.agent.arrived(PEER, world.now)
        most = max(most, world.agent.sizes[1])
        world.wait(0.9)
    assert most == 40
    world.connect("192.0.2.100")
    world.wait(10)
    assert world.is_empty()
    for _ in range(8):
        for _ in range(60):
            line, _ = world.agent.arrived(PEER, world.now)
            if line is not None:
                world.say(line, Kind.SETUP, "setup", setup())
        world.wait(0.9)
    assert world.agent.sizes[0] == 40
    world.agent.trust(frozenset({PEER}))
    world.wait(10)
    for _ in range(20):
        world.connect()


def test_messages_of_one_source_are_rationed() -> None:
    """On however many connections they come."""
    world = World(Settings(encrypts=False, source_rate=1, source_burst=50))
    lines = [world.called()[0] for _ in range(10)]
    for line in lines:
        world.feed(line, written(Kind.NOTIFY, "notify", {}) * 10)
    assert world.agent.counts["flooded"] > 0
    assert world.agent.sizes[0] == 4
    line = world.connect("192.0.2.100")
    world.say(line, Kind.SETUP, "setup", setup())
    assert world.agent.sizes[0] == 5


def test_a_caller_who_is_not_taken_costs_no_secret() -> None:
    """Agreeing on one takes milliseconds."""
    world = World(Settings())
    _, call = world.called(body={"tokens": Secret().tokens()})
    secret = world.agent._core.calls[call.call].secret
    assert secret is not None
    assert not secret.agreed
    world.do(world.agent.accept(call.call, world.now))
    assert secret.agreed


def test_keys_are_rationed() -> None:
    """Nobody presses so many."""
    world = World()
    line, call = world.called()
    for _ in range(5):
        world.say(line, Kind.INFORMATION, "information", {}, elements={Element.KEYPAD: b"1" * 100})
    assert sum(isinstance(one, e.KeyPressed) for one in world.events) == 64
    assert world.agent.counts["keys_flooded"] == 5
    world.wait(1)
    world.say(line, Kind.INFORMATION, "information", {}, elements={Element.KEYPAD: b"12#"})
    assert world.events[-1] == e.KeyPressed(call.call, "#")


def test_messages_are_rationed() -> None:
    """A connection that brings more than any call needs is done with."""
    world = World(Settings(encrypts=False, message_rate=1, message_burst=20))
    line, _ = world.called()
    world.feed(line, written(Kind.NOTIFY, "notify", {}) * 30)
    assert ended(world).why is e.Ending.MALFORMED
    assert world.agent.counts["flooded"] == 1


def test_early_messages_are_kept_within_measure() -> None:
    """Of one who talks before anybody has taken the call."""
    world = World()
    line, call = world.called()
    for _ in range(20):
        world.say(line, Kind.FACILITY, "empty", control=(ROUND_TRIP,) * 10)
    world.do(world.agent.accept(call.call, world.now))
    assert world.control.told.count("roundTripDelayRequest") == 64


def real_agent(seed: int) -> UserAgent:
    """One with its H.245."""
    rng = random.Random(seed)
    return UserAgent(Settings(), rng, lambda: Control(ControlSettings(), rng))


def play(agent: UserAgent, messages: list[bytes]) -> None:
    """Play a caller's part; the owner takes every call and every offer. In the end nothing may be left."""
    now = 0.0
    line, _ = agent.arrived(PEER, now)
    assert line is not None

    def carry_out(actions: list[e.Action]) -> None:
        for action in actions:
            if isinstance(action, e.IncomingCall):
                carry_out(agent.accept(action.call, now))
            elif isinstance(action, e.OfferReceived):
                carry_out(agent.answer(action.call, OURS.format(1), now))
            elif isinstance(action, e.Listen):
                carry_out(agent.listens(action.line, 5555, now))
            elif isinstance(action, e.Open):
                carry_out(agent.broken(action.line, now))

    def pass_time(seconds: float) -> None:
        nonlocal now
        until = now + seconds
        while (due := agent.next_timeout()) is not None and due <= until:
            now = max(now, due)
            carry_out(agent.timeout(now))
        now = until

    for message in messages:
        carry_out(agent.receive(line, message, now))
        pass_time(0.4)
    pass_time(LONGEST_S)
    assert agent.sizes == (0, 0, 0), agent.counts


@pytest.mark.parametrize("name", CAPTURES)
def test_captured_callers_leave_nothing(name: str) -> None:
    """As they were."""
    agent = real_agent(1)
    play(agent, CAPTURES[name])
    assert not {"malformed", "unframed"} & set(agent.counts)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(CAPTURES)), st.randoms(use_true_random=False), st.integers(1, 6))
def test_captured_callers_whose_bytes_are_torn_leave_nothing(name: str, rng: random.Random, wounds: int) -> None:
    """Bytes changed, cut out, doubled, inside messages and out of step with their lengths."""
    messages = [bytearray(one) for one in CAPTURES[name]]
    for _ in range(wounds):
        message = rng.choice(messages[:12])
        at = rng.randrange(len(message) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(message):
            message[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del message[at : at + rng.randrange(9)]
        elif kind == 2:
            message[at:at] = rng.randbytes(rng.randrange(9))
        else:
            messages.insert(rng.randrange(len(messages)), bytearray(message))
        # Half of the time the header still fits.
        if rng.random() < 0.5 and len(message) > 4:
            message[0:4] = bytes((3, 0)) + len(message).to_bytes(2, "big")
    play(real_agent(2), [bytes(one) for one in messages])


async def test_a_bad_neighbour_disturbs_nobody() -> None:
    """On loopback: noise, silence, half messages and a flood of Setups, while a call goes on."""
    host = HostDouble(ours=OURS.format(1))
    gateway = H323Gateway(host, Options(port=0, max_calls=20, timers=Timers(first=0.2, rest=0.2)))
    async with serving(gateway), terminal(sound=PCMU) as friend:
        talk = await friend.dial(gateway.port, NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        # Whoever comes now is thought about for long.
        host.slow = asyncio.Event()
        writers = []
        for say in (b"\0" * 1000, b"", tpkt.wrap(b"x" * 100)[:50], b"\x03\x00\xff\xff", *[_setup()] * 40):
            _, writer = await asyncio.open_connection(HOST, gateway.port)
            writer.write(say)
            writers.append(writer)
        counted = ("unframed", "stalled", "too_many_calls")
        await eventually(lambda: set(counted) <= set(gateway.health().counts))
        talk.press("7")
        await visit.hears("pressed 7")
        host.slow.set()
        await eventually(lambda: gateway.health().calls == 1)
        for writer in writers:
            writer.close()
        talk.hang_up()
        await visit.hears("ended")
        assert host.errors == []
        endpoint = gateway._endpoint
        assert endpoint is not None
        await eventually(lambda: endpoint.agent.sizes == (0, 0, 0))


def _setup() -> bytes:
    return written(Kind.SETUP, "setup", setup(destinationAddress=[("dialledDigits", "99999999")]))


async def test_a_peer_that_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot have us keep what it does not take."""
    monkeypatch.setattr("signalling.gateways.h323.io.network.MAX_UNSENT", 20_000)
    host = HostDouble(ours=OURS.format(1))
    gateway = H323Gateway(host, Options(port=0))
    async with serving(gateway), terminal(sound=PCMU) as deaf:
        talk = await deaf.dial(gateway.port, NUMBER)
        visit, _ = await host.next()
        await visit.hears("established")
        talk.reader._transport.pause_reading()  # type: ignore[attr-defined]
        ask: Any = written(Kind.STATUS_ENQUIRY, "empty", reference=talk.reference)
        async with asyncio.timeout(20):
            while gateway.health().calls:
                talk.writer.write(ask * 50)
                await asyncio.sleep(0.2)
        assert {"lost", "ended"} & set(visit.told)
        assert set(gateway.health().counts) & {"unread", "flooded"}
