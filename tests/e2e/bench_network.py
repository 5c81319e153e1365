"""Measures a call of two Chromium pages while the link of one of them is bad.

Run: `python -m tests.e2e.bench_network [--direct] [--rounds N] [SCENARIO...]`, as root or where user namespaces
are permitted. Writes build/bench/network.json and network.html; scenarios that are not run keep the figures that
are there, in another commit's name where it was another (`commit` of a scenario). Of several rounds, which take
turns, medians are told; with `--direct` each call through the bridge takes turns with one without any.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from loadtest.adapters import island
from loadtest.machine import commit, machine
from loadtest.network.figures import figures, least_concealed_percent, samples
from loadtest.network.page import page
from loadtest.network.place import why_not
from loadtest.network.recording import Recording
from loadtest.network.rounds import together
from loadtest.network.scenarios import Scenario, named
from tests.support.direct_call import can_be_direct, record_direct
from tests.support.measured_call import record, stage

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "bench" / "network.json"


DIRECT: Final = "direct"


async def measure(wanted: Sequence[tuple[Scenario, str]], without: tuple[str, ...], seed: int, rounds: int) -> int:
    """Make the calls, each in its figures as soon as it is over; give the number of those that failed."""
    failed = 0
    calls: dict[tuple[str, str], list[dict[str, Any]]] = {}
    async with async_playwright() as playwright, stage(playwright, seed) as made:
        for scenario, subject in tuple(wanted) * rounds:
            try:
                if subject == DIRECT:
                    recording = await record_direct(made, scenario)
                else:
                    recording = await record(made, scenario, without=without)
            except (AssertionError, PlaywrightError) as error:
                failed += 1
                sys.stderr.write(f"{scenario.name} {subject}: {error}\n")
                continue
            entry = entry_of(scenario, subject, recording)
            known = calls.setdefault((scenario.name, subject), [])
            known.append(entry)
            keep(together(known))
            sys.stdout.write(f"{scenario.name} {subject}: {json.dumps(entry['figures'])}\n")
            sys.stdout.flush()
    return failed


def turns(scenarios: Sequence[Scenario], subject: str, *, direct: bool) -> list[tuple[Scenario, str]]:
    """The calls of one round: each scenario through the bridge, and without any where wanted and possible."""
    subjects = (subject, DIRECT) if direct else (subject,)
    return [(one, who) for one in scenarios for who in subjects if who != DIRECT or can_be_direct(one)]


def entry_of(scenario: Scenario, subject: str, recording: Recording) -> dict[str, Any]:
    """One scenario in the form of all benchmarks, with samples for the plots."""
    return {
        "name": scenario.name,
        "subject": subject,
        "sentence": scenario.sentence,
        "commit": commit(),
        "figures": figures(recording) | {"audio_concealed_least_percent": least(scenario, recording)},
        "samples": samples(recording),
    }


def least(scenario: Scenario, recording: Recording) -> float | None:
    """What no sender could keep below where the link was wider before, rounded as the others."""
    link = scenario.steps[0].down
    found = None if scenario.whose == "sender" or scenario.download else least_concealed_percent(recording, link)
    return None if found is None else round(found, 3)


def keep(entry: dict[str, Any]) -> None:
    """Put a call into the report, in the place of the one before, and draw the page anew."""
    known = json.loads(OUTPUT.read_text("utf-8"))["scenarios"] if OUTPUT.exists() else []
    which = (entry["name"], entry["subject"])
    report = {
        "benchmark": "network",
        "commit": commit(),
        "machine": machine(),
        "scenarios": [*(one for one in known if (one["name"], one["subject"]) != which), entry],
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    OUTPUT.with_suffix(".html").write_text(page(report), "utf-8")


def main() -> None:
    """Go to an island and measure there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--without", default="", help="repairs to leave out, separated by commas")
    parser.add_argument("--direct", action="store_true", help="the same calls without any bridge, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if not island.inside():
        if reason := why_not():
            sys.exit(reason)
        island.go([sys.executable, "-m", "tests.e2e.bench_network", *sys.argv[1:]])
    with contextlib.suppress(PermissionError):
        # Before other work on the machine, which would be told as a fault of the bridge. All that is started here
        # inherits it; a mere nice value does not reach over the sessions of browsers.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    without = tuple(word for word in given.without.split(",") if word)
    wanted = turns(named(given.scenarios), "-without-".join(("bridge", *without)), direct=given.direct)
    sys.exit(1 if asyncio.run(measure(wanted, without, given.seed, given.rounds)) else 0)


if __name__ == "__main__":
    main()
