"""Still pictures by HTTP: the person's page puts the encrypted pieces, and the page that asked gets them.

Not by the WebSocket, on which a large message would hold up all that follows. A piece is read whole before it is
passed on, so that a broken one can be told from a good one, and it is answered when it has come to the other page:
whoever sends one after the other feels both lines and fills neither.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling.errors import BadMessage, Code, Rejected, TooLarge
from signalling.messages import MAX_PIECE_BYTES

if TYPE_CHECKING:
    from signalling.ports import StillRelay

_PIECE: Final = "/api/v1/stills/{still:[A-Za-z0-9_-]{1,64}}/pieces/{number:[0-9]{1,6}}"
READ_SECONDS: Final = 20.0
"""What a piece may take to come in; on 60 kbit/s the largest takes half of it."""


class StillPieces:
    """Handlers over `StillRelay`. Each end of each still has a token of its own."""

    def __init__(self, relay: StillRelay) -> None:
        self._relay = relay

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [web.put(_PIECE, self._put), web.get(_PIECE, self._get, allow_head=False)]

    async def _put(self, request: web.Request) -> web.Response:
        piece = await _read(request)
        await self._relay.put(*_named(request), piece)
        return web.Response(status=204)

    async def _get(self, request: web.Request) -> web.Response:
        piece = await self._relay.get(*_named(request))
        return web.Response(body=piece, content_type="application/octet-stream")


def _named(request: web.Request) -> tuple[str, str, int]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = token.strip() if scheme.lower() == "bearer" else ""
    return request.match_info["still"], known, int(request.match_info["number"])


async def _read(request: web.Request) -> bytes:
    length = request.content_length
    if length is None or length == 0:
        raise BadMessage("A piece has a length, and at least one byte.")
    if length > MAX_PIECE_BYTES:
        raise TooLarge(MAX_PIECE_BYTES)
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await request.content.readexactly(length)
    except TimeoutError:
        raise Rejected(Code.TOO_SLOW) from None
    except asyncio.IncompleteReadError:
        raise BadMessage("The piece was cut short.") from None
