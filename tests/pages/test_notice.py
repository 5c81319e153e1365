"""The information notice, and the yes that can be taken back: one press to enter, as without it."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, Route, expect

from signalling import messages
from tests.pages.house import NOTICE, PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
NONE: list[dict[str, object]] = []
GIVEN, TAKEN_BACK = [{"matter": "video", "given": True}], [{"matter": "video", "given": False}]


async def test_one_press_enters_beside_the_notice(browser: Browser, site: str) -> None:
    """What matters is read without a press, the rest is behind one; the version goes with the knock."""
    async with visit(browser, site) as here:
        box = here.page.locator("#start-notice")
        await expect(box).to_contain_text("Når du trykker «Gå inn», sier du ja til å ha samtalen på video.")
        await expect(box.get_by_text("ikke kryptert hele veien")).to_be_hidden()
        await box.get_by_text("Mer om personvern", exact=True).click()
        for words in ("Nordbyen legesenter er ansvarlig", "ikke kryptert hele veien", NOTICE.version):
            await expect(box.get_by_text(words)).to_be_visible()
        await here.page.get_by_role("button", name="English").click()
        await expect(box).to_contain_text("By pressing “Enter” you say yes")
        await here.enter()
        assert (await here.bridge.expect(messages.Join)).notice == NOTICE.version


async def test_what_was_not_shown_is_not_said_to_have_been(browser: Browser, site: str) -> None:
    """Where the notice did not come, one enters all the same; and a reload, which nobody presses, says nothing."""

    async def lose(route: Route) -> None:
        await route.fulfill(status=200, body="not what was asked for")

    async def lost(page: Page) -> None:
        await page.route("**/api/v1/notice", lose)

    bridge = PlayedBridge(people=[person("p_me", "Aslaug", "patient", you=True, place="waiting")])
    async with visit(browser, site, bridge, prepare=lost) as here:
        await here.come_in()
        assert (await bridge.expect(messages.Join)).notice is None
    async with visit(browser, site, bridge) as here:
        await here.shows("#start-notice")
        await here.come_in()
        assert (await bridge.expect(messages.Join)).notice == NOTICE.version
        await here.page.reload()
        await here.arrived()
        assert (await bridge.expect(messages.Join)).notice is None


async def test_a_yes_is_taken_back_and_given_again(browser: Browser, site: str) -> None:
    """In the settings, where the whole notice is as well."""
    me = person("p_me", "Aslaug", "patient", you=True, consents=GIVEN)
    bridge = PlayedBridge(place="admitted", people=[me, person("p_doc", "Ingrid", "doctor", host=True)])
    async with visit(browser, site, bridge, size=(390, 844)) as here:
        await here.come_in()
        await here.page.click("#control-settings")
        privacy = here.page.get_by_role("dialog").locator(".privacy")
        await expect(privacy).to_contain_text("Du har sagt ja til å ha samtalen på video.")
        await privacy.get_by_text("Mer om personvern", exact=True).click()
        await expect(privacy.get_by_text("Norsk helsenett SF driver videotjenesten")).to_be_visible()
        await privacy.get_by_role("button", name="Jeg vil ikke ha samtalen på video").click()
        told = await bridge.expect(messages.Consent)
        assert (told.matter, told.given, told.notice) == (messages.Matter.VIDEO, False, NOTICE.version)
        bridge.change("p_me", consents=TAKEN_BACK)
        await expect(privacy).to_contain_text("Legen ser det")
        await privacy.get_by_role("button", name="Ja, samtalen kan være på video").click()
        assert (await bridge.expect(messages.Consent)).given


async def test_the_doctor_sees_who_has_said_nothing_or_changes_their_mind(browser: Browser, site: str) -> None:
    """Beside who waits, and in the list; who calls has said nothing."""
    bridge = PlayedBridge(
        role="doctor",
        host=True,
        place="admitted",
        people=[
            person("p_me", "Ingrid Berg", "doctor", host=True, you=True, consents=NONE),
            person("p_pat", "Aslaug Nordahl", "patient"),
            person("p_tel", "Kari", "relative", line="telephone", consents=NONE),
            person("p_wait", "Olav", "relative", place="waiting", consents=NONE),
        ],
    )
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page, unsaid = here.page, "har ikke bekreftet informasjonen"
        row = page.locator("#room-people li")
        await expect(row.filter(has_text="Kari")).to_contain_text(unsaid)
        await expect(page.locator("#waiting-people li")).to_contain_text(unsaid)
        for name in ("Ingrid", "Aslaug"):
            await expect(row.filter(has_text=name)).not_to_contain_text(unsaid)
        bridge.change("p_pat", consents=TAKEN_BACK)
        await expect(row.filter(has_text="Aslaug")).to_contain_text("vil ikke ha samtalen på video")
        await expect(page.locator("#notice")).to_have_text("Aslaug Nordahl vil ikke ha samtalen på video lenger.")
