"""The operators' page and what it asks for. Its files are open to whoever reaches the port; they tell nothing.

It asks anew every two seconds while somebody looks, one request at a time, and all who look get one and the same
picture: nothing is pushed, so that a slow page hurts nobody but itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from bridge.ops.guard import Guard, answer
from bridge.ops.health import DrainReason
from bridge.ops.roomlist import Legs
from bridge.ops.station import Station
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.web.reading import read_body
from signalling.web.server import STATIC

FILES: Final = Path(__file__).with_name("static")
LOG: Final = structlog.get_logger("bridge.ops")


class DrainWish(m.Part, frozen=True, kw_only=True):
    """Why the node is to be emptied."""

    reason: DrainReason


@dataclass(frozen=True, slots=True)
class Page:
    """Handlers over a station. Acts are on record before they take effect, and do not without."""

    station: Station
    guard: Guard

    def routes(self) -> list[web.AbstractRouteDef]:
        """The page's files, open, and what they ask for, for operators alone."""
        only = self.guard.only
        return [
            web.get("/", _page, allow_head=False),
            web.static("/operator", FILES),
            web.static("/static", STATIC),
            web.get("/picture", only(self._picture), allow_head=False),
            web.get("/rooms/{room:[A-Za-z0-9_-]{1,64}}", only(self._room), allow_head=False),
            web.get("/drain", only(self._told), allow_head=False),
            web.put("/drain", only(self._drain)),
            web.delete("/drain", only(self._undo)),
        ]

    async def _picture(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self.station.encoded(), content_type="application/json")

    async def _room(self, request: web.Request) -> web.Response:
        legs = self.station.legs(request.match_info["room"])
        if legs is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        return answer(Legs(legs=legs))

    async def _told(self, _request: web.Request) -> web.Response:
        return answer(self.station.drain_state())

    async def _drain(self, request: web.Request) -> web.Response:
        reason = m.decode_body(await read_body(request), DrainWish).reason
        now = self.station.clock.now()
        return await self._do(request, "drain", reason, lambda: self.station.drain.start(now, reason))

    async def _undo(self, request: web.Request) -> web.Response:
        return await self._do(request, "drain_ended", None, self.station.drain.stop)

    async def _do(
        self, request: web.Request, word: str, reason: DrainReason | None, do: Callable[[], None]
    ) -> web.Response:
        operator = await self.guard.put_on_record(request, word, reason)
        do()
        self.station.forget()
        LOG.warning(word, by=operator.actor)
        return await self._told(request)


async def _page(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(FILES / "operator.html")
