"""Links by text message from the doctor's page: the number is asked for, sent, and kept nowhere."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_me", "Ingrid Berg", "doctor", host=True, you=True)
FIELD = "Mobilnummer, hvis lenken skal sendes på SMS"


async def test_a_link_is_sent_and_does_not_arrive(browser: Browser, site: str) -> None:
    """A wrong number is told in the dialog; what becomes of the message is told in words, the number forgotten."""
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=[DOCTOR], texts=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page = here.page
        await page.click("#invite")
        await page.fill("#invite-name", "Kari Nordahl")
        await page.get_by_label(FIELD).fill("123")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text(
            "Skriv åtte sifre, eller + og landkode foran nummeret."
        )
        await page.get_by_label(FIELD).fill("912 34 567")
        await page.keyboard.press("Enter")
        wish = await bridge.expect(messages.Invite)
        assert (wish.text_to, wish.language) == ("+4791234567", messages.Language.NB)
        await expect(page.locator("#invite-texted")).to_have_text("Lenken sendes på SMS …")
        assert await page.locator("#invite-text").input_value() == "", "it does not stay on the page"
        bridge.push("texted", invitation="i_1", name="Kari Nordahl", state="sent")
        await expect(page.locator("#invite-texted")).to_have_text("SMS-en til Kari Nordahl er sendt.")
        await page.get_by_role("dialog").get_by_role("button", name="Lukk").click()
        bridge.push("texted", invitation="i_1", name="Kari Nordahl", state="failed")
        await expect(page.locator("#assertive")).to_have_text(
            "SMS-en til Kari Nordahl kom ikke fram. Gi lenken på en annen måte, eller ring."
        )
        await page.click("#invite")
        await page.fill("#invite-name", "Per")
        await page.keyboard.press("Enter")
        assert (await bridge.expect(messages.Invite)).text_to is None
        await page.keyboard.press("Escape")

        bridge.texts = False
        bridge.roster()
        await page.click("#invite")
        await expect(page.get_by_label(FIELD)).to_be_hidden()
