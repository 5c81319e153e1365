"""The self-test in real Chromium, against a real bridge: what a patient does before the visit."""

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages as m
from tests.support.bridge import House, Visitor, eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
PATIENT = 17
# On a machine that is busy with other things the jitter of a test is the machine's, not the network's.
TRIES = 5


async def at_the_start(house: House, chromium: Browser, link: str) -> Visitor:
    """Open a link and stay on the start screen."""
    page = await (await house.context(chromium, PATIENT)).new_page()
    await page.goto(link)
    visitor = Visitor(page, PATIENT)
    await visitor.ready_to_enter()
    return visitor


async def answer(page: Page, title: str, *buttons: str) -> None:
    """See a step's question, and press these one after the other."""
    await expect(page.locator("#test-title")).to_have_text(title)
    await expect(page.locator("#test-title")).to_be_focused()
    for button in buttons:
        await page.get_by_role("button", name=button, exact=True).click()


async def try_the_devices(page: Page) -> None:
    """Answer as one whose devices work."""
    await page.click("#start-test")
    await answer(page, "Do you see yourself?", "Yes")
    await expect(page.locator("#test-level-text")).to_have_text("We hear you")
    await answer(page, "Say a few words", "Yes")
    await answer(page, "Do you hear the sound?", "Play the sound", "Yes, I heard it")


async def result(page: Page) -> dict[str, str]:
    """Wait for the network's step to pass; give the words on the last screen by step."""
    await answer(page, "We are trying the network")
    await expect(page.locator("#test-result")).to_be_visible()
    lines = await page.locator("#test-lines li").all()
    return {await line.locator("span").inner_text(): await line.locator("strong").inner_text() for line in lines}


async def test_a_good_network_is_called_good_and_the_host_reads_it(house: House, chromium: Browser) -> None:
    """On loopback picture and sound come back, nothing is lost, and the visit that follows is an ordinary one."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, 3)
    patient = await at_the_start(house, chromium, await house.link(m.Role.PATIENT, "Patient"))
    await try_the_devices(patient.page)
    for _ in range(TRIES):
        lines = await result(patient.page)
        over = await house.logged("test_over")
        assert set(over["reasons"]) <= {"jitter_up", "jitter_down"}, "on loopback nothing else can be wrong"
        if over["verdict"] == "good":
            break
        await patient.page.click("#test-again")
    assert lines == {"Camera": "works", "Microphone": "works", "Loudspeaker": "works", "Network": "good"}
    await expect(patient.page.locator("#test-title")).to_have_text("All is well")
    assert await doctor.state("s.roster.people.length") == 1, "nobody has learned of it"
    assert len(house.bridge.engine.snapshot().legs) == 1, "the test has left nothing behind"

    await patient.page.click("#test-enter")
    await patient.connected()
    await expect(doctor.page.locator("#waiting-people .tested")).to_have_text("test: good network")
    assert await patient.rtp_received() == 0
    await doctor.admit("Patient")
    await patient.sees_and_hears(doctor)
    await doctor.sees_and_hears(patient)


async def test_a_page_that_is_closed_in_the_middle_leaves_nothing(house: House, chromium: Browser) -> None:
    """The bridge forgets the legs when the socket goes."""
    patient = await at_the_start(house, chromium, await house.link(m.Role.PATIENT, "Patient"))
    await try_the_devices(patient.page)
    await house.logged("gate_changed", open=True)
    await patient.page.close()
    await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 0)
