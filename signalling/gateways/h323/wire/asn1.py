"""H.225.0, RAS, H.245 and H.235 messages as values: `decode` and `encode`, without state."""

from enum import Enum
from typing import Final

from signalling.gateways.h323.errors import MalformedError
from signalling.gateways.h323.wire import tables
from signalling.gateways.h323.wire.bits import Reader, Writer
from signalling.gateways.h323.wire.types import Value

__all__ = ["LARGEST", "Kind", "Value", "available", "decode", "encode", "prepare"]

LARGEST: Final = 65_535
"""Bytes of a message that is looked at."""
_VALUES_PER_BYTE: Final = 4
_FEW_VALUES: Final = 64
_MOST_VALUES: Final = 4_096
"""Ten times what the largest captured set of capabilities has. Values are what decoding takes its time for."""


class Kind(Enum):
    """What can be coded, by the recommendation, the module and the type in it."""

    H225 = ("H225", "H323_MESSAGES", "H323_UserInformation")
    RAS = ("H225", "H323_MESSAGES", "RasMessage")
    H245 = ("H245", "MULTIMEDIA_SYSTEM_CONTROL", "MultimediaSystemControlMessage")
    CHANNEL = ("H245", "MULTIMEDIA_SYSTEM_CONTROL", "OpenLogicalChannel")
    """What fast start carries."""
    CLEAR_TOKEN = ("H235", "H235_SECURITY_MESSAGES", "ClearToken")
    PASSWORD_TOKEN = ("H235", "H235_SECURITY_MESSAGES", "PwdCertToken")
    H235_KEY = ("H235", "H235_SECURITY_MESSAGES", "H235Key")


def available() -> bool:
    """Whether the extra `h323` is installed; loads nothing."""
    return tables.available()


def prepare() -> None:
    """Load everything, which takes a second or more the first time. Raises UnavailableError."""
    for kind in Kind:
        tables.load(*kind.value)


def decode(kind: Kind, data: bytes) -> Value:
    """Read one message; what follows its value is passed over.

    Raises MalformedError for any other bytes, and for those that would give far more values than messages in use.
    """
    if len(data) > LARGEST:
        raise MalformedError("the message is too long")
    budget = min(_VALUES_PER_BYTE * len(data) + _FEW_VALUES, _MOST_VALUES)
    return tables.load(*kind.value).decode(Reader(data, budget), 0)


def encode(kind: Kind, value: Value) -> bytes:
    """Write one message. Raises MalformedError for a value that is not of its type, saying where."""
    writer = Writer()
    tables.load(*kind.value).encode(writer, value, 0)
    return writer.finish()
