"""Several patients of one doctor, on their pages: numbers and times for who waits, one act for the next one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import START, PlayedBridge, Visit, visit
from tests.pages.scenes.people import INTERPRETER, PATIENT, as_doctor, as_patient
from tests.pages.scenes.receiving import ASLAUG, EXPECTED, PER, at, invited
from tests.pages.test_accessibility import faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
PHONE = (390, 844)


async def sent(here: Visit, kind: type[messages.Wire]) -> dict[str, Any]:
    """What the page sends next of a kind, without its type and number."""
    message = await here.bridge.expect(kind)
    return {name: getattr(message, name) for name in message.__struct_fields__ if name != "ref"}


async def test_who_waits_reads_a_number_and_a_time(browser: Browser, site: str) -> None:
    """In words, read out as they change, with nothing about anybody; being late is said with the new time."""
    bridge = as_patient(beside={"ahead": 2})
    async with visit(browser, site, bridge, size=PHONE) as here:
        await here.come_in()
        place, time = here.page.locator("#waiting-place"), here.page.locator("#waiting-time")
        await expect(place).to_have_text("Det er 2 foran deg i køen.")
        await expect(place).to_have_attribute("role", "status")
        bridge.beside = {"ahead": 1, "expected_at": at(10), "late": False}
        bridge.roster()
        await expect(place).to_have_text("Det er én foran deg i køen.")
        await expect(time).to_contain_text("Timen din er ")
        bridge.beside = {"ahead": 0, "expected_at": "2031-05-17T12:00:00Z", "late": True}
        bridge.roster()
        await expect(place).to_have_text("Du er neste.")
        await expect(time).to_contain_text("Legen er forsinket. Det blir din tur omtrent lørdag 17. mai")
        assert await faults(here.page) == []
        bridge.beside = {"ahead": None, "expected_at": at(-5), "late": True}
        bridge.roster()
        await expect(place).to_be_empty()
        await expect(time).to_have_text("Legen er forsinket. Det tar litt tid til.")


async def test_what_is_called_off_is_told_with_the_new_time(browser: Browser, site: str) -> None:
    """And whom to call if that does not suit."""
    bridge = as_patient()
    async with visit(browser, site, bridge, size=PHONE) as here:
        await here.come_in()
        bridge.push("cancelled", new_time="2031-05-19T08:30:00Z")
        bridge.push("bye", code="cancelled", message="Called off in a test.")
        await expect(here.page.locator("#end-title")).to_have_text("Timen er avlyst")
        await expect(here.page.locator("#end-text")).to_contain_text("Ny tid er mandag 19. mai")
        await expect(here.page.locator("#end-advice")).to_contain_text("hvis den nye tiden ikke passer")


async def test_whoever_opens_a_link_for_many_says_their_name(browser: Browser, site: str) -> None:
    """When the bridge asks; kept for a reload, and gone with the secret of the visit when that is over."""
    bridge = as_patient(refuse_join="name_needed")
    async with visit(browser, site, bridge, size=PHONE) as here:
        await here.page.click("#enter")
        assert (await sent(here, messages.Join))["name"] is None
        await here.shows("#start-name")
        await here.shows(START)
        await here.page.click("#enter")
        await expect(here.page.locator("#start-name-problem")).to_have_text("Skriv navnet ditt først.")
        await expect(here.page.locator("#start-name")).to_be_focused()
        assert await faults(here.page) == []
        bridge.refuse_join = None
        await here.page.fill("#start-name", "  Aslaug ")
        await here.page.keyboard.press("Tab")
        await here.page.click("#enter")
        first = await sent(here, messages.Join)
        assert first["name"] == "Aslaug"
        await here.arrived()
        await here.page.reload()
        assert (await sent(here, messages.Join))["name"] == "Aslaug"
        await here.shows("#screen-waiting")
        bridge.push("bye", code="ended", message="Over in a test.")
        await here.shows("#screen-end")
        await here.until(
            "localStorage.length === 0 || !Object.keys(localStorage).some((key) => key.includes('resume'))"
        )
        assert await here.page.evaluate("sessionStorage.getItem('brotjeneste.naming')") is None


async def test_a_substitute_takes_over_from_the_waiting_room(browser: Browser, site: str) -> None:
    """Where the bridge says that it may, by a large button; no patient has it."""
    async with visit(browser, site, as_patient(), size=PHONE) as here:
        await here.come_in()
        await expect(here.page.locator("#take-over")).to_be_hidden()
        here.bridge.beside = {"may_take_over": True}
        here.bridge.roster()
        await here.page.get_by_role("button", name="Ta over rommet").click()
        await here.bridge.expect(messages.TakeHost)


async def test_one_goes_and_the_next_comes_by_one_act(browser: Browser, site: str) -> None:
    """By keyboard: the patient who is in is to go, the next patient to come, and company can be kept."""
    daughter = INTERPRETER | {"participant": "p_dau", "name": "Kari", "place": "waiting", "invited": invited(9)}
    bridge = as_doctor(ASLAUG, INTERPRETER, daughter, PER)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.focus("#take-next")
        await here.page.keyboard.press("Enter")
        dialog = here.page.get_by_role("dialog")
        await expect(dialog).to_contain_text("får ikke vite hvem som var her")
        await expect(dialog.get_by_label("Denne kommer inn")).to_have_value("p_per")
        assert await faults(here.page) == []
        await dialog.get_by_label("Samir Haddad").uncheck()
        await dialog.get_by_role("button", name="Ta inn").press("Enter")
        assert await sent(here, messages.SeeOff) == {"leaving": ["p_pat"], "following": "p_per", "reason": None}


async def test_letting_a_patient_in_beside_another_asks_who_goes(browser: Browser, site: str) -> None:
    """The button of who waits does not bring two together; nobody goes without a yes."""
    async with visit(browser, site, as_doctor(ASLAUG, PER)) as here:
        await here.come_in()
        await here.page.get_by_role("button", name="Slipp inn Per Dalen").click()
        await expect(here.page.get_by_role("dialog")).to_contain_text("Per Dalen")
        await here.page.keyboard.press("Escape")
        await here.page.get_by_role("button", name="Slipp inn Per Dalen").click()
        await here.page.get_by_role("dialog").get_by_role("button", name="Ta inn").click()
        assert (await sent(here, messages.SeeOff))["leaving"] == ["p_pat"]
        assert not [each for each in here.bridge.sent if isinstance(each, messages.Admit | messages.SeeOff)]
        await expect(here.page.locator("#admit-all")).to_be_hidden()


async def test_a_screen_that_the_bridge_has_stopped_is_shared_no_more(browser: Browser, site: str) -> None:
    """The page does not begin again by itself when the next patient is in."""
    bridge = as_doctor(ASLAUG)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        screen = "const c = document.createElement('canvas'); c.getContext('2d'); return c.captureStream(5);"
        await here.page.evaluate(
            f"() => {{ navigator.mediaDevices.getDisplayMedia = async () => {{ {screen} }}; }}"
        )
        await here.page.click("#control-share")
        assert (await sent(here, messages.Sharing))["on"]
        bridge.change("p_me", sharing=True)
        await expect(here.page.locator("#control-share")).to_have_text("Stopp deling")
        bridge.change("p_me", sharing=False)
        await expect(here.page.locator("#control-share")).to_have_text("Del skjerm")
        assert not [each for each in here.bridge.sent if isinstance(each, messages.Sharing) and each.on]


async def test_the_host_tells_of_delay_and_cancellation(browser: Browser, site: str) -> None:
    """A delay in minutes from now, and that there is none any more; a cancellation with a new time or none."""
    bridge = as_doctor(beside={"expected": EXPECTED, "expected_at": at(15), "late": True})
    async with visit(browser, site, bridge, timezone_id="Europe/Oslo") as here:
        await here.come_in()
        # Shortly before midnight with the day.
        notice = re.compile(r"har fått beskjed om omtrent (\S+ \d+\. \S+ )?kl\. \d\d:\d\d")
        await expect(here.page.locator("#delay-told")).to_contain_text(notice)
        assert await faults(here.page) == []
        await here.page.click("#delay")
        await here.page.get_by_label("Det blir deres tur").select_option("20")
        await here.page.get_by_role("button", name="Gi beskjed").click()
        told = (await sent(here, messages.Delay))["expected_at"]
        assert timedelta(minutes=10) < told - datetime.now(UTC) <= timedelta(minutes=20)
        await here.page.click("#delay")
        await here.page.get_by_label("Det blir deres tur").select_option("0")
        await here.page.get_by_role("button", name="Gi beskjed").click()
        assert (await sent(here, messages.Delay))["expected_at"] is None
        await here.page.get_by_role("button", name="Avlys timen til Randi Moen").click()
        await expect(here.page.get_by_role("dialog")).to_contain_text("Randi Moen får vite")
        await here.page.get_by_label("Ny tid").fill("2031-05-19T10:30")
        await here.page.get_by_role("button", name="Avlys timen", exact=True).click()
        off = await sent(here, messages.Cancel)
        assert off == {"invitation": "i_4", "new_time": datetime(2031, 5, 19, 8, 30, tzinfo=UTC)}
        await here.page.get_by_role("button", name="Trekk tilbake lenken til Drop-in").click()
        await here.page.click("#confirm-yes")
        assert (await sent(here, messages.Withdraw))["invitation"] == "i_1"


async def test_the_host_reads_on_what_somebody_is_here(browser: Browser, site: str) -> None:
    """Beside the button that lets them in, and in the row of who is in; and hears who finds the door closed."""
    by = {"name": "Aslaug Nordahl", "role": "patient"}
    sister = PATIENT | {"participant": "p_sis", "name": "Turid", "role": "relative", "place": "waiting"}
    sister |= {"invited": invited(7, ground="patients_wish", by=by)}
    doctor = INTERPRETER | {"participant": "p_d2", "name": "Ola Vik", "role": "doctor", "invited": invited(8)}
    async with visit(browser, site, as_doctor(ASLAUG, sister, doctor)) as here:
        await here.come_in()
        row = here.page.locator("#waiting-people [data-key=p_sis]")
        await expect(row).to_contain_text("Pasientens ønske · invitert av Aslaug Nordahl (pasient)")
        await here.page.click("#room-people [data-key=p_d2] .more")
        await here.page.get_by_role("button", name="La ta over når jeg er borte").click()
        assert (await sent(here, messages.Appoint))["invitation"] == "i_8"
        here.bridge.push("turned_away", name="Samir", role="interpreter", why="room_locked")
        await expect(here.page.locator("#polite")).to_have_text("Samir (tolk) kom, men rommet er låst.")
        await expect(here.page.locator("#notice")).to_have_text("Samir (tolk) kom, men rommet er låst.")


async def test_an_invitation_says_on_what_it_rests(browser: Browser, site: str) -> None:
    """The host says so, with a sensible beginning; a patient invites company and says no more than whom."""
    async with visit(browser, site, as_doctor()) as here:
        await here.come_in()
        await here.page.click("#invite")
        await here.page.fill("#invite-name", "Ola Vik")
        await here.page.select_option("#invite-role", "doctor")
        await here.page.click("#invite-more summary")
        await expect(here.page.locator("#invite-ground")).to_have_value("on_duty")
        await here.page.fill("#invite-reference", "vaktliste 12")
        await here.page.get_by_label("Kan ta over rommet").check()
        await expect(here.page.locator("#invite-login_hint")).to_be_hidden()
        await here.page.select_option("#invite-requires", "high")
        await expect(here.page.locator("#invite-login_hint")).to_be_visible()
        assert await faults(here.page) == []
        await here.page.get_by_role("button", name="Lag lenke").click()
        wish = await sent(here, messages.Invite)
        assert (wish["ground"], wish["reference"], wish["requires"]) == ("on_duty", "vaktliste 12", "high")
        assert (wish["substitute"], wish["many"]) == (True, False)
    async with visit(browser, site, as_patient("admitted"), size=PHONE) as here:
        await here.come_in()
        await here.page.click("#control-people")
        await here.page.get_by_role("button", name="Inviter en pårørende eller tolk").click()
        for selector in ("#invite-more", "#invite-login"):
            await expect(here.page.locator(selector)).to_be_hidden()
        assert await here.page.locator("#invite-role option").count() == 3
        await here.page.fill("#invite-name", "Turid")
        await here.page.get_by_role("button", name="Lag lenke").click()
        wish = await sent(here, messages.Invite)
        assert (wish["role"], wish["ground"], wish["substitute"]) == ("relative", None, False)
        await here.page.keyboard.press("Escape")
        assert await faults(here.page) == []


async def test_the_doctor_asks_for_a_login_in_plain_sight(browser: Browser, site: str) -> None:
    """Of patients what is usual here, of others nothing; what the doctor chooses instead is what is asked."""
    async with visit(browser, site, as_doctor(beside={"asked_of_patients": "substantial"}), size=PHONE) as here:
        await here.come_in()
        await here.page.click("#control-people")
        for chosen, wanted in ((None, "substantial"), ("high", "high"), ("none", "none")):
            await here.page.click("#invite")
            asked = here.page.get_by_label("Innlogging")
            await expect(asked).to_have_accessible_description(re.compile("slippe inn med en begrunnelse"))
            await expect(asked).to_have_value("none")
            await here.page.select_option("#invite-role", "patient")
            await expect(asked).to_have_value("substantial")
            await here.page.select_option("#invite-role", "relative")
            await expect(asked).to_have_value("none")
            await here.page.select_option("#invite-role", "patient")
            if chosen is not None:
                await asked.select_option(chosen)
            await here.page.fill("#invite-name", "Aslaug")
            assert await faults(here.page) == []
            await here.page.get_by_role("button", name="Lag lenke").click()
            assert (await here.bridge.expect(messages.Invite)).requires == wanted
            await here.page.keyboard.press("Escape")


async def test_nothing_of_it_is_there_for_others(browser: Browser, site: str) -> None:
    """A patient who is in has none of the host's acts, and a doctor alone nothing to press yet."""
    async with visit(browser, site, as_patient("admitted")) as here:
        await here.come_in()
        await here.page.click("#control-people")
        for selector in ("#take-next", "#delay", "#panel-expected", "#panel-take-over"):
            await expect(here.page.locator(selector)).to_be_hidden()
    async with visit(browser, site, PlayedBridge(role="doctor", host=True, place="admitted")) as here:
        here.bridge.people = [as_doctor().people[0]]
        await here.come_in()
        await expect(here.page.locator("#take-next")).to_be_hidden()
