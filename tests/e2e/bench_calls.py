"""Calls by SIP through the whole bridge: twenty a second for a minute, and how soon a room system is in.

Run: `python -m tests.e2e.bench_calls [SECONDS [ROUNDS]]`. Writes build/bench/calls.json. Callers are sipp's, each
from an address of its own, to eight rooms in turn; their calls are answered, stand for half a second at the desk
and are hung up. After that all timers of the standard get their time, and what is left is counted: ends with an
error when anything is, or when a call failed. The room system that joins is the scripted one, with SRTP; a time is
from the doctor's click to the moment at which a picture was decoded, at either end. Everything is on one machine.
"""

import asyncio
import csv
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from playwright.async_api import async_playwright

from loadtest.machine import commit, machine
from signalling import messages as m
from tests.e2e.bench_admission import FIRST_AFTER, NOTE_ARRIVALS, NOTE_CLICKS
from tests.gateways.sip import sipp
from tests.gateways.sip.test_through_the_bridge import BYE, CALL, another_room
from tests.support.baresip import read_parts
from tests.support.bridge import House, Visitor, eventually, never_short, running_house
from tests.support.callers import gateway
from tests.support.media_checks import launch_chromium
from tests.support.ports import free_ports
from tests.support.room_system import RoomSystem, room_system
from tests.turnover.residue import look
from transcode.pictures import PictureReading

OUTPUT: Final = Path(__file__).parents[2] / "build" / "bench" / "calls.json"
RATE: Final = 20
STANDS_MS: Final = 500
# Longer than a transaction is remembered (RFC 3261 17.1.1.2, timer D) and than a caller at the desk is waited for.
REST_S: Final = 40.0
LEVEL: Final = ("tasks", "timers")
DOCTOR, PATIENT, WARD = 2, 21, 13


async def load(seconds: int) -> dict[str, Any]:
    """Let so many calls come and go, and count what is left."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"port": free_ports(1)[0], "transports": ["udp"]}
        wanted = {"gateways": {"sip": settings}, "protection": "optional", "ports": 4000}
        async with running_house(Path(folder), **wanted) as house:
            rooms = [await another_room(house) for _ in range(8)]
            await calls(house, Path(folder), rooms, 2 * RATE)
            before = await rested(house)
            used, turned_away = time.process_time(), _refused(house)
            took = await calls(house, Path(folder), rooms, seconds * RATE)
            used = time.process_time() - used
            after = await rested(house)
            return {
                "name": "calls-20-a-second",
                "subject": "bridge",
                "figures": {
                    "calls": seconds * RATE,
                    "turned_away": _refused(house) - turned_away,
                    "setup_ms_p50": round(statistics.median(took), 1),
                    "setup_ms_p95": _p95(took),
                    "cpu_ms_per_call": round(used * 1000 / (seconds * RATE), 2),
                    **{f"{name}_left": after[name] - before[name] for name in before},
                },
            }


async def calls(house: House, folder: Path, rooms: list[str], number: int) -> list[float]:
    """Have sipp make so many, and give how long each took to be answered, in ms. Raises where one failed."""
    timed = (
        CALL[0].replace("<send", '<send start_rtd="1"'),
        *(step.replace("rrs=", 'rtd="1" rrs=') for step in CALL[1:]),
    )
    steps, options = sipp.crowd(folder, rooms, number, *timed, sipp.pause(STANDS_MS), *BYE)
    more = (
        "-r",
        str(RATE),
        "-m",
        str(number),
        "-trace_rtt",
        "-rtt_freq",
        "1",
        "-timeout",
        f"{number // RATE + 60}",
    )
    outcome = await sipp.run(folder, gateway(house).ports["UDP"], *steps, options=(*options, *more))
    if outcome.code != 0:
        raise SystemExit(outcome.output)
    return await asyncio.to_thread(_took, folder)


def _took(folder: Path) -> list[float]:
    """Read what sipp has written down, and leave nothing of it."""
    (found,) = folder.glob("scenario_*_rtt.csv")
    with found.open() as file:
        took = [float(row[1]) for row in list(csv.reader(file, delimiter=";"))[1:]]
    found.unlink()
    return took


async def rested(house: House) -> dict[str, int]:
    """What there is when all that may be waited for was waited for."""
    await asyncio.sleep(REST_S)
    endpoint = gateway(house)._endpoint
    assert endpoint is not None
    figures = look().figures()
    return {
        **endpoint.agent.sizes,
        "gateway_calls": gateway(house).health().calls,
        "visits": len(house.bridge.gateways.running["sip"].door),
        "engine_legs": len(house.bridge.engine.snapshot().legs),
        "engine_lines": len(house.bridge.engine.snapshot().lines),
        **{name: figures[name] for name in LEVEL},
        # Other descriptors, and threads, are those of pools, which grow with how many ask at once, up to a size.
        "sockets": await asyncio.to_thread(_sockets),
    }


def _sockets() -> int:
    """Descriptors of this process that are sockets."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        # That of the list itself is gone by now.
        with suppress(FileNotFoundError):
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def _refused(house: House) -> int:
    counts = house.bridge.service.outside.counts
    return sum(counts.of("calls").values()) + sum(counts.of("gateways").values())  # type: ignore[attr-defined]


def _p95(values: Sequence[float]) -> float:
    return round(float(np.percentile(values, 95)), 1)


async def joins(rounds: int) -> list[dict[str, Any]]:
    """Admit a room system again and again: to a doctor alone, then to a doctor and a patient."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_ports(1)[0]
        gateways = {"sip": {"port": port, "transports": ["udp"]}}
        async with (
            async_playwright() as playwright,
            running_house(Path(folder), gateways=gateways) as house,
            room_system(WARD) as ward,
        ):
            never_short(house)
            browser = await launch_chromium(playwright)
            doctor = await house.bring(browser, m.Role.DOCTOR, DOCTOR, NOTE_CLICKS)
            await doctor.page.evaluate(NOTE_ARRIVALS)
            number, pin = await house.invite_by_call(m.Role.SPECIALIST, "Ward")
            await ward.dial(number, port)
            ward.press(f"{pin}#")
            await doctor.until("s.roster.people.length === 2")
            alone = [await join(doctor, ward, _shows_one) for _ in range(rounds)]
            await house.bring(browser, m.Role.PATIENT, PATIENT)
            await doctor.admit("Patient")
            several = [await join(doctor, ward, _shows_both) for _ in range(rounds)]
            await browser.close()
    # With a patient there a page is never without pictures, and which is the first one of the ward is not known.
    return [
        _joined("room-system-joins-one", {"ward": [one for one, _ in alone], "page": [one for _, one in alone]}),
        _joined("room-system-joins-two", {"ward": [one for one, _ in several]}),
    ]


Shown = Callable[[np.ndarray, PictureReading | None], bool]


def _shows_one(_picture: np.ndarray, reading: PictureReading | None) -> bool:
    return reading is not None and reading.identity == DOCTOR


def _shows_both(picture: np.ndarray, _reading: PictureReading | None) -> bool:
    return read_parts(picture, "beside", 2) == {DOCTOR, PATIENT}


async def join(doctor: Visitor, ward: RoomSystem, shown: Shown) -> tuple[float, float]:
    """One admission: ms until the room system has decoded a picture of the others, and the page one of anybody."""
    seen: list[float] = []
    screen = ward.main.screen
    take = type(screen).take

    def noting(packet: Any) -> None:
        before = len(screen.readings)
        take(screen, packet)
        if not seen and len(screen.readings) > before and shown(screen.last, screen.readings[-1]):
            seen.append(datetime.now(UTC).timestamp() * 1000)

    # Until what was under way before is over.
    await asyncio.sleep(1.0)
    screen.take = noting
    await doctor.admit("Ward")
    await eventually(lambda: bool(seen))
    clicked = float(await doctor.page.evaluate("window.__clicked"))
    first = FIRST_AFTER.replace("SINCE", str(clicked))
    await doctor.until(f"{first}[0] !== null")
    (frame, _) = await doctor.page.evaluate(first)
    await doctor.do("Ward", "Send to waiting room", sure=True)
    await doctor.until("s.roster.people.some((one) => one.name === 'Ward' && one.place === 'waiting')")
    return seen[0] - clicked, frame - clicked


def _joined(name: str, ends: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    figures: dict[str, float] = {}
    for end, times in ends.items():
        figures |= {f"admit_to_first_frame_at_{end}_ms_p50": round(statistics.median(times), 1)}
        figures |= {f"admit_to_first_frame_at_{end}_ms_p95": _p95(times), "rounds": len(times)}
    return {"name": name, "subject": "bridge", "figures": figures}


async def main(seconds: int, rounds: int) -> None:
    """Measure and write."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scenarios = [*(await joins(rounds)), await load(seconds)]
    head = {"benchmark": "calls", "commit": commit(), "machine": machine(), "rounds": rounds}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(head | {"scenarios": scenarios}, indent=1) + "\n", "utf-8")
    sys.stdout.write(json.dumps(scenarios, indent=1) + "\n")
    figures = scenarios[-1]["figures"]
    if figures["turned_away"] or any(count > 0 for name, count in figures.items() if name.endswith("_left")):
        raise SystemExit("a call was turned away, or something stayed behind")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:3]]
    asyncio.run(main(*given, *(60, 20)[len(given) :]))
