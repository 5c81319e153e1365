"""Measures how soon a call is back after its network was away, has changed, or the computer has slept.

Run: `python -m tests.e2e.bench_recovery [--rounds N] [EVENT...]`, as root or where user namespaces are permitted.
Writes build/bench/recovery.json. Both pages are Chromium; the patient's link is the emulator's, 40 ms there and back.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.async_api import async_playwright

from loadtest.adapters import island
from loadtest.machine import commit, machine
from loadtest.network.place import Place, place, why_not
from loadtest.network.profile import Profile
from signalling import messages as m
from tests.support.bridge import House, Visitor, running_house
from tests.support.measured_call import FIND_HOST, HOST, browser_at
from tests.support.media_checks import CHROMIUM, CHROMIUM_ARGS
from tests.support.outages import back, legs, noted, now_ms, processes, watch

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "bench" / "recovery.json"
DOCTOR, PATIENT = 3, 17
CAMERA: Final = "window.__pictureSize = { width: 640, height: 360 }; window.__pictureRate = 25;"
WAY: Final = Profile(delay_ms=20)
GONE: Final = Profile(delay_ms=20, down=True)
# Longer than any of this may take; what is not back then has no figure.
PATIENCE_S: Final = 25.0
# Between two rounds: estimates and buffers come to rest.
REST_S: Final = 6.0
# As long as a telephone has both networks.
OVERLAP_S: Final = 2.0
FIGURES: Final = ("picture_down_ms", "sound_down_ms", "picture_up_ms", "sound_up_ms")


@dataclass
class Call:
    """A doctor on a good link and a patient at a place."""

    house: House
    where: Place
    browser_pid: Path
    doctor: Visitor
    patient: Visitor
    address: int = 0


Happens = Callable[[Call], Awaitable[float]]


async def outage(seconds: float, call: Call) -> float:
    """Nothing passes for some time; gives when the network is back."""
    call.where.link.set(down=GONE, up=GONE)
    await asyncio.sleep(seconds)
    call.where.link.set(down=WAY, up=WAY)
    return await now_ms(call.doctor)


async def move(seconds: float, call: Call) -> float:
    """The address goes, and another one comes after some time."""
    before = call.address
    call.where.leave(before)
    await asyncio.sleep(seconds)
    call.address = before + 1
    call.where.arrive(call.address)
    return await now_ms(call.doctor)


async def move_over(call: Call) -> float:
    """A second address comes, and the first one goes."""
    before = call.address
    call.address = before + 1
    call.where.arrive(call.address)
    await asyncio.sleep(OVERLAP_S)
    call.where.leave(before)
    return await now_ms(call.doctor)


async def sleep(seconds: float, call: Call) -> float:
    """The patient's computer does nothing for some time, and its network hears nobody."""
    pids = processes(int(call.browser_pid.read_text()))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    call.where.link.set(down=GONE, up=GONE)
    await asyncio.sleep(seconds)
    call.where.link.set(down=WAY, up=WAY)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
    return await now_ms(call.doctor)


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
    async with async_playwright() as playwright, call_of_two(playwright) as call:
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
    before = await legs(call.house, *people)
    gone = sum([(await noted(one)).gone for one in people])
    since = await happens(call)
    picture_down, sound_down = await back(call.patient, since, PATIENCE_S)
    picture_up, sound_up = await back(call.doctor, since, PATIENCE_S)
    await call.patient.until("!s.down")
    return {
        **dict(zip(FIGURES, (picture_down, sound_down, picture_up, sound_up), strict=True)),
        "new_legs": float(before != await legs(call.house, *people)),
        "gone": float(sum([(await noted(one)).gone for one in people]) > gone),
    }


def summary(seen: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Medians, and from where to where the rounds lay; what never came back makes both null."""
    figures: dict[str, float | None] = {}
    spread: dict[str, list[float] | None] = {}
    for name in FIGURES:
        values = [one[name] for one in seen]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        figures[f"{name}_p50"] = round(statistics.median(known), 1) if whole else None
        spread[f"{name}_p50"] = [round(min(known), 1), round(max(known), 1)] if whole else None
    for name in ("new_legs", "gone"):  # in how many of the rounds
        figures[name] = sum(one[name] or 0.0 for one in seen)
    return {"figures": figures, "spread": spread}


@asynccontextmanager
async def call_of_two(playwright: Any) -> AsyncIterator[Call]:
    """A call that both can see and hear."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        house = await stack.enter_async_context(running_house(folder, address=island.ADDRESS, name=HOST))
        where = stack.enter_context(place(1))
        where.link.set(down=WAY, up=WAY)
        pid = folder / "pid"
        far = await stack.enter_async_context(browser_at(playwright, where, pid=pid))
        near = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=[*CHROMIUM_ARGS, FIND_HOST]
        )
        stack.push_async_callback(near.close)
        doctor = await house.bring(near, m.Role.DOCTOR, DOCTOR, CAMERA)
        patient = await house.bring(far, m.Role.PATIENT, PATIENT, CAMERA)
        await doctor.admit("Patient")
        for one, other in ((doctor, patient), (patient, doctor)):
            await one.sees_and_hears(other)
            await watch(one, other)
        yield Call(house, where, pid, doctor, patient)


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
