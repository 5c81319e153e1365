"""What operators see of a node, gathered from where it is known: one picture a second for all who look."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import asdict

from bridge.app.live import LiveRoom
from bridge.app.ports import Clock
from bridge.app.quality.lines import Assessment
from bridge.ops.converting import Converting
from bridge.ops.health import Check, Drain, readiness
from bridge.ops.history import History, Look
from bridge.ops.links import FAULTS, LinkCollector, LinkFigures
from bridge.ops.load import Load, ShardLoad
from bridge.ops.metrics import GatewayState, Snapshot
from bridge.ops.recent import Key, Recent
from bridge.ops.recording import LinkRecorder
from bridge.ops.roomlist import LegLine, RoomList, legs_of, presence, room_list
from bridge.ops.wellness import LATELY_MIN, Seen, Trouble, judge
from signalling import messages as m

WORST: Final = 10
FRESH_S: Final = 1.0
LOOK_EVERY_S: Final = 10.0
ENGINE_COUNTERS: Final = ("event_drops", "panics", "send_drops", "receive_drops")
TOLD: Final = (
    "room_failures",
    "converter_failures",
    "leg_failures",
    "gateways",
    "engine",
    "webhooks",
    "logins",
    "refusals",
    "turned_away",
)
"""Counters whose last hour is told, code by code."""
AS_IT_SHOULD_BE: Final = frozenset({"ok", "delivered"})
"""Codes of these that are no news."""


@dataclass(frozen=True, slots=True)
class Node:
    """What does not change while the process runs."""

    name: str
    version: str
    started_at: datetime
    workers: int
    """Processes that convert."""


class DrainState(m.Part, frozen=True, kw_only=True):
    """Whether the node is being emptied, and whom that concerns. `due`: it has lasted so long that one chooses."""

    active: bool
    since: datetime | None
    reason: str | None
    due: bool
    in_call: int
    waiting: int
    rooms: int


class NodeLine(m.Part, frozen=True, kw_only=True):
    """Which node it is."""

    name: str
    version: str
    started_at: datetime


class LoadLine(m.Part, frozen=True, kw_only=True):
    """What is used of the machine: `deciding` is the share of a core that the thread that decides takes."""

    shards: list[ShardLoad]
    deciding: float
    legs_left: int
    measured: bool


class GatewayLine(m.Part, frozen=True, kw_only=True):
    """One gateway; `trouble` is empty without."""

    name: str
    calls: int
    trouble: str


class ConvertersLine(m.Part, frozen=True, kw_only=True):
    """Processes that convert, their jobs by kind, and the rooms that they are too few for."""

    workers: int
    jobs: dict[str, int]
    short: int


class WorstLine(LinkFigures, frozen=True, kw_only=True):
    """One leg with a fault, and the room that it is in."""

    leg: str
    room: str | None


class Happened(m.Part, frozen=True, kw_only=True):
    """What a counter rose by, and how long ago it last did."""

    what: str
    code: str
    number: int
    ago_s: float


class Picture(m.Part, frozen=True, kw_only=True):
    """A node at one moment. Shares are of a core; times aware; what is counted is of the last hour."""

    at: datetime
    node: NodeLine
    troubles: list[Trouble]
    drain: DrainState
    load: LoadLine
    hour: dict[str, list[float | None]]
    verdicts: dict[str, int]
    worst: list[WorstLine]
    rooms: RoomList
    gateways: list[GatewayLine]
    converters: ConvertersLine
    letters: dict[str, int]
    checks: dict[str, str]
    happened: list[Happened]


@dataclass(slots=True)
class Station:
    """Gathers. `counted` gives all counters of the process, `rooms` the rooms in memory."""

    node: Node
    clock: Clock
    links: LinkCollector
    converting: Converting
    drain: Drain
    recorder: LinkRecorder
    checks: Sequence[Check] = ()
    rooms: Callable[[], Iterable[LiveRoom]] = tuple
    gateways: Callable[[], Sequence[GatewayState]] = tuple
    counted: Callable[[], Mapping[Key, int]] = dict
    letters: Callable[[], Mapping[str, int]] = dict
    """Events of which other systems are still to be told, by the settings' names for these."""
    load: Load = field(default_factory=Load)
    recent: Recent = field(default_factory=Recent)
    history: History = field(default_factory=History)
    _looked_at: float | None = None
    _picture: tuple[float, bytes] | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def observe(self, snapshot: Snapshot, assessed: Sequence[Assessment], deciding_s: float) -> None:
        """Take a second in; `deciding_s` is the CPU time of the thread that decides."""
        now = self.clock.monotonic()
        self.links.observe(now, assessed)
        self.load.observe(now, snapshot, deciding_s)
        engine = {("engine", name): int(snapshot.shards[name].sum()) for name in ENGINE_COUNTERS}
        self.recent.observe(now, {**self.counted(), **engine})
        if self._looked_at is None or now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self.history.observe(now, self._look())

    def _look(self) -> Look:
        busiest = max((one.cpu for one in self.load.shards()), default=0.0)
        bad = sum(verdict in FAULTS for verdict in self.links.verdicts.values())
        return Look(presence(self.rooms()).in_call, round(busiest, 3), bad)

    async def encoded(self) -> bytes:
        """The picture as JSON, made once a second however many ask."""
        async with self._looking:
            now = self.clock.monotonic()
            if self._picture is None or now - self._picture[0] >= FRESH_S:
                self._picture = now, msgspec.json.encode(await self.picture())
            return self._picture[1]

    def forget(self) -> None:
        """Have the next who asks see what was done just now."""
        self._picture = None

    async def picture(self) -> Picture:
        """Look at everything."""
        checks = (await readiness(self.checks, draining=self.drain.active)).checks
        rooms = room_list(self.rooms(), self.links.verdicts)
        return Picture(
            at=self.clock.now(),
            node=NodeLine(name=self.node.name, version=self.node.version, started_at=self.node.started_at),
            troubles=judge(self._seen(checks)),
            drain=self.drain_state(),
            load=self._load(),
            hour=self.history.series(self.clock.monotonic()),
            verdicts={word.value: number for word, number in Counter(self.links.verdicts.values()).items()},
            worst=self._worst(),
            rooms=rooms,
            gateways=[GatewayLine(name=one.name, calls=one.calls, trouble=one.trouble) for one in self.gateways()],
            converters=self._converters(),
            letters=dict(self.letters()),
            checks=dict(checks),
            happened=self._happened(),
        )

    def drain_state(self) -> DrainState:
        """The drain, and how many are there who would not be cut off by it."""
        here = presence(self.rooms())
        return DrainState(
            active=self.drain.active,
            since=self.drain.since,
            reason=self.drain.reason,
            due=self.drain.decision_due(self.clock.now()),
            in_call=here.in_call,
            waiting=here.waiting,
            rooms=here.rooms,
        )

    def legs(self, room: str) -> list[LegLine] | None:
        """Everybody's connection in one room; None for one that nobody is in."""
        live = next((live for live in self.rooms() if live.room.id == room), None)
        return None if live is None else legs_of(live, self.links)

    def _seen(self, checks: Mapping[str, str]) -> Seen:
        return Seen(
            checks=checks,
            shards=self.load.shards(),
            capacity=self.load.capacity(),
            gateways=self.gateways(),
            verdicts=Counter(self.links.verdicts.values()),
            short=self.converting.use().short,
            lately=self.recent.within(self.clock.monotonic(), LATELY_MIN),
            drain_due=self.drain.decision_due(self.clock.now()),
        )

    def _load(self) -> LoadLine:
        capacity = self.load.capacity()
        return LoadLine(
            shards=self.load.shards(),
            deciding=self.load.deciding,
            legs_left=capacity.legs_left,
            measured=capacity.measured,
        )

    def _worst(self) -> list[WorstLine]:
        rooms = {media.leg: live.room.id for live in self.rooms() for media in live.legs.values()}
        lines = [line for line in self.links.worst(WORST) if line.verdict in FAULTS]
        return [WorstLine(**asdict(line) | {"leg": str(line.leg), "room": rooms.get(line.leg)}) for line in lines]

    def _converters(self) -> ConvertersLine:
        use = self.converting.use()
        return ConvertersLine(workers=self.node.workers, jobs=dict(use.jobs), short=use.short)

    def _happened(self) -> list[Happened]:
        now = self.clock.monotonic()
        counts = {
            key: number
            for key, number in self.recent.within(now).items()
            if key[0] in TOLD and number and key[1] not in AS_IT_SHOULD_BE
        }
        lines = [
            Happened(what=name, code=code, number=number, ago_s=self.recent.ago(now, (name, code)) or 0.0)
            for (name, code), number in counts.items()
        ]
        return sorted(lines, key=lambda line: line.ago_s)
