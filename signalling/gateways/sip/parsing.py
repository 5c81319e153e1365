"""Bytes of one message to a checked `Request` or `Response`, within limits (RFC 3261 sections 7.3 and 25)."""

import re
from collections.abc import Callable
from typing import Final

from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.grammar import TOKEN, parse_integer, split
from signalling.gateways.sip.headers import Headers
from signalling.gateways.sip.message import VERSION, Message, Request, Response
from signalling.gateways.sip.values import MAX_SECONDS, CSeq, NameAddr, RAck, SessionExpires, Uri, Via

MAX_HEAD: Final = 32_768
"""Bytes of start line and headers."""
MAX_LINE: Final = 8_192
MAX_FIELDS: Final = 256
MAX_BODY: Final = 65_536
MAX_FORWARDS: Final = 255

_CONTROL: Final = re.compile(r"(?<!\\)[\x00-\x08\x0a-\x1f\x7f]|[\r\n]")
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)
_MEDIA_TYPE: Final = re.compile(r"[^\s/;,\"]+[ \t]*/[ \t]*[^\s/;,\"]+")
_CALL_ID: Final = re.compile(r"[^\s]+")
_MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")
_ONCE: Final = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "RAck", "RSeq")


class MalformedMessageError(MalformedError):
    """A message that cannot be taken. `request` is there if it is one that can be answered all the same."""

    def __init__(self, detail: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(detail, status)
        self.request = request


def parse(data: bytes) -> Request | Response:
    """Read one message; what follows the body that Content-Length announces is left aside (RFC 3261 section 18.3).

    Raises MalformedMessageError, and nothing else, whatever the bytes are.
    """
    head, blank, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not blank or len(head) > MAX_HEAD:
        raise MalformedMessageError("A message has no end to its headers, or too many of them.")
    first, *lines = _unfold(_text(head))
    message = _start(first)
    try:
        message.headers = _headers(lines)
        _check(message)
        message.body = _body(message, body)
        if isinstance(message, Request):
            _check_request(message, first)
    except MalformedError as error:
        raise MalformedMessageError(error.detail, error.status, _answerable(message)) from error
    return message


def _text(head: bytes) -> str:
    """SIP is UTF-8; some older endpoints send names in Latin-1, which is no reason to refuse their calls."""
    try:
        return head.decode()
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _unfold(text: str) -> list[str]:
    lines: list[str] = []
    for line in text.split("\r\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.strip(" \t")
        else:
            lines.append(line)
        if len(lines[-1]) > MAX_LINE or len(lines) > MAX_FIELDS:
            raise MalformedMessageError("A line is too long, or there are too many.")
        if _CONTROL.search(line):
            raise MalformedMessageError("A header has a control character in it.")
    return lines


def _start(line: str) -> Request | Response:
    """Read the start line as far as a response to it needs; `_check_request` goes on."""
    status = _STATUS_LINE.fullmatch(line)
    if status:
        return Response(status=int(status[1]), reason=status[2] or "")
    method = line.partition(" ")[0]
    if line[:4].upper() == "SIP/" or not TOKEN.fullmatch(method):
        raise MalformedMessageError("The first line is neither a request's nor a response's.")
    return Request(method=method)


def _headers(lines: list[str]) -> Headers:
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not TOKEN.fullmatch(name):
            raise MalformedError("A header line is malformed.")
        fields.append((name, value.strip(" \t")))
    return Headers(fields)


def _check_request(request: Request, line: str) -> None:
    parts = line.split(" ")
    version = parts[-1].upper()
    if version != VERSION and re.fullmatch(r"SIP/[0-9]+\.[0-9]+", version):
        raise MalformedError("This is SIP/2.0.", 505)
    if len(parts) != 3 or version != VERSION:  # noqa: PLR2004
        raise MalformedError("The request line is malformed.")
    request.uri = Uri.parse(parts[1])
    if request.cseq.method != request.method:
        raise MalformedError("The methods of CSeq and request line differ.")


def _body(message: Message, rest: bytes) -> bytes:
    length = message.headers.get("Content-Length")
    if length is None:
        length = str(len(rest))
    size = parse_integer(length, 10**9)
    if size > MAX_BODY:
        raise MalformedError("The body is too large.", 513)
    if size > len(rest):
        raise MalformedError("The body is shorter than its Content-Length.")
    return rest[:size]


def _answerable(message: Request | Response) -> Request | None:
    """The request if a response to it could find its way, with only what that response needs."""
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    kept = Request(method=message.method)
    try:
        for name in _MANDATORY:
            for line in message.headers.lines(name)[: None if name == "Via" else 1]:
                kept.headers.add(name, line)
        _check_mandatory(kept)
    except MalformedError:
        return None
    return kept


def _check_mandatory(message: Message) -> None:
    for name in _MANDATORY:
        lines = message.headers.lines(name)
        if not lines or not all(lines):
            raise MalformedError("A mandatory header is missing.")
        for line in lines:
            _CHECKS[name](line)


def _check(message: Message) -> None:
    for name in _ONCE:
        if len(message.headers.lines(name)) > 1:
            raise MalformedError("A header stands twice that may stand once.")
    _check_mandatory(message)
    for name, value in message.headers:
        check = _CHECKS.get(name)
        if check is not None and name not in _MANDATORY:
            check(value)


def _each(read: Callable[[str], object], *, nothing: bool = True) -> Callable[[str], object]:
    """Check every item of a comma-separated line; whether the line may be empty."""

    def check(value: str) -> None:
        items = split(value, ",")
        if items == [""] and nothing:
            return
        for item in items:
            read(item)

    return check


def _contact(value: str) -> object:
    return value == "*" or NameAddr.parse(value)


def _pattern(pattern: re.Pattern[str]) -> Callable[[str], object]:
    def check(value: str) -> None:
        if not pattern.fullmatch(value):
            raise MalformedError("A header value is malformed.")

    return check


def _number(limit: int, *, more: bool = False) -> Callable[[str], object]:
    """Check a number; whether parameters or a comment may follow."""

    def check(value: str) -> None:
        parse_integer(re.split(r"[ \t;(]", value, maxsplit=1)[0] if more else value, limit)

    return check


def _media_type(value: str) -> None:
    kind, *_ = split(value, ";")
    if not _MEDIA_TYPE.fullmatch(kind):
        raise MalformedError("A media type is malformed.")


_tokens: Final = _each(_pattern(TOKEN))
_CHECKS: Final[dict[str, Callable[[str], object]]] = {
    "Via": _each(Via.parse, nothing=False),
    "From": NameAddr.parse,
    "To": NameAddr.parse,
    "Call-ID": _pattern(_CALL_ID),
    "CSeq": CSeq.parse,
    "Contact": _each(_contact),
    "Route": _each(NameAddr.parse),
    "Record-Route": _each(NameAddr.parse),
    "Max-Forwards": _number(MAX_FORWARDS),
    "Expires": _number(MAX_SECONDS),
    "Min-Expires": _number(MAX_SECONDS),
    "Min-SE": _number(MAX_SECONDS, more=True),
    "Retry-After": _number(MAX_SECONDS, more=True),
    "Session-Expires": SessionExpires.parse,
    "RSeq": _number(MAX_SECONDS),
    "RAck": RAck.parse,
    "Content-Type": _media_type,
    "Require": _tokens,
    "Proxy-Require": _tokens,
    "Supported": _tokens,
    "Unsupported": _tokens,
    "Allow": _tokens,
}
