"""Journey D4: at night a nurse of a satellite comes into its standing room; one of those on duty takes it.

All of it is done by keys alone, and what a reader of screens says at each step is held, in order and once.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Final

import pytest
from aiohttp import ClientSession
from playwright.async_api import Browser, ViewportSize, expect

from bridge.rooms.model import RoomId
from signalling import messages as m
from tests.auth.openid import RealProvider
from tests.support.bridge import PHONE, WIDE, House, Visitor, eventually
from tests.support.keyboard import Keyboard
from tests.support.logins import house_with_logins
from tests.support.screen_reader import SCRIPT
from tests.support.still import shows
from tests.support.unaided import Unaided, opens, unaided

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
LOGGED_IN: Final = "You are logged in (security level high)."
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

        nurse = await says_who_she_is(await logs_in(house, provider, chromium, standing, NURSE))
        for each in doctors:
            await rings(each)
        pressed = perf_counter()
        doctor, second, third = await two_press_at_once(doctors)
        await doctor.visitor.ready_to_enter()
        await doctor.keys.press("Enter")
        await doctor.visitor.admitted()
        await doctor.visitor.connected()
        record_property("seconds from taking the room to being in it", round(perf_counter() - pressed, 1))
        assert await doctor.visitor.offers() == 1, "in at the first attempt"
        name = NAMES[doctor.visitor.identity]
        await second.ear.hears(f"{name} took {SATELLITE} before you.")
        await third.ear.hears(f"{name} took {SATELLITE}.")
        for each in (second, third):
            await expect(each.page.locator("#silence")).to_be_hidden()
            await expect(each.page.locator("#duty-rooms .duty-room")).to_have_count(0)

        await lets_in(doctor, nurse)
        await turns_the_camera(nurse, doctor)
        await sends_a_sharp_picture(nurse, doctor)
        consultant = await calls_in_a_consultant(house, chromium, doctor, nurse)
        await doctor.ends_for_all()
        for one in (doctor.visitor, nurse.visitor, consultant):
            await one.ended("ended")
        for listener in (doctor, nurse, second, third):
            await listener.ear.hears_no_more()
        await expect(doctor.page.locator("#end-duty")).to_be_visible()
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
) -> Unaided:
    """Open the page of those on duty, log in there, and press the button."""
    identity = DOCTORS[name]
    page = await (await house.context(browser, identity, SCRIPT, size=size)).new_page()
    await page.goto(f"{house.bridge.config.http.base_url}/duty")
    await provider.will_log_in(f"person {identity}", **health_personnel(identity, CENTRE))
    await Keyboard(page).press("Log in with HelseID", role="link")
    doctor = unaided(Visitor(page, identity))
    await doctor.keys.press("Go on duty")
    title = page.get_by_role("heading", name=f"On duty: Dr. {name}", level=1, exact=True)
    await expect(title).to_be_focused()
    return doctor


async def rings(doctor: Unaided) -> None:
    """Wait until somebody's page rings for the satellite, and see that it names nobody who waits."""
    await doctor.ear.hears(f"{SATELLITE} waits for a doctor.")
    await expect(doctor.page.locator("#silence")).to_be_visible()
    row = doctor.page.locator("#duty-rooms .duty-room")
    await expect(row).to_contain_text("Assistant, logged in, security level high")
    assert "Nurse" not in await doctor.page.inner_text("body")


async def two_press_at_once(doctors: list[Unaided]) -> list[Unaided]:
    """Let the first two take the room in the same moment; give who has it, who has not, and who did not press."""
    pressing = doctors[:2]
    for each in pressing:
        await each.keys.to("button", f"Take {SATELLITE}")
    await asyncio.gather(*(each.page.keyboard.press("Enter") for each in pressing))
    await eventually(lambda: any("/join" in each.page.url for each in pressing))
    (taker,) = [each for each in pressing if "/join" in each.page.url]
    (other,) = [each for each in pressing if each is not taker]
    return [unaided(taker.visitor), other, doctors[2]]


async def lets_in(doctor: Unaided, nurse: Unaided) -> None:
    """The doctor reads how surely the nurse is known, and admits."""
    await doctor.ear.hears(LOGGED_IN, "Nurse (assistant) is waiting to come in.")
    await doctor.opens_panel()
    row = doctor.page.locator(".waiting-person")
    await expect(row).to_contain_text("logged in, security level high")
    await doctor.admits("Nurse")
    await doctor.ear.hears("Joined: Nurse (organisation 974 760 673).")
    await nurse.ear.hears(LOGGED_IN, "You are now in the call.")
    await doctor.visitor.sees_and_hears(nurse.visitor)
    await nurse.visitor.sees_and_hears(doctor.visitor)


async def turns_the_camera(nurse: Unaided, doctor: Unaided) -> None:
    """The nurse has the camera on the back look at the strip: the doctor sees that, with nothing agreed anew."""
    await nurse.page.evaluate(SHARP)
    await nurse.keys.press("Flip camera")
    await nurse.ear.hears("The back camera is on")
    await doctor.visitor.comes_to_see(await nurse.visitor.participant(), STRIP, NURSE)
    await doctor.visitor.hears(await nurse.visitor.participant(), NURSE)
    assert await nurse.visitor.offers() == 1


async def sends_a_sharp_picture(nurse: Unaided, doctor: Unaided) -> None:
    """The doctor asks, the nurse takes it, and it is as sharp as the camera is."""
    await doctor.keys.press("Options for Nurse")
    await doctor.keys.press("Ask for a sharp picture", within="#room-people")
    await doctor.ear.hears("Nurse has been asked for a picture.")
    take = nurse.page.get_by_role("button", name="Take the picture")
    # For a moment it is not: a key that was meant for something else takes no picture.
    await expect(take).to_be_enabled()
    await nurse.keys.press("Take the picture")
    await nurse.ear.hears("Taking the picture. Hold still …")
    picture = doctor.page.get_by_role("region", name="Picture from Nurse")
    await expect(picture).to_be_visible()
    await shows(doctor.visitor, STRIP, (3840, 2160))
    await doctor.ear.hears_at_last("The picture from Nurse is here.")
    await nurse.ear.hears_at_last(f"The picture has been sent to {NAMES[doctor.visitor.identity]}.")
    await doctor.keys.press("Close the picture")


async def calls_in_a_consultant(house: House, browser: Browser, doctor: Unaided, nurse: Unaided) -> Visitor:
    """By a link that the doctor makes and hands on; the consultant sees the strip and hears the nurse."""
    await doctor.opens_panel()
    link = await doctor.invites("Specialist", SPECIALIST)
    consultant = await house.enter(browser, link, CONSULTANT)
    await doctor.ear.hears(f"{SPECIALIST} (specialist) is waiting to come in.")
    await doctor.admits(SPECIALIST)
    for one in (doctor, nurse):
        await one.ear.hears(f"Joined: {SPECIALIST}.")
    await consultant.sees(await nurse.visitor.participant(), STRIP)
    await consultant.hears(await nurse.visitor.participant(), NURSE)
    return consultant


async def logs_in(house: House, provider: RealProvider, browser: Browser, link: str, identity: int) -> Unaided:
    """Open the satellite's link on a telephone and log in as its nurse; entering is what is left to do."""
    nurse = await opens(house, browser, link, identity, TWO_CAMERAS, size=PHONE)
    await provider.will_log_in(f"person {identity}", **health_personnel(identity, STATION))
    await nurse.keys.press("Log in with HelseID", role="link")
    said = nurse.page.locator("#start-login-text")
    await expect(said).to_have_text(LOGGED_IN)
    await nurse.visitor.ready_to_enter()
    return unaided(nurse.visitor)


async def says_who_she_is(nurse: Unaided) -> Unaided:
    """The link is for many: the page loads anew and asks for a name, and then she is in the waiting room."""
    await nurse.keys.press("Enter")
    await nurse.page.locator("#start-name").wait_for()
    nurse = unaided(nurse.visitor)
    await nurse.visitor.ready_to_enter()
    await nurse.keys.type("What is your name?", "Nurse")
    await nurse.keys.press("Enter")
    await nurse.visitor.connected()
    return nurse


def health_personnel(identity: int, organisation: str) -> dict[str, str]:
    """What HelseID says of one of the register, who works for an organisation."""
    return {
        "helseid://claims/identity/security_level": "4",
        "helseid://claims/hpr/hpr_number": str(9_000_000 + identity),
        "helseid://claims/client/claims/orgnr_child": organisation,
    }


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
