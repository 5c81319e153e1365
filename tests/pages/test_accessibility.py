"""Everyone can use the pages: keyboard, screen reader, small windows, contrast."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import PlayedBridge, Visit, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
LONG = "Aslaug Margrethe Nordahl-Østerbø"
SIZES = [(360, 740), (600, 900), (1280, 800)]

# Problems of the visible page, each a short text. Names are worked out as browsers do for these simple controls.
LOOK = """() => {
  const seen = (node) => node.checkVisibility() && node.getClientRects().length > 0;
  const words = (node) => node.innerText?.replace(/\\s+/g, " ").trim() ?? "";
  const nameOf = (node) => node.getAttribute("aria-label")
    || (node.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean)
      .map((id) => words(document.getElementById(id))).join(" ").trim()
    || [...(node.labels ?? [])].map(words).join(" ") || words(node);
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
      if (a > 0.75) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const node of document.querySelectorAll("button, input, select, summary, a, dialog, nav, aside")) {
    if (!seen(node)) continue;
    const name = nameOf(node);
    if (!name) faults.push(`no name: ${node.outerHTML.slice(0, 80)}`);
    const { height } = node.getBoundingClientRect();
    if (node.matches("button") && !name.includes(words(node))) faults.push(`name hides words: ${name}`);
    if (node.matches("button, select, summary") && height < 24) faults.push(`too small: ${name}`);
  }
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !seen(node) || node.closest(".visually-hidden, [aria-disabled=true], [disabled]")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${words(node)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  faults.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `id twice: ${id}`));
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if ([...document.querySelectorAll("h1")].filter(seen).length !== 1) faults.push("not one h1");
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) faults.push(`scrolls sideways: ${width}`);
  return faults;
}"""


async def faults(page: Page) -> list[str]:
    """Problems of the page as it is now."""
    found: list[str] = await page.evaluate(LOOK)
    return found


def full_room(**changes: Any) -> PlayedBridge:
    """Play a doctor's room with everything in it: people who wait, people who are here, signs of all kinds."""
    people = [
        person("p_me", "Ingrid Berg", "doctor", host=True, you=True),
        person("p_pat", LONG, "patient", muted=True),
        person("p_spe", "Kari Moen", "specialist", camera=False),
        person("p_int", "Samir Haddad", "interpreter", connected=False),
        person("p_tel", LONG, "relative", line="telephone", number="+4791234545"),
        person("p_cal", LONG, "specialist", place="called", line="sip", number=f"{LONG}@x.example", ringing=True),
        person("p_w1", "Olav Nordahl", "relative", place="waiting"),
        person("p_w2", LONG, "assistant", place="waiting", connected=False),
    ]
    signs = {"locked": True, "dials": True, "short": True}
    return PlayedBridge(role="doctor", host=True, place="admitted", people=people, **signs, **changes)


@pytest.mark.parametrize("size", SIZES)
async def test_start_and_waiting_have_no_faults(browser: Browser, site: str, size: tuple[int, int]) -> None:
    """Names, contrast, size of targets and width are right before the call."""
    bridge = PlayedBridge(people=[person("p_me", LONG, "patient", you=True, place="waiting")])
    async with visit(browser, site, bridge, size=size) as here:
        await here.until("document.querySelector('#start-video').videoWidth > 0")
        for summary in await here.page.locator("#screen-start summary").all():
            await summary.click()
        assert await faults(here.page) == []
        await here.come_in()
        await here.shows("#screen-waiting")
        assert await faults(here.page) == []


@pytest.mark.parametrize(("size", "locale"), [*((size, "nb-NO") for size in SIZES), (SIZES[0], "en-GB")])
async def test_the_call_has_no_faults(browser: Browser, site: str, size: tuple[int, int], locale: str) -> None:
    """Names, contrast, size of targets and width are right in a full room, panel open and shut, dialogs too."""
    bridge = full_room()
    async with visit(browser, site, bridge, size=size, locale=locale) as here:
        await here.come_in()
        assert await faults(here.page) == []
        await here.page.click("#control-people")
        assert await faults(here.page) == []
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await here.page.click("#room-people [data-key=p_spe] .more")
        assert await faults(here.page) == []
        await here.page.click("#invite")
        assert await faults(here.page) == []
        await here.page.keyboard.press("Escape")
        await here.page.click("#dial")
        assert await faults(here.page) == []
        await here.page.keyboard.press("Escape")
        for done in (True, False):
            bridge.push("written", participant="p_pat", text=LONG * 3, done=done)
        await here.page.click("#control-chat")
        assert await faults(here.page) == []
        await here.page.click("#control-settings")
        await here.page.locator(".privacy summary").click()
        assert await faults(here.page) == []


async def test_the_main_button_is_on_the_first_screen_of_a_telephone(browser: Browser, site: str) -> None:
    """Nobody has to scroll to find Enter, even where the browser's own bars take their share of 740 px."""
    async with visit(browser, site, size=(360, 640)) as here:
        await here.until("document.querySelector('#start-video').videoWidth > 0")
        box = await here.page.locator("#enter").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 640


@pytest.mark.parametrize("size", [(320, 256), (360, 640), (390, 844), (560, 800)])
async def test_no_button_of_the_bar_is_cut_off(browser: Browser, site: str, size: tuple[int, int]) -> None:
    """On a telephone with two cameras as well, and at 400 %, where one may have to scroll down to it."""
    async with visit(browser, site, full_room(), size=size) as here:
        await here.come_in()
        for button in await here.page.locator("#controls .control").all():
            await button.evaluate("(node) => { node.hidden = false; }")
            if not await button.is_visible():
                continue
            await button.scroll_into_view_if_needed()
            box = await button.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
            assert box["y"] + box["height"] <= size[1]


async def walk(here: Visit, presses: int) -> list[str]:
    """Press Tab and tell which controls have the focus, and that it can be seen."""
    passed = []
    for _ in range(presses):
        await here.page.keyboard.press("Tab")
        told = await here.page.evaluate(
            "() => { const at = document.activeElement; const style = getComputedStyle(at);"
            " const name = at.id || at.dataset.action || at.className;"
            " return [name, at.tagName, style.outlineStyle, style.outlineWidth]; }",
        )
        if told[1] != "BODY":
            assert told[2:] == ["solid", "3px"], told
        passed.append(told[0])
    return passed


async def test_the_keyboard_reaches_everything_in_a_call(browser: Browser, site: str) -> None:
    """Tab goes through tiles, panel and bar, with a focus that can be seen, and nothing traps it."""
    bridge = full_room()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        reached = await walk(here, 30)
        assert {"pin", "admit", "refuse", "cancelCall", "admit-all", "more", "invite", "dial", "end-all"} <= {
            each.split(" ")[-1] for each in reached
        }
        assert {"control-mic", "control-camera", "control-people", "control-settings", "control-leave"} <= set(
            reached
        )


async def test_a_patient_can_do_a_visit_by_keyboard_alone(browser: Browser, site: str) -> None:
    """Enter, wait, and leave without a pointer."""
    bridge = PlayedBridge(people=[person("p_me", LONG, "patient", you=True, place="waiting")])
    async with visit(browser, site, bridge) as here:
        await here.page.locator("#enter").focus()
        await here.page.keyboard.press("Enter")
        await expect(here.page.locator("#waiting-title")).to_be_focused()
        await here.arrived()
        reached = await walk(here, 3)
        assert reached == ["waiting-mic", "waiting-camera", "waiting-leave"]
        await here.page.keyboard.press("Enter")
        await here.shows("#dialog-confirm")
        await here.page.keyboard.press("Tab")
        await here.page.keyboard.press("Enter")
        await bridge.expect(messages.Leave)
        await expect(here.page.locator("#end-title")).to_be_focused()


async def test_shortcuts_leave_typing_alone_and_can_be_turned_off(browser: Browser, site: str) -> None:
    """M in a text field is a letter, and the setting stops the shortcut altogether (WCAG 2.1.4)."""
    bridge = full_room()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#invite")
        await here.shows("#invite-name")
        await here.page.locator("#invite-name").press_sequentially("mmv")
        await expect(here.page.locator("#invite-name")).to_have_value("mmv")
        await here.page.keyboard.press("Escape")
        await expect(here.page.locator("#dialog-invite")).to_be_hidden()
        await here.page.click("#control-settings")
        await here.page.uncheck("#settings-shortcuts")
        await here.page.keyboard.press("Escape")
        await expect(here.page.locator("#dialog-settings")).to_be_hidden()
        await here.page.keyboard.press("m")
        await here.page.click("#lock")
        await bridge.expect(messages.Lock)
        assert not [each for each in bridge.sent if isinstance(each, messages.SelfMute | messages.Camera)]


async def test_comings_and_goings_are_announced(browser: Browser, site: str) -> None:
    """A polite live region says who comes and who goes."""
    me = person("p_me", LONG, "patient", you=True)
    bridge = PlayedBridge(place="admitted", people=[me])
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bridge.people = [me, person("p_int", "Samir", "interpreter"), person("p_doc", "Ingrid", "doctor")]
        bridge.roster()
        await expect(here.page.locator("#polite")).to_have_text("Nå med: Samir og Ingrid.")
        bridge.people = [me]
        bridge.roster()
        await expect(here.page.locator("#polite")).to_have_text("Ikke lenger med: Samir og Ingrid.")


async def test_names_cannot_put_markup_on_the_page(browser: Browser, site: str) -> None:
    """A name is text, whatever it looks like."""
    name = "<img src=x onerror=alert(1)>"
    bridge = PlayedBridge(role="doctor", host=True, place="admitted")
    bridge.people = [
        person("p_me", "Ingrid", "doctor", host=True, you=True),
        person("p_a", name, "patient"),
        person("p_b", name, "patient", place="waiting"),
    ]
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await expect(here.page.locator("#room-people")).to_contain_text(name)
        assert await here.page.locator("main img[src=x]").count() == 0
