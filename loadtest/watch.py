"""Looks at robots and bridge every second, and keeps what it saw."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from loadtest.accounts import Account, cpu_percent, read_account
from loadtest.errors import EngineSilent
from loadtest.totals import Streams, Totals, total
from media.api import EngineError
from media.clients import Clients, ClientsSnapshot

LEAVING: Final = "leaving"
PERIOD_S: Final = 1.0
_TRIES: Final = 10
# Four hours at one a second, the longest that a load test may take, and some for joining and leaving.
_MAX_SAMPLES: Final = 20_000


@dataclass(frozen=True)
class Sample:
    """One second. CPU is in percent of a core, latency in ms; None where nothing was measured."""

    at_s: float
    phase: str
    connected: int
    bridge_cpu_percent: dict[str, float]
    robots_cpu_percent: float
    bridge_memory_bytes: int | None
    packets_per_s: float | None
    loss_percent: float | None
    latency_ms_p50: float | None
    latency_ms_p99: float | None
    latency_ms_p999: float | None


@dataclass(frozen=True)
class Look:
    """Everything that is counted, at one moment: monotonic seconds, robots, the bridge's process, our own."""

    at: float
    totals: Totals
    streams: Streams = field(repr=False)
    bridge: Account | None
    own: Account | None


class Watch:
    """Takes a sample every second while `run` runs. `pid` is that of the bridge, where it is ours."""

    def __init__(
        self, clients: Clients, pid: int | None, clock: Callable[[], float], connected: Callable[[], int]
    ) -> None:
        self.samples: list[Sample] = []
        self.dropped = 0
        self.unanswered = 0
        self.phase = "rooms"
        self._clients = clients
        self._pid = pid
        self._clock = clock
        self._connected = connected
        self._ticks, self._page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        self._started = clock()

    @property
    def elapsed_s(self) -> float:
        """Since this was made."""
        return self._clock() - self._started

    async def snapshot(self) -> ClientsSnapshot:
        """Ask the robots' engine for its counters, beside the event loop, which a busy engine would hold up.

        Raises `EngineSilent` when it has not answered in ten tries of a second each.
        """
        for _ in range(_TRIES):
            with contextlib.suppress(EngineError):
                return await asyncio.to_thread(self._clients.snapshot)
            self.unanswered += 1
        raise EngineSilent("the robots' engine does not answer: it has more to do than it can")

    async def look(self) -> Look:
        """Read everything now. Raises `EngineSilent`."""
        counted = await self.snapshot()
        return Look(
            at=self._clock(),
            totals=total(counted),
            streams=Streams(counted),
            bridge=None if self._pid is None else read_account(self._pid, self._ticks, self._page),
            own=read_account(os.getpid(), self._ticks, self._page),
        )

    async def run(self, take: Callable[[Sample], None]) -> None:
        """Sample until cancelled, and hand each sample to `take`."""
        before = await self.look()
        while True:
            await asyncio.sleep(PERIOD_S)
            now = await self.look()
            sample = self._sample(before, now)
            if len(self.samples) < _MAX_SAMPLES:
                self.samples.append(sample)
            else:
                self.dropped += 1
            take(sample)
            before = now

    def _sample(self, before: Look, now: Look) -> Sample:
        seconds = now.at - before.at
        grown = now.totals.since(before.totals)
        # Robots that leave take their counts with them, so that their sums say nothing then.
        is_whole = self.phase != LEAVING
        p50, p99, p999 = (_ms(grown.all_latency.percentile_us(percent)) for percent in (50, 99, 99.9))
        return Sample(
            at_s=round(now.at - self._started, 3),
            phase=self.phase,
            connected=self._connected(),
            bridge_cpu_percent=_cpu(before.bridge, now.bridge, seconds),
            robots_cpu_percent=sum(_cpu(before.own, now.own, seconds).values()),
            bridge_memory_bytes=now.bridge.memory_bytes if now.bridge else None,
            packets_per_s=grown.received["packets"] / seconds if is_whole else None,
            loss_percent=grown.loss_percent if is_whole else None,
            latency_ms_p50=p50,
            latency_ms_p99=p99,
            latency_ms_p999=p999,
        )


def _cpu(before: Account | None, now: Account | None, seconds: float) -> dict[str, float]:
    return cpu_percent(before, now, seconds) if before and now else {}


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1000, 4)
