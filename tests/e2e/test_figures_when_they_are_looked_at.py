"""A doctor's page has a word for everybody's link, and figures of single sources when they are opened."""

import re

import pytest
from playwright.async_api import Browser, expect

from signalling import messages as m
from tests.support.bridge import House

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT = 7, 29
DASH = "\N{EN DASH}"
NUMBER = re.compile(r"^[\d,.]+$")
OF_SOURCES = "s.stats.some((one) => one.up.streams.length + one.down.streams.length > 0)"

COUNT_REPORTS = """() => {
  const send = WebSocket.prototype.send;
  window.opened = 0;
  WebSocket.prototype.send = function (text) {
    if (JSON.parse(text).type === "report") window.opened += 1;
    window.line = this;
    return send.call(this, text);
  };
}"""


async def test_figures_of_sources_come_when_they_are_opened(house: House, chromium: Browser) -> None:
    """They would be most of a message that takes a quarter of a second of a thin link."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    patient = await house.bring(chromium, m.Role.PATIENT, PATIENT)
    await doctor.admit("Patient")
    await doctor.sees_and_hears(patient)
    await doctor.until("s.stats.length === 2 && s.stats.every((one) => one.verdict === 'good')")
    assert not await doctor.state(OF_SOURCES)

    row = doctor.page.locator(f"#room-people [data-key='{await patient.participant()}']")
    rate = row.locator("[data-cell='up.picture.rate']")
    await expect(rate).to_have_text(DASH)
    await row.get_by_role("button", name="Options for Patient").click()
    await expect(rate).to_have_text(NUMBER, timeout=10_000)

    await row.get_by_role("button", name="Options for Patient").click()
    await doctor.until(f"!{OF_SOURCES}")
    await expect(row.locator(".quality")).to_have_attribute("data-quality", "good")

    # A key that is held down presses thirty times a second: so many messages would close the host's line.
    await doctor.page.evaluate(COUNT_REPORTS)
    await row.get_by_role("button", name="Options for Patient").evaluate(
        "(button) => { for (let n = 0; n < 31; n++) button.click(); }"
    )
    await expect(rate).to_have_text(NUMBER, timeout=10_000)
    assert 1 <= await doctor.page.evaluate("window.opened") <= 10

    # A new line knows nothing of what the page shows.
    await doctor.page.evaluate("window.told = brotjeneste.state().stats; window.line.close()")
    await doctor.until("s.down")
    await doctor.until(f"!s.down && s.stats !== window.told && {OF_SOURCES}")
    await expect(rate).to_have_text(NUMBER, timeout=10_000)
