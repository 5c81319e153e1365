"""One patient after the other: what who waits reads of their turn, and what the doctor has for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pages.house import START
from tests.pages.scenery import BESIDE, DOCTOR, PHONE, Stage, scene
from tests.pages.scenes.people import INTERPRETER, PATIENT, as_doctor, as_patient


def at(minutes: int) -> str:
    """A time from now on."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def invited(number: int, **more: Any) -> dict[str, Any]:
    """On what somebody is here."""
    return {"invitation": f"i_{number}", "many": False, "substitute": False, "apart": False} | more


BY_PATIENT = {"name": "Aslaug Nordahl", "role": "patient"}
IN_LINE = invited(1, many=True, apart=True)
ASLAUG = PATIENT | {"invited": IN_LINE}
PER = PATIENT | {"participant": "p_per", "name": "Per Dalen", "place": "waiting", "invited": IN_LINE}
DAUGHTER = INTERPRETER | {
    "participant": "p_dau",
    "name": "Kari Nordahl",
    "role": "relative",
    "place": "waiting",
    "invited": invited(2, ground="patients_wish", by=BY_PATIENT),
}
EXPECTED = [
    {"name": "Drop-in", "role": "patient", "invited": IN_LINE},
    {
        "name": "Randi Moen",
        "role": "patient",
        "invited": invited(4, ground="appointment", reference="time 17"),
        "expected_at": "2030-05-17T12:00:00Z",
    },
    {"name": "Samir Haddad", "role": "interpreter", "invited": invited(5, ground="interpreting")},
]


@scene(PHONE, DOCTOR)
async def turn(stage: Stage) -> None:
    """In the waiting room: how many are before, a delay, and next."""
    bridge = as_patient(beside={"ahead": 2})
    async with stage.visit(bridge) as here:
        await here.come_in()
        await stage.shoot(here.page)
        bridge.beside = {"ahead": 0, "expected_at": at(20), "late": True}
        bridge.roster()
        await here.shows("#waiting-time:not(:empty)")
        await stage.shoot(here.page, "late")


@scene(PHONE)
async def turn_cancelled(stage: Stage) -> None:
    """The appointment is called off, and there is a new time."""
    bridge = as_patient()
    async with stage.visit(bridge) as here:
        await here.come_in()
        bridge.push("cancelled", new_time="2030-05-17T08:30:00Z")
        bridge.push("bye", code="cancelled", message="Called off in a test.")
        await here.shows("#screen-end")
        await stage.shoot(here.page)


@scene(PHONE)
async def naming(stage: Stage) -> None:
    """A link for many: the page asks who comes."""
    bridge = as_patient(refuse_join="name_needed")
    async with stage.visit(bridge) as here:
        await here.page.click("#enter")
        await here.shows("#start-name")
        await here.shows(START)
        await stage.shoot(here.page)


@scene(PHONE, DOCTOR)
async def substitute(stage: Stage) -> None:
    """A doctor who waits, and may take over."""
    bridge = as_patient(role="doctor", beside={"may_take_over": True})
    bridge.people = [bridge.people[-1] | {"name": "Ola Vik", "role": "doctor"}]
    async with stage.visit(bridge) as here:
        await here.come_in()
        await stage.shoot(here.page)


@scene(DOCTOR, BESIDE, PHONE)
async def receiving(stage: Stage) -> None:
    """One is in, others wait, others are expected; then the questions of it."""
    bridge = as_doctor(ASLAUG, DAUGHTER, PER, beside={"expected": EXPECTED, "expected_at": at(15), "late": True})
    async with stage.visit(bridge) as here:
        await here.come_in()
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await stage.shoot(here.page)
        for moment, button in (
            ("next", "#take-next"),
            ("delay", "#delay"),
            ("cancel", "#expected-people [data-key=i_4] button"),
            ("invite", "#invite"),
        ):
            await here.page.click(button)
            if moment == "invite":
                await here.page.click("#invite-more summary")
            await stage.shoot(here.page, moment)
            await here.page.keyboard.press("Escape")


@scene(DOCTOR, PHONE)
async def asking(stage: Stage) -> None:
    """An interpreter waits, as surely known as the login says; a patient is invited, of whom a login is usual."""
    waits = INTERPRETER | {"place": "waiting", "assurance": "high", "health_personnel": True}
    async with stage.visit(as_doctor(waits, beside={"asked_of_patients": "high"})) as here:
        await here.come_in()
        if await here.page.locator("#panel").is_hidden():
            await here.page.click("#control-people")
        await stage.shoot(here.page)
        await here.page.click("#invite")
        await here.page.select_option("#invite-role", "patient")
        await stage.shoot(here.page, "invite")


@scene(PHONE)
async def company(stage: Stage) -> None:
    """A patient who may ask somebody to come."""
    async with stage.visit(as_patient("admitted")) as here:
        await here.come_in()
        await here.page.click("#control-people")
        await stage.shoot(here.page)
        await here.page.click("#invite-company")
        await stage.shoot(here.page, "invite")
