"""Proves who comes in: every state of small rooms, then random consultations over the real packet engine.

Run: `python -m tests.proof.prove [STEPS] [PROCESSES]` (`make prove`, a million steps, a process for each
processor). Writes build/bench/prove.json, and fails where anything does not hold. A world is one process's, and so
are so many steps; what they found is put together here.
"""

import asyncio
import gc
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import structlog

from loadtest.machine import commit, machine
from tests.proof.event_rules import RULES
from tests.proof.explore import explore
from tests.proof.interleavings import consult
from tests.proof.tries import SmallRoom
from tests.proof.watching import Counted
from tests.proof.worlds import WHOLE

OUTPUT: Final = Path(__file__).parents[2] / "build" / "bench" / "prove.json"
EACH_TWIN: Final = 2_000
A_MILLION: Final = 1_000_000
STEPS_AT_ONCE: Final = 20_000


def prove(world: SmallRoom) -> dict[str, Any]:
    """Go everywhere in a world."""
    # States are values, of which none refers to itself: looking for cycles among them is a tenth of the work.
    gc.disable()
    began = time.process_time()
    found = explore(world, RULES, each_twin=EACH_TWIN)
    figures = {
        "states": found.states,
        "transitions": found.transitions,
        "transitions_that_change": found.changes,
        "acts_to_the_farthest_state": found.depth,
        "states_compared_by_another_way": found.twins,
        "rules": len(RULES.names),
        "rules_asked": RULES.used.total(),
        "broken_rules": 0,
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    RULES.used.clear()
    gc.enable()
    _say(f"{world.name}: {json.dumps(figures)}")
    return {"name": f"every-state-{world.name}", "subject": "bridge", "figures": figures, "spread": {}}


def play(steps: int) -> tuple[Counted, float]:
    """Let random consultations take so many steps; what was counted, and the seconds of a processor."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, seed = time.process_time(), secrets.randbits(32)
    counted = asyncio.run(consult(seed, steps))
    seconds = time.process_time() - began
    _say(f"random-interleavings: {counted.steps} steps from seed {seed} in {seconds:.1f} s")
    return counted, seconds


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _together(played: Sequence[tuple[Counted, float]]) -> dict[str, Any]:
    counted = Counted()
    for one, _ in played:
        counted.add(one)
    figures = {name: value for name, value in vars(counted).items() if isinstance(value, int)} | {
        "restarts": counted.acts["die_and_come_back"],
        "broken_rules": 0,
        "cpu_seconds": round(sum(seconds for _, seconds in played), 1),
    }
    return {"name": "random-interleavings", "subject": "bridge", "figures": figures, "spread": {}}


def main(steps: int, processes: int, worlds: Sequence[SmallRoom]) -> None:
    """Prove and write."""
    began = time.monotonic()
    shares = [min(STEPS_AT_ONCE, steps - done) for done in range(0, steps, STEPS_AT_ONCE)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        proving = [pool.submit(prove, world) for world in worlds]
        playing = [pool.submit(play, share) for share in shares]
        _wait_for([*proving, *playing], pool)
    scenarios = [future.result() for future in proving]
    if playing:
        scenarios.append(_together([future.result() for future in playing]))
    report = {
        "benchmark": "prove",
        "commit": commit(),
        "machine": machine(),
        "rounds": 1,
        "processes": processes,
        "wall_seconds": round(time.monotonic() - began, 1),
        "scenarios": scenarios,
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")


def _wait_for(futures: Sequence[Future[Any]], pool: ProcessPoolExecutor) -> None:
    """Until all are done, or one has failed: what does not hold is told at once."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    if any(future.exception() for future in done):
        pool.shutdown(wait=False, cancel_futures=True)
    for future in done:
        future.result()


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(given[0] if given else A_MILLION, given[1] if len(given) > 1 else os.cpu_count() or 1, WHOLE)
