"""A line that does not do: the telephone is offered by one press, calmly, and stays away when it was put away."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from signalling import messages
from tests.pages.house import PATIENCE, PlayedBridge, Visit, person, visit, with_a_clock
from tests.pages.scenes.call import figures

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
WAY: Final = {"number": "47110815", "pin": "123456", "telephone": "+4722334455"}
BOX: Final = "#poor-line"
LOOK_MS: Final = 2000
DOCTOR: Final = person("p_doc", "Liv Hansen", "doctor", host=True)
# Looks at one line, as the page does each second: x where it is away, . where it is there; the bridge says b for
# bad and g for good, the host s, and - is the person who puts it away. Gives what is offered after each.
PLAY: Final = """(script) => import('/static/js/reasons.js').then(({ Reasons }) => {
  const reasons = new Reasons();
  let now = 5000;
  const steps = {
    x: () => reasons.look(now += 1000, true), '.': () => reasons.look(now += 1000, false),
    z: () => reasons.look(now += 3600_000, true),
    b: () => reasons.tellPoor(true), g: () => reasons.tellPoor(false), s: () => reasons.suggest('p_doc'),
    '-': () => reasons.putAway(reasons.reason),
  };
  return [...script].map((step) => { steps[step](); return reasons.reason; });
})"""
# What a press would have a telephone call; the browser's own way with such links is left out.
DIALLED: Final = """document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='tel:']");
  if (!link) return;
  event.preventDefault();
  window.dialled = link.href;
});"""


def patient(**wanted: Any) -> PlayedBridge:
    """A patient in a call with a doctor, over a connection that carries media."""
    people = [DOCTOR, person("p_me", "Ola Nordmann", "patient", you=True)]
    return PlayedBridge(place="admitted", people=people, media=True, **wanted)


async def told(here: Visit, *, poor: bool = True) -> None:
    """The bridge says what the line is like."""
    here.bridge.push("poor_line", poor=poor)


async def test_the_rule_of_what_is_offered(browser: Browser, site: str) -> None:
    """Not before a line was away for twenty seconds; once put away, no more; the host's word comes always."""
    async with visit(browser, site) as here:

        async def offered(script: str) -> list[str | None]:
            found: list[str | None] = await here.page.evaluate(PLAY, script)
            return found

        assert set(await offered("x" * 20)) == {None}
        assert (await offered("x" * 21))[-1] == "away"
        assert set(await offered("xxxxxxxxxxxxxxxxxxx." * 5)) == {None}
        assert (await offered("x" * 21 + "."))[-1] is None
        assert set(await offered("xzzz")) == {None}, "a page that slept was not away"
        assert await offered("bg") == ["poor", None]
        assert await offered("b-gb") == ["poor", None, None, None]
        assert (await offered("b-" + "x" * 21))[-1] == "away"
        assert await offered("s-b-s-") == ["suggested", None, "poor", None, "suggested", None]
        assert (await offered("x" * 21 + "-." + "x" * 30))[-1] is None


async def test_one_press_leads_to_the_telephone(browser: Browser, site: str) -> None:
    """Said politely and without taking the focus; the press leaves the page, and calls where that can be done."""
    options = {"has_touch": True, "is_mobile": True}

    async def prepare(page: Any) -> None:
        await page.add_init_script(DIALLED)

    async with visit(browser, site, patient(way=WAY), prepare=prepare, size=(390, 844), **options) as here:
        await here.come_in()
        await here.page.focus("#control-mic")
        await told(here)
        await here.shows(BOX)
        await expect(here.page.locator("#polite")).to_have_text("Linja er dårlig. Du kan fortsette på telefon.")
        await expect(here.page.locator("#control-mic")).to_be_focused()
        await expect(here.page.locator("#poor-line-camera")).to_be_hidden()
        await here.page.get_by_role("button", name="Fortsett på telefon").click()
        await here.bridge.expect(messages.CallInstead)
        await here.bridge.expect(messages.Leave)
        await expect(here.page.locator("#end-call a")).to_have_text("Ring +47\u00a022\u00a033\u00a044\u00a055")
        await expect(here.page.locator("#end-call")).to_contain_text("tast 123456 og firkant")
        await here.until("window.dialled")
        assert await here.page.evaluate("window.dialled") == "tel:+4722334455,,123456%23"
        await expect(here.page.locator(BOX)).to_be_hidden()


async def test_what_was_put_away_stays_away_and_what_is_over_goes(browser: Browser, site: str) -> None:
    """By the keyboard alone, and nothing goes away under the focus; the host may suggest it all the same."""
    async with visit(browser, site, patient(way=WAY)) as here:
        page = here.page
        await here.come_in()
        await told(here)
        await here.shows(BOX)
        await told(here, poor=False)
        await expect(page.locator(BOX)).to_be_hidden()
        await told(here)
        await page.focus("#poor-line-close")
        await told(here, poor=False)
        here.bridge.roster()
        await here.until(f"brotjeneste.state().roster.revision >= {here.bridge.revision}")
        await expect(page.locator(BOX)).to_be_visible()
        await expect(page.locator("#poor-line-close")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator(BOX)).to_be_hidden()
        await expect(page.locator("#call-title")).to_be_focused()
        await told(here, poor=False)
        await told(here)
        here.bridge.push("call_suggested", by="p_doc")
        await expect(page.locator(BOX)).to_contain_text("Liv Hansen foreslår at dere fortsetter på telefon.")
        await page.keyboard.press("Tab")
        await expect(page.locator("#poor-line-call")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(BOX)).to_be_hidden()


async def test_without_a_telephone_it_says_what_else_helps(browser: Browser, site: str) -> None:
    """The camera off, by one press; then another network is left."""
    async with visit(browser, site, patient()) as here:
        await here.come_in()
        await told(here)
        await expect(here.page.locator(BOX)).to_contain_text("slå av kameraet")
        await expect(here.page.locator("#poor-line-call")).to_be_hidden()
        await here.page.click("#poor-line-camera")
        await here.bridge.expect(messages.Camera, lambda one: not one.on)
        await expect(here.page.locator(BOX)).to_contain_text("bytt til et annet nett")
        await expect(here.page.locator("#poor-line-camera")).to_be_hidden()


async def test_a_line_that_does_not_come_back_leads_to_the_telephone_by_the_link(
    browser: Browser, site: str
) -> None:
    """Also from the waiting room; where no number can be had, the surgery is named."""
    bridge = PlayedBridge(people=[person("p_me", "Ola", "patient", you=True, place="waiting")], way=WAY)

    async def prepare(page: Any) -> None:
        await with_a_clock(page)
        await page.route("**/api/v1/calls", lambda route: route.fulfill(json=WAY))

    async with visit(browser, site, bridge, prepare=prepare, size=(390, 844)) as here:
        await here.come_in()
        bridge.deaf_connections = 1000
        assert bridge.socket is not None
        await bridge.socket.close()
        box = here.page.locator(f"#screen-waiting {BOX}")
        async with asyncio.timeout(PATIENCE):
            while not await box.is_visible():  # by looks that are never counted as more than two seconds
                await here.page.clock.fast_forward(LOOK_MS)
        await expect(box).to_contain_text("Vi får ikke kontakt")
        await here.page.click("#poor-line-call")
        await expect(here.page.locator("#end-call")).to_contain_text("123456")


async def test_the_doctor_suggests_it_beside_whose_line_is_bad(browser: Browser, site: str) -> None:
    """A button with the words of the verdict, and among the acts; not where nothing can be called."""
    people = [
        person("p_me", "Liv Hansen", "doctor", host=True, you=True),
        person("p_pat", "Ola Nordmann", "patient"),
        person("p_tel", "Kari", "relative", line="telephone"),
    ]
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=people, number="47110815", media=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bad = [figures("p_pat", verdict="downlink"), figures("p_tel", verdict="uplink")]
        bridge.push("stats", people=bad)
        row = here.page.locator("#room-people [data-key=p_pat]")
        button = row.get_by_role("button", name="Foreslå telefon: Ola Nordmann")
        await button.focus()
        await here.page.keyboard.press("Enter")
        assert (await bridge.expect(messages.SuggestCall)).participant == "p_pat"
        await expect(here.page.locator("#polite")).to_contain_text("Ola Nordmann har fått forslag")
        by_call = here.page.locator("#room-people [data-key=p_tel]")
        await expect(by_call.locator(".blame")).to_be_visible()
        await expect(by_call.locator("[data-action=offerCall]")).to_be_hidden()
        bridge.push("stats", people=[figures("p_pat"), figures("p_tel")])
        await expect(button).to_be_hidden()
        await expect(row.locator(".more")).to_be_focused()
        await here.page.keyboard.press("Enter")
        await expect(row.locator("[data-action=suggestCall]")).to_be_visible()
        bridge.number = None
        bridge.roster()
        await expect(row.locator("[data-action=suggestCall]")).to_be_hidden()
