"""Coded pictures as rows of bits: what H.261 and H.263 cut in the midst of a byte is put together again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from transcode.errors import Malformed


class Piece(NamedTuple):
    """Some bytes, of which `skip` bits at the beginning and `unused` bits at the end are another's."""

    data: bytes
    skip: int
    unused: int


def joined(pieces: Iterable[Piece]) -> bytes:
    """Give the bits of all pieces one after the other, with zeros up to the end of a byte. Raises `Malformed`."""
    out, room = bytearray(), 0
    for data, skip, unused in pieces:
        count = len(data) * 8 - skip - unused
        if count <= 0:
            raise Malformed("a payload without bits of a picture")
        value = int.from_bytes(data, "big") >> unused & ((1 << count) - 1)
        if room:
            rest = count - room
            out[-1] |= value >> rest if rest > 0 else value << -rest
            room, count = max(0, -rest), max(0, rest)
            value &= (1 << count) - 1
        if count:
            room = -count % 8
            out += (value << room).to_bytes((count + room) // 8, "big")
    return bytes(out)


def cut(data: bytes, start: int, end: int) -> Piece:
    """Give the bytes that hold the bits from `start` to before `end`."""
    return Piece(data[start // 8 : -(-end // 8)], start % 8, -end % 8)


def packed(places: Iterable[int], end: int, largest: int) -> Iterator[tuple[int, int]]:
    """Put what lies between `places`, in bits and in order, together to runs of at most `largest` bytes.

    What is longer by itself is a run by itself.
    """
    start = last = None
    for place in places:
        if start is None or last is None:
            start = last = place
        elif -(-place // 8) - start // 8 > largest and last > start:
            yield start, last
            start = last
        last = place
    if start is None or last is None:
        return
    if -(-end // 8) - start // 8 > largest and last > start:
        yield start, last
        start = last
    yield start, end
