"""Coming from where one is logged in already, without a second login; and what the doctor is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, Route, expect

from signalling import messages
from tests.pages.house import TOKEN, PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
LAUNCH = "eyJ0eXAiOiJsYXVuY2grand0In0.eyJwaWQiOiIwMTAxNzAxMjM0NSJ9.c2lnbmF0dXJl"
HELSENORGE = {"name": "helsenorge", "title": "Helsenorge"}


def logins(told: list[object], code: str | None = None) -> Callable[[Page], Awaitable[None]]:
    """Play the bridge's logins: a launch succeeds unless there is a code, and `told` gets what was posted."""

    async def answer(route: Route) -> None:
        known = bool(told) and code is None
        if route.request.method == "POST":
            told.append(route.request.post_data_json)
            if code is None:
                await route.fulfill(status=204)
            else:
                await route.fulfill(status=409, body=json.dumps({"code": code, "message": ""}))
            return
        found = {"providers": [HELSENORGE], "assurance": "high" if known else "none"}
        await route.fulfill(status=200, body=json.dumps(found))

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/logins", answer)

    return prepare


async def test_a_launch_is_brought_and_leaves_the_address(browser: Browser, site: str) -> None:
    """It goes to the bridge in a body and nowhere else; the link beside it works as it would alone."""
    told: list[object] = []
    path = f"/join#{TOKEN}&launch={LAUNCH}"
    async with visit(browser, site, path=path, prepare=logins(told)) as here:
        await expect(here.page.locator("#start-login-text")).to_have_text(
            "Du er logget inn (sikkerhetsnivå høyt)."
        )
        assert told == [{"launch": LAUNCH}]
        assert here.page.url == f"{site}/join"
        await here.enter()
        assert (await here.bridge.expect(messages.Join)).token == TOKEN
        assert not any(LAUNCH in url for url in here.requests)


async def test_nobody_is_a_stranger_for_being_quick(browser: Browser, site: str) -> None:
    """Whoever presses before the bridge has answered goes in when it has."""
    posted, answered = asyncio.Event(), asyncio.Event()

    async def prepare(page: Page) -> None:
        async def answer(route: Route) -> None:
            if route.request.method == "POST":
                posted.set()
                await answered.wait()
                await route.fulfill(status=204)
                return
            await route.fulfill(status=200, body=json.dumps({"providers": [], "assurance": "none"}))

        await page.route("**/api/v1/logins", answer)

    async with visit(browser, site, path=f"/join#{TOKEN}&launch={LAUNCH}", prepare=prepare) as here:
        await posted.wait()
        await here.page.click("#enter")
        await here.until("brotjeneste.state().screen === 'start'")
        assert here.bridge.connections == 0
        answered.set()
        assert (await here.bridge.expect(messages.Join)).token == TOKEN


async def test_a_launch_that_fails_is_told_and_keeps_nobody_out(browser: Browser, site: str) -> None:
    """In plain words; one can log in by oneself, or enter without."""
    path = f"/join#{TOKEN}&launch={LAUNCH}"
    quiet = "Failed to load resource: the server responded with a status of 409 (Conflict)"
    async with visit(browser, site, path=path, prepare=logins([], "login_rejected")) as here:
        await expect(here.page.locator("#notice")).to_contain_text("innlogging")
        await here.enter()
        assert (await here.bridge.expect(messages.Join)).token == TOKEN
        here.complaints[:] = [one for one in here.complaints if one != quiet]


async def test_the_providers_own_session_is_tried_by_itself(browser: Browser, site: str) -> None:
    """Once: where the browser comes back without a login, it is asked no more."""
    path = f"/join?by=helsenorge#{TOKEN}"
    went: list[str] = []

    async def prepare(page: Page) -> None:
        async def provider(route: Route) -> None:
            went.append(route.request.url)
            await route.fulfill(status=303, headers={"Location": "/join?login=login_refused"})

        await logins([])(page)
        await page.route("**/login/**", provider)

    async with visit(browser, site, path=path, prepare=prepare, ready="#notice") as here:
        await expect(here.page.locator("#notice")).to_contain_text("ikke logget inn")
        assert went == [f"{site}/login/helsenorge?quiet"]
        assert here.page.url == f"{site}/join"
        await here.enter()
        assert (await here.bridge.expect(messages.Join)).token == TOKEN


async def test_the_doctor_is_told_who_comes_for_somebody_else(browser: Browser, site: str) -> None:
    """Beside the name of who waits, and once they are in."""
    doctor = person("p_doc", "Ingrid Berg", "doctor", host=True, you=True)
    waiting = {"place": "waiting", "assurance": "high", "relation": "parent"}
    bridge = PlayedBridge(
        role="doctor",
        host=True,
        place="admitted",
        people=[doctor, person("p_pat", "Aslaug Nordahl", "patient", **waiting)],
    )
    async with visit(browser, site, bridge) as here:
        await here.enter()
        unknown = here.page.locator(".waiting-person .unknown")
        await expect(unknown).to_have_text("innlogget, nivå høyt, kommer for barnet sitt")
