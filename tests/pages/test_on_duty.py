"""The page of those on duty: it rings for rooms that wait, one press takes one, it says when it cannot ring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import LANGUAGES, TOKEN, PlayedBridge, Visit, visit, with_a_clock
from tests.pages.scenery import LOCALES
from tests.pages.scenes.duty import BERLEVAG, VARDO, come_on_duty, logins, room, waiter

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
# How often it rings, how long the bridge may be quiet, and how long it may take to answer.
RING_MS, QUIET_MS, ANSWER_MS = 2500, 10_000, 4000
LINK = f"/join#{TOKEN}&resume={'ab' * 32}"
# Counts the notes that the page plays, since nothing is heard of a machine without a loudspeaker.
HEARD = """(() => {
    window.__notes = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...when) { window.__notes += 1; return start.apply(this, when); };
})();"""


def on_duty(browser: Browser, site: str, bridge: PlayedBridge, **options: Any) -> Any:
    """Open the page, logged in, in English."""
    wanted: dict[str, Any] = {"path": "/duty", "locale": "en-GB", "ready": "#screen-start"}
    return visit(browser, site, bridge, **wanted | {"prepare": listening(logins())} | options)


def listening(prepare: Callable[[Page], Awaitable[None]]) -> Callable[[Page], Awaitable[None]]:
    """Count notes as well, and have a clock."""

    async def both(page: Page) -> None:
        await page.add_init_script(HEARD)
        await with_a_clock(page)
        await prepare(page)

    return both


async def rings(here: Visit) -> None:
    """Wait for two more notes than there were, which the next ring has."""
    before = await here.page.evaluate("window.__notes")
    await here.page.clock.fast_forward(RING_MS)
    await here.until(f"window.__notes >= {before} + 2")


async def is_silent(here: Visit) -> None:
    """Nothing rings: the button that stops it is away, and the page says so of itself."""
    await expect(here.page.locator("#silence")).to_be_hidden()


async def test_a_room_rings_until_it_is_taken(browser: Browser, site: str) -> None:
    """Over and over, and said to a screen reader at once; when another has taken it, it stops and says who."""
    bridge = PlayedBridge()
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await expect(here.page.locator("#duty-title")).to_have_text("On duty: Ingrid Berg")
        await expect(here.page.locator("#duty-title")).to_be_focused()
        await expect(here.page.locator("#duty-state")).to_contain_text("Nobody is waiting")
        await is_silent(here)
        bridge.ring(room(1, VARDO, waiter(2)))
        await expect(here.page.locator("#assertive")).to_have_text(f"{VARDO} waits for a doctor.")
        await rings(here)
        await rings(here)
        row = here.page.locator("#duty-rooms li").first
        await expect(row).to_contain_text("Has waited 2 min")
        await expect(row).to_contain_text("Assistant, logged in, security level high")
        assert "(1)" in await here.page.title()
        bridge.ring(room(1, VARDO, waiter(2), taken={"by": "Per Vik", "at": waiter()["since"], "yours": False}))
        await is_silent(here)
        await expect(here.page.locator("#polite")).to_have_text(f"Per Vik took {VARDO}.")
        await expect(row.locator("button")).to_be_hidden()
        await expect(row).to_contain_text("Per Vik took it")


async def test_who_presses_comes_into_the_room(browser: Browser, site: str) -> None:
    """By the link that the bridge gives, in the same tab, with the secret that goes with it; and finds back."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter())], refuse_join="link_expired")
    async with on_duty(browser, site, bridge, size=(390, 844)) as here:
        bridge.taken = {"by": "Ingrid Berg", "link": site + LINK}
        await come_on_duty(here)
        await here.page.get_by_role("button", name=f"Take {VARDO}").click()
        take = await bridge.expect(messages.Take)
        assert take.room == "r_1"
        await here.page.wait_for_url("**/join")
        await here.enter()
        join = await bridge.expect(messages.Join)
        assert (join.token, join.resume) == (TOKEN, "ab" * 32)
        await here.page.get_by_role("link", name="Back to being on duty").click()
        await here.shows("#screen-start")


async def test_who_comes_second_is_told_who_has_it(browser: Browser, site: str) -> None:
    """In plain words; the page goes on."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter()), room(2, BERLEVAG, waiter())], taken={"by": "Per Vik"})
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await here.page.get_by_role("button", name=f"Take {VARDO}").click()
        await expect(here.page.locator("#notice")).to_have_text(f"Per Vik took {VARDO} before you.")
        await expect(here.page.get_by_role("button", name=f"Take {BERLEVAG}")).to_be_enabled()


async def test_it_is_worked_by_keyboard_alone(browser: Browser, site: str) -> None:
    """From the start to the room."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter())], taken={"by": "Per Vik"})
    async with on_duty(browser, site, bridge) as here:
        await here.page.locator("#start-title").focus()
        await here.page.keyboard.press("Tab")
        await here.page.keyboard.press("Enter")
        await here.shows("#screen-duty")
        await expect(here.page.locator("#duty-title")).to_be_focused()
        await here.shows("#duty-rooms button")
        await here.page.keyboard.press("Tab")
        await here.page.keyboard.press("Enter")
        await bridge.expect(messages.Take)
        await expect(here.page.locator("#notice")).to_contain_text("Per Vik took")


async def test_the_ringing_can_be_stopped_until_the_next_room(browser: Browser, site: str) -> None:
    """Whoever has heard it has the room on the page still; a new one rings."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter())])
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await here.page.click("#silence")
        await is_silent(here)
        await here.shows("#duty-rooms button")
        bridge.ring(room(1, VARDO, waiter()), room(2, BERLEVAG, waiter()))
        await here.shows("#silence")
        await rings(here)


async def test_who_has_lost_the_line_is_shown_and_does_not_ring(browser: Browser, site: str) -> None:
    """And can be taken all the same."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter(3, connected=False))])
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        row = here.page.locator("#duty-rooms li").first
        await expect(row).to_contain_text("Has lost the connection")
        await is_silent(here)
        await expect(row.get_by_role("button", name=f"Take {VARDO}")).to_be_visible()


async def test_a_line_that_is_lost_is_told_and_comes_back(browser: Browser, site: str) -> None:
    """No list that may be old is shown meanwhile; when contact is back, it rings as before."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter())])
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await here.shows("#duty-rooms button")
        assert bridge.socket is not None
        bridge.refuse_duty = "restarting"
        await bridge.socket.close()
        await here.shows("#duty-down")
        await expect(here.page.locator("#assertive")).to_contain_text(
            "It does not ring here until contact is back"
        )
        await expect(here.page.locator("#duty-rooms li")).to_have_count(0)
        bridge.refuse_duty = None
        await expect(here.page.locator("#duty-down")).to_be_hidden()
        await rings(here)


async def test_a_bridge_that_says_nothing_is_taken_for_lost(browser: Browser, site: str) -> None:
    """A socket that is dead and does not know it would ring for nobody."""
    bridge = PlayedBridge(answer_pings=False)
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await bridge.expect(messages.Duty)
        await expect(here.page.locator("#duty-state")).to_contain_text("Nobody is waiting")
        await here.page.clock.fast_forward(QUIET_MS)
        await bridge.expect(messages.Ping)
        await here.page.clock.fast_forward(ANSWER_MS)
        await bridge.expect(messages.Duty)
        assert bridge.connections >= 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("login_needed", "Your login does not count any more, and it does not ring here."),
        ("not_on_rota", "Your login is on no rota here."),
    ],
)
async def test_who_is_off_duty_is_told_why(browser: Browser, site: str, code: str, words: str) -> None:
    """At once, also to who does not look."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter())])
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await here.shows("#silence")
        bridge.push("bye", code=code, message="Off in a test.")
        await here.shows("#screen-off")
        await expect(here.page.locator("#off-text")).to_contain_text(words)
        await expect(here.page.locator("#assertive")).to_contain_text(words)
        await expect(here.page.locator("#off-title")).to_be_focused()
        await here.page.click("#off-again")
        await here.shows("#screen-start")


async def test_going_off_duty_and_logging_out(browser: Browser, site: str) -> None:
    """By a button each; then the page offers to log in, and to come back here."""
    bridge = PlayedBridge()
    async with on_duty(browser, site, bridge) as here:
        await come_on_duty(here)
        await here.page.click("#go-off-duty")
        await here.shows("#screen-off")
        await here.page.click("#off-again")
        await here.page.click("#log-out")
        way = here.page.get_by_role("link", name="Log in with HelseID")
        await expect(way).to_have_attribute("href", "/login/helseid?duty")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_speaks_every_language(browser: Browser, site: str, language: str) -> None:
    """Without a word that is missing, which would be a complaint in the console."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter(4), waiter(connected=False))])
    async with on_duty(browser, site, bridge, locale=LOCALES[language], size=(320, 640)) as here:
        await come_on_duty(here)
        await here.shows("#duty-rooms button")
        assert await here.page.evaluate("document.documentElement.lang") == language
        wide = await here.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320
