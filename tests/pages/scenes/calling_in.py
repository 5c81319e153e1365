"""From a page to the telephone."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from tests.pages.house import ENDING
from tests.pages.scenery import PHONE, Stage, scene
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
