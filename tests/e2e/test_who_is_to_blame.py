"""What a page says of its link and computer comes to the bridge, and a doctor reads whom the bridge blames.

Real pages and a real bridge; links are the subject of `test_a_patient_on_a_thin_link.py`.
"""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from bridge.rooms.model import ParticipantId
from signalling import messages as m
from tests.cli.command import Place, serving
from tests.support.bridge import House, Visitor, eventually, open_link
from tests.support.media_checks import CHROMIUM_ARGS, SHELL
from tests.support.office import Office, enter

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
DOCTOR, PATIENT = 7, 29
# Kilobits a second that a page on loopback may find, on a machine of any speed: bits would be more, megabits less.
LEAST_KBPS, MOST_KBPS = 10, 100_000
# Chromium's own means of trying what it does on a slow computer: a millisecond after its encoder has begun, and
# for an hour from then on, that counts as more than twice as busy as it can be. It believes it some 20 s later.
SLOW_COMPUTER: Final = "--force-fieldtrials=WebRTC-ForceSimulatedOveruseIntervalMs/1-3600000-1/"
# Larger than usual: there is no smaller picture to go to from the smallest, and what is small is not held back.
LARGER: Final = "window.__pictureSize = { width: 640, height: 360 };"
SLOW_S: Final = 150.0
# The process gets no processor for so long, and then has it for so long: half of what comes waits, for 30 ms in
# the mean.
HELD_S, LET_S = 0.06, 0.06


def reports_of(context: BrowserContext) -> list[m.Report]:
    """Every `report` that pages of a context send from now on, as the bridge reads it."""
    told: list[m.Report] = []

    def take(frame: str | bytes) -> None:
        message = m.decode_client(frame)
        if isinstance(message, m.Report):
            told.append(message)

    context.on("page", lambda page: page.on("websocket", lambda line: line.on("framesent", take)))
    return told


async def test_a_page_tells_what_its_link_carries(house: House, chromium: Browser) -> None:
    """Chromium has an estimate of its way up under the name that the page asks for, and the bridge takes it."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    context = await house.context(chromium, PATIENT)
    told = reports_of(context)
    patient = await open_link(context, await house.link(m.Role.PATIENT, "Patient"), PATIENT)
    await patient.connected()
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    await eventually(
        lambda: any(LEAST_KBPS <= one.capacity_kbps <= MOST_KBPS for one in told if one.capacity_kbps is not None)
    )

    hints = house.live.legs[ParticipantId(await patient.participant())].hints

    def is_taken() -> bool:
        hint = hints.hint(time.monotonic())
        said = {1000 * one.capacity_kbps for one in told if one.capacity_kbps}
        return hint is not None and hint.capacity_bps in said

    await eventually(is_taken)


@pytest_asyncio.fixture(loop_scope="session")
async def slow_chromium() -> AsyncIterator[Browser]:
    """A browser that takes its computer for too slow."""
    async with async_playwright() as playwright:
        args = [*CHROMIUM_ARGS, SLOW_COMPUTER]
        browser = await playwright.chromium.launch(executable_path=SHELL, headless=True, args=args)
        yield browser
        await browser.close()


async def test_a_slow_computer_is_named(slow_chromium: Browser, house: House, chromium: Browser) -> None:
    """Whose browser makes its pictures smaller for want of a processor is told to the doctor, with advice.

    All is real but the load that the browser finds of its encoder, which Chromium simulates when it is asked to. A
    computer that is really too slow would lose packets, too, and it would be chance which of the two is named.
    """
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    patient = await house.bring(slow_chromium, m.Role.PATIENT, PATIENT, LARGER)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    who = await patient.participant()
    await doctor.until(f"s.stats.find((one) => one.participant === '{who}')?.verdict === 'client_cpu'", SLOW_S)
    await reads(doctor, who, "This person's computer cannot keep up with the pictures.", "close other programs")


async def test_a_bridge_that_is_late_takes_the_blame_itself(tmp_path: Path, chromium: Browser) -> None:
    """A bridge that gets no processor for moments says so of everybody, and sends nobody to their router.

    Its process is stopped and let go on, eight times a second, as by a host that has sold its processors twice.
    """
    place = Place(tmp_path)
    async with serving(place) as process, aiohttp.ClientSession() as http:
        office = Office(place, http)
        room = (await office.post("/rooms", name="Test"))["room"]
        doctor = await enter(chromium, await office.link(room, m.Role.DOCTOR, host=True), DOCTOR)
        patient = await enter(chromium, await office.link(room, m.Role.PATIENT), PATIENT)
        await doctor.admit("Patient")
        await doctor.sees_and_hears(patient)
        async with held_up(process):
            await doctor.until("s.stats.length === 2 && s.stats.every((one) => one.verdict === 'bridge')")
            for visitor in (patient, doctor):
                who = await visitor.participant()
                await reads(doctor, who, "The video service cannot keep up just now.", "Tell those who run it.")
        for visitor in (doctor, patient):
            await visitor.page.context.close()


async def reads(doctor: Visitor, participant: str, *words: str) -> None:
    """See these words on a person's row."""
    blame = doctor.page.locator(f"#room-people [data-key='{participant}'] .blame")
    for some in words:
        await expect(blame).to_contain_text(some)


@asynccontextmanager
async def held_up(process: Process) -> AsyncIterator[None]:
    """Let a process have its processor for half of the time only."""

    async def hold() -> None:
        while True:
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(HELD_S)
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(LET_S)

    async with asyncio.TaskGroup() as group:
        holding = group.create_task(hold())
        try:
            yield
        finally:
            holding.cancel()
            process.send_signal(signal.SIGCONT)
