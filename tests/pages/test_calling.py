"""Calling people from the doctor's page, and what is shown of those who come by telephone or room system."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_me", "Ingrid Berg", "doctor", host=True, you=True)
PATIENT = person("p_pat", "Aslaug Nordahl", "patient")
RINGING = person(
    "p_rel", "Kari Nordahl", "relative", place="called", line="telephone", number="+4722334455", ringing=False
)
ON_THE_PHONE = RINGING | {
    "place": "admitted",
    "number": "+4791234545",
    "encryption": {"keys": "exposed", "cipher": "AES_CM_128_HMAC_SHA1_80"},
}


def surgery(*others: dict[str, Any], dials: bool = True) -> PlayedBridge:
    """A room with the doctor and these."""
    people = [DOCTOR, PATIENT, *others]
    return PlayedBridge(role="doctor", host=True, place="admitted", people=people, dials=dials)


async def test_the_doctor_calls_somebody_cancels_and_calls_again(browser: Browser, site: str) -> None:
    """What is wrong is told in the dialog, who rings is in a list, and why they did not come is said in words."""
    bridge = surgery()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page, called = here.page, here.page.locator("#panel-called")
        await expect(called).to_be_hidden()
        await page.get_by_role("button", name="Ring opp en").click()
        await page.get_by_role("button", name="Ring", exact=True).click()
        await expect(page.get_by_role("alert")).to_have_text("Skriv et nummer eller en adresse.")
        await page.get_by_label("Telefonnummer eller videoadresse").fill(" 113 ")
        await page.get_by_role("dialog").get_by_label("Navn").fill("Kari Nordahl")
        bridge.refusals["dial"] = "not_dialable"
        await page.keyboard.press("Enter")
        assert (await bridge.expect(messages.Dial)).address == "113"
        await expect(page.get_by_role("alert")).to_contain_text("kan ikke ringes opp herfra")

        del bridge.refusals["dial"]
        await page.get_by_label("Telefonnummer eller videoadresse").fill("22 33 44 55")
        await page.keyboard.press("Enter")
        wish = await bridge.expect(messages.Dial)
        assert (wish.address, wish.role, wish.name) == ("22 33 44 55", messages.Role.RELATIVE, "Kari Nordahl")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        # It does not stay on the page.
        await expect(page.locator("#dial-address")).to_have_value("")

        bridge.people.append(RINGING)
        bridge.roster()
        await expect(called).to_contain_text("Pårørende, på telefon, +47\u00a022\u00a033\u00a044\u00a055")
        await expect(called).to_contain_text("Kobler opp")
        bridge.change("p_rel", ringing=True)
        await expect(called).to_contain_text("Ringer …")
        await expect(page.locator("#stage-tiles")).not_to_contain_text("Kari")
        await page.get_by_role("button", name="Avbryt oppringningen til Kari Nordahl").click()
        assert (await bridge.expect(messages.Remove)).participant == "p_rel"

        bridge.push("missed", participant="p_rel", name="Kari Nordahl", why="busy")
        bridge.people.pop()
        bridge.roster()
        await expect(page.locator("#assertive")).to_have_text("Kari Nordahl: Det var opptatt.")
        await expect(called).to_contain_text("Det var opptatt.")
        await expect(called.locator("li")).to_have_count(1)
        await page.get_by_role("button", name="Ring Kari Nordahl igjen").click()
        again = await bridge.expect(messages.Dial)
        assert (again.address, again.role, again.name) == ("+4722334455", messages.Role.RELATIVE, "Kari Nordahl")
        await expect(called).to_be_hidden()


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("no_answer", "Ingen svarte."),
        ("declined", "Anropet ble avvist."),
        ("unreachable", "Fikk ikke kontakt."),
        ("no_media", "Utstyret der kan ikke brukes"),
    ],
)
async def test_why_nobody_came_is_told_and_taken_off_the_list(
    browser: Browser, site: str, why: str, words: str
) -> None:
    """Until the doctor has seen it."""
    bridge = surgery(RINGING)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bridge.push("missed", participant="p_rel", name="Kari Nordahl", why=why)
        bridge.people.pop()
        bridge.roster()
        await expect(here.page.locator("#panel-called")).to_contain_text(words)
        await here.page.get_by_role("button", name="Ta bort Kari Nordahl fra listen").click()
        await expect(here.page.locator("#panel-called")).to_be_hidden()


async def test_a_telephone_is_shown_as_what_it_is(browser: Browser, site: str) -> None:
    """Sound only, the number not proven, the owner unknown until the doctor notes it, the network open."""
    bridge = surgery(ON_THE_PHONE, dials=False)
    bridge.short = True
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page, row = here.page, here.page.locator("#room-people li", has_text="Kari Nordahl")
        await expect(page.locator("#dial")).to_be_hidden()
        await expect(page.locator("#panel-short")).to_contain_text("lite kapasitet")
        await expect(page.locator("[data-participant=p_rel]")).to_contain_text("På telefon, bare lyd")
        await expect(row).to_contain_text("+47\u00a091\u00a023\u00a045\u00a045 (ikke bekreftet)")
        await expect(row).to_contain_text("ikke identifisert · ikke kryptert i telefonnettet")
        await row.get_by_role("button", name="Valg for Kari Nordahl").click()
        await expect(row).to_contain_text("Tjenesten har ikke sett noe bevis")
        await expect(row).to_contain_text("Videre ut i telefonnettet er samtalen ikke kryptert.")
        await expect(row).not_to_contain_text("AES")
        await row.get_by_role("button", name="Identitet bekreftet muntlig").click()
        noted = await bridge.expect(messages.ConfirmIdentity)
        assert (noted.participant, noted.confirmed) == ("p_rel", True)
        bridge.change("p_rel", confirmed=True)
        await expect(row.locator(".state")).to_contain_text("identitet bekreftet muntlig")
        await row.get_by_role("button", name="Angre bekreftet identitet").click()
        assert not (await bridge.expect(messages.ConfirmIdentity)).confirmed
        bridge.short = False
        bridge.roster()
        await expect(page.locator("#panel-short")).to_be_hidden()


async def test_somebody_is_invited_to_call(browser: Browser, site: str) -> None:
    """Where the room has a number: with the link come number and PIN, and they do not stay on the page."""
    bridge = surgery()
    bridge.number = "47110815"
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page = here.page
        await page.click("#invite")
        await page.fill("#invite-name", "Kari")
        await page.get_by_label("Skal kunne ringe inn").check()
        await page.press("#invite-name", "Enter")
        assert (await bridge.expect(messages.Invite)).pin
        await expect(page.locator("#invite-call")).to_contain_text("romnummer 47110815, så PIN 123456")
        await page.keyboard.press("Escape")
        await expect(page.locator("#invite-call")).to_have_text("")
        bridge.number = None
        bridge.roster()
        await here.until("brotjeneste.state().roster.number === null")
        await page.click("#invite")
        await expect(page.locator("#invite-pin")).to_be_hidden()
        await page.fill("#invite-name", "Per")
        await page.press("#invite-name", "Enter")
        assert not (await bridge.expect(messages.Invite)).pin
        await expect(page.locator("#invite-call")).to_be_hidden()


async def test_the_patient_learns_who_is_called_and_sees_no_number(browser: Browser, site: str) -> None:
    """Only its end, and no buttons."""
    me = PATIENT | {"you": True}
    masked = ON_THE_PHONE | {"participant": "p_two", "name": "Per Vik", "number": "+47 ••• 45", "confirmed": True}
    people = [DOCTOR | {"you": False}, me, masked]
    bridge = PlayedBridge(place="admitted", people=people)
    async with visit(browser, site, bridge, size=(390, 844)) as here:
        await here.come_in()
        bridge.people.append(RINGING | {"number": "+47 ••• 55"})
        bridge.roster()
        await expect(here.page.locator("#polite")).to_contain_text("Ringer til Kari Nordahl (pårørende).")
        await here.page.click("#control-people")
        await expect(here.page.locator("#panel-called")).to_contain_text("+47\u00a0•••\u00a055")
        await expect(here.page.locator("#panel-called button:visible")).to_have_count(0)
        row = here.page.locator("#room-people li", has_text="Per Vik")
        await expect(row).to_contain_text("identitet bekreftet muntlig")
        await expect(row).not_to_contain_text("ikke bekreftet")
