"""A join link taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from loadtest.errors import BadLink

_SOCKETS: Final = {"https": "wss", "http": "ws"}
_PAGE: Final = "/join"
_SOCKET_PATH: Final = "/api/v1/ws"


@dataclass(frozen=True)
class Link:
    """Where the bridge's WebSocket is, and the token, which is a secret and stays out of `repr`."""

    socket_url: str
    token: str = field(repr=False)


def parse_link(text: str) -> Link:
    """Take `https://host/join#token` apart, also below a path prefix.

    Raises `BadLink`, which quotes nothing of the link.
    """
    try:
        parts = urlsplit(text)
        scheme, host = _SOCKETS.get(parts.scheme), parts.netloc
    except ValueError:
        raise BadLink("the link is not a URL") from None
    path = parts.path.rstrip("/")
    if scheme is None or not host or "@" in host:
        raise BadLink("the link has no http or https address")
    if not path.endswith(_PAGE) or not parts.fragment:
        raise BadLink("the link is not a page named join with a token after the #")
    return Link(urlunsplit((scheme, host, path.removesuffix(_PAGE) + _SOCKET_PATH, "", "")), parts.fragment)
