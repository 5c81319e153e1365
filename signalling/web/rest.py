"""The REST resources: rooms and invitations for systems around the bridge, health, the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from signalling import messages as m
from signalling.web.faults import json_response
from signalling.web.openapi import document
from signalling.web.reading import read_body
from signalling.web.turns import TurnResources

if TYPE_CHECKING:
    from signalling.ports import Administration
    from signalling.web.bearer import Bearer

_ROOM = "/api/v1/rooms/{room:[A-Za-z0-9_-]{1,64}}"


class Rest:
    """Handlers over `Administration`, for those whom `bearer` lets through."""

    def __init__(self, administration: Administration, bearer: Bearer) -> None:
        self._administration = administration
        self._bearer = bearer

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        guard = self._bearer.guard
        return [
            web.post("/api/v1/rooms", guard(self._create_room)),
            web.get("/api/v1/rooms", guard(self._rooms), allow_head=False),
            web.get(_ROOM, guard(self._room), allow_head=False),
            web.delete(_ROOM, guard(self._end_room)),
            web.post(f"{_ROOM}/invitations", guard(self._invite)),
            *TurnResources(self._administration).routes(guard),
            web.get("/openapi.json", _openapi, allow_head=False),
            web.get("/healthz", _healthz, allow_head=False),
        ]

    async def _create_room(self, request: web.Request) -> web.Response:
        wish = m.decode_body(await read_body(request), m.CreateRoom)
        return json_response(await self._administration.create_room(wish), 201)

    async def _rooms(self, _request: web.Request) -> web.Response:
        return json_response(m.Rooms(rooms=await self._administration.rooms()))

    async def _room(self, request: web.Request) -> web.Response:
        return json_response(await self._administration.room(request.match_info["room"]))

    async def _end_room(self, request: web.Request) -> web.Response:
        await self._administration.end_room(request.match_info["room"])
        return web.Response(status=204)

    async def _invite(self, request: web.Request) -> web.Response:
        wish = m.decode_body(await read_body(request), m.CreateInvitation)
        return json_response(await self._administration.invite(request.match_info["room"], wish), 201)


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(document())


async def _healthz(_request: web.Request) -> web.Response:
    return json_response(m.Health())
