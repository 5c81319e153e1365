"""Moving pictures that say who sent them, and that still say so after compression and scaling.

The picture holds two rows of twelve black or white cells near its lower edge:

    row 0:  1 0  i5 i4 i3 i2 i1 i0 pi c7  0 1
    row 1:  0 1  c6 c5 c4 c3 c2 c1 c0 pc  1 0

`i` is the identity, `c` the frame counter modulo 256, `pi` and `pc` make each of them odd in parity. The
cells at both ends are fixed; they give black and white levels, and tell a code from any other picture. All
positions are fractions of the picture's size. In pages, `tests/support/browser_media.js` does the same.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from transcode.errors import PictureTooSmall

Picture = NDArray[np.uint8]

IDENTITIES: Final = 64
COUNTERS: Final = 256
MIN_WIDTH: Final = 96
MIN_HEIGHT: Final = 64

COLUMNS: Final = 12
CODE_LEFT: Final = 0.04
CODE_WIDTH: Final = 0.92
CODE_TOP: Final = 0.72
CELL_HEIGHT: Final = 0.12

_WHITE: Final = 245
_BLACK: Final = 10
_MARKERS: Final = (((0, 1), (1, 0), (10, 0), (11, 1)), ((0, 0), (1, 1), (10, 1), (11, 0)))
_CONTRAST_MIN: Final = 60.0
# A cell nearer to the threshold than this share of the contrast is a blend of two pictures, or no cell.
_DOUBT: Final = 0.2
_GOLDEN: Final = 0.618034
_BAR_WIDTH: Final = 0.06
_LUMA: Final = np.array([0.299, 0.587, 0.114])

# Digits, 3 wide and 5 high, one number a row.
_DIGITS: Final = (
    (7, 5, 5, 5, 7),
    (2, 6, 2, 2, 7),
    (7, 1, 7, 4, 7),
    (7, 1, 7, 1, 7),
    (5, 5, 7, 1, 1),
    (7, 4, 7, 1, 7),
    (7, 4, 7, 5, 7),
    (7, 1, 2, 2, 2),
    (7, 5, 7, 5, 7),
    (7, 5, 7, 1, 7),
)


@dataclass(frozen=True)
class PictureReading:
    """What a picture says of itself: sender's identity (0 to 63) and frame counter (0 to 255)."""

    identity: int
    counter: int


class TestPicture:
    """The camera of a synthetic participant: a still figure before a hue of their own, and a moving bar.

    Sizes are in pixels and even, as 4:2:0 sampling wants them. Raises `ValueError` on an odd size or an
    identity out of range, `PictureTooSmall` below 96 x 64.
    """

    __test__: ClassVar[bool] = False  # the name must not make pytest collect it

    def __init__(self, identity: int, width: int = 320, height: int = 240) -> None:
        if not 0 <= identity < IDENTITIES:
            raise ValueError(f"identity must be 0 to {IDENTITIES - 1}")
        if width % 2 or height % 2:
            raise ValueError("width and height must be even")
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            raise PictureTooSmall(f"at least {MIN_WIDTH} x {MIN_HEIGHT} is needed")
        self.identity = identity
        self.width = width
        self.height = height
        self._still = _still(identity, width, height)

    def frame(self, index: int) -> Picture:
        """Draw picture number `index`: RGB, uint8, height x width x 3. Its counter is `index` modulo 256."""
        picture = self._still.copy()
        _draw_bar(picture, index)
        for row, column, bit in _cells(self.identity, index % COUNTERS):
            top, bottom, left, right = _cell_box(row, column, self.height, self.width)
            picture[top:bottom, left:right] = _WHITE if bit else _BLACK
        return picture


def read_picture(picture: Picture) -> PictureReading | None:
    """Read identity and counter, or None where there is no intact code.

    Takes RGB (height x width x 3) or luma alone (height x width), uint8, at any size.
    Nothing is read from a picture whose cells are not clearly black or white.
    """
    if picture.ndim not in (2, 3) or picture.shape[1] < COLUMNS * 4 or picture.shape[0] < COLUMNS * 2:
        return None
    levels = _levels(picture)
    white = min(levels[row, column] for row in (0, 1) for column, bit in _MARKERS[row] if bit)
    black = max(levels[row, column] for row in (0, 1) for column, bit in _MARKERS[row] if not bit)
    if white - black < _CONTRAST_MIN:
        return None
    distance = levels - (white + black) / 2
    if np.abs(distance).min() < _DOUBT * (white - black):
        return None
    return _parse(distance > 0)


def _parity(value: int) -> int:
    """Bit that makes the number of ones odd, so that all black is never valid."""
    return 1 - value.bit_count() % 2


def _cells(identity: int, counter: int) -> Iterator[tuple[int, int, int]]:
    """Row, column and value of every cell."""
    upper = identity << 2 | _parity(identity) << 1 | counter >> 7
    lower = (counter & 0x7F) << 1 | _parity(counter)
    for row, byte in enumerate((upper, lower)):
        for column, bit in _MARKERS[row]:
            yield row, column, bit
        for position in range(8):
            yield row, 2 + position, byte >> (7 - position) & 1


def _parse(bits: NDArray[np.bool_]) -> PictureReading | None:
    upper, lower = (int("".join("01"[int(bit)] for bit in row[2:10]), 2) for row in bits)
    identity = upper >> 2
    counter = (upper & 1) << 7 | lower >> 1
    if upper >> 1 & 1 != _parity(identity) or lower & 1 != _parity(counter):
        return None
    return PictureReading(identity, counter)


def _cell_box(row: int, column: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a cell in pixels."""
    top = round(height * (CODE_TOP + row * CELL_HEIGHT))
    bottom = round(height * (CODE_TOP + (row + 1) * CELL_HEIGHT))
    left = round(width * (CODE_LEFT + column * CODE_WIDTH / COLUMNS))
    right = round(width * (CODE_LEFT + (column + 1) * CODE_WIDTH / COLUMNS))
    return top, bottom, left, right


def _levels(picture: Picture) -> NDArray[np.float64]:
    """Mean luma of the middle half of each cell, 2 x 12: edges blur in compression and scaling."""
    height, width = picture.shape[:2]
    levels = np.empty((2, COLUMNS))
    for row in (0, 1):
        for column in range(COLUMNS):
            top, bottom, left, right = _cell_box(row, column, height, width)
            y, x = (bottom - top) // 4, (right - left) // 4
            cell = picture[top + y : bottom - y, left + x : right - x]
            levels[row, column] = cell.mean() if cell.ndim == 2 else cell.mean(axis=(0, 1)) @ _LUMA  # noqa: PLR2004
    return levels


def _still(identity: int, width: int, height: int) -> Picture:
    """Draw the unmoving part: a gradient, head and shoulders, and the identity in digits."""
    hue = identity * _GOLDEN % 1.0
    y, x = np.mgrid[0:height, 0:width]
    y, x = y / height, x / width
    light = (0.85 - 0.45 * y)[..., None]
    picture = np.array(colorsys.hsv_to_rgb(hue, 0.6, 1.0)) * light
    aspect = width / height
    head = ((x - 0.5) * aspect / 0.13) ** 2 + ((y - 0.28) / 0.16) ** 2 < 1
    shoulders = ((x - 0.5) * aspect / 0.3) ** 2 + ((y - 0.74) / 0.27) ** 2 < 1
    picture[shoulders & (y < CODE_TOP)] = colorsys.hsv_to_rgb((hue + 0.5) % 1.0, 0.55, 0.45)
    picture[head] = colorsys.hsv_to_rgb((hue + 0.5) % 1.0, 0.35, 0.75)
    _draw_number(picture, identity)
    still: Picture = (picture * 255).astype(np.uint8)
    return still


def _draw_number(picture: NDArray[np.float64], number: int) -> None:
    """Write the number into the upper left corner."""
    size = max(1, picture.shape[0] // 40)
    for place, digit in enumerate(str(number)):
        for line, dots in enumerate(_DIGITS[int(digit)]):
            for dot in range(3):
                if dots >> (2 - dot) & 1:
                    top, left = size * (2 + line), size * (2 + dot + 4 * place)
                    picture[top : top + size, left : left + size] = 1.0


def _draw_bar(picture: Picture, index: int) -> None:
    """Brighten an upright bar that walks from left to right in 64 pictures."""
    height, width = picture.shape[:2]
    left = round(width * (index % 64) / 64 * (1 - _BAR_WIDTH))
    bar = picture[: round(height * 0.68), left : left + round(width * _BAR_WIDTH)]
    bar[:] = bar // 2 + 110
