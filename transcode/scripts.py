"""Letters of many scripts: which font has them, and a line of text drawn from several.

Roboto, which is installed with us, has Latin, Greek and Cyrillic letters. Noto's fonts have a script each and are
those of the system (Debian's fonts-noto-core); without them names in other scripts are boxes. Pillow's layout
(Raqm) joins letters and turns those around that are read from the right.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Final

from PIL import ImageDraw, ImageFont

NOTO: Final = Path("/usr/share/fonts/truetype/noto")
Run = tuple[str, ImageFont.FreeTypeFont]

_OURS = frozenset({"LATIN", "GREEK", "CYRILLIC"})
_FROM_THE_RIGHT = ("R", "AL")


def runs(text: str, size: int) -> list[Run]:
    """Cut a line into stretches of one font each, from left to right as they are seen."""
    scripts = _scripts(text)
    cut = []
    for script, letters in groupby(zip(scripts, text, strict=True), key=lambda one: one[0]):
        cut.append(("".join(letter for _, letter in letters), font(size, script)))
    first = next((way for way in map(unicodedata.bidirectional, text) if way in ("L", *_FROM_THE_RIGHT)), "L")
    return cut[::-1] if first in _FROM_THE_RIGHT else cut


def length(cut: list[Run]) -> float:
    """How wide it is, in pixels."""
    return sum(face.getlength(text) for text, face in cut)


def draw(where: ImageDraw.ImageDraw, left: float, baseline: float, cut: list[Run]) -> None:
    """Write it."""
    for text, face in cut:
        where.text((left, baseline), text, fill=255, font=face, anchor="ls")
        left += face.getlength(text)


@lru_cache(maxsize=128)
def font(size: int, script: str = "") -> ImageFont.FreeTypeFont:
    """Give the font of a script, by its name in Unicode; Roboto for all that no other has."""
    path = NOTO / f"NotoSans{script.title()}-Regular.ttf"
    if script and path.is_file():
        return ImageFont.truetype(path, size)
    return ImageFont.truetype(str(files("font_roboto") / "files" / "Roboto-Regular.ttf"), size)


def _scripts(text: str) -> list[str]:
    """Name the script of each letter; spaces, signs and digits go with what stands before them."""
    found, before = [], ""
    for letter in text:
        if unicodedata.category(letter)[0] in "LM":
            script = unicodedata.name(letter, "").split(" ", 1)[0]
            # Signs that any letter can wear are of no script.
            if script != "COMBINING":
                before = "" if script in _OURS else script
        found.append(before)
    return found
