"""Requests and responses (RFC 3261 section 7). `parse` in `parsing` makes them of bytes, `encode` gives bytes.

A message that came out of `parse` has been checked: the typed views below do not raise on it.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from signalling.gateways.sip.errors import reason_phrase
from signalling.gateways.sip.headers import Headers
from signalling.gateways.sip.values import CSeq, NameAddr, RAck, SessionExpires, Uri, Via

VERSION: Final = "SIP/2.0"
_BREAK: Final = re.compile(r"[\r\n]")


@dataclass(slots=True)
class Message:
    """What requests and responses have in common."""

    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def vias(self) -> list[Via]:
        """All Via values, the nearest hop first."""
        return [Via.parse(item) for item in self.headers.items("Via")]

    @property
    def via(self) -> Via:
        """The nearest hop."""
        return Via.parse(self.headers.items("Via")[0])

    @via.setter
    def via(self, via: Via) -> None:
        self.headers.set("Via", str(via), *self.headers.items("Via")[1:])

    @property
    def from_(self) -> NameAddr:
        """Who sent the request."""
        return NameAddr.parse(self.headers.get("From") or "")

    @property
    def to(self) -> NameAddr:
        """Whom the request was meant for."""
        return NameAddr.parse(self.headers.get("To") or "")

    @property
    def call_id(self) -> str:
        """The identifier shared by all that belongs to one call or registration."""
        return self.headers.get("Call-ID") or ""

    @property
    def cseq(self) -> CSeq:
        """Number and method."""
        return CSeq.parse(self.headers.get("CSeq") or "")

    @property
    def contacts(self) -> list[NameAddr]:
        """Contact values; `*` is none of them."""
        return [NameAddr.parse(item) for item in self.headers.items("Contact") if item != "*"]

    @property
    def routes(self) -> list[NameAddr]:
        """Route values."""
        return [NameAddr.parse(item) for item in self.headers.items("Route")]

    @property
    def record_routes(self) -> list[NameAddr]:
        """Record-Route values."""
        return [NameAddr.parse(item) for item in self.headers.items("Record-Route")]

    @property
    def rseq(self) -> int | None:
        """The number of a reliable provisional response (RFC 3262)."""
        return self.integer("RSeq")

    @property
    def rack(self) -> RAck | None:
        """What a PRACK acknowledges (RFC 3262)."""
        value = self.headers.get("RAck")
        return None if value is None else RAck.parse(value)

    @property
    def session_expires(self) -> SessionExpires | None:
        """The session's interval (RFC 4028)."""
        value = self.headers.get("Session-Expires")
        return None if value is None else SessionExpires.parse(value)

    @property
    def content_type(self) -> str:
        """The body's media type in lower case, without parameters; empty if none is said."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip(" \t").lower()

    @property
    def sdp(self) -> bytes | None:
        """The body if it is a session description."""
        return self.body if self.body and self.content_type == "application/sdp" else None

    def integer(self, name: str) -> int | None:
        """A header that is one number, parameters and comments aside; None if it is not there or is no number."""
        value = re.match(r"[0-9]{1,10}", self.headers.get(name) or "")
        return int(value.group()) if value else None

    def set_body(self, content_type: str, body: bytes) -> None:
        """Carry this body."""
        self.headers.set("Content-Type", content_type)
        self.body = body

    @property
    def start_line(self) -> str:
        """The first line."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """The bytes to send, Content-Length included.

        Raises ValueError if a value has a line break in it, which would let it write headers of its own.
        """
        self.headers.set("Content-Length", str(len(self.body)))
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        if any(_BREAK.search(line) for line in lines):
            raise ValueError("A header value has a line break in it.")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass(slots=True)
class Request(Message):
    """A request."""

    method: str = ""
    uri: Uri = field(default_factory=lambda: Uri("sip", "invalid"))

    @property
    def start_line(self) -> str:
        """Method, URI and version."""
        return f"{self.method} {self.uri} {VERSION}"


@dataclass(slots=True)
class Response(Message):
    """A response; `status` is 100..699."""

    status: int = 0
    reason: str = ""

    @property
    def start_line(self) -> str:
        """Version, status and reason."""
        return f"{VERSION} {self.status} {self.reason}"

    @property
    def is_final(self) -> bool:
        """Whether it ends its transaction."""
        return self.status >= 200  # noqa: PLR2004

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004


def answer(request: Request, status: int, to_tag: str | None = None, reason: str | None = None) -> Response:
    """Make a response to `request` (RFC 3261 section 8.2.6): its Via, From, To, Call-ID and CSeq, a tag added."""
    response = Response(status=status, reason=reason_phrase(status) if reason is None else reason)
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        for line in request.headers.lines(name):
            response.headers.add(name, line)
    if status == 100:  # noqa: PLR2004
        for line in request.headers.lines("Timestamp"):
            response.headers.add("Timestamp", line)
    elif to_tag is not None and request.to.tag is None:
        response.headers.set("To", str(request.to.with_tag(to_tag)))
    return response
