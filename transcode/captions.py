"""Names, signs and lines of text as they are laid over pictures; what was drawn once is kept.

Texts are people's names: they are in no error and no log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from transcode import scripts
from transcode.layout import Place

_SMALLEST_PX: Final = 10
_LONGEST: Final = 200
_WHITE: Final = 235
# What is left of the picture below a caption, in 256ths.
_SHADE: Final = 90
_CLEAR: Final = 256
_LABEL_SHARE: Final = 14
_LEAST_LABEL_PX: Final = 18
_FAINT: Final = 36
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


def label(name: str, place: Place, seen: Place, *, muted: bool) -> Caption | None:
    """Name and sign for muted in the lower left corner of what is seen in a tile; None where nothing is to say."""
    if not name and not muted:
        return None
    height = min(max(_LEAST_LABEL_PX, seen.height // _LABEL_SHARE), seen.height)
    ink = _one_line(name[:_LONGEST], height, place.x + place.width - seen.x, muted=muted)
    return _caption(ink, seen.x, seen.y + seen.height - ink.shape[0], _SHADE)


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
    size = max(_SMALLEST_PX, height * 7 // 10)
    pad = height // 3
    sign = height if muted else 0
    line = scripts.runs(text, size)
    while text and scripts.length(line) > most - 2 * pad - sign:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""  # noqa: PLR2004 - a letter and the dots
        line = scripts.runs(text, size)
    width = min(most, round(scripts.length(line)) + 2 * pad + sign)
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    if muted:
        _draw_muted(draw, pad // 2, height)
    above, below = scripts.font(size).getmetrics()
    scripts.draw(draw, pad + sign, (height + above - below) / 2, line)
    return np.asarray(image)


def _draw_muted(draw: ImageDraw.ImageDraw, left: int, size: int) -> None:
    """Draw a microphone that is struck through."""
    unit, line = size / 16, max(1, size // 12)
    middle = left + 8 * unit
    draw.rounded_rectangle((middle - 2 * unit, 2 * unit, middle + 2 * unit, 9 * unit), 2 * unit, fill=255)
    draw.arc((middle - 4 * unit, 3 * unit, middle + 4 * unit, 11.5 * unit), 0, 180, fill=255, width=line)
    draw.line((middle, 11.5 * unit, middle, 14 * unit), fill=255, width=line)
    draw.line((middle - 5 * unit, 2 * unit, middle + 5 * unit, 14 * unit), fill=255, width=line)


def somebody(place: Place) -> Caption | None:
    """Head and shoulders in the middle of a tile of which there is no picture."""
    size = min(place.width, place.height) // 2
    if size < _SMALLEST_PX:
        return None
    ink = _somebody(size)
    x, y = place.x + (place.width - size) // 2, place.y + (place.height - size) // 2
    return Caption(x, y, np.full(ink.shape, _CLEAR, np.uint16), ink.astype(np.uint16) * _FAINT // 255)


@lru_cache(maxsize=32)
def _somebody(size: int) -> NDArray[np.uint8]:
    # Drawn larger and made smaller, for smooth edges.
    large = 4 * size
    image = Image.new("L", (large, large))
    draw = ImageDraw.Draw(image)
    draw.ellipse((large * 0.31, large * 0.08, large * 0.69, large * 0.46), fill=255)
    draw.ellipse((large * 0.12, large * 0.54, large * 0.88, large * 1.4), fill=255)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
