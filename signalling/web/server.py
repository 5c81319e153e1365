"""The aiohttp application: pages, static files, WebSocket and REST, over the two ports that decide."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from signalling.errors import Code, Rejected
from signalling.fhir.ports import AppointmentDesk, NoAppointments
from signalling.messages import MAX_BODY_BYTES, MAX_MESSAGE_BYTES, Notice
from signalling.ports import (
    Administration,
    CallDesk,
    Clock,
    Consultations,
    Counters,
    LaunchDesk,
    LoginDesk,
    NoCalls,
    NoCounters,
    NoLaunches,
    NoLogins,
    NoReceipts,
    NoRecords,
    NoStills,
    ReceiptDesk,
    Records,
    StillRelay,
)
from signalling.session import Limits, Session
from signalling.web.bearer import Bearer, Wrong
from signalling.web.calling import CallPage
from signalling.web.clients import Clients, Network
from signalling.web.crowd import Crowd
from signalling.web.faults import error_middleware
from signalling.web.fhir import Fhir
from signalling.web.headers import headers_for
from signalling.web.knocking import Knocks, Threshold
from signalling.web.launch import LaunchPages
from signalling.web.listening import now_known
from signalling.web.login import IDENTITY, LoginPages
from signalling.web.notice import NoticePage
from signalling.web.notice import read as read_notice
from signalling.web.origins import origin_allowed, origin_middleware
from signalling.web.records import RecordPages
from signalling.web.rest import Rest
from signalling.web.socket import Socket
from signalling.web.stills import StillPieces
from signalling.web.texts import TextReceipts

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

STATIC: Final = Path(__file__).with_name("static")

# Over the message limit by so much that a somewhat too large message still gets a proper error.
_HARD_LIMIT_BYTES: Final = 2 * MAX_MESSAGE_BYTES
_INDEX_MODULE: Final = "index.js"
MOST_UNKNOWN_SOCKETS: Final = 1_024
"""WebSockets on which nobody has come in yet. Each has ten seconds for that, a test thirty."""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What an operator may set. Times in seconds."""

    api_tokens: tuple[str, ...] = ()
    """Bearer tokens for the REST resources; none means that they are shut."""
    public_origin: str | None = None
    """Origin of the pages as browsers see it (`https://video.example.no`); None on this machine alone."""
    proxies: tuple[Network, ...] = ()
    """Who is believed when they say for whom they ask."""
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
    stills: StillRelay | None = None,
    calls: CallDesk | None = None,
    records: Records | None = None,
    appointments: AppointmentDesk | None = None,
    receipts: ReceiptDesk | None = None,
    launches: LaunchDesk | None = None,
) -> web.Application:
    """Make the application. At its shutdown every client hears `bye` with `restarting`."""
    counted = counters or NoCounters()
    clients = Clients(config.proxies)
    middlewares = [error_middleware(counted), origin_middleware(config.public_origin)]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    door = _Door(consultations, config, clock, counted, clients)
    pages = _Pages(config.static)
    app.router.add_get("/api/v1/ws", door.open, allow_head=False)
    bearer = Bearer(config.api_tokens, Wrong(clients, clock, counted))
    app.router.add_routes(NoticePage(notice or read_notice(config.static)).routes())
    app.router.add_routes(Rest(administration, bearer).routes())
    app.router.add_routes(RecordPages(records or NoRecords(), bearer).routes())
    app.router.add_routes(Fhir(appointments or NoAppointments(), bearer.guard, counted).routes())
    app.router.add_routes(LoginPages(logins or NoLogins(), clients, clock, counted).routes())
    app.router.add_routes(LaunchPages(launches or NoLaunches(), clients, clock, counted).routes())
    app.router.add_routes(TextReceipts(receipts or NoReceipts()).routes())
    app.router.add_routes(StillPieces(stills or NoStills()).routes())
    app.router.add_routes(CallPage(calls or NoCalls()).routes())
    app.router.add_get("/", pages.index)
    app.router.add_get("/join", pages.join)
    app.router.add_get("/duty", pages.duty)
    app.router.add_static("/static", config.static)
    app.on_response_prepare.append(headers_for(config.public_origin))
    app.on_shutdown.append(door.shut)
    return app


class _Door:
    """Opens sockets, and knows the open ones in order to close them at shutdown."""

    def __init__(
        self, consultations: Consultations, config: WebConfig, clock: Clock, counters: Counters, clients: Clients
    ) -> None:
        self._consultations = consultations
        self._config = config
        self._clock = clock
        self._counters = counters
        self._clients = clients
        self._open: set[Socket] = set()
        self._unknown: Crowd[Socket] = Crowd(MOST_UNKNOWN_SOCKETS)
        self._knocks = Knocks(clock, counters)

    async def open(self, request: web.Request) -> web.StreamResponse:
        config = self._config
        if not origin_allowed(request.headers.get("Origin"), request.host, config.public_origin):
            raise Rejected(Code.ORIGIN_REFUSED)
        ws = web.WebSocketResponse(
            heartbeat=config.heartbeat_seconds,
            # Pings and their answers are signs of life, which the socket counts.
            autoping=False,
            timeout=config.close_seconds,
            max_msg_size=_HARD_LIMIT_BYTES,
            # Compression lets sizes betray secrets that stand beside chosen text, and costs memory a socket.
            compress=False,
        )
        if not ws.can_prepare(request):
            raise web.HTTPBadRequest
        await ws.prepare(request)
        network = self._clients.network(request)
        socket: Socket

        def known() -> None:
            now_known(request)
            self._unknown.leave(socket)

        threshold = Threshold(lambda token: self._knocks.allows(network, token), known)
        socket = self._socket(ws, request.transport, request.cookies.get(IDENTITY), threshold)
        self._open.add(socket)
        self._make_room(socket, network)
        try:
            await socket.run()
        finally:
            self._open.discard(socket)
            self._unknown.leave(socket)
        return ws

    def _make_room(self, socket: Socket, network: str) -> None:
        if (gone := self._unknown.enter(socket, network)) is not None:
            self._counters.inc("turned_away", "socket")
            gone.close(Code.TOO_MANY)

    async def shut(self, _app: web.Application) -> None:
        for socket in tuple(self._open):
            socket.close(Code.RESTARTING)

    def _socket(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        identity: str | None,
        threshold: Threshold,
    ) -> Socket:
        return Socket(
            ws,
            transport,
            Session(self._clock(), self._config.limits),
            self._consultations,
            identity,
            threshold=threshold,
            clock=self._clock,
            counters=self._counters,
            queue_messages=self._config.queue_messages,
            close_seconds=self._config.close_seconds,
        )


class _Pages:
    """The pages; everything else that they need is under `/static/`."""

    def __init__(self, static: Path) -> None:
        self._static = static
        # So that a slow line does not pay one round trip for each level of imports.
        modules = sorted(path.name for path in static.glob("js/*.js") if path.name != _INDEX_MODULE)
        self._modules = {"Link": ", ".join(f"</static/js/{name}>; rel=modulepreload" for name in modules)}

    async def index(self, _request: web.Request) -> web.StreamResponse:
        return self._page("index.html")

    async def duty(self, _request: web.Request) -> web.StreamResponse:
        return self._page("duty.html")

    async def join(self, _request: web.Request) -> web.StreamResponse:
        return self._page("join.html", self._modules)

    def _page(self, name: str, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
        path = self._static / name
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers=headers)
