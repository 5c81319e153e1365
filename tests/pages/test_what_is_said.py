"""Who does not see the page is told what happens, once, wherever they are on it, and does not lose their place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.pages.house import PlayedBridge, Visit, person, visit
from tests.support.screen_reader import SCRIPT, Reader

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_me", "Ingrid Berg", "doctor", host=True, you=True)
PATIENT = person("p_pat", "Aslaug Nordahl", "patient")
RELATIVE = person("p_rel", "Olav Nordahl", "relative")


@asynccontextmanager
async def heard(browser: Browser, site: str, *others: dict[str, Any]) -> AsyncIterator[tuple[Visit, Reader]]:
    """A doctor in a room with these others, and who reads the screen to them."""
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=[DOCTOR, *others])
    options = {"prepare": lambda page: page.add_init_script(SCRIPT)}
    async with visit(browser, site, bridge, **options) as here:
        await here.come_in()
        yield here, Reader(here.page)


async def test_what_happens_behind_a_dialog_is_said_in_it(browser: Browser, site: str) -> None:
    """While a dialog is open the rest of the page is not there for readers of screens."""
    async with heard(browser, site) as (here, reader):
        await here.page.click("#invite")
        await here.shows("#dialog-invite")
        here.bridge.people = [DOCTOR, PATIENT | {"place": "waiting"}]
        here.bridge.roster()
        await reader.hears("Aslaug Nordahl (pasient) venter på å komme inn.")
        await here.page.keyboard.press("Escape")
        await expect(here.page.locator("#dialog-invite")).to_be_hidden()
        here.bridge.people += [RELATIVE | {"place": "waiting"}]
        here.bridge.roster()
        await reader.hears("Olav Nordahl (pårørende) venter på å komme inn.")
        await reader.hears_no_more()


async def test_two_things_at_once_are_both_said(browser: Browser, site: str) -> None:
    """The second does not take the place of the first before that is read."""
    async with heard(browser, site) as (here, reader):
        for people in ([DOCTOR, PATIENT], [DOCTOR, PATIENT, RELATIVE]):
            here.bridge.people = people
            here.bridge.roster()
        await reader.hears_in_all("Nå med: Aslaug Nordahl. Nå med: Olav Nordahl.")
        # Two messages may come too far apart to be one text; here nothing comes between.
        await here.page.evaluate("import('/static/js/announce.js').then(({ say }) => { say('En.'); say('To.'); })")
        await reader.hears("En. To.")


async def test_a_line_that_is_back_is_told_of(browser: Browser, site: str) -> None:
    """Who was told to wait is told when the wait is over."""
    async with heard(browser, site, PATIENT) as (here, reader):
        assert here.bridge.socket is not None
        await here.bridge.socket.close()
        await reader.hears(
            "Kobler til på nytt. Vent litt, du trenger ikke å gjøre noe.", "Du er koblet til igjen."
        )
        await reader.hears_no_more()


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("Slå av mikrofonen", "Gi lyden tilbake", {"muted": True}),
        ("Identitet bekreftet muntlig", "Angre bekreftet identitet", {"confirmed": True}),
    ],
)
async def test_the_focus_goes_to_what_takes_the_place_of_an_act(
    browser: Browser, site: str, before: str, after: str, change: dict[str, Any]
) -> None:
    """A button that goes when it has done its work does not take the focus with it."""
    async with heard(browser, site, PATIENT) as (here, _reader):
        await here.page.get_by_role("button", name="Valg for Aslaug Nordahl").click()
        await here.page.get_by_role("button", name=before, exact=True).press("Enter")
        here.bridge.change("p_pat", **change)
        await expect(here.page.get_by_role("button", name=after, exact=True)).to_be_focused()


async def test_the_focus_stays_in_its_part_of_the_page(browser: Browser, site: str) -> None:
    """A button for several who wait goes with the second of them; the heading above it is next."""
    waiting = [each | {"place": "waiting"} for each in (PATIENT, RELATIVE)]
    async with heard(browser, site, *waiting) as (here, _reader):
        await here.page.locator("#admit-all").press("Enter")
        here.bridge.people = [DOCTOR, PATIENT, RELATIVE]
        here.bridge.roster()
        await expect(here.page.locator("#panel-waiting-title")).to_be_focused()
