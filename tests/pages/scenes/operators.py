"""The operators' page: by day and by night, quiet and in trouble."""

from __future__ import annotations

from tests.ops.duty import on_duty
from tests.ops.stations import TOKEN
from tests.pages.house import Visit
from tests.pages.scenery import DOCTOR, Size, Stage, scene

LOGIN = "#login"
NARROW: Size = (320, 640)
"""1280 points at 400 %."""


async def log_in(here: Visit) -> None:
    """Come in by the token."""
    await here.page.fill("#login-token", TOKEN)
    await here.page.press("#login-token", "Enter")
    await here.shows("#station")


@scene(DOCTOR, NARROW)
async def operator_quiet(stage: Stage) -> None:
    """All is well, by day."""
    async with on_duty() as duty, stage.visit(site=duty.address, path="/", ready=LOGIN) as here:
        await stage.shoot(here.page, "login")
        await log_in(here)
        await stage.shoot(here.page)
        await here.page.click("#drain-begin")
        await stage.shoot(here.page, "drain", whole=False)


@scene(DOCTOR, NARROW)
async def operator_trouble_at_night(stage: Stage) -> None:
    """Much is wrong, at night, and the node is being emptied."""
    options = {"site": None, "path": "/", "ready": LOGIN, "color_scheme": "dark"}
    async with on_duty(trouble=True) as duty, stage.visit(**options | {"site": duty.address}) as here:
        await stage.shoot(here.page, "login")
        await log_in(here)
        await here.page.locator("#rooms button").first.click()
        await here.shows("#rooms .table")
        await stage.shoot(here.page)
        await here.page.click("#drain-begin")
        await here.page.click("#dialog-drain [value=yes]")
        await here.shows("#drain-undo")
        await stage.shoot(here.page, "drains")
