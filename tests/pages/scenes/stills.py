"""Still pictures, at both ends, and the ways in for those who cannot take part."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, Route, expect

from signalling import messages
from tests.pages.house import ENDING, Visit
from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.call import show
from tests.pages.scenes.people import PATIENT, as_doctor, as_patient
from tests.pages.sealed import KeyPair, seal
from tests.pages.test_still_pictures import Pieces, jpeg

NO_WEBRTC = "delete window.RTCPeerConnection;"
REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))"
IN_FACEBOOK = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/450.0]"
WAY = {"number": "47110815", "pin": "123456", "telephone": "+4722334455"}


def push(here: Visit, state: str, *, mine: bool, **fields: Any) -> None:
    """Tell the page of a picture."""
    ids = {"asker": "p_doc", "participant": "p_me"} if mine else {"asker": "p_me", "participant": "p_pat"}
    here.bridge.push("still", still="t_1", state=state, **ids, **fields)


@scene(PHONE, DOCTOR)
async def still_question(stage: Stage) -> None:
    """The patient is asked for a picture, and it is being sent."""
    async with stage.visit(as_patient("admitted", media=True)) as here:
        await here.come_in()
        await show(here, "p_doc")
        push(here, "asked", mine=True, key=KeyPair().text)
        await here.until("document.querySelector('#dialog-still video')?.videoWidth > 0")
        await here.until(
            "document.querySelector('#dialog-still .primary').getAttribute('aria-disabled') === 'false'"
        )
        await stage.shoot(here.page)
        await here.page.click("#dialog-still .primary")
        await here.bridge.expect(messages.AnswerStill)
        await stage.shoot(here.page, "sending")


@scene(DOCTOR, BESIDE, PHONE)
async def still_viewer(stage: Stage) -> None:
    """The doctor has asked for a picture, and looks at it."""
    pieces = Pieces()

    async def prepare(page: Page) -> None:
        await page.route("**/api/v1/stills/**", pieces.answer)

    async with stage.visit(as_doctor(PATIENT), prepare=prepare) as here:
        await here.come_in()
        await show(here, "p_pat")
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await here.page.click("#room-people [data-key=p_pat] .more")
        await here.page.click("#room-people [data-key=p_pat] [data-action=still]")
        wish = await here.bridge.expect(messages.AskStill)
        push(here, "asked", mine=False)
        await stage.shoot(here.page, "asked")
        pieces.given = seal(jpeg(3264, 2448), 1, wish.key, "t_1")
        push(here, "coming", mine=False, token=pieces.token, size=len(pieces.given))
        await here.bridge.expect(messages.EndStill)
        push(here, "sent", mine=False)
        await here.shows("#still-view")
        await stage.shoot(here.page)
        await here.page.click("[data-still=full]")
        await stage.shoot(here.page, "full")


async def give_way(route: Route) -> None:
    """Answer who wants to call."""
    await route.fulfill(json=WAY)


@scene(PHONE, DOCTOR)
async def cannot(stage: Stage) -> None:
    """A browser that cannot take part, and the ways in that it offers."""

    async def prepare(page: Page) -> None:
        await page.add_init_script(NO_WEBRTC)
        await page.route("**/api/v1/calls", give_way)

    async with stage.visit(ready=ENDING, prepare=prepare) as here:
        await stage.shoot(here.page)
        await here.page.click("#cannot-call")
        await here.shows("#cannot a")
        await stage.shoot(here.page, "call")


@scene(PHONE)
async def cannot_inside_an_app(stage: Stage) -> None:
    """A page inside an app without a microphone: what is wrong, and the other ways."""
    prepare = lambda page: page.add_init_script(REFUSED)  # noqa: E731 - one word
    async with stage.visit(prepare=prepare, user_agent=IN_FACEBOOK) as here:
        await here.page.click("#start-cannot summary")
        await stage.shoot(here.page)


@scene(PHONE)
async def call_instead(stage: Stage) -> None:
    """From the waiting room to the telephone."""
    async with stage.visit(as_patient("waiting", way=WAY)) as here:
        await here.come_in()
        await here.shows("#screen-waiting .call-instead")
        await stage.shoot(here.page, "waiting")
        await here.page.click("#screen-waiting .call-instead")
        await here.page.click("#confirm-yes")
        await expect(here.page.locator("#end-call a")).to_be_visible()
        await stage.shoot(here.page)
