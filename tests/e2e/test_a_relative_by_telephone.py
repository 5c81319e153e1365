"""Journey D3, as far as it is of browsers: a relative telephones into a call of a GP with a patient."""

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from bridge.rooms.events import Admitted, IdentityConfirmed
from signalling import messages as m
from tests.support import baresip
from tests.support.bridge import PHONE, House, Visitor, eventually
from tests.support.callers import gateway

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

GP, PATIENT, RELATIVE = 3, 17, 42
NAME: Final = "Kari Dahl"
NUMBER: Final = "+4741222345"


async def test_a_relative_telephones_into_the_call(sip_house: House, chromium: Browser, tmp_path: Path) -> None:
    """By number and PIN; let in by the GP, heard by both, shown as what it is; the number is the GP's alone."""
    house = sip_house
    gp = await house.bring(chromium, m.Role.DOCTOR, GP, size=PHONE)
    patient = await house.enter(chromium, await house.link(m.Role.PATIENT, "Patient"), PATIENT, size=PHONE)
    await patient.connected()
    await gp.open_panel()
    await gp.admit("Patient")
    await patient.sees_and_hears(gp)
    number, pin = await invites(gp)
    telephone = baresip.running(
        tmp_path / "kari", RELATIVE, encryption="srtp-mand", codec="", voice="pcma", user=NUMBER
    )
    async with telephone as kari:
        await kari.command("dial", f"sip:{number}@127.0.0.1:{gateway(house).ports['UDP']}")
        await kari.hears_of("CALL_ESTABLISHED")
        await kari.press(f"{pin}#")
        row = gp.page.locator(".waiting-person")
        await expect(row).to_contain_text(NAME, timeout=60_000)
        await expect(row).to_contain_text("+47 41 22 23 45 (not verified)")
        await expect(row).to_contain_text("not identified")
        assert await patient.state("s.roster.people.length") == 2
        await gp.admit(NAME)
        await gp.close_panel()
        of_kari = f"s.roster.people.find((one) => one.name === {NAME!r})"
        for viewer in (gp, patient):
            await viewer.until(f"{of_kari}?.place === 'admitted'")
            who = str(await viewer.state(f"{of_kari}.participant"))
            await viewer.hears(who, RELATIVE)
            tile = viewer.page.locator(f'#stage .tile[data-participant="{who}"]')
            await expect(tile).to_be_visible()
            await expect(tile).to_contain_text(NAME)
            assert await viewer.state(f"{of_kari}.assurance") == "none"
            assert await viewer.state(f"{of_kari}.line") == "telephone"
        assert [await one.state(f"{of_kari}.number") for one in (gp, patient)] == [
            NUMBER,
            "+47 \u2022\u2022\u2022 45",
        ]
        await kari.hears_together({GP, PATIENT})
        await gp.open_panel()
        await gp.do(NAME, "Identity confirmed orally")
        await patient.until(f"{of_kari}.confirmed && {of_kari}.assurance === 'none'")
        await kari.command("hangup")
    await patient.until("s.roster.people.length === 2")
    await patient.sees_and_hears(gp)
    await is_on_record(house, gp)


async def invites(gp: Visitor) -> tuple[str, str]:
    """A number and a PIN, as the GP is told them to be handed on."""
    page = gp.page
    await gp.press("#invite")
    await page.select_option("#invite-role", "relative")
    await page.fill("#invite-name", NAME)
    await gp.press("#invite-pin")
    await expect(page.locator("#invite-pin")).to_be_checked()
    await page.press("#invite-name", "Enter")
    said = page.locator("#invite-call")
    await expect(said).to_be_visible()
    found = re.search(r"number (\d+), then PIN (\d+)", await said.inner_text())
    assert found is not None
    await gp.press("#invite-done [data-close]")
    return found[1], found[2]


async def is_on_record(house: House, gp: Visitor) -> None:
    """Who let in and who confirmed; the number nowhere."""
    events, me = await house.recorded(), await gp.participant()
    acts = [event for event in events if isinstance(event, Admitted | IdentityConfirmed)]
    assert [type(event) for event in acts] == [Admitted, Admitted, IdentityConfirmed]
    assert {getattr(event.by, "participant", None) for event in acts} == {me}
    await eventually(lambda: house.bridge.gateways.running["sip"].health().calls == 0)
    assert NUMBER[3:] not in repr(house.log) + repr(events) + repr(await house.bridge.store.audit(house.room_id))
