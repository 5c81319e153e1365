"""The operators' HTTP port: metrics and health, open; rooms, legs, links and all acts, for operators alone.

It belongs on an inner address all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bridge.ops.capacity import CapacityCollector
from bridge.ops.converting import ConvertingCollector, Slots
from bridge.ops.errors import OpsError, Undone
from bridge.ops.guard import Guard, answer
from bridge.ops.health import Alive, GatewayCalls, Ready, readiness
from bridge.ops.links import WorstLinks
from bridge.ops.metrics import BridgeCollector, LegCollector, Snapshot, make_registry
from bridge.ops.openapi import document
from bridge.ops.page import Page
from bridge.ops.recording import RecordingDoor
from bridge.ops.station import Station
from signalling.messages import MAX_BODY_BYTES
from signalling.ports import Counters, NoCounters
from signalling.web.faults import error_middleware
from signalling.web.headers import headers_for
from signalling.web.listening import serve
from signalling.web.origins import origin_middleware

_LOG: Final = structlog.get_logger("bridge.ops")


@dataclass(slots=True)
class _Ops:
    registry: CollectorRegistry
    snapshot: Callable[[], Snapshot]
    station: Station
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
        return answer(WorstLinks(legs=self.station.links.worst()))

    async def filled(self, _request: web.Request) -> web.Response:
        return answer(Slots(slots=self.station.converting.feeds()))

    async def healthz(self, _request: web.Request) -> web.Response:
        return answer(Alive())

    async def readyz(self, _request: web.Request) -> web.Response:
        found = await readiness(self.station.checks, draining=self.station.drain.active)
        gateways = {
            one.name: GatewayCalls(calls=one.calls, trouble=one.trouble) for one in self.station.gateways()
        }
        body = Ready(ready=found.ready, draining=found.draining, checks=dict(found.checks), gateways=gateways)
        # A gateway in trouble does not count: pages have no need of it.
        return answer(body, status=200 if found.ready else 503)

    async def described(self, _request: web.Request) -> web.Response:
        return web.json_response(document())


def make_ops_app(
    collector: BridgeCollector,
    snapshot: Callable[[], Snapshot],
    station: Station,
    guard: Guard,
    counters: Counters | None = None,
) -> web.Application:
    """Make the app: /metrics, /healthz and /readyz (503: draining or failing), open.

    For operators alone: /metrics/legs, /legs/worst, /legs/recording, /feeds, what the page at / asks for, /drain
    among it, and /openapi.json, which describes all of them.
    """
    converting, capacity = ConvertingCollector(station.converting), CapacityCollector(station.load)
    registry = make_registry(collector, station.links, converting, capacity)
    ops = _Ops(registry, snapshot, station)
    errors, origins = error_middleware(counters or NoCounters()), origin_middleware(guard.public_origin)
    app = web.Application(middlewares=[errors, _plain_errors, origins], client_max_size=MAX_BODY_BYTES)
    app.router.add_routes(
        [
            web.get("/metrics", ops.metrics),
            web.get("/healthz", ops.healthz),
            web.get("/readyz", ops.readyz),
            web.get("/metrics/legs", guard.only(ops.legs)),
            web.get("/legs/worst", guard.only(ops.worst)),
            web.get("/feeds", guard.only(ops.filled)),
            web.get("/openapi.json", guard.only(ops.described), allow_head=False),
            *guard.routes(),
            *Page(station, guard).routes(),
            *RecordingDoor(station.recorder, guard).routes(),
        ]
    )
    app.on_response_prepare.append(headers_for(guard.public_origin))
    return app


@asynccontextmanager
async def serve_ops(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve the app on its own port while the block runs; yields the port, which matters when it was 0."""
    async with serve(app, host, port, NoCounters()) as chosen:
        yield chosen


@web.middleware
async def _plain_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except OpsError as error:
        log = _LOG.error if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _LOG.info
        log("ops_request_failed", path=request.path, problem=str(error))
        return answer(Undone(code=error.code, message=str(error)), status=error.status)


def _render_legs(snapshot: Snapshot) -> bytes:
    registry = CollectorRegistry()
    registry.register(LegCollector(lambda: snapshot))
    return generate_latest(registry)


def _exposition(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
