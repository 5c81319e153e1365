"""Name, role and organisation of all who are in, by what a login proved (requirements D1)."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.pages.house import PlayedBridge, person, visit
from tests.pages.scenes.people import DOCTOR, INTERPRETER

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
NARROW = (320, 640)
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def test_beside_admit_the_doctor_reads_for_whom_they_work(browser: Browser, site: str) -> None:
    """In the row of who waits, with the level; a number in threes where the organisation has no name here."""
    me = DOCTOR | {"participant": "p_me", "you": True}
    waiting = INTERPRETER | {"place": "waiting", "assurance": "high", "health_personnel": True}
    unnamed = person("p_spe", "Kari Moen", "specialist", place="waiting", assurance="high")
    unnamed |= {"employer": {"number": "983658725", "name": None}}
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=[me, waiting, unnamed])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        rows = here.page.locator(".waiting-person .who")
        await expect(rows.nth(0)).to_have_text(
            "Samir Haddad"
            "Tolk"
            "bekreftet ved innlogging: helsepersonell, Tolketjenesten i Nordbyen og omegn"
            "innlogget, nivå høyt"
        )
        await expect(rows.nth(1).locator(".work")).to_have_text(
            "bekreftet ved innlogging: organisasjon 983\u00a0658\u00a0725"
        )


async def test_a_patient_hears_and_reads_who_came(browser: Browser, site: str) -> None:
    """On the narrowest page: the line of notice and the screen reader say the organisation, the list all of it."""
    me = person("p_me", "Aslaug Nordahl", "patient", you=True)
    bridge = PlayedBridge(place="admitted", people=[DOCTOR, me])
    async with visit(browser, site, bridge, size=NARROW, locale="en-GB") as here:
        await here.come_in()
        here.bridge.people.append(INTERPRETER)
        here.bridge.roster()
        said = "Joined: Samir Haddad (Tolketjenesten i Nordbyen og omegn)."
        await expect(here.page.locator("#notice")).to_have_text(said)
        await expect(here.page.locator("#polite")).to_have_text(said)
        await here.page.click("#control-people")
        works = here.page.locator("#room-people .person .work")
        await expect(works).to_have_text(
            [
                "confirmed by login: health personnel, Nordbyen legesenter",
                "",
                "confirmed by login: Tolketjenesten i Nordbyen og omegn",
            ]
        )
        listed = await here.page.locator("#room-people").aria_snapshot()
        assert "confirmed by login: health personnel, Nordbyen legesenter" in listed
        assert await here.page.evaluate(FITS)


async def test_nothing_is_said_of_who_has_proven_nothing(browser: Browser, site: str) -> None:
    """No word of an organisation, nor of a login, beside who came by a link alone."""
    me = person("p_me", "Aslaug Nordahl", "patient", you=True)
    bridge = PlayedBridge(place="admitted", people=[me])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        here.bridge.people.append(person("p_rel", "Olav Nordahl", "relative"))
        here.bridge.roster()
        await expect(here.page.locator("#notice")).to_have_text("Nå med: Olav Nordahl.")
        await here.page.click("#control-people")
        await expect(here.page.locator("#room-people .person .work")).to_have_text(["", ""])
