"""Reloading a page loses no place, and only the doctor's act opens or closes one."""

import asyncio

import pytest
from playwright.async_api import Browser

from signalling import messages as m
from tests.support.bridge import House, Visitor, eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT, RELATIVE = 5, 23, 51
ENOUGH_PACKETS = 100
# The largest number of people and of patients that the page has ever been told of.
COUNT_PEOPLE = """(() => {
    const most = window.__most = { people: 0, waiting: 0 };
    setInterval(() => {
        const people = window.brotjeneste.state().roster?.people ?? [];
        most.people = Math.max(most.people, people.length);
        most.waiting = Math.max(most.waiting, people.filter((one) => one.place === "waiting").length);
    }, 5);
})()"""


async def test_a_reload_while_waiting_keeps_the_place_in_the_waiting_room(house: House, chromium: Browser) -> None:
    """The patient still waits afterwards as the same participant, and is one line on the doctor's page."""
    doctor, patient = await doctor_and_patient(house, chromium)
    who = await patient.participant()
    await doctor.page.evaluate(COUNT_PEOPLE)
    await reload(house, patient)
    assert await patient.state("s.place") == "waiting"
    assert await patient.participant() == who
    assert await patient.rtp_received() == 0
    await doctor.until(
        f"s.roster.people.filter((one) => one.participant === '{who}' && one.connected).length === 1"
    )
    assert await doctor.page.evaluate("window.__most") == {"people": 2, "waiting": 1}
    assert await doctor.page.locator("#waiting-people > li").count() == 1
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    await patient.sees_and_hears(doctor)


async def test_a_reload_in_the_call_needs_no_new_admission(house: House, chromium: Browser) -> None:
    """Sound and picture come back both ways by themselves, and the doctor's page never shows a second patient."""
    doctor, patient = await doctor_and_patient(house, chromium)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    who, leg = await patient.participant(), house.leg(await patient.participant())
    await doctor.page.evaluate(COUNT_PEOPLE)
    await reload(house, patient)
    assert await patient.state("s.place") == "admitted"
    assert await patient.participant() == who
    assert house.leg(who) != leg
    await doctor.sees_and_hears(patient)
    await patient.sees_and_hears(doctor)
    assert await doctor.page.evaluate("window.__most") == {"people": 2, "waiting": 0}
    assert sum(type(event).__name__ == "Admitted" for event in await house.recorded()) == 1


async def test_a_doctor_who_reloads_is_host_again_and_finds_the_guests(house: House, chromium: Browser) -> None:
    """Who was admitted is still seen, who waited still waits, and the doctor can act."""
    doctor, patient = await doctor_and_patient(house, chromium)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    relative = await house.bring(chromium, m.Role.RELATIVE, RELATIVE)
    await reload(house, doctor)
    await doctor.admitted()
    assert await doctor.state("s.host")
    await doctor.sees_and_hears(patient)
    await patient.sees_and_hears(doctor)
    assert await relative.state("s.place") == "waiting"
    assert await relative.rtp_received() == 0
    await doctor.admit("Relative")
    await relative.sees_and_hears(doctor)


async def test_sending_somebody_back_stops_media_both_ways_until_the_next_admission(
    house: House, chromium: Browser
) -> None:
    """While both go on sending, not one packet leaves the bridge for either; admission brings pictures back."""
    doctor, patient = await doctor_and_patient(house, chromium)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    await patient.sees_and_hears(doctor)
    whose = [await doctor.participant(), await patient.participant()]
    await doctor.do("Patient", "Send to waiting room", sure=True)
    await patient.until("s.place === 'waiting' && s.layout.length === 0")
    await house.logged("gate_changed", leg=house.leg(whose[1]), open=False)
    before = [house.leg_row(who)["rtp_out"] for who in whose]
    from_doctor, dropped = house.packets_from(whose[0]), house.leg_row(whose[1])["gate_drops_in"]
    await eventually(
        lambda: (
            house.packets_from(whose[0]) > from_doctor + ENOUGH_PACKETS
            and house.leg_row(whose[1])["gate_drops_in"] > dropped + ENOUGH_PACKETS
        ),
    )
    assert [house.leg_row(who)["rtp_out"] for who in whose] == before
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    await patient.sees_and_hears(doctor)


async def test_a_locked_room_refuses_newcomers_and_keeps_those_who_are_there(
    house: House, chromium: Browser
) -> None:
    """A new link gets `room_locked` and is let in after unlocking; who is in may even reload."""
    doctor, patient = await doctor_and_patient(house, chromium)
    await doctor.admit("Patient")
    await patient.admitted()
    await doctor.page.get_by_role("button", name="Lock the room").click()
    await doctor.until("s.roster.locked")
    link = await house.link(m.Role.RELATIVE, "Relative")
    newcomer = await house.enter(chromium, link, RELATIVE)
    await newcomer.ended("room_locked")
    await reload(house, patient)
    assert await patient.state("s.place") == "admitted"
    await patient.sees_and_hears(doctor)
    await doctor.page.get_by_role("button", name="Unlock the room").click()
    await doctor.until("!s.roster.locked")
    async with newcomer.page.expect_event("load"):
        await newcomer.page.click("#end-again")
    await newcomer.until("s.place === 'waiting'")


async def test_the_end_for_all_ends_every_page(house: House, chromium: Browser) -> None:
    """Whoever is in or waits is told that the call is over, the doctor too, and no link opens it again."""
    doctor, patient = await doctor_and_patient(house, chromium)
    await doctor.admit("Patient")
    await patient.admitted()
    link = await house.link(m.Role.RELATIVE, "Relative")
    relative = await house.enter(chromium, link, RELATIVE)
    await relative.connected()
    await doctor.page.get_by_role("button", name="End for all").click()
    await doctor.page.click("#confirm-yes")
    async with asyncio.TaskGroup() as group:
        for visitor in (doctor, patient, relative):
            group.create_task(visitor.ended("ended"))
    await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 0)
    late = await house.enter(chromium, link, RELATIVE)
    await late.ended("room_ended")


async def doctor_and_patient(house: House, chromium: Browser) -> tuple[Visitor, Visitor]:
    """A doctor in the room, and a patient who waits, both with their media up."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    patient = await house.bring(chromium, m.Role.PATIENT, PATIENT)
    await doctor.until("s.roster.people.length === 2")
    return doctor, patient


async def reload(house: House, visitor: Visitor) -> None:
    """Reload a page and wait until its media is up on a new leg."""
    who = await visitor.participant()
    before = house.leg(who)
    await visitor.page.reload()
    await visitor.connected()
    await eventually(lambda: house.leg(who) != before)
