"""Measures how soon an admitted patient sees and hears, and how soon a removed one's media stops.

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
from datetime import UTC
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
        if (!event.target.closest("[data-action=admit]")) return;
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
# A removal takes a bridge and two pages of its own, an admission a moment; a 95th percentile takes many.
REMOVALS_COST: Final = 3
QUIET_MS: Final = 400
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


async def measure_removals(rounds: int) -> list[float]:
    """Ms from the record of a removal to the last packet to the removed leg; 0 where none came after it."""
    found = []
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                async with running_house(Path(folder)) as house:
                    found.append(await remove_once(house, browser))
        await browser.close()
    return found


async def remove_once(house: House, browser: Browser) -> float:
    """Remove a patient to whom pictures flow."""
    doctor, patient = await couple(house, browser)
    await doctor.admit("Patient")
    await patient.sees_and_hears(doctor)
    leg = house.leg(await patient.participant())
    await doctor.do("Patient", "Remove from call", sure=True)
    last = (await house.logged("leg_removed", leg=leg))["last_out_us"]
    removed = next(event for event in await house.recorded() if isinstance(event, Removed))
    return max(0.0, last / 1000 - removed.at.astimezone(UTC).timestamp() * 1000)


def report(admissions: Sequence[Round], removals: Sequence[float]) -> dict[str, Any]:
    """Give the figures in the form that all benchmarks share."""
    frames = [one.frame_ms for one in admissions]
    sounds = [one.audio_ms for one in admissions]
    figures = {
        **quantiles("admit_to_first_frame_ms", frames),
        **quantiles("admit_to_first_audio_ms", sounds),
        "remove_to_last_packet_ms_p50": round(statistics.median(removals), 1),
        "remove_to_last_packet_ms_max": round(max(removals), 1),
    }
    spread = {
        "admit_to_first_frame_ms": spread_of(frames),
        "admit_to_first_audio_ms": spread_of(sounds),
        "remove_to_last_packet_ms": spread_of(removals),
    }
    scenario = {"name": "two-chromium-pages-loopback", "subject": "bridge", "figures": figures, "spread": spread}
    return {
        "benchmark": "admission",
        "commit": commit(),
        "machine": machine(),
        "rounds": len(admissions),
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
    found = report(await measure_admissions(rounds), await measure_removals(max(2, rounds // REMOVALS_COST)))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{OUTPUT}\n{json.dumps(found['scenarios'][0], indent=2)}\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24))
