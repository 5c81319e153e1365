"""What holds of every plan, for up to 50 people with any devices, through any history of comings and goings."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.app.feeds.planner import NO_PLAN, Plan, Present, plan
from media.description import CAMERA, CONTENT, MIC, Slot
from tests.app.fakes import fits_slot
from tests.app.legs import slot, source

AUDIO = st.lists(st.sampled_from(["opus", "pcmu"]), min_size=1, max_size=2, unique=True)
VIDEO = st.lists(st.sampled_from(["vp8", "h264"]), min_size=1, max_size=2, unique=True)
LEGS = st.integers(1, 50)
FLAGS = st.booleans()


@st.composite
def any_leg(draw: st.DrawFn, leg: int) -> Present:
    """A leg of any devices: sources missing, slots of all codecs in any order."""
    drawn = [source(MIC, *draw(AUDIO)), source(CAMERA, *draw(VIDEO)), source(CONTENT, *draw(VIDEO))]
    sources = tuple(one for one in drawn if draw(st.integers(0, 4)))
    kinds = draw(st.lists(st.sampled_from(["audio", "video", "content"]), max_size=7))
    slots: list[Slot] = []
    for number, kind in enumerate(kinds):
        codecs = draw(AUDIO if kind == "audio" else VIDEO)
        slots.append(slot(number, "audio" if kind == "audio" else "video", *codecs))
    return Present(
        leg=leg,
        sources=sources,
        slots=tuple(slots),
        content_slots=frozenset(number for number, kind in enumerate(kinds) if kind == "content"),
        sharing=draw(FLAGS),
        pinned=draw(st.none() | LEGS),
    )


@st.composite
def any_room(draw: st.DrawFn) -> list[Present]:
    """Up to 12 legs of any kind; size is not what makes odd devices hard."""
    return [draw(any_leg(leg)) for leg in sorted(draw(st.sets(LEGS, max_size=12)))]


def browser(leg: int, people: int, pinned: int | None = None) -> Present:
    """A browser: as many audio as video slots, alike, and a content slot."""
    ears = [slot(n, "audio") for n in range(people)]
    eyes = [slot(people + n, "video") for n in range(people + 1)]
    everything = (source(MIC), source(CAMERA), source(CONTENT))
    return Present(
        leg=leg,
        sources=everything,
        slots=(*ears, *eyes),
        content_slots=frozenset({2 * people}),
        pinned=pinned,
    )


@st.composite
def browsers(draw: st.DrawFn) -> list[Present]:
    """Up to 50 browsers with few slots each."""
    people = draw(st.integers(1, 8))
    legs = draw(st.sets(LEGS, min_size=1, max_size=50))
    return [browser(leg, people, draw(st.none() | st.sampled_from(sorted(legs)))) for leg in sorted(legs)]


SPEAKERS = st.lists(LEGS, max_size=6, unique=True)


def check(found: Plan, present: list[Present]) -> None:
    """Hold a plan against everything that must be true of it whatever came before."""
    here = {one.leg: one for one in present}
    by_receiver: dict[int, list[tuple[int, int]]] = {}
    for (leg, number), (sender, index) in found.items():
        assert leg in here
        assert sender in here
        assert leg != sender
        receiver = here[leg]
        into = next(one for one in receiver.slots if one.slot == number)
        what = next(one for one in here[sender].sources if one.source == index)
        assert fits_slot(what, into)
        assert (number in receiver.content_slots) == (index == CONTENT)
        assert index != CONTENT or here[sender].sharing
        by_receiver.setdefault(leg, []).append((sender, index))
    for sources in by_receiver.values():
        assert len(sources) == len(set(sources))


@given(any_room(), any_room(), SPEAKERS, SPEAKERS)
def test_every_plan_is_sound_whatever_came_before(
    first: list[Present], second: list[Present], spoke: list[int], speak: list[int]
) -> None:
    """Only the present send and receive, nobody gets themselves, kinds and codecs fit, no source comes twice."""
    before = plan(first, spoke)
    check(before, first)
    check(plan(second, speak, before), second)


@given(any_room(), any_room(), SPEAKERS)
def test_planning_again_changes_nothing(first: list[Present], second: list[Present], spoke: list[int]) -> None:
    """The same people and the same speakers give the same plan, so the engine is not asked twice."""
    once = plan(second, spoke, plan(first, []))
    assert plan(second, spoke, once) == once


@given(any_room(), SPEAKERS)
def test_no_slot_stays_empty_that_somebody_left_out_could_fill(present: list[Present], spoke: list[int]) -> None:
    """A free slot means that no source fits it which the receiver does not have already."""
    found = plan(present, spoke)
    for receiver in present:
        has = {key for (leg, _), key in found.items() if leg == receiver.leg}
        free = [one for one in receiver.slots if (receiver.leg, one.slot) not in found]
        for sender in present:
            for what in sender.sources:
                if sender.leg == receiver.leg or (sender.leg, what.source) in has:
                    continue
                if what.source == CONTENT and not sender.sharing:
                    continue
                for into in free:
                    content = into.slot in receiver.content_slots
                    assert content != (what.source == CONTENT) or not fits_slot(what, into)


@given(browsers(), st.data())
def test_whoever_stays_shown_does_not_move(present: list[Present], data: st.DataObject) -> None:
    """Through joins, leaves, pins and speech, a source that is still shown to somebody is still in its slot."""
    found: Plan = NO_PLAN
    people = len([one for one in present[0].slots if one.kind == "audio"])
    for _ in range(data.draw(st.integers(1, 5))):
        gone = data.draw(st.sets(LEGS, max_size=5))
        now = [one for one in present if one.leg not in gone]
        if data.draw(FLAGS) and now:
            now = [replace(now[0], pinned=data.draw(LEGS)), *now[1:]]
        before, found = found, plan(now, data.draw(SPEAKERS), found)
        check(found, now)
        places = {(leg, key): number for (leg, number), key in found.items()}
        for (leg, number), key in before.items():
            assert places.get((leg, key), number) == number
        for one in now:
            shown = [key for (leg, _), key in found.items() if leg == one.leg]
            others = len(now) - 1
            assert len(shown) == 2 * min(people, others)
            check_pin(one, now, found)
            check_beside(one, people, found)


def check_pin(receiver: Present, now: list[Present], found: Plan) -> None:
    """Hold that whom somebody has pinned, and who is there, is shown to them."""
    if receiver.pinned in {one.leg for one in now} - {receiver.leg}:
        shown = {key for (leg, _), key in found.items() if leg == receiver.leg}
        assert {(receiver.pinned, MIC), (receiver.pinned, CAMERA)} <= shown


def check_beside(receiver: Present, people: int, found: Plan) -> None:
    """Hold that everybody's picture is in the slot of the same position as their sound."""
    for position in range(people):
        sound = found.get((receiver.leg, position))
        picture = found.get((receiver.leg, people + position))
        assert (sound and sound[0]) == (picture and picture[0])


@given(browsers(), SPEAKERS)
def test_the_latest_speakers_are_shown(present: list[Present], spoke: list[int]) -> None:
    """In the slots that the pinned one leaves, those who spoke last come before all others."""
    found = plan(present, spoke)
    here = {one.leg for one in present}
    for receiver in present:
        pinned = [receiver.pinned] if receiver.pinned in here else []
        ranked = list(dict.fromkeys([*pinned, *(leg for leg in spoke if leg in here)]))
        people = sum(one.kind == "audio" for one in receiver.slots)
        wanted = [leg for leg in ranked if leg != receiver.leg][:people]
        heard = {key[0] for (leg, _), key in found.items() if leg == receiver.leg and key[1] == MIC}
        assert set(wanted) <= heard
