"""Keeps converters in line with what is wanted of them: jobs of the workers' pool, and their legs in the engine.

`want` is safe to call again and again, like `reconcile`, which is where it is called from. It never waits: a
converter that is not there yet fills no slot, and when it is there, `ready` is called, so that the room is planned
anew. Which gates open is not decided here.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import structlog

from bridge.app.feeds.jobs import Labels, height_of, job_of
from bridge.app.feeds.planner import Place, SourceKey
from bridge.app.feeds.racks import ROOM, Allotment, Rack, allot, mix_for
from bridge.app.feeds.serving import FORWARD_ONLY, Means, Served
from bridge.app.ports import Clock, ConverterPool, Counts
from media.api import Demand, EngineError, Event, RoomFailed
from media.converters import ConverterLeg, ConverterLegs
from transcode import jobs as t
from transcode.errors import TranscodeError
from transcode.speech import Recording

LOG: Final = structlog.get_logger("bridge.converters")
# How much less is done where processors are short: everything, small pictures, of one person each.
FULL, SMALL, ONE = 0, 1, 2
WORDS: Final = ("full", "small", "one")
STEP_S: Final = 5.0
CALM_S: Final = 30.0
# A job that has failed is tried again after a while that doubles.
RETRY_S: Final = 1.0
MOST_RETRY_S: Final = 32.0
MAX_BITRATE: Final = 4_000_000
# Beyond so many in this process nobody else is composed a picture; nobody who waits, and may be anybody, beyond
# fewer: strangers must not take what those in consultations need.
MOST_PICTURES: Final = 48
MOST_BEFORE_WORDS: Final = 24
# By so much a worker may be ahead of what a recording lasts.
EARLY_S: Final = 0.3


@dataclass(slots=True)
class Machine:
    """One converter: its leg, the job that its worker has last been told, and how far it is."""

    leg: ConverterLeg
    job: t.Job
    connected: bool = False
    gate_open: bool | None = None


@dataclass(slots=True)
class Workshop:
    """What a room has of converters."""

    allotment: Allotment = field(default_factory=Allotment)
    machines: dict[int, Machine] = field(default_factory=dict)
    less: int = FULL
    less_since: float = 0.0
    failures: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Speech:
    """A recording that is to be played to a leg, once; `said` is called at its end, if it comes to that."""

    room: int
    leg: int
    recording: Recording
    said: Callable[[], None]
    at: tuple[int, int] | None = None
    """The job and the out that it was given to."""
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class Fed:
    """A source on its way into a converter, with the most lines of it that are shown."""

    place: Place
    source: SourceKey
    height: int | None


@dataclass(frozen=True, slots=True)
class Outlets:
    """What converters fill, what fills them, and the machines that have to do with it."""

    slots: Mapping[Place, SourceKey] = field(default_factory=dict)
    inputs: tuple[Fed, ...] = ()
    machines: tuple[Machine, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """What is converted now, and what it has taken since the start."""

    jobs: Mapping[str, int]
    cpu_s: Mapping[str, float]
    dropped: Mapping[str, int]
    short: int


class NoConverters:
    """Where nothing is converted, everybody is forwarded."""

    def means(self, room: int, *, waits: bool = False) -> Means:
        """What can be made for a room now, or for somebody who waits in one of their own."""
        del room, waits
        return FORWARD_ONLY

    def is_short(self, room: int) -> bool:
        """Whether less is made for a room than it wants, since processors do not suffice."""
        del room
        return False

    def want(self, room: int, slots: Mapping[Place, Served], labels: Labels) -> Outlets:
        """Have made for a room what its slots want, and nothing else; tell what there is of it already."""
        del room, slots, labels
        return Outlets()

    def speak(self, speech: Speech) -> None:
        """Say something to a leg, as soon as there is a mix for it alone, instead of what is being said there."""

    def hush(self, leg: int) -> None:
        """Think no more of what was to be said to a leg."""

    def forget(self, room: int) -> None:
        """Trust nothing that the engine was asked of gates."""

    def drop(self, room: int) -> None:
        """Give up all converters of a room: the engine has lost it, or it goes on under another number."""

    @property
    def use(self) -> Use:
        """What is converted, for metrics."""
        return Use({}, {}, {}, 0)


class Converters(NoConverters):
    """All converters of this process."""

    def __init__(
        self,
        pool: ConverterPool,
        legs: ConverterLegs,
        clock: Clock,
        counts: Counts,
        later: Callable[[float, Callable[[], Awaitable[object]]], None],
    ) -> None:
        """Take the workers' pool; `later(s, make)` awaits what `make` gives after that time."""
        self._pool = pool
        self._legs = legs
        self._clock = clock
        self._counts = counts
        self._later = later
        self._rooms: dict[int, Workshop] = {}
        self._numbers = count(1)
        self._cpu: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._told: dict[int, t.JobFigures] = {}
        self._speeches: dict[int, Speech] = {}
        self.ready: Callable[[int], None] = lambda _room: None
        """Called with a room's number when it is to be planned anew."""

    # What rooms ask.

    def means(self, room: int, *, waits: bool = False) -> Means:
        """What can be made for a room now, or for somebody who waits in one of their own."""
        shop = self._rooms.get(room)
        has = shop is not None and _pictures(shop) > 0
        short = shop is not None and shop.less >= ONE
        most = MOST_BEFORE_WORDS if waits else MOST_PICTURES
        room_left = has or sum(_pictures(one) for one in self._rooms.values()) < most
        return Means(sound=True, pictures=True, together=room_left and not short)

    def is_short(self, room: int) -> bool:
        """Whether less is made for a room than it wants, since processors do not suffice."""
        shop = self._rooms.get(room)
        return shop is not None and shop.less != FULL

    def want(self, room: int, slots: Mapping[Place, Served], labels: Labels) -> Outlets:
        """Have made for a room what its slots want, and nothing else; tell what there is of it already."""
        shop = self._rooms.get(room)
        if shop is None:
            if all(served.want is None for served in slots.values()):
                return Outlets()
            shop = self._rooms[room] = Workshop()
        shop.allotment = allot(slots, shop.allotment, self._numbers)
        for number in [number for number in shop.machines if number not in shop.allotment.racks]:
            self._dismiss(shop.machines.pop(number))
        for number, rack in shop.allotment.racks.items():
            self._keep(room, shop, (number, rack), labels)
        if not shop.machines and shop.less == FULL and not shop.allotment.racks:
            del self._rooms[room]
        return _outlets(shop)

    def forget(self, room: int) -> None:
        """Trust nothing that the engine was asked of gates."""
        shop = self._rooms.get(room)
        for machine in () if shop is None else shop.machines.values():
            machine.gate_open = None

    def speak(self, speech: Speech) -> None:
        """Say something to a leg, as soon as there is a mix for it alone, instead of what is being said there."""
        self._speeches[speech.leg] = speech
        self._say(speech)

    def hush(self, leg: int) -> None:
        """Think no more of what was to be said to a leg."""
        self._speeches.pop(leg, None)

    def _say(self, speech: Speech) -> None:
        shop = self._rooms.get(speech.room)
        seat = None if shop is None else mix_for(shop.allotment, speech.leg)
        machine = None if shop is None or seat is None else shop.machines.get(seat[0])
        if machine is None or seat is None or not machine.connected:
            return
        job, ssrc = speech.at = (machine.job.id, machine.leg.out(seat[1]))
        speech.began = self._clock.monotonic()
        what = speech.recording
        self._tell(machine, lambda: self._pool.say(job, ssrc, what.sound, what.rate))

    def _said(self, at: tuple[int, int]) -> None:
        """Take a recording for played, unless it can only have been the one before."""
        now = self._clock.monotonic()
        for speech in [one for one in self._speeches.values() if one.at == at]:
            if now - speech.began >= speech.recording.seconds - EARLY_S:
                del self._speeches[speech.leg]
                speech.said()

    # What the engine and the workers tell.

    def handle_event(self, event: Event) -> None:
        """Take one event of the engine."""
        match event:
            case Demand(leg=leg, source=source, encodings=encodings):
                machine = self._of_leg(leg)
                limit = encodings[0].max_bitrate if encodings else None
                if machine is not None and machine.leg.kind == "video" and limit:
                    ssrc, rate = machine.leg.out(source), min(limit, MAX_BITRATE)
                    self._tell(machine, lambda: self._pool.set_rate(leg, ssrc, rate))
            case RoomFailed(room=room):
                self.drop(room)

    def handle_worker(self, event: t.Event) -> None:
        """Take one event of the pool."""
        match event:
            case t.Failed(job=job, code=code):
                self._counts.inc("converter_failures", code)
                self._fail(job)
            case t.Overloaded(job=job):
                self._shorten(job)
            case t.Started(again=True):
                self._counts.inc("converter_failures", "worker")
            case t.Said(job=job, ssrc=ssrc):
                self._said((job, ssrc))
            case t.Figures(jobs=jobs):
                self._count(jobs)
                self._recover()
            case _:
                pass

    @property
    def use(self) -> Use:
        """What is converted, for metrics."""
        machines = [machine for shop in self._rooms.values() for machine in shop.machines.values()]
        short = sum(shop.less != FULL for shop in self._rooms.values())
        return Use(Counter(_kind(machine.job) for machine in machines), self._cpu, self._dropped, short)

    def drop(self, room: int) -> None:
        """Give up all converters of a room: the engine has lost it, or it goes on under another number."""
        shop = self._rooms.pop(room, None)
        for machine in () if shop is None else shop.machines.values():
            self._dismiss(machine)

    # Jobs.

    def _keep(self, room: int, shop: Workshop, numbered: tuple[int, Rack], labels: Labels) -> None:
        """Have a converter for a rack, and have it do what is on the rack."""
        number, rack = numbered
        machine = shop.machines.get(number)
        if machine is None:
            machine = self._begin(room, shop, rack, labels)
            if machine is not None:
                shop.machines[number] = machine
                self._later(0, lambda: self._start(room, number, machine))
            return
        job = job_of(rack, machine.leg, labels, cheap=shop.less != FULL, before=machine.job)
        if job != machine.job:
            machine.job = job
            if machine.connected:
                self._tell(machine, lambda: self._pool.change(job))

    def _begin(self, room: int, shop: Workshop, rack: Rack, labels: Labels) -> Machine | None:
        if self._clock.monotonic() < shop.not_before:
            return None
        try:
            leg = self._legs.open(room, rack.kind, ROOM[rack.kind])
        except EngineError as error:
            self._counts.inc("converter_failures", error.code)
            return None
        return Machine(leg, job_of(rack, leg, labels, cheap=shop.less != FULL))

    async def _start(self, room: int, number: int, machine: Machine) -> None:
        """Start the job, then connect its leg to it. Meanwhile both may have become useless."""
        told = machine.job
        try:
            useful = await self._connect(room, number, machine)
        except Exception as error:
            # Whatever it is, the room goes on without: who can be forwarded is.
            LOG.exception("converter_not_started", error=type(error).__name__)
            self._counts.inc("converter_failures", "start")
            self._discard(machine)
            self._fail(told.id)
            return
        if not useful:
            self._discard(machine)
            return
        machine.connected = True
        if machine.job != told:
            self._tell(machine, lambda: self._pool.change(machine.job))
        self.ready(room)
        for speech in [one for one in self._speeches.values() if one.room == room and one.at is None]:
            self._say(speech)

    async def _connect(self, room: int, number: int, machine: Machine) -> bool:
        """Tell whether anybody still has use for it."""
        if not self._is_wanted(room, number, machine):
            return False
        port = await self._pool.start(machine.job)
        if not self._is_wanted(room, number, machine):
            return False
        self._legs.connect(machine.leg, port)
        return True

    def _tell(self, machine: Machine, tell: Callable[[], None]) -> None:
        """Tell a job something; one that does not take it is given up later, since a room is being planned now."""
        try:
            tell()
        except TranscodeError as error:
            self._counts.inc("converter_failures", error.code)
            self._later(0, lambda: self._give_up(machine.job.id))

    async def _give_up(self, job: int) -> None:
        self._fail(job)

    def _discard(self, machine: Machine) -> None:
        """Take back what was begun of a converter."""
        self._pool.stop(machine.job.id)
        with suppress(EngineError):
            self._legs.discard(machine.leg)

    def _is_wanted(self, room: int, number: int, machine: Machine) -> bool:
        shop = self._rooms.get(room)
        return shop is not None and shop.machines.get(number) is machine

    def _dismiss(self, machine: Machine) -> None:
        """Close a converter; whoever is starting it finds that nobody wants it."""
        if not machine.connected:
            return
        self._legs.close(machine.leg)
        self._pool.stop(machine.job.id)
        self._told.pop(machine.job.id, None)

    # Trouble.

    def _fail(self, job: int) -> None:
        """Give a converter up; another is made after a while."""
        for room, shop in list(self._rooms.items()):
            for number, machine in list(shop.machines.items()):
                if machine.job.id != job:
                    continue
                del shop.machines[number]
                racks = {one: rack for one, rack in shop.allotment.racks.items() if one != number}
                seats = {place: seat for place, seat in shop.allotment.seats.items() if seat[0] != number}
                shop.allotment = Allotment(racks, seats)
                self._dismiss(machine)
                wait = min(RETRY_S * 2**shop.failures, MOST_RETRY_S)
                shop.failures += 1
                shop.not_before = self._clock.monotonic() + wait
                self._later(wait, lambda room=room: self._again(room))  # type: ignore[misc]
                self.ready(room)

    async def _again(self, room: int) -> None:
        self.ready(room)

    def _shorten(self, job: int) -> None:
        """Do less for the room of a job: small pictures, then of one person each. Sound is always made."""
        now = self._clock.monotonic()
        for room, shop in list(self._rooms.items()):
            if all(machine.job.id != job for machine in shop.machines.values()):
                continue
            if shop.less < ONE and (shop.less == FULL or now - shop.less_since >= STEP_S):
                shop.less, shop.less_since = shop.less + 1, now
                self._counts.inc("converter_fallbacks", WORDS[shop.less])
                LOG.warning("processors_short", pictures=WORDS[shop.less])
                self.ready(room)

    def _recover(self) -> None:
        """Do more again where there was calm for long enough."""
        now = self._clock.monotonic()
        for room, shop in list(self._rooms.items()):
            if shop.less != FULL and now - shop.less_since >= CALM_S:
                shop.less, shop.less_since = shop.less - 1, now
                self.ready(room)
            if now - shop.not_before >= CALM_S:
                shop.failures = 0

    def _count(self, figures: tuple[t.JobFigures, ...]) -> None:
        """Add up what jobs have told since the last time; each counts from its own beginning."""
        for one in figures:
            machine = self._of_leg(one.job)
            if machine is None:
                continue
            before, kind = self._told.get(one.job, t.JobFigures(job=one.job)), _kind(machine.job)
            if one.cpu_s < before.cpu_s:
                before = t.JobFigures(job=one.job)
            self._told[one.job] = one
            self._cpu[kind] += max(0.0, one.cpu_s - before.cpu_s)  # type: ignore[assignment]
            for word in ("dropped_frames", "dropped_datagrams", "broken_frames"):
                self._dropped[word] += max(0, getattr(one, word) - getattr(before, word))

    def _of_leg(self, leg: int) -> Machine | None:
        machines = (machine for shop in self._rooms.values() for machine in shop.machines.values())
        return next((machine for machine in machines if machine.leg.leg == leg), None)


def _kind(job: t.Job) -> str:
    return "mix" if isinstance(job, t.Mix) else "picture"


def _pictures(shop: Workshop) -> int:
    return sum(isinstance(machine.job, t.Compose) for machine in shop.machines.values())


def _outlets(shop: Workshop) -> Outlets:
    """What of a room's converters is there."""
    there = {number: machine for number, machine in shop.machines.items() if machine.connected}
    slots = {
        place: (there[number].leg.leg, out)
        for place, (number, out) in shop.allotment.seats.items()
        if number in there
    }
    return Outlets(slots, tuple(_inputs(shop, there)), tuple(there.values()))


def _inputs(shop: Workshop, there: Mapping[int, Machine]) -> Iterator[Fed]:
    for number, machine in there.items():
        rack = shop.allotment.racks[number]
        for slot, key in rack.inputs.items():
            yield Fed((machine.leg.leg, slot), key, height_of(rack, key, cheap=shop.less != FULL))
