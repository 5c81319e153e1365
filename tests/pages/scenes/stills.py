"""A still picture: the patient is asked, the doctor looks closely."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw
from playwright.async_api import Page, expect

from signalling import messages
from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.call import show
from tests.pages.scenes.people import PATIENT, as_doctor, as_patient
from tests.pages.sealed import KeyPair, seal
from tests.pages.test_still_pictures import Pieces, push


def skin() -> bytes:
    """Paint what might be a spot on a skin, as JPEG."""
    picture = Image.new("RGB", (1632, 1224), (224, 182, 156))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((640, 420, 1040, 800), fill=(176, 96, 82))
    draw.ellipse((760, 520, 930, 690), fill=(140, 60, 52))
    made = io.BytesIO()
    picture.save(made, "JPEG")
    return made.getvalue()


@scene(PHONE)
async def still_asked(stage: Stage) -> None:
    """The doctor asks for a sharp picture."""
    async with stage.visit(as_patient("admitted", media=True)) as here:
        await here.come_in()
        await show(here, "p_doc", "p_int")
        push(here, "asked", mine=True, key=KeyPair().text)
        await here.until("document.querySelector('#dialog-still video')?.videoWidth > 0")
        await stage.shoot(here.page, whole=False)


@scene(DOCTOR, BESIDE)
async def still_seen(stage: Stage) -> None:
    """The patient is asked, and the picture has come."""
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
        await here.shows(".still-strip")
        await stage.shoot(here.page, "asked")
        pieces.given = seal(skin(), 1, wish.key, "t_1")
        push(here, "coming", mine=False, token=pieces.token, size=len(pieces.given))
        await here.bridge.expect(messages.EndStill)
        push(here, "sent", mine=False)
        await expect(here.page.locator("#still-view img")).to_be_visible()
        await stage.shoot(here.page)
