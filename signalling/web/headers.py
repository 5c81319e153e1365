"""Security headers of every answer. Pages live on their own files alone: no inline script, no other host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

_FIXED: Final = {
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


def content_security_policy(host: str) -> str:
    """Return the policy for pages at `host` (a Host header's value).

    `'self'` covers the page's own WebSocket in CSP level 3, but not yet in older versions of Safari, so the
    socket's address is named too. A host that is not well-formed is left out.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'self'; connect-src 'self'{sockets}; media-src 'self' blob: mediastream:; "
        "img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers; a handler for aiohttp's `on_response_prepare`."""
    response.headers.update(_FIXED)
    response.headers["Content-Security-Policy"] = content_security_policy(request.host)
    # Files may be kept if the server says that they are unchanged; a page and an answer of the API never.
    response.headers["Cache-Control"] = "no-cache" if request.path.startswith("/static/") else "no-store"
