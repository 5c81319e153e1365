"""The REST resources: rooms and invitations for systems around the bridge, health, the OpenAPI document."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.guard import Guard
from signalling.web.faults import json_response
from signalling.web.openapi import document
from signalling.web.reading import read_body
from signalling.web.turns import TurnResources

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from signalling.ports import Administration, Clock, Counters
    from signalling.web.clients import Clients

_ROOM = "/api/v1/rooms/{room:[A-Za-z0-9_-]{1,64}}"

__all__ = ("WRONG_TOKENS", "Rest", "Wrong", "read_body")

WRONG_TOKENS: Final = (1.0, 60.0)
"""Wrong bearer tokens of one network that are answered one by one: one a second, 60 at once."""


class Wrong:
    """Counts wrong bearer tokens by who comes with them.

    The right one is taken from whomever, so that nobody is locked out for another's faults: a token of 20
    characters and more is not guessed, however often that is tried.
    """

    def __init__(self, clients: Clients, clock: Clock, counters: Counters) -> None:
        self._clients = clients
        self._clock = clock
        self._counters = counters
        self._guard = Guard(*WRONG_TOKENS)

    def answer(self, request: web.Request) -> Rejected:
        """Return what somebody with a wrong token hears."""
        if self._guard.allows(self._clients.network(request), self._clock()):
            return Rejected(Code.UNAUTHORIZED)
        self._counters.inc("turned_away", "bearer")
        return Rejected(Code.TOO_MANY)


class Rest:
    """Handlers over `Administration`. Without a token in `tokens`, every request for rooms is refused."""

    def __init__(self, administration: Administration, tokens: tuple[str, ...], wrong: Wrong) -> None:
        self._administration = administration
        self._wrong = wrong
        self._tokens = tuple(token.encode() for token in tokens)

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        guard = self.guard
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

    def guard(self, handler: Handler) -> Handler:
        """Let nobody come to a handler without a token."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._authorised(request.headers.get("Authorization", "")):
                raise self._wrong.answer(request)
            return await handler(request)

        return guarded

    def _authorised(self, header: str) -> bool:
        scheme, _, given = header.partition(" ")
        raw = given.strip().encode(errors="surrogateescape")
        # All are compared, each in constant time, so that the time taken tells nothing of any.
        matches = [hmac.compare_digest(raw, token) for token in self._tokens]
        return scheme.lower() == "bearer" and any(matches)

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
