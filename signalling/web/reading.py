"""Bodies of requests, within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from signalling.errors import Code, Rejected

if TYPE_CHECKING:
    from aiohttp import web

BODY_SECONDS: Final = 10.0
"""Within which a body has to be here."""


async def read_body(request: web.Request) -> bytes:
    """Read a body of at most the application's size, in `BODY_SECONDS`."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Rejected(Code.BAD_MESSAGE, "The body did not come in time.") from None
