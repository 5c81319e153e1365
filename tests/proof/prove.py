"""Proves who comes in: every state of small rooms, then random consultations over the real packet engine.

Run: `python -m tests.proof.prove [STEPS]` (`make prove`, a million steps). Writes build/bench/prove.json, and
fails where anything does not hold.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from loadtest.machine import commit, machine
from tests.proof.event_rules import RULES
from tests.proof.explore import explore
from tests.proof.worlds import WHOLE, SmallRoom

OUTPUT: Final = Path(__file__).parents[2] / "build" / "bench" / "prove.json"
EACH_TWIN: Final = 2_000


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


def main() -> None:
    """Prove and write."""
    scenarios = [prove(world) for world in WHOLE]
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
    main()
