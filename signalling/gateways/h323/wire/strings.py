"""ASN.1's strings of characters in aligned PER (X.691 clause 30)."""

from dataclasses import dataclass
from typing import Final

from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.wire.bits import Reader, Writer
from signalling.gateways.h323.wire.types import Size, Type, Value, expect

IA5: Final = "".join(map(chr, range(128)))
NUMERIC: Final = " 0123456789"
PRINTABLE: Final = "".join(
    sorted(" '()+,-./:=?" + "0123456789" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "abcdefghijklmnopqrstuvwxyz")
)
_WHOLE: Final = 8


@dataclass(frozen=True, slots=True)
class CharacterString(Type):
    """A string from an alphabet in its canonical order; all characters take 1, 2, 4 or 8 bits."""

    size: Size
    alphabet: str

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        count = self.size.read(reader)
        width = self.width
        if self._aligned(count, width):
            reader.align()
        if width == _WHOLE:
            text = reader.raw(count).decode("latin-1")
            expect(not text.strip(self.alphabet), "a character is not in its alphabet")
            return text
        packed = reader.bits(count * width)
        return "".join(
            [self._character(packed >> width * at & ((1 << width) - 1)) for at in range(count - 1, -1, -1)]
        )

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, str) and not value.strip(self.alphabet), "a character is not in its alphabet")
        self.size.write(writer, len(value))
        width = self.width
        if self._aligned(len(value), width):
            writer.align()
        if width == _WHOLE:
            writer.raw(value.encode("latin-1"))
            return
        for character in value:
            writer.bits(self.alphabet.index(character), width)

    @property
    def width(self) -> int:
        """Bits of a character: a power of two in the aligned variant (30.5.2)."""
        return 1 << ((len(self.alphabet) - 1).bit_length() - 1).bit_length()

    def _character(self, index: int) -> str:
        if index >= len(self.alphabet):
            raise MalformedError("a character is not in its alphabet")
        return self.alphabet[index]

    def _aligned(self, count: int, width: int) -> bool:
        """Whether the characters begin at a whole byte (30.5.6, 30.5.7)."""
        most = self.size.high
        if count == 0 or most is None:
            return count > 0
        return most * width > 16 if self.size.fixed else most * width >= 16  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class WideString(Type):
    """BMPString: units of UTF-16, whatever they say together."""

    size: Size

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        count = self.size.read(reader)
        if self._aligned(count):
            reader.align()
        return reader.raw(2 * count).decode("utf-16-be", "replace")

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, str))
        data = value.encode("utf-16-be", "replace")
        self.size.write(writer, len(data) // 2)
        if self._aligned(len(data) // 2):
            writer.align()
        writer.raw(data)

    def _aligned(self, count: int) -> bool:
        return count > 0 and not (self.size.fixed and count == 1)


@dataclass(frozen=True, slots=True)
class OtherString(Type):
    """A string whose characters are of no one width (30.6): bytes, taken as Latin-1."""

    def decode(self, reader: Reader, depth: int) -> Value:  # noqa: D102
        del depth
        return reader.octets().decode("latin-1")

    def encode(self, writer: Writer, value: Value, depth: int) -> None:  # noqa: D102
        del depth
        expect(isinstance(value, str))
        writer.octets(value.encode("latin-1", "replace"))
