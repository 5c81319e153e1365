"""Where what operators see and do is put together: the part of `compose` that is theirs."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

from aiohttp import ClientSession

from bridge.app.calls.gateways import Gateways
from bridge.app.counts import Tally
from bridge.app.ports import Audited, Clock
from bridge.app.quality.lines import Assessment
from bridge.app.service import RoomService
from bridge.auth.links import load_link_keys
from bridge.auth.oidc import settings as oidc_settings
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.operators import OperatorLogins, Rule, operators_keys
from bridge.auth.secrets import ApiToken, api_token, new_secret
from bridge.config import Config
from bridge.ops.converting import Converting
from bridge.ops.guard import Guard
from bridge.ops.health import Check, Drain
from bridge.ops.links import LinkCollector
from bridge.ops.metrics import BridgeCollector, GatewayState
from bridge.ops.recording import LinkRecorder
from bridge.ops.sessions import Sessions
from bridge.ops.station import Node, Station
from bridge.store import EventStore
from media.api import Engine, EngineError, Snapshot

THE_BRIDGE: Final = "bridge"
"""In the audit, in the place of a room, where an act is on the whole of it."""


def make_station(
    config: Config,
    service: RoomService,
    gateways: Gateways,
    *,
    needed: tuple[EventStore, Engine],
    clock: Clock,
    tally: Tally,
    drain: Drain,
    recorder: LinkRecorder,
    letters: Callable[[], Mapping[str, int]],
) -> Station:
    """Gather what operators see; without what is `needed` nothing works."""
    store, engine = needed
    return Station(
        Node(socket.gethostname(), version("brotjeneste"), clock.now(), config.transcode.workers),
        clock,
        LinkCollector(),
        Converting(lambda: service.outside.converters.use, lambda: service.rooms, tally.of),
        drain,
        recorder,
        [Check("store", store.ping), Check("engine", lambda: _all_shards_run(engine))],
        rooms=lambda: service.rooms,
        gateways=lambda: gateway_states(gateways),
        counted=tally.everything,
        letters=letters,
    )


def make_guard(config: Config, clock: Clock, tally: Tally, store: EventStore, http: ClientSession) -> Guard:
    """Who may see and act. Raises AuthError for a token or a login that cannot be used."""
    operators = config.operators
    token = ApiToken(api_token(operators.token, Path(operators.token_file)))
    sessions = Sessions(timedelta(minutes=operators.session_minutes), new_secret)

    async def record(line: Audited) -> None:
        await store.append(THE_BRIDGE, 0, [], [line])

    desk = _make_desk(config, clock, tally, http) if operators.login else None
    return Guard(token, sessions, clock, record, desk, operators.public_url.rstrip("/") or None)


def _make_desk(config: Config, clock: Clock, tally: Tally, http: ClientSession) -> OperatorLogins:
    operators = config.operators
    provider, title = oidc_settings.read(operators.login, config.logins[operators.login])
    answer = f"{operators.public_url.rstrip('/') or config.metrics.base_url}/login/answer"
    client = Client(provider, answer, http, clock.now)
    keys = operators_keys(load_link_keys(Path(config.auth.link_key_file)))
    logins = Logins([(client, title)], keys, clock, tally, timedelta(minutes=operators.session_minutes))
    return OperatorLogins(logins, provider.name, title, Rule(operators.claim, frozenset(operators.values)))


def observing(collector: BridgeCollector, station: Station) -> Callable[[Snapshot, list[Assessment]], None]:
    """What is done with each second's figures."""

    def observe(snapshot: Snapshot, assessed: list[Assessment]) -> None:
        collector.observe(snapshot)
        # Called on the thread that decides, so this is that thread's time.
        station.observe(snapshot, assessed, time.thread_time())

    return observe


def gateway_states(gateways: Gateways) -> list[GatewayState]:
    """How each gateway is."""
    states = ((one.name, one.health()) for one in gateways.running.values())
    return [GatewayState(name, health.calls, health.trouble, health.counts) for name, health in states]


async def _all_shards_run(engine: Engine) -> None:
    """Raise EngineError when a shard has stopped or does not answer."""
    snapshot = await asyncio.to_thread(engine.snapshot)
    if snapshot.shards["stopped"].any():
        raise EngineError("stopped", "a shard has stopped")
