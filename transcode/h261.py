"""H.261 (ITU-T Rec. H.261, 1993) in RTP (RFC 4587): payloads cut between groups of blocks or macroblocks.

No key frames are known to H.261: a picture is one if all of its macroblocks are INTRA. To see that, and to cut a
group that is longer than a packet, macroblocks are walked through, for which the lengths of codes are enough.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from transcode.bits import Piece, cut, joined, packed
from transcode.errors import Malformed

_HEADER_BYTES: Final = 4
_PICTURE_START: Final = b"\x00\x01"
_MACROBLOCKS: Final = 33
_NUMBERS: Final = ([1, 3, 5], [*range(1, 13)])
"""Of the groups of a picture of QCIF and of CIF (section 4.2.1)."""
_INTRA, _QUANT, _VECTOR, _PATTERN, _BLOCKS = 1, 2, 4, 8, 16
_PADDING: Final = bytes(8)
# In so many bytes the first macroblock begins, unless much is said that nobody knows.
_BEGINNING: Final = 96
# Macroblocks in which the prediction of vectors begins anew (section 4.2.3.4).
_ROWS: Final = (1, 12, 23)

# Codes of tables 1, 2 and 4 of H.261. Those of table 3, for vectors, are those of table 1: 1 is 0, and of each
# pair the first is negative.
_ADDRESSES: Final = (
    "1 011 010 0011 0010 00011 00010 0000111 0000110 00001011 00001010 00001001 00001000 00000111 00000110"
    " 0000010111 0000010110 0000010101 0000010100 0000010011 0000010010 00000100011 00000100010 00000100001"
    " 00000100000 00000011111 00000011110 00000011101 00000011100 00000011011 00000011010 00000011001 00000011000"
    " 00000001111"
)
_STUFFING: Final = 34
_KINDS: Final = {
    "0001": _INTRA | _BLOCKS,
    "0000001": _INTRA | _QUANT | _BLOCKS,
    "1": _PATTERN | _BLOCKS,
    "00001": _QUANT | _PATTERN | _BLOCKS,
    "000000001": _VECTOR,
    "00000001": _VECTOR | _PATTERN | _BLOCKS,
    "0000000001": _QUANT | _VECTOR | _PATTERN | _BLOCKS,
    "001": _VECTOR,
    "01": _VECTOR | _PATTERN | _BLOCKS,
    "000001": _QUANT | _VECTOR | _PATTERN | _BLOCKS,
}
# In the order of the codes of one length, from all ones downward, as table 4 has them.
_PATTERNS: Final = (
    (3, 0b111, (60,)),
    (4, 0b1101, (4, 8, 16, 32)),
    (5, 0b10011, (12, 48, 20, 40, 28, 44, 52, 56, 1, 61, 2, 62)),
    (6, 0b001111, (24, 36, 3, 63)),
    (7, 0b0010111, (5, 9, 17, 33, 6, 10, 18, 34)),
    (
        8,
        0b00011111,
        (7, 11, 19, 35, 13, 49, 21, 41, 14, 50, 22, 42, 15, 51, 23, 43, 25, 37, 26, 38, 29, 45, 53, 57),
    ),
    (8, 0b00000111, (30, 46, 54, 58)),
    (9, 0b000000111, (31, 47, 55, 59, 27, 39)),
)


class Place(NamedTuple):
    """Where a macroblock begins, and what is known before it; `at` is in bits."""

    at: int
    group: int
    address: int
    """Of the macroblock before, 0 for none."""
    quantizer: int
    vector: tuple[int, int]
    intra: bool
    """Whether it is INTRA itself."""


def unpack(payloads: Sequence[bytes]) -> bytes:
    """Put a picture together. Raises `Malformed`, and `IndexError` for an empty payload."""
    pieces = [Piece(payload[_HEADER_BYTES:], payload[0] >> 5, payload[0] >> 2 & 7) for payload in payloads]
    picture = joined(pieces)
    if not picture.startswith(_PICTURE_START) or picture[2] >> 4:
        raise Malformed("an H.261 picture without its beginning")
    return picture


def begins_intra(picture: bytes) -> bool:
    """Whether the first macroblock is INTRA: so begins a picture that is whole, and at times another one."""
    try:
        return next((place.intra for place in places(picture[:_BEGINNING])), False)
    except Malformed:
        return False


def is_whole(picture: bytes) -> bool:
    """Whether all macroblocks are there and INTRA, so that it needs no picture before."""
    groups = _groups(picture)
    numbers = [_window(picture, start) >> 12 & 15 for start, _ in groups]
    if not numbers or numbers != _NUMBERS[picture[3] >> 3 & 1]:
        return False
    try:
        return all(_is_intra(picture, *group) for group in groups)
    except Malformed:
        return False


def places(picture: bytes) -> Iterator[Place]:
    """Go through all macroblocks that a picture has. Raises `Malformed`."""
    for start, end in _groups(picture):
        yield from _walk(picture, start, end)


def payloads(picture: bytes, largest: int) -> list[bytes]:
    """Cut a picture between groups, and within those that are longer than a packet between macroblocks."""
    room, starts = largest - _HEADER_BYTES, _starts(picture)
    end = _end(picture, starts[-1]) if starts else len(picture) * 8
    # The header of the picture goes with its first group.
    groups = [starts[0], *starts[2:]] if starts else [0]
    edges: dict[int, Place | None] = dict.fromkeys(groups)
    for first, last, start in zip(groups, [*groups[1:], end], starts[1:], strict=False):
        if (last - first) // 8 > room:
            walked = list(_walk(picture, start, last))
            edges |= {place.at: place for place in walked[1:]}
    return [_payload(picture, run, edges[run[0]]) for run in packed(sorted(edges), end, room)]


def _payload(picture: bytes, run: tuple[int, int], place: Place | None) -> bytes:
    """Write a header (section 4.1) before these bits; `place` where they do not begin with a start code."""
    data, skip, unused = cut(picture, *run)
    # V: vectors may be there.
    header = skip << 29 | unused << 26 | 1 << 24
    if place is not None:
        across, down = place.vector
        header |= place.group << 20 | (place.address - 1) << 15 | place.quantizer << 10
        header |= (across & 31) << 5 | down & 31
    return header.to_bytes(_HEADER_BYTES, "big") + data


def _end(picture: bytes, last: int) -> int:
    """Where a picture ends, in bits. The encoder fills its last byte with zeros, which are none of it."""
    walk = _walk(picture, last, len(picture) * 8)
    while True:
        try:
            next(walk)
        except StopIteration as stop:
            return int(stop.value)


def _starts(picture: bytes) -> list[int]:
    """Where start codes are, in bits: of the picture, then of its groups. 15 zeros and a one are nothing else."""
    found: list[int] = []
    at = picture.find(0)
    while at >= 0:
        before = int.from_bytes(picture[max(0, at - 1) : at + 3].ljust(4, b"\xff"), "big")
        if at == 0:
            before = int.from_bytes((b"\xff" + picture[:3]).ljust(4, b"\xff"), "big")
        for skip in range(1, 9):
            if before >> (16 - skip) & 0xFFFF == 1:
                found.append(at * 8 - 8 + skip)
                break
        at = picture.find(0, at + 1)
    return found


def _groups(picture: bytes) -> list[tuple[int, int]]:
    """Where groups of blocks begin and end, in bits."""
    starts = _starts(picture)[1:]
    return list(pairwise([*starts, len(picture) * 8])) if starts else []


def _is_intra(picture: bytes, start: int, end: int) -> bool:
    addresses = 0
    for place in _walk(picture, start, end):
        addresses += 1
        if not place.intra or place.address != addresses - 1:
            return False
    return addresses == _MACROBLOCKS


def _walk(picture: bytes, start: int, end: int) -> Generator[Place, None, int]:
    """Go through the macroblocks of the group that begins at `start`, to its last bit. Raises `Malformed`."""
    data = picture + _PADDING
    word = _window(data, start)
    group, quantizer, at = word >> 12 & 15, word >> 7 & 31, start + 26
    while _window(data, at - 1) >> 31:
        at += 9
        if at > end:
            raise Malformed("spare information without an end")
    address, vector = 0, (0, 0)
    while at < end - 7 or (at < end and _window(data, at) >> 24):
        begins = at
        step, at = _code(_ADDRESS_TABLE, data, at)
        if step == _STUFFING:
            continue
        kind, at = _code(_KIND_TABLE, data, at)
        yield Place(begins, group, address, quantizer, vector, bool(kind & _INTRA))
        address += step
        if address > _MACROBLOCKS:
            raise Malformed("more macroblocks than a group has")
        if kind & _QUANT:
            quantizer, at = _window(data, at) >> 27, at + 5
        before = vector if step == 1 and address not in _ROWS else (0, 0)
        vector = (0, 0)
        if kind & _VECTOR:
            vector, at = _vector(data, at, before)
        count = 6
        if kind & _PATTERN:
            count, at = _code(_PATTERN_TABLE, data, at)
        if kind & _BLOCKS:
            at = _blocks(data, at, count, intra=bool(kind & _INTRA), end=end)
    return at


def _vector(data: bytes, at: int, before: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """The vector of a macroblock is told by how it differs from the one before, and wraps at 32."""
    found = []
    for part in before:
        number, at = _code(_ADDRESS_TABLE, data, at)
        if number > 32:  # noqa: PLR2004 - table 3 ends there
            raise Malformed("no vector of H.261")
        change = number // 2 if number % 2 else -(number // 2)
        found.append((part + change + 16) % 32 - 16)
    return (found[0], found[1]), at


def _blocks(data: bytes, at: int, count: int, *, intra: bool, end: int) -> int:
    """Pass over the coefficients of blocks (table 5); where one begins, a single bit is one."""
    unpack_from, steps = _WORD.unpack_from, _STEPS
    for _ in range(count):
        if intra:
            at += 8
        elif unpack_from(data, at >> 3)[0] << (at & 7) & 0x80000000:
            at += 2
        while True:
            step = steps[unpack_from(data, at >> 3)[0] << (at & 7) >> 20 & 0xFFF]
            at += abs(step)
            if step < 0:
                break
            if not step or at >= end:
                raise Malformed("no coefficients of H.261")
    return at


_WORD: Final = struct.Struct("!I")


def _window(data: bytes, at: int) -> int:
    """Give 32 bits, of which the last seven may be missing."""
    return int.from_bytes(data[at >> 3 : (at >> 3) + 5].ljust(5, b"\x00"), "big") >> (8 - (at & 7)) & 0xFFFFFFFF


def _code(table: tuple[tuple[int, int], ...], data: bytes, at: int) -> tuple[int, int]:
    """Read a code, and where it ends."""
    value, length = table[_window(data, at) >> 21]
    if not length:
        raise Malformed("no code of H.261")
    return value, at + length


def _table(codes: dict[str, int]) -> tuple[tuple[int, int], ...]:
    """Values and lengths of codes by the eleven bits that begin with them."""
    table = [(0, 0)] * 2048
    for code, value in codes.items():
        spare = 11 - len(code)
        first = int(code, 2) << spare
        table[first : first + (1 << spare)] = [(value, len(code))] * (1 << spare)
    return tuple(table)


def _pattern_codes() -> dict[str, int]:
    """How many blocks are coded, by the codes of their patterns."""
    return {
        format(first - number, f"0{length}b"): pattern.bit_count()
        for length, first, patterns in _PATTERNS
        for number, pattern in enumerate(patterns)
    }


def _coefficient(window: int) -> int:
    """The length of the code of table 5 that nine bits begin with, its sign included; 0 for none."""
    lengths = (
        (256, 3),
        (192, 4),
        (128, 5),
        (96, 6),
        (80, 6),
        (64, 9),
        (32, 7),
        (16, 8),
        (8, 20),
        (4, 11),
        (2, 13),
    )
    return next((length for least, length in lengths if window >= least), 14 if window else 0)


def _step(window: int) -> int:
    """How many bits of twelve, or more for one longer code, are coefficients; negative if they end the block."""
    passed = 0
    while passed < 12:  # noqa: PLR2004
        rest = window << passed & 0xFFF
        length = _coefficient(rest >> 3)
        if rest >> 10 == 0b10 and passed <= 10:  # noqa: PLR2004 - the end of a block
            return -(passed + 2)
        if passed + length > 12 or not length:  # noqa: PLR2004
            return passed or length
        passed += length
    return passed


_ADDRESS_TABLE: Final = _table({code: number for number, code in enumerate(_ADDRESSES.split(), 1)})
_KIND_TABLE: Final = _table(_KINDS)
_PATTERN_TABLE: Final = _table(_pattern_codes())
_STEPS: Final = tuple(_step(window) for window in range(4096))
