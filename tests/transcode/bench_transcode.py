"""Measures what conversion adds of delay, and what it costs beside a bare FFmpeg that does the same.

Run: `python -m tests.transcode.bench_transcode [ROUNDS]`. Writes build/bench/transcode.json, and asserts nothing.
A delay is from the last packet of a frame in to the first packet of what shows it, on sockets from outside of the
worker, found by content: counters in pictures, clicks in sound. Costs are processor time of the worker by the
kernel's account, and of `bench_bare.py` by the same, in rounds that alternate. What a forwarded leg of the same
costs is read from the report of the engine's own benchmark, which `make bench-transcode` runs before.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadtest.machine import commit, machine
from tests.transcode import bench_bare as bare
from tests.transcode import bench_sources as sources
from tests.transcode.bench_sources import Arrival, Delay, Player
from transcode import jobs
from transcode.pool import Pool

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "bench" / "transcode.json"
FORWARD: Final = ROOT / "build" / "bench" / "forward-four.json"
ROUND_S: Final = 6.0
WARM_S: Final = 1.0
GOAL_MS: Final = 40
GOAL_RATIO: Final = 1.15


@dataclass
class Scenario:
    """What is sent to a job, how its delays are found, and the same work done bare."""

    name: str
    note: str
    frames_per_s: float
    job: Callable[[int], jobs.Job]
    players: Callable[[], list[Player]]
    delays: Callable[[Sequence[Player], Sequence[Arrival]], list[Delay]]
    bare: Callable[[float], bare.Cost]
    delays_ms: list[list[float]] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    bare_costs: list[float] = field(default_factory=list)
    codecs_costs: list[float] = field(default_factory=list)


def scenarios() -> list[Scenario]:
    """Give all three."""
    return [
        Scenario(
            "convert-720p",
            "VP8 1280x720 at 25 pictures a second and 1.5 Mbit/s to H.264 of the same",
            25,
            sources.conversion,
            sources.one_camera,
            sources.picture_delays,
            bare.conversion,
        ),
        Scenario(
            "compose-four",
            "four of VP8 640x360 at 25 pictures a second, 10 ms apart, to a grid of H.264 1280x720 at 30 at most",
            25,
            sources.composition,
            sources.four_cameras,
            sources.picture_delays,
            bare.composition,
        ),
        Scenario(
            "mix-four",
            "four voices in Opus, 5 ms apart, to four mixes without oneself in G.711",
            50,
            sources.mix,
            sources.four_voices,
            sources.sound_delays,
            bare.mix,
        ),
    ]


async def measure(pool: Pool, scenario: Scenario) -> None:
    """Run one round through a worker, then one bare."""
    port, players = sources.Port(), scenario.players()
    job = scenario.job(port.number)
    port.connect(await pool.start(job))
    worker = pool.worker_of(job.id)
    began = time.monotonic()
    before = cpu_s(worker)
    arrivals = await asyncio.to_thread(port.play, players, ROUND_S)
    scenario.costs.append((cpu_s(worker) - before) / ROUND_S * 1000)
    pool.stop(job.id)
    port.close()
    found = scenario.delays(players, arrivals)
    scenario.delays_ms.append([one.lasted * 1000 for one in found if one.sent > began + WARM_S])
    cost = await asyncio.to_thread(scenario.bare, ROUND_S)
    scenario.bare_costs.append(cost.whole / ROUND_S * 1000)
    scenario.codecs_costs.append(cost.codecs / ROUND_S * 1000)


def tell(event: jobs.Event) -> None:
    """Say aloud what spoils a round."""
    if not isinstance(event, jobs.Figures | jobs.Started):
        sys.stderr.write(f"{event}\n")


def cpu_s(pid: int) -> float:
    """Processor time of a process, in seconds, by the scheduler's account."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def told(scenario: Scenario) -> list[dict[str, Any]]:
    """Give a scenario's figures, ours and the bare loop's."""
    delays = [one for some in scenario.delays_ms for one in some]
    p95 = [float(np.percentile(some, 95)) for some in scenario.delays_ms if some]
    ratios = [ours / bare for ours, bare in zip(scenario.costs, scenario.bare_costs, strict=True)]
    ours = {
        "delay_ms_p50": round(float(np.percentile(delays, 50)), 2) if delays else None,
        "delay_ms_p95": round(float(np.percentile(delays, 95)), 2) if delays else None,
        "frames_found": len(delays),
        "cpu_ms_per_s": round(statistics.median(scenario.costs), 2),
        "ratio_to_bare": round(statistics.median(ratios), 3),
        "ratio_to_codecs": round(
            statistics.median(
                ours / codecs for ours, codecs in zip(scenario.costs, scenario.codecs_costs, strict=True)
            ),
            3,
        ),
    }
    theirs = {
        "cpu_ms_per_s": round(statistics.median(scenario.bare_costs), 2),
        "codecs_cpu_ms_per_s": round(statistics.median(scenario.codecs_costs), 2),
    }
    return [
        {
            "name": scenario.name,
            "subject": "transcode",
            "note": scenario.note,
            "figures": ours | forwarded(scenario, ours["cpu_ms_per_s"]),
            "spread": {
                "delay_ms_p95": spread(p95),
                "cpu_ms_per_s": spread(scenario.costs),
                "ratio_to_bare": spread(ratios),
            },
        },
        {
            "name": scenario.name,
            "subject": "bare",
            "figures": theirs,
            "spread": {"cpu_ms_per_s": spread(scenario.bare_costs)},
        },
    ]


def forwarded(scenario: Scenario, cost: float | None) -> dict[str, float]:
    """Set the cost of a leg that is forwarded the same beside, if that has been measured here."""
    if scenario.name != "convert-720p" or not FORWARD.exists() or not cost:
        return {}
    rows = json.loads(FORWARD.read_text())["scenarios"]
    row = next((one for one in rows if (one["name"], one["subject"]) == ("four-party", "bridge")), None)
    if row is None:
        return {}
    packets = sum(len(frame) for frame in sources.one_camera()[0].frames) / 2
    share = row["figures"]["cpu_us_per_packet_out"] * packets / 1000
    return {"forwarded_cpu_ms_per_s": round(share, 3), "forwarded_to_transcoded": round(share / cost, 5)}


def spread(values: Sequence[float]) -> dict[str, float]:
    """How far the rounds lie apart."""
    if not values:
        return {}
    return {
        "min": round(min(values), 3),
        "max": round(max(values), 3),
        "stdev": round(statistics.pstdev(values), 3),
    }


async def main(rounds: int) -> None:
    """Measure and write."""
    every = scenarios()
    for scenario in every:
        # What is played is made once, before anything is measured.
        scenario.players()
    async with Pool(tell, workers=1) as pool:
        for _ in range(rounds):
            for scenario in every:
                await measure(pool, scenario)
    rows = [row for scenario in every for row in told(scenario)]
    report = {
        "benchmark": "transcode",
        "commit": commit(),
        "machine": machine(),
        "rounds": rounds,
        "goals": {"delay_ms_p95": GOAL_MS, "ratio_to_bare": GOAL_RATIO, "forwarded_to_transcoded": 0.01},
        "scenarios": rows,
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(f"{OUTPUT}\n")
    for row in rows:
        sys.stdout.write(f"{row['name']} {row['subject']} {json.dumps(row['figures'])}\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6))
