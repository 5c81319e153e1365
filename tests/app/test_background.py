"""What goes on without being asked for: loops survive a failed turn, what was put off runs or is dropped."""

import asyncio

import pytest

from bridge.app import background
from bridge.app.background import Background, Later
from media.api import EngineError, Snapshot
from signalling import messages as m
from tests.app import engine_rows
from tests.app.rig import Rig


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loops turn at once."""
    for name in ("HANDSHAKE_SECONDS", "REPAIR_SECONDS", "STATS_SECONDS"):
        monkeypatch.setattr(background, name, 0.0)


def snapshot(*numbers: int) -> Snapshot:
    """A snapshot in which each leg has sent 1000 bytes."""
    sent = ({"leg": leg, "bytes": 1000, "expected": 10} for leg in numbers)
    return engine_rows.snapshot(engine_rows.streams(*sent), engine_rows.legs(dict.fromkeys(numbers, 30_000)))


async def turning(loop: object, until: asyncio.Event) -> None:
    """Run a loop until something has happened."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        task = group.create_task(loop)
        await until.wait()
        task.cancel()


async def test_the_host_is_told_how_good_everybodys_link_is() -> None:
    """The host and nobody else gets a line for each leg; each reading is observed."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    taken: list[Snapshot] = []
    done = asyncio.Event()

    def take() -> Snapshot:
        rig.clock.seconds += 2
        if len(taken) == 2:
            done.set()
        return snapshot(rig.leg(room, doctor), rig.leg(room, patient))

    await turning(
        Background(rig.service, rig.legs, rig.clock, take, rig.presence).figures(
            lambda taking, _: taken.append(taking)
        ),
        done,
    )
    told = [message for message in doctor.connection.sent if isinstance(message, m.Stats)]
    assert len(taken) >= 2
    assert [line.participant for line in told[0].people] == [doctor.participant, patient.participant]
    assert told[0].people[0].rtt_ms == 30.0
    assert not [message for message in patient.connection.sent if isinstance(message, m.Stats)]


async def test_a_page_that_is_opened_anew_is_told_at_once() -> None:
    """It knows nothing of what was told to the one before, whether anything has changed or not."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    leg = rig.leg(room, doctor)
    taken: list[int] = []
    done = asyncio.Event()

    def take() -> Snapshot:
        rig.clock.seconds += 0.5
        taken.append(leg)
        if len(taken) % 4 == 0:
            done.set()
        return snapshot(leg)

    loops = Background(rig.service, rig.legs, rig.clock, take, rig.presence)
    for _ in range(2):
        await turning(loops.figures(lambda _taken, _assessed: None), done)
        assert any(isinstance(message, m.Stats) for message in doctor.connection.sent)
        done.clear()
        await rig.join(doctor)


async def test_a_host_whose_page_shows_them_is_told_of_single_sources() -> None:
    """As long as it says so, and whatever becomes of its own media: these are away all the time."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.page(room, m.Role.DOCTOR, host=True)
    await rig.join(doctor)
    leg = rig.leg(room, await rig.enter(room))
    taken: list[int] = []
    done = asyncio.Event()

    def take() -> Snapshot:
        rig.clock.seconds += 4
        taken.append(leg)
        if len(taken) % 5 == 0:
            done.set()
        row = {"leg": leg, "packets": 100 * len(taken), "bytes": 1000, "expected": 100 * len(taken)}
        return engine_rows.snapshot(engine_rows.streams(row), engine_rows.legs({leg: 30_000}))

    loops = Background(rig.service, rig.legs, rig.clock, take, rig.presence)
    for shown in (False, True, False):
        await rig.say(doctor, m.Report(slots=[], sources=[], details=shown))
        doctor.connection.sent.clear()
        done.clear()
        await turning(loops.figures(lambda _taken, _assessed: None), done)
        told = [message for message in doctor.connection.sent if isinstance(message, m.Stats)]
        assert {bool(one.people[0].up.streams) for one in told} == {shown}


async def test_figures_of_many_rooms_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full node's rooms leave the processor to the media in between, and are done in half of the time."""
    rig = Rig()
    for _ in range(8):
        await rig.open_room()
    waited: list[float] = []
    taken: list[Snapshot] = []
    done, sleep = asyncio.Event(), asyncio.sleep

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    def take() -> Snapshot:
        if taken:
            done.set()
        return snapshot()

    monkeypatch.setattr(background, "STATS_SECONDS", 1.0)
    monkeypatch.setattr(asyncio, "sleep", pause)
    await turning(
        Background(rig.service, rig.legs, rig.clock, take, rig.presence).figures(
            lambda taking, _: taken.append(taking)
        ),
        done,
    )
    first, *between = waited[:3]
    assert first == 1.0
    assert between == [0.25, 0.25]


async def test_an_engine_that_does_not_answer_is_counted_and_asked_again() -> None:
    """A snapshot that fails ends no loop."""
    rig = Rig()
    done, tries = asyncio.Event(), []

    def fail() -> Snapshot:
        tries.append(1)
        if len(tries) == 3:
            done.set()
        raise EngineError("timed_out", "the shard did not answer in time")

    await turning(
        Background(rig.service, rig.legs, rig.clock, fail, rig.presence).figures(lambda _taken, _assessed: None),
        done,
    )
    assert rig.counts.seen["engine_errors", "timed_out"] >= 3


async def test_a_turn_that_fails_does_not_end_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a fault of our own in one turn leaves the next turn."""
    rig = Rig()
    done, turns = asyncio.Event(), []

    def fail(_now: float) -> None:
        turns.append(1)
        if len(turns) == 2:
            done.set()
        raise ValueError

    monkeypatch.setattr(rig.legs, "handle_timeout", fail)
    await turning(Background(rig.service, rig.legs, rig.clock, snapshot, rig.presence).handshakes(), done)
    assert len(turns) >= 2


async def test_repairs_bring_a_room_in_line() -> None:
    """What a busy engine did not take is asked for again by the loop."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.page(room, m.Role.DOCTOR, host=True)
    await rig.join(doctor)
    opened = asyncio.Event()
    rig.engine.opening = lambda _leg: opened.set()
    submit = rig.engine.submit

    def only_legs(command: object) -> None:
        if type(command).__name__ != "AddLeg":
            raise EngineError("busy", "the shard's queue is full")
        submit(command)

    rig.engine.submit = only_legs
    await rig.offer(doctor)
    assert rig.engine.open_legs() == set()
    rig.engine.submit = submit
    await turning(Background(rig.service, rig.legs, rig.clock, snapshot, rig.presence).repairs(), opened)
    assert rig.engine.open_legs() == {rig.leg(room, doctor)}


async def test_what_was_put_off_runs_and_a_failure_stays_its_own() -> None:
    """A task that fails ends neither the group nor the others."""
    ran = asyncio.Event()

    async def fail() -> None:
        raise ValueError

    async def succeed() -> None:
        ran.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        later = Later(group)
        later(0.0, fail)
        later(0.0, succeed)
        await ran.wait()


async def test_stopping_drops_what_has_not_run() -> None:
    """At the end nobody waits for a grace of seconds."""
    ran: list[int] = []

    async def run() -> None:
        ran.append(1)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        later = Later(group)
        later(3600.0, run)
        later.stop()
    assert ran == []
