"""What doctors have: on a screen of its own, and beside the record."""

from __future__ import annotations

from tests.pages.house import person
from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.call import bad, figures, show
from tests.pages.scenes.people import INTERPRETER, ON_THE_PHONE, PATIENT, ROOM_SYSTEM, as_doctor

OLAV = person("p_w1", "Olav Nordahl", "relative", place="waiting")


@scene(DOCTOR, BESIDE, PHONE)
async def doctor_knock(stage: Stage) -> None:
    """Alone in the room, and a patient waits."""
    waits = PATIENT | {"place": "waiting"}
    async with stage.visit(as_doctor(waits)) as here:
        await here.come_in()
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await stage.shoot(here.page)


@scene(DOCTOR, BESIDE, PHONE)
async def doctor_call(stage: Stage) -> None:
    """A full room: pictures, a relative by telephone, a bad line, somebody who waits."""
    bridge = as_doctor(PATIENT, INTERPRETER, ROOM_SYSTEM, ON_THE_PHONE, OLAV, dials=True, number="47110815")
    async with stage.visit(bridge) as here:
        await here.come_in()
        await show(here, "p_pat", "p_int", "p_spe")
        thin = figures("p_pat", verdict="uplink", up=bad(9.0))
        bridge.push("stats", people=[thin, *(figures(who) for who in ("p_me", "p_int", "p_spe", "p_tel"))])
        await stage.shoot(here.page)
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await here.page.click("#room-people [data-key=p_pat] .more")
        await stage.shoot(here.page, "person")


@scene(DOCTOR, BESIDE)
async def doctor_dialogs(stage: Stage) -> None:
    """Inviting somebody, calling somebody, ending for all."""
    async with stage.visit(as_doctor(PATIENT, dials=True)) as here:
        await here.come_in()
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        for moment, button in (("invite", "#invite"), ("call", "#dial"), ("end", "#end-all")):
            await here.page.click(button)
            await stage.shoot(here.page, moment)
            await here.page.keyboard.press("Escape")
