"""People who come and go, by the thousand: how much of anything grows with each, at three depths.

Run: `python -m tests.turnover.bench_churn [JOINS_OF_USE_CASES [OF_HANDSHAKES [OF_THE_WHOLE_BRIDGE]]]`. Writes
build/bench/churn.json. After some to warm up, all is counted eleven times, with a tenth of the joins between
two counts; a line through the last six gives the growth for each join, and how well that is known. The first half
is for tables that fill up to their size, and what comes with the first of its kind, such as a histogram. Robots
are in the same process, so that what they leave behind is in the figures too. Ends with an error when legs, rooms,
tasks, descriptors, series or memory stay behind.
"""

import asyncio
import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import structlog

from loadtest.machine import commit, machine
from tests.turnover.layers import LEGS, Layer, Rooms, Whole, handshakes, robots_here, running_bridge
from tests.turnover.residue import look, slope

OUTPUT: Final = Path(__file__).parents[2] / "build" / "bench" / "churn.json"
LOOKS: Final = 11
JOINS: Final = (6_000, 3_000, 1_200)
SLOPES: Final = ("python_blocks", "heap_bytes", "sqlite_bytes", "resident_bytes", "objects")
# What each join may seem to leave, where it is sure that it leaves some: less than one small object.
MOST: Final = {"python_blocks": 0.5, "heap_bytes": 100.0}
LEVEL: Final = ("tasks", "timers", "descriptors", "threads")


async def measure(name: str, layer: Layer, joins: int) -> dict[str, Any]:
    """Let so many people come and go, and give a scenario of the report."""
    rooms = max(1, joins // (LOOKS - 1) // LEGS)
    await layer.turn(rooms)
    await layer.quiet()
    # Only the plain counts are kept: a whole look takes as much as some people might leave.
    came, found, begun = [0], [look().figures()], time.process_time()
    for _ in range(LOOKS - 1):
        people = await layer.turn(rooms)
        await layer.quiet()
        came.append(came[-1] + people)
        found.append(look().figures())
    used = time.process_time() - begun
    left = await layer.left()
    scenario = report(name, came, found) | {"left": left}
    scenario["figures"]["cpu_ms_per_join"] = round(used / came[-1] * 1000, 2)
    sys.stdout.write(json.dumps(scenario, indent=1) + "\n")
    if faults := [one for one, many in left.items() if many] + faults_of(scenario):
        raise SystemExit(f"{name}: something stayed behind: {', '.join(faults)}")
    return scenario


def faults_of(scenario: dict[str, Any]) -> list[str]:
    """Of what there is more than before, or more with each who has come."""
    figures, spread = scenario["figures"], scenario["spread"]
    grows = {one: figures[f"{one}_per_join"] - spread[f"{one}_per_join"]["plus_or_minus"] for one in MOST}
    more = [one for one in LEVEL if figures[f"{one}_left"] > 0]
    return more + [one for one, least in grows.items() if least > MOST[one]]


def report(name: str, came: list[int], counts: list[dict[str, int]]) -> dict[str, Any]:
    """What grew for each join of the second half, and what there is more of at the end than at the first count."""
    half = LOOKS // 2
    lines = {one: slope(came[half:], [count[one] for count in counts[half:]]) for one in SLOPES}
    figures = {"joins": came[-1]}
    figures |= {f"{one}_per_join": round(line.each, 3) for one, line in lines.items()}
    figures |= {f"{one}_left": counts[-1][one] - counts[0][one] for one in (*LEVEL, *SLOPES)}
    spread = {f"{one}_per_join": {"plus_or_minus": round(line.margin, 3)} for one, line in lines.items()}
    return {"name": name, "subject": "bridge", "figures": figures, "spread": spread}


async def whole(joins: int) -> dict[str, Any]:
    """The whole bridge, with robots through the real signalling; its series and records are counted as well."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_bridge(Path(folder)) as (bridge, target, metrics):
            with robots_here(target) as turn:
                layer = Whole(bridge, metrics, turn)
                records = await layer.records()
                scenario = await measure("whole-bridge", layer, joins)
                scenario["figures"]["series_left"] = layer.series[-1] - layer.series[LOOKS // 2]
                scenario["figures"]["events_on_record"] = await layer.records() - records
    return scenario


async def main(use_cases: int, shaken: int, joins: int) -> None:
    """Measure and write."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scenarios = [await measure("use-cases-over-models", Rooms(), use_cases)]
    with handshakes() as layer:
        scenarios.append(await measure("legs-and-handshakes", layer, shaken))
    scenarios.append(await whole(joins))
    head = {"benchmark": "churn", "commit": commit(), "machine": machine(), "rounds": LOOKS - 1}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(head | {"scenarios": scenarios}, indent=1) + "\n", "utf-8")
    if scenarios[-1]["figures"]["series_left"]:
        raise SystemExit("metric series stayed behind")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:4]]
    asyncio.run(main(*given, *JOINS[len(given) :]))
