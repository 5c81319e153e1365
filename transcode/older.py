"""What is the same in H.261 and H.263: points that are not square, pictures numbered at 30000/1001 a second."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

OLDER: Final = frozenset({"h261", "h263", "h263-1998"})
SQUARE: Final = Fraction(1)
POINT: Final = Fraction(12, 11)
"""How much wider than high a point of a picture of CIF is, and of its multiples."""
RATE: Final = Fraction(30_000, 1001)
"""Pictures a second of their clock, which numbers of pictures are of."""


def square_width(width: int) -> int:
    """The width, even, of a picture that looks the same with square points."""
    return round(width * POINT / 2) * 2


def numbered(codec: str, picture: bytes, number: int) -> bytes:
    """Write a picture's number of the clock (its temporal reference) into it, where FFmpeg counts pictures.

    Five bits behind 20 in H.261, eight behind 22 in H.263.
    """
    if not picture:
        return picture
    at, length = (20, 5) if codec == "h261" else (22, 8)
    head = int.from_bytes(picture[:4], "big")
    shift = 32 - at - length
    mask = ((1 << length) - 1) << shift
    return (head & ~mask | number << shift & mask).to_bytes(4, "big") + picture[4:]
