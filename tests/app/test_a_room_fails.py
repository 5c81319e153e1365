"""When the engine fails in a room, everybody comes back to their place by themselves; no other room notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bridge.rooms.model import Place, RoomId
from media.api import Engine, EngineError, Event, Panic, RoomFailed, ShardStopped, Speakers
from media.legs import LegDelayed
from signalling import messages as m
from signalling.errors import Code
from tests.app.fakes import GateModel
from tests.app.rig import GRACE, Page, Rig


async def consultation(rig: Rig) -> tuple[RoomId, Page, Page]:
    """A room with a doctor and an admitted patient."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=2))
    rig.deliver()
    return room, doctor, patient


async def come_back(rig: Rig, *pages: Page) -> None:
    """Do what a page does after `restarting`: a new socket, and an offer on the connection that it had."""
    for page in pages:
        await rig.lose(page)
        await rig.join(page)
        await rig.offer(page)


async def test_everybody_is_asked_to_come_back_and_has_their_place() -> None:
    """The old sockets end with `restarting`; after the rejoin both see each other without another admission."""
    rig = Rig()
    room, doctor, patient = await consultation(rig)
    seen = rig.sees(room, doctor)
    assert seen
    before = {rig.leg(room, page) for page in (doctor, patient)}
    rig.engine.fail_room(rig.live(room).number)
    rig.deliver()
    assert [page.connection.bye for page in (doctor, patient)] == [Code.RESTARTING] * 2
    assert rig.live(room).legs == {}
    await come_back(rig, doctor, patient)
    rig.deliver()
    assert {rig.leg(room, page) for page in (doctor, patient)}.isdisjoint(before)
    assert patient.connection.welcome.place is m.Place.ADMITTED
    assert rig.sees(room, doctor) == seen
    await rig.pass_time(GRACE)
    assert rig.recorded(room).participants[patient.participant].place is Place.ADMITTED
    assert not [line for line in rig.store.audit if line.act == "disconnected"]


async def test_a_failure_is_on_record_and_counted() -> None:
    """The audit has a line without a person for each failure, as soon as the store takes it."""
    rig = Rig()
    room, *_ = await consultation(rig)
    rig.engine.fail_room(rig.live(room).number)
    rig.deliver()
    assert rig.counts.seen["room_failures", "room"] == 1
    rig.store.failing = "before"
    await rig.service.repair()
    rig.store.failing = None
    await rig.service.repair()
    await rig.service.repair()
    lines = [line for line in rig.store.audit if line.act == "media_failed"]
    assert [(line.actor, line.role, line.target, line.outcome) for line in lines] == [
        ("bridge", "system", None, "restarted")
    ]


async def test_a_room_that_fails_all_the_time_does_not_fill_the_audit() -> None:
    """Twenty failures at once are written down, and then one a minute; all are counted."""
    rig = Rig()
    room, *_ = await consultation(rig)
    for _ in range(50):
        rig.engine.fail_room(rig.live(room).number)
        rig.deliver()
    await rig.service.repair()
    assert len([line for line in rig.store.audit if line.act == "media_failed"]) == 20
    assert rig.counts.seen["room_failures", "room"] == 50


async def test_another_room_notices_nothing() -> None:
    """No socket, leg, gate or plan of another room is touched."""
    rig = Rig()
    room, *_ = await consultation(rig)
    other, doctor, patient = await consultation(rig)
    before = rig.live(other).plan, rig.live(other).number, dict(rig.engine.legs)
    told = len(doctor.connection.sent), len(patient.connection.sent)
    rig.engine.fail_room(rig.live(room).number)
    rig.deliver()
    await rig.service.repair()
    assert (rig.live(other).plan, rig.live(other).number) == before[:2]
    assert rig.engine.legs.items() <= before[2].items()
    assert len(rig.engine.legs) == 2
    assert (len(doctor.connection.sent), len(patient.connection.sent)) == told
    assert doctor.connection.bye is patient.connection.bye is None


async def test_what_the_engine_said_before_it_failed_is_about_nobody() -> None:
    """A leg that was added while the failure was on its way is taken back; old speakers change nothing."""
    rig = Rig()
    room, doctor, patient = await consultation(rig)
    number, leg = rig.live(room).number, rig.leg(room, doctor)
    rig.engine.fail_room(number)
    rig.engine.events.append(Speakers(room=number, legs=[leg]))
    await rig.lose(patient)
    await rig.join(patient)
    new = rig.engine
    await rig.offer(patient, sdp=None)
    rig.deliver()
    assert new.legs == {}
    assert rig.live(room).speakers == []


class ShardedModel(GateModel):
    """Two shards, one of which may have stopped."""

    def shard_of(self, room: int) -> int:
        """Even rooms on one, odd ones on the other."""
        return room % 2


async def test_rooms_of_a_stopped_shard_go_on_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody there comes back, to a shard that lives; new rooms are made on no other."""
    monkeypatch.setattr(Rig, "make_engine", lambda rig: ShardedModel(rig.log))
    rig = Rig()
    rooms = [await consultation(rig) for _ in range(4)]
    numbers = [rig.live(room).number for room, *_ in rooms]
    stopped = numbers[0] % 2
    rig.legs.handle_event(ShardStopped(shard=stopped, place=""), rig.clock.monotonic())
    for (room, doctor, patient), number in zip(rooms, numbers, strict=True):
        was_there = number % 2 == stopped
        assert (doctor.connection.bye is Code.RESTARTING) is was_there
        assert (patient.connection.bye is Code.RESTARTING) is was_there
        assert rig.live(room).number % 2 != stopped
        assert was_there or rig.live(room).number == number
    for _ in range(4):
        assert rig.live(await rig.open_room()).number % 2 != stopped
    assert rig.counts.seen["room_failures", "shard"] == sum(number % 2 == stopped for number in numbers)


async def test_a_leg_on_a_stopped_shard_is_not_taken_back_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that has stopped has no legs: the command is not tried again with every turn."""
    rig = Rig()
    room, doctor, _patient = await consultation(rig)

    def stopped(_command: object) -> None:
        raise EngineError("stopped", "the shard has stopped")

    monkeypatch.setattr(rig.engine, "submit", stopped)
    heard: list[object] = []
    monkeypatch.setattr(rig.legs, "_on_event", heard.append)
    rig.legs.close(rig.leg(room, doctor))
    first = len(heard)
    rig.legs.handle_timeout(rig.clock.monotonic())
    assert LegDelayed(rig.leg(room, doctor), "engine_stopped") in heard
    assert len(heard) == first


@asynccontextmanager
async def real_rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Rig, Engine, asyncio.Event]]:
    """The use cases on the compiled engine; the event is set when a room has failed."""
    engine, failed = Engine("127.0.0.1", 0, 1, drills=True), asyncio.Event()
    monkeypatch.setattr(Rig, "make_engine", lambda _rig: engine)
    rig = Rig()

    def hear(event: Event) -> None:
        rig.legs.handle_event(event, rig.clock.monotonic())
        if isinstance(event, RoomFailed):
            failed.set()

    engine.listen(asyncio.get_running_loop(), hear)
    try:
        yield rig, engine, failed
    finally:
        engine.stop()


async def enter_both(rig: Rig) -> tuple[RoomId, Page, Page]:
    """A room with two who are admitted, by an engine that speaks for itself."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=2))
    return room, doctor, patient


async def test_the_shipped_engine_fails_in_one_room_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill on the compiled engine: goodbye and audit for one room, legs and gates of the other as they were."""
    async with real_rig(monkeypatch) as (rig, engine, failed):
        room, doctor, patient = await enter_both(rig)
        other, *others = await enter_both(rig)
        engine.submit(Panic(room=rig.live(room).number))
        async with asyncio.timeout(10):
            await failed.wait()
        await rig.service.repair()
        assert [page.connection.bye for page in (doctor, patient, *others)] == [
            *[Code.RESTARTING] * 2,
            *[None] * 2,
        ]
        assert [line.act for line in rig.store.audit][-1] == "media_failed"
        left = engine.snapshot().legs
        assert set(left["leg"].tolist()) == {rig.leg(other, page) for page in others}
        assert left["gate_open"].tolist() == [1, 1]
        await come_back(rig, doctor, patient)
        back = engine.snapshot().legs
        mine = back[np.isin(back["leg"], [rig.leg(room, page) for page in (doctor, patient)])]
        assert (len(back), mine["gate_open"].tolist()) == (4, [1, 1])
