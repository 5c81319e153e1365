"""Puts several bridges through one case: all up at once, one at a time under load, in alternating rounds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from loadtest.accounts import Account, read_account
from loadtest.adapters.bridge import Bridge, Call
from loadtest.adapters.errors import DidNotStart
from loadtest.adapters.rounds import Case, Round
from loadtest.adapters.stream import PACKETS_A_PICTURE
from loadtest.native import CAMERA_SENDER, Crowd
from loadtest.totals import Totals, total
from media.clients import Play

_WARM_S: Final = 1.0
# A server that has fallen behind is given time to send what it has taken in.
_DRAIN_S: Final = 0.5
_MAX_DRAIN_S: Final = 10.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_FAULTS: Final = ("auth_failures", "content_failures", "wrong_source", "unexpected")


@dataclass
class Contestant:
    """A bridge with robots of its own in it, and the rounds that it has been through."""

    bridge: Bridge
    crowd: Crowd
    calls: tuple[Call, ...] = ()
    idle_cpu_percent: float = 0.0
    rounds: list[Round] = field(default_factory=list)


@dataclass(frozen=True)
class _Look:
    at: float
    server: Account
    own: Account
    totals: Totals


async def contest(contestants: Sequence[Contestant], case: Case, rounds: int, seconds: float) -> None:
    """Fill the rooms of every bridge, then measure round after round; who begins changes with each round."""
    async with asyncio.TaskGroup() as group:
        timers = [group.create_task(one.crowd.handshakes()) for one in contestants]
        for one in contestants:
            one.calls = tuple([await one.bridge.open_call(case.receivers) for _ in range(case.rooms)])
        for one in contestants:
            before = _look(one)
            await asyncio.sleep(seconds)
            after = _look(one)
            one.idle_cpu_percent = (after.server.total_ns - before.server.total_ns) / 1e7 / (after.at - before.at)
        for number in range(rounds):
            for place in range(len(contestants)):
                one = contestants[(number + place) % len(contestants)]
                one.rounds.append(await measure(one, case, seconds))
        for timer in timers:
            timer.cancel()


async def measure(one: Contestant, case: Case, seconds: float) -> Round:
    """Let the sources of one bridge speak for a while, and account for it."""
    said, silent = await one.bridge.packets_out(), _look(one)
    one.crowd.clients.reset_latency()
    _speak(one, on=True)
    await asyncio.sleep(_WARM_S)
    first = _look(one)
    await asyncio.sleep(seconds)
    last = _look(one)
    _speak(one, on=False)
    whole = (await _drained(one)).totals.since(silent.totals)
    said = await one.bridge.packets_out() - said
    received = last.totals.since(first.totals)
    expected = whole.sent["packets"] * case.receivers
    latency = received.latency["video"]
    return Round(
        seconds=last.at - first.at,
        cpu_ns=last.server.total_ns - first.server.total_ns,
        robots_cpu_ns=last.own.total_ns - first.own.total_ns,
        received=received.received["packets"],
        expected=expected,
        # What is missing at the end of a stream leaves no gap in its numbers.
        lost=whole.received["lost"] + max(0, expected - whole.received["expected"]),
        said=said,
        checked=whole.received["checked"] * PACKETS_A_PICTURE,
        wrong=sum(whole.received[name] for name in _FAULTS),
        latency_ms_p50=_ms(latency.percentile_us(50)),
        latency_ms_p99=_ms(latency.percentile_us(99)),
    )


async def _drained(one: Contestant) -> _Look:
    """Wait until nothing arrives any more, for ten seconds at most."""
    look = _look(one)
    deadline = look.at + _MAX_DRAIN_S
    while True:
        await asyncio.sleep(_DRAIN_S)
        before, look = look, _look(one)
        if look.totals.received["packets"] == before.totals.received["packets"] or look.at > deadline:
            return look


def _speak(one: Contestant, *, on: bool) -> None:
    for call in one.calls:
        one.crowd.submit(Play(client=call.sender, sender=CAMERA_SENDER, on=on))


def _look(one: Contestant) -> _Look:
    server, own = (read_account(pid, _TICKS, _PAGE) for pid in (one.bridge.pid, os.getpid()))
    if server is None or own is None:
        raise DidNotStart(f"{one.bridge.name} has ended")
    now = asyncio.get_running_loop().time()
    return _Look(now, server, own, total(one.crowd.clients.snapshot()))


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1000
