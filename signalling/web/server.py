"""The aiohttp application: pages, static files, WebSocket and REST, over the two ports that decide."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from signalling.errors import Code, Rejected
from signalling.messages import MAX_BODY_BYTES, MAX_MESSAGE_BYTES, Notice
from signalling.ports import Administration, Clock, Consultations, Counters, LoginDesk, NoCounters, NoLogins
from signalling.session import Limits, Session
from signalling.web.faults import error_middleware
from signalling.web.headers import add_headers
from signalling.web.login import IDENTITY, LoginPages
from signalling.web.notice import NoticePage
from signalling.web.notice import read as read_notice
from signalling.web.rest import Rest
from signalling.web.socket import Socket

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

STATIC: Final = Path(__file__).with_name("static")

# Over the message limit by so much that a somewhat too large message still gets a proper error.
_HARD_LIMIT_BYTES: Final = 2 * MAX_MESSAGE_BYTES
_INDEX_MODULE: Final = "index.js"


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What an operator may set. Times in seconds."""

    api_tokens: tuple[str, ...] = ()
    """Bearer tokens for the REST resources; none means that they are shut."""
    public_origin: str | None = None
    """Origin of the pages as browsers see it (`https://video.example.no`), where a proxy changes Host."""
    static: Path = STATIC
    heartbeat_seconds: float = 15.0
    close_seconds: float = 5.0
    queue_messages: int = 256
    limits: Limits = field(default_factory=Limits)


def make_app(
    consultations: Consultations,
    administration: Administration,
    config: WebConfig,
    clock: Clock = time.monotonic,
    counters: Counters | None = None,
    *,
    logins: LoginDesk | None = None,
    notice: Notice | None = None,
) -> web.Application:
    """Make the application. At its shutdown every client hears `bye` with `restarting`."""
    counted = counters or NoCounters()
    app = web.Application(middlewares=[error_middleware(counted)], client_max_size=MAX_BODY_BYTES)
    door = _Door(consultations, config, clock, counted)
    pages = _Pages(config.static)
    app.router.add_get("/api/v1/ws", door.open, allow_head=False)
    app.router.add_routes(Rest(administration, config.api_tokens).routes())
    app.router.add_routes(LoginPages(logins or NoLogins()).routes())
    app.router.add_routes(NoticePage(notice or read_notice(config.static)).routes())
    app.router.add_get("/", pages.index)
    app.router.add_get("/join", pages.join)
    app.router.add_static("/static", config.static)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(door.shut)
    return app


def origin_allowed(origin: str | None, host: str, public_origin: str | None) -> bool:
    """Whether a WebSocket may be opened from a page of this origin: its own host's, or the public one.

    A client that is no browser sends no Origin header (RFC 6454); no page can make a browser leave it out.
    """
    if origin is None or origin == public_origin:
        return True
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


class _Door:
    """Opens sockets, and knows the open ones in order to close them at shutdown."""

    def __init__(self, consultations: Consultations, config: WebConfig, clock: Clock, counters: Counters) -> None:
        self._consultations = consultations
        self._config = config
        self._clock = clock
        self._counters = counters
        self._open: set[Socket] = set()

    async def open(self, request: web.Request) -> web.StreamResponse:
        config = self._config
        if not origin_allowed(request.headers.get("Origin"), request.host, config.public_origin):
            raise Rejected(Code.ORIGIN_REFUSED)
        ws = web.WebSocketResponse(
            heartbeat=config.heartbeat_seconds,
            timeout=config.close_seconds,
            max_msg_size=_HARD_LIMIT_BYTES,
            # Compression lets sizes betray secrets that stand beside chosen text, and costs memory a socket.
            compress=False,
        )
        if not ws.can_prepare(request):
            raise web.HTTPBadRequest
        await ws.prepare(request)
        socket = self._socket(ws, request.transport, request.cookies.get(IDENTITY))
        self._open.add(socket)
        try:
            await socket.run()
        finally:
            self._open.discard(socket)
        return ws

    async def shut(self, _app: web.Application) -> None:
        for socket in tuple(self._open):
            socket.close(Code.RESTARTING)

    def _socket(
        self, ws: web.WebSocketResponse, transport: asyncio.Transport | None, identity: str | None
    ) -> Socket:
        return Socket(
            ws,
            transport,
            Session(self._clock(), self._config.limits),
            self._consultations,
            identity,
            clock=self._clock,
            counters=self._counters,
            queue_messages=self._config.queue_messages,
            close_seconds=self._config.close_seconds,
        )


class _Pages:
    """The two pages; everything else that they need is under `/static/`."""

    def __init__(self, static: Path) -> None:
        self._static = static
        # So that a slow line does not pay one round trip for each level of imports.
        modules = sorted(path.name for path in static.glob("js/*.js") if path.name != _INDEX_MODULE)
        self._modules = {"Link": ", ".join(f"</static/js/{name}>; rel=modulepreload" for name in modules)}

    async def index(self, _request: web.Request) -> web.StreamResponse:
        return self._page("index.html")

    async def join(self, _request: web.Request) -> web.StreamResponse:
        return self._page("join.html", self._modules)

    def _page(self, name: str, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        path = self._static / name
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers=headers)
