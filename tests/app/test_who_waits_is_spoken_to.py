"""Whoever is not in hears and sees what is told to them and nothing else, be it before, between or afterwards."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.app.announcing import prompts
from bridge.app.announcing.announcer import LONGEST_S, SHOWN_S, Announcer
from bridge.app.announcing.prompts import Prompt
from bridge.app.announcing.recordings import Recordings
from bridge.app.calls.call_media import EveryLeg
from bridge.app.feeds.converters import Converters
from bridge.app.feeds.planner import Present
from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.reconcile import forget, reconcile
from bridge.rooms.model import (
    Line,
    ParticipantId,
    Place,
)
from media.api import EngineError, RoomFailed
from media.converters import ConverterLegs
from tests.app.fakes import Clock, Counts, GateModel, Later, ModelLeg, WorkerPool
from tests.app.people import Described, empty_room, participant
from tests.app.test_planner_fills_slots import browser
from tests.app.test_serving import room_system, telephone
from transcode import jobs as t
from transcode.speech import Recording

ROOM, SHARDS = 7, 3


class Engine(GateModel):
    """With several shards, and a look at who reaches whom after each command."""

    def __init__(self) -> None:
        super().__init__([])
        self.look = lambda: None

    def shard_of(self, room: int) -> int:
        """Where a room lives."""
        return room % SHARDS

    def submit(self, command: object) -> None:
        """Carry it out, and look."""
        super().submit(command)
        self.look()


class Spoken(Recordings):
    """A recording a prompt, which is its number over and over, a second long."""

    def of(self, prompt: Prompt) -> Recording:
        """Give it."""
        return Recording(bytes([list(Prompt).index(prompt)]) * 2_000, 1_000)


class House:
    """A room with a doctor at a page and callers, on models of engine and workers."""

    def __init__(self, people: dict[int, Present]) -> None:
        self.engine, self.pool, self.clock = Engine(), WorkerPool(), Clock()
        self.later = Later(self.clock)
        self.converters = Converters(self.pool, ConverterLegs(self.engine), self.clock, Counts(), self.later)
        self.announcer = Announcer(self, self.converters, Spoken(), self.later)
        self.converters.ready = self.announcer.ready
        self.people = people
        self.places: dict[int, Place | None] = dict.fromkeys(people)
        self.leaving: set[int] = set()
        self.live = LiveRoom(empty_room(), ROOM)
        self.numbers = iter(range(100, 10_000))
        for leg, what in people.items():
            sources, slots = {one.source: one for one in what.sources}, {one.slot: one for one in what.slots}
            self.engine.legs[leg] = ModelLeg(ROOM, sources, slots, "")
        self.engine.look = self.check

    # As the service.

    def description(self, leg: int) -> Described:
        """As `Legs` has it."""
        return Described(self.people[leg])

    def number_beside(self, number: int) -> int:
        """A number on the same shard."""
        return next(one for one in self.numbers if one % SHARDS == number % SHARDS)

    def plan_anew(self, number: int) -> None:
        """Plan the room."""
        if number == ROOM:
            self.bring_in_line(self.live)

    def bring_in_line(self, live: LiveRoom) -> None:
        """Bring the engine in line, later if it has no time."""
        try:
            reconcile(live, self.engine, self, self.converters)
        except EngineError:
            # Whose gate could not be closed yet is in until it can; nobody else is.
            legs = self.engine.legs
            self.leaving |= {leg for leg in self.people if legs[leg].gate and legs[leg].room == ROOM} - self.inside
            self.later(1, self.repair)

    async def repair(self) -> None:
        """Do it all again."""
        forget(self.live, self.converters)
        self.bring_in_line(self.live)

    # What happens.

    def put(self, leg: int, place: Place | None) -> None:
        """Let somebody be at a place, or at the desk."""
        self.places[leg] = place
        participants = [
            participant(
                one,
                where,
                connected=where is not Place.OUTSIDE,
                line=Line.BROWSER if one == 1 else Line.SIP,
            )
            for one, where in self.places.items()
            if where is not None
        ]
        self.live.room = replace(self.live.room, participants={one.id: one for one in participants})
        owner = ParticipantId(str(leg))
        if place not in {None, Place.OUTSIDE}:
            self.live.legs.setdefault(owner, MediaLeg(leg))
        self.bring_in_line(self.live)
        known = self.live.legs.get(owner)
        if place in {None, Place.OUTSIDE} and known is not None and known.gate_open is False:
            # A farewell is said on it, of which the room knows nothing more.
            del self.live.legs[owner]

    async def settle(self, seconds: int = 0) -> None:
        """Let converters start, and time pass."""
        for _ in range(seconds + 1):
            for _ in range(4):
                for make in self.later.due():
                    await make()
            self.clock.seconds += bool(seconds)

    def said(self) -> None:
        """Let all that is being played come to its end."""
        self.clock.seconds += 1
        said, self.pool.said = self.pool.said, []
        for job, ssrc, _, _ in said:
            self.converters.handle_worker(t.Said(job=job, ssrc=ssrc))

    # What is looked at.

    @property
    def inside(self) -> set[int]:
        """Who is in."""
        return {leg for leg, place in self.places.items() if place is Place.ADMITTED}

    def reaching(self, leg: int) -> set[int]:
        """Who reaches a leg, by way of converters as well."""
        found: set[int] = set()
        todo = [leg]
        while todo:
            new = {other for other, _ in self.engine.reaching(todo.pop())} - found
            found |= new
            todo += new
        return found - {leg}

    def check(self) -> None:
        """Nobody who is not in reaches anybody, is reached by anybody, or is in a room with anybody."""
        self.leaving = {leg for leg in self.leaving if self.engine.legs[leg].gate}
        inside = self.inside | self.leaving
        for leg in self.people:
            known = self.engine.legs[leg]
            if leg not in inside and known.gate:
                together = {other for other in self.people if self.engine.legs[other].room == known.room}
                assert (together, known.room == ROOM) == ({leg}, False), "the gate of who is not in is open"
            others = self.reaching(leg) & self.people.keys()
            assert leg in inside or not others, "who is not in hears or sees somebody"
            assert others <= inside, "who is not in is heard or seen"

    def hears(self, leg: int) -> list[Prompt]:
        """What is being said to a leg just now, by the mix that it gets."""
        sound = next(slot.slot for slot in self.people[leg].slots if slot.kind == "audio")
        feed = self.engine.legs[leg].feeds.get(sound)
        if feed is None or not self.engine.legs[leg].gate:
            return []
        ssrc = self.engine.legs[feed[0]].sources[feed[1]].encodings[0].ssrc
        return [list(Prompt)[sound[0]] for job, out, sound, _ in self.pool.said if (job, out) == (feed[0], ssrc)]

    def sees(self, leg: int) -> t.Scene | None:
        """What a leg is shown by a converter."""
        slot = next(slot.slot for slot in self.people[leg].slots if slot.kind == "video")
        feed = self.engine.legs[leg].feeds.get(slot)
        job = None if feed is None else self.pool.jobs.get(feed[0])
        if not isinstance(job, t.Compose) or not self.engine.legs[leg].gate:
            return None
        return next(out.scene for out in job.outs)


def house() -> House:
    """Return one with a doctor, a room system and a telephone."""
    made = House({1: browser(1), 2: room_system(2), 3: telephone(3)})
    made.put(1, Place.ADMITTED)
    return made


async def test_a_caller_is_told_on_the_way_in_and_on_the_way_out() -> None:
    """By voice and on the picture: alone until they are in, over the doctor's sound then, and alone after."""
    home = house()
    for leg in (2, 3):
        home.announcer.say(home.live, leg, Prompt.ENTER_PIN)
    await home.settle()
    assert [home.hears(leg) for leg in (2, 3)] == [[Prompt.ENTER_PIN]] * 2
    assert home.sees(2) == t.Scene(text=prompts.written(Prompt.ENTER_PIN).alone)
    home.put(2, Place.WAITING)
    home.announcer.say(home.live, 2, Prompt.WAITING)
    assert home.hears(2)[-1] is Prompt.WAITING
    assert home.sees(2) == t.Scene(text=prompts.written(Prompt.WAITING).alone)
    home.put(2, Place.ADMITTED)
    home.announcer.say(home.live, 2, Prompt.ADMITTED)
    await home.settle()
    assert home.hears(2) == [Prompt.ADMITTED]
    assert 1 in home.reaching(2)
    home.said()
    assert (1, 0) in home.engine.reaching(2)
    done: list[int] = []
    home.put(2, Place.OUTSIDE)
    home.announcer.say(home.live, 2, Prompt.REMOVED, lambda: done.append(2))
    await home.settle()
    assert home.hears(2) == [Prompt.REMOVED]
    assert home.sees(2) == t.Scene(text=prompts.written(Prompt.REMOVED).alone)
    assert done == []
    home.said()
    assert done == [2]


async def test_a_host_reads_and_hears_what_came_of_keys() -> None:
    """On a band below the others, for a while, and without anybody to be seen on a picture of its own."""
    home = house()
    home.put(2, Place.ADMITTED)
    home.announcer.say(home.live, 2, Prompt.LOCKED)
    await home.settle()
    assert home.hears(2) == [Prompt.LOCKED]
    scene = home.sees(2)
    assert scene is not None
    assert (len(scene.tiles), scene.text) == (1, prompts.written(Prompt.LOCKED).below)
    home.said()
    assert home.sees(2) == scene
    await home.settle(round(SHOWN_S) + 1)
    scene = home.sees(2)
    assert scene is not None
    assert scene.text == ()
    assert home.live.told == {}
    home.put(1, Place.WAITING)
    home.announcer.say(home.live, 2, Prompt.NOBODY_WAITS)
    await home.settle()
    assert home.sees(2) == t.Scene(text=prompts.written(Prompt.NOBODY_WAITS).alone)


async def test_where_no_worker_is_free_calls_go_on_all_the_same() -> None:
    """What was told is over after a while; what is said next is said as soon as it can be."""
    home = house()
    home.pool.failing = 2
    home.announcer.say(home.live, 2, Prompt.ENTER_PIN)
    await home.settle()
    assert (home.hears(2), home.sees(2)) == ([], None)
    home.put(2, Place.ADMITTED)
    home.announcer.say(home.live, 2, Prompt.ADMITTED)
    assert 1 in home.reaching(2)
    await home.settle(round(LONGEST_S) + 1)
    assert home.live.told == {}


async def test_nothing_is_left_of_who_has_gone() -> None:
    """Neither lobby nor converters nor ports."""
    home = house()
    for leg in (2, 3):
        home.announcer.say(home.live, leg, Prompt.ENTER_PIN)
    await home.settle()
    assert len(home.announcer) == len(home.live.lobbies) == 2
    for leg in (2, 3):
        home.announcer.gone(leg)
    await home.settle()
    assert (len(home.announcer), home.live.lobbies, home.pool.jobs) == (0, {}, {})
    assert home.engine.legs.keys() == {1, 2, 3}


ACTS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from([1, 2, 3, 4]), st.sampled_from([*Place, None])),
    st.tuples(st.just("say"), st.sampled_from([2, 3, 4]), st.sampled_from(list(Prompt))),
    st.tuples(st.just("busy"), st.integers(1, 6)),
    st.tuples(st.just("fail"), st.integers(1, 2)),
    st.tuples(st.just("said")),
    st.tuples(st.just("settle"), st.integers(0, 6)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTS, max_size=30))
@pytest.mark.asyncio
async def test_nobody_who_is_not_in_is_ever_with_anybody(acts: list[tuple[object, ...]]) -> None:
    """After each single command, whatever happens in whatever order, with an engine that is busy at any moment."""
    home = House({1: browser(1), 2: room_system(2), 3: telephone(3), 4: room_system(4)})
    for act in acts:
        match act:
            case ("put", int(leg), place):
                home.put(leg, place)
            case ("say", int(leg), Prompt() as prompt):
                home.announcer.say(home.live, leg, prompt)
            case ("busy", int(times)):
                home.engine.busy = times
            case ("fail", int(times)):
                home.pool.failing = times
            case ("settle", int(seconds)):
                await home.settle(seconds)
            case _:
                home.said()
    home.engine.busy = home.pool.failing = 0
    await home.settle(120)
    for leg in home.inside - {1}:
        assert home.reaching(leg) & home.people.keys() == home.inside - {leg}
    assert not [event for event in home.engine.events if getattr(event, "code", None) == "gate_open"]


class CallsDouble:
    """Legs of calls that are lost with their engine room."""

    def __init__(self, legs: set[int]) -> None:
        self.legs = legs

    def __contains__(self, leg: int) -> bool:
        """Whether it is there."""
        return leg in self.legs

    def handle_event(self, event: RoomFailed, _now: float) -> None:
        """Lose legs."""
        self.legs -= set(event.legs)


class LegsDouble:
    """Remembers what came after."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def handle_event(self, event: object, _now: float) -> None:
        """Remember it."""
        self.heard.append(event)


class CallersDouble:
    """Remembers whose calls are taken for lost."""

    def __init__(self) -> None:
        self.lost: list[int] = []

    def silent(self, leg: int) -> None:
        """Remember it."""
        self.lost.append(leg)


async def test_a_fault_in_a_lobby_ends_one_call_and_nothing_else() -> None:
    """Its caller may call again; the room and the others who wait go on."""
    home = house()
    for leg in (2, 3):
        home.announcer.say(home.live, leg, Prompt.ENTER_PIN)
    await home.settle()
    calls, legs, callers = CallsDouble({2, 3}), LegsDouble(), CallersDouble()
    every = EveryLeg(legs, calls, lambda: callers, lambda: home.announcer)
    number = home.live.lobbies[2].number
    home.engine.fail_room(number)
    del home.people[2]
    failed = home.engine.events[-1]
    home.converters.handle_event(failed)
    every.handle_event(failed, 0.0)
    assert (callers.lost, legs.heard) == ([2], [failed])
    assert home.live.lobbies.keys() == {3}
    home.bring_in_line(home.live)
    await home.settle()
    assert home.hears(3) == [Prompt.ENTER_PIN]
    assert len(home.pool.jobs) == 1


async def test_pictures_of_words_are_bounded_and_words_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes when there are as many as there may be hears what is told; who is in is shown it, too."""
    monkeypatch.setattr("bridge.app.feeds.converters.MOST_BEFORE_WORDS", 1)
    home = House({2: room_system(2), 4: room_system(4)})
    for leg in (2, 4):
        home.announcer.say(home.live, leg, Prompt.ENTER_PIN)
    await home.settle()
    home.bring_in_line(home.live)
    await home.settle()
    assert [home.hears(leg) for leg in (2, 4)] == [[Prompt.ENTER_PIN]] * 2
    assert [home.sees(leg) is not None for leg in (2, 4)] == [True, False]
    home.put(4, Place.ADMITTED)
    await home.settle()
    assert home.sees(4) == t.Scene(text=prompts.written(Prompt.IDLE).alone)
    home.put(4, Place.WAITING)
    await home.settle()
    assert home.sees(4) is None
    home.announcer.gone(2)
    home.bring_in_line(home.live)
    await home.settle()
    assert home.sees(4) is not None
