"""ASN.1's SEQUENCE and CHOICE in aligned PER, with what later versions add to them (X.691 clauses 19 and 23)."""

from dataclasses import dataclass, field
from typing import Final

from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.wire.bits import Reader, Writer
from signalling.gateways.h323.wire.types import (
    DEEPEST,
    UNKNOWN,
    Type,
    Value,
    expect,
    index_of,
    open_bytes,
    read_open,
    read_ranged,
    write_ranged,
)

_MOST_ADDITIONS: Final = 256


@dataclass(slots=True)
class Member:
    """One component of a SEQUENCE."""

    name: str
    kind: Type = field(repr=False)
    optional: bool = False


@dataclass(slots=True)
class Sequence(Type):
    """SEQUENCE. `additions` is None where it can have none."""

    root: list[Member] = field(default_factory=list)
    additions: list[Member] | None = None

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        expect(depth < DEEPEST, "the value is too deep")
        extended = self.additions is not None and reader.bits(1)
        optional = sum(member.optional for member in self.root)
        present = reader.bits(optional)
        value = {}
        for member in self.root:
            if member.optional:
                optional -= 1
                if not present >> optional & 1:
                    continue
            value[member.name] = member.kind.decode(reader, depth + 1)
        reader.spend(len(value))
        if extended:
            self._decode_additions(reader, depth, value)
        return value

    def _decode_additions(self, reader: Reader, depth: int, value: dict[str, Value]) -> None:
        additions = self.additions or []
        count = 1 + reader.small()
        expect(count <= _MOST_ADDITIONS, "there are too many additions")
        present = reader.bits(count)
        reader.spend(present.bit_count())
        for index in range(count):
            if not present >> (count - 1 - index) & 1:
                continue
            if index < len(additions):
                member = additions[index]
                value[member.name] = read_open(member.kind, reader, depth + 1)
            else:
                value[f"{UNKNOWN}{index}"] = read_open(None, reader, depth)

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        expect(depth < DEEPEST, "the value is too deep")
        expect(isinstance(value, dict))
        left = dict(value)
        inside = [(member, left.pop(member.name)) for member in self.root if member.name in left]
        if self.additions is not None:
            writer.bits(bool(left), 1)
        for member in self.root:
            if member.optional:
                writer.bits(member.name in value, 1)
            else:
                expect(member.name in value, f"{member.name} is missing")
        for member, one in inside:
            _encode(member, writer, one, depth)
        if left:
            expect(self.additions is not None, "there is no such name")
            self._encode_additions(writer, left, depth)

    def _encode_additions(self, writer: Writer, left: dict[str, Value], depth: int) -> None:
        additions = self.additions or []
        names = tuple(member.name for member in additions)
        found = {index_of(name, names): one for name, one in left.items()}
        count = max(len(additions), max(found) + 1)
        expect(count <= _MOST_ADDITIONS, "there are too many additions")
        writer.small(count - 1)
        writer.bits(sum(1 << (count - 1 - index) for index in found), count)
        for index, one in sorted(found.items()):
            kind = additions[index].kind if index < len(additions) else None
            try:
                writer.octets(open_bytes(kind, one, depth + 1))
            except MalformedError as error:
                raise _within(error, names[index] if index < len(names) else UNKNOWN) from None


@dataclass(slots=True)
class Choice(Type):
    """CHOICE. `additions` is None where it can have none."""

    root: list[Member] = field(default_factory=list)
    additions: list[Member] | None = None

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        expect(depth < DEEPEST, "the value is too deep")
        reader.spend()
        if self.additions is not None and reader.bits(1):
            index = reader.small()
            if index >= len(self.additions):
                return f"{UNKNOWN}{index}", read_open(None, reader, depth)
            member = self.additions[index]
            return member.name, read_open(member.kind, reader, depth + 1)
        member = self.root[read_ranged(reader, len(self.root))]
        return member.name, member.kind.decode(reader, depth + 1)

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        expect(depth < DEEPEST, "the value is too deep")
        expect(isinstance(value, tuple) and len(value) == 2)  # noqa: PLR2004
        name, one = value
        names = [member.name for member in self.root]
        if self.additions is not None:
            writer.bits(name not in names, 1)
        if name in names:
            index = names.index(name)
            write_ranged(writer, index, len(names))
            _encode(self.root[index], writer, one, depth)
            return
        expect(self.additions is not None, "there is no such name")
        additions = self.additions or []
        index = index_of(name, tuple(member.name for member in additions))
        writer.small(index)
        try:
            writer.octets(open_bytes(additions[index].kind if index < len(additions) else None, one, depth + 1))
        except MalformedError as error:
            raise _within(error, name) from None


def _encode(member: Member, writer: Writer, value: Value, depth: int) -> None:
    try:
        member.kind.encode(writer, value, depth + 1)
    except MalformedError as error:
        raise _within(error, member.name) from None


def _within(error: MalformedError, name: str) -> MalformedError:
    """The error, saying also where: names are those of the standard."""
    return MalformedError(
        f"{name}: {error.detail}" if " " in error.detail.split(":")[0] else f"{name}.{error.detail}"
    )
