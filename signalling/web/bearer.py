"""Who may use what is for systems around the bridge: whoever has one of its bearer tokens."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from signalling.errors import Code, Rejected
from signalling.gateways.guard import Guard

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.typedefs import Handler

    from signalling.ports import Clock, Counters
    from signalling.web.clients import Clients

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


class Bearer:
    """Lets requests with a token of `tokens` through, and no other. Without any token it lets none through."""

    def __init__(self, tokens: tuple[str, ...], wrong: Wrong) -> None:
        self._tokens = tuple(token.encode() for token in tokens)
        self._wrong = wrong

    def guard(self, handler: Handler) -> Handler:
        """Give `handler` for those who have a token."""

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
