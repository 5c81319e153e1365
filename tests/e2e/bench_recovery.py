"""Measures how soon a call is back after its network was away, has changed, or the computer has slept.

Run: `python -m tests.e2e.bench_recovery [--rounds N] [EVENT...]`, as root or where user namespaces are permitted.
Writes build/bench/recovery.json. Both pages are Chromium; the patient's link is the emulator's, 40 ms both ways.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.async_api import async_playwright

from loadtest.adapters import island
from loadtest.machine import commit, machine
from loadtest.network.place import why_not
from tests.support.outages import Call, apart_ms, back, call_of_two, legs, move, move_over, noted, outage, sleep

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "bench" / "recovery.json"
CAMERA: Final = "window.__pictureSize = { width: 640, height: 360 }; window.__pictureRate = 25;"
# Longer than any of this may take; what is not back then has no figure.
PATIENCE_S: Final = 25.0
# Between two rounds: estimates and buffers come to rest.
REST_S: Final = 6.0
ADDRESS: Final = "address_ms"
BACK: Final = ("picture_down_ms", "sound_down_ms", "picture_up_ms", "sound_up_ms")
FIGURES: Final = (*BACK, "apart_ms")


Happens = Callable[[Call], Awaitable[float]]


EVENTS: Final[Mapping[str, tuple[str, Happens]]] = {
    "outage-0.2": ("the patient's network is away for 0.2 s", partial(outage, 0.2)),
    "outage-1": ("the patient's network is away for 1 s", partial(outage, 1.0)),
    "outage-3": ("the patient's network is away for 3 s", partial(outage, 3.0)),
    "outage-5": ("the patient's network is away for 5 s", partial(outage, 5.0)),
    "move-0": ("the patient's address is another one at once", partial(move, 0.0)),
    "move-1": ("the patient's address goes, and another one comes 1 s later", partial(move, 1.0)),
    "move-over": (
        "the patient has two addresses, and the one in use goes: nothing says that the network is away",
        move_over,
    ),
    "move-4": ("the patient's address goes, and another one comes 4 s later", partial(move, 4.0)),
    "sleep-10": ("the patient's computer sleeps for 10 s", partial(sleep, 10.0)),
}


async def measure(names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Let each of these happen so many times in one call."""
    found = []
    async with async_playwright() as playwright, call_of_two(playwright, CAMERA) as call:
        for name in names:
            seen = [await once(call, EVENTS[name][1]) for _ in range(rounds)]
            entry = {"name": name, "subject": "bridge", "sentence": EVENTS[name][0], **summary(seen)}
            sys.stdout.write(f"{name}: {json.dumps(entry['figures'])} {json.dumps(entry['spread'])}\n")
            sys.stdout.flush()
            found.append(entry)
    return found


async def once(call: Call, happens: Happens) -> dict[str, float | None]:
    """Let it happen once, and wait until all is as before."""
    await asyncio.sleep(REST_S)
    people = (call.doctor, call.patient)
    before, address = await legs(call.house, *people), call.address
    gone = sum([(await noted(one)).gone for one in people])
    since = await happens(call)
    picture_down, sound_down = await back(call.patient, since, PATIENCE_S)
    picture_up, sound_up = await back(call.doctor, since, PATIENCE_S)
    await call.patient.until("!s.down")
    found = await noted(call.patient)
    moved = call.address != address
    own = [time - since for time, which in found.addresses if moved and which == call.where.at(call.address)]
    return {
        **dict(zip(BACK, (picture_down, sound_down, picture_up, sound_up), strict=True)),
        "apart_ms": await apart_ms(call.doctor),
        # No page can be back before its browser finds that there is another network.
        ADDRESS: min(own, default=None),
        "new_legs": float(before != await legs(call.house, *people)),
        "gone": float(sum([(await noted(one)).gone for one in people]) > gone),
    }


def summary(seen: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Medians, and from where to where the rounds lay; what never came back makes both null.

    Where the address stays, nothing is told of when the browser found it.
    """
    figures: dict[str, float | None] = {}
    spread: dict[str, list[float] | None] = {}
    for name in FIGURES:
        values = [one[name] for one in seen]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        figures[f"{name}_p50"] = round(statistics.median(known), 1) if whole else None
        spread[f"{name}_p50"] = [round(min(known), 1), round(max(known), 1)] if whole else None
    addresses = [value for one in seen if (value := one[ADDRESS]) is not None]
    figures[f"{ADDRESS}_p50"] = round(statistics.median(addresses), 1) if addresses else None
    for name in ("new_legs", "gone"):  # in how many of the rounds
        figures[name] = sum(one[name] or 0.0 for one in seen)
    return {"figures": figures, "spread": spread}


def main() -> None:
    """Go to an island and measure there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("events", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if not island.inside():
        if reason := why_not():
            sys.exit(reason)
        island.go([sys.executable, "-m", "tests.e2e.bench_recovery", *sys.argv[1:]])
    with contextlib.suppress(PermissionError):
        # As in bench_network: before other work on the machine, which would be told as a fault of the bridge.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    entries = asyncio.run(measure(given.events or list(EVENTS), given.rounds))
    report = {
        "benchmark": "recovery",
        "commit": commit(),
        "machine": machine(),
        "rounds": given.rounds,
        "scenarios": entries,
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
