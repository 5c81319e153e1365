"""Pictures name their sender and their number, also after scaling and noise; other pictures name nobody."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcode.errors import PictureTooSmall
from transcode.pictures import PictureReading, TestPicture, read_picture

PICTURES = {identity: TestPicture(identity) for identity in (0, 1, 21, 42, 63)}


def scaled(picture: NDArray[np.uint8], width: int, height: int) -> Any:
    """Give the picture at another size."""
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(width, height).to_ndarray(format="rgb24")


@pytest.mark.parametrize("identity", range(64))
def test_every_identity_reads_back(identity: int) -> None:
    """Each of the 64 identities is read from its own picture, at counters that set and clear every bit."""
    picture = TestPicture(identity, 160, 120)
    for index in (0, 85, 170, 255):
        assert read_picture(picture.frame(index)) == PictureReading(identity, index)


@given(identity=st.sampled_from(sorted(PICTURES)), index=st.integers(0, 10_000_000))
@settings(max_examples=60, deadline=None)
def test_the_counter_is_the_index_modulo_256(identity: int, index: int) -> None:
    """The counter that is read is the picture's index modulo 256."""
    assert read_picture(PICTURES[identity].frame(index)) == PictureReading(identity, index % 256)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (160, 120), (96, 72), (426, 240), (1280, 720)])
def test_scaling_keeps_the_code(width: int, height: int) -> None:
    """The code survives scaling up, down, and to other proportions."""
    assert read_picture(scaled(PICTURES[42].frame(77), width, height)) == PictureReading(42, 77)


def test_luma_alone_is_enough() -> None:
    """The luma plane gives the same reading as RGB."""
    frame = av.VideoFrame.from_ndarray(PICTURES[21].frame(200), format="rgb24").reformat(format="gray")
    grey: Any = frame.to_ndarray()
    assert read_picture(grey) == PictureReading(21, 200)


def test_noise_does_not_change_a_reading() -> None:
    """Strong noise on each pixel leaves the reading as it was."""
    noise = np.random.default_rng(1).integers(-60, 60, (240, 320, 3))
    noisy = np.clip(PICTURES[21].frame(9).astype(np.int64) + noise, 0, 255).astype(np.uint8)
    assert read_picture(noisy) == PictureReading(21, 9)


@pytest.mark.parametrize("level", [0, 16, 128, 235, 255])
def test_plain_pictures_name_nobody(level: int) -> None:
    """Black, grey and white pictures, as a muted camera sends, have no reading."""
    assert read_picture(np.full((240, 320, 3), level, np.uint8)) is None


def test_random_pictures_name_nobody() -> None:
    """No picture of random pixels or of random blocks is taken for a code."""
    random = np.random.default_rng(2)
    for _ in range(100):
        blocks = random.integers(0, 2, (20, 24), np.uint8) * 255
        assert read_picture(random.integers(0, 256, (120, 160, 3), np.uint8)) is None
        assert read_picture(np.kron(blocks, np.ones((6, 6), np.uint8))) is None


def test_one_flipped_cell_is_noticed() -> None:
    """Whichever of the 24 cells is inverted, the reading is refused."""
    whole = PICTURES[42].frame(99)
    for row in (0, 1):
        for column in range(12):
            damaged = whole.copy()
            x = round(320 * (0.04 + column * 0.92 / 12))
            y = round(240 * (0.72 + row * 0.12))
            damaged[y : y + 29, x : x + 25] = 255 - damaged[y : y + 29, x : x + 25]
            assert read_picture(damaged) is None


def test_a_blend_of_two_pictures_names_nobody() -> None:
    """Half of one sender over half of another is no reading of either."""
    blend = PICTURES[0].frame(3) // 2 + PICTURES[63].frame(3) // 2
    assert read_picture(blend) is None


def test_a_picture_of_no_size_is_refused() -> None:
    """Pictures too small to hold cells are refused, and never an error."""
    assert read_picture(np.zeros((4, 4, 3), np.uint8)) is None
    assert read_picture(np.zeros((0, 0), np.uint8)) is None
    assert read_picture(np.zeros(7, np.uint8)) is None


def test_the_picture_moves_and_each_identity_looks_different() -> None:
    """Consecutive pictures differ outside the code, and so do two senders' backgrounds."""
    upper = slice(0, 160)
    assert (PICTURES[1].frame(0)[upper] != PICTURES[1].frame(1)[upper]).any()
    assert np.abs(PICTURES[0].frame(0)[upper].astype(int) - PICTURES[1].frame(0)[upper]).mean() > 20


def test_impossible_pictures_are_refused() -> None:
    """Identities, odd sizes and sizes out of range are errors at once."""
    for identity in (-1, 64):
        with pytest.raises(ValueError, match="identity"):
            TestPicture(identity)
    with pytest.raises(ValueError, match="even"):
        TestPicture(0, 321, 240)
    with pytest.raises(PictureTooSmall):
        TestPicture(0, 64, 48)
