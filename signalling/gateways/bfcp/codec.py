"""Messages of BFCP to bytes and back (RFC 8855 section 5, RFC 4582 section 5). Without clock and socket.

Version 1 is that of reliable transports, version 2 of UDP, where peers made after drafts write 1 as well.
Fragments (section 5.1) are turned down: what a floor with one screen needs fits any packet.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

RELIABLE: Final = 1
UNRELIABLE: Final = 2
HEADER_BYTES: Final = 12
LARGEST: Final = 1400
"""Bytes of a message that is looked at."""
MOST_ATTRIBUTES: Final = 64
_DEEPEST: Final = 3
_HEADER: Final = struct.Struct("!BBHIHH")
_RESPONSE: Final = 0x10
_FRAGMENT: Final = 0x08


class Primitive(IntEnum):
    """RFC 8855 table 1."""

    FLOOR_REQUEST = 1
    FLOOR_RELEASE = 2
    FLOOR_REQUEST_QUERY = 3
    FLOOR_REQUEST_STATUS = 4
    USER_QUERY = 5
    USER_STATUS = 6
    FLOOR_QUERY = 7
    FLOOR_STATUS = 8
    CHAIR_ACTION = 9
    CHAIR_ACTION_ACK = 10
    HELLO = 11
    HELLO_ACK = 12
    ERROR = 13
    FLOOR_REQUEST_STATUS_ACK = 14
    FLOOR_STATUS_ACK = 15
    GOODBYE = 16
    GOODBYE_ACK = 17


class Kind(IntEnum):
    """Attributes: RFC 8855 table 2."""

    BENEFICIARY_ID = 1
    FLOOR_ID = 2
    FLOOR_REQUEST_ID = 3
    PRIORITY = 4
    REQUEST_STATUS = 5
    ERROR_CODE = 6
    ERROR_INFO = 7
    PARTICIPANT_PROVIDED_INFO = 8
    STATUS_INFO = 9
    SUPPORTED_ATTRIBUTES = 10
    SUPPORTED_PRIMITIVES = 11
    USER_DISPLAY_NAME = 12
    USER_URI = 13
    BENEFICIARY_INFORMATION = 14
    FLOOR_REQUEST_INFORMATION = 15
    REQUESTED_BY_INFORMATION = 16
    FLOOR_REQUEST_STATUS = 17
    OVERALL_REQUEST_STATUS = 18


class Status(IntEnum):
    """Of a request for the floor: RFC 8855 table 4."""

    PENDING = 1
    ACCEPTED = 2
    GRANTED = 3
    DENIED = 4
    CANCELLED = 5
    RELEASED = 6
    REVOKED = 7


class Fault(IntEnum):
    """Error codes: RFC 8855 table 5."""

    NO_CONFERENCE = 1
    NO_USER = 2
    UNKNOWN_PRIMITIVE = 3
    UNKNOWN_ATTRIBUTE = 4
    UNAUTHORIZED = 5
    NO_FLOOR = 6
    NO_REQUEST = 7
    TOO_MANY = 8
    UNPARSABLE = 10
    BAD_VERSION = 12
    BAD_LENGTH = 13


GROUPED: Final = frozenset(range(Kind.BENEFICIARY_INFORMATION, Kind.OVERALL_REQUEST_STATUS + 1))
"""Attributes that begin with a number of 16 bits and hold others."""
_OF_16_BITS: Final = frozenset({Kind.BENEFICIARY_ID, Kind.FLOOR_ID, Kind.FLOOR_REQUEST_ID, Kind.REQUEST_STATUS})


class BfcpError(Exception):
    """Bytes that are no message; `fault` is what an answer says of them, None where there is nobody to answer."""

    code = "bfcp_malformed"

    def __init__(self, fault: Fault | None, header: "Message | None" = None) -> None:
        self.fault = fault
        self.header = header
        super().__init__(f"not a message of BFCP: {'too short' if fault is None else fault.name.lower()}")


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `value` is what it holds beside those `inside`: of a group the number at its head."""

    kind: int
    value: bytes
    inside: tuple["Attribute", ...] = ()
    mandatory: bool = True

    @property
    def number(self) -> int:
        """Its value as a number."""
        return int.from_bytes(self.value, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; `response` is of unreliable transports alone."""

    primitive: int
    conference: int
    transaction: int
    user: int
    attributes: tuple[Attribute, ...] = ()
    version: int = UNRELIABLE
    response: bool = False

    def first(self, kind: Kind) -> Attribute | None:
        """The first attribute of a kind."""
        return next((one for one in self.attributes if one.kind == kind), None)

    def numbers(self, kind: Kind) -> list[int]:
        """The values of all attributes of a kind."""
        return [one.number for one in self.attributes if one.kind == kind]


def parse(data: bytes) -> Message:
    """Read one message. Raises BfcpError, for any other bytes."""
    if len(data) < HEADER_BYTES:
        raise BfcpError(None)
    first, primitive, words, conference, transaction, user = _HEADER.unpack_from(data)
    header = Message(
        primitive=primitive,
        conference=conference,
        transaction=transaction,
        user=user,
        version=first >> 5,
        response=bool(first & _RESPONSE),
    )
    if header.version not in (RELIABLE, UNRELIABLE):
        raise BfcpError(Fault.BAD_VERSION, header)
    if len(data) > LARGEST or len(data) != HEADER_BYTES + 4 * words:
        raise BfcpError(Fault.BAD_LENGTH, header)
    if first & _FRAGMENT:
        raise BfcpError(Fault.UNPARSABLE, header)
    attributes = _attributes(data[HEADER_BYTES:], header, 0)
    return Message(
        primitive=primitive,
        conference=conference,
        transaction=transaction,
        user=user,
        attributes=attributes,
        version=header.version,
        response=header.response,
    )


def length_of(head: bytes) -> int:
    """How long a message on a stream is, by its first twelve bytes."""
    return HEADER_BYTES + 4 * int.from_bytes(head[2:4], "big")


def write(message: Message) -> bytes:
    """Write a message. Raises ValueError for one that is too long."""
    body = b"".join(map(_written, message.attributes))
    if HEADER_BYTES + len(body) > LARGEST:
        raise ValueError("a message of BFCP is too long")
    return (
        _HEADER.pack(
            message.version << 5 | (_RESPONSE if message.response else 0),
            message.primitive,
            len(body) // 4,
            message.conference,
            message.transaction,
            message.user,
        )
        + body
    )


def _attributes(data: bytes, header: Message, depth: int) -> tuple[Attribute, ...]:
    found: list[Attribute] = []
    at = 0
    while at < len(data):
        length = data[at + 1] if at + 2 <= len(data) else 0
        if not 2 <= length <= len(data) - at or len(found) == MOST_ATTRIBUTES:  # noqa: PLR2004 - its own two bytes
            raise BfcpError(Fault.UNPARSABLE, header)
        found.append(_attribute(data[at], data[at + 2 : at + length], header, depth))
        at += (length + 3) & ~3
    return tuple(found)


def _attribute(first: int, value: bytes, header: Message, depth: int) -> Attribute:
    kind, mandatory = first >> 1, bool(first & 1)
    if kind in _OF_16_BITS and len(value) != 2:  # noqa: PLR2004
        raise BfcpError(Fault.UNPARSABLE, header)
    if kind not in GROUPED:
        return Attribute(kind, value, mandatory=mandatory)
    if len(value) < 2 or depth == _DEEPEST:  # noqa: PLR2004
        raise BfcpError(Fault.UNPARSABLE, header)
    return Attribute(kind, value[:2], _attributes(value[2:], header, depth + 1), mandatory)


def _written(attribute: Attribute) -> bytes:
    body = attribute.value + b"".join(map(_written, attribute.inside))
    length = 2 + len(body)
    return bytes((attribute.kind << 1 | attribute.mandatory, length)) + body + bytes(-length % 4)
