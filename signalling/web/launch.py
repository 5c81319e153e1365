"""Launches from record systems (SMART App Launch 2.2): the browser comes, goes there, and comes back to its link.

The link is in the fragment of the address to which it is sent, which no server sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.guard import Guard
from signalling.web.login import BEGINNINGS, IDENTITY, back, keep, to

if TYPE_CHECKING:
    from signalling.ports import Clock, Counters, LaunchDesk
    from signalling.web.clients import Clients

ATTEMPT: Final = "__Host-launch"


class LaunchPages:
    """Handlers over `LaunchDesk`."""

    def __init__(self, desk: LaunchDesk, clients: Clients, clock: Clock, counters: Counters) -> None:
        self._desk = desk
        self._clients = clients
        self._clock = clock
        self._counters = counters
        self._guard = Guard(*BEGINNINGS)

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [
            web.get("/launch", self._begin, allow_head=False),
            web.get("/launch/answer", self._answer, allow_head=False),
        ]

    async def _begin(self, request: web.Request) -> web.Response:
        if not self._guard.allows(self._clients.network(request), self._clock()):
            self._counters.inc("turned_away", "login")
            return back(Code.TOO_MANY)
        came = m.words_of(request.query, m.LaunchQuery)
        try:
            address, kept = await self._desk.begin(came.get("iss", ""), came.get("launch", ""))
        except Rejected as error:
            return back(error.code)
        response = to(address)
        keep(response, ATTEMPT, kept)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            launched = await self._desk.finish(
                request.cookies.get(ATTEMPT), m.words_of(request.query, m.LoginAnswer)
            )
        except Rejected as error:
            response = back(error.code)
        else:
            self._guard.give_back(self._clients.network(request))
            response = to(launched.link)
            keep(response, IDENTITY, launched.identity)
        # It is of no use a second time.
        keep(response, ATTEMPT, None)
        return response
