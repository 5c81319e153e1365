"""Names, signs and lines of text as they are laid over pictures; what was drawn once is kept.

Texts are people's names: they are in no error and no log. Roboto has Latin, Greek and Cyrillic letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from transcode.layout import Place

_SMALLEST_PX: Final = 10
_LONGEST: Final = 200
_WHITE: Final = 235
# What is left of the picture below a caption, in 256ths.
_SHADE: Final = 90
_CLEAR: Final = 256
_LABEL_SHARE: Final = 14
_LEAST_LABEL_PX: Final = 18
BAND_SHARE: Final = 10
_LINE_SHARE: Final = 9
# Of the height of a common line.
_HEADING: Final = 2.0
_BELOW: Final = 1.3


@dataclass(frozen=True, eq=False)
class Caption:
    """Luma over a picture from `x`, `y` on: what was there times `keep` / 256, and `add`; both height x width."""

    x: int
    y: int
    keep: NDArray[np.uint16]
    add: NDArray[np.uint16]


def label(name: str, place: Place, *, muted: bool) -> Caption | None:
    """Name and sign for muted in the lower left corner of a tile; None where there is nothing to say."""
    if not name and not muted:
        return None
    height = min(max(_LEAST_LABEL_PX, place.height // _LABEL_SHARE), place.height)
    ink = _one_line(name[:_LONGEST], height, place.width, muted=muted)
    return _caption(ink, place.x, place.y + place.height - ink.shape[0], _SHADE)


def announcement(lines: Sequence[str], width: int, height: int) -> list[Caption]:
    """Lines in the middle of an empty picture: a heading, what belongs to it, and smaller after an empty line."""
    first = lines.index("") if "" in lines else len(lines)
    shares = [_HEADING if n == 0 else _BELOW if n < first else 1.0 for n in range(len(lines))]
    step = height / max(_LINE_SHARE, sum(shares) + 2)
    top = (height - step * sum(shares)) / 2
    captions = []
    for line, share in zip(lines, shares, strict=True):
        if line:
            captions.append(_centred(line, width, round(top), round(step * share)))
        top += step * share
    return captions


def band(lines: Sequence[str], width: int, top: int, height: int) -> list[Caption]:
    """Lines on a band across a picture."""
    step = height // max(len(lines), 1)
    return [_centred(line, width, top + n * step, step) for n, line in enumerate(lines) if line]


def _centred(text: str, width: int, top: int, height: int) -> Caption:
    ink = _one_line(text[:_LONGEST], max(height, 1), width, muted=False)
    return _caption(ink, (width - ink.shape[1]) // 2, top, _CLEAR)


def _caption(ink: NDArray[np.uint8], x: int, y: int, shade: int) -> Caption:
    cover = ink.astype(np.uint16)
    return Caption(x, y, (255 - cover) * shade // 255, cover * _WHITE // 255)


@lru_cache(maxsize=512)
def _one_line(text: str, height: int, most: int, *, muted: bool) -> NDArray[np.uint8]:
    """Draw a line of `height` pixels, shortened to `most`, as how much ink covers each pixel."""
    font = _font(max(_SMALLEST_PX, height * 7 // 10))
    pad = height // 3
    sign = height if muted else 0
    while text and font.getlength(text) > most - 2 * pad - sign:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""  # noqa: PLR2004 - a letter and the dots
    width = min(most, round(font.getlength(text)) + 2 * pad + sign)
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    if muted:
        _draw_muted(draw, pad // 2, height)
    draw.text((pad + sign, height // 2), text, fill=255, font=font, anchor="lm")
    return np.asarray(image)


def _draw_muted(draw: ImageDraw.ImageDraw, left: int, size: int) -> None:
    """Draw a microphone that is struck through."""
    unit, line = size / 16, max(1, size // 12)
    middle = left + 8 * unit
    draw.rounded_rectangle((middle - 2 * unit, 2 * unit, middle + 2 * unit, 9 * unit), 2 * unit, fill=255)
    draw.arc((middle - 4 * unit, 3 * unit, middle + 4 * unit, 11.5 * unit), 0, 180, fill=255, width=line)
    draw.line((middle, 11.5 * unit, middle, 14 * unit), fill=255, width=line)
    draw.line((middle - 5 * unit, 2 * unit, middle + 5 * unit, 14 * unit), fill=255, width=line)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(files("font_roboto") / "files" / "Roboto-Regular.ttf"), size)
