"""Composed pictures: each tile shows whose it should, told by the pictures' own codes; the clock is the test's."""

from typing import Any

import numpy as np
import pytest

from tests.transcode.peers import Camera, Screen, Stand, picture_format
from transcode.errors import BadJob
from transcode.jobs import Compose, Layout, PictureIn, PictureOut, Scene, Tile
from transcode.layout import fit, places
from transcode.pictures import read_picture

WIDTH, HEIGHT, OUT = 1024, 768, 21
VP8 = picture_format("vp8")


def compose(scene: Scene, people: int = 4, **more: Any) -> Compose:
    """A job with one out, and inputs of so many people."""
    inputs = tuple(PictureIn(ssrc=10 + n, formats=(VP8,)) for n in range(people))
    out = PictureOut(
        ssrc=OUT, format=picture_format("h264"), width=WIDTH, height=HEIGHT, scene=scene, bitrate=4_000_000, **more
    )
    return Compose(id=1, peer=9, inputs=inputs, outs=(out,))


def tiles(*people: int) -> tuple[Tile, ...]:
    """Tiles of these people, without names."""
    return tuple(Tile(input=10 + n) for n in people)


def identities(screen: Screen, layout: Layout, count: int) -> list[int | None]:
    """Whose code is in each place of a layout: those of people are 30 more than their numbers."""
    found = []
    for place in places(layout, count, WIDTH, HEIGHT):
        x, y, width, height = fit((320, 240), place)
        reading = read_picture(screen.last[y : y + height, x : x + width])
        found.append(reading and reading.identity - 30)
    return found


def begin(scene: Scene, people: int = 4, **more: Any) -> tuple[Stand, list[Camera]]:
    """A job at work, and cameras that nobody has sent of yet."""
    stand = Stand(compose(scene, people, **more))
    stand.outs[OUT] = Screen("h264")
    return stand, [Camera(30 + n, 10 + n, "vp8") for n in range(people)]


def play(stand: Stand, cameras: list[Camera], pictures: int = 4) -> None:
    """Every camera sends so many pictures, one after the other."""
    for _ in range(pictures):
        for one in cameras:
            stand.pass_time(0.04 / len(cameras), *one.packets())
    # What came last may be waiting for the next turn of the rate.
    stand.pass_time(0.1)


@pytest.mark.parametrize(("layout", "shown"), [("grid", 4), ("speaker", 4), ("content", 4), ("beside", 2)])
def test_each_tile_shows_whose_it_should(layout: Layout, shown: int) -> None:
    """Four people in another order than their inputs; side by side there is room for two."""
    stand, cameras = begin(Scene(layout=layout, tiles=tiles(2, 0, 3, 1)))
    play(stand, cameras)
    assert identities(stand.outs[OUT], layout, 4) == [2, 0, 3, 1][:shown]


def test_nobody_is_shown_outside_of_the_scene() -> None:
    """Inputs that no tile names are not seen."""
    stand, cameras = begin(Scene(tiles=tiles(1, 3)))
    play(stand, cameras)
    assert identities(stand.outs[OUT], "grid", 2) == [1, 3]


def test_who_is_in_changes_at_once_without_a_key_frame_or_a_gap() -> None:
    """A tile more, then another layout, which shows the last pictures before new ones come."""
    stand, cameras = begin(Scene(tiles=tiles(0, 1)))
    screen = stand.outs[OUT]
    play(stand, cameras[:2])
    stand.job.change(compose(Scene(tiles=tiles(0, 1, 2))))
    play(stand, cameras[:3])
    assert identities(screen, "grid", 3) == [0, 1, 2]
    stand.job.change(compose(Scene(layout="speaker", tiles=tiles(2, 0))))
    stand.pass_time(0.05)
    assert identities(screen, "speaker", 2) == [2, 0]
    assert screen.keys == 1


def test_one_who_stops_is_still_seen_and_the_others_move() -> None:
    """The last picture stays."""
    stand, cameras = begin(Scene(tiles=tiles(0, 1)))
    play(stand, cameras[:2])
    before = len(stand.outs[OUT].readings)
    play(stand, cameras[:1], 5)
    assert identities(stand.outs[OUT], "grid", 2) == [0, 1]
    assert len(stand.outs[OUT].readings) - before >= 5


def test_the_first_paces_and_small_pictures_wait_no_longer_than_a_picture_lasts() -> None:
    """The large picture goes out at once, a small one with the next large one or after a thirtieth of a second."""
    stand, cameras = begin(Scene(layout="speaker", tiles=tiles(0, 1)))
    play(stand, cameras[:2])
    figures = stand.job.figures()
    assert figures.delay_ms_max <= 1000 / 30 + 1
    sent = len(stand.outs[OUT].readings)
    stand.pass_time(0.001, *cameras[0].packets())
    assert len(stand.outs[OUT].readings) == sent + 1
    stand.pass_time(0.02, *cameras[1].packets())
    assert len(stand.outs[OUT].readings) == sent + 1
    stand.pass_time(0.034)
    assert len(stand.outs[OUT].readings) == sent + 2


def test_nothing_needs_to_be_looked_at_between_two_pictures_unless_somebody_asks_for_a_key_frame() -> None:
    """Until a little before the next one's turn."""
    stand, cameras = begin(Scene(tiles=tiles(0, 1)))
    play(stand, cameras[:2])
    stand.pass_time(0.001, *cameras[0].packets())
    rest = stand.job.rests_until(stand.now) - stand.now
    assert 0 < rest < 1 / 30
    stand.job.want_key_frame(OUT)
    assert stand.job.rests_until(stand.now) < stand.now


def test_names_and_signs_for_muted_are_written_over_the_right_tile() -> None:
    """Something bright in the lower part of each tile, wider for a name than for a sign."""
    plain = last(Scene(tiles=tiles(0, 1)))
    named = last(Scene(tiles=(Tile(input=10, name="Ingrid Ærø"), Tile(input=11, muted=True))))
    differs = np.abs(plain.astype(int) - named) > 60
    left, right = places("grid", 2, WIDTH, HEIGHT)
    for place, wide in ((left, 60), (right, 10)):
        columns = differs[:, place.x : place.x + place.width].any(axis=0).nonzero()[0]
        rows = differs[:, place.x : place.x + place.width].any(axis=1).nonzero()[0]
        assert rows.min() > HEIGHT * 0.85
        assert wide < np.ptp(columns) < place.width * 0.8


def last(scene: Scene) -> np.ndarray:
    """The luma of a scene without pictures."""
    stand, _ = begin(scene)
    stand.pass_time(0.1)
    return stand.outs[OUT].last


def test_an_announcement_is_a_picture_of_text_that_is_sent_anew_each_second() -> None:
    """Without inputs; its text can be changed."""
    stand, _ = begin(Scene(text=("Vent litt", "Legen slipper deg snart inn")))
    screen = stand.outs[OUT]
    stand.pass_time(3.5)
    assert 4 <= len(screen.readings) <= 5
    bright = (screen.last > 180).mean()
    assert 0.005 < bright < 0.2
    stand.job.change(compose(Scene(text=("Takk",))))
    stand.pass_time(0.1)
    assert (screen.last > 180).mean() < bright / 2


def test_a_line_of_text_stands_below_the_pictures() -> None:
    """Pictures make room for it and stay whole."""
    stand, cameras = begin(Scene(layout="beside", tiles=tiles(0, 1), text=("Rommet er låst",)))
    play(stand, cameras[:2])
    below = stand.outs[OUT].last[HEIGHT * 9 // 10 :]
    assert (below > 180).any()
    half = WIDTH // 2
    shown = stand.outs[OUT].last[: HEIGHT - HEIGHT // 10 // 2 * 2]
    x, y, width, height = fit((320, 240), places("beside", 2, WIDTH, shown.shape[0])[0])
    assert read_picture(shown[y : y + height, x : x + width]).identity == 30
    assert half == places("beside", 2, WIDTH, HEIGHT)[1].x


def test_names_are_in_no_repr() -> None:
    """They are personal data, and jobs end up in errors."""
    job = compose(Scene(tiles=(Tile(input=10, name="Ingrid"),), text=("Ingrid venter",)))
    assert "Ingrid" not in repr(job)


@pytest.mark.parametrize(
    "scene", [Scene(tiles=tiles(77)), Scene(tiles=tiles(*range(4)) * 5)], ids=["unknown input", "too many tiles"]
)
def test_a_scene_that_cannot_be_is_refused_and_changes_nothing(scene: Scene) -> None:
    """What was shown before goes on."""
    stand, cameras = begin(Scene(tiles=tiles(0, 1)))
    with pytest.raises(BadJob):
        stand.job.change(compose(scene))
    play(stand, cameras[:2])
    assert identities(stand.outs[OUT], "grid", 2) == [0, 1]


@pytest.mark.parametrize("layout", ["grid", "speaker", "beside", "content"])
def test_places_lie_inside_the_picture_and_beside_each_other(layout: Layout) -> None:
    """For any number of tiles; all numbers even."""
    for count in range(1, 17):
        covered = np.zeros((720, 1280), int)
        for x, y, width, height in places(layout, count, 1280, 720):
            assert x % 2 == y % 2 == width % 2 == height % 2 == 0
            assert width > 0
            assert height > 0
            assert x >= 0
            assert y >= 0
            covered[y : y + height, x : x + width] += 1
            assert x + width <= 1280
            assert y + height <= 720
        assert covered.max() == 1
