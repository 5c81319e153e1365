"""`python -m loadtest.peers`: our bridge and Janus side by side, and build/bench/peers.json."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from loadtest.adapters import island
from loadtest.adapters.contest import Contestant, contest
from loadtest.adapters.janus import janus_bridge
from loadtest.adapters.janus_config import AS_IT_COMES, AT_ITS_BEST, Variant
from loadtest.adapters.ours import our_bridge
from loadtest.adapters.rounds import Case, ratio, summary
from loadtest.adapters.stream import stream_clips
from loadtest.drive import allow_many_files
from loadtest.errors import LoadtestError
from loadtest.machine import commit, machine
from loadtest.native import Crowd, NativeOptions
from media.clients import Clients
from media.transport import DtlsCertificate

SERVE: Final = (sys.executable, "-m", "bridge", "serve")
VARIANTS: Final = (AT_ITS_BEST, AS_IT_COMES)
CASES: Final = (
    Case("fanout-16-burst", rooms=1, receivers=16, pictures_a_second=400, pacing="burst"),
    Case("fanout-16-even", rooms=1, receivers=16, pictures_a_second=400, pacing="even"),
    Case("rooms-8x16-burst", rooms=8, receivers=16, pictures_a_second=40, pacing="burst"),
)
CHECK_PERCENT: Final = 2


@dataclass(frozen=True)
class Plan:
    """How much is measured, and where the report goes."""

    cases: tuple[Case, ...]
    rounds: int
    seconds: float
    out: Path


@click.command()
@click.option("--rounds", type=click.IntRange(1, 100), default=6, show_default=True, help="Of every subject.")
@click.option("--seconds", type=click.FloatRange(0.5, 600), default=5.0, show_default=True, help="Of every round.")
@click.option(
    "--case", "names", multiple=True, type=click.Choice([case.name for case in CASES]), help="Default: all."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/bench/peers.json"), show_default=True)
def main(rounds: int, seconds: float, names: tuple[str, ...], out: Path) -> None:
    """Measure what a packet costs our bridge and Janus: the same robots, stream and receivers, in turns."""
    plan = Plan(tuple(case for case in CASES if not names or case.name in names), rounds, seconds, out.absolute())
    failed: list[BaseException] = []
    data: dict[str, Any] = {}
    try:
        if not island.inside():
            island.go([sys.executable, "-m", "loadtest.peers", *sys.argv[1:]])
        data = asyncio.run(run(plan))
    except* LoadtestError as group:
        failed += _leaves(group)
    # What is raised inside of `except*` comes out in a group, which click does not know.
    if failed:
        raise click.ClickException("; ".join(str(error) for error in failed))
    plan.out.parent.mkdir(parents=True, exist_ok=True)
    plan.out.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", "utf-8")
    click.echo(f"{plan.out}")


async def run(plan: Plan) -> dict[str, Any]:
    """Put every subject through every case; the report."""
    allow_many_files()
    measured_on = machine()
    scenarios: list[dict[str, Any]] = []
    for case in plan.cases:
        scenarios += await run_case(case, plan)
    return {
        "benchmark": "peers",
        "commit": commit(),
        "machine": measured_on,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "scenarios": scenarios,
    }


async def run_case(case: Case, plan: Plan) -> list[dict[str, Any]]:
    """Start the bridges, measure, and sum up."""
    async with AsyncExitStack() as stack:
        crowd = _crowd(stack, case, "127.0.0.1")
        ours = Contestant(await stack.enter_async_context(our_bridge(SERVE, crowd, case.receivers + 1)), crowd)
        contestants = [ours] + [await _janus(stack, case, variant) for variant in VARIANTS]
        await contest(contestants, case, plan.rounds, plan.seconds)
        entries = [_entry(case, one) for one in contestants]
        for one in contestants[1:]:
            compared = ratio(ours.rounds, one.rounds)
            if compared is not None:
                entries.append({"name": case.name, "subject": f"{one.bridge.name}/{ours.bridge.name}", **compared})
        for entry in entries:
            click.echo(f"{entry['name']:18} {entry['subject']:22} {_line(entry)}")
        return entries


async def _janus(stack: AsyncExitStack, case: Case, variant: Variant) -> Contestant:
    crowd = _crowd(stack, case, island.ADDRESS)
    return Contestant(await stack.enter_async_context(janus_bridge(variant, island.ADDRESS, crowd)), crowd)


def _crowd(stack: AsyncExitStack, case: Case, address: str) -> Crowd:
    """Robots for one bridge, on a thread of their own; all of them are made alike."""
    clients = Clients(1)
    stack.callback(clients.stop)
    options = NativeOptions(
        pacing=case.pacing, check_percent=CHECK_PERCENT, bind=address, profiles=("AEAD_AES_128_GCM",)
    )
    certificate = DtlsCertificate.generate(datetime.now(UTC))
    crowd = Crowd(clients, certificate, stream_clips(case.pictures_a_second), options, time.monotonic)
    clients.listen(asyncio.get_running_loop(), crowd.take)
    return crowd


def _entry(case: Case, one: Contestant) -> dict[str, Any]:
    summed = summary(one.rounds)
    summed["figures"]["idle_cpu_percent_of_core"] = round(one.idle_cpu_percent, 2)
    stream = {"rooms": case.rooms, "receivers": case.receivers, "pictures_per_second": case.pictures_a_second}
    return {
        "name": case.name,
        "subject": one.bridge.name,
        **summed,
        "settings": {**stream, "pacing": case.pacing, **one.bridge.settings},
    }


def _line(entry: dict[str, Any]) -> str:
    figures = {name: value for name, value in entry["figures"].items() if not name.startswith("robots")}
    return "  ".join(f"{name}={value:g}" for name, value in figures.items())


def _leaves(group: BaseExceptionGroup[LoadtestError]) -> Sequence[BaseException]:
    """The failures themselves, however deep."""
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _leaves(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found


if __name__ == "__main__":
    main()
