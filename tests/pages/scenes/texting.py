"""The dialog in which the doctor invites by text message."""

from __future__ import annotations

from tests.pages.house import PlayedBridge, person
from tests.pages.scenery import BESIDE, DOCTOR, Stage, scene

HOST = person("p_me", "Ingrid Berg", "doctor", host=True, you=True)


@scene(DOCTOR, BESIDE)
async def texting(stage: Stage) -> None:
    """The field for the number, a number that is none, and that the message is on its way."""
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=[HOST], texts=True)
    async with stage.visit(bridge) as here:
        await here.come_in()
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await here.page.click("#invite")
        await here.page.fill("#invite-name", "Kari Nordahl")
        await here.page.fill("#invite-text", "123")
        await here.page.press("#invite-text", "Enter")
        await stage.shoot(here.page, "wrong", whole=False)
        await here.page.fill("#invite-text", "912 34 567")
        await here.page.press("#invite-text", "Enter")
        await here.shows("#invite-done")
        await stage.shoot(here.page, "sent", whole=False)
