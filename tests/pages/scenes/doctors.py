"""What doctors have: on a screen of its own, and beside the record."""

from __future__ import annotations

from tests.pages.house import Visit, person
from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.call import bad, figures, show
from tests.pages.scenes.people import INTERPRETER, ON_THE_PHONE, PATIENT, ROOM_SYSTEM, as_doctor, as_patient

OLAV = person("p_w1", "Olav Nordahl", "relative", place="waiting")
CALLED = person(
    "p_out", "Kari Moen", "specialist", place="called", line="telephone", number="+4722334455", ringing=False
)


async def open_panel(here: Visit) -> None:
    """Have the list of people before one."""
    if await here.page.locator("#panel").is_hidden():
        await here.page.click("#control-people")


@scene(DOCTOR, BESIDE, PHONE)
async def doctor_knock(stage: Stage) -> None:
    """Alone in the room, and a patient waits."""
    waits = PATIENT | {"place": "waiting"}
    async with stage.visit(as_doctor(waits)) as here:
        await here.come_in()
        await open_panel(here)
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
        await open_panel(here)
        await here.page.click("#room-people [data-key=p_pat] .more")
        await stage.shoot(here.page, "person")


@scene(DOCTOR, BESIDE, PHONE)
async def doctor_dialogs(stage: Stage) -> None:
    """Inviting somebody, calling somebody, ending for all."""
    async with stage.visit(as_doctor(PATIENT, dials=True)) as here:
        await here.come_in()
        await open_panel(here)
        for moment, button in (("invite", "#invite"), ("call", "#dial"), ("end", "#end-all")):
            await here.page.click(button)
            await stage.shoot(here.page, moment)
            await here.page.keyboard.press("Escape")


@scene(DOCTOR, BESIDE, PHONE)
async def doctor_override(stage: Stage) -> None:
    """Somebody waits with a weaker login than is asked: it is said, and a reason is wanted; also one in words."""
    weak = PATIENT | {"place": "waiting", "assurance": "substantial", "required": "high"}
    async with stage.visit(as_doctor(weak)) as here:
        await here.come_in()
        await open_panel(here)
        await stage.shoot(here.page)
        await here.page.click("#waiting-people [data-key=p_pat] [data-action=admit]")
        await here.shows("#dialog-reason")
        await stage.shoot(here.page, "reason")
        await here.page.select_option("#reason-choice", "other")
        await stage.shoot(here.page, "words")


@scene(DOCTOR, PHONE)
async def doctor_locked(stage: Stage) -> None:
    """The room is locked, and somebody has found the door closed."""
    async with stage.visit(as_doctor(PATIENT, locked=True)) as here:
        await here.come_in()
        await open_panel(here)
        here.bridge.push("turned_away", name="Samir Haddad", role="interpreter", why="room_locked")
        await stage.shoot(here.page)


@scene(DOCTOR, PHONE)
async def doctor_calls_somebody(stage: Stage) -> None:
    """Who is called is dialled, and it rings there."""
    async with stage.visit(as_doctor(PATIENT, CALLED, dials=True)) as here:
        await here.come_in()
        await open_panel(here)
        await stage.shoot(here.page)
        here.bridge.change("p_out", ringing=True)
        await stage.shoot(here.page, "rings")


@scene(DOCTOR, PHONE)
async def doctor_reads_of_consent(stage: Stage) -> None:
    """The patient takes back that they agree to video: the doctor is told, and it stands there."""
    async with stage.visit(as_doctor(PATIENT)) as here:
        await here.come_in()
        await open_panel(here)
        here.bridge.change("p_pat", consents=[{"matter": "video", "given": False}])
        await stage.shoot(here.page)


@scene(PHONE)
async def consent_withdrawn(stage: Stage) -> None:
    """The patient has taken it back, among the settings."""
    bridge = as_patient("admitted")
    bridge.people = [
        each | {"consents": [{"matter": "video", "given": False}]} if each["you"] else each
        for each in bridge.people
    ]
    async with stage.visit(bridge) as here:
        await here.come_in()
        await here.page.click("#control-settings")
        await here.page.locator("#consent-change").scroll_into_view_if_needed()
        await stage.shoot(here.page, whole=False)
