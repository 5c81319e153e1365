"""What is written over pictures: names in the scripts that patients have, in the place where they belong."""

import av
import numpy as np
import pytest

from transcode import scripts
from transcode.canvas import Canvas
from transcode.codec import luma
from transcode.jobs import Scene, Tile
from transcode.layout import fit, places

NAMES = {
    "Latin": "Ingrid Ærø",
    "Cyrillic": "Олена Шевченко",
    "Arabic": "محمد الأحمد",
    "Persian": "فاطمه پورحسینی",
    "Urdu": "ڈاکٹر عائشہ",
    "Ethiopic": "ሰላም ተስፋዬ",
    "Thai": "สมชาย ใจดี",
    "Tamil": "செல்வி குமார்",
    "Hebrew": "אברהם כהן",
    "Devanagari": "नेहा शर्मा",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_every_letter_of_a_name_has_a_shape_of_its_own(name: str) -> None:
    """None is the box that stands for what a font does not have."""
    for text, font in scripts.runs(name, 30):
        box = bytes(font.getmask("\U0010fffd"))
        assert all(bytes(font.getmask(letter)) != box for letter in text if not letter.isspace())


def test_letters_are_joined_and_read_from_the_right_where_that_is_so() -> None:
    """Lam and alef become one letter; what is said first stands on the right."""
    ((joined, font),) = scripts.runs("لا", 30)
    assert font.getlength(joined) < 0.9 * sum(font.getlength(letter) for letter in joined)
    assert [text.strip() for text, _ in scripts.runs("محمد Ali", 30)] == ["Ali", "محمد"]
    assert [text.strip() for text, _ in scripts.runs("Ali محمد", 30)] == ["Ali", "محمد"]


def test_a_name_stands_on_its_picture_and_the_same_however_often_it_is_painted() -> None:
    """Of a tall picture, which is narrower than the name; it covers some of what is beside."""
    canvas = Canvas(Scene(tiles=(Tile(input=1, name="Hans Christian Wergeland"), Tile(input=2))), 640, 480)
    picture = av.VideoFrame.from_ndarray(np.full((480, 120, 3), 120, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    canvas.paint(0, picture)
    first = luma(canvas.frame).copy()
    canvas.paint(0, picture)
    assert np.array_equal(first, luma(canvas.frame))
    seen = fit((120, 480), places("grid", 2, 640, 480)[0])
    bright = (first[:, :320] > 180).any(axis=0).nonzero()[0]
    assert seen.x <= bright.min() < seen.x + 20
    assert bright.max() > seen.x + seen.width


def test_somebody_is_seen_where_no_picture_is_yet_and_not_any_more_when_it_comes() -> None:
    """Nothing shines through."""
    canvas = Canvas(Scene(tiles=(Tile(input=None), Tile(input=2))), 640, 480)
    empty = luma(canvas.frame)[:, 320:].copy()
    assert len(np.unique(empty[230:250])) > 2
    canvas.paint(
        1, av.VideoFrame.from_ndarray(np.full((480, 320), 99, np.uint8), format="gray").reformat(format="yuv420p")
    )
    assert len(np.unique(luma(canvas.frame)[:, 320:])) == 1


def test_a_row_that_is_not_full_stands_in_the_middle() -> None:
    """Three: two above, one below."""
    *above, below = places("grid", 3, 1280, 720)
    assert [place.x for place in above] == [0, 640]
    assert below == (320, 360, 640, 360)
