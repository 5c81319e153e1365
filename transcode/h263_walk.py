"""A way through the macroblocks of H.263's first version (ITU-T Rec. H.263, 1996), without its optional modes.

Packets of RFC 2190 that begin within a group of blocks say what was known there. FFmpeg's encoder would tell it
(`mb_info`), but writes beyond the end of its memory where groups and macroblocks are many and large (8.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from transcode.errors import Malformed

_COLUMNS: Final = {1: 8, 2: 11, 3: 22}
"""Macroblocks of a row by the format of the picture, up to CIF, where a group of blocks is a row."""
_PICTURE_BITS: Final = 49
_GROUP_BITS: Final = 29
_INTRA, _QUANT = 4, 8
_STUFFING: Final = 20
_CHANGES: Final = (-1, -2, 1, 2)
_ESCAPE: Final = 22
_WORD: Final = 0xFFFFFFFF

# Codes as value and length. Types of macroblocks with the patterns of their chroma: of INTRA pictures (table 7),
# and of others (table 8): INTER comes first, then INTRA, both once more with another quantizer, and four vectors.
_INTRA_TYPES: Final = ((1, 1), (1, 3), (2, 3), (3, 3), (1, 4), (1, 6), (2, 6), (3, 6))
_INTRA_STUFFING: Final = (1, 9)
_INTER_TYPES: Final = (
    *((1, 1), (3, 4), (2, 4), (5, 6), (3, 5), (4, 8), (3, 8), (3, 7)),
    *((3, 3), (7, 7), (6, 7), (5, 9), (4, 6), (4, 9), (3, 9), (2, 9)),
    *((2, 3), (5, 7), (4, 7), (5, 8), (1, 9)),
)
# Patterns of luma of INTRA macroblocks, 0 to 15 (table 13).
_PATTERNS: Final = (
    *((3, 4), (5, 5), (4, 5), (9, 4), (3, 5), (7, 4), (2, 6), (11, 4)),
    *((2, 5), (3, 6), (5, 4), (10, 4), (4, 4), (8, 4), (6, 4), (3, 2)),
)
# Sizes of vectors in halves of points, 0 to 32, a sign behind (table 14).
_VECTORS: Final = (
    *((1, 1), (1, 2), (1, 3), (1, 4), (3, 6), (5, 7), (4, 7), (3, 7), (11, 9), (10, 9), (9, 9)),
    *((code, 10) for code in range(17, 3, -1)),
    *((code, 11) for code in range(7, 1, -1)),
    *((3, 12), (2, 12)),
)
# Coefficients by length, a sign behind (table 16): those after which others come, and the last ones.
_MORE: Final = {
    2: (2,),
    3: (6,),
    4: (15, 14),
    5: (13, 12, 11),
    6: (*range(16, 22),),
    7: (*range(20, 24),),
    8: (*range(27, 32),),
    9: (*range(26, 38),),
    10: (*range(8, 16), 32, 33),
    11: (6, 7, *range(32, 36)),
    12: (*range(80, 88),),
}
_LAST: Final = {
    4: (7,),
    6: (*range(12, 16),),
    7: (*range(16, 20),),
    8: (*range(19, 27),),
    9: (*range(17, 26),),
    10: (*range(4, 8),),
    11: (4, 5, *range(36, 40)),
    12: (*range(88, 96),),
}
_ESCAPE_CODE: Final = (3, 7)
Vector = tuple[int, int]


class Place(NamedTuple):
    """Where a macroblock begins, in bits, and what is known before it: a vector is in halves of points."""

    at: int
    quantizer: int
    group: int
    address: int
    vector: Vector


def places(picture: bytes) -> Iterator[Place]:
    """Go through all macroblocks. Raises `Malformed`."""
    columns = _COLUMNS.get(picture[4] >> 2 & 7)
    if columns is None:
        raise Malformed("a picture of H.263 that is larger than CIF")
    walk = _Walk(picture, columns)
    for group in range({8: 6, 11: 9, 22: 18}[columns]):
        yield from walk.row(group)


class _Walk:
    def __init__(self, picture: bytes, columns: int) -> None:
        self._data, self._columns = picture + bytes(8), columns
        self._predicted = bool(picture[4] >> 1 & 1)
        self._quantizer = self._window(43) >> 27
        self._at = _PICTURE_BITS
        while self._take(1):
            self._take(8)
        self._above: list[Vector] | None = None
        self._end = len(picture) * 8

    def row(self, group: int) -> Iterator[Place]:
        """Go through a group of blocks."""
        aligned = -(-self._at // 8) * 8
        if group and self._window(aligned) >> 15 == 1:
            self._at = aligned + _GROUP_BITS
            self._quantizer = self._window(aligned + 24) >> 27
            self._above = None
        seen: list[Vector] = []
        for column in range(self._columns):
            expected = self._expected(seen)
            yield Place(self._at, self._quantizer, group, column, expected)
            seen.append(self._macroblock(expected))
        self._above = seen

    def _expected(self, seen: list[Vector]) -> Vector:
        """What a vector is told by its difference from (section 6.1.1)."""
        left = seen[-1] if seen else (0, 0)
        if self._above is None:
            return left
        column = len(seen)
        right = self._above[column + 1] if column + 1 < self._columns else (0, 0)
        across, down = zip(left, self._above[column], right, strict=True)
        return sorted(across)[1], sorted(down)[1]

    def _macroblock(self, expected: Vector) -> Vector:
        """Pass over a macroblock, and give its vector."""
        if self._at >= self._end:
            raise Malformed("a picture of H.263 without its end")
        table = _INTER_TABLE if self._predicted else _INTRA_TABLE
        kind = _STUFFING
        while kind == _STUFFING:
            if self._predicted and self._take(1):
                return 0, 0
            kind = self._code(table)
        if kind >= 16:  # noqa: PLR2004
            raise Malformed("a macroblock of H.263 with four vectors")
        intra = bool(kind & _INTRA)
        pattern = self._code(_PATTERN_TABLE) ^ (0 if intra else 15)
        if kind & _QUANT:
            self._quantizer = min(31, max(1, self._quantizer + _CHANGES[self._take(2)]))
        vector = (0, 0) if intra else (self._vector(expected[0]), self._vector(expected[1]))
        coded = pattern << 2 | kind & 3
        for block in range(6):
            self._at += 8 if intra else 0
            if coded >> (5 - block) & 1:
                self._coefficients()
        return vector

    def _vector(self, expected: int) -> int:
        size = self._code(_VECTOR_TABLE)
        if size and self._take(1):
            size = -size
        return (expected + size + 32) % 64 - 32

    def _coefficients(self) -> None:
        last = 0
        while not last:
            last = self._code(_COEFFICIENT_TABLE)
            if last == _ESCAPE:
                last = self._take(15) >> 14
            else:
                self._at += 1
            if self._at > self._end:
                raise Malformed("coefficients of H.263 without an end")

    def _code(self, table: dict[tuple[int, int], int]) -> int:
        word = self._window(self._at)
        for length in range(1, 14):
            found = table.get((word >> (32 - length), length))
            if found is not None:
                self._at += length
                return found
        raise Malformed("no code of H.263")

    def _take(self, count: int) -> int:
        found = self._window(self._at) >> (32 - count)
        self._at += count
        return found

    def _window(self, at: int) -> int:
        """Give 32 bits, with zeros behind the end."""
        return (
            int.from_bytes(self._data[at >> 3 : (at >> 3) + 5].ljust(5, b"\x00"), "big") >> (8 - (at & 7)) & _WORD
        )


_INTRA_TABLE: Final = {code: _INTRA | n & 3 | (_QUANT if n > 3 else 0) for n, code in enumerate(_INTRA_TYPES)} | {  # noqa: PLR2004
    _INTRA_STUFFING: _STUFFING
}
_INTER_TABLE: Final = {code: number for number, code in enumerate(_INTER_TYPES)}
_PATTERN_TABLE: Final = {code: number for number, code in enumerate(_PATTERNS)}
_VECTOR_TABLE: Final = {code: number for number, code in enumerate(_VECTORS)}
_COEFFICIENT_TABLE: Final = {
    **{(code, length): 0 for length, codes in _MORE.items() for code in codes},
    **{(code, length): 1 for length, codes in _LAST.items() for code in codes},
    _ESCAPE_CODE: _ESCAPE,
}
