"""From a page to the telephone."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from tests.pages.house import ENDING
from tests.pages.scenery import PHONE, Stage, scene
from tests.pages.scenes.call import show
from tests.pages.scenes.people import as_patient

WAY = {"number": "47110815", "pin": "123456", "telephone": "+4722334455"}


async def give_way(route: Route) -> None:
    """Answer who wants to call."""
    await route.fulfill(json=WAY)


@scene(PHONE)
async def call_without_video(stage: Stage) -> None:
    """A browser that cannot take part: what to call."""

    async def prepare(page: Page) -> None:
        await page.add_init_script("delete window.RTCPeerConnection;")
        await page.route("**/api/v1/calls", give_way)

    async with stage.visit(ready=ENDING, prepare=prepare) as here:
        await here.page.click("#cannot-call")
        await here.shows("#cannot a")
        await stage.shoot(here.page)


@scene(PHONE)
async def call_instead(stage: Stage) -> None:
    """From the waiting room."""
    async with stage.visit(as_patient("waiting", way=WAY)) as here:
        await here.come_in()
        await here.shows("#screen-waiting .call-instead")
        await stage.shoot(here.page, "waiting")
        await here.page.click("#screen-waiting .call-instead")
        await here.page.click("#confirm-yes")
        await expect(here.page.locator("#end-call a")).to_be_visible()
        await stage.shoot(here.page)


@scene(PHONE)
async def poor_line(stage: Stage) -> None:
    """A line that does not do, in the call: with a telephone, and without one."""
    async with stage.visit(as_patient("admitted", way=WAY, media=True)) as here:
        await here.come_in()
        await show(here, "p_doc")
        here.bridge.push("poor_line", poor=True)
        await here.shows("#poor-line-call")
        await stage.shoot(here.page)
        here.bridge.push("call_suggested", by="p_doc")
        await expect(here.page.locator("#poor-line")).to_contain_text("Ingrid Berg")
        await stage.shoot(here.page, "suggested")
    async with stage.visit(as_patient("admitted", media=True)) as here:
        await here.come_in()
        await show(here, "p_doc")
        here.bridge.push("poor_line", poor=True)
        await here.shows("#poor-line-camera")
        await stage.shoot(here.page, "alone")


@scene(PHONE)
async def self_test_hopeless(stage: Stage) -> None:
    """The test before entry on a network on which no call is possible, where there is a telephone."""
    up = {"loss_percent": 41.0, "jitter_ms": 80.0, "bitrate_kbps": 60.0}
    told = {"verdict": "unusable", "reasons": ["loss_up"], "up": up, "down": up, "rtt_ms": 310.0, "calls": True}

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/calls", give_way)

    async with stage.visit(as_patient(media=True, tested=told), prepare=prepare) as here:
        await here.page.click("#start-test")
        for presses in (1, 1, 2):
            before = await here.page.locator("#test-title").inner_text()
            for _ in range(presses):
                await here.page.click("#test-yes")
            await expect(here.page.locator("#test-title")).not_to_have_text(before)
        await here.shows("#test-call button")
        await stage.shoot(here.page)
        await here.page.click("#test-call button")
        await here.shows("#test-call a")
        await stage.shoot(here.page, "number")
