"""A still picture of eight megapixels from the patient's camera to the doctor's page, through the real bridge."""

import pytest
from playwright.async_api import Browser, Locator, expect

from bridge.rooms import events as ev
from signalling import messages as m
from tests.support.bridge import House, eventually
from tests.support.still import shows

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT = 7, 29
# A camera of 8.3 megapixels; few pictures a second, since they are encoded for the call as well.
SHARP = "window.__pictureSize = { width: 3840, height: 2160 }; window.__pictureRate = 2;"


async def test_a_sharp_picture_comes_to_the_doctor_and_the_call_goes_on(house: House, chromium: Browser) -> None:
    """All the camera's pixels, by what can be read in them; on record are the question and its end."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    patient = await house.bring(chromium, m.Role.PATIENT, PATIENT, SHARP)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)

    await doctor.do("Patient", "Ask for a sharp picture")
    await patient.page.get_by_role("button", name="Take the picture").click()
    await doctor.page.get_by_role("region", name="Picture from Patient").wait_for()
    await shows(doctor, PATIENT, (3840, 2160))
    await says(patient.page.locator("#notice"), "The picture has been sent to Doctor.")
    await doctor.hears(await patient.participant(), PATIENT)
    await patient.sees_and_hears(doctor)

    await eventually(lambda: house.live.still is None)
    said = [event for event in await house.recorded() if isinstance(event, ev.StillAsked | ev.StillSent)]
    assert [type(event).__name__ for event in said] == ["StillAsked", "StillSent"]
    who = await patient.participant()
    assert [event.participant for event in said] == [who, who]
    assert await patient.offers() == 1

    await doctor.do("Patient", "Ask for a sharp picture")
    await patient.page.get_by_role("button", name="No, thank you").click()
    await says(doctor.page.locator("#notice"), "Patient does not want to send a picture now.")


async def says(place: Locator, words: str) -> None:
    """Wait until it stands there."""
    await expect(place).to_contain_text(words)
