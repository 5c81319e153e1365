"""Journey D1: in the middle of a call the GP gets an interpreter in, with both pages on telephones."""

from typing import Final

import pytest
from playwright.async_api import Browser, expect

from signalling import messages as m
from tests.support.bridge import PHONE, House, Visitor
from tests.support.outages import noted, watch

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

GP, PATIENT, INTERPRETER = 3, 17, 42
NAME: Final = "Samir Haddad"


async def test_the_gp_pulls_an_interpreter_into_a_running_call(house: House, chromium: Browser) -> None:
    """She is invited, waits, is let in by the GP alone, and goes; the other two talk on as if nothing had been."""
    patient_link = await house.link(m.Role.PATIENT, "Patient")
    gp_link = await house.link(m.Role.DOCTOR, "Doctor", host=True)
    gp = await house.enter(chromium, gp_link, GP, size=PHONE)
    await gp.connected()
    patient = await house.enter(chromium, patient_link, PATIENT, size=PHONE)
    await patient.connected()
    await gp.open_panel()
    await gp.admit("Patient")
    await patient.sees_and_hears(gp)
    await gp.sees_and_hears(patient)
    await watch(patient, gp)

    link = await gp.invite(m.Role.INTERPRETER, NAME)
    interpreter = await house.enter(chromium, link, INTERPRETER)
    await interpreter.connected()
    assert await interpreter.state("s.roster.people.length") == 1
    assert await patient.state("s.roster.people.length") == 2
    row = gp.page.locator(".waiting-person")
    await expect(row).to_contain_text(NAME)
    await expect(row.locator(".unknown")).to_be_visible()
    await gp.admit(NAME)
    for viewer in (gp, patient, interpreter):
        await viewer.until(f"s.roster.people.some((one) => one.name === {NAME!r} && one.role === 'interpreter')")
        for other in (gp, patient, interpreter):
            if viewer is not other:
                await viewer.sees_and_hears(other)
    await are_on_the_screen(gp, patient, interpreter)

    replayed = await house.enter(chromium, link, INTERPRETER + 1)
    await replayed.ended("link_used")
    await interpreter.page.get_by_role("button", name="Leave", exact=True).click()
    await interpreter.page.click("#confirm-yes")
    await interpreter.ended("left")
    await gp.until("s.roster.people.length === 2")
    await patient.sees_and_hears(gp)
    # Nobody went away for a moment, and nothing had to be agreed on anew.
    assert (await noted(patient)).gone == 0
    assert [await patient.offers(), await gp.offers()] == [1, 1]
    await is_on_record(house)


async def are_on_the_screen(*people: Visitor) -> None:
    """On each telephone the others' pictures are what one sees once the list of people is shut."""
    for viewer in people:
        await viewer.close_panel()
        for other in people:
            if viewer is not other:
                await viewer.tile_shows(await other.participant(), other.identity)


async def is_on_record(house: House) -> None:
    """The audit has it all, in order, with times, and no name."""
    lines = await house.bridge.store.audit(house.room_id)
    told = [(one.role, one.act, one.outcome) for one in lines if one.act != "consented"]
    assert told[-5:] == [
        ("doctor", "invited", "ok"),
        ("interpreter", "arrived", "ok"),
        ("doctor", "admitted", "ok"),
        ("system", "knock", "link_used"),
        ("interpreter", "left", "ok"),
    ]
    assert [one.at for one in lines] == sorted(one.at for one in lines)
    assert NAME not in repr(lines)
