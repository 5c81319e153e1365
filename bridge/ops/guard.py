"""Who may see and act at the operators' port: a bearer token, or a session of the page.

A session's cookie is `SameSite=Strict`, which keeps other sites out, but not other ports of the same host, as that
of the participants' pages. So what changes anything also has to come from a page of this very origin (the `Origin`
header, which no page can forge). Nothing here is accepted at the participants' port, nor the other way round.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from bridge.app.allowance import Allowance
from bridge.app.ports import Audited, Clock
from bridge.ops.errors import NotRecorded
from bridge.ops.sessions import BY_TOKEN, Operator, Sessions
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Kept
from signalling.web.origins import origin_allowed
from signalling.web.reading import read_body

LOG: Final = structlog.get_logger("bridge.ops")
SESSION: Final = "__Host-operator"
ATTEMPT: Final = "__Host-operator-attempt"
TRIES: Final = (10, 6.0)
"""Tokens that may be tried at the page, by whomever: ten at once, then one every six seconds. Nobody guesses one
of 256 bits, but somebody may have chosen a weaker one."""
_SAFE: Final = frozenset({"GET", "HEAD"})

Record = Callable[[Audited], Awaitable[None]]
"""Puts a line into the audit. Whatever it raises, the line is not there."""


class Token(Protocol):
    """The operators' bearer token."""

    def accepts(self, authorization: str | None) -> bool:
        """Whether this value of the header holds it."""


class OperatorDesk(Protocol):
    """Logins of operators by a provider. Both may raise Rejected."""

    @property
    def title(self) -> str:
        """What the provider is called."""

    async def begin(self) -> tuple[str, Kept]:
        """Where the browser goes, and what it keeps meanwhile."""

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> str:
        """Who has come back, under an opaque name; `unauthorized` for somebody who is no operator."""


class TokenGiven(m.Part, frozen=True, kw_only=True):
    """Whoever is at the page has the token."""

    token: str


class FromThisPage(m.Part, frozen=True, kw_only=True):
    """What no page of another origin can send."""

    origin: str = msgspec.field(name="Origin")


class SessionInfo(m.Part, frozen=True, kw_only=True):
    """What the page asks first: whether one is known, and by what else than the token one can log in."""

    known: bool
    login: str | None = None


@dataclass(slots=True)
class Guard:
    """Opens what is behind it to operators alone; `public_origin` is the page's where a proxy is in front."""

    token: Token
    sessions: Sessions
    clock: Clock
    record: Record
    desk: OperatorDesk | None = None
    public_origin: str | None = None
    tries: Allowance = field(default_factory=lambda: Allowance(*TRIES))

    def routes(self) -> list[web.RouteDef]:
        """The session's own resources."""
        return [
            web.get("/session", self._told, allow_head=False),
            web.post("/session", self._open),
            web.delete("/session", self._close),
            web.get("/login", self._begin, allow_head=False),
            web.get("/login/answer", self._finish, allow_head=False),
        ]

    def only(self, handler: Handler) -> Handler:
        """Let a handler be reached by operators alone. Raises Rejected: `unauthorized`, `origin_refused`."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if self.who(request) is None:
                raise Rejected(Code.UNAUTHORIZED)
            return await handler(request)

        return guarded

    def who(self, request: web.Request) -> Operator | None:
        """Who asks. Raises Rejected where a cookie is sent by another origin's page."""
        if self.token.accepts(request.headers.get("Authorization")):
            return BY_TOKEN
        operator = self.sessions.find(request.cookies.get(SESSION, ""), self.clock.now())
        if operator is not None and request.method not in _SAFE:
            self._from_here(request)
        return operator

    async def put_on_record(
        self, request: web.Request, word: str, reason: str | None = None, target: str | None = None
    ) -> Operator:
        """Write into the audit what an operator is about to do, and give who. Raises Rejected, NotRecorded."""
        if (operator := self.who(request)) is None:
            raise Rejected(Code.UNAUTHORIZED)
        try:
            await self.record(act(operator, word, self.clock.now(), reason, target))
        except Exception as error:
            LOG.exception("act_not_audited", act=word, error=type(error).__name__)
            raise NotRecorded("the audit cannot be written, so nothing was done") from error
        return operator

    def _from_here(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if origin is None or not origin_allowed(origin, request.host, self.public_origin):
            raise Rejected(Code.ORIGIN_REFUSED)

    async def _told(self, request: web.Request) -> web.Response:
        known = self.who(request) is not None
        return answer(SessionInfo(known=known, login=None if self.desk is None else self.desk.title))

    async def _open(self, request: web.Request) -> web.Response:
        self._from_here(request)
        given = m.decode_body(await read_body(request), TokenGiven).token
        if not self.tries.take("", self.clock.monotonic()):
            raise Rejected(Code.TOO_MANY)
        if not self.token.accepts(f"Bearer {given}"):
            raise Rejected(Code.UNAUTHORIZED)
        response = web.Response(status=204)
        await self._begin_session(response, BY_TOKEN)
        return response

    async def _close(self, request: web.Request) -> web.Response:
        self._from_here(request)
        self.sessions.close(request.cookies.get(SESSION, ""))
        response = web.Response(status=204)
        _keep(response, SESSION, None, "Strict")
        return response

    async def _begin(self, _request: web.Request) -> web.Response:
        if self.desk is None:
            raise Rejected(Code.NOT_FOUND)
        try:
            address, kept = await self.desk.begin()
        except Rejected as error:
            return _to(f"/?login={error.code.value}")
        response = _to(address)
        # Lax, for the browser comes back from another site.
        _keep(response, ATTEMPT, kept, "Lax")
        return response

    async def _finish(self, request: web.Request) -> web.Response:
        if self.desk is None:
            raise Rejected(Code.NOT_FOUND)
        try:
            actor = await self.desk.finish(request.cookies.get(ATTEMPT), m.words_of(request.query, m.LoginAnswer))
        except Rejected as error:
            response = _to(f"/?login={error.code.value}")
        else:
            response = _to("/")
            await self._begin_session(response, Operator(actor))
        _keep(response, ATTEMPT, None, "Lax")
        return response

    async def _begin_session(self, response: web.Response, operator: Operator) -> None:
        now = self.clock.now()
        try:
            await self.record(act(operator, "log_in", now))
        except Exception as error:
            # Whoever comes because the store is away has to be able to see that.
            LOG.exception("login_not_audited", error=type(error).__name__)
        secret = self.sessions.open(operator, now)
        _keep(response, SESSION, Kept(secret, int(self.sessions.lasts.total_seconds())), "Strict")


def act(
    operator: Operator, word: str, at: datetime, reason: str | None = None, target: str | None = None
) -> Audited:
    """Give the audit's line of something that an operator does, and why: fixed words; `target` is an id."""
    return Audited(
        at=at, actor=operator.actor, role="operator", act=word, target=target, outcome="ok", reason=reason
    )


def answer(body: msgspec.Struct, status: int = 200) -> web.Response:
    """Answer with a struct as JSON."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def _to(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address})


def _keep(response: web.Response, name: str, kept: Kept | None, same_site: str) -> None:
    response.set_cookie(
        name,
        "" if kept is None else kept.sealed,
        max_age=0 if kept is None else kept.seconds,
        path="/",
        secure=True,
        httponly=True,
        samesite=same_site,
    )
