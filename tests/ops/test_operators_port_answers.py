"""The operators' port: metrics, health and drain over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession

from bridge.ops.health import Check, Drain, DrainReason, Readiness, readiness
from bridge.ops.metrics import BridgeCollector, Facts, GatewayState
from bridge.ops.web import make_ops_app, serve_ops
from tests.ops.stations import BEARER, guard, station

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def _works() -> None:
    """Answer that all is well."""


async def _fails() -> None:
    raise RuntimeError("database of Kari Nordmann is gone")


async def _hangs() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def drain() -> Drain:
    """Make a drain that has not begun."""
    return Drain()


@pytest.fixture
async def address(snapshot: Callable[..., SimpleNamespace], drain: Drain) -> AsyncIterator[str]:
    """Serve the operators' app on a free port."""
    taken = snapshot([{"leg": 4}])
    collector = BridgeCollector(lambda: taken, lambda: Facts(draining=drain.active))
    here = station(
        checks=[Check("store", _works)], drain=drain, gateways=lambda: [GatewayState("sip", 3, "draining")]
    )
    app = make_ops_app(collector, lambda: taken, here, guard())
    async with serve_ops(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def test_metrics_are_served_in_prometheus_form(address: str) -> None:
    """Aggregates and single legs are two endpoints, with the content type of the text format."""
    async with ClientSession(address) as client:
        async with client.get("/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            body = await answer.text()
        async with client.get("/metrics/legs", headers=BEARER) as answer:
            legs = await answer.text()
    assert "brotjeneste_legs 1.0" in body
    assert 'leg="4"' not in body
    assert 'brotjeneste_leg_srtp_failures_total{leg="4"} 0.0' in legs


async def test_the_worst_legs_are_served_as_json(address: str) -> None:
    """There is a list, which is empty as long as nobody was assessed."""
    async with ClientSession(address, headers=BEARER) as client, client.get("/legs/worst") as answer:
        assert (answer.status, await answer.json()) == (200, {"legs": []})


async def test_a_draining_bridge_is_alive_and_not_ready(address: str, drain: Drain) -> None:
    """The load balancer sees the drain at its next probe, and the container is not restarted for it."""
    async with ClientSession(address) as client:
        for started, status in ((False, 200), (True, 503)):
            if started:
                drain.start(NOW, DrainReason.UPGRADE)
            async with client.get("/readyz") as answer:
                assert answer.status == status
                assert await answer.json() == {
                    "ready": not started,
                    "draining": started,
                    "checks": {"store": "ok"},
                    "gateways": {"sip": {"calls": 3, "trouble": "draining"}},
                }
            async with client.get("/healthz") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_a_snapshot_of_another_engine_gives_an_error_with_a_code(
    snapshot: Callable[..., SimpleNamespace],
) -> None:
    """A scrape that cannot be answered says why, in one sentence, and the next request works."""
    taken = snapshot()
    taken.legs = taken.legs[["leg"]]
    app = make_ops_app(BridgeCollector(lambda: taken, Facts), lambda: taken, station(), guard())
    async with serve_ops(app, "127.0.0.1", 0) as port, ClientSession(f"http://127.0.0.1:{port}") as client:
        async with client.get("/metrics") as answer:
            assert answer.status == 500
            found = await answer.json()
        async with client.get("/healthz") as answer:
            assert answer.status == 200
    assert found["code"] == "internal"
    assert "no column" in found["message"]


async def test_checks_run_at_once_and_tell_no_secrets() -> None:
    """A failing and a hanging check are told apart, within the time of one, without their errors' texts."""
    checks = [Check("a", _works), Check("b", _fails), Check("c", _hangs), Check("d", _hangs)]
    async with asyncio.timeout(60):
        found = await readiness(checks, draining=False, seconds=0.02)
    assert found == Readiness({"a": "ok", "b": "failing", "c": "slow", "d": "slow"})
    assert not found.ready


def test_a_drain_keeps_its_start_and_becomes_due() -> None:
    """Starting twice does not start over; after an hour the operator decides; stopping ends it."""
    drain = Drain()
    assert not drain.active
    assert not drain.decision_due(NOW)
    drain.start(NOW, DrainReason.FAULT)
    drain.start(NOW + timedelta(minutes=50), DrainReason.UPGRADE)
    assert drain.reason is DrainReason.UPGRADE
    assert drain.active
    assert not drain.decision_due(NOW + timedelta(minutes=59))
    assert drain.decision_due(NOW + timedelta(minutes=60))
    drain.stop()
    assert not drain.active
