"""What has to be done without anybody asking: handshakes, repairs, figures, and what was put off."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import structlog

from bridge.app import encryption
from bridge.app.feeds.sending import codecs_of, heed
from bridge.app.live import LiveRoom, Seated
from bridge.app.ports import Clock, Legs
from bridge.app.presence import Presence, read
from bridge.app.quality.lines import Assessment, person_stats
from bridge.app.quality.ration import Ration, is_brief
from bridge.app.quality.strain import Strain, suffers
from bridge.app.quality.watch import Watch
from bridge.app.service import RoomService
from bridge.rooms.model import ParticipantId
from media.api import EngineError, Snapshot
from signalling import messages as m

LOG: Final = structlog.get_logger("bridge.background")
HANDSHAKE_SECONDS: Final = 0.05
REPAIR_SECONDS: Final = 1.0
STATS_SECONDS: Final = 1.0
# A room costs about a millisecond; what waits for the loop meanwhile should not wait for all of them.
ROOMS_AT_ONCE: Final = 4
# Part of the time until the next figures over which many rooms are spread. Without a pause those of a full node
# would take a core from the media for a tenth of a second, and make their packets late.
SPREAD: Final = 0.5


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


class TimedLegs(Legs, Protocol):
    """Legs with something to do from time to time."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""


class Background:
    """The loops of a bridge. Each runs until it is cancelled."""

    def __init__(
        self,
        service: RoomService,
        legs: TimedLegs,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
        presence: Presence,
    ) -> None:
        self._service = service
        self._legs = legs
        self._clock = clock
        self._snapshot = snapshot
        self._presence = presence
        self._ration = Ration()
        self.watch = Watch()

    async def handshakes(self) -> None:
        """Send again what DTLS handshakes have lost."""
        await _every(HANDSHAKE_SECONDS, lambda: self._legs.handle_timeout(self._clock.monotonic()))

    async def repairs(self) -> None:
        """Bring rooms in line whose last act did not reach the engine."""
        await _every(REPAIR_SECONDS, self._service.repair)

    async def figures(self, observe: Callable[[Snapshot, list[Assessment]], None]) -> None:
        """Assess everybody's link, hand it to `observe` with the snapshot, and tell people."""
        await _every(STATS_SECONDS, lambda: self._figures(observe))

    async def _figures(self, observe: Callable[[Snapshot, list[Assessment]], None]) -> None:
        try:
            snapshot = self._snapshot()
        except EngineError as error:
            self._service.outside.counts.inc("engine_errors", error.code)
            return
        self.watch.observe(snapshot, self._clock.monotonic())
        self._presence.begin(self._clock.monotonic())
        codecs, protected, came = codecs_of(snapshot), encryption.read(snapshot.legs), read(snapshot.legs)
        rooms = self._service.rooms
        pause = STATS_SECONDS * SPREAD * ROOMS_AT_ONCE / max(len(rooms), 1)
        for number, live in enumerate(rooms):
            self._presence.look(live, came)
            if heed(live, codecs):
                self._service.bring_in_line(live)
            if encryption.learn(live, protected):
                self._service.tell(live)
            self._assess(live)
            if number % ROOMS_AT_ONCE == ROOMS_AT_ONCE - 1:
                await asyncio.sleep(pause)
        self._ration.keep({seated.id for live in self._service.rooms if (seated := _host_of(live)) is not None})
        observe(snapshot, self.watch.latest)

    def _assess(self, live: LiveRoom) -> None:
        found = self.watch.assess(live, self._legs)
        self._tell_strains(live, found)
        host, seated = live.room.host, _host_of(live)
        if host is None or seated is None:
            return
        own = found[host].figures.carries if host in found else None
        brief = is_brief(own) or not seated.shows_details
        stats = m.Stats(people=[person_stats(owner, one, brief=brief) for owner, one in found.items()])
        if self._ration.take(seated.id, self._clock.monotonic(), stats, own):
            seated.connection.send(stats)

    def _tell_strains(self, live: LiveRoom, found: Mapping[ParticipantId, Assessment]) -> None:
        """Tell each page when its own line has long been such that a telephone would do better."""
        live.strains = {owner: live.strains.get(owner) or Strain() for owner in found}
        for owner, strain in live.strains.items():
            poor = strain.look(self._clock.monotonic(), suffers=suffers(found[owner]))
            if (seated := live.seats.get(owner)) is not None:
                seated.tell_strain(poor=poor)


def _host_of(live: LiveRoom) -> Seated | None:
    return None if live.room.host is None else live.seats.get(live.room.host)


async def _every(seconds: float, do: Callable[[], Awaitable[None] | None]) -> None:
    took = 0.0
    while True:
        # Turns that take longer than they should are no reason for having no pause.
        await asyncio.sleep(max(seconds - took, seconds / 4))
        began = time.monotonic()
        try:
            if (awaited := do()) is not None:
                await awaited
        except Exception as error:
            # A loop that ends leaves the bridge half alive, which is worse than one failed turn.
            LOG.exception("background_turn_failed", error=type(error).__name__)
        took = time.monotonic() - began
