"""Security headers of every answer. Pages live on their own files alone: no inline script, no other host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

FIXED: Final = {
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Says what, not which version of which library.
    "Server": "brotjeneste",
}


_YEAR_SECONDS: Final = 365 * 24 * 3600


def content_security_policy(host: str, *, secure: bool = False) -> str:
    """Return the policy for pages at `host` (a Host header's value), `secure` where they come by TLS alone.

    `'self'` covers the page's own WebSocket in CSP level 3, but not yet in older versions of Safari, so the
    socket's address is named too. A host that is not well-formed is left out.
    """
    named = f" wss://{host}" if secure else f" ws://{host} wss://{host}"
    sockets = named if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'self'; connect-src 'self'{sockets}; media-src 'self' blob: mediastream:; "
        "img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def headers_for(public_origin: str | None) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make a handler for aiohttp's `on_response_prepare` that sets the headers.

    Where the pages are reached by `https://`, browsers are told to come by nothing else for a year (RFC 6797);
    other names under this one are left alone.
    """
    secure = public_origin is not None and public_origin.startswith("https://")
    host = None if public_origin is None else urlsplit(public_origin).netloc
    fixed = FIXED | ({"Strict-Transport-Security": f"max-age={_YEAR_SECONDS}"} if secure else {})

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(fixed)
        response.headers["Content-Security-Policy"] = content_security_policy(host or request.host, secure=secure)
        # Files may be kept if the server says that they are unchanged; a page and an answer of the API never.
        response.headers["Cache-Control"] = "no-cache" if request.path.startswith("/static/") else "no-store"

    return add


add_headers: Final = headers_for(None)
