"""The page of those on duty: before, quiet, ringing, taken, without contact, and off."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from playwright.async_api import Page, Route

from tests.pages.house import PlayedBridge, Visit
from tests.pages.scenery import DOCTOR, PHONE, Size, Stage, scene

NARROW: Final[Size] = (320, 640)
"""1280 points at 400 %."""
ON: Final = {"path": "/duty", "ready": "#screen-start"}


def logins(assurance: str = "high") -> Callable[[Page], Awaitable[None]]:
    """A bridge at which this browser is logged in so surely; a request to log out is heeded."""
    proven = [assurance]

    async def answer(route: Route) -> None:
        if route.request.method == "DELETE":
            proven[0] = "none"
            await route.fulfill(status=204)
            return
        provider = {"name": "helseid", "title": "HelseID"}
        await route.fulfill(status=200, body=json.dumps({"providers": [provider], "assurance": proven[0]}))

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/logins", answer)

    return prepare


def ago(minutes: float) -> str:
    """A time that has been."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def waiter(minutes: float = 0, role: str = "assistant", assurance: str = "high", **more: Any) -> dict[str, Any]:
    """One who has waited for so long."""
    return {"role": role, "assurance": assurance, "since": ago(minutes), "connected": True} | more


def room(number: int, name: str, *people: dict[str, Any], taken: dict[str, Any] | None = None) -> dict[str, Any]:
    """A room of the queue."""
    return {"room": f"r_{number}", "name": name, "rota": "rota-0", "people": list(people), "taken": taken}


VARDO: Final = "Legevaktsatellitt Vardø"
BERLEVAG: Final = "Legevaktsatellitt Berlevåg"


async def come_on_duty(here: Visit) -> None:
    """Press the button, and wait until the page says so."""
    await here.page.click("#go-on-duty")
    await here.shows("#screen-duty")


@scene(PHONE, DOCTOR)
async def duty_login(stage: Stage) -> None:
    """Not logged in; then logged in, and about to go on duty."""
    options = ON | {"ready": "#screen-login"}
    async with stage.visit(prepare=logins("none"), **options) as here:
        await stage.shoot(here.page)
    async with stage.visit(prepare=logins(), **ON) as here:
        await stage.shoot(here.page, "start")


@scene(PHONE, DOCTOR, NARROW)
async def duty(stage: Stage) -> None:
    """Quiet; one rings; three wait, of whom one is taken and one has lost the line; taken by another first."""
    bridge = PlayedBridge()
    async with stage.visit(bridge, prepare=logins(), **ON) as here:
        await come_on_duty(here)
        await stage.shoot(here.page, "quiet")
        bridge.ring(room(1, VARDO, waiter()))
        await here.shows("#silence")
        await stage.shoot(here.page, "rings")
        bridge.ring(
            room(1, VARDO, waiter(12), waiter(3, "patient", "none")),
            room(2, BERLEVAG, waiter(8), taken={"by": "Per Vik", "at": ago(0.2), "yours": False}),
            room(3, "Legevaktsatellitt Gamvik", waiter(5, assurance="substantial", connected=False)),
        )
        await here.shows("#duty-rooms li:nth-child(3)")
        await stage.shoot(here.page, "several")
        bridge.taken = {"by": "Per Vik"}
        await here.page.locator("#duty-rooms .button:visible").first.click()
        await here.shows("#notice")
        await stage.shoot(here.page, "lost")


@scene(PHONE, DOCTOR)
async def duty_off(stage: Stage) -> None:
    """Without contact; and off, since the login has ended."""
    bridge = PlayedBridge(queue=[room(1, VARDO, waiter())])
    async with stage.visit(bridge, prepare=logins(), **ON) as here:
        await come_on_duty(here)
        bridge.refuse_duty = "restarting"
        assert bridge.socket is not None
        await bridge.socket.close()
        await here.shows("#duty-down")
        await stage.shoot(here.page, "down")
        bridge.refuse_duty = "login_needed"
        await here.shows("#screen-off")
        await stage.shoot(here.page)
