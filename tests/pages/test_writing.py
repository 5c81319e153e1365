"""What people write to each other, on the page: lines, what is being typed, captions, screen readers, bad text."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import PlayedBridge, Visit, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_doc", "Ingrid Berg", "doctor", host=True)
ME = person("p_me", "Aslaug Nordahl", "patient", you=True)
INTERPRETER = person("p_int", "Samir Haddad", "interpreter")
MARKUP = "<img src=x onerror=\"document.title='bad'\"> \u202egnirts"


def room(*others: dict[str, Any], **changes: Any) -> PlayedBridge:
    """A patient in a room with these."""
    return PlayedBridge(place="admitted", people=[ME | changes, *others])


async def line(here: Visit, text: str, *, done: bool = True) -> messages.Write:
    """Wait until the page has told a line."""
    return await here.bridge.expect(messages.Write, lambda told: told.text == text and told.done == done)


async def test_a_line_is_sent_whole_and_read(browser: Browser, site: str) -> None:
    """By the keyboard alone; nothing is told before it is sent; who cannot read is named, unread is counted."""
    telephone = person("p_tel", "Kari", "relative", line="telephone")
    bridge = room(DOCTOR, telephone)
    async with visit(browser, site, bridge, size=(390, 844)) as here:
        await here.come_in()
        page = here.page
        bridge.push("written", participant="p_doc", text="Hører du meg?", done=True)
        await expect(page.locator("#chat-toast")).to_have_text("Ingrid Berg Hører du meg?")
        await expect(page.locator("[aria-live], [role=status]").filter(has_text="Hører du meg?")).to_have_count(1)
        button = page.get_by_role("button", name="Skriv, 1 uleste")
        await button.press("Enter")
        await expect(page.get_by_label("Skriv til alle")).to_be_focused()
        await expect(page.locator("#chat-toast")).to_be_hidden()
        await expect(page.locator("#control-chat")).to_have_attribute("aria-label", "Skriv")
        await expect(page.locator("#chat-readers")).to_have_text("Kari kan ikke lese meldinger.")
        await page.keyboard.type("Ja takk")
        await page.keyboard.press("Enter")
        await line(here, "Ja takk")
        assert not [one for one in bridge.sent if isinstance(one, messages.Write)]
        await expect(page.locator("#chat-lines li")).to_have_text(["Ingrid Berg Hører du meg?", "Deg Ja takk"])
        await expect(page.locator("#chat-text")).to_have_value("")
        await page.keyboard.press("Escape")
        await expect(page.locator("#chat")).to_be_hidden()
        await expect(page.locator("#control-chat")).to_be_focused()


async def test_what_is_typed_is_told_as_it_grows(browser: Browser, site: str) -> None:
    """Where its writer wants that: the first character at once, the last state always, and taken back when not."""
    bridge = room(DOCTOR)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page = here.page
        await page.click("#control-chat")
        await page.get_by_label("Vis det jeg skriver med én gang").check()
        await page.focus("#chat-text")
        await page.keyboard.type("H")
        await line(here, "H", done=False)
        await page.keyboard.type("ei på deg")
        await line(here, "Hei på deg", done=False)
        await page.get_by_label("Vis det jeg skriver med én gang").uncheck()
        await line(here, "", done=False)
        await page.press("#chat-text", "Enter")
        await line(here, "Hei på deg")


async def test_a_line_that_could_not_be_told_is_in_the_field_again(browser: Browser, site: str) -> None:
    """And the writer is told so."""
    bridge = room(DOCTOR)
    bridge.refusals["write"] = "too_many"
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#control-chat")
        await here.page.keyboard.type("Viktig")
        await here.page.keyboard.press("Enter")
        await expect(here.page.locator("#notice")).to_contain_text("litt fort")
        await expect(here.page.locator("#chat-text")).to_have_value("Viktig")
        await expect(here.page.locator("#chat-lines li")).to_have_count(0)


async def test_an_interpreters_lines_are_captions_and_read_whole(browser: Browser, site: str) -> None:
    """Large over the pictures without a press; screen readers hear each whole line once, none of its growth."""
    bridge = room(DOCTOR, INTERPRETER)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page, captions, log = here.page, here.page.locator("#captions"), here.page.locator("#chat-log p")
        for grown in ("Legen", "Legen spør", "Legen spør om smerter"):
            bridge.push("written", participant="p_int", text=grown, done=False)
        await expect(captions.locator(".text")).to_have_text(["Legen spør om smerter"])
        assert await captions.get_attribute("aria-hidden") == "true"
        size = await captions.locator("p").evaluate("(node) => parseFloat(getComputedStyle(node).fontSize)")
        assert size >= 28
        await expect(log).to_have_count(0)
        for text in ("Legen spør om smerter.", "Hvor lenge?"):
            bridge.push("written", participant="p_int", text=text, done=True)
        await expect(log).to_have_text(["Samir Haddad: Legen spør om smerter.", "Samir Haddad: Hvor lenge?"])
        assert await page.locator("#chat-log").get_attribute("aria-live") == "polite"
        await expect(
            page.locator("[aria-live], [role=log], [role=status]").filter(has_text="smerter")
        ).to_have_count(1)
        await expect(captions.locator(".text")).to_have_text(["Legen spør om smerter.", "Hvor lenge?"])
        await page.click("#control-chat")
        await expect(captions).to_be_hidden()
        await page.get_by_label("Vis det andre skriver stort").uncheck()
        await page.click("#chat-close")
        await expect(page.locator("#chat")).to_be_hidden()
        await expect(captions).to_be_hidden()


async def test_an_interpreter_writes_as_it_is_said(browser: Browser, site: str) -> None:
    """Live without a press, and cut after a sentence where a line goes on for ever."""
    bridge = PlayedBridge(role="interpreter", place="admitted", people=[INTERPRETER | {"you": True}, DOCTOR])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#control-chat")
        sentence = "Pasienten sier at det gjør vondt i magen, og at det har vart siden i går kveld etter maten. "
        await here.page.fill("#chat-text", sentence)
        await line(here, sentence, done=False)
        await here.page.keyboard.type("Og at hun")
        await line(here, sentence.strip())
        await line(here, "Og at hun", done=False)
        await expect(here.page.locator("#chat-text")).to_have_value("Og at hun")


async def test_who_goes_takes_the_unfinished_line_along(browser: Browser, site: str) -> None:
    """And who is sent back to wait has nothing of the room on the page."""
    bridge = room(DOCTOR, INTERPRETER)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page = here.page
        await page.click("#control-chat")
        bridge.push("written", participant="p_doc", text="Ferdig", done=True)
        bridge.push("written", participant="p_int", text="Halv", done=False)
        await expect(page.locator(".chat-writing")).to_contain_text("Halv")
        bridge.change("p_int", connected=False)
        await expect(page.locator(".chat-writing li")).to_have_count(0)
        await page.fill("#chat-text", "Ikke sendt")
        bridge.people = [ME | {"place": "waiting"}]
        bridge.roster()
        await here.shows("#screen-waiting")
        assert "Ferdig" not in str(await page.content())
        assert await page.input_value("#chat-text") == ""


async def test_the_next_patients_doctor_has_nothing_of_the_last_one(browser: Browser, site: str) -> None:
    """What was written stays while the doctor is alone, for the record, and is gone when others come."""
    doctor = DOCTOR | {"participant": "p_me", "you": True}
    first, second = person("p_1", "A", "patient"), person("p_2", "B", "patient")
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=[doctor, first])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#control-chat")
        bridge.push("written", participant="p_1", text="Mitt problem", done=True)
        bridge.people = [doctor]
        bridge.roster()
        await here.until(f"brotjeneste.state().roster.revision >= {bridge.revision}")
        await expect(here.page.locator("#chat-lines li")).to_have_count(1)
        bridge.people = [doctor, second]
        bridge.roster()
        await expect(here.page.locator("#chat-lines li")).to_have_count(0)
        assert "Mitt problem" not in await here.page.content()


async def test_markup_and_marks_of_direction_are_harmless(browser: Browser, site: str) -> None:
    """In names and in lines: text is text, each with a direction of its own, and what one types is cleaned."""
    bridge = room(DOCTOR | {"name": MARKUP}, INTERPRETER)
    bridge.unchecked = True  # the real bridge refuses such; a page must bear it all the same
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        page = here.page
        await page.click("#control-chat")
        bridge.push("written", participant="p_doc", text=MARKUP, done=True)
        bridge.push("written", participant="p_int", text=MARKUP, done=False)
        await expect(page.locator("#chat-lines .text")).to_have_text(MARKUP)
        await expect(page.locator("#chat-lines .name")).to_have_text(MARKUP)
        await page.click("#chat-close")
        await expect(page.locator("#captions .text")).to_have_count(2)
        assert await page.locator("img[src=x]").count() == 0
        assert await page.title() == "Samtale mandag 10.15"
        for place in ("#chat-lines", "#captions"):
            assert await page.locator(f"{place} .text").first.evaluate("(node) => node.tagName") == "BDI"
        await page.click("#control-chat")
        await page.evaluate("document.querySelector('#chat-text').value = 'a\\u202eb\\tc\\u0000'")
        await page.press("#chat-text", "Enter")
        await line(here, "a b c")
