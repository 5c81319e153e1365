"""ASN.1's types, each with its aligned PER (X.691): bytes to plain Python values and back, without state.

Values: SEQUENCE a dict by the standard's names, CHOICE a pair `(name, value)`, lists, ints, bools, str, bytes, an
object identifier as a tuple of its arcs, `(int, bits)` for bit strings, 0 for NULL. What an extension brings that
this does not know is kept as bytes under `_ext_N`, N counting the extensions from 0.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Final

from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.wire.bits import FRAGMENT, Reader, Writer

Value = Any
UNKNOWN: Final = "_ext_"
DEEPEST: Final = 64
"""How many types may stand in each other; the deepest of messages in use has 25."""
_LARGEST_INTEGER: Final = 16
_LARGEST_OID: Final = 128
_UNBOUNDED: Final = 65_536
_ONE_BYTE: Final = 256


class Type(ABC):
    """One type. Both methods raise MalformedError."""

    __slots__ = ()

    @abstractmethod
    def decode(self, reader: Reader, depth: int) -> Value:
        """Read a value."""

    @abstractmethod
    def encode(self, writer: Writer, value: Value, depth: int) -> None:
        """Write a value."""


def expect(condition: object, what: str = "the value is of another type") -> None:
    """Raise MalformedError unless the condition holds."""
    if not condition:
        raise MalformedError(what)


def read_ranged(reader: Reader, span: int) -> int:
    """A whole number below `span` (11.5.7)."""
    if span <= _ONE_BYTE - 1:
        number = reader.bits((span - 1).bit_length())
    elif span <= _UNBOUNDED:
        reader.align()
        number = reader.bits(8 if span == _ONE_BYTE else 16)
    else:
        most = ((span - 1).bit_length() + 7) // 8
        count = 1 + reader.bits((most - 1).bit_length())
        reader.align()
        number = reader.bits(8 * count)
    if number >= span:
        raise MalformedError("a number is out of its range")
    return number


def write_ranged(writer: Writer, number: int, span: int) -> None:
    """Write what `read_ranged` reads."""
    expect(0 <= number < span, "a number is out of its range")
    if span <= _ONE_BYTE - 1:
        writer.bits(number, (span - 1).bit_length())
    elif span <= _UNBOUNDED:
        writer.align()
        writer.bits(number, 8 if span == _ONE_BYTE else 16)
    else:
        most = ((span - 1).bit_length() + 7) // 8
        count = max(1, (number.bit_length() + 7) // 8)
        writer.bits(count - 1, (most - 1).bit_length())
        writer.align()
        writer.bits(number, 8 * count)


@dataclass(frozen=True, slots=True)
class Size:
    """How many there may be; without an upper bound the length is of the general form."""

    low: int = 0
    high: int | None = None

    @property
    def bounded(self) -> bool:
        """Whether the length, if there is any, is a number in a range."""
        return self.high is not None and self.high < _UNBOUNDED

    @property
    def fixed(self) -> bool:
        """Whether no length is written."""
        return self.bounded and self.low == self.high

    def read(self, reader: Reader) -> int:
        """The length of what follows, which no longer than one piece."""
        if self.high is None or not self.bounded:
            return reader.length()
        return self.low + read_ranged(reader, self.high - self.low + 1)

    def write(self, writer: Writer, count: int) -> None:
        """Write a length."""
        if self.high is None or not self.bounded:
            expect(count >= self.low, "there are too few")
            writer.length(count)
        else:
            write_ranged(writer, count - self.low, self.high - self.low + 1)


class Null(Type):
    """NULL: nothing."""

    __slots__ = ()

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del reader, depth
        return 0

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del writer, depth
        expect(value == 0)


class Boolean(Type):
    """BOOLEAN."""

    __slots__ = ()

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        return reader.bits(1) == 1

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, bool))
        writer.bits(value, 1)


@dataclass(frozen=True, slots=True)
class Integer(Type):
    """INTEGER with or without bounds (clause 13)."""

    low: int | None = None
    high: int | None = None
    extensible: bool = False

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        if self.low is None or (self.extensible and reader.bits(1)):
            return int.from_bytes(self._octets(reader), "big", signed=True)
        if self.high is None:
            return self.low + int.from_bytes(self._octets(reader), "big")
        return self.low + read_ranged(reader, self.high - self.low + 1)

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, int))
        number = int(value)
        inside = self.low is None or (number >= self.low and (self.high is None or number <= self.high))
        expect(inside or self.extensible, "a number is out of its range")
        if self.extensible:
            writer.bits(not inside, 1)
        if self.low is None or not inside:
            writer.octets(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
        elif self.high is None:
            number -= self.low
            writer.octets(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))
        else:
            write_ranged(writer, number - self.low, self.high - self.low + 1)

    @staticmethod
    def _octets(reader: Reader) -> bytes:
        count = reader.length()
        expect(count <= _LARGEST_INTEGER, "a number is absurd")
        return reader.raw(count)


@dataclass(frozen=True, slots=True)
class Enumerated(Type):
    """ENUMERATED (clause 14)."""

    root: tuple[str, ...]
    more: tuple[str, ...] | None

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        if self.more is not None and reader.bits(1):
            index = reader.small()
            return self.more[index] if index < len(self.more) else f"{UNKNOWN}{index}"
        return self.root[read_ranged(reader, len(self.root))]

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        if self.more is not None:
            writer.bits(value not in self.root, 1)
            if value not in self.root:
                writer.small(index_of(value, self.more))
                return
        expect(value in self.root)
        write_ranged(writer, self.root.index(value), len(self.root))


@dataclass(frozen=True, slots=True)
class BitString(Type):
    """BIT STRING (clause 16)."""

    size: Size

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        count = self.size.read(reader)
        if self._aligned(count):
            reader.align()
        return reader.bits(count), count

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value))  # noqa: PLR2004
        number, count = value
        expect(number >= 0 and number.bit_length() <= count)
        self.size.write(writer, count)
        if self._aligned(count):
            writer.align()
        writer.bits(number, count)

    def _aligned(self, count: int) -> bool:
        return count > 0 and (not self.size.fixed or count > 16)  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class OctetString(Type):
    """OCTET STRING (clause 17)."""

    size: Size

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        if not self.size.bounded:
            return reader.octets()
        count = self.size.read(reader)
        if self._aligned(count):
            reader.align()
        return reader.raw(count)

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, bytes))
        if not self.size.bounded:
            expect(len(value) >= self.size.low, "there are too few")
            writer.octets(value)
            return
        self.size.write(writer, len(value))
        if self._aligned(len(value)):
            writer.align()
        writer.raw(value)

    def _aligned(self, count: int) -> bool:
        return count > 0 and (not self.size.fixed or count > 2)  # noqa: PLR2004


class ObjectIdentifier(Type):
    """OBJECT IDENTIFIER (clause 24; the arcs as in X.690 8.19)."""

    __slots__ = ()

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        count = reader.length()
        expect(0 < count <= _LARGEST_OID, "an object identifier is absurd")
        arcs, arc = [], 0
        data = reader.raw(count)
        expect(data[-1] < 0x80, "an object identifier ends early")  # noqa: PLR2004
        for octet in data:
            arc = arc << 7 | octet & 0x7F
            if octet < 0x80:  # noqa: PLR2004
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return (first, arcs[0] - 40 * first, *arcs[1:])

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(
            isinstance(value, tuple) and len(value) > 1 and all(isinstance(arc, int) and arc >= 0 for arc in value)
        )
        expect(value[0] <= 2 and (value[0] == 2 or value[1] < 40), "an object identifier is absurd")  # noqa: PLR2004
        data = bytearray()
        for arc in (40 * value[0] + value[1], *value[2:]):
            groups = max(1, (arc.bit_length() + 6) // 7)
            data += bytes(arc >> 7 * at & 0x7F | (0x80 if at else 0) for at in range(groups - 1, -1, -1))
        expect(len(data) <= _LARGEST_OID, "an object identifier is absurd")
        writer.octets(bytes(data))


class OpenType(Type):
    """A type that is known to others: `("_unk_004", bytes)`, as the library has it."""

    __slots__ = ()

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        return "_unk_004", reader.octets()

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], bytes))  # noqa: PLR2004
        writer.octets(value[1])


@dataclass(slots=True)
class ListOf(Type):
    """SEQUENCE OF and SET OF (clauses 20 and 22)."""

    size: Size
    element: Type = field(repr=False)

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        count = self.size.read(reader)
        reader.spend(count)
        element = self.element
        return [element.decode(reader, depth) for _ in range(count)]

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        expect(isinstance(value, list | tuple))
        expect(len(value) < FRAGMENT, "a list is too long")
        self.size.write(writer, len(value))
        for one in value:
            self.element.encode(writer, one, depth)


def index_of(name: object, names: tuple[str, ...]) -> int:
    """Where a name stands among extensions, one that is not known included."""
    if isinstance(name, str) and name in names:
        return names.index(name)
    number = name[len(UNKNOWN) :] if isinstance(name, str) and name.startswith(UNKNOWN) else ""
    expect(number.isascii() and number.isdigit() and len(number) < 6, "there is no such name")  # noqa: PLR2004
    expect(int(number) >= len(names), "an extension has a name")
    return int(number)


def open_bytes(kind: Type | None, value: Value, depth: int) -> bytes:
    """The encoding of its own that an open type holds; what is not known is bytes already."""
    if kind is None:
        expect(isinstance(value, bytes))
        return bytes(value)
    inner = Writer()
    kind.encode(inner, value, depth)
    return inner.finish()


def read_open(kind: Type | None, reader: Reader, depth: int) -> Value:
    """What an open type holds. What comes after its value there is of later versions and is passed over."""
    data = reader.octets()
    if kind is None:
        return data
    inner = Reader(data, reader.budget)
    value = kind.decode(inner, depth)
    reader.budget = inner.budget
    return value
