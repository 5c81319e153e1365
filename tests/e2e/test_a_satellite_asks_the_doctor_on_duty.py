"""Journey D4: at night a nurse of a satellite comes into its standing room; one of those on duty takes it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, ViewportSize, expect

from bridge.rooms.model import RoomId
from signalling import messages as m
from tests.auth.openid import RealProvider
from tests.support.bridge import PATIENCE_S, PHONE, WIDE, House, Visitor, eventually
from tests.support.logins import house_with_logins
from tests.support.still import shows

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTORS: Final = {"Berg": 7, "Vik": 12, "Dahl": 18}
NAMES: Final = {identity: f"Dr. {name}" for name, identity in DOCTORS.items()}
# The nurse's telephone has a camera on its back as well, before which the strip is.
NURSE, STRIP, CONSULTANT = 29, 45, 44
SPECIALIST: Final = "Kardiolog Moe"
SATELLITE: Final = "Satellitt Vardø"
STATION, CENTRE = "974760673", "983658725"
TWO_CAMERAS: Final = f"window.__backIdentity = {STRIP};"
# 8.3 megapixels; few pictures a second, since they are encoded for the call as well.
SHARP: Final = "window.__pictureSize = { width: 3840, height: 2160 }; window.__pictureRate = 2; 0"


async def test_a_nurse_and_the_doctors_on_duty(
    tmp_path: Path, chromium: Browser, record_property: Callable[[str, object], None]
) -> None:
    """Nobody booked: it rings at all on duty, one has it. A sharp picture goes over, a consultant comes in."""
    settings = {"title": "HelseID", "dialect": "helseid"}
    rotas = {"nord": rota(tmp_path, "Berg", "Vik", "Dahl")}
    async with house_with_logins(tmp_path, "helseid", settings, rotas=rotas) as (house, provider):
        room = await house.bridge.administration.create_room(m.CreateRoom(name=SATELLITE, rota="nord"))
        house.room_id = RoomId(room.room)
        nurses = m.CreateInvitation(
            role=m.Role.ASSISTANT, name="Satellite", many=True, ground=m.Ground.ON_DUTY, requires=m.Assurance.HIGH
        )
        standing = (await house.bridge.administration.invite(house.room_id, nurses)).link
        sizes = {"Berg": PHONE, "Vik": WIDE, "Dahl": WIDE}
        doctors = [await comes_on_duty(house, provider, chromium, name, size) for name, size in sizes.items()]

        nurse = await logs_in(house, provider, chromium, (standing, NURSE, STATION), TWO_CAMERAS, size=PHONE)
        await nurse.page.click("#enter")
        await nurse.page.fill("#start-name", "Nurse")
        await nurse.ready_to_enter()
        await nurse.page.click("#enter")
        await nurse.connected()
        for each in doctors:
            await rings(each)
        pressed = perf_counter()
        doctor, second, third = await two_press_at_once(doctors)
        await doctor.ready_to_enter()
        await doctor.page.click("#enter")
        await doctor.admitted()
        await doctor.connected()
        record_property("seconds from taking the room to being in it", round(perf_counter() - pressed, 1))
        assert await doctor.offers() == 1, "in at the first attempt"
        for each in (second, third):
            await expect(each.page.locator("#silence")).to_be_hidden(timeout=PATIENCE_S * 1000)
        await expect(second.page.locator("#notice")).to_have_text(
            f"{NAMES[doctor.identity]} took {SATELLITE} before you.", timeout=PATIENCE_S * 1000
        )

        for each in (second, third):
            await expect(each.page.locator("#duty-rooms .duty-room")).to_have_count(0, timeout=PATIENCE_S * 1000)
        await doctor.open_panel()
        row = doctor.page.locator(".waiting-person")
        await expect(row).to_contain_text("logged in, security level high", timeout=PATIENCE_S * 1000)
        await doctor.admit("Nurse")
        await doctor.sees_and_hears(nurse)
        await nurse.sees_and_hears(doctor)
        await turns_the_camera(nurse, doctor)
        await sends_a_sharp_picture(nurse, doctor)

        await doctor.open_panel()
        link = await doctor.invite(m.Role.SPECIALIST, SPECIALIST)
        consultant = await house.enter(chromium, link, CONSULTANT)
        await doctor.admit(SPECIALIST)
        await consultant.sees(await nurse.participant(), STRIP)
        await consultant.hears(await nurse.participant(), NURSE)
        await ends(doctor, nurse, consultant)
        await expect(doctor.page.locator("#end-duty")).to_be_visible(timeout=PATIENCE_S * 1000)
        await each_has_its_own(house)
        await all_is_on_record(house)


def rota(folder: Path, *people: str) -> dict[str, object]:
    """Settings of a rota, with its people in a file as a roster system writes it."""
    file = folder / "nord.json"
    listed = [{"name": f"Dr. {name}", "hpr": str(9_000_000 + DOCTORS[name])} for name in people]
    file.write_text(json.dumps(listed), "utf-8")
    return {"title": "Legevakt nord", "people_file": str(file), "organisations": [CENTRE]}


async def comes_on_duty(
    house: House, provider: RealProvider, browser: Browser, name: str, size: ViewportSize
) -> Visitor:
    """Open the page of those on duty, log in there, and press the button."""
    identity = DOCTORS[name]
    page = await (await house.context(browser, identity, size=size)).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(f"{house.bridge.config.http.base_url}/duty")
    await provider.will_log_in(f"person {identity}", **health_personnel(identity, CENTRE))
    await page.get_by_role("link", name="Log in with HelseID").click()
    await page.click("#go-on-duty")
    await expect(page.locator("#duty-title")).to_have_text(f"On duty: Dr. {name}", timeout=PATIENCE_S * 1000)
    return Visitor(page, identity)


async def rings(doctor: Visitor) -> None:
    """Wait until somebody's page rings for the satellite, and see that it names nobody who waits."""
    await expect(doctor.page.locator("#silence")).to_be_visible(timeout=PATIENCE_S * 1000)
    row = doctor.page.locator("#duty-rooms .duty-room")
    await expect(row).to_contain_text(SATELLITE, timeout=PATIENCE_S * 1000)
    await expect(row).to_contain_text("Assistant, logged in, security level high", timeout=PATIENCE_S * 1000)
    assert "Nurse" not in await doctor.page.inner_text("body")


async def two_press_at_once(doctors: list[Visitor]) -> list[Visitor]:
    """Let the first two take the room in the same moment; give who has it, who has not, and who did not press."""
    press = "document.querySelector('#duty-rooms button').click()"
    pressing = doctors[:2]
    await asyncio.gather(*(doctor.page.evaluate(press) for doctor in pressing))
    await eventually(lambda: any("/join" in doctor.page.url for doctor in pressing))
    (taker,) = [doctor for doctor in pressing if "/join" in doctor.page.url]
    (other,) = [doctor for doctor in pressing if doctor is not taker]
    return [taker, other, doctors[2]]


async def turns_the_camera(nurse: Visitor, doctor: Visitor) -> None:
    """The nurse has the camera on the back look at the strip: the doctor sees that, with nothing agreed anew."""
    await nurse.page.evaluate(SHARP)
    await nurse.press(nurse.page.get_by_role("button", name="Flip camera"))
    await doctor.comes_to_see(await nurse.participant(), STRIP, NURSE)
    await doctor.hears(await nurse.participant(), NURSE)
    assert await nurse.offers() == 1


async def sends_a_sharp_picture(nurse: Visitor, doctor: Visitor) -> None:
    """The doctor asks, the nurse takes it, and it is as sharp as the camera is."""
    await doctor.open_panel()
    await doctor.do("Nurse", "Ask for a sharp picture")
    await nurse.page.get_by_role("button", name="Take the picture").click()
    await expect(doctor.page.get_by_role("region", name="Picture from Nurse")).to_be_visible(
        timeout=PATIENCE_S * 1000
    )
    await shows(doctor, STRIP, (3840, 2160))
    await doctor.page.keyboard.press("Escape")


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
    await provider.will_log_in(f"person {identity}", **health_personnel(identity, organisation))
    await page.get_by_role("link", name="Log in with HelseID").click()
    said = page.locator("#start-login-text")
    await expect(said).to_have_text("You are logged in (security level high).", timeout=PATIENCE_S * 1000)
    await visitor.ready_to_enter()
    return visitor


def health_personnel(identity: int, organisation: str) -> dict[str, str]:
    """What HelseID says of one of the register, who works for an organisation."""
    return {
        "helseid://claims/identity/security_level": "4",
        "helseid://claims/hpr/hpr_number": str(9_000_000 + identity),
        "helseid://claims/client/claims/orgnr_child": organisation,
    }


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


async def all_is_on_record(house: House) -> None:
    """Who took the room, who tried, and that they were on duty: how known, for whom, why; and what followed."""
    rows = await house.bridge.store.audit(house.room_id)
    acts = [row.act for row in rows if row.role == "doctor" and row.outcome == "ok" and row.act != "consented"]
    assert acts == [
        *("room_taken", "host_entered", "identified", "admitted"),
        *("still_asked", "still_sent", "invited", "admitted", "room_ended"),
    ]
    (taken,) = [row for row in rows if row.act == "room_taken"]
    (tried,) = [row for row in rows if row.act == "take_room"]
    for row, outcome, reason in ((taken, "ok", "on_duty"), (tried, "taken", None)):
        assert (row.role, row.assurance, row.organisation) == ("doctor", "high", CENTRE)
        assert (row.outcome, row.reason) == (outcome, reason)
    on_duty = [row.actor for row in await house.bridge.store.audit("bridge") if row.act == "on_duty"]
    assert len(set(on_duty)) == len(DOCTORS)
    assert tried.actor in on_duty
    assert await house.bridge.store.verify_audit() is None
