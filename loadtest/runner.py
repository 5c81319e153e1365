"""Runs a scenario: rooms, a storm of joins, a steady time, and the end; gives everything that was measured.

Every robot joins as a person does: by a link, over the WebSocket, waiting until the room's doctor lets them in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from loadtest.errors import LoadtestError, Rejected
from loadtest.native import Crowd, NativeRobot
from loadtest.scenario import Arrival, Scenario, arrivals
from loadtest.scrape import Scrape
from loadtest.target import Office
from loadtest.totals import Totals
from loadtest.watch import LEAVING, Look, Sample, Watch
from signalling.messages import Admit, Place

NOT_STARTED: Final = "not_started"
_GOOD_ENDS: Final = frozenset({"left", "ended"})
# How long the last who came have until their media flows, before the steady time begins without them.
_MEDIA_S: Final = 20.0
# Whoever has come lately may still be switched into slots.
_SETTLE_S: Final = 2.0
_LEAVING_S: Final = 30.0
_ROOMS_AT_ONCE: Final = 8
# Two clocks are compared: a packet's, set once by the engine, and that of the event loop.
_CLOCKS_AGREE_US: Final = 2_000


@dataclass
class Life:
    """One robot: what became of it, with times in microseconds since the epoch.

    `robot` is there while it lives: what is over must not keep the engine. `settled` is set when all streams of
    its room have reached it, or none will any more.
    """

    arrival: Arrival
    link: str = field(repr=False)
    robot: NativeRobot | None = field(default=None, repr=False)
    participant: str | None = None
    started_us: int | None = None
    welcome_us: int | None = None
    connected_us: int | None = None
    admitted_us: int | None = None
    first_packet_us: int | None = None
    end: str = NOT_STARTED
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def since_start_ms(self, at_us: int | None) -> float | None:
        """Milliseconds from this robot's start."""
        return None if at_us is None or self.started_us is None else (at_us - self.started_us) / 1000


@dataclass(frozen=True)
class Outcome:
    """A load test that is over. `steady` is what was counted in the steady time, None when it never came.

    `after` is what had been counted when the robots were told to leave.
    """

    scenario: Scenario
    lives: tuple[Life, ...]
    samples: tuple[Sample, ...]
    before: Look
    steady: tuple[Look, Look] | None
    metrics: tuple[Scrape, Scrape]
    after: Totals
    streams_flowing: int
    early_packets: int
    left_over: int
    crowd_left_over: int
    refusals: dict[str, int]
    unanswered: int
    interrupted: bool

    @property
    def ends(self) -> dict[str, int]:
        """How many robots ended in each way."""
        return dict(Counter(life.end for life in self.lives))

    @property
    def unexpected_ends(self) -> int:
        """Robots that ended otherwise than they were told to."""
        fine = _GOOD_ENDS | ({NOT_STARTED} if self.interrupted else set())
        return sum(life.end not in fine for life in self.lives)


class Runner:
    """One run of a scenario. `clock_us` gives microseconds since the epoch; `take` is given every sample."""

    def __init__(
        self,
        scenario: Scenario,
        office: Office,
        crowd: Crowd,
        watch: Watch,
        *,
        clock_us: Callable[[], int],
        take: Callable[[Sample], None],
    ) -> None:
        self._scenario = scenario
        self._office = office
        self._crowd = crowd
        self._watch = watch
        self._clock_us = clock_us
        self._take = take
        self._lives: list[Life] = []
        self._asked_us: dict[str, int] = {}
        self._leaving = False
        self._metrics: list[Scrape] = []

    async def run(self, told_to_stop: asyncio.Event) -> Outcome:
        """Run to the end, or until told to stop: then everyone leaves at once, and what there is is given."""
        before = await self._watch.look()
        steady, flowing = None, 0
        async with self._rooms(told_to_stop) as rooms, asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._crowd.handshakes()), group.create_task(self._watch.run(self._take))]
            self._watch.phase = "joining"
            people = [group.create_task(self._live(life, told_to_stop)) for life in self._lives]
            if await self._all_in(told_to_stop):
                steady, flowing = await self._steady(told_to_stop)
            # Counters go with the robots that they are of.
            after = (await self._watch.look()).totals
            self._watch.phase = LEAVING
            await self._everyone_leaves(people)
            left_over = await self._left_over(rooms)
            for task in helpers:
                task.cancel()
        return Outcome(
            scenario=self._scenario,
            lives=tuple(self._lives),
            samples=tuple(self._watch.samples),
            before=before,
            steady=steady,
            metrics=(self._metrics[0], self._metrics[1]) if len(self._metrics) > 1 else (Scrape(), Scrape()),
            after=after,
            streams_flowing=flowing,
            early_packets=sum(self._was_early(life) for life in self._lives),
            left_over=left_over,
            crowd_left_over=len(self._crowd),
            refusals=dict(self._crowd.refusals),
            unanswered=self._watch.unanswered,
            interrupted=told_to_stop.is_set(),
        )

    # --- inside ---

    @asynccontextmanager
    async def _rooms(self, told_to_stop: asyncio.Event) -> AsyncIterator[list[str]]:
        """Open the rooms and make the links; end the rooms again, whatever happens."""
        rooms: list[str] = []
        few = asyncio.Semaphore(_ROOMS_AT_ONCE)
        order = arrivals(self._scenario)

        async def open_one(number: int) -> None:
            async with few:
                if told_to_stop.is_set():
                    return
                room = await self._office.open_room(f"Load test {number + 1}", max(2, self._scenario.legs))
                rooms.append(room)
                for one in (one for one in order if one.room == number):
                    link = await self._office.invite(room, one.role, one.name, host=one.seat == 0)
                    self._lives.append(Life(one, link))

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._scenario.rooms):
                    group.create_task(open_one(number))
            self._lives.sort(key=lambda life: life.arrival)
            yield rooms
        finally:
            for room in rooms:
                # A bridge that has gone takes its rooms with it.
                with contextlib.suppress(LoadtestError):
                    await self._office.end_room(room)

    async def _live(self, life: Life, told_to_stop: asyncio.Event) -> None:
        if await _happens_within(told_to_stop, life.arrival.at_s) or self._leaving:
            life.settled.set()
            return
        robot = life.robot = NativeRobot(life.link, self._crowd)
        life.started_us = self._clock_us()
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(self._note(life, robot))]
                if life.arrival.seat == 0:
                    helpers.append(group.create_task(self._admit(robot)))
                try:
                    life.end = await robot.run()
                finally:
                    for task in helpers:
                        task.cancel()
        except* LoadtestError as group_of_one:
            life.end = _first(group_of_one).code
        finally:
            life.settled.set()
            life.first_packet_us = robot.first_media_us
            life.participant = robot.welcome.participant if robot.welcome else None
            life.robot = None

    async def _note(self, life: Life, robot: NativeRobot) -> None:
        """Write down when the robot came how far."""
        await robot.wait_for(lambda robot: robot.welcome is not None)
        life.welcome_us = self._clock_us()
        await robot.wait_for(lambda robot: robot.media_state == "connected")
        life.connected_us = self._clock_us()
        await robot.wait_for(lambda robot: robot.place is Place.ADMITTED)
        life.admitted_us = self._clock_us()
        await robot.wait_for(lambda robot: robot.streams >= self._scenario.streams_each)
        life.settled.set()

    async def _admit(self, doctor: NativeRobot) -> None:
        """Let in everyone who knocks, one by one, as the doctor of their room."""

        def knocking(robot: NativeRobot) -> list[str]:
            people = robot.roster.people if robot.roster else []
            waiting = (one.participant for one in people if one.place is Place.WAITING and one.connected)
            return [one for one in waiting if one not in self._asked_us]

        while True:
            await doctor.wait_for(lambda robot: bool(knocking(robot)))
            for participant in knocking(doctor):
                self._asked_us[participant] = self._clock_us()
                # Who left again while the doctor reached for the button.
                with contextlib.suppress(Rejected):
                    await doctor.request(Admit, participant=participant)

    async def _all_in(self, told_to_stop: asyncio.Event) -> bool:
        """Wait until everybody has media, has failed, or has had time enough; False when told to stop."""
        deadline = self._lives[-1].arrival.at_s + _MEDIA_S if self._lives else 0.0
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(self._everybody_has_media())
            stopping = group.create_task(told_to_stop.wait())
            await asyncio.wait((waiting, stopping), timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            stopping.cancel()
        return not told_to_stop.is_set() and not await _happens_within(told_to_stop, _SETTLE_S)

    async def _everybody_has_media(self) -> None:
        for life in self._lives:
            await life.settled.wait()

    async def _steady(self, told_to_stop: asyncio.Event) -> tuple[tuple[Look, Look], int]:
        self._watch.phase = "steady"
        self._metrics.append(await self._office.metrics())
        first = await self._watch.look()
        await _happens_within(told_to_stop, self._scenario.steady_s)
        last = await self._watch.look()
        self._metrics.append(await self._office.metrics())
        return (first, last), sum(last.streams.flowing_since(first.streams).values())

    async def _everyone_leaves(self, people: list[asyncio.Task[None]]) -> None:
        self._leaving = True
        for life in self._lives:
            if life.robot is not None:
                life.robot.stop()
        _, staying = await asyncio.wait(people, timeout=_LEAVING_S) if people else (set(), set())
        for task in staying:
            task.cancel()

    async def _left_over(self, rooms: list[str]) -> int:
        try:
            return await self._office.people(rooms)
        except LoadtestError:
            return -1

    def _was_early(self, life: Life) -> bool:
        """Whether somebody's media reached this robot before a doctor had said yes to them."""
        if life.participant is None or life.first_packet_us is None or life.arrival.seat == 0:
            return False
        asked = self._asked_us.get(life.participant)
        return asked is None or life.first_packet_us + _CLOCKS_AGREE_US < asked


async def _happens_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _first(group: BaseExceptionGroup[LoadtestError]) -> LoadtestError:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, LoadtestError) else LoadtestError()
