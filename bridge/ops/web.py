"""The operators' HTTP port: metrics and health. It has no login, so it belongs on an inner address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bridge.app.feeds.converters import Use
from bridge.ops.converting import Converting, ConvertingCollector
from bridge.ops.errors import OpsError
from bridge.ops.health import Check, Drain, readiness
from bridge.ops.links import LinkCollector
from bridge.ops.metrics import BridgeCollector, GatewayState, LegCollector, Snapshot, make_registry

_LOG: Final = structlog.get_logger("bridge.ops")


@dataclass(slots=True)
class _Ops:
    registry: CollectorRegistry
    snapshot: Callable[[], Snapshot]
    checks: Sequence[Check]
    drain: Drain
    links: LinkCollector
    gateways: Callable[[], Sequence[GatewayState]]
    feeds: Callable[[], list[dict[str, Any]]]
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def metrics(self, _request: web.Request) -> web.Response:
        return _exposition(generate_latest(self.registry))

    async def legs(self, _request: web.Request) -> web.Response:
        # Tens of thousands of lines: rendered beside the event loop, and for one scraper at a time.
        async with self.one_at_a_time:
            taken = self.snapshot()
            frozen = SimpleNamespace(legs=taken.legs, streams=taken.streams, shards=taken.shards)
            return _exposition(await asyncio.to_thread(_render_legs, frozen))

    async def worst(self, _request: web.Request) -> web.Response:
        return web.json_response({"legs": self.links.worst()})

    async def filled(self, _request: web.Request) -> web.Response:
        return web.json_response({"slots": self.feeds()})

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(self, _request: web.Request) -> web.Response:
        found = await readiness(self.checks, draining=self.drain.active)
        gateways = {one.name: {"calls": one.calls, "trouble": one.trouble} for one in self.gateways()}
        body = {
            "ready": found.ready,
            "draining": found.draining,
            "checks": dict(found.checks),
            "gateways": gateways,
        }
        # A gateway in trouble does not count: pages have no need of it.
        return web.json_response(body, status=200 if found.ready else 503)

    async def begin_drain(self, _request: web.Request) -> web.Response:
        self.drain.start(datetime.now(UTC))
        return self._drain_told()

    async def end_drain(self, _request: web.Request) -> web.Response:
        self.drain.stop()
        return self._drain_told()

    def _drain_told(self) -> web.Response:
        _LOG.warning("drain", active=self.drain.active)
        return web.json_response({"draining": self.drain.active})


def make_ops_app(
    collector: BridgeCollector,
    snapshot: Callable[[], Snapshot],
    checks: Sequence[Check] = (),
    *,
    drain: Drain | None = None,
    links: LinkCollector | None = None,
    gateways: Callable[[], Sequence[GatewayState]] = tuple,
    converting: Converting | None = None,
) -> web.Application:
    """Make the app: /metrics, /metrics/legs, /legs/worst, /feeds, /healthz and /readyz (503: draining or failing).

    PUT and DELETE of /drain begin and end a drain; methods that no page of another site can send unasked.
    """
    links = links or LinkCollector()
    converting = converting or Converting(lambda: Use({}, {}, {}, 0), tuple, lambda _name: {})
    registry = make_registry(collector, links, ConvertingCollector(converting))
    ops = _Ops(registry, snapshot, checks, drain or Drain(), links, gateways, converting.feeds)
    app = web.Application(middlewares=[_plain_errors])
    app.router.add_put("/drain", ops.begin_drain)
    app.router.add_delete("/drain", ops.end_drain)
    app.router.add_get("/metrics", ops.metrics)
    app.router.add_get("/metrics/legs", ops.legs)
    app.router.add_get("/legs/worst", ops.worst)
    app.router.add_get("/feeds", ops.filled)
    app.router.add_get("/healthz", ops.healthz)
    app.router.add_get("/readyz", ops.readyz)
    return app


@asynccontextmanager
async def serve_ops(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve the app on its own port while the block runs; yields the port, which matters when it was 0.

    Requests are not logged: they hold addresses and say nothing.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@web.middleware
async def _plain_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except OpsError as error:
        _LOG.error("ops_request_failed", path=request.path, problem=str(error))
        return web.json_response({"code": error.code, "message": str(error)}, status=500)


def _render_legs(snapshot: Snapshot) -> bytes:
    registry = CollectorRegistry()
    registry.register(LegCollector(lambda: snapshot))
    return generate_latest(registry)


def _exposition(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
