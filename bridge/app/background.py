"""What has to be done without anybody asking: handshakes, repairs, figures, and what was put off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bridge.app.ports import Clock
from bridge.app.quality import Reading, person_stats, read
from bridge.app.service import RoomService
from media.api import EngineError, Snapshot
from media.legs import Legs
from signalling import messages as m

LOG: Final = structlog.get_logger("bridge.background")
HANDSHAKE_SECONDS: Final = 0.05
REPAIR_SECONDS: Final = 1.0
STATS_SECONDS: Final = 2.0


class Later:
    """Runs things after a while, all of them in one task group; those still waiting at the end are dropped."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._waiting: set[asyncio.Task[None]] = set()

    def __call__(self, seconds: float, make: Callable[[], Awaitable[object]]) -> None:
        """Await what `make` gives, `seconds` from now."""
        task = self._group.create_task(self._run(seconds, make))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def stop(self) -> None:
        """Drop what has not run yet."""
        for task in self._waiting:
            task.cancel()

    async def _run(self, seconds: float, make: Callable[[], Awaitable[object]]) -> None:
        await asyncio.sleep(seconds)
        try:
            await make()
        except Exception as error:
            # One person's trouble must not end the group, and with it the bridge.
            LOG.exception("put_off_task_failed", error=type(error).__name__)


class Background:
    """The loops of a bridge. Each runs until it is cancelled."""

    def __init__(self, service: RoomService, legs: Legs, clock: Clock, snapshot: Callable[[], Snapshot]) -> None:
        self._service = service
        self._legs = legs
        self._clock = clock
        self._snapshot = snapshot
        self._before: Reading | None = None

    async def handshakes(self) -> None:
        """Send again what DTLS handshakes have lost."""
        await _every(HANDSHAKE_SECONDS, lambda: self._legs.handle_timeout(self._clock.monotonic()))

    async def repairs(self) -> None:
        """Bring rooms in line whose last act did not reach the engine."""
        await _every(REPAIR_SECONDS, self._service.repair)

    async def figures(self, observe: Callable[[Snapshot], None]) -> None:
        """Hand each snapshot to `observe`, and tell hosts how good everybody's link is."""
        await _every(STATS_SECONDS, lambda: self._figures(observe))

    def _figures(self, observe: Callable[[Snapshot], None]) -> None:
        try:
            snapshot = self._snapshot()
        except EngineError as error:
            self._service.outside.counts.inc("engine_errors", error.code)
            return
        observe(snapshot)
        now = read(snapshot.streams, snapshot.legs, self._clock.monotonic())
        if self._before is not None:
            self._tell_hosts(now, self._before)
        self._before = now

    def _tell_hosts(self, now: Reading, before: Reading) -> None:
        for live in self._service.rooms:
            host = live.room.host
            seated = None if host is None else live.seats.get(host)
            if seated is not None:
                people = [person_stats(owner, media.leg, now, before) for owner, media in live.legs.items()]
                seated.connection.send(m.Stats(people=people))


async def _every(seconds: float, do: Callable[[], Awaitable[None] | None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            if (awaited := do()) is not None:
                await awaited
        except Exception as error:
            # A loop that ends leaves the bridge half alive, which is worse than one failed turn.
            LOG.exception("background_turn_failed", error=type(error).__name__)
