"""The header fields of a message in their order, under their long names (RFC 3261 section 7.3)."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from signalling.gateways.sip.grammar import split_list

COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_SPELLED: Final = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "min-se": "Min-SE",
    "mime-version": "MIME-Version",
    "rack": "RAck",
    "rseq": "RSeq",
    "www-authenticate": "WWW-Authenticate",
}


@lru_cache(maxsize=512)
def long_name(name: str) -> str:
    """How a header is called in full, in its usual spelling."""
    low = name.lower()
    low = COMPACT.get(low, low)
    return _SPELLED.get(low) or "-".join(word.capitalize() for word in low.split("-"))


class Headers:
    """An ordered multi-map of header fields; names are compared without regard to case or compactness."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [(long_name(name), value) for name, value in fields]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __contains__(self, name: str) -> bool:
        wanted = long_name(name)
        return any(field == wanted for field, _ in self._fields)

    def get(self, name: str) -> str | None:
        """The first value, or None."""
        wanted = long_name(name)
        return next((value for field, value in self._fields if field == wanted), None)

    def lines(self, name: str) -> list[str]:
        """The value of each line of this name, commas not split."""
        wanted = long_name(name)
        return [value for field, value in self._fields if field == wanted]

    def items(self, name: str) -> list[str]:
        """The items of a comma-separated header over all its lines. Raises MalformedError."""
        return [item for line in self.lines(name) if line for item in split_list(line)]

    def tokens(self, name: str) -> frozenset[str]:
        """The items in lower case as a set: option tags; methods come out in lower case, too."""
        return frozenset(item.lower() for item in self.items(name))

    def add(self, name: str, value: str) -> None:
        """Append a field."""
        self._fields.append((long_name(name), value))

    def set(self, name: str, *values: str) -> None:
        """Replace all fields of this name, where the first of them stood, else at the end."""
        wanted = long_name(name)
        at = next((i for i, (field, _) in enumerate(self._fields) if field == wanted), len(self._fields))
        rest = [(field, value) for field, value in self._fields if field != wanted]
        self._fields = [*rest[:at], *((wanted, value) for value in values), *rest[at:]]

    def remove(self, name: str) -> None:
        """Remove all fields of this name."""
        wanted = long_name(name)
        self._fields = [(field, value) for field, value in self._fields if field != wanted]

    def copy(self) -> "Headers":
        """Another with the same fields."""
        copy = Headers()
        copy._fields = list(self._fields)
        return copy
