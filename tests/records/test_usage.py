"""Conferences: when there were two or more, by what lines and for how long; nobody's id or name."""

from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.records.stays import stays
from bridge.records.usage import GAP, Conference, conferences
from bridge.rooms import commands as c
from bridge.rooms.model import Line
from tests.rooms.rig import START, Consultation, person, pid

MINUTE = timedelta(minutes=1)


class Day(Consultation):
    """A consultation whose clock a test moves by minutes."""

    def passes(self, minutes: float) -> None:
        """Let time pass."""
        self.now += minutes * MINUTE


def over(room: Day) -> list[Conference]:
    """Give the conferences that are over in an hour."""
    return conferences(room.record, room.now + timedelta(hours=1))


def begun() -> Day:
    """Give a room in which the doctor has been alone for ten minutes."""
    room = Day()
    room.create()
    room.enter_host("doctor")
    room.passes(10)
    return room


def test_a_conference_is_when_two_are_there() -> None:
    """The doctor's waiting alone is none of it; its lines and their minutes are."""
    room = begun()
    room.arrive("patient", "relative")
    room.passes(5)
    room.admit("patient")
    start = room.now
    room.passes(20)
    room.drop("relative")
    room.happens(room.calling("relative", Line.TELEPHONE))
    room.admit("relative")
    room.passes(10)
    room.happens(c.End(by=person("doctor")))
    (found,) = over(room)
    assert (found.number, found.start, found.end) == (1, start, start + 30 * MINUTE)
    assert (found.participants, found.most, found.seconds) == (3, 3, 1800)
    lines = {use.line: (use.participants, use.seconds) for use in found.lines}
    assert lines == {Line.BROWSER: (2, 3600), Line.TELEPHONE: (1, 600)}


def test_a_short_break_is_part_of_it_and_a_long_one_ends_it() -> None:
    """A lost line does not make two conferences of one; a patient an hour later does."""
    room = begun()
    room.arrive("patient")
    room.admit("patient")
    start = room.now
    room.passes(5)
    room.drop("patient")
    room.passes(0.5)
    room.come_back("patient")
    room.passes(5)
    room.happens(c.Leave(by=person("patient")))
    end = room.now
    room.passes(60)
    room.arrive("next")
    room.admit("next")
    room.passes(15)
    room.happens(c.Leave(by=person("next")))
    first, second = over(room)
    assert (first.number, first.start, first.end) == (1, start, end)
    assert (second.number, second.participants, second.seconds) == (2, 2, 900)


def test_it_is_told_when_it_is_over() -> None:
    """Not while it lasts, nor as long as somebody may come back to it."""
    room = begun()
    room.arrive("patient")
    room.admit("patient")
    room.passes(5)
    assert over(room) == []
    room.happens(c.Leave(by=person("patient")))
    assert conferences(room.record, room.now + GAP / 2) == []
    assert len(conferences(room.record, room.now + GAP)) == 1


def test_nobody_who_waits_takes_part() -> None:
    """A room in which nobody was let in had no conference."""
    room = begun()
    room.arrive("patient")
    room.passes(30)
    room.happens(c.End(by=person("doctor")))
    assert over(room) == []


def test_no_person_is_in_it() -> None:
    """Neither a name nor an id of anybody."""
    room = begun()
    room.arrive("patient")
    room.admit("patient")
    room.passes(1)
    room.happens(c.End(by=person("doctor")))
    (found,) = over(room)
    assert pid("patient") not in str(asdict(found))
    assert set(asdict(found)) == {"number", "start", "end", "participants", "most", "lines"}


STEPS = st.lists(st.tuples(st.sampled_from(["in", "out", "lost", "back"]), st.integers(0, 3), st.integers(0, 200)))


@given(STEPS)
def test_however_they_come_and_go_the_sums_agree(steps: list[tuple[str, int, int]]) -> None:
    """Conferences lie apart, in order, within the room's time; nobody is counted longer than they were there."""
    room = begun()
    for what, number, seconds in steps:
        room.now += timedelta(seconds=seconds)
        name = f"guest{number}"
        known = room.room is not None and pid(name) in room.room.participants
        if what == "in" and not known:
            room.arrive(name)
            room.do(c.Admit(by=person("doctor"), participant=pid(name)))
        elif what == "out" and known:
            room.do(c.Leave(by=person(name)))
        elif what == "lost" and known and room.of(name).connection is not None:
            room.drop(name)
        elif what == "back" and known:
            room.come_back(name)
    room.happens(c.End(by=person("doctor")))
    found = over(room)
    for before, after in pairwise(found):
        assert after.start - before.end >= GAP
    there = sum((end - start for stay in stays(room.record) for start, end in stay.ended_periods()), timedelta())
    counted = sum(use.seconds for one in found for use in one.lines)
    assert counted <= there.total_seconds()
    for one in found:
        assert START <= one.start <= one.end <= room.now
        assert 2 <= one.most <= one.participants
        assert all(use.seconds <= use.participants * one.seconds for use in one.lines)
