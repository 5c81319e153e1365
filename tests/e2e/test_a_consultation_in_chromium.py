"""The whole of a consultation, by what people see and hear in real Chromium."""

from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser

from bridge.rooms.events import Removed
from signalling import messages as m
from tests.support.bridge import House, Visitor, open_link

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT, INTERPRETER = 3, 17, 42


async def test_doctor_admits_patient_and_interpreter_one_by_one_and_removes_one(
    house: House, whole_chromium: Browser
) -> None:
    """Nobody gets a packet before the doctor's act, everybody sees everybody after it, and removal is at once."""
    patient_link = await house.link(m.Role.PATIENT, "Patient")
    doctor = await house.bring(whole_chromium, m.Role.DOCTOR, DOCTOR)
    assert await doctor.state("s.place === 'admitted' && s.host")
    patient = await house.enter(whole_chromium, patient_link, PATIENT)
    await patient.connected()
    interpreter = await house.bring(whole_chromium, m.Role.INTERPRETER, INTERPRETER)
    await doctor.until("s.roster.people.length === 3")
    for visitor in (patient, interpreter):
        await gets_nothing(house, visitor)

    await doctor.admit("Patient")
    await patient.sees_and_hears(doctor)
    await doctor.sees_and_hears(patient)
    await gets_nothing(house, interpreter)

    flowing_since = datetime.now(UTC)
    await doctor.admit("Interpreter")
    for viewer in (doctor, patient, interpreter):
        for other in (doctor, patient, interpreter):
            if viewer is not other:
                await viewer.sees_and_hears(other)

    who, leg = await patient.participant(), house.leg(await patient.participant())
    await doctor.do("Patient", "Remove from call", sure=True)
    await patient.ended("removed")
    await stopped_with_the_gate(house, who, leg, flowing_since)
    await doctor.until(f"s.roster.people.length === 2 && s.layout.every((one) => one.participant !== '{who}')")
    await interpreter.until(f"s.layout.every((one) => one.participant !== '{who}')")
    await doctor.sees_and_hears(interpreter)
    await interpreter.sees_and_hears(doctor)

    for context in (patient.page.context, await house.context(whole_chromium, PATIENT)):
        again = await open_link(context, patient_link, PATIENT)
        await again.ended("link_blocked")
    assert await doctor.state("s.roster.people.length") == 2


async def gets_nothing(house: House, visitor: Visitor) -> None:
    """Check by page and by engine that somebody who waits knows of nobody and has received nothing."""
    assert await visitor.state("s.roster.people.length") == 1
    assert await visitor.state("s.layout.length") == 0
    assert await visitor.rtp_received() == 0
    row = house.leg_row(await visitor.participant())
    assert (row["rtp_out"], row["rtcp_out"], row["gate_open"]) == (0, 0, 0)


async def stopped_with_the_gate(house: House, who: str, leg: int, flowing_since: datetime) -> None:
    """Check by the engine's own record that nothing passed to or from a leg once its owner's gate was shut."""
    removed = [event for event in await house.recorded() if isinstance(event, Removed)]
    assert [event.participant for event in removed] == [who]
    # A closed gate lets nothing pass either way; what a leg sends from then on is dropped on arrival. How many
    # milliseconds it takes is for `bench_admission` to say; tests/app holds that nothing comes in between.
    closed = await house.logged("gate_changed", leg=leg, open=False)
    assert removed[0].at <= at(closed["at_us"])
    gone = await house.logged("leg_removed", leg=leg)
    assert at(gone["last_out_us"]) <= at(closed["at_us"])
    assert at(gone["last_out_us"]) > flowing_since, "media flowed until then"


def at(microseconds: int) -> datetime:
    """The engine's time as a time of day."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
