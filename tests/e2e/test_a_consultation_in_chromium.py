"""The whole of a consultation, by what people see and hear in real Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from signalling import messages as m
from tests.support.bridge import House, Visitor, running_house
from tests.support.media_checks import launch_chromium, read_page_tone, read_page_video
from transcode.tones import tone_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

DOCTOR, PATIENT, INTERPRETER = 3, 17, 42


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running bridge with one room."""
    async with running_house(tmp_path) as house:
        yield house


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        yield browser
        await browser.close()


async def sees_and_hears(viewer: Visitor, other: Visitor) -> None:
    """Check a picture and a tone by their content."""
    who = await other.participant()
    await viewer.shown(who)
    picture = await read_page_video(viewer.page, viewer.track(who, "camera"), timeout_s=15, distinct=2)
    assert picture is not None, viewer.console
    assert picture.identity == other.identity
    hz = await read_page_tone(viewer.page, viewer.track(who, "mic"), timeout_s=15)
    assert hz == pytest.approx(tone_for(other.identity).frequency_hz, abs=12)


async def test_doctor_admits_patient_and_interpreter_one_by_one_and_removes_one(
    house: House, chromium: Browser
) -> None:
    """Nobody gets a packet before the doctor's act, everybody sees and hears everybody after it."""
    doctor = await house.enter(chromium, await house.link(m.Role.DOCTOR, "Doctor", host=True), DOCTOR)
    await doctor.until("s.place === 'admitted' && s.host")
    patient = await house.enter(chromium, await house.link(m.Role.PATIENT, "Patient"), PATIENT)
    interpreter = await house.enter(chromium, await house.link(m.Role.INTERPRETER, "Interpreter"), INTERPRETER)
    for visitor in (doctor, patient, interpreter):
        await visitor.connected()
    await doctor.until("s.roster.people.length === 3")

    for visitor in (patient, interpreter):
        assert await visitor.state("s.roster.people.length") == 1
        assert await visitor.state("s.layout.length") == 0
        assert await visitor.rtp_received() == 0
        row = house.leg_row(await visitor.participant())
        assert (row["rtp_out"], row["rtcp_out"], row["gate_open"]) == (0, 0, 0)

    await doctor.page.get_by_role("button", name="Admit Patient").click()
    await sees_and_hears(patient, doctor)
    await sees_and_hears(doctor, patient)
    assert await interpreter.rtp_received() == 0
    assert house.leg_row(await interpreter.participant())["rtp_out"] == 0

    await doctor.page.get_by_role("button", name="Admit Interpreter").click()
    for viewer in (doctor, patient, interpreter):
        for other in (doctor, patient, interpreter):
            if viewer is not other:
                await sees_and_hears(viewer, other)
