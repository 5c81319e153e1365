"""A load test from beginning to end: the bridge, the robots' engine, the run, the report's two files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from loadtest.capacity import Measured, measure
from loadtest.machine import commit, machine
from loadtest.native import Crowd, NativeOptions
from loadtest.page import page
from loadtest.profiles import Clips, clips_for
from loadtest.progress import display
from loadtest.report import report
from loadtest.runner import Outcome, Runner
from loadtest.scenario import Scenario
from loadtest.target import Office, Target, own_bridge
from loadtest.watch import Sample, Watch
from media.clients import Clients
from media.priority import let_media_go_first
from media.transport import DtlsCertificate


@dataclass(frozen=True)
class OwnBridge:
    """A bridge to be started for the run by the command `serve`, with so many shards."""

    serve: Sequence[str]
    shards: int = 1


@dataclass(frozen=True)
class Stage:
    """Where a run is shown and written, what ends it early, and how many threads its robots have."""

    told_to_stop: asyncio.Event
    console: Console
    folder: Path
    threads: int = 1


async def run(
    scenario: Scenario,
    where: OwnBridge | Target,
    told_to_stop: asyncio.Event,
    take: Callable[[Sample], None],
    *,
    threads: int = 1,
) -> Outcome:
    """Run a scenario against a bridge, with the robots on so many threads. Raises `LoadtestError`."""
    allow_many_files()
    # The clips are the same for everybody, and their encoding must not run while anything is measured.
    clips = await asyncio.to_thread(clips_for, scenario.profile, scenario.native.codec)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(_bridge(where, scenario))
        crowd = stack.enter_context(gathered(clips, scenario.native, threads))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        watch = Watch(crowd.clients, target.pid, time.monotonic, lambda: crowd.connected)
        office = Office(session, target)
        runner = Runner(scenario, office, crowd, watch, clock_us=lambda: time.time_ns() // 1000, take=take)
        return await runner.run(told_to_stop)


@contextmanager
def gathered(clips: Clips, options: NativeOptions, threads: int = 1) -> Iterator[Crowd]:
    """What native robots in this event loop share, with the engine that moves their packets on so many threads."""
    clients = Clients(threads)
    try:
        certificate = DtlsCertificate.generate(datetime.now(UTC))
        crowd = Crowd(clients, certificate, clips, options, time.monotonic)
        clients.listen(asyncio.get_running_loop(), crowd.take)
        let_media_go_first()
        yield crowd
    finally:
        clients.stop()


async def run_and_report(scenario: Scenario, where: OwnBridge | Target, stage: Stage) -> bool:
    """Run with a display, write `loadtest.json` and `loadtest.html`, and say whether it passed."""
    console, folder = stage.console, stage.folder
    measured_on = machine()
    with display(console, scenario) as take:
        outcome = await run(scenario, where, stage.told_to_stop, take, threads=stage.threads)
    named = where.url if isinstance(where, Target) else f"its own on loopback, {where.shards} shard(s)"
    data = report(outcome, target=named, measured_on=measured_on, commit=commit())
    await asyncio.to_thread(_write, folder, data)
    console.print(f"\n{folder / 'loadtest.json'}\n{folder / 'loadtest.html'}", soft_wrap=True, markup=False)
    for fault in data["faults"]:
        console.print(f"not passed: {fault}", soft_wrap=True, markup=False)
    return bool(data["passed"])


async def latency_and_report(scenario: Scenario, own: OwnBridge, percents: Sequence[float], stage: Stage) -> bool:
    """Measure latency at shares of the capacity, write `latency.json`, and say whether all runs passed."""
    console = stage.console
    measured_on = machine()

    async def run_one(wanted: Scenario) -> Outcome:
        console.print(f"{wanted.rooms} rooms of {wanted.legs}, {wanted.steady_s:g} s")
        with display(console, wanted) as take:
            return await run(wanted, own, stage.told_to_stop, take, threads=stage.threads)

    measured = await measure(scenario, percents, own.shards, stage.told_to_stop, run_one)
    console.print(_table(measured))
    head = {"benchmark": "latency", "commit": commit(), "machine": measured_on, "rounds": 1}
    data = head | {"scenarios": measured.scenarios()}
    await asyncio.to_thread(_write_json, stage.folder / "latency.json", data)
    return measured.passed


def _table(measured: Measured) -> Table:
    table = Table(title=f"The bridge can carry about {measured.capacity_rooms:.0f} rooms")
    for column in ("share", "rooms", "p50 ms", "p99 ms", "p99.9 ms", "inside p99 ms", "lost %", "passed"):
        table.add_column(column, justify="right")
    for step in measured.steps:
        names = ("latency_ms_p50", "latency_ms_p99", "latency_ms_p999", "inside_latency_ms_p99", "loss_percent")
        values = (step.figures.get(name) for name in names)
        shown = ("-" if value is None else f"{value:g}" for value in values)
        table.add_row(f"{step.percent:g} %", str(step.scenario.rooms), *shown, str(step.verdict.passed))
    return table


@asynccontextmanager
async def _bridge(where: OwnBridge | Target, scenario: Scenario) -> AsyncIterator[Target]:
    if isinstance(where, Target):
        yield where
        return
    async with own_bridge(where.serve, scenario.legs, where.shards) as target:
        yield target


def allow_many_files() -> None:
    """Raise this process's soft limit of open files to the hard one: a robot takes two, and so does its leg."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems do not allow what they say; what there is then has to do.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _write(folder: Path, data: dict[str, Any]) -> None:
    _write_json(folder / "loadtest.json", data)
    (folder / "loadtest.html").write_text(page(data), "utf-8")


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", "utf-8")
