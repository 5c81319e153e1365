"""The listening socket, and how many connections there may be on which nobody has come in yet."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import web

from signalling import messages as m
from signalling.errors import Code
from signalling.gateways.guard import network
from signalling.web.crowd import Crowd
from signalling.web.faults import json_response, log_internal
from signalling.web.headers import FIXED

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from signalling.ports import Counters

MOST_STRANGERS: Final = 4_096
"""Each holds some 20 kB, with TLS 60."""
IDLE_SECONDS: Final = 75.0
"""Within which a connection has to say a whole request, the first one or the next. Proxies keep one for less."""
HANDSHAKE_SECONDS: Final = 10.0
BACKLOG: Final = 512


class Connection(web.RequestHandler):
    """A connection that is a stranger's until `known` is called."""

    __slots__ = ("_counters", "_strangers")

    def __init__(
        self, manager: web.Server, strangers: Crowd[Connection], counters: Counters, **fields: Any
    ) -> None:
        super().__init__(manager, **fields)
        self._strangers = strangers
        self._counters = counters

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        gone = self._strangers.enter(self, network(peer[0]) if isinstance(peer, tuple) else "")
        if gone is not None:
            self._counters.inc("turned_away", "connection")
            gone.drop()

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        self._strangers.leave(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP that can be read, or a fault that came past all handlers.

        Without a word of what came, which the library would quote to whoever is there and to the log, at each try.
        """
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        code = Code.INTERNAL if status >= 500 else Code.BAD_MESSAGE  # noqa: PLR2004
        if code is Code.INTERNAL and exc is not None:
            log_internal("request_failed", exc, method="")
        self._counters.inc("http_errors", code.value)
        response = json_response(m.ErrorInfo(code=code, message=code.sentence), status)
        response.headers.update(FIXED)
        response.headers["Cache-Control"] = "no-store"
        response.force_close()
        return response

    def known(self) -> None:
        """Whoever this is has a place, and counts among the room's people from now on."""
        self._strangers.leave(self)

    def drop(self) -> None:
        """End the connection without another word."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


@asynccontextmanager
async def serve(
    app: web.Application,
    host: str,
    port: int,
    counters: Counters,
    *,
    tls: ssl.SSLContext | None = None,
    most_strangers: int = MOST_STRANGERS,
) -> AsyncIterator[int]:
    """Serve the app while the block runs; yields the port, which matters when it was 0.

    Requests are not logged: they hold addresses, and what matters is counted.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    manager = cast("web.Server", runner.server)
    strangers: Crowd[Connection] = Crowd(most_strangers)
    loop = asyncio.get_running_loop()

    def connection() -> Connection:
        fields: dict[str, Any] = {"access_log": None, "keepalive_timeout": IDLE_SECONDS}
        return Connection(manager, strangers, counters, loop=loop, **fields)

    handshake = None if tls is None else HANDSHAKE_SECONDS
    try:
        server = await loop.create_server(
            connection, host, port, ssl=tls, ssl_handshake_timeout=handshake, backlog=BACKLOG
        )
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
    finally:
        await runner.cleanup()


def now_known(request: web.BaseRequest) -> None:
    """Say that whoever made a request is no stranger any more."""
    if isinstance(request.protocol, Connection):
        request.protocol.known()
