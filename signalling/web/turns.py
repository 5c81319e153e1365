"""REST resources of whose turn it is: delay, cancellation, substitutes, links taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling import messages as m
from signalling.web.reading import read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from signalling.ports import Turns

_ROOM: Final = "/api/v1/rooms/{room:[A-Za-z0-9_-]{1,64}}"
_INVITATION: Final = f"{_ROOM}/invitations/{{invitation:[A-Za-z0-9_-]{{1,64}}}}"


class TurnResources:
    """Handlers over `Turns`."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def routes(self, guard: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        """All routes of this module, for those whom `guard` lets through."""
        return [
            web.post(f"{_ROOM}/delay", guard(self._delay)),
            web.post(f"{_ROOM}/cancel", guard(self._cancel)),
            web.post(f"{_INVITATION}/delay", guard(self._delay)),
            web.post(f"{_INVITATION}/cancel", guard(self._cancel)),
            web.post(f"{_INVITATION}/substitute", guard(self._appoint)),
            web.delete(_INVITATION, guard(self._withdraw)),
        ]

    async def _delay(self, request: web.Request) -> web.Response:
        new = m.decode_body(await read_body(request), m.NewTime)
        await self._turns.delay(request.match_info["room"], request.match_info.get("invitation"), new)
        return web.Response(status=204)

    async def _cancel(self, request: web.Request) -> web.Response:
        new = m.decode_body(await read_body(request), m.NewTime)
        await self._turns.cancel(request.match_info["room"], request.match_info.get("invitation"), new)
        return web.Response(status=204)

    async def _appoint(self, request: web.Request) -> web.Response:
        await self._turns.appoint(request.match_info["room"], request.match_info["invitation"])
        return web.Response(status=204)

    async def _withdraw(self, request: web.Request) -> web.Response:
        await self._turns.withdraw(request.match_info["room"], request.match_info["invitation"])
        return web.Response(status=204)
