"""Proves who comes in: every state of small rooms, then random consultations over the real packet engine.

Run: `python -m tests.proof.prove [STEPS]` (`make prove`, a million steps). Writes build/bench/prove.json, and
fails where anything does not hold.
"""

import asyncio
import json
import logging
import secrets
import sys
import time
from collections.abc import Sequence
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
    RULES.used.clear()
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
    sys.stdout.write(f"{world.name}: {json.dumps(figures)}\n")
    sys.stdout.flush()
    return {"name": f"every-state-{world.name}", "subject": "bridge", "figures": figures, "spread": {}}


def play(steps: int) -> dict[str, Any]:
    """Let random consultations take so many steps, and say now and then how far it is."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, counted = time.process_time(), Counted()
    while counted.steps < steps:
        counted.add(asyncio.run(consult(secrets.randbits(32), min(STEPS_AT_ONCE, steps - counted.steps))))
        sys.stdout.write(f"random-interleavings: {counted.steps} steps\n")
        sys.stdout.flush()
    figures = {name: value for name, value in vars(counted).items() if isinstance(value, int)} | {
        "restarts": counted.acts["die_and_come_back"],
        "broken_rules": 0,
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    return {"name": "random-interleavings", "subject": "bridge", "figures": figures, "spread": {}}


def main(steps: int, worlds: Sequence[SmallRoom]) -> None:
    """Prove and write."""
    scenarios = [*(prove(world) for world in worlds), *([play(steps)] if steps else [])]
    report = {
        "benchmark": "prove",
        "commit": commit(),
        "machine": machine(),
        "rounds": 1,
        "scenarios": scenarios,
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else A_MILLION, WHOLE)
