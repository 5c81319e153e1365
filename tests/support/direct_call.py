"""Two Chromium pages in a call with nobody between them, over the link that a call through the bridge has.

It tells what a browser's own repair and congestion control make of a bad link on this machine, for the bridge to
be held against. The pages have the same devices, size and rate, one encoding, else what Chromium does by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, Route

from loadtest.network.profile import Profile
from loadtest.network.recording import Recording
from loadtest.network.scenarios import Scenario
from tests.support.bridge import Visitor
from tests.support.measured_call import METER, RECEIVER, SENDER, SENT_BPS, Stage, record_pages
from tests.support.media_checks import init_script

_SCRIPT: Final = Path(__file__).with_name("direct_call.js").read_text("utf-8")
# Counts as secure without TLS; nothing is asked of it, the pages are given here.
_ADDRESS: Final = "http://direct.localhost/"
_PAGE: Final = """<!doctype html><title>Direct</title>
<div id="stage"><div class="tile" data-participant="patient"><video autoplay playsinline></video></div></div>"""
_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")


def can_be_direct(scenario: Scenario) -> bool:
    """Whether there is such a call of two: not where somebody else is in the room."""
    return not scenario.company


async def record_direct(stage: Stage, scenario: Scenario) -> Recording:
    """Make one call and record it; the round trip is that of the link that something happens to.

    Call it on an island, which forwards from then on.
    """
    _FORWARD.write_text("1")
    async with _page(stage.receiver_browser, RECEIVER) as receiver, _page(stage.sender_browser, SENDER) as sender:
        stage.quiet(scenario, Profile())
        offer = await sender.evaluate("(most) => window.__direct.offer(most)", SENT_BPS)
        answer = await receiver.evaluate("(sdp) => window.__direct.answer(sdp)", offer)
        await sender.evaluate("(sdp) => window.__direct.take(sdp)", answer)
        seen, shown = Visitor(receiver, RECEIVER), Visitor(sender, SENDER)
        await seen.sees_and_hears(shown)
        return await record_pages(stage, scenario, seen, shown, other=Profile())


@asynccontextmanager
async def _page(browser: Browser, identity: int) -> AsyncIterator[Page]:
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    try:
        for script in ("window.__ownDevices = true;", init_script(identity), METER, _SCRIPT):
            await context.add_init_script(script)
        await context.route("**/*", _give)
        page = await context.new_page()
        await page.goto(_ADDRESS)
        yield page
    finally:
        await context.close()


async def _give(route: Route) -> None:
    await route.fulfill(body=_PAGE, content_type="text/html")
