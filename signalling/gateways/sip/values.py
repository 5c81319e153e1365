"""Typed header values, each with the text that it is written as (RFC 3261 section 20)."""

import re
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import unquote as unescape

from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.grammar import (
    QUOTED,
    TOKEN,
    Params,
    parse_host_port,
    parse_integer,
    parse_params,
    quote,
    unquote,
    write_params,
)

MAX_CSEQ: Final = 2**31 - 1
MAX_SECONDS: Final = 2**32 - 1
MAGIC: Final = "z9hG4bK"
"""What a branch begins with that is unique (RFC 3261 section 8.1.1.7)."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_OPAQUE: Final = re.compile(r"[^\s<>\"\\]+")
_USER: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|%[0-9A-Fa-f]{2})+")
_PASSWORD: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2})*")
_URI_PARAM: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$]|%[0-9A-Fa-f]{2})+")
_URI_HEADERS: Final = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$&=]|%[0-9A-Fa-f]{2})+")
_NAME: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~ \t]*")


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP or SIPS URI (RFC 3261 section 19.1); of any other scheme only `scheme` and `opaque` are set.

    User and parameters are kept as written, escapes included, so that a URI is given back unchanged.
    """

    scheme: str
    host: str = ""
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    params: Params = field(default_factory=dict)
    headers: str = ""
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one URI. Raises MalformedError."""
        scheme, colon, rest = text.partition(":")
        if not colon or not _SCHEME.fullmatch(scheme):
            raise MalformedError("A URI has no scheme.")
        if scheme.lower() not in ("sip", "sips"):
            if not _OPAQUE.fullmatch(rest):
                raise MalformedError("A URI is malformed.")
            return cls(scheme.lower(), opaque=rest)
        userinfo, at, where = rest.rpartition("@")
        user, password = _parse_userinfo(userinfo) if at else (None, None)
        where, question, headers = where.partition("?")
        if question and not _URI_HEADERS.fullmatch(headers):
            raise MalformedError("The headers of a URI are malformed.")
        place, *params = where.split(";")
        if " " in place or "\t" in place:
            raise MalformedError("A URI has white space in it.")
        host, port = parse_host_port(place)
        return cls(scheme.lower(), host, port, user, password, _parse_uri_params(params), headers)

    @property
    def user_text(self) -> str:
        """The user part as text, escapes resolved; empty if there is none."""
        return unescape(self.user) if self.user is not None else ""

    def bare(self) -> Self:
        """The same without password, parameters and headers: who or what is addressed, not how."""
        return replace(self, password=None, params={}, headers="")

    def __str__(self) -> str:
        if not self.host:
            return f"{self.scheme}:{self.opaque}"
        password = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{write_params(self.params)}{headers}"


def _parse_userinfo(text: str) -> tuple[str, str | None]:
    user, colon, password = text.partition(":")
    if not _USER.fullmatch(user) or (colon and not _PASSWORD.fullmatch(password)):
        raise MalformedError("The user part of a URI is malformed.")
    return user, password if colon else None


def _parse_uri_params(items: list[str]) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not _URI_PARAM.fullmatch(name) or (equals and not _URI_PARAM.fullmatch(value)):
            raise MalformedError("A parameter of a URI is malformed.")
        params.setdefault(name.lower(), value if equals else None)
    return params


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A URI with a display name and parameters: From, To, Contact, Route, Record-Route."""

    uri: Uri
    name: str = field(default="", repr=False)
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `"Name" <uri>;params` or `uri;params`. Raises MalformedError.

        Without angle brackets everything from the first semicolon on belongs to the header, and neither comma nor
        question mark may stand in the URI (RFC 3261 section 20).
        """
        text = text.strip(" \t")
        quoted = QUOTED.match(text)
        if quoted:
            name, rest = unquote(quoted.group()), text[quoted.end() :].lstrip(" \t")
        else:
            name, bracket, after = text.partition("<")
            name, rest = (name.strip(" \t"), bracket + after) if bracket else ("", text)
            if not _NAME.fullmatch(name):
                raise MalformedError("A display name has to be quoted.")
        if rest.startswith("<"):
            uri, bracket, params = rest[1:].partition(">")
            if not bracket:
                raise MalformedError("An angle bracket is not closed.")
            return cls(Uri.parse(uri), name, parse_params(params.strip(" \t")))
        if quoted:
            raise MalformedError("After a quoted display name stands a URI in angle brackets.")
        uri, semicolon, params = rest.partition(";")
        if "?" in uri or "," in uri:
            raise MalformedError("This URI needs angle brackets.")
        return cls(Uri.parse(uri.rstrip(" \t")), "", parse_params(semicolon + params))

    @property
    def tag(self) -> str | None:
        """The tag that makes it one end of a dialog."""
        return self.params.get("tag")

    def with_tag(self, tag: str) -> Self:
        """The same with this tag."""
        return replace(self, params={**self.params, "tag": tag})

    def __str__(self) -> str:
        name = f"{quote(self.name)} " if self.name else ""
        return f"{name}<{self.uri}>{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of a request (RFC 3261 section 20.42); `transport` in upper case."""

    transport: str
    host: str
    port: int | None = None
    params: Params = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `SIP/2.0/UDP host:port;params`, white space around the slashes allowed. Raises MalformedError."""
        head, semicolon, params = text.partition(";")
        protocol, slash, rest = head.partition("/")
        version, second, rest = rest.partition("/")
        transport, _, place = rest.strip(" \t").replace("\t", " ").partition(" ")
        if not slash or not second or protocol.strip(" \t").upper() != "SIP" or version.strip(" \t") != "2.0":
            raise MalformedError("A Via is not of SIP/2.0.")
        if not TOKEN.fullmatch(transport):
            raise MalformedError("A Via has no transport.")
        host, port = parse_host_port(place.strip(" \t"))
        return cls(transport.upper(), host, port, parse_params(semicolon + params))

    @property
    def branch(self) -> str:
        """The name of the transaction on this hop; empty from peers older than RFC 3261."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port as they count in matching."""
        default = 5061 if self.transport == "TLS" else 5060
        return f"{self.host.lower()}:{self.port or default}"

    def with_params(self, **params: str | None) -> Self:
        """The same with these parameters besides."""
        return replace(self, params={**self.params, **params})

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """A request's number and method (RFC 3261 section 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `number METHOD`. Raises MalformedError."""
        number, method = _words(text, 2)
        if not TOKEN.fullmatch(method):
            raise MalformedError("A CSeq has no method.")
        return cls(parse_integer(number, MAX_CSEQ), method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class RAck:
    """Which reliable provisional response a PRACK acknowledges (RFC 3262 section 7.2)."""

    rseq: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `rseq number METHOD`. Raises MalformedError."""
        rseq, number, method = _words(text, 3)
        return cls(parse_integer(rseq, MAX_SECONDS), CSeq.parse(f"{number} {method}"))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq}"


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """Session-Expires (RFC 4028 section 4): `seconds`, and which side refreshes if that is said."""

    seconds: int
    refresher: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `seconds;refresher=uac`. Raises MalformedError."""
        seconds, semicolon, rest = text.partition(";")
        refresher = parse_params(semicolon + rest).get("refresher")
        if refresher is not None and refresher.lower() not in ("uac", "uas"):
            raise MalformedError("A session is refreshed by uac or uas.")
        return cls(parse_integer(seconds.strip(" \t"), MAX_SECONDS), refresher and refresher.lower())

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def _words(text: str, count: int) -> list[str]:
    words = text.replace("\t", " ").split()
    if len(words) != count:
        raise MalformedError("A header value has too few or too many words.")
    return words
