"""The lexical rules of SIP's header values (RFC 3261 section 25.1).

Every pattern here is a repetition over alternatives that differ in their first character, so that matching is
linear in the text whatever a stranger sends. Values are text after unfolding: white space is blanks and tabs.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from signalling.gateways.sip.errors import MalformedError

Params = Mapping[str, str | None]
"""Parameters in their order, names in lower case. A value is kept as it was written, quotes included, so that what
has to be given back unchanged (tags, branches) is."""

TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
QUOTED: Final = re.compile(_QUOTED)
_ITEMS: Final = {separator: re.compile(rf'(?:[^"<>{separator}]|{_QUOTED}|<[^<>]*>)*') for separator in (",", ";")}
_PARAM_VALUE: Final = re.compile(rf'{_QUOTED}|[^\s",;<>=][^\s",;<>]*')
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?")
_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_ESCAPE: Final = re.compile(r"\\(.)")
MAX_HOST: Final = 255
MAX_PORT: Final = 65_535


def split(text: str, separator: str) -> list[str]:
    """Split at `separator` (comma or semicolon) outside quoted strings and angle brackets; items are stripped."""
    pattern, items, at = _ITEMS[separator], [], 0
    while True:
        found = pattern.match(text, at)
        if found is None:
            raise MalformedError("A header value cannot be read.")
        items.append(found.group().strip(" \t"))
        at = found.end()
        if at == len(text):
            return items
        if text[at] != separator:
            raise MalformedError("A quote or an angle bracket is not closed.")
        at += 1


def split_list(text: str) -> list[str]:
    """Split a comma-separated header value; an empty item is an error (RFC 4475 section 3.1.2.1)."""
    items = split(text, ",")
    if not all(items):
        raise MalformedError("A list has an empty item.")
    return items


def parse_params(text: str) -> dict[str, str | None]:
    """Read `;name=value;name`; of a name that stands twice the first counts."""
    head, *items = split(text, ";")
    if head:
        raise MalformedError("Parameters begin with a semicolon.")
    params: dict[str, str | None] = {}
    for item in items:
        name, equals, value = item.partition("=")
        name, value = name.rstrip(" \t"), value.lstrip(" \t")
        if not TOKEN.fullmatch(name) or (equals and not _PARAM_VALUE.fullmatch(value)):
            raise MalformedError("A parameter is malformed.")
        params.setdefault(name.lower(), value if equals else None)
    return params


def write_params(params: Params) -> str:
    """The text of parameters, semicolons included."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def unquote(text: str) -> str:
    """What a quoted string says; other text as it is."""
    if not QUOTED.fullmatch(text):
        return text
    return _ESCAPE.sub(r"\1", text[1:-1])


def quote(text: str) -> str:
    """`text` as a quoted string; characters that none can hold become blanks."""
    held = "".join(char if char.isprintable() else " " for char in text)
    return '"' + held.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_integer(text: str, limit: int) -> int:
    """Read digits up to and including `limit`."""
    if not _DIGITS.fullmatch(text) or int(text) > limit:
        raise MalformedError("A number is malformed or too large.")
    return int(text)


def parse_host(text: str) -> str:
    """Check a host name, an IPv4 address or an IPv6 reference in brackets, and give it back."""
    if text.startswith("["):
        try:
            ipaddress.IPv6Address(text[1:-1] if text.endswith("]") else "")
        except ValueError as error:
            raise MalformedError("An IPv6 reference is malformed.") from error
        return text
    if len(text) > MAX_HOST or not _HOSTNAME.fullmatch(text):
        raise MalformedError("A host is malformed.")
    return text


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read `host` or `host:port`, white space around the colon allowed."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host, (between, colon, port) = host + bracket, rest.partition(":")
        if between.strip(" \t"):
            raise MalformedError("An IPv6 reference is malformed.")
    else:
        host, colon, port = text.partition(":")
    number = parse_integer(port.strip(" \t"), MAX_PORT) if colon else None
    if number == 0:
        raise MalformedError("A port is 1..65535.")
    return parse_host(host.strip(" \t")), number
