"""Journey D4: at night a nurse of a satellite comes into its standing room; the doctor on duty takes it."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, expect

from signalling import messages as m
from tests.auth.openid import RealProvider
from tests.support.bridge import PATIENCE_S, PHONE, House, Visitor
from tests.support.logins import house_with_logins

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, NURSE, CONSULTANT = 7, 29, 44
STATION, CENTRE = "974760673", "983658725"
SHARP: Final = "window.__pictureSize = { width: 3840, height: 2160 }; window.__pictureRate = 2;"


async def test_a_nurse_and_the_doctor_on_duty(tmp_path: Path, chromium: Browser) -> None:
    """Both log in; nobody booked. A sharp picture goes over, a consultant comes in, each actor has its record."""
    settings = {"title": "HelseID", "dialect": "helseid"}
    async with house_with_logins(tmp_path, "helseid", settings) as (house, provider):
        nurses = m.CreateInvitation(
            role=m.Role.ASSISTANT, name="Satellite", many=True, ground=m.Ground.ON_DUTY, requires=m.Assurance.HIGH
        )
        standing = (await house.bridge.administration.invite(house.room_id, nurses)).link
        on_duty = await house.link(m.Role.DOCTOR, "Doctor", host=True, requires=m.Assurance.HIGH)

        nurse = await logs_in(house, provider, chromium, (standing, NURSE, STATION), SHARP)
        await nurse.page.click("#enter")
        await nurse.page.fill("#start-name", "Nurse")
        await nurse.ready_to_enter()
        await nurse.page.click("#enter")
        await nurse.connected()
        doctor = await logs_in(house, provider, chromium, (on_duty, DOCTOR, CENTRE), size=PHONE)
        await doctor.page.click("#enter")
        await doctor.admitted()
        await doctor.open_panel()
        row = doctor.page.locator(".waiting-person")
        await expect(row).to_contain_text("logged in, security level high", timeout=PATIENCE_S * 1000)
        await doctor.admit("Nurse")
        await doctor.sees_and_hears(nurse)
        await nurse.sees_and_hears(doctor)

        await doctor.do("Nurse", "Ask for a sharp picture")
        await nurse.page.get_by_role("button", name="Take the picture").click()
        await expect(doctor.page.get_by_role("region", name="Picture from Nurse")).to_be_visible(
            timeout=PATIENCE_S * 1000
        )
        size = await doctor.page.evaluate(
            "(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight])"
            "(document.querySelector('#still-view img'))"
        )
        assert size == [3840, 2160]
        await doctor.page.keyboard.press("Escape")

        consultant = await house.bring(chromium, m.Role.SPECIALIST, CONSULTANT)
        await doctor.admit("Specialist")
        await consultant.sees_and_hears(nurse)
        await ends(doctor, nurse, consultant)
        await each_has_its_own(house)


async def logs_in(
    house: House, provider: RealProvider, browser: Browser, who: tuple[str, int, str], *scripts: str, **seen: Any
) -> Visitor:
    """Open a link and log in as health personnel of an organisation; entering is what is left to do."""
    link, identity, organisation = who
    page = await (await house.context(browser, identity, *scripts, **seen)).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    visitor = Visitor(page, identity)
    await page.goto(link)
    await visitor.ready_to_enter()
    claims = {
        "helseid://claims/identity/security_level": "4",
        "helseid://claims/hpr/hpr_number": str(9_000_000 + identity),
        "helseid://claims/client/claims/orgnr_child": organisation,
    }
    await provider.will_log_in(f"person {identity}", **claims)
    await page.get_by_role("link", name="Log in with HelseID").click()
    said = page.locator("#start-login-text")
    await expect(said).to_have_text("You are logged in (security level high).", timeout=PATIENCE_S * 1000)
    await visitor.ready_to_enter()
    return visitor


async def ends(doctor: Visitor, *others: Visitor) -> None:
    """The doctor ends it for all."""
    await doctor.page.get_by_role("button", name="End for all").click()
    await doctor.page.click("#confirm-yes")
    for one in (doctor, *others):
        await one.ended("ended")


async def each_has_its_own(house: House) -> None:
    """Each organisation that took part is told of its own people, and of the others no more than their roles."""
    config = house.bridge.config
    token = (await asyncio.to_thread(Path(config.auth.api_token_file).read_text)).strip()
    async with ClientSession(config.http.base_url, headers={"Authorization": f"Bearer {token}"}) as client:
        for organisation, role in ((STATION, "assistant"), (CENTRE, "doctor")):
            place = f"/api/v1/rooms/{house.room_id}/attendance"
            async with client.get(place, params={"organisation": organisation}) as response:
                assert response.status == 200
                (told,) = (await response.json())["organisations"]
            assert told["organisation"] == organisation
            (one,) = told["people"]
            assert (one["role"], one["assurance"], one["health_personnel"]) == (role, "high", True)
            assert one["came"] <= one["admitted"] <= one["left"]
            assert one["seconds"] > 0
