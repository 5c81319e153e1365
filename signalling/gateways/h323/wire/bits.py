"""Bits out of bytes and into bytes, as aligned PER counts them (X.691 sections 10 and 11)."""

from typing import Final

from signalling.gateways.h323.errors import MalformedError

FRAGMENT: Final = 16_384
"""What is this long or longer goes in pieces (X.691 11.9.3.8)."""
_FEW: Final = 0x80
_MANY: Final = 0xC0
_MOST_FRAGMENTS: Final = 4
_SMALL: Final = 64


class Reader:
    """Reads one encoding from its first bit. `budget` is how many values may come out of it at most."""

    __slots__ = ("_data", "_end", "_position", "budget")

    def __init__(self, data: bytes, budget: int) -> None:
        self._data = data
        self._position = 0
        self._end = 8 * len(data)
        self.budget = budget

    def bits(self, count: int) -> int:
        """The next bits as a number."""
        start = self._position
        end = start + count
        if end > self._end:
            raise MalformedError("the encoding ends early")
        self._position = end
        number = int.from_bytes(self._data[start >> 3 : (end + 7) >> 3], "big")
        return number >> (-end & 7) & ((1 << count) - 1)

    def align(self) -> None:
        """Go to the next whole byte."""
        self._position = (self._position + 7) & ~7

    def raw(self, count: int) -> bytes:
        """Whole bytes, from wherever this stands."""
        start = self._position
        if start & 7:
            return self.bits(8 * count).to_bytes(count, "big")
        if start + 8 * count > self._end:
            raise MalformedError("the encoding ends early")
        self._position = start + 8 * count
        return self._data[start >> 3 : (start >> 3) + count]

    def spend(self, count: int = 1) -> None:
        """Account for values that are about to be made."""
        self.budget -= count
        if self.budget < 0:
            raise MalformedError("there are more values than such a message has")

    def length(self) -> int:
        """A length that nothing bounds (11.9), of what goes in one piece."""
        count, more = self.piece()
        if more:
            raise MalformedError("a list is too long")
        return count

    def piece(self) -> tuple[int, bool]:
        """How long the next piece is, and whether another follows."""
        self.align()
        first = self.bits(8)
        if first < _FEW:
            return first, False
        if first < _MANY:
            return (first & 0x3F) << 8 | self.bits(8), False
        if not 1 <= first & 0x3F <= _MOST_FRAGMENTS:
            raise MalformedError("a length is not one")
        return (first & 0x3F) * FRAGMENT, True

    def octets(self) -> bytes:
        """Bytes with their length before them, in pieces if need be."""
        count, more = self.piece()
        if not more:
            return self.raw(count)
        pieces = [self.raw(count)]
        while more:
            count, more = self.piece()
            pieces.append(self.raw(count))
        return b"".join(pieces)

    def small(self) -> int:
        """A number that is normally small (11.6)."""
        if self.bits(1) == 0:
            return self.bits(6)
        octets = self.octets()
        if len(octets) > 2:  # noqa: PLR2004 - nothing has 65,536 of them
            raise MalformedError("an index is absurd")
        return int.from_bytes(octets, "big")


class Writer:
    """Collects one encoding."""

    __slots__ = ("_count", "_done", "_rest")

    def __init__(self) -> None:
        self._done = bytearray()
        self._rest = 0
        self._count = 0

    def bits(self, number: int, count: int) -> None:
        """Add a number of so many bits; it must fit."""
        self._rest = self._rest << count | number
        self._count += count
        whole = self._count >> 3
        if whole:
            self._count &= 7
            self._done += (self._rest >> self._count).to_bytes(whole, "big")
            self._rest &= (1 << self._count) - 1

    def align(self) -> None:
        """Go to the next whole byte."""
        if self._count:
            self.bits(0, 8 - self._count)

    def raw(self, data: bytes) -> None:
        """Whole bytes, from wherever this stands."""
        if self._count:
            self.bits(int.from_bytes(data, "big"), 8 * len(data))
        else:
            self._done += data

    def length(self, count: int) -> None:
        """A length that nothing bounds, of what goes in one piece."""
        self.align()
        if count < _FEW:
            self.bits(count, 8)
        elif count < FRAGMENT:
            self.bits(_FEW << 8 | count, 16)
        else:
            raise MalformedError("a list is too long")

    def octets(self, data: bytes) -> None:
        """Bytes with their length before them, in pieces if need be."""
        self.align()
        while len(data) >= FRAGMENT:
            fragments = min(len(data) // FRAGMENT, _MOST_FRAGMENTS)
            self.bits(_MANY | fragments, 8)
            self.raw(data[: fragments * FRAGMENT])
            data = data[fragments * FRAGMENT :]
        self.length(len(data))
        self.raw(data)

    def small(self, number: int) -> None:
        """A number that is normally small."""
        if number < _SMALL:
            self.bits(number, 7)
        else:
            self.bits(1, 1)
            self.octets(number.to_bytes((number.bit_length() + 7) // 8, "big"))

    def finish(self) -> bytes:
        """All of it, of one byte at least (11.1.3)."""
        self.align()
        return bytes(self._done) or b"\0"
