"""A night on duty: the operators' port over real rooms with people in them, whose names and numbers are planted.

`PLANTED` must not be found in anything that the port says.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from bridge.app.feeds.converters import Use
from bridge.ops.converting import Converting
from bridge.ops.guard import Guard
from bridge.ops.health import Check
from bridge.ops.history import Look
from bridge.ops.metrics import BridgeCollector, Facts, GatewayState
from bridge.ops.recording import LinkRecorder
from bridge.ops.station import Station
from bridge.ops.web import make_ops_app, serve_ops
from bridge.rooms.model import Line, ParticipantId, Pii
from media.api import LinkRecorded, RecordLink
from signalling import messages as m
from signalling.messages import Verdict
from tests.app.rig import Rig
from tests.ops.assessments import assessment
from tests.ops.snapshots import snapshot_of
from tests.ops.stations import Audit, guard, station

PLANTED = ("Aslaug", "Nordahl", "Ingrid", "4791234545", "01017012345", "192.0.2.7", "moterom@sykehus", "Samtale")
_VERDICTS = (Verdict.GOOD, Verdict.UPLINK, Verdict.CLIENT_CPU, Verdict.DOWNLINK)


async def _works() -> None:
    """Answer that all is well."""


async def _fails() -> None:
    raise RuntimeError("the database of Aslaug Nordahl is gone")


@dataclass
class Duty:
    """Everything behind the port. `counts` are the process's counters; the clock moves by hand."""

    rig: Rig
    station: Station
    guard: Guard
    audit: Audit
    counts: dict[tuple[str, str], int]
    snapshot: SimpleNamespace
    app: web.Application
    address: str = ""

    def second(self, assessed: list[Any], **shard: int) -> None:
        """Let a second pass, in which the first shard did this much more."""
        self.rig.clock.seconds += 1
        row = self.snapshot.shards[0]
        more = {"cpu_us": 120_000, "datagrams_out": 5_000} | shard
        for column, value in more.items():
            row[column] = value if column in ("legs", "rooms", "stopped") else row[column] + value
        taken = SimpleNamespace(shards=self.snapshot.shards.copy())
        self.station.observe(taken, assessed, self.rig.clock.seconds * 0.05)


async def _fill(rig: Rig) -> None:
    """Two rooms: a doctor with a patient and a relative by telephone, and a doctor whose patient waits."""
    for room, inside in ((await rig.open_room(), True), (await rig.open_room(), False)):
        doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
        patient = await rig.enter(room)
        live = rig.live(room)
        if inside:
            await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
            live.numbers[patient.participant] = "+4791234545"
            _call_by_telephone(live, patient.participant)
        names = {who: replace(one, name=Pii("Aslaug Nordahl")) for who, one in live.room.participants.items()}
        live.room = replace(live.room, name=Pii("Samtale med Ingrid 01017012345"), participants=names)


def _call_by_telephone(live: Any, who: ParticipantId) -> None:
    people = dict(live.room.participants)
    people[who] = replace(people[who], line=Line.TELEPHONE)
    live.room = replace(live.room, participants=people)


def _record(recorder: LinkRecorder, command: RecordLink) -> None:
    """Have it all at once."""
    recorder.handle_event(LinkRecorded(leg=command.leg, trace="# from the beginning of the link\nb 0 400000 0\n"))


def _legs(rig: Rig) -> list[int]:
    return [media.leg for live in rig.service.rooms for media in live.legs.values()]


def _an_hour(here: Station, *, legs: int, trouble: bool) -> None:
    """What went before, with a quarter of an hour in which nobody looked."""
    now = here.clock.monotonic()
    for ago in (*range(58, 40, -1), *range(25, 0, -1)):
        bad = max(0, 5 - ago // 4) if trouble else 0
        here.history.observe(now - 60 * ago, Look(legs + ago % 7, 0.2 + 0.01 * (ago % 9), bad))


@asynccontextmanager
async def on_duty(*, trouble: bool = False, **more: Any) -> AsyncIterator[Duty]:
    """Serve a port, quiet or in trouble; `more` goes to the guard."""
    rig = Rig()
    await _fill(rig)
    counts: dict[tuple[str, str], int] = {}
    use = Use({"mix": 1, "picture": 2}, {}, {}, int(trouble))
    gateways = [GatewayState("sip", 1), GatewayState("h323", 0, "not_registered" if trouble else "")]
    here = station(
        rig.clock,
        checks=[Check("store", _fails if trouble else _works), Check("engine", _works)],
        converting=Converting(lambda: use, tuple, lambda _name: {}),
        rooms=lambda: rig.service.rooms,
        gateways=lambda: gateways,
        counted=lambda: counts,
        letters=lambda: {"timebok": 3 if trouble else 0},
    )
    audit, here.recorder = Audit(), LinkRecorder(lambda command: _record(here.recorder, command), rig.clock)
    doors = guard(audit, rig.clock, **more)
    taken = snapshot_of(shards=[{"shard": 0}, {"shard": 1}])
    app = make_ops_app(BridgeCollector(lambda: taken, Facts), lambda: taken, here, doors)
    duty = Duty(rig, here, doors, audit, counts, taken, app)
    legs = _legs(rig)
    verdicts = _VERDICTS if trouble else (Verdict.GOOD,) * len(legs)
    assessed = [
        assessment(leg, verdict, lost=0 if verdict is Verdict.GOOD else 12)
        for leg, verdict in zip(legs, verdicts, strict=False)
    ]
    _an_hour(here, legs=len(legs), trouble=trouble)
    for _ in range(12):
        duty.second(assessed, legs=len(legs), rooms=2, **({"cpu_us": 870_000} if trouble else {}))
    if trouble:
        counts[("room_failures", "room")] = 1
        counts[("gateways", "registration_failed")] = 4
        counts[("converter_failures", "worker")] = 1
        duty.second(assessed, legs=len(legs), rooms=2, cpu_us=870_000)
    async with serve_ops(app, "127.0.0.1", 0) as port:
        duty.address = f"http://127.0.0.1:{port}"
        yield duty
