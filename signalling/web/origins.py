"""From whose pages the bridge may be asked for more than to be looked at."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from signalling.errors import Code, Rejected

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES: Final = frozenset({None, "same-origin", "none"})


def origin_allowed(origin: str | None, host: str, public_origin: str | None) -> bool:
    """Whether a page of this origin may open a WebSocket or change something: the public one's, and no other.

    Without a public one, as on this machine alone, the page's host has to be the one that is asked, and no name
    that somebody might have pointed here. A client that is no browser sends no Origin header (RFC 6454); no page
    can make a browser leave it out.
    """
    if origin is None:
        return True
    if public_origin is not None:
        return origin.lower() == public_origin.lower()
    try:
        parts = urlsplit(origin)
        return parts.netloc.lower() == host.lower() and _is_here(parts.hostname or "")
    except ValueError:
        return False


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def origin_middleware(public_origin: str | None) -> Middleware:
    """Refuse what a page of another site has the browser change, whatever cookies it has.

    Cookies here are `SameSite=Lax` and no answer allows other sites to read it, so this is the third lock on
    the same door. `Sec-Fetch-Site` (W3C Fetch Metadata) holds also where the Origin header is missing.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in _HARMLESS:
            own = origin_allowed(request.headers.get("Origin"), request.host, public_origin)
            if not own or request.headers.get("Sec-Fetch-Site") not in _OWN_SITES:
                raise Rejected(Code.ORIGIN_REFUSED)
        return await handler(request)

    return middleware
