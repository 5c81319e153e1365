"""Messages of Q.931, as H.225.0 section 7.2 uses them: a call reference, a kind, and information elements."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from signalling.gateways.h323.errors import INVALID_CONTENTS, INVALID_MESSAGE, MalformedError

_Q931: Final = 8
_REFERENCE_BYTES: Final = 2
_FROM_CALLED: Final = 0x8000
_SINGLE: Final = 0x80
"""Elements of one octet, with their value in it."""
_SHIFT: Final = 0x90
_LAST: Final = 0x80
"""Set in an octet after which none of its group follows."""
_USER_USER: Final = 5
"""X.208 and X.209 coded."""
MOST_ELEMENTS: Final = 64
MOST_TEXT: Final = 128
"""What an element of texts or digits may have; the standard's limits are lower."""


class Kind(IntEnum):
    """The messages that H.225.0 uses (table 4)."""

    ALERTING = 0x01
    CALL_PROCEEDING = 0x02
    PROGRESS = 0x03
    SETUP = 0x05
    CONNECT = 0x07
    SETUP_ACKNOWLEDGE = 0x0D
    RELEASE_COMPLETE = 0x5A
    FACILITY = 0x62
    NOTIFY = 0x6E
    STATUS_ENQUIRY = 0x75
    INFORMATION = 0x7B
    STATUS = 0x7D


class Element(IntEnum):
    """The information elements that are read or written here."""

    BEARER_CAPABILITY = 0x04
    CAUSE = 0x08
    CALL_STATE = 0x14
    DISPLAY = 0x28
    KEYPAD = 0x2C
    SIGNAL = 0x34
    CALLING_NUMBER = 0x6C
    CALLED_NUMBER = 0x70
    USER_USER = 0x7E


@dataclass(frozen=True, slots=True)
class Number:
    """A calling or called party number."""

    digits: str = field(repr=False)
    international: bool = False
    restricted: bool = False
    """Whether the caller does not want it to be shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; of an element that comes twice the first counts. No view of it raises."""

    kind: int
    reference: int
    from_called: bool
    """Whether the side that was called sends it."""
    elements: dict[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def user_information(self) -> bytes | None:
        """What H.225.0 puts into it; None without."""
        element = self.elements.get(Element.USER_USER)
        return element[1:] if element and element[0] == _USER_USER else None

    @property
    def cause(self) -> int | None:
        """Why, by Q.850."""
        element = self.elements.get(Element.CAUSE, b"")
        # A first octet without the bit for the last one of its group is followed by the recommendation.
        at = 1 if element and element[0] & _LAST else 2
        return element[at] & 0x7F if len(element) > at else None

    @property
    def display(self) -> str:
        """What the sender would have shown."""
        return _text(self.elements.get(Element.DISPLAY, b""))

    @property
    def keypad(self) -> str:
        """Keys that were pressed."""
        return _text(self.elements.get(Element.KEYPAD, b""))

    @property
    def called(self) -> Number | None:
        """Who was called, if by a number."""
        return _number(self.elements.get(Element.CALLED_NUMBER, b""))

    @property
    def calling(self) -> Number | None:
        """Who calls, if by a number."""
        return _number(self.elements.get(Element.CALLING_NUMBER, b""))

    def encode(self) -> bytes:
        """Write it."""
        reference = self.reference | (_FROM_CALLED if self.from_called else 0)
        head = bytes((_Q931, _REFERENCE_BYTES)) + reference.to_bytes(_REFERENCE_BYTES, "big") + bytes((self.kind,))
        # They go in the order of their numbers (Q.931 4.5.1).
        return head + b"".join(_element(kind, value) for kind, value in sorted(self.elements.items()))


def parse(data: bytes) -> Message:
    """Read a message. Raises MalformedError."""
    if len(data) < 3 or data[0] != _Q931:  # noqa: PLR2004 - discriminator, length of the reference, kind
        raise MalformedError("this is no Q.931", INVALID_MESSAGE)
    size = data[1]
    at = 2 + size
    if size > _REFERENCE_BYTES or len(data) <= at:
        raise MalformedError("the call reference does not fit", INVALID_MESSAGE)
    reference = int.from_bytes(data[2:at], "big")
    flag = 1 << (8 * size - 1) if size else 0
    return Message(data[at], reference & ~flag, bool(reference & flag), _elements(data, at + 1))


def _elements(data: bytes, at: int) -> dict[int, bytes]:
    """All elements of code set 0."""
    elements: dict[int, bytes] = {}
    foreign = once = False
    for _ in range(MOST_ELEMENTS):
        if at >= len(data):
            return elements
        kind = data[at]
        if kind & _SINGLE:
            at += 1
            if kind & 0xF0 == _SHIFT:
                # To another code set: for the next element alone, or from here on (4.5.3, 4.5.4).
                once, foreign = bool(kind & 0x08), bool(kind & 0x07)
            continue
        header = 3 if kind == Element.USER_USER else 2
        length = int.from_bytes(data[at + 1 : at + header], "big")
        end = at + header + length
        if at + header > len(data) or end > len(data):
            raise MalformedError("an element does not fit into its message", INVALID_CONTENTS)
        if not foreign:
            elements.setdefault(kind, data[at + header : end])
        if once:
            once = foreign = False
        at = end
    raise MalformedError("there are too many elements", INVALID_MESSAGE)


def _element(kind: int, value: bytes) -> bytes:
    size = 2 if kind == Element.USER_USER else 1
    if len(value) >= 1 << 8 * size:
        raise MalformedError("an element is too long", INVALID_CONTENTS)
    return bytes((kind,)) + len(value).to_bytes(size, "big") + value


def _text(value: bytes) -> str:
    return value[:MOST_TEXT].rstrip(b"\0").decode("latin-1")


def _number(value: bytes) -> Number | None:
    """Octet 3 says the kind of number, octet 3a, which may be left out, whether to show it (4.5.10)."""
    if not value:
        return None
    more = not value[0] & _LAST and len(value) > 1
    restricted = more and value[1] >> 5 & 3 == 1
    return Number(_text(value[2 if more else 1 :]), value[0] >> 4 & 7 == 1, restricted)


# What goes into elements.


def user_user(information: bytes) -> bytes:
    """What H.225.0 says."""
    return bytes((_USER_USER,)) + information


def cause(value: int) -> bytes:
    """A cause of the user's own (Q.850)."""
    return bytes((_LAST, _LAST | value))


def call_state(value: int) -> bytes:
    """A state by table 4-8."""
    return bytes((value,))


def text(words: str) -> bytes:
    """What is to be displayed, or keys."""
    return words[:MOST_TEXT].encode("latin-1", "replace")


def number(digits: str) -> bytes:
    """A number of the plan for telephony, with a + for one with its country's code."""
    international = digits.startswith("+")
    return bytes((_LAST | international << 4 | 1,)) + digits.removeprefix("+").encode("ascii", "replace")


def video_bearer() -> bytes:
    """Unrestricted digital information at 384 kbit/s for H.221 and H.242, as video calls have it (7.2.2.1)."""
    return bytes((0x88, 0x93, 0xA5))
