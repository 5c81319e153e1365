"""Journey D7, as far as it is of browsers: an interpreter for a deaf patient, who signs and writes."""

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from signalling import messages as m
from tests.support.bridge import PHONE, Visitor, running_house
from tests.support.keyboard import Keyboard

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

GP, PATIENT, INTERPRETER = 7, 29, 44
SAID: Final = "Where does it hurt?"


async def test_a_deaf_patient_sees_the_interpreter_and_reads_what_is_said(
    tmp_path: Path, chromium: Browser
) -> None:
    """Each has whom they need in the one slot for pictures, whoever speaks; what is typed is read at once."""
    async with running_house(tmp_path, slots=1) as house:
        gp = await house.bring(chromium, m.Role.DOCTOR, GP, size=PHONE)
        await gp.open_panel()
        link = await house.link(m.Role.PATIENT, "Patient")
        patient = await house.enter(chromium, link, PATIENT, size=PHONE)
        await patient.connected()
        await gp.admit("Patient")
        await gp.sees_and_hears(patient)
        interpreter = await house.bring(chromium, m.Role.INTERPRETER, INTERPRETER)
        await gp.admit("Interpreter")
        await interpreter.admitted()
        await gp.close_panel()

        await pins(gp, "Patient")
        await pins(patient, "Interpreter")
        await pins(interpreter, "Patient")
        await patient.comes_to_see(await interpreter.participant(), INTERPRETER, GP)
        await interpreter.comes_to_see(await patient.participant(), PATIENT, GP)
        await speaks_alone(gp, patient, interpreter)
        await gp.sees(await patient.participant(), PATIENT)
        await is_read(interpreter, patient, gp)
        assert [await one.offers() for one in (gp, patient, interpreter)] == [1] * 3


async def pins(viewer: Visitor, name: str) -> None:
    """Have somebody large, by keyboard alone."""
    await Keyboard(viewer.page).press(f"Show large: {name}")
    await expect(viewer.page.get_by_role("button", name=f"Show normal: {name}", exact=True)).to_be_visible()


async def speaks_alone(gp: Visitor, patient: Visitor, interpreter: Visitor) -> None:
    """The GP speaks, and nobody else: that is shown, and changes nobody's picture."""
    for other in (patient, interpreter):
        await other.press("#control-mic")
    who = await gp.participant()
    for other in (patient, interpreter):
        await expect(other.page.locator(f'#stage .tile[data-participant="{who}"].speaking')).to_be_visible(
            timeout=60_000
        )
    await patient.sees(await interpreter.participant(), INTERPRETER)
    await interpreter.sees(await patient.participant(), PATIENT)


async def is_read(interpreter: Visitor, patient: Visitor, gp: Visitor) -> None:
    """What the interpreter types, by keyboard alone, is over the pictures at once, and read aloud once."""
    page = interpreter.page
    await Keyboard(page).press("Write")
    await expect(page.locator("#chat-text")).to_be_focused()
    await page.keyboard.type(SAID[:5])
    captions = patient.page.locator("#captions")
    await expect(captions).to_contain_text(SAID[:5], timeout=60_000)
    await page.keyboard.type(SAID[5:])
    await page.keyboard.press("Enter")
    for reader in (patient, gp):
        await expect(reader.page.locator("#chat-log")).to_have_text(f"Interpreter: {SAID}", timeout=60_000)
    await expect(captions).to_contain_text(SAID)
