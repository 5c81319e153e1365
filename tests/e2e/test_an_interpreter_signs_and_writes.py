"""Journey D7, as far as it is of browsers: an interpreter for a deaf patient, who signs and writes.

All three have telephones, and work them by keys and by ear alone.
"""

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from signalling import messages as m
from tests.support.bridge import PHONE, House, running_house
from tests.support.unaided import Unaided, enters

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

GP, PATIENT, INTERPRETER = 7, 29, 44
ROLES: Final = (m.Role.DOCTOR, m.Role.PATIENT, m.Role.INTERPRETER)
SAID: Final = "Where does it hurt?"


async def test_a_deaf_patient_sees_the_interpreter_and_reads_what_is_said(
    tmp_path: Path, chromium: Browser
) -> None:
    """Each has whom they need in the one slot for pictures, whoever speaks; what is typed is read at once."""
    async with running_house(tmp_path, slots=1) as house:
        gp, patient, interpreter = await in_a_call(house, chromium)
        await pins(gp, "Patient")
        await pins(patient, "Interpreter")
        await pins(interpreter, "Patient")
        await comes_to_see(patient, interpreter)
        await comes_to_see(interpreter, patient)
        await speaks_alone(gp, patient, interpreter)
        await gp.visitor.sees(await patient.visitor.participant(), PATIENT)
        await is_read(interpreter, patient, gp)
        assert [await one.visitor.offers() for one in (gp, patient, interpreter)] == [1] * 3


async def in_a_call(house: House, chromium: Browser) -> tuple[Unaided, Unaided, Unaided]:
    """The GP, the patient and the interpreter, each with a telephone, its keys and its reader of screens."""
    links = [await house.link(role, role.value.capitalize(), host=role is m.Role.DOCTOR) for role in ROLES]
    gp = await enters(house, chromium, links[0], GP, size=PHONE)
    patient = await enters(house, chromium, links[1], PATIENT, size=PHONE)
    await patient.ear.hears("You are next.")
    await gp.ear.hears("Patient (patient) is waiting to come in.")
    await gp.admits("Patient")
    await patient.ear.hears("You are now in the call.")
    await gp.ear.hears("Joined: Patient.")
    await gp.visitor.sees_and_hears(patient.visitor)
    interpreter = await enters(house, chromium, links[2], INTERPRETER, size=PHONE)
    await gp.ear.hears("Interpreter (interpreter) is waiting to come in.")
    await gp.admits("Interpreter")
    await interpreter.ear.hears("You are now in the call.")
    for one in (gp, patient):
        await one.ear.hears("Joined: Interpreter.")
    await gp.closes_panel()
    return gp, patient, interpreter


async def comes_to_see(viewer: Unaided, other: Unaided) -> None:
    """Wait until the one slot has changed from the GP's picture to that of somebody else."""
    await viewer.visitor.comes_to_see(await other.visitor.participant(), other.visitor.identity, GP)


async def pins(viewer: Unaided, name: str) -> None:
    """Have somebody large."""
    await viewer.keys.press(f"Show large: {name}")
    await expect(viewer.page.get_by_role("button", name=f"Show normal: {name}", exact=True)).to_be_visible()


async def speaks_alone(gp: Unaided, patient: Unaided, interpreter: Unaided) -> None:
    """The GP speaks, and nobody else: that is shown, and changes nobody's picture."""
    for other in (patient, interpreter):
        await other.keys.press("Turn mic off")
        await other.ear.hears("Microphone is off")
    who = await gp.visitor.participant()
    for other in (patient, interpreter):
        await expect(other.page.locator(f'#stage .tile[data-participant="{who}"].speaking')).to_be_visible()
    await patient.visitor.sees(await interpreter.visitor.participant(), INTERPRETER)
    await interpreter.visitor.sees(await patient.visitor.participant(), PATIENT)


async def is_read(interpreter: Unaided, patient: Unaided, gp: Unaided) -> None:
    """What the interpreter types is over the pictures at once, and read aloud once, when it is whole."""
    page = interpreter.page
    await interpreter.keys.press("Write")
    await expect(page.locator("#chat-text")).to_be_focused()
    await page.keyboard.type(SAID[:5])
    captions = patient.page.locator("#captions")
    await expect(captions).to_contain_text(SAID[:5])
    await page.keyboard.type(SAID[5:])
    await page.keyboard.press("Enter")
    for reader in (patient, gp):
        await expect(reader.page.locator("#chat-log")).to_have_text(f"Interpreter: {SAID}")
        await reader.ear.hears(f"Interpreter: {SAID}")
    await expect(captions).to_contain_text(SAID)
    for one in (interpreter, patient, gp):
        await one.ear.hears_no_more()
