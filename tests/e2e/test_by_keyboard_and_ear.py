"""Journeys D1, D3 and D5 by keyboard alone, and what a reader of screens says at each step, in order and once.

What is seen and heard of the others on these journeys is in the tests that have their names; those of D4 and D7
go by keyboard and ear themselves.
"""

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, ViewportSize, expect

from signalling import messages as m
from tests.support import baresip
from tests.support.bridge import HALF, WIDE, House
from tests.support.callers import gateway
from tests.support.unaided import Unaided, enters, opens

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

GP, PATIENT, OTHER = 3, 17, 42
INTERPRETER: Final = "Samir Haddad"
RELATIVE: Final = "Kari Dahl"


async def in_a_call(house: House, chromium: Browser, size: ViewportSize = WIDE) -> tuple[Unaided, Unaided]:
    """A GP, whose window has this size, has let in a patient."""
    gp = await enters(house, chromium, await house.link(m.Role.DOCTOR, "Ingrid Berg", host=True), GP, size=size)
    patient = await enters(house, chromium, await house.link(m.Role.PATIENT, "Aslaug Nordahl"), PATIENT)
    assert await patient.ear.focus() == 'heading "You are in the waiting room" [level=1]'
    await patient.ear.hears("You are next.")
    await gp.ear.hears("Aslaug Nordahl (patient) is waiting to come in.")
    await gp.keys.press("Admit Aslaug Nordahl")
    await gp.ear.hears("Joined: Aslaug Nordahl.")
    await patient.ear.hears("You are now in the call.")
    assert await patient.ear.focus() == 'heading "Test" [level=1]'
    return gp, patient


async def leaves(somebody: Unaided) -> None:
    """Go, after the question whether one is sure."""
    await somebody.keys.press("Leave", within="#controls")
    await somebody.keys.press("Leave", within="#dialog-confirm")
    await somebody.visitor.ended("left")
    assert await somebody.ear.focus() == 'heading "You have left" [level=1]'


async def everybody_is_seen_off(gp: Unaided, *others: Unaided) -> None:
    """The GP ends it for all, and all are told; nobody has heard anything else."""
    await gp.ends_for_all()
    for one in (gp, *others):
        await one.visitor.ended("ended")
        assert await one.ear.focus() == 'heading "The call is over" [level=1]'
        await one.ear.hears_no_more()


async def test_an_interpreter_is_pulled_in(house: House, chromium: Browser) -> None:
    """Journey D1: invited, told of, let in, and gone again."""
    gp, patient = await in_a_call(house, chromium)
    link = await gp.invites("Interpreter", INTERPRETER)
    interpreter = await enters(house, chromium, link, OTHER)
    await gp.ear.hears(f"{INTERPRETER} (interpreter) is waiting to come in.")
    await gp.keys.press(f"Admit {INTERPRETER}")
    for one in (gp, patient):
        await one.ear.hears(f"Joined: {INTERPRETER}.")
    await interpreter.ear.hears("You are now in the call.")
    await leaves(interpreter)
    for one in (gp, patient):
        await one.ear.hears(f"Left: {INTERPRETER}.")
    await everybody_is_seen_off(gp, patient)


async def test_a_relative_by_telephone(sip_house: House, chromium: Browser, tmp_path: Path) -> None:
    """Journey D3, the record beside the page: number and PIN are read out; who waits is not identified."""
    gp, patient = await in_a_call(sip_house, chromium, HALF)
    await has_room_beside_the_record(gp, patient)
    await gp.keys.press("Invite someone")
    await gp.keys.choose("Role", "Relative")
    await gp.keys.type("Name", RELATIVE)
    await gp.keys.check("May call in by telephone or meeting room")
    await gp.keys.press("Make link")
    await gp.ear.hears(f"The link for {RELATIVE} is ready.")
    number, pin = await read_out(gp)
    await gp.keys.press("Close", within="#invite-done")
    async with baresip.running(tmp_path / "kari", OTHER, encryption="srtp-mand", codec="", voice="pcma") as kari:
        await kari.command("dial", f"sip:{number}@127.0.0.1:{gateway(sip_house).ports['UDP']}")
        await kari.hears_of("CALL_ESTABLISHED")
        await kari.press(f"{pin}#")
        await gp.ear.hears(f"{RELATIVE} (relative) is waiting to come in.")
        await gp.keys.press(f"Admit {RELATIVE}")
        for one in (gp, patient):
            await one.ear.hears(f"Joined: {RELATIVE}.")
        await gp.keys.press(f"Options for {RELATIVE}")
        await gp.keys.press("Identity confirmed orally", within="#room-people")
        await gp.keys.to("button", "Withdraw confirmed identity", within="#room-people")
        await kari.command("hangup")
        for one in (gp, patient):
            await one.ear.hears(f"Left: {RELATIVE}.")
    await everybody_is_seen_off(gp, patient)


async def has_room_beside_the_record(gp: Unaided, patient: Unaided) -> None:
    """In half a screen are the patient's picture and the list of people, at once and nothing cut off."""
    who = await patient.visitor.participant()
    for place in (f'#stage .tile[data-participant="{who}"] video', "#room-people"):
        await expect(gp.page.locator(place)).to_be_in_viewport(ratio=0.99)
    await gp.visitor.tile_shows(who, PATIENT)
    assert await gp.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def read_out(gp: Unaided) -> tuple[str, str]:
    """The number and the PIN."""
    said = await gp.page.locator("#invite-call").inner_text()
    words = said.replace(",", " ").split()
    return words[words.index("number") + 1], words[words.index("PIN") + 1]


async def test_the_test_before_entry(house: House, chromium: Browser) -> None:
    """Journey D5: each question of the test, what came of it, the wait, the call."""
    gp = await enters(house, chromium, await house.link(m.Role.DOCTOR, "Ingrid Berg", host=True), GP)
    link = await house.link(m.Role.PATIENT, "Aslaug Nordahl")
    patient = await opens(house, chromium, link, PATIENT)
    for button in ("Test devices and network first", "Yes"):
        await patient.keys.press(button)
    await patient.ear.hears_at_last("We hear you")
    for button in ("Yes", "Play the sound", "Yes, I heard it"):
        await patient.keys.press(button)
    await expect(patient.page.locator("#test-result")).to_be_visible()
    await patient.keys.press("Enter")
    await patient.visitor.connected()
    await patient.ear.hears("You are next.")
    await gp.ear.hears("Aslaug Nordahl (patient) is waiting to come in.")
    await gp.keys.press("Admit Aslaug Nordahl")
    await patient.ear.hears("You are now in the call.")
    await patient.keys.press("Turn mic off")
    await patient.ear.hears("Microphone is off")
    await leaves(patient)
    await gp.ear.hears("Joined: Aslaug Nordahl.", "Left: Aslaug Nordahl.")
