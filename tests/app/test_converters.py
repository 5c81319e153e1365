"""Converters come with who needs them and go with the last of these; nobody is in them who is not in the room."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.app.feeds.converters import CALM_S, RETRY_S, Converters
from bridge.app.feeds.planner import Present
from bridge.app.feeds.racks import ROOM, Allotment, allot
from bridge.app.feeds.serving import How, Served, Why, serve
from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.reconcile import reconcile
from bridge.rooms.model import (
    ParticipantId,
    Place,
)
from media.api import Demand, RoomFailed, Wanted
from media.converters import ConverterLegs
from media.description import CAMERA, MIC
from tests.app.fakes import Clock, Counts, GateModel, Later, ModelLeg, WorkerPool
from tests.app.legs import source
from tests.app.people import Described, empty_room, participant
from tests.app.test_planner_fills_slots import browser
from tests.app.test_serving import ALL, h264, replace_formats, room_system, rooms, telephone
from transcode import jobs as t


class House:
    """One room on a model of the engine, with converters on a pool that does nothing."""

    def __init__(self) -> None:
        self.engine, self.pool, self.counts = GateModel([]), WorkerPool(), Counts()
        self.clock = Clock()
        self.later = Later(self.clock)
        self.converters = Converters(
            self.pool,
            ConverterLegs(self.engine),
            self.clock,
            self.counts,
            self.later,
        )
        self.converters.ready = lambda _room: self.reconcile()
        self.people: dict[int, tuple[Present, Place, bool]] = {}
        self.live = LiveRoom(empty_room(), 7)

    def description(self, leg: int) -> Described:
        """As `Legs` has it."""
        return Described(self.people[leg][0])

    def put(self, people: Mapping[int, tuple[Present, Place, bool]]) -> None:
        """Let these be there, each with their place and whether they are connected."""
        for leg in set(self.people) - set(people):
            self.engine._remove(leg)
        for leg, (what, _, _) in people.items():
            sources, slots = ({one.source: one for one in what.sources}, {one.slot: one for one in what.slots})
            known = self.engine.legs.setdefault(leg, ModelLeg(7, sources, slots, ""))
            known.sources, known.slots = sources, slots
        self.people = dict(people)
        everybody = (
            participant(leg, place, connected=connected, sharing=what.sharing, camera=what.camera)
            for leg, (what, place, connected) in people.items()
        )
        participants = {one.id: one for one in everybody}
        self.live.room = replace(self.live.room, participants=participants)
        legs = {
            ParticipantId(str(leg)): MediaLeg(leg, together=what.composed) for leg, (what, _, _) in people.items()
        }
        self.live.legs = {who: self.live.legs.get(who, media) for who, media in legs.items()}

    def reconcile(self) -> None:
        """Bring the engine in line."""
        reconcile(self.live, self.engine, self, self.converters)

    async def settle(self) -> None:
        """Bring all in line, and let converters start."""
        self.reconcile()
        while due := self.later.due():
            for make in due:
                await make()

    @property
    def inside(self) -> set[int]:
        """The legs of those who may send."""
        return {leg for leg, (_, place, connected) in self.people.items() if place is Place.ADMITTED and connected}

    def jobs_of(self, kind: type[t.Job]) -> list[t.Job]:
        """The jobs of one kind."""
        return [job for job in self.pool.jobs.values() if isinstance(job, kind)]


def inside(*legs: Present) -> dict[int, tuple[Present, Place, bool]]:
    """All of them are in."""
    return {one.leg: (one, Place.ADMITTED, True) for one in legs}


async def test_a_telephone_is_served_and_what_serves_it_goes_with_it() -> None:
    """A mix for it, its own sound for the pages; when it has gone, nothing is left."""
    house = House()
    house.put(inside(browser(1), browser(2), telephone(3)))
    await house.settle()
    (mix,) = house.jobs_of(t.Mix)
    assert isinstance(mix, t.Mix)
    assert sorted((out.format.codec, len(out.of)) for out in mix.outs) == [("opus", 1), ("pcma", 2)]
    machine = mix.id
    assert house.engine.legs[machine].gate
    assert {source for source, _ in house.engine.reaching(3)} == {machine}
    assert {source for source, _ in house.engine.reaching(1)} == {2, machine}
    assert house.live.served[3, 0].why is Why.SEVERAL
    assert house.engine.reaching(machine) == {(1, MIC), (2, MIC), (3, MIC)}
    house.put(inside(browser(1), browser(2)))
    await house.settle()
    assert not house.pool.jobs
    assert set(house.engine.legs) == {1, 2}


async def test_who_comes_and_goes_disturbs_no_stream_of_others() -> None:
    """A mix stays at its place in the converter, and is told of the new voice."""
    house = House()
    house.put(inside(browser(1), browser(2), telephone(3)))
    await house.settle()
    before = house.engine.legs[3].feeds
    house.put(inside(browser(1), browser(2), browser(4), telephone(3)))
    await house.settle()
    assert house.engine.legs[3].feeds == before
    (mix,) = house.jobs_of(t.Mix)
    assert isinstance(mix, t.Mix)
    assert max(len(out.of) for out in mix.outs) == 3


async def test_a_room_system_gets_one_picture_at_the_rate_that_its_link_carries() -> None:
    """Names are on it, and the engine's demand goes to the job."""
    house = House()
    house.put(inside(browser(1), browser(2), room_system(3)))
    await house.settle()
    pictures = [job for job in house.jobs_of(t.Compose) if isinstance(job, t.Compose)]
    composed = next(job for job in pictures if len(job.outs[0].scene.tiles) == 2)
    assert {tile.name for tile in composed.outs[0].scene.tiles} == {"Person 1", "Person 2"}
    ssrc = composed.outs[0].ssrc
    wanted = [Wanted(active=True, max_bitrate=300_000)]
    house.converters.handle_event(Demand(leg=composed.id, source=0, encodings=wanted))
    assert house.pool.rates == {(composed.id, ssrc): 300_000}


async def test_who_wants_one_picture_is_forwarded_who_spoke_last() -> None:
    """Nothing is composed then; the sound of all is mixed as before."""
    house = House()
    camera = replace_formats(source(CAMERA, "h264"), h264(0x1F))
    pages = [replace(browser(leg), sources=(source(MIC, "opus"), camera)) for leg in (1, 2)]
    house.put(inside(*pages, room_system(3)))
    await house.settle()
    assert house.live.served[3, 1].how is How.COMPOSE
    house.live.legs[ParticipantId("3")].together = False
    house.live.speakers = [2]
    await house.settle()
    assert house.live.served[3, 1] == Served(How.FORWARD, Why.FITS, (2, CAMERA))
    assert house.live.served[3, 0].how is How.MIX
    assert all(len(job.outs[0].scene.tiles) == 1 for job in house.jobs_of(t.Compose)), "what it sends is converted"
    house.live.legs[ParticipantId("3")].together = True
    await house.settle()
    assert house.live.served[3, 1].how is How.COMPOSE


async def test_processors_that_are_short_cost_size_then_the_picture_and_come_back() -> None:
    """Sound goes on all the time."""
    house = House()
    house.put(inside(browser(1), browser(2), room_system(3)))
    await house.settle()
    size = lambda: max((job.outs[0].width for job in house.jobs_of(t.Compose)), default=0)  # noqa: E731
    full, some = size(), next(iter(house.jobs_of(t.Compose)))
    short = t.Overloaded(job=some.id, load=1.0, late_ms_max=90.0)
    house.converters.handle_worker(short)
    await house.settle()
    assert 0 < size() < full
    assert house.converters.is_short(house.live.number)
    await _wait(house, 6)
    house.converters.handle_worker(short)
    await house.settle()
    assert all(len(job.outs[0].scene.tiles) == 1 for job in house.jobs_of(t.Compose))
    assert len(house.jobs_of(t.Mix)) == 1
    assert (house.live.served[3, 1].how, house.live.served[3, 1].why) == (How.CONVERT, Why.SHORT)
    calm = t.Figures(load=0.1, late_ms_max=0.0, jobs=())
    for _ in range(2):
        await _wait(house, CALM_S + 1)
        house.converters.handle_worker(calm)
        await house.settle()
    assert size() == full
    assert not house.converters.is_short(house.live.number)


async def test_a_converter_that_fails_is_replaced_after_a_while() -> None:
    """Meanwhile the room goes on, and a port is not lost."""
    house = House()
    house.pool.failing = 1
    house.put(inside(browser(1), browser(2), telephone(3)))
    await house.settle()
    assert not house.pool.jobs
    assert not house.engine.ports
    assert house.engine.reaching(1) == {(2, MIC), (2, 1)}
    await _wait(house, RETRY_S)
    await house.settle()
    (mix,) = house.jobs_of(t.Mix)
    house.converters.handle_worker(t.Failed(job=mix.id, code="crashed"))
    assert mix.id not in house.engine.legs
    await _wait(house, 2 * RETRY_S)
    await house.settle()
    assert len(house.jobs_of(t.Mix)) == 1
    assert house.counts.seen["converter_failures", "crashed"] == 1


async def test_a_job_that_cannot_be_told_is_given_up_and_the_room_is_planned_all_the_same() -> None:
    """Gates move, and another converter is made."""
    house = House()
    house.put(inside(browser(1), browser(2), telephone(3)))
    await house.settle()
    house.pool.jobs.clear()
    house.put(inside(browser(1), browser(2), browser(4), telephone(3)))
    house.reconcile()
    assert house.engine.legs[4].gate
    await house.settle()
    await _wait(house, RETRY_S)
    await house.settle()
    assert len(house.jobs_of(t.Mix)) == 1
    assert house.counts.seen["converter_failures", "unknown_job"] == 1


async def test_a_room_that_fails_takes_its_converters_along() -> None:
    """Its jobs are stopped."""
    house = House()
    house.put(inside(browser(1), browser(2), telephone(3)))
    await house.settle()
    house.converters.handle_event(RoomFailed(room=7, legs=list(house.engine.legs), place=""))
    assert not house.pool.jobs


async def _wait(house: House, seconds: float) -> None:
    house.clock.seconds += seconds
    await asyncio.sleep(0)


STATES = st.tuples(st.sampled_from(list(Place)), st.booleans())


@st.composite
def histories(draw: st.DrawFn) -> list[dict[int, tuple[Present, Place, bool]]]:
    """Who is there and in which place, a few times in a row; a leg stays what it is."""
    known: dict[int, Present] = {}
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        present = [known.setdefault(one.leg, one) for one in draw(rooms())]
        steps.append({one.leg: (one, *draw(STATES)) for one in present})
    return steps


@settings(max_examples=60, deadline=None)
@given(histories())
def test_nobody_who_is_not_in_is_in_any_converter_or_hears_one(
    steps: list[dict[int, tuple[Present, Place, bool]]],
) -> None:
    """After every step: inputs and takers of converters are those of people who are in, and never one's own."""
    asyncio.run(_walk(steps))


async def _walk(steps: list[dict[int, tuple[Present, Place, bool]]]) -> None:
    house = House()
    for people in steps:
        house.put(people)
        house.reconcile()
        hold(house)
        await house.settle()
        hold(house)
    house.put({})
    await house.settle()
    assert not house.pool.jobs
    assert not house.engine.legs


def hold(house: House) -> None:
    """Check the engine and the jobs against who is in."""
    machines = set(house.engine.legs) - set(house.people)
    assert house.engine.open_legs() <= house.inside | machines
    by_ssrc: dict[tuple[int, int], int] = {}
    for number in machines:
        leg = house.engine.legs[number]
        for slot, (sender, _) in leg.feeds.items():
            assert sender in house.inside
            by_ssrc[number, leg.slots[slot].ssrc] = sender
    for person in house.inside:
        for machine, made in house.engine.reaching(person):
            if machine in machines:
                assert person not in {by_ssrc[machine, ssrc] for ssrc in _of(house, machine, made)}
    for number, job in house.pool.jobs.items():
        if number in machines:
            assert {one.ssrc for one in job.inputs} <= {ssrc for machine, ssrc in by_ssrc if machine == number}


def _of(house: House, machine: int, source: int) -> set[int]:
    """The SSRCs of what is in something that a converter makes."""
    job = house.pool.jobs[machine]
    ssrc = house.engine.legs[machine].sources[source].encodings[0].ssrc
    if isinstance(job, t.Mix):
        return {one for out in job.outs if out.ssrc == ssrc for one in out.of}
    tiles = (tile for out in job.outs if out.ssrc == ssrc for tile in out.scene.tiles)
    return {tile.input for tile in tiles if tile.input is not None}


@settings(max_examples=60)
@given(rooms(), rooms())
def test_what_goes_on_being_made_keeps_its_place(first: list[Present], second: list[Present]) -> None:
    """Seats and inputs of those who stay are the same, none is given twice, and no rack is too full."""
    new = count(1)
    before = allot(serve(first, [], {}, ALL).slots, Allotment(), new)
    slots = serve(second, [], {}, ALL).slots
    after = allot(slots, before, new)
    wants = {place: served.want for place, served in slots.items() if served.want is not None}
    assert after.seats.keys() == wants.keys()
    for place, (number, out) in after.seats.items():
        rack = after.racks[number]
        assert rack.outs[out] == wants[place]
        assert set(wants[place].of) <= set(rack.inputs.values())
    for number, rack in after.racks.items():
        most_in, most_out = ROOM[rack.kind]
        assert max(rack.inputs) < most_in
        assert max(rack.outs) < most_out
        assert len(set(rack.inputs.values())) == len(rack.inputs)
        had = before.racks[number].inputs if number in before.racks else {}
        kept = {key: slot for slot, key in had.items()}
        assert all(kept.get(key, slot) == slot for slot, key in rack.inputs.items())
    made = {want: (number, out) for number, rack in before.racks.items() for out, want in rack.outs.items()}
    assert all(made.get(wants[place], seat) == seat for place, seat in after.seats.items())
    assert allot(slots, after, new) == after
