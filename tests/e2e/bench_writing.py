"""Measures how soon a typed character can be read on another's page (EN 301 549, 6.2.4 asks for 500 ms).

Run: `python -m tests.e2e.bench_writing [LINES]`. Writes build/bench/writing.json, and asserts no time. From the
event that the character makes in the writer's page to the change of the reader's; all of it is on one machine, so
the figures hold the pages, the bridge and what else the machine does, and no network.
"""

import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.async_api import async_playwright

from loadtest.machine import commit, machine
from signalling import messages as m
from tests.e2e.bench_admission import quantiles, spread_of
from tests.support.bridge import running_house
from tests.support.media_checks import launch_chromium

OUTPUT: Final = Path(__file__).parents[2] / "build" / "bench" / "writing.json"
DOCTOR, INTERPRETER = 3, 17
LINE: Final = "Pasienten sier at det gjør vondt i magen når hun har spist"
# Of a quick typist, from one key to the next.
SLOWEST_S, QUICKEST_S = 0.25, 0.06
NOTE_TYPED: Final = """(() => {
    window.__typed = [];
    const field = document.querySelector("#chat-text");
    field.addEventListener("input", () => {
        window.__typed[field.value.length] = performance.timeOrigin + performance.now();
    }, { capture: true });
})()"""
NOTE_READ: Final = """(() => {
    window.__read = [];
    const note = () => {
        const length = document.querySelector("#captions p:last-child .text")?.textContent.length ?? 0;
        const now = performance.timeOrigin + performance.now();
        for (let at = length; at > 0 && window.__read[at] === undefined; at -= 1) window.__read[at] = now;
    };
    const changes = { subtree: true, childList: true, characterData: true };
    new MutationObserver(note).observe(document.querySelector("#captions"), changes);
})()"""


async def measure(lines: int) -> list[float]:
    """Ms from each typed character to its sight, of an interpreter's so many lines on a doctor's page."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright, running_house(Path(folder)) as house:
            browser = await launch_chromium(playwright)
            doctor = await house.bring(browser, m.Role.DOCTOR, DOCTOR)
            interpreter = await house.bring(browser, m.Role.INTERPRETER, INTERPRETER)
            await doctor.admit("Interpreter")
            await interpreter.admitted()
            await interpreter.page.click("#control-chat")
            found = []
            for _ in range(lines):
                found += await one_line(doctor.page, interpreter.page)
            await browser.close()
    return found


async def one_line(reader: Any, writer: Any) -> list[float]:
    """Type a line, wait until it can be read, and finish it."""
    await writer.evaluate(NOTE_TYPED)
    await reader.evaluate(NOTE_READ)
    for character in LINE:
        await writer.keyboard.type(character)
        await asyncio.sleep(random.uniform(QUICKEST_S, SLOWEST_S))
    await reader.locator("#captions p:last-child .text").get_by_text(LINE, exact=True).wait_for()
    typed, read = await writer.evaluate("window.__typed"), await reader.evaluate("window.__read")
    await writer.keyboard.press("Enter")
    await reader.locator("#chat-log p").last.get_by_text(LINE).wait_for(state="attached")
    return [read[at] - typed[at] for at in range(1, len(LINE) + 1)]


async def main(lines: int) -> None:
    """Measure and write."""
    found = await measure(lines)
    figures = {**quantiles("character_ms", found), "character_ms_max": round(max(found), 1)}
    scenario = {
        "name": "two-chromium-pages-loopback",
        "subject": "bridge",
        "figures": figures,
        "spread": {"character_ms": spread_of(found)},
    }
    report = {
        "benchmark": "writing",
        "commit": commit(),
        "machine": machine(),
        "rounds": lines,
        "scenarios": [scenario],
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(f"{OUTPUT}\n{json.dumps(scenario, indent=2)}\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4))
