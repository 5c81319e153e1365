"""Holds what the bridge says of links against what the emulator did to them, in a call of two Chromium pages.

Run: `python -m tests.e2e.bench_truth [FAULT...]`, as root or where user namespaces are permitted. Writes
build/bench/truth.json, and ends with 1 when a figure is further from the truth than allowed. Figures are those of
the operator's port (`/legs/worst`), which are the doctor's too.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession
from playwright.async_api import async_playwright, expect

from loadtest.adapters import island
from loadtest.machine import commit, machine
from loadtest.network.faults import CALM, EVERY_WAY, Fault, Way, Whose, chosen
from loadtest.network.place import why_not
from loadtest.network.truth import Look, Streams, Watched, figures, samples
from signalling import messages as m
from tests.support.bridge import House, Visitor, eventually, running_house
from tests.support.measured_call import HOST, RECEIVER, Stage, climb, couple, stage, stats
from tests.support.media_checks import init_script

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "bench" / "truth.json"
LOOK_S: Final = 0.1
# Looks before the fault, so that windows that begin before it can be asked for.
BEFORE_S: Final = 3.0
# Steps of the test before entry that ask for something, and how often; and how long the one after them may take.
STEPS: Final = {"camera": 1, "mic": 1, "speaker": 2}
TRIED_S: Final = 30.0
WAYS: Final[dict[Way, str]] = {"down": "inbound-rtp", "up": "outbound-rtp"}


class Call:
    """A call whose links go bad, and all that can be seen of it."""

    def __init__(self, made: Stage, house: House, receiver: Visitor, sender: Visitor, http: ClientSession) -> None:
        self._stage = made
        self._visitors: dict[Whose, Visitor] = {"receiver": receiver, "sender": sender}
        self._links = {"receiver": made.receiver.link, "sender": made.sender.link}
        self._house = house
        self._http = http
        self._legs: dict[int, Whose] = {}
        metrics = house.bridge.config.metrics
        self._url = f"http://{metrics.host}:{metrics.port}/legs/worst"

    async def begin(self) -> None:
        """Learn who has which leg, and wait until the sender sends what it is to."""
        for whose, visitor in self._visitors.items():
            self._legs[self._house.leg(await visitor.participant())] = whose
        await climb(self._visitors["sender"])

    async def watch(self, fault: Fault) -> Watched:
        """Let a fault come and go."""
        looks: list[Look] = []
        await self._look(looks, BEFORE_S)
        clock = asyncio.get_running_loop().time
        begun = clock()
        self._set(fault)
        await self._look(looks, fault.seconds)
        ended = clock()
        for link in self._links.values():
            link.set(down=CALM, up=CALM)
        streams = {(whose, way): await self._streams(whose, way) for whose, way in EVERY_WAY}
        await asyncio.sleep(max(fault.calm_s - BEFORE_S, 0.0))
        return Watched(fault, begun, ended, streams, looks)

    def _set(self, fault: Fault) -> None:
        for whose, link in self._links.items():
            down, up = fault.link(whose)
            link.set(down=down, up=up)

    async def _look(self, looks: list[Look], seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        start = clock()
        while (passed := clock() - start) < seconds:
            counted = {whose: link.counters() for whose, link in self._links.items()}
            at = clock()
            lines = await self._lines()
            if len(lines) == len(self._legs):
                looks.append(Look(at, counted, lines))
            await asyncio.sleep(max(LOOK_S - (clock() - start - passed), 0.0))

    async def _lines(self) -> dict[Whose, dict[str, Any]]:
        async with self._http.get(self._url, headers=self._house.as_operator) as answer:
            found = (await answer.json())["legs"]
        # What grows by itself is nothing new.
        lines = ({name: value for name, value in line.items() if name != "for_s"} for line in found)
        return {self._legs[line["leg"]]: line for line in lines if line["leg"] in self._legs}

    async def _streams(self, whose: Whose, way: Way) -> Streams:
        rows = [row for row in (await stats(self._visitors[whose])).rows if row["type"] == WAYS[way]]
        sound = frozenset(int(row["ssrc"]) for row in rows if row.get("kind") == "audio")
        return Streams(sound, frozenset(int(row["ssrc"]) for row in rows))


async def tried(made: Stage, house: House, fault: Fault) -> MutableMapping[str, Any] | None:
    """What the test before entry says over a bad link, as the bridge logs it; None for faults that are not tried.

    The link goes bad when the devices have been tried, just before the network is.
    """
    if fault.reasons is None:
        return None
    whose = fault.ways[0][0]
    where, browser = (
        (made.receiver, made.receiver_browser) if whose == "receiver" else (made.sender, made.sender_browser)
    )
    link = await house.link(m.Role.RELATIVE, "Relative")
    over = len(_tests(house))
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    try:
        for script in ("window.__ownDevices = true;", init_script(RECEIVER)):
            await context.add_init_script(script)
        page = await context.new_page()
        await page.goto(link)
        await Visitor(page, RECEIVER).ready_to_enter()
        await page.click("#start-test")
        for step, presses in STEPS.items():
            await expect(page.locator("#screen-test")).to_have_attribute("data-step", step)
            for press in range(presses):
                if (step, press) == ("speaker", presses - 1):
                    down, up = fault.link(whose)
                    where.link.set(down=down, up=up)
                await page.click("#test-yes")
        await eventually(lambda: len(_tests(house)) > over, TRIED_S)
    finally:
        where.link.set(down=CALM, up=CALM)
        await context.close()
    return _tests(house)[-1]


def _tests(house: House) -> list[MutableMapping[str, Any]]:
    return [line for line in house.log if line["event"] == "test_over"]


async def measure(faults: Sequence[Fault], seed: int) -> int:
    """Try them one by one, then watch them all in one call; give the number of those that were told wrong."""
    entries: list[dict[str, Any]] = []
    async with async_playwright() as playwright, stage(playwright, seed) as made:
        for link in (made.receiver.link, made.sender.link):
            link.set(down=CALM, up=CALM)
        with tempfile.TemporaryDirectory() as folder:
            async with (
                running_house(Path(folder), address=island.ADDRESS, name=HOST) as house,
                ClientSession() as http,
            ):
                words = {fault.name: await tried(made, house, fault) for fault in faults}
                receiver, sender = await couple(made, house)
                call = Call(made, house, receiver, sender, http)
                await call.begin()
                for fault in faults:
                    entries.append(entry_of(await call.watch(fault), words[fault.name]))
                    sys.stdout.write(line_of(entries[-1]))
                    sys.stdout.flush()
    keep(entries)
    return sum(bool(entry["wrong"]) for entry in entries)


def entry_of(watched: Watched, word: MutableMapping[str, Any] | None) -> dict[str, Any]:
    """One fault in the form of all benchmarks, with what was told wrong in words."""
    found, wrong = figures(watched)
    fault = watched.fault
    if word is not None and fault.reasons is not None:
        wanted = {reason.value for reason in fault.reasons}
        # A fault may show in several ways, but not on the other way of the link.
        bad = {way for _, way in fault.ways}
        other = [one for one in word["reasons"] if one.rpartition("_")[2] in {"up", "down"} - bad]
        right = wanted <= set(word["reasons"]) and not other if wanted else not word["reasons"]
        found["trial_right"] = float(right)
        if not right:
            wrong.append(f"test before entry: {word['verdict']} for {word['reasons']}, should be {sorted(wanted)}")
    return {
        "name": fault.name,
        "subject": "bridge",
        "sentence": fault.sentence,
        "commit": commit(),
        "figures": found,
        "spread": {},
        "wrong": wrong,
        "samples": samples(watched),
    }


def line_of(entry: dict[str, Any]) -> str:
    """For whoever waits."""
    found = entry["figures"]
    parts = []
    for name in sorted(name.removesuffix("_told") for name in found if name.endswith("_told")):
        seen = found.get(f"{name}_seen_s")
        late = "" if seen is None else f" ({seen:.1f} s)"
        parts.append(f"  {name} {found[f'{name}_told']:.2f} / {found[f'{name}_true']:.2f}{late}")
    wrong = "".join(f"\n    WRONG {one}" for one in entry["wrong"])
    return f"{entry['name']}: told / true (seen after)\n" + "\n".join(parts) + wrong + "\n"


def keep(entries: Sequence[dict[str, Any]]) -> None:
    """Put these into the report, in the place of those before."""
    known = json.loads(OUTPUT.read_text("utf-8"))["scenarios"] if OUTPUT.exists() else []
    names = {entry["name"] for entry in entries}
    report = {
        "benchmark": "truth",
        "commit": commit(),
        "machine": machine(),
        "rounds": 1,
        "scenarios": [*(one for one in known if one["name"] not in names), *entries],
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def main() -> None:
    """Go to an island and measure there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("faults", nargs="*")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not island.inside():
        if reason := why_not():
            sys.exit(reason)
        island.go([sys.executable, "-m", "tests.e2e.bench_truth", *sys.argv[1:]])
    with contextlib.suppress(PermissionError):
        # As in bench_network: other work on the machine would be told as jitter.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    sys.exit(1 if asyncio.run(measure(chosen(given.faults), given.seed)) else 0)


if __name__ == "__main__":
    main()
