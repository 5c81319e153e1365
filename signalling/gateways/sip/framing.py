"""Messages out of a stream of bytes (RFC 3261 section 18.3), with keep-alives (RFC 5626 section 3.5.1)."""

import re
from typing import Final

from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.parsing import MAX_BODY, MAX_HEAD

PING: Final = b"\r\n\r\n"
PONG: Final = b"\r\n"
MAX_PINGS: Final = 64
"""How many line breaks may stand between two messages."""

_LENGTH: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)


class FramingError(MalformedError):
    """The stream cannot be followed any further; the connection has to be closed."""


class Framer:
    """Cuts one connection's bytes into messages. Holds at most one unfinished message of bounded size."""

    __slots__ = ("_buffer", "_searched", "_size", "answers")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._size: int | None = None
        self.answers = 0
        """Keep-alives that have to be answered with `PONG`; the caller sets it back."""

    @property
    def unfinished(self) -> bool:
        """Whether part of a message has come and the rest has not."""
        return bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read and give the messages that are whole now.

        Raises FramingError if the headers do not end, lack a length (mandatory on streams) or announce too much;
        messages before that are lost with the connection.
        """
        self._buffer += data
        messages = []
        while self._buffer:
            self._skip_breaks()
            message = self._cut()
            if message is None:
                break
            messages.append(message)
        return messages

    def _skip_breaks(self) -> None:
        """Between two messages, line breaks are keep-alives: every two of them are a ping."""
        if self._searched:
            return
        breaks = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        pings = breaks // len(PING)
        self.answers += pings
        if breaks > MAX_PINGS * len(PING):
            raise FramingError("There are only line breaks.")
        # An odd break at the end may be the first half of a ping, so it waits for what comes.
        del self._buffer[: breaks if breaks < len(self._buffer) else pings * len(PING)]

    def _cut(self) -> bytes | None:
        if self._size is None:
            self._size = self._measure()
        if self._size is None or len(self._buffer) < self._size:
            return None
        message = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        self._size, self._searched = None, 0
        return message

    def _measure(self) -> int | None:
        """The whole size of the message at the front, once its headers are there."""
        if not self._buffer.lstrip(b"\r\n"):
            return None
        # The blank line may begin in what has been searched already.
        end = self._buffer.find(b"\r\n\r\n", max(self._searched - 3, 0))
        if end < 0:
            self._searched = len(self._buffer)
            if len(self._buffer) > MAX_HEAD:
                raise FramingError("The headers do not end.")
            return None
        lengths = {int(length) for length in _LENGTH.findall(self._buffer[: end + 2])}
        if len(lengths) != 1:
            raise FramingError("A message on a stream needs one Content-Length.")
        length = lengths.pop()
        if length > MAX_BODY:
            raise FramingError("The body is too large.")
        return end + 4 + length
