"""Measures how soon an admitted patient sees and hears, and how soon a removed one's media stops, both ways.

Run: `python -m tests.e2e.bench_admission [ROUNDS]`. Writes build/bench/admission.json, and asserts no time. All of
it is on one machine, so the figures hold the bridge and two pages in one Chromium, and no network.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from playwright.async_api import Browser, async_playwright

from bridge.rooms.events import Removed
from loadtest.machine import commit, machine
from signalling import messages as m
from tests.support.bridge import House, Visitor, running_house
from tests.support.media_checks import launch_chromium

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "bench" / "admission.json"
DOCTOR, PATIENT = 3, 17
# All times are of the machine's clock, in ms: those of two pages can be compared.
NOTE_CLICKS: Final = """(() => {
    document.addEventListener("click", (event) => {
        if (!event.target.closest("[data-action=admit], #confirm-yes")) return;
        window.__clicked = performance.timeOrigin + performance.now();
    }, { capture: true });
})();"""
NOTE_ARRIVALS: Final = """(() => {
    const clock = () => performance.timeOrigin + performance.now();
    const noted = window.__noted = { frames: [], sounds: [] };
    const receivers = window.brotjeneste.state().pc.getReceivers();
    for (const { track } of receivers.filter((one) => one.track.kind === "video")) {
        const video = document.createElement("video");
        Object.assign(video, { srcObject: new MediaStream([track]), muted: true });
        const note = () => {
            noted.frames.push(clock());
            video.requestVideoFrameCallback(note);
        };
        video.requestVideoFrameCallback(note);
        video.play();
        (window.__watched ??= []).push(video);
    }
    const last = new Map();
    setInterval(() => {
        for (const receiver of receivers.filter((one) => one.track.kind === "audio")) {
            const heard = receiver.getSynchronizationSources()[0]?.timestamp;
            if (heard && last.get(receiver) !== heard) noted.sounds.push(clock());
            last.set(receiver, heard);
        }
    }, 2);
})()"""
# When the last packet of anybody's media came to a page, by its browser.
LAST_PACKET: Final = """(async () => {
    const report = await window.brotjeneste.state().pc.getStats();
    const media = [...report.values()].filter((stat) => stat.type === "inbound-rtp");
    return Math.max(...media.map((stat) => stat.lastPacketReceivedTimestamp ?? 0));
})()"""
# Each takes a page of its own, and a 95th percentile of fewer is a maximum.
FEWEST_REMOVALS: Final = 20
LOOKS_AT_THE_CLOCK: Final = 50
QUIET_MS: Final = 400
GOALS: Final = {
    "admit_to_first_frame_ms_p95": 400.0,
    "admit_to_first_audio_ms_p95": 200.0,
    "remove_click_to_last_packet_to_them_ms_p95": 50.0,
    "remove_click_to_last_packet_from_them_ms_p95": 50.0,
}
FIRST_AFTER: Final = """((since) => {
    const first = (times) => times.find((time) => time > since) ?? null;
    return [first(window.__noted.frames), first(window.__noted.sounds)];
})(SINCE)"""
QUIET: Final = f"""((now) => [...window.__noted.frames.slice(-1), ...window.__noted.sounds.slice(-1)]
    .every((time) => now - time > {QUIET_MS}))(performance.timeOrigin + performance.now())"""


@dataclass(frozen=True)
class Round:
    """One admission: ms from the click until the first picture, and until the first sound."""

    frame_ms: float
    audio_ms: float


async def measure_admissions(rounds: int) -> list[Round]:
    """Admit a patient and send them back, so many times."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright, running_house(Path(folder)) as house:
            browser = await launch_chromium(playwright)
            doctor, patient = await couple(house, browser)
            measured = []
            for _ in range(rounds):
                measured.append(await admit_once(doctor, patient))
                await doctor.do("Patient", "Send to waiting room", sure=True)
                await patient.until("s.place === 'waiting'")
                await patient.until(QUIET)
            await browser.close()
    return measured


async def couple(house: House, browser: Browser) -> tuple[Visitor, Visitor]:
    """A doctor, and a patient who waits with their media up and notes what arrives."""
    doctor = await house.bring(browser, m.Role.DOCTOR, DOCTOR, NOTE_CLICKS)
    patient = await house.bring(browser, m.Role.PATIENT, PATIENT)
    await patient.page.evaluate(NOTE_ARRIVALS)
    return doctor, patient


async def admit_once(doctor: Visitor, patient: Visitor) -> Round:
    """Press the button and wait until something is seen and heard."""
    await doctor.admit("Patient")
    first = FIRST_AFTER.replace("SINCE", str(await doctor.page.evaluate("window.__clicked")))
    await patient.until(f"{first}.every((time) => time !== null)")
    clicked = float(await doctor.page.evaluate("window.__clicked"))
    frame, sound = await patient.page.evaluate(first)
    return Round(frame - clicked, sound - clicked)


@dataclass(frozen=True)
class Removal:
    """One removal, in ms since the epoch: click, record, last packet to the removed, last packet of theirs.

    `last_to` is by the engine's clock, all else by the system's; `ahead` is by how much the first was so, or more.
    """

    clicked: float
    recorded: float
    last_to: float
    last_from: float
    ahead: float


async def measure_removals(rounds: int) -> list[Removal]:
    """Remove one patient after the other, while pictures flow both ways."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright, running_house(Path(folder)) as house:
            browser = await launch_chromium(playwright)
            doctor = await house.bring(browser, m.Role.DOCTOR, DOCTOR, NOTE_CLICKS)
            found = [await remove_once(house, browser, doctor) for _ in range(rounds)]
            await browser.close()
    return found


async def remove_once(house: House, browser: Browser, doctor: Visitor) -> Removal:
    """Remove a patient to whom pictures flow, and from whom they do: there is nobody else in the room."""
    patient = await house.bring(browser, m.Role.PATIENT, PATIENT)
    await doctor.admit("Patient")
    await patient.sees_and_hears(doctor)
    await doctor.sees_and_hears(patient)
    leg, ahead = house.leg(await patient.participant()), clock_ahead(house)
    await doctor.do("Patient", "Remove from call", sure=True)
    last_to = (await house.logged("leg_removed", leg=leg))["last_out_us"] / 1000
    await asyncio.sleep(QUIET_MS / 1000)
    clicked, last_from = [float(await doctor.page.evaluate(what)) for what in ("window.__clicked", LAST_PACKET)]
    removed = [event for event in await house.recorded() if isinstance(event, Removed)][-1]
    await patient.page.context.close()
    return Removal(clicked, removed.at.timestamp() * 1000, last_to, last_from, ahead)


def clock_ahead(house: House) -> float:
    """Ms by which the engine's clock is ahead of the system's, at least: no packet has come from the future."""
    ahead = []
    for _ in range(LOOKS_AT_THE_CLOCK):
        last_in = int(house.bridge.engine.snapshot().legs["last_in_us"].max())
        ahead.append(last_in / 1000 - datetime.now(UTC).timestamp() * 1000)
    return max(ahead)


def in_ms(removals: Sequence[Removal], ahead: float) -> dict[str, list[float]]:
    """From click and record to the last packets, by the system's clock; negative where nothing came after it."""
    return {
        "remove_click_to_last_packet_to_them_ms": [one.last_to - ahead - one.clicked for one in removals],
        "remove_click_to_last_packet_from_them_ms": [one.last_from - one.clicked for one in removals],
        "remove_record_to_last_packet_to_them_ms": [one.last_to - ahead - one.recorded for one in removals],
        "remove_record_to_last_packet_from_them_ms": [one.last_from - one.recorded for one in removals],
    }


def report(admissions: Sequence[Round], removals: Sequence[Removal]) -> dict[str, Any]:
    """Give the figures in the form that all benchmarks share, and whether they are as good as they are to be."""
    # All are of one bridge, and each is too little by the time since a packet: the most is next to the truth.
    ahead = max(one.ahead for one in removals)
    measured = {
        "admit_to_first_frame_ms": [one.frame_ms for one in admissions],
        "admit_to_first_audio_ms": [one.audio_ms for one in admissions],
    } | in_ms(removals, ahead)
    figures = {"removals": float(len(removals))}
    for name, values in measured.items():
        figures |= quantiles(name, values)
    figures["engine_clock_ahead_ms"] = round(ahead, 2)
    spread = {name: spread_of(values) for name, values in measured.items()}
    scenario = {"name": "two-chromium-pages-loopback", "subject": "bridge", "figures": figures, "spread": spread}
    return {
        "benchmark": "admission",
        "commit": commit(),
        "machine": machine(),
        "rounds": len(admissions),
        "goals": GOALS,
        "met": {name: figures[name] <= goal for name, goal in GOALS.items()},
        "scenarios": [scenario],
    }


def quantiles(name: str, values: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile, in ms."""
    return {f"{name}_p{share}": round(float(np.percentile(values, share)), 1) for share in (50, 95)}


def spread_of(values: Sequence[float]) -> dict[str, float]:
    """How far the rounds lie apart, in ms."""
    return {
        "min": round(min(values), 1),
        "max": round(max(values), 1),
        "stdev": round(statistics.pstdev(values), 1),
    }


async def main(rounds: int) -> None:
    """Measure and write."""
    found = report(await measure_admissions(rounds), await measure_removals(max(FEWEST_REMOVALS, rounds)))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{OUTPUT}\n{json.dumps(found, indent=2)}\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24))
