"""The test before entry on the page: what it asks, what it says, and that it lets go."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import PlayedBridge, Visit, person, visit
from tests.pages.test_accessibility import SIZES, faults

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
TITLE = "#test-title"
# Long enough that a machine which stands still for a second finds pictures and sound in it all the same.
LONG_S = 3.0


def told(verdict: str, *reasons: str, loss: float = 0.0) -> dict[str, Any]:
    """What the bridge says of a test."""
    up = {"loss_percent": loss, "jitter_ms": 12.0, "bitrate_kbps": 640.0}
    return {"verdict": verdict, "reasons": list(reasons), "up": up, "down": up, "rtt_ms": 48.0}


def house(**fields: Any) -> PlayedBridge:
    """Play a bridge that knows one patient, who waits after joining."""
    waiting = [person("p_me", "Aslaug Nordahl", "patient", you=True, place="waiting")]
    return PlayedBridge(people=waiting, media=True, **fields)


async def to_the_network(here: Visit) -> None:
    """Answer as one whose devices work."""
    await here.page.click("#start-test")
    for title, presses in (("Ser du deg selv?", 1), ("Si noen ord", 1), ("Hører du lyden?", 2)):
        await expect(here.page.locator(TITLE)).to_have_text(title)
        for _ in range(presses):
            await here.page.click("#test-yes")


async def to_the_result(here: Visit) -> None:
    """Go through all of it."""
    await to_the_network(here)
    await expect(here.page.locator("#test-result")).to_be_visible()


async def test_own_media_go_out_and_what_came_back_is_reported(browser: Browser, site: str) -> None:
    """The first offer sends, the second receives, and the report has pictures, sound and rates of both."""
    bridge = house(tested=told("good"), test_seconds=LONG_S)
    async with visit(browser, site, bridge) as here:
        await to_the_result(here)
        first, second = bridge.offers
        assert (first.sources.mic, first.sources.camera, first.sources.content) == ("0", "1", None)
        assert second.sources == messages.Sources()
        assert first.sdp.count("a=sendonly") == second.sdp.count("a=recvonly") == 2
        report = await bridge.expect(messages.TestReport)
        assert report.down is not None
        assert report.frames > 0
        await expect(here.page.locator(TITLE)).to_have_text("Alt er klart")
        await expect(here.page.locator(TITLE)).to_be_focused()
        assert not [each for each in bridge.sent if isinstance(each, messages.Join)]
        await here.page.click("#test-enter")
        await bridge.expect(messages.Join)
        await here.shows("#screen-waiting")


@pytest.mark.parametrize("size", SIZES)
async def test_a_weak_network_is_explained_with_advice(browser: Browser, site: str, size: tuple[int, int]) -> None:
    """What it means, what can help, and the way in; at every size, without faults."""
    async with visit(browser, site, house(tested=told("weak", "loss_up", loss=6.0)), size=size) as here:
        await to_the_result(here)
        await expect(here.page.locator(TITLE)).to_have_text("Nettet er litt svakt")
        await expect(here.page.locator("#test-text")).to_contain_text("Lyden går først")
        await expect(here.page.locator("#test-advice li")).to_have_count(3)
        await expect(here.page.locator("#test-advice")).to_contain_text("Gå nærmere ruteren")
        await expect(here.page.locator("#test-lines li[data-word=weak]")).to_have_text("Nettlitt svakt")
        await here.page.locator("#test-figures summary").click()
        await expect(here.page.locator("#test-figures")).to_contain_text("tap 6 %")
        assert await faults(here.page) == []


async def test_a_network_that_will_not_do_is_tried_again_first(browser: Browser, site: str) -> None:
    """The telephone is offered, the network alone is tried anew, and going in is still one's own choice."""
    async with visit(browser, site, house(tested=told("unusable", "loss_down", loss=40.0))) as here:
        await to_the_result(here)
        await expect(here.page.locator("#test-advice li").last).to_contain_text("på telefon")
        await expect(here.page.locator("#test-again")).to_have_class("button primary huge")
        await expect(here.page.get_by_role("button", name="Gå inn likevel")).to_be_visible()
        await here.page.click("#test-again")
        await expect(here.page.locator(TITLE)).to_have_text("Vi prøver nettet")
        await expect(here.page.locator(TITLE)).to_have_text("Nettet er for dårlig nå")


@pytest.mark.parametrize(
    ("verdict", "advice", "title"),
    [
        (told("unusable", "blocked"), "slipper ikke video gjennom", "Nettet er for dårlig nå"),
        (told("weak", "no_picture"), "Prøv en annen nettleser", "Nettet er bra, men se på dette"),
        (told("weak", "delay", "of_another_age"), "Lukk andre programmer", "Nettet er litt svakt"),
    ],
)
async def test_reasons_have_their_own_advice(
    browser: Browser, site: str, verdict: dict[str, Any], advice: str, title: str
) -> None:
    """A reason that is new to the page is passed over."""
    async with visit(browser, site, house(tested=verdict, unchecked=True)) as here:
        await to_the_result(here)
        await expect(here.page.locator(TITLE)).to_have_text(title)
        await expect(here.page.locator("#test-advice")).to_contain_text(advice)


async def test_what_the_bridge_lost_is_not_held_against_the_network(browser: Browser, site: str) -> None:
    """It is said whose fault it is, with nothing to try at home; going in and testing anew are both there."""
    async with visit(browser, site, house(tested=told("weak", "bridge", loss=6.0))) as here:
        await to_the_result(here)
        await expect(here.page.locator(TITLE)).to_have_text("Tjenesten har mye å gjøre nå")
        await expect(here.page.locator("#test-text")).to_contain_text("ikke din feil")
        await expect(here.page.locator("#test-lines li[data-word=busy]")).to_have_text("Nettikke målt")
        await expect(here.page.locator("#test-advice-box")).to_be_hidden()
        await expect(here.page.locator("#test-again")).to_be_visible()
        assert await faults(here.page) == []


async def test_on_a_hopeless_network_the_telephone_is_offered(browser: Browser, site: str) -> None:
    """Number and PIN by one press, where there are any; not where a weak network will do."""
    way = {"number": "47110815", "pin": "123456", "telephone": None}

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/calls", lambda route: route.fulfill(json=way))

    bridge = house(tested=told("unusable", "loss_up", loss=40.0) | {"calls": True})
    async with visit(browser, site, bridge, prepare=prepare) as here:
        await to_the_result(here)
        await expect(here.page.locator("#test-advice")).not_to_contain_text("telefon")
        await here.page.locator("#test-call").get_by_role("button", name="Ring inn med telefon").click()
        await expect(here.page.locator("#test-call")).to_contain_text("romnummer 47110815, så PIN 123456")
        bridge.tested = told("weak", "loss_up", loss=6.0) | {"calls": True}
        await here.page.click("#test-again")
        await expect(here.page.locator(TITLE)).to_have_text("Nettet er litt svakt")
        await expect(here.page.locator("#test-call")).to_be_hidden()


async def test_no_place_for_a_test_stops_nobody(browser: Browser, site: str) -> None:
    """It is said, and the way in is there."""
    bridge = house(refusals={"test": "test_busy"})
    async with visit(browser, site, bridge) as here:
        await to_the_result(here)
        await expect(here.page.locator("#test-text")).to_contain_text("Mange tester akkurat nå")
        await expect(here.page.locator("#test-lines li[data-word=unknown]")).to_have_text("Nettikke prøvd")
        await here.page.click("#test-enter")
        await here.shows("#screen-waiting")


async def test_a_link_that_is_no_good_is_told_before_the_visit(browser: Browser, site: str) -> None:
    """Days before the consultation is the time to learn of it."""
    async with visit(browser, site, house(refusals={"test": "link_expired"})) as here:
        await to_the_network(here)
        await expect(here.page.get_by_role("heading", name="Lenken er gått ut på tid")).to_be_focused()


async def test_a_no_brings_help_and_then_leads_on(browser: Browser, site: str) -> None:
    """What does not work is helped with once, said at the end, and stops nobody."""
    async with visit(browser, site, house(tested=told("good"))) as here:
        page = here.page
        await page.click("#start-test")
        for title in ("Ser du deg selv?", "Si noen ord"):
            await expect(page.locator(TITLE)).to_have_text(title)
            await page.get_by_role("button", name="Nei").click()
            await expect(page.locator("#test-help")).to_be_visible()
            await expect(page.locator("#polite")).to_have_text(await page.locator("#test-help-text").inner_text())
            assert await faults(page) == []
            await page.get_by_role("button", name="Gå videre").click()
        await page.get_by_role("button", name="Spill lyden").click()
        await page.get_by_role("button", name="Spill en gang til").click()
        await page.get_by_role("button", name="Ja, jeg hørte den").click()
        await expect(page.locator("#test-result")).to_be_visible()
        await expect(page.locator(TITLE)).to_have_text("Nettet er bra, men se på dette")
        words = ["Kameravirker ikke", "Mikrofonvirker ikke", "Høyttalervirker", "Nettbra"]
        await expect(page.locator("#test-lines li")).to_have_text(words)


async def test_without_devices_the_network_is_tried_all_the_same(browser: Browser, site: str) -> None:
    """Refused devices are explained at their step; a drawn picture and a tone go out in their place."""

    async def refuse(page: Page) -> None:
        await page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
        )

    bridge = house(tested=told("good"), test_seconds=LONG_S)
    async with visit(browser, site, bridge, prepare=refuse) as here:
        page = here.page
        await page.click("#start-test")
        await expect(page.locator(TITLE)).to_have_text("Vi får ikke bilde")
        await expect(page.locator("#test-text")).to_contain_text("Nettleseren får ikke bruke kameraet")
        await page.get_by_role("button", name="Prøv igjen").click()
        await page.get_by_role("button", name="Gå videre").click()
        await expect(page.locator(TITLE)).to_have_text("Vi får ikke lyd")
        await page.get_by_role("button", name="Gå videre").click()
        await page.get_by_role("button", name="Spill lyden").click()
        await page.get_by_role("button", name="Ja, jeg hørte den").click()
        report = await bridge.expect(messages.TestReport)
        assert report.sent_kbps > 0
        await expect(page.locator("#test-lines li").first).to_have_text("Kameravirker ikke")


async def test_leaving_the_test_ends_it_and_keeps_the_devices(browser: Browser, site: str) -> None:
    """In the middle of the network's step: the line is closed, the start screen is as it was."""
    bridge = house(tested=told("good"), test_seconds=60.0)
    async with visit(browser, site, bridge) as here:
        await to_the_network(here)
        await here.until("document.querySelector('#test-video').videoWidth > 0")
        await here.page.click("#test-stop")
        await here.shows("#screen-start")
        await here.until("document.querySelector('#start-video').videoWidth > 0")
        assert bridge.closed == 1
        await here.enter()
        await bridge.expect(messages.Join)
        assert not [each for each in bridge.sent if isinstance(each, messages.TestReport)]


async def test_the_whole_test_goes_by_keyboard(browser: Browser, site: str) -> None:
    """The first Tab from each step's heading is at its answer."""
    async with visit(browser, site, house(tested=told("good"))) as here:
        page = here.page
        await page.locator("#start-test").focus()
        await page.keyboard.press("Enter")
        for title, presses in (("Ser du deg selv?", 1), ("Si noen ord", 1), ("Hører du lyden?", 2)):
            await expect(page.locator(TITLE)).to_have_text(title)
            await expect(page.locator(TITLE)).to_be_focused()
            await page.keyboard.press("Tab")
            await expect(page.locator("#test-yes")).to_be_focused()
            for _ in range(presses):
                await page.keyboard.press("Enter")
        await expect(page.locator("#test-result")).to_be_visible()
        await expect(page.locator(TITLE)).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.locator("#test-enter")).to_be_focused()


async def test_the_language_changes_in_the_middle_of_a_test(browser: Browser, site: str) -> None:
    """The step stays, in the other language."""
    async with visit(browser, site, house()) as here:
        await here.page.click("#start-test")
        await here.page.get_by_role("button", name="English").click()
        await expect(here.page.locator(TITLE)).to_have_text("Do you see yourself?")
        await expect(here.page.locator("#test-count")).to_have_text("Step 1 of 4")
        assert await faults(here.page) == []


async def test_the_host_reads_a_word_beside_who_waits(browser: Browser, site: str) -> None:
    """In words, and only where there has been a test."""
    people = [
        person("p_me", "Ingrid Berg", "doctor", host=True, you=True),
        person("p_w1", "Aslaug", "patient", place="waiting", tested="weak"),
        person("p_w2", "Olav", "relative", place="waiting"),
    ]
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=people)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await expect(here.page.locator("#waiting-people .tested")).to_have_text(["test: svakt nett", ""])
        assert await faults(here.page) == []
