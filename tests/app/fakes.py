"""Outsides of the use cases that tests can look into and make fail: store, engine, links, clock, connections."""

# ruff: noqa: D102 - the ports say what the methods do
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.app.duty.rotas import Rota
from bridge.app.ports import Audited
from bridge.rooms.events import Event, RoomCreated, decode, encode
from bridge.rooms.model import Identity, InvitationId, RoomId
from bridge.store.audit import Head, chain
from media.api import (
    AddLeg,
    Command,
    CommandRefused,
    EngineError,
    GateChanged,
    LegRemoved,
    MoveLeg,
    RemoveLeg,
    RoomFailed,
    SetFeeds,
    SetGate,
    SetMuted,
)
from media.api import Event as EngineEvent
from media.description import MIC, Slot, Source
from media.lines import AddLines
from signalling import messages as m
from signalling.errors import Code, Rejected
from transcode.errors import UnknownJob
from transcode.jobs import Job

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class WorkerPool:
    """Keeps the jobs that it is given; `failing` makes the next starts fail."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self.rates: dict[tuple[int, int], int] = {}
        self.said: list[tuple[int, int, bytes, int]] = []
        self.failing = 0

    async def start(self, job: Job, /) -> int:
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise RuntimeError("as told")
        assert job.id not in self.jobs
        self.jobs[job.id] = job
        return 50_000 + len(self.jobs)

    def change(self, job: Job, /) -> None:
        if job.id not in self.jobs:
            raise UnknownJob("as in the pool")
        self.jobs[job.id] = job

    def set_rate(self, job: int, ssrc: int, bitrate: int, /) -> None:
        self.rates[job, ssrc] = bitrate

    def say(self, job: int, ssrc: int, sound: bytes, rate: int, /) -> None:
        if job not in self.jobs:
            raise UnknownJob("as in the pool")
        self.said.append((job, ssrc, sound, rate))

    def stop(self, job: int, /) -> None:
        self.jobs.pop(job, None)


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 1000.0 + self.seconds


class StoreDown(Exception):  # noqa: N818 - named for what happened
    """What the store raises when it is told to fail."""


class MemoryStore:
    """Keeps events as the bytes that would be stored; audit lines go through the real chain, which refuses names.

    `failing` makes the next writes fail: "before" nothing is written, "after" it is, and the caller cannot know.
    """

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.failing: str | None = None
        self.audit: list[Audited] = []
        self._head = Head()
        self._numbers: dict[str, str] = {}
        self._events: dict[str, list[bytes]] = {}

    async def append(
        self,
        room_id: str,
        expected_revision: int,
        events: Sequence[Event],
        audit_rows: Sequence[Audited] = (),
    ) -> int:
        await asyncio.sleep(0)
        if self.failing == "before":
            raise StoreDown
        known = self._events.setdefault(room_id, [])
        if events and len(known) != expected_revision:
            raise AssertionError("two writers of one room")
        for entry in chain(self._head, room_id, audit_rows):
            self._head = Head(entry.sequence, entry.hash)
        known += [encode(event) for event in events]
        self.audit += audit_rows
        self._numbers |= {one.number: room_id for one in events if isinstance(one, RoomCreated) and one.number}
        self.log += [f"record {type(event).__name__}" for event in events]
        if self.failing == "after":
            raise StoreDown
        await asyncio.sleep(0)
        return len(known)

    async def load(self, room_id: str) -> list[Event]:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise StoreDown
        found = self.events(room_id)
        await asyncio.sleep(0)
        return found

    async def room_of(self, number: str) -> str | None:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise StoreDown
        return self._numbers.get(number)

    def events(self, room_id: str, since: int = 0) -> list[Event]:
        """What is on record, whatever fails; from the event of this number on."""
        return [decode(data) for data in self._events.get(room_id, [])[since:]]


class Links:
    """A token is room and invitation in clear."""

    def make(self, room: RoomId, invitation: InvitationId, expires_at: datetime) -> str:
        assert expires_at.tzinfo is not None
        return f"https://bridge.example/join#{room}.{invitation}"

    def read(self, token: str) -> tuple[RoomId, InvitationId]:
        room, dot, invitation = token.partition(".")
        if not dot:
            raise Rejected(Code.LINK_INVALID)
        return RoomId(room), InvitationId(invitation)


class RotaList:
    """Rotas that a test writes."""

    def __init__(self) -> None:
        self.all: list[Rota] = []

    def of(self, identity: Identity) -> list[Rota]:
        return [rota for rota in self.all if rota.has(identity)]

    def refresh(self) -> None:
        pass


class Pins:
    """A digest is the PIN in clear; PINs count up, each twice."""

    def __init__(self) -> None:
        self._made = 0

    def new(self, *, host: bool) -> str:
        self._made += 1
        return f"{self._made // 2:0{10 if host else 6}d}"

    def digest(self, room: str, pin: str) -> str:
        return f"{room} {pin}"

    def digests(self, room: str, pin: str) -> frozenset[str]:
        return frozenset({f"{room} {pin}", f"{room} {pin} under an older key"})


def token_of(link: str) -> str:
    """What a page reads from the fragment of its address."""
    return link.partition("#")[2]


class Counts:
    """Counters in a dictionary."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], int] = {}

    def inc(self, name: str, code: str) -> None:
        self.seen[name, code] = self.seen.get((name, code), 0) + 1


class Later:
    """What was put off, run when the clock has come so far."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.waiting: list[tuple[float, Callable[[], Awaitable[object]]]] = []

    def __call__(self, seconds: float, make: Callable[[], Awaitable[object]]) -> None:
        self.waiting.append((self._clock.seconds + seconds, make))

    def due(self) -> list[Callable[[], Awaitable[object]]]:
        """Take out what is due."""
        now = self._clock.seconds
        taken = [make for at, make in self.waiting if at <= now]
        self.waiting = [(at, make) for at, make in self.waiting if at > now]
        return taken


class Connection:
    """Remembers what was sent; nothing more is taken after the goodbye, as with a real socket.

    `answers` is whether anybody is at the other end, who answers probes.
    """

    def __init__(self) -> None:
        self.sent: list[m.ServerMessage] = []
        self.bye: Code | None = None
        self.answers = True
        self.probes = 0
        self.was_cut = False
        self._signs = 1

    def signs(self) -> int:
        return self._signs

    def probe(self) -> None:
        self.probes += 1
        self._signs += self.answers

    def cut(self) -> None:
        self.was_cut = True

    def send(self, message: m.ServerMessage) -> None:
        if self.bye is None:
            self.sent.append(message)

    def close(self, code: Code, message: str | None = None) -> None:
        del message
        if self.bye is None:
            self.bye = code

    @property
    def roster(self) -> m.Roster:
        """The last one told."""
        return next(told for told in reversed(self.sent) if isinstance(told, m.Roster))

    @property
    def layout(self) -> m.Layout:
        """The last one told."""
        return next(told for told in reversed(self.sent) if isinstance(told, m.Layout))

    @property
    def welcome(self) -> m.Welcome:
        """The first message."""
        first = self.sent[0]
        assert isinstance(first, m.Welcome)
        return first


@dataclass
class ModelLeg:
    """A leg as the engine keeps it."""

    room: int
    sources: dict[int, Source]
    slots: dict[int, Slot]
    ufrag: str
    gate: bool = False
    muted: set[int] = field(default_factory=set)
    feeds: dict[int, tuple[int, int]] = field(default_factory=dict)
    weights: dict[int, tuple[int, int | None]] = field(default_factory=dict)


class GateModel:
    """Does with commands what media/engine/core/src/control.rs does, and says whose packets reach whom.

    `busy` makes that many of the next commands fail as a full queue does; `dead` makes all fail. `opening` is
    asked, with the leg, before a gate opens.
    """

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.legs: dict[int, ModelLeg] = {}
        self.events: list[EngineEvent] = []
        self.ports: set[int] = set()
        self.busy = 0
        self.dead = False
        self.failures = 0
        self.opening: Callable[[int], None] = lambda _leg: None

    def shard_of(self, room: int) -> int:
        return room % 1

    def open_local_ports(self, room: int) -> int:
        del room
        self.ports.add(port := next(port for port in range(42_000, 65_536, 2) if port not in self.ports))
        return port

    def close_ports(self, room: int, first: int) -> None:
        del room
        self.ports.remove(first)

    def submit(self, command: Command) -> None:
        if self.dead or self.busy:
            self.busy = max(0, self.busy - 1)
            self.failures += 1
            raise EngineError("busy", "the shard's queue is full")
        self.log.append(type(command).__name__)
        code = self._carry_out(command)
        if code is not None:
            self._refuse(command, getattr(command, "leg", 0), code)

    def _refuse(self, command: Command, leg: int, code: str) -> None:
        self.events.append(CommandRefused(command=type(command).__name__, leg=leg, code=code))

    def _carry_out(self, command: Command) -> str | None:
        match command:
            case AddLeg() | AddLines():
                return self._add(command)
            case SetFeeds():
                self._feed(command)
                return None
        leg = self.legs.get(command.leg)
        return "unknown_leg" if leg is None else self._change(leg, command)

    def _change(self, leg: ModelLeg, command: Command) -> str | None:
        match command:
            case SetGate(leg=number, open=is_open):
                if is_open:
                    self.opening(number)
                leg.gate = is_open
                self.events.append(GateChanged(leg=number, open=is_open, at_us=1, last_out_us=0))
            case SetMuted(source=source, muted=muted):
                if source not in leg.sources:
                    return "bad_description"
                (leg.muted.add if muted else leg.muted.discard)(source)
            case MoveLeg(room=room):
                return self._move(leg, command.leg, room)
            case RemoveLeg(leg=number):
                self._remove(number)
        return None

    def _move(self, leg: ModelLeg, number: int, room: int) -> str | None:
        if leg.gate:
            return "gate_open"
        if leg.room != room:
            self._part(number)
            leg.room, leg.feeds = room, {}
        return None

    def _part(self, number: int) -> None:
        for other in self.legs.values():
            other.feeds = {slot: source for slot, source in other.feeds.items() if source[0] != number}

    def _add(self, add: AddLeg | AddLines) -> str | None:
        if add.leg in self.legs:
            return "duplicate_leg"
        parts = add.lines if isinstance(add, AddLines) else (add,)
        sources = {source.source: source for part in parts for source in part.sources}
        slots = {slot.slot: slot for part in parts for slot in part.slots}
        ssrcs = [n for s in sources.values() for e in s.encodings for n in (e.ssrc, e.rtx_ssrc) if n is not None]
        if len(ssrcs) != len(set(ssrcs)):
            return "bad_description"
        ufrag = add.ice.local_ufrag if isinstance(add, AddLeg) else ""
        self.legs[add.leg] = ModelLeg(add.room, sources, slots, ufrag)
        return None

    def _remove(self, number: int) -> None:
        del self.legs[number]
        self._part(number)
        self.events.append(LegRemoved(leg=number, at_us=1, last_in_us=0, last_out_us=0))

    def fail_room(self, room: int) -> None:
        """Lose a room's legs as the engine does when it fails in it."""
        legs = [number for number, leg in self.legs.items() if leg.room == room]
        for number in legs:
            del self.legs[number]
        self.events.append(RoomFailed(room=room, legs=legs, place="core/src/forward.rs:1"))

    def _feed(self, command: SetFeeds) -> None:
        for leg in self.legs.values():
            if leg.room == command.room:
                leg.feeds, leg.weights = {}, {}
        for feed in command.feeds:
            source, to = feed.source, self.legs.get(feed.leg)
            sender = None if source is None else self.legs.get(source.leg)
            if source is None:
                continue
            fits = (
                to is not None
                and sender is not None
                and to.room == sender.room == command.room
                and feed.leg != source.leg
                and feed.slot in to.slots
                and source.source in sender.sources
                and fits_slot(sender.sources[source.source], to.slots[feed.slot])
            )
            if to is not None and fits:
                to.feeds[feed.slot] = (source.leg, source.source)
                to.weights[feed.slot] = (feed.importance, feed.height)
            else:
                self._refuse(command, feed.leg, "bad_description")

    def reaching(self, receiver: int) -> set[tuple[int, int]]:
        """The sources whose packets now come out at a leg, a host's mute left out of account."""
        leg = self.legs.get(receiver)
        if leg is None or not leg.gate:
            return set()
        return {source for source in leg.feeds.values() if self.legs[source[0]].gate}

    def is_muted(self, leg: int) -> bool:
        """Whether the engine drops a leg's sound."""
        return MIC in self.legs[leg].muted

    def open_legs(self) -> set[int]:
        """The legs whose gates are open."""
        return {number for number, leg in self.legs.items() if leg.gate}


def fits_slot(source: Source, slot: Slot) -> bool:
    """Whether the engine could forward the source into the slot: kind, and a codec with its clock in common."""
    return source.kind == slot.kind and any(to.takes(form) for to in slot.formats for form in source.formats)
