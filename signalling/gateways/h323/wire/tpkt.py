"""Messages on a TCP connection: four bytes before each (RFC 1006 section 6), as H.225.0 and H.245 use them."""

from typing import Final

from signalling.gateways.h323.errors import INVALID_MESSAGE, MalformedError

HEADER: Final = 4
VERSION: Final = 3
MOST: Final = 32_768
"""What a message of a peer's may have; the largest seen, with thirty offered channels, has 2 kB."""
LONGEST: Final = 65_535 - HEADER


def wrap(message: bytes) -> bytes:
    """Put the header before a message. Raises MalformedError for one that is too long for it."""
    if len(message) > LONGEST:
        raise MalformedError("a message is too long", INVALID_MESSAGE)
    return bytes((VERSION, 0)) + (len(message) + HEADER).to_bytes(2, "big") + message


class Framer:
    """Cuts messages out of one direction of a connection. Keeps one that is not complete, and no more."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = MOST) -> None:
        self._kept = bytearray()
        self._most = most

    @property
    def unfinished(self) -> bool:
        """Whether part of a message is here and its rest is not."""
        return bool(self._kept)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, give the messages that are complete with them; empty ones keep connections alive.

        Raises MalformedError where the stream is of another kind or a message too long; nothing comes after it.
        """
        self._kept += data
        messages, at = [], 0
        while len(self._kept) - at >= HEADER:
            length = self._length(at)
            if len(self._kept) - at < length:
                break
            if length > HEADER:
                messages.append(bytes(self._kept[at + HEADER : at + length]))
            at += length
        del self._kept[:at]
        return messages

    def _length(self, at: int) -> int:
        length = int.from_bytes(self._kept[at + 2 : at + HEADER], "big")
        if self._kept[at] != VERSION or length < HEADER:
            raise MalformedError("this is no TPKT", INVALID_MESSAGE)
        if length > self._most:
            raise MalformedError("a message is too long", INVALID_MESSAGE)
        return length
