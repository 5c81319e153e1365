"""Logins in a browser: it goes to a provider and comes back, and keeps what came of it in a cookie.

The cookies are HttpOnly and bound to this host (RFC 6265bis section 4.1.3.2); what they hold of a login is sealed
by the side that decides. The link with which somebody comes stays in the page's own storage meanwhile: it is in no
address here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.guard import Guard
from signalling.ports import Kept, LoginAsksFirst
from signalling.web.faults import json_response
from signalling.web.reading import read_body

if TYPE_CHECKING:
    from signalling.ports import Clock, Counters, LoginDesk
    from signalling.web.clients import Clients

ATTEMPT: Final = "__Host-attempt"
IDENTITY: Final = "__Host-identity"
TO: Final = "__Host-login-to"
_BACK: Final = "/join"
_PAGES: Final = {"duty": "/duty"}
"""Where else than to the page of a link one comes back, by the word with which the login was begun."""
_TO_SECONDS: Final = 15 * 60
BEGINNINGS: Final = (1.0, 120.0)
"""How many logins one network may begin that come to nothing: one a second, 120 at once. One that succeeds does
not count, so that a hospital with one address for all is never short of them; a flood of the rest is slow."""


class LoginPages:
    """Handlers over `LoginDesk`; without one there are no logins, and nothing to log in to."""

    def __init__(self, desk: LoginDesk, clients: Clients, clock: Clock, counters: Counters) -> None:
        self._desk = desk
        self._clients = clients
        self._clock = clock
        self._counters = counters
        self._guard = Guard(*BEGINNINGS)

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [
            web.get("/api/v1/logins", self._offered, allow_head=False),
            web.delete("/api/v1/logins", self._forget),
            web.post("/api/v1/logins", self._launch),
            web.get("/login/answer", self._answer, allow_head=False),
            web.get("/login/{provider:[a-z][a-z0-9-]{0,23}}", self._begin, allow_head=False),
        ]

    async def _offered(self, request: web.Request) -> web.Response:
        return json_response(self._desk.offered(request.cookies.get(IDENTITY)))

    async def _forget(self, _request: web.Request) -> web.Response:
        response = web.Response(status=204)
        keep(response, IDENTITY, None)
        return response

    async def _launch(self, request: web.Request) -> web.Response:
        self._ration(request)
        wish = m.decode_body(await read_body(request), m.Launch)
        response = web.Response(status=204)
        keep(response, IDENTITY, self._desk.launch(wish.launch))
        self._guard.give_back(self._clients.network(request))
        return response

    def _ration(self, request: web.Request) -> None:
        """Raise Rejected where too many of this network have come to nothing."""
        if not self._guard.allows(self._clients.network(request), self._clock()):
            self._counters.inc("turned_away", "login")
            raise Rejected(Code.TOO_MANY)

    async def _begin(self, request: web.Request) -> web.Response:
        asked = m.words_of(request.query, m.LoginQuery)
        to_page = next((word for word in _PAGES if word in asked), None)
        page = _BACK if to_page is None else _PAGES[to_page]
        response = await self._go(request, request.match_info["provider"], page, quiet="quiet" in asked)
        keep(response, TO, None if to_page is None else Kept(to_page, _TO_SECONDS))
        return response

    async def _go(self, request: web.Request, provider: str, page: str, *, quiet: bool) -> web.Response:
        """Send the browser to a provider, which may ask unless the login is quiet."""
        try:
            self._ration(request)
            address, kept = await self._desk.begin(provider, quiet=quiet)
        except Rejected as error:
            if error.code is Code.NOT_FOUND:
                raise
            return back(error.code, page)
        response = to(address)
        keep(response, ATTEMPT, kept)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        page = _PAGES.get(request.cookies.get(TO, ""), _BACK)
        try:
            kept = await self._desk.finish(request.cookies.get(ATTEMPT), m.words_of(request.query, m.LoginAnswer))
        except LoginAsksFirst as silent:
            return await self._go(request, silent.provider, page, quiet=False)
        except Rejected as error:
            response = back(error.code, page)
        else:
            self._guard.give_back(self._clients.network(request))
            response = to(page)
            keep(response, IDENTITY, kept)
        # It is of no use a second time.
        keep(response, ATTEMPT, None)
        return response


def to(address: str) -> web.Response:
    """Send the browser there."""
    return web.Response(status=303, headers={"Location": address})


def back(code: Code, page: str = _BACK) -> web.Response:
    """Back to a page, which says what went wrong in its own words."""
    return to(f"{page}?login={code.value}")


def keep(response: web.Response, name: str, kept: Kept | None) -> None:
    """Have a cookie kept, or forgotten. Lax, for the browser comes back from another site."""
    response.set_cookie(
        name,
        "" if kept is None else kept.sealed,
        max_age=0 if kept is None else kept.seconds,
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
