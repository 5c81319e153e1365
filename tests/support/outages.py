"""What a call makes of an outage: two pages that note what they show and play, and figures made of it."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Playwright

from bridge.rooms.model import ParticipantId
from loadtest.adapters import island
from loadtest.network.place import Place, place
from loadtest.network.profile import Profile
from signalling import messages as m
from tests.support.bridge import House, Visitor, open_link, running_house
from tests.support.measured_call import FIND_HOST, HOST, browser_at
from tests.support.media_checks import CHROMIUM, CHROMIUM_ARGS

DOCTOR, PATIENT = 3, 17
WAY: Final = Profile(delay_ms=20)
GONE: Final = Profile(delay_ms=20, down=True)
# As long as a telephone has both networks.
OVERLAP_S: Final = 2.0
METER: Final = Path(__file__).with_name("outage_meter.js").read_text("utf-8")
# What is back goes on for so long, in pieces of at most so much.
STEADY_MS: Final = 1500.0
# A picture in 40 ms and a sound in 20, from a machine that does other things too.
HOLE_MS: Final = 300.0


@dataclass(frozen=True)
class Noted:
    """Times of one page, in ms of the machine's clock; `gone` is how often the other one was not there.

    `addresses` are when its browser found one to send from, and which, each time that a way is looked for.
    """

    pictures: Sequence[float]
    sounds: Sequence[float]
    addresses: Sequence[tuple[float, str]]
    gone: int


@dataclass
class Call:
    """A doctor on a good link and a patient at a place."""

    house: House
    where: Place
    browser_pid: Path
    doctor: Visitor
    patient: Visitor
    address: int = 0


@asynccontextmanager
async def call_of_two(playwright: Playwright, camera: str = "") -> AsyncIterator[Call]:
    """A call that both can see and hear; `camera` is script for both pages. Call it on an island."""
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
        doctor = await _enter(house, near, m.Role.DOCTOR, DOCTOR, camera)
        patient = await _enter(house, far, m.Role.PATIENT, PATIENT, camera)
        await doctor.admit("Patient")
        for one, other in ((doctor, patient), (patient, doctor)):
            await one.sees_and_hears(other)
            await watch(one, other)
        yield Call(house, where, pid, doctor, patient)


async def _enter(house: House, browser: Browser, role: m.Role, identity: int, camera: str) -> Visitor:
    link = await house.link(role, role.value.capitalize(), host=role is m.Role.DOCTOR)
    context = await house.context(browser, identity, camera)
    # A page without it is told of one network only, whatever the computer has: these draw their cameras.
    await context.grant_permissions(["camera", "microphone"])
    visitor = await open_link(context, link, identity)
    await visitor.connected()
    return visitor


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


async def watch(visitor: Visitor, other: Visitor) -> None:
    """Let a page note what comes of somebody else from now on; their tile must be there."""
    await visitor.page.evaluate(METER)
    await visitor.page.evaluate(f"window.__outage.watch({await other.participant()!r})")


async def noted(visitor: Visitor) -> Noted:
    """What a page has noted so far."""
    return Noted(**await visitor.page.evaluate("window.__outage.noted"))


async def now_ms(visitor: Visitor) -> float:
    """The machine's clock as pages have it."""
    return float(await visitor.page.evaluate("window.__outage.clock()"))


async def apart_ms(visitor: Visitor) -> float | None:
    """How far sound and picture of a page are apart, as its browser thinks by reports; None without both."""
    found = await visitor.page.evaluate("window.__outage.apart()")
    return None if found is None else abs(float(found))


def back_at(times: Sequence[float], since: float, until: float, hole_ms: float = HOLE_MS) -> float | None:
    """When what stopped is steadily back: the first time from which there is no hole; None if there is none."""
    later = [time for time in times if since <= time <= until]
    begin = None
    for one, following in pairwise([*later, until]):
        if begin is None:
            begin = one
        if following - one > hole_ms:
            begin = None
        elif following - begin >= STEADY_MS:
            return begin
    return None


async def back(visitor: Visitor, since: float, patience_s: float) -> tuple[float | None, float | None]:
    """Wait until picture and sound are steadily back on a page, and tell how long after `since`, in ms each."""
    end = asyncio.get_running_loop().time() + patience_s
    while True:
        seen = await noted(visitor)
        until = await now_ms(visitor)
        found = [back_at(times, since, until) for times in (seen.pictures, seen.sounds)]
        if None not in found or asyncio.get_running_loop().time() > end:
            picture, sound = (None if time is None else time - since for time in found)
            return picture, sound
        await asyncio.sleep(0.2)


def processes(pid: int) -> list[int]:
    """A process and all that it has started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            own, _, rest = stat.read_text("utf-8", "replace").rpartition(")")
        except OSError:
            continue
        children.setdefault(int(rest.split()[1]), []).append(int(own.split()[0]))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


async def legs(house: House, *visitors: Visitor) -> list[int | None]:
    """The engine's numbers for people's legs; None for who has none."""
    known = house.live.legs
    whose = [known.get(ParticipantId(await visitor.participant())) for visitor in visitors]
    return [None if media is None else media.leg for media in whose]
