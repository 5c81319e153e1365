"""How slots are served: examples, and what holds whoever is there."""

from dataclasses import replace
from typing import TypeVar

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.app.feeds.jobs import size_of
from bridge.app.feeds.planner import NO_PLAN, Present, plan
from bridge.app.feeds.serving import How, Means, Served, Serving, Why, makeable, serve
from media.description import CAMERA, CONTENT, MIC, Format, Slot, Source
from tests.app.legs import slot, source
from tests.app.test_planner_fills_slots import browser

Stream = TypeVar("Stream", Source, Slot)
ALL = Means(sound=True, pictures=True)
SHORT = Means(sound=True, pictures=True, together=False)


def h264(level: int = 0x1F, mode: int = 0) -> Format:
    """H.264 as room systems have it."""
    return Format(pt=96, codec="h264", clock_rate=90_000, packetization_mode=mode, profile=0x42E000 | level)


def telephone(leg: int, codec: str = "pcma") -> Present:
    """Sound both ways, and nothing else."""
    return Present(leg=leg, sources=(source(MIC, codec),), slots=(slot(0, "audio", codec),), composed=True)


def room_system(leg: int, codec: str = "opus", level: int = 0x1F) -> Present:
    """One slot each for sound and pictures."""
    camera = replace_formats(source(CAMERA, "h264"), h264(level))
    screen = replace_formats(slot(1, "video", "h264"), h264(level))
    return Present(
        leg=leg,
        sources=(source(MIC, codec), camera),
        slots=(slot(0, "audio", codec), screen),
        composed=True,
    )


def replace_formats(of: Stream, *formats: Format) -> Stream:
    """The same in other formats."""
    return msgspec.structs.replace(of, formats=formats)


def test_a_telephone_hears_all_others_and_each_of_them_hears_it() -> None:
    """A mix of all but itself; and what it sends is made into the pages' codec once for both."""
    found = serve([browser(1), browser(2), telephone(3)], [], NO_PLAN, ALL).slots
    mixed = found[3, 0]
    assert (mixed.how, mixed.why) == (How.MIX, Why.SEVERAL)
    assert mixed.want is not None
    assert mixed.want.of == ((1, MIC), (2, MIC))
    assert mixed.want.form.codec == "pcma"
    heard = [one for place, one in found.items() if place[0] in (1, 2) and one.want is not None]
    assert [one.how for one in heard] == [How.CONVERT, How.CONVERT]
    assert heard[0].want == heard[1].want
    assert heard[0].want is not None
    assert heard[0].want.of == ((3, MIC),)
    assert heard[0].want.form.codec == "opus"


def test_alone_with_one_of_its_codec_a_telephone_is_forwarded() -> None:
    """Nothing is made where there is one other, whose sound fits."""
    found = serve([telephone(1), telephone(2)], [], NO_PLAN, ALL)
    assert found.slots == {
        (1, 0): Served(How.FORWARD, Why.FITS, (2, MIC)),
        (2, 0): Served(How.FORWARD, Why.FITS, (1, MIC)),
    }
    other = serve([telephone(1), telephone(2, "g722")], [], NO_PLAN, ALL).slots[1, 0]
    assert (other.how, other.why, other.source) == (How.CONVERT, Why.CODEC, None)


def test_a_room_system_sees_everybody_in_one_picture() -> None:
    """Whoever spoke last is large; nobody sees themselves."""
    found = serve([browser(1), browser(2), room_system(3)], [2], NO_PLAN, ALL).slots[3, 1]
    assert (found.how, found.why) == (How.COMPOSE, Why.SEVERAL)
    assert found.want is not None
    assert found.want.of == ((1, CAMERA), (2, CAMERA))
    assert found.want.large == (2, CAMERA)


def test_content_is_large_for_who_has_no_slot_for_it() -> None:
    """It is shown beside the people."""
    want = serve([browser(1, sharing=True), room_system(3)], [], NO_PLAN, ALL).slots[3, 1].want
    assert want is not None
    assert want.of == ((1, CAMERA), (1, CONTENT))
    assert want.large == (1, CONTENT)


def with_content(leg: int) -> Present:
    """A room system with a second picture each way."""
    plain = room_system(leg)
    slides = replace_formats(source(CONTENT, "h264"), h264())
    screen = replace_formats(slot(2, "video", "h264"), h264())
    return replace(
        plain, sources=(*plain.sources, slides), slots=(*plain.slots, screen), content_slots=frozenset({2})
    )


def test_who_has_a_slot_for_content_has_it_there_and_the_people_in_the_other() -> None:
    """Each as it is, or made into what the slot takes."""
    sharing = replace(with_content(1), sharing=True)
    found = serve([sharing, browser(2), with_content(3)], [], NO_PLAN, ALL).slots
    assert (found[3, 2].how, found[3, 2].source) == (How.FORWARD, (1, CONTENT))
    assert found[3, 1].want is not None
    assert found[3, 1].want.of == ((1, CAMERA), (2, CAMERA))
    made = serve([with_content(1), replace(browser(2), sharing=True)], [], NO_PLAN, ALL).slots[1, 2]
    assert made.want is not None
    assert (made.how, made.want.of) == (How.CONVERT, ((2, CONTENT),))


def test_one_picture_without_a_slot_for_content_is_the_content() -> None:
    """Where everybody is not to be seen, where processors are short, and where no camera is on."""
    sharing = replace(with_content(1), sharing=True)
    for viewer, means in ((replace(room_system(3), composed=False), ALL), (room_system(3), SHORT)):
        found = serve([sharing, browser(2), viewer], [2], NO_PLAN, means).slots[3, 1]
        assert (found.how, found.source, found.want) == (How.FORWARD, (1, CONTENT), None)
    alone = serve([replace(sharing, camera=False), room_system(3)], [], NO_PLAN, ALL).slots[3, 1]
    assert (alone.how, alone.source) == (How.FORWARD, (1, CONTENT))
    # What cannot be had in anything that the slot takes is left out.
    page = replace(browser(1), sharing=True)
    assert (3, 1) not in serve([page, room_system(3)], [], NO_PLAN).slots


def test_a_camera_that_is_off_takes_no_place_in_the_picture() -> None:
    """With one left, that one is all that is shown."""
    present = [browser(1), replace(browser(2), camera=False), room_system(3)]
    found = serve(present, [1], NO_PLAN, ALL).slots[3, 1]
    assert found.how is How.CONVERT
    assert found.want is not None
    assert found.want.of == ((1, CAMERA),)


def test_where_processors_are_short_who_spoke_last_is_forwarded_and_sound_is_mixed() -> None:
    """Of those whose pictures fit."""
    fitting = [replace(browser(leg), sources=(source(MIC), room_system(9).sources[1])) for leg in (1, 2)]
    found = serve([*fitting, room_system(3)], [2], NO_PLAN, SHORT).slots
    assert found[3, 1] == Served(How.FORWARD, Why.SHORT, (2, CAMERA))
    assert found[3, 0].how is How.MIX


def both_codecs(leg: int) -> Present:
    """A page that has agreed on VP8 and on H.264, and sends the first."""
    camera = replace_formats(source(CAMERA), Format(pt=96, codec="vp8", clock_rate=90_000), h264(), h264(mode=1))
    return replace(browser(leg), sources=(source(MIC), camera))


def test_one_picture_is_forwarded_as_soon_as_it_comes_in_what_the_slot_takes() -> None:
    """While the page sends VP8 it is converted; when it has been asked for H.264, that is waited for."""
    page, hall = both_codecs(1), room_system(2)
    place = (2, 1)
    before = serve([page, hall], [], NO_PLAN, ALL).slots[place]
    assert (before.how, before.why, before.source) == (How.CONVERT, Why.CODEC, (1, CAMERA))
    asked = serve([replace(page, asked={CAMERA: "h264"}), hall], [], NO_PLAN, ALL).slots[place]
    assert asked == Served(How.FORWARD, Why.ASKED, (1, CAMERA))
    other = serve([replace(page, asked={CAMERA: "vp8"}), hall], [], NO_PLAN, ALL).slots[place]
    assert other.how is How.CONVERT
    after = serve([replace(page, sending={CAMERA: "h264"}), hall], [], NO_PLAN, ALL).slots[place]
    assert after == Served(How.FORWARD, Why.ASKED, (1, CAMERA))


def older(leg: int, lines: int = 288, interval: int = 1, codec: str = "h261") -> Present:
    """A room system that has nothing newer."""
    form = Format(pt=31, codec=codec, clock_rate=90_000, lines=lines, interval=interval)
    one = room_system(leg)
    camera, screen = replace_formats(one.sources[1], form), replace_formats(one.slots[1], form)
    return replace(one, sources=(one.sources[0], camera), slots=(one.slots[0], screen), composed=False)


def test_an_older_room_system_is_made_what_it_takes_and_is_seen_in_no_more_lines_than_it_sends() -> None:
    """In the next longer time between pictures that is made; nothing for one that takes hardly any."""
    found = serve([browser(1), older(2, 288, 3)], [], NO_PLAN, ALL).slots
    shown, seen = found[2, 1], next(one for place, one in found.items() if place[0] == 1 and one.want is not None)
    assert shown.how is seen.how is How.CONVERT
    assert shown.want is not None
    assert shown.want.form == Format(pt=0, codec="h261", clock_rate=90_000, lines=288, interval=4)
    assert size_of(shown.want, cheap=False) == (352, 288, 7)
    assert seen.want is not None
    assert size_of(seen.want, cheap=False) == (384, 288, 25)
    assert makeable(older(2, 288, 5).slots[1]) is None


def test_older_room_systems_see_each_other_as_they_are_if_one_takes_what_the_other_sends() -> None:
    """CIF is made smaller for who takes QCIF, and H.263 into H.261."""
    alike = serve([older(1), older(2)], [], NO_PLAN, ALL).slots
    assert {alike[1, 1].how, alike[2, 1].how} == {How.FORWARD}
    smaller = serve([older(1), older(2, 144)], [], NO_PLAN, ALL).slots
    assert (smaller[1, 1].how, smaller[2, 1].how) == (How.FORWARD, How.CONVERT)
    assert smaller[2, 1].want is not None
    assert size_of(smaller[2, 1].want, cheap=False) == (176, 144, 25)
    other = serve([older(1), older(2, codec="h263")], [], NO_PLAN, ALL).slots
    assert {other[1, 1].how, other[2, 1].how} == {How.CONVERT}


def test_h264_is_made_as_constrained_baseline_of_the_slots_level() -> None:
    """What a decoder takes that says less than that is not made."""
    made = makeable(replace_formats(slot(0, "video", "h264"), h264(0x14, mode=1)))
    assert made is not None
    assert (made.packetization_mode, made.profile) == (0, 0x42E014)
    extended = Format(pt=96, codec="h264", clock_rate=90_000, profile=0x58001F)
    assert makeable(replace_formats(slot(0, "video", "h264"), extended)) is None


CODECS = st.sampled_from(["opus", "pcma", "pcmu", "g722"])
LEGS = st.integers(1, 30)


@st.composite
def anybody(draw: st.DrawFn, leg: int) -> Present:
    """A page, a room system or a telephone."""
    made: Present = draw(
        st.sampled_from(
            [browser(leg), both_codecs(leg), room_system(leg, draw(CODECS), 0x0A), telephone(leg, draw(CODECS))]
        )
    )
    return replace(
        made,
        sharing=draw(st.booleans()),
        camera=draw(st.booleans()),
        pinned=draw(st.none() | LEGS),
        asked=draw(st.sampled_from([{}, {CAMERA: "vp8"}, {CAMERA: "h264"}])),
    )


@st.composite
def rooms(draw: st.DrawFn) -> list[Present]:
    """Up to nine of any kind."""
    return [draw(anybody(leg)) for leg in sorted(draw(st.sets(LEGS, max_size=9)))]


MEANS = st.builds(Means, sound=st.booleans(), pictures=st.booleans(), together=st.booleans())
SPEAKERS = st.lists(LEGS, max_size=6, unique=True)


def check(found: Serving, present: list[Present]) -> None:
    """Hold a serving against everything that must be true of it whatever came before."""
    here = {one.leg: one for one in present}
    for (leg, number), served in found.slots.items():
        into = next(one for one in here[leg].slots if one.slot == number)
        want = served.want
        of = [*(() if want is None else want.of), *(() if served.source is None else (served.source,))]
        assert of
        for sender, index in of:
            assert sender in here, "somebody who is not in"
            assert sender != leg, "somebody's own"
            what = next(one for one in here[sender].sources if one.source == index)
            assert what.kind == into.kind
            assert index != CONTENT or here[sender].sharing
        assert (served.how is How.FORWARD) == (want is None)
        if want is not None:
            assert any(form.takes(want.form) for form in into.formats)
            assert len(set(want.of)) == len(want.of)
            assert (want.how is How.CONVERT) == (len(want.of) == 1)


@settings(max_examples=60)
@given(rooms(), rooms(), SPEAKERS, MEANS)
def test_only_those_who_are_in_are_in_anything_that_is_made(
    first: list[Present], second: list[Present], spoke: list[int], means: Means
) -> None:
    """Whoever was there before: nothing that is made, mixed or shown has anybody in it who is not in."""
    before = serve(first, spoke, NO_PLAN, means)
    check(before, first)
    found = serve(second, spoke, before.plan, means)
    check(found, second)
    assert serve(second, spoke, found.plan, means).slots == found.slots


@settings(max_examples=40)
@given(rooms(), SPEAKERS)
def test_whoever_takes_sound_hears_all_others(present: list[Present], spoke: list[int]) -> None:
    """With converters nobody who has one slot for sound misses anybody, whatever their codecs."""
    found = serve(present, spoke, NO_PLAN, ALL).slots
    for receiver in present:
        if sum(one.kind == "audio" for one in receiver.slots) != 1:
            continue
        served = found.get((receiver.leg, 0))
        of = set() if served is None else set(served.want.of if served.want else [served.source])
        assert of == {(one.leg, MIC) for one in present if one.leg != receiver.leg}


@settings(max_examples=40)
@given(rooms(), SPEAKERS)
def test_without_means_everything_is_forwarded_as_planned(present: list[Present], spoke: list[int]) -> None:
    """Nothing is made where nothing can be."""
    found = serve(present, spoke)
    assert found.plan == plan(present, spoke)
    assert {place: one.source for place, one in found.slots.items()} == found.plan
    assert all(one.want is None for one in found.slots.values())
