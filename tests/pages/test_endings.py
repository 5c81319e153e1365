"""Every way in which a visit ends has its own calm screen."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import ENDING, STATIC, PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
NB = json.loads((STATIC / "i18n" / "nb.json").read_text())
REFUSALS = ("link_invalid", "link_expired", "link_used", "link_blocked", "room_locked", "room_ended", "room_full")
FAREWELLS = ("removed", "refused", "ended", "replaced")
CAN_TRY_AGAIN = {
    "link_used",
    "room_locked",
    "room_full",
    "replaced",
    "internal",
    "too_many",
    "unsupported_version",
}
ME = person("p_me", "Aslaug Nordahl", "patient", you=True)


@pytest.mark.parametrize("code", [*REFUSALS, "unsupported_version", "too_many", "internal"])
async def test_a_refused_join_is_told_in_plain_words(browser: Browser, site: str, code: str) -> None:
    """The screen has the code's own title, and a button only where another try can help."""
    async with visit(browser, site, PlayedBridge(refuse_join=code)) as here:
        await here.enter()
        await expect(here.page.get_by_role("heading", name=NB[f"end.{code}.title"], exact=True)).to_be_focused()
        await expect(here.page.locator("#end-again")).to_be_visible(visible=code in CAN_TRY_AGAIN)
        assert (await here.state())["ending"] == code
        assert here.bridge.joins == 1


@pytest.mark.parametrize("code", FAREWELLS)
async def test_a_bye_ends_the_visit_and_releases_the_devices(browser: Browser, site: str, code: str) -> None:
    """After `bye` the reason is shown, the media connection is closed, and nothing reconnects."""
    bridge = PlayedBridge(place="admitted", people=[ME])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bridge.push("bye", code=code, message="Over.")
        await expect(here.page.get_by_role("heading", name=NB[f"end.{code}.title"], exact=True)).to_be_visible()
        await here.until("brotjeneste.state().pc === null")
        assert (
            await here.page.evaluate("document.querySelector('#waiting-video').srcObject?.active ?? false")
            is False
        )
        await expect(here.page.locator("#end-again")).to_be_visible(visible=code in CAN_TRY_AGAIN)
        assert bridge.joins == 1


async def test_an_unknown_reason_is_told_as_a_fault_of_the_service(browser: Browser, site: str) -> None:
    """A code from a newer bridge does not leave the page without words."""
    bridge = PlayedBridge(place="admitted", people=[ME])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        assert bridge.socket is not None
        bridge.socket.send('{"type": "bye", "code": "a_code_from_tomorrow", "message": "New."}')
        await expect(here.page.get_by_role("heading", name=NB["end.internal.title"])).to_be_visible()
        await expect(here.page.locator("#end-code")).to_contain_text("a_code_from_tomorrow")


@pytest.mark.parametrize(("path", "code"), [("/join", "link_missing"), ("/join#half-a-li", "link_invalid")])
async def test_a_visit_without_a_whole_link_is_explained(
    browser: Browser, site: str, path: str, code: str
) -> None:
    """No link, or a torn one, is told without asking for the camera."""
    async with visit(browser, site, path=path, ready=ENDING) as here:
        await expect(here.page.get_by_role("heading", name=NB[f"end.{code}.title"])).to_be_visible()
        assert here.bridge.connections == 0


async def test_leaving_is_confirmed_and_can_be_undone(browser: Browser, site: str) -> None:
    """Leave asks first, says `leave`, and offers the way back."""
    bridge = PlayedBridge(place="admitted", people=[ME])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#control-leave")
        await here.shows("#dialog-confirm")
        await here.page.keyboard.press("Escape")
        await expect(here.page.locator("#dialog-confirm")).to_be_hidden()
        await here.shows("#screen-call")
        await here.page.click("#control-leave")
        await here.page.click("#confirm-yes")
        await bridge.expect(messages.Leave)
        await expect(here.page.get_by_role("heading", name=NB["end.left.title"])).to_be_visible()
        await here.page.get_by_role("button", name="Gå inn igjen").click()
        await here.enter()
        await here.until("brotjeneste.state().place === 'admitted'")
