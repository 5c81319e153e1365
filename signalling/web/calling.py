"""The way in by telephone, for a page that cannot take part: by its link, since it has no connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from signalling import messages as m
from signalling.web.faults import json_response
from signalling.web.reading import read_body

if TYPE_CHECKING:
    from signalling.ports import CallDesk


class CallPage:
    """The handler over `CallDesk`."""

    def __init__(self, desk: CallDesk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [web.post("/api/v1/calls", self._find)]

    async def _find(self, request: web.Request) -> web.Response:
        wish = m.decode_body(await read_body(request), m.CallInsteadOf)
        return json_response(await self._desk.by_link(wish))
