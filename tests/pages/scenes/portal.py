"""Who has come from a portal, and what the doctor is told of one who comes for somebody else."""

from __future__ import annotations

import json

from playwright.async_api import Page, Route

from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.people import INTERPRETER, PATIENT, as_doctor


async def known(page: Page) -> None:
    """A bridge at which this browser is logged in."""

    async def answer(route: Route) -> None:
        provider = {"name": "helsenorge", "title": "Helsenorge"}
        await route.fulfill(status=200, body=json.dumps({"providers": [provider], "assurance": "high"}))

    await page.route("**/api/v1/logins", answer)


@scene(PHONE)
async def portal_start(stage: Stage) -> None:
    """Logged in by the portal, before entering."""
    async with stage.visit(prepare=known) as here:
        await here.shows("#log-out")
        await stage.shoot(here.page)


@scene(DOCTOR, BESIDE)
async def portal_for_another(stage: Stage) -> None:
    """A parent waits, and somebody with a power of attorney is in."""
    parent = PATIENT | {"place": "waiting", "assurance": "high", "relation": "parent"}
    helper = INTERPRETER | {"role": "relative", "relation": "power_of_attorney", "employer": None}
    async with stage.visit(as_doctor(parent, helper)) as here:
        await here.come_in()
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await here.page.click(f"#room-people [data-key={helper['participant']}] .more")
        await stage.shoot(here.page)
