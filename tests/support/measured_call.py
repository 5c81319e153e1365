"""A call of two Chromium pages, each at a place of its own whose link can be made bad, recorded for figures."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Playwright

from loadtest.adapters import island
from loadtest.network.download import download
from loadtest.network.place import Link, Place, place
from loadtest.network.profile import Profile
from loadtest.network.recording import Recording, Shown, Stats
from loadtest.network.scenarios import AFTER_S, BAD_S, Scenario
from signalling import messages as m
from tests.support.bridge import House, Visitor, open_link, running_house
from tests.support.camera_file import HEIGHT, write_camera, write_microphone
from tests.support.media_checks import CHROMIUM, CHROMIUM_ARGS, init_script

RECEIVER, SENDER = 3, 17
NO_CAMERA: Final = "window.__noCamera = true;"
NO_VOICE: Final = "window.__noVoice = true;"
# A name that counts as secure without TLS, for pages that come from another namespace.
HOST: Final = "bridge.localhost"
FIND_HOST: Final = f"--host-resolver-rules=MAP {HOST} {island.ADDRESS}"
METER: Final = Path(__file__).with_name("call_meter.js").read_text("utf-8")
SENT_BPS: Final = 1_000_000
"""What the camera is sent with at most."""
# The sender's own congestion control climbs to its rate; nothing is measured before.
_CLIMB_S, _ENOUGH, _CLIMBED_S = 40.0, 0.85, 2
_CLEAN_S: Final = 8.0
_OWN_LOOK_S: Final = 2.0


@dataclass
class Stage:
    """What calls are made with: a browser at each of two places."""

    receiver: Place
    sender: Place
    receiver_browser: Browser
    sender_browser: Browser
    pids: Mapping[str, Path]

    def quiet(self, scenario: Scenario, other: Profile | None = None) -> None:
        """Both links as they are before something happens; `other` is for the one to which nothing does."""
        down, up = scenario.before, replace(scenario.before, rate_bps=None)
        self.link(scenario).set(down=down, up=up)
        beside = self.sender if scenario.whose == "receiver" else self.receiver
        beside.link.set(down=other or down, up=other or up)

    def link(self, scenario: Scenario) -> Link:
        """The link that something happens to."""
        return (self.receiver if scenario.whose == "receiver" else self.sender).link

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor so far, by whose; `bridge` is this process with everything in it."""
        used = {name: _tree_cpu_s(int(path.read_text())) for name, path in self.pids.items()}
        times = os.times()
        used["bridge"] = times.user + times.system
        used["emulators"] = _tree_cpu_s(self.receiver.emulator) + _tree_cpu_s(self.sender.emulator)
        used["machine"] = _machine_cpu_s()
        return used


@asynccontextmanager
async def stage(playwright: Playwright, seed: int) -> AsyncIterator[Stage]:
    """Make two places with a browser each; call it on an island. Raises `NetworkFailed`."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        camera, microphone = folder / "camera.y4m", folder / "microphone.wav"
        write_camera(camera, SENDER)
        write_microphone(microphone, SENDER)
        devices = (
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
            f"--use-file-for-fake-audio-capture={microphone}",
        )
        places = [stack.enter_context(place(number, seed=seed + number)) for number in (1, 2)]
        pids = {name: folder / f"{name}.pid" for name in ("receiver", "sender")}
        browsers = [
            await stack.enter_async_context(browser_at(playwright, where, *devices, pid=pid))
            for where, pid in zip(places, pids.values(), strict=True)
        ]
        yield Stage(*places, *browsers, pids=pids)


@asynccontextmanager
async def browser_at(
    playwright: Playwright, where: Place, *switches: str, pid: Path | None = None
) -> AsyncIterator[Browser]:
    """Chromium at a place, which finds the bridge as `HOST`; its process id is written to `pid`."""
    with tempfile.TemporaryDirectory() as folder:
        program, note = Path(folder) / "chromium", pid or Path(folder) / "pid"
        words = shlex.join(where.there([CHROMIUM]))
        program.write_text(f'#!/bin/sh\necho $$ > {shlex.quote(str(note))}\nexec {words} "$@"\n')
        program.chmod(0o700)
        switches = (*CHROMIUM_ARGS, FIND_HOST, *switches)
        browser = await playwright.chromium.launch(executable_path=str(program), headless=True, args=[*switches])
        try:
            yield browser
        finally:
            await browser.close()


async def record(stage: Stage, scenario: Scenario, **config: Any) -> Recording:
    """Make one call through a bridge of its own and record it."""
    stage.quiet(scenario)
    with tempfile.TemporaryDirectory() as folder:
        async with running_house(Path(folder), address=island.ADDRESS, name=HOST, **config) as house:
            receiver, sender = await couple(stage, house)
            if scenario.company:
                more = NO_CAMERA + (NO_VOICE if scenario.silent else "")
                other = await _enter(house, stage.sender_browser, m.Role.RELATIVE, RECEIVER, more)
                await receiver.admit("Relative")
                await other.shown(await sender.participant())
                receiver = other if scenario.witness else receiver
            try:
                return await record_pages(stage, scenario, receiver, sender)
            except AssertionError as error:
                raise AssertionError(f"{scenario.name}: {error}; {house.log[-5:]}") from error


async def couple(stage: Stage, house: House) -> tuple[Visitor, Visitor]:
    """A doctor who looks and listens, and a patient with camera and microphone, in one call."""
    receiver = await _enter(house, stage.receiver_browser, m.Role.DOCTOR, RECEIVER, NO_CAMERA)
    sender = await _enter(house, stage.sender_browser, m.Role.PATIENT, SENDER)
    await receiver.admit("Patient")
    await sender.admitted()
    await receiver.shown(await sender.participant())
    return receiver, sender


async def _enter(house: House, browser: Browser, role: m.Role, identity: int, more: str = "") -> Visitor:
    link = await house.link(role, role.value.capitalize(), host=role is m.Role.DOCTOR)
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    house.stack.push_async_callback(context.close)
    scripts = ("window.__ownDevices = true;" + more, init_script(identity), METER)
    for script in scripts:
        await context.add_init_script(script)
    visitor = await open_link(context, link, identity)
    await visitor.connected()
    return visitor


async def record_pages(
    stage: Stage, scenario: Scenario, receiver: Visitor, sender: Visitor, *, other: Profile | None = None
) -> Recording:
    """Record a call that is under way, once the sender sends all that it may; `other` as `Stage.quiet` has it."""
    clock = asyncio.get_running_loop().time
    who = await sender.participant()
    tile = f"document.querySelector('#stage .tile[data-participant=\"{who}\"] video')"
    await climb(sender)
    sent = await _own_pictures(sender)
    await receiver.page.evaluate(f"window.__meter.watch({tile})")
    found = Recording(0.0, (0.0, 0.0), 0.0, sent=sent)
    found.clean_ms = await _now_ms(receiver)
    await _watch_until(found, receiver, sender, clock() + _CLEAN_S)
    link, went_bad = stage.link(scenario), clock()
    before, counted = stage.cpu_s(), link.counters()
    bad_ms = await _now_ms(receiver)
    async with download(stage.receiver, scenario.download) if scenario.download else nullcontext():
        for step in scenario.steps:
            await _watch_until(found, receiver, sender, went_bad + step.at_s)
            link.set(down=step.down, up=step.up)
        await _watch_until(found, receiver, sender, went_bad + BAD_S)
    found.link = (counted, link.counters())
    found.bad = (bad_ms, await _now_ms(receiver))
    found.cpu_s = {name: used - before[name] for name, used in stage.cpu_s().items()}
    stage.quiet(scenario, other)
    await _watch_until(found, receiver, sender, clock() + AFTER_S)
    found.shown += await _taken(receiver)
    found.end_ms = await _now_ms(receiver)
    found.sent += await _own_pictures(sender)
    return found


async def climb(sender: Visitor) -> None:
    """Wait until the sender sends what it is to, or as long as that may take; the samples tell what it sent."""
    clock = asyncio.get_running_loop().time
    end, last, good = clock() + _CLIMB_S, await stats(sender), 0
    while clock() < end and good < _CLIMBED_S:
        await asyncio.sleep(1)
        now = await stats(sender)
        sent = [one.total("video", "outbound-rtp", "bytesSent") for one in (last, now)]
        rate = (sent[1] - sent[0]) * 8000 / (now.at_ms - last.at_ms)
        whole = max(row.get("frameHeight", 0) for row in now.rows if row["type"] == "outbound-rtp") >= HEIGHT
        good = good + 1 if whole and rate >= _ENOUGH * SENT_BPS else 0
        last = now


async def _watch_until(found: Recording, receiver: Visitor, sender: Visitor, end: float) -> None:
    clock = asyncio.get_running_loop().time
    while (left := end - clock()) > 0:
        await asyncio.sleep(min(1.0, left))
        await _look(found, receiver, sender)


async def _look(found: Recording, receiver: Visitor, sender: Visitor) -> None:
    """Note both pages' statistics; of what the receiver gets, only what the sender sends."""
    who = await sender.participant()
    slots = await receiver.state(f"s.layout.filter((one) => one.participant === '{who}').map((one) => one.mid)")
    seen = await stats(receiver)
    rows = [row for row in seen.rows if row["type"] != "inbound-rtp" or row.get("mid") in slots]
    found.receiver.append(Stats(seen.at_ms, rows))
    found.sender.append(await stats(sender))


async def _own_pictures(sender: Visitor) -> list[Shown]:
    await sender.page.evaluate("window.__meter.watchOwn()")
    await asyncio.sleep(_OWN_LOOK_S)
    await sender.page.evaluate("window.__meter.end()")
    return await _taken(sender)


async def _taken(visitor: Visitor) -> list[Shown]:
    taken = await visitor.page.evaluate("window.__meter.take()")
    assert not taken["left"], "the page kept more pictures than it has room for"
    return [Shown(*row) for row in taken["rows"]]


async def stats(visitor: Visitor) -> Stats:
    """The statistics of a page's connection now."""
    taken = await visitor.page.evaluate("window.__meter.stats()")
    return Stats(taken["at"], taken["found"])


async def _now_ms(visitor: Visitor) -> float:
    """The machine's clock as the page has it."""
    return float(await visitor.page.evaluate("performance.timeOrigin + performance.now()"))


def _tree_cpu_s(pid: int) -> float:
    """Processor time of a process and of those that it has started, in seconds."""
    ticks = os.sysconf("SC_CLK_TCK")
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            own, _, rest = stat.read_text("utf-8", "replace").rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        number = int(own.split()[0])
        children.setdefault(int(fields[1]), []).append(number)
        used[number] = int(fields[11]) + int(fields[12])
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += used.get(one, 0)
        waiting += children.get(one, [])
    return total / ticks


def _machine_cpu_s() -> float:
    """Processor time that the whole machine has used, in seconds."""
    fields = [int(field) for field in Path("/proc/stat").read_text("utf-8").splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")
