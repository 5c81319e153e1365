"""Journey D5: a patient with a telephone on poor mobile data, from the test before entry to another network."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright, expect

from loadtest.network.place import Place, place, why_not
from loadtest.network.profile import Profile
from signalling import messages as m
from tests.e2e import island
from tests.support.bridge import PATIENCE_S, PHONE, House, Visitor, running_house
from tests.support.measured_call import FIND_HOST, HOST, browser_at
from tests.support.media_checks import CHROMIUM, CHROMIUM_ARGS
from tests.support.needs import lacking

HERE: Final = "tests/e2e/test_a_patient_on_a_thin_link.py"
DOCTOR, PATIENT = 3, 17
THIN: Final = Profile(delay_ms=40, jitter_ms=30, loss=0.01, rate_bps=300_000)
HOPELESS: Final = Profile(delay_ms=40, loss=0.1, rate_bps=60_000)
# In runs that no redundancy bridges, so that sound is lost too.
DEAF: Final = Profile(delay_ms=40, loss=0.4, burst=8)
# In so many seconds, who waits may cost this many bytes each way: a tenth of the link at most.
WAITS_S, COSTS_BYTES = 4.0, 15_000


@pytest.mark.timeout(300)
@pytest.mark.skipif(island.inside(), reason="this is the run that was asked for")
def test_a_patient_on_a_thin_link_is_seen_and_heard() -> None:
    """Run the test below in a network of its own."""
    if (reason := why_not()) is not None:
        lacking(reason)
    island.run_again(f"{HERE}::test_the_visit", seconds=280)


@pytest.mark.browser
@pytest.mark.timeout(270)
@pytest.mark.skipif(not island.inside(), reason="is run by the test above, in a network of its own")
async def test_the_visit(tmp_path: Path) -> None:
    """Told that it is weak; seen and heard; only heard; there again on another one; in the end by telephone."""
    async with (
        async_playwright() as playwright,
        running_house(tmp_path, address=island.ADDRESS, name=HOST, gateways={"sip": {"port": 5060}}) as house,
    ):
        with place(1) as where:
            where.link.set(down=THIN, up=THIN)
            async with browser_at(playwright, where) as far:
                near = await playwright.chromium.launch(
                    executable_path=CHROMIUM, headless=True, args=[*CHROMIUM_ARGS, FIND_HOST]
                )
                doctor = await house.bring(near, m.Role.DOCTOR, DOCTOR, size=PHONE)
                await doctor.open_panel()
                patient = await comes_by_the_test(house, far)
                await expect(doctor.page.locator("#waiting-people .tested")).to_have_text("test: weak network")
                await costs_little(where)
                await doctor.admit("Patient")
                await doctor.sees_and_hears(patient)
                await patient.sees_and_hears(doctor)
                await goes_by_sound(where, doctor, patient)
                await changes_network(where, doctor, patient)
                await goes_on_by_telephone(where, doctor, patient)
                await near.close()


async def comes_by_the_test(house: House, far: Browser) -> Visitor:
    """The test before entry says what the network is, and what helps; then the patient waits."""
    link = await house.link(m.Role.PATIENT, "Patient")
    page = await (await house.context(far, PATIENT, size=PHONE)).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.goto(link)
    patient = Visitor(page, PATIENT)
    await patient.ready_to_enter()
    await answers(patient)
    await expect(page.locator("#test-result")).to_be_visible(timeout=PATIENCE_S * 1000)
    await expect(page.locator("#test-lines li").last).to_contain_text("a little weak")
    await expect(page.locator("#test-result")).to_contain_text("Move closer to the router")
    await patient.press("#test-enter")
    await patient.connected()
    return patient


async def answers(patient: Visitor) -> None:
    """All devices work."""
    await patient.press("#start-test")
    for answer in ("Yes", "Yes", "Play the sound", "Yes, I heard it"):
        if await patient.page.locator("#screen-test").get_attribute("data-step") == "mic":
            await expect(patient.page.locator("#test-level-text")).to_have_text("We hear you")
        await patient.press(patient.page.get_by_role("button", name=answer, exact=True))


async def costs_little(where: Place) -> None:
    """Waiting costs next to nothing of what the patient may have to pay for."""
    before = where.link.counters()
    await asyncio.sleep(WAITS_S)
    after = where.link.counters()
    for way in ("up", "down"):
        assert after[way]["pushed_bytes"] - before[way]["pushed_bytes"] < COSTS_BYTES, way


async def goes_by_sound(where: Place, doctor: Visitor, patient: Visitor) -> None:
    """Where no picture passes sound does, and the doctor reads whose link it is; pictures come back with it."""
    where.link.set(down=HOPELESS, up=HOPELESS)
    row = doctor.page.locator(f'#room-people > li[data-key="{await patient.participant()}"]')
    await expect(row).to_contain_text("Poor", timeout=PATIENCE_S * 1000)
    await doctor.hears(await patient.participant(), PATIENT)
    await patient.hears(await doctor.participant(), DOCTOR)
    where.link.set(down=THIN, up=THIN)
    await patient.sees_and_hears(doctor)
    await doctor.sees_and_hears(patient)


async def changes_network(where: Place, doctor: Visitor, patient: Visitor) -> None:
    """From one network to another: the same person, the same place, and nothing to press."""
    who = await patient.participant()
    where.arrive(1)
    where.leave(0)
    await patient.sees_and_hears(doctor)
    await doctor.sees_and_hears(patient)
    assert await patient.participant() == who
    assert await patient.state("s.place === 'admitted'")


async def goes_on_by_telephone(where: Place, doctor: Visitor, patient: Visitor) -> None:
    """Where not even sound passes, page and doctor offer the telephone; one press leads to the number."""
    where.link.set(up=DEAF)
    offer = patient.page.locator("#poor-line")
    await expect(offer).to_contain_text("You can go on by telephone", timeout=PATIENCE_S * 1000)
    row = doctor.page.locator(f'#room-people > li[data-key="{await patient.participant()}"]')
    await expect(row).to_contain_text("Bad line up")
    await row.get_by_role("button", name="Suggest telephone: Patient").click()
    await expect(offer).to_contain_text("Doctor suggests", timeout=PATIENCE_S * 1000)
    await patient.page.click("#poor-line-call")
    await expect(patient.page.locator("#end-call")).to_contain_text("then PIN", timeout=PATIENCE_S * 1000)
