"""A doctor comes from their record system in real Chromium: no second login, host at once, and on any computer."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page

from tests.integration.records import RecordSystem, record_system
from tests.integration.test_doctors_come_from_their_record_system import DOCTOR, appointment
from tests.support.bridge import Visitor, running_house
from tests.support.ports import free_ports

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
IDENTITY = 3


async def _launched(page: Page, system: RecordSystem, base: str) -> Visitor:
    """Press the button in the record system, as it were, and go in."""
    user = {"fhirUser": f"{system.iss}/{DOCTOR}"}
    await system.authority.will_launch("doctor", "l-1", system.iss, {"appointment": "55"}, **user)
    visitor = Visitor(page, IDENTITY)
    await page.goto(f"{base}/launch?{urlencode({'iss': system.iss, 'launch': 'l-1'})}")
    await visitor.ready_to_enter()
    assert page.url == f"{base}/join"
    await page.click("#enter")
    await visitor.admitted()
    return visitor


async def test_a_doctor_is_launched_twice_and_is_one(tmp_path: Path, chromium: Browser) -> None:
    """The page shows the host's call; another computer takes the place over, and the first one is told."""
    (port,) = free_ports(1)
    base = f"http://127.0.0.1:{port}"
    async with record_system(f"{base}/launch/answer") as system:
        system.resources["Appointment/55"] = appointment()
        async with running_house(tmp_path, port=port, smart={"record": system.settings(tmp_path)}) as house:
            first = await _launched(await (await house.context(chromium, IDENTITY)).new_page(), system, base)
            assert await first.state("s.roster.host")
            who = await first.participant()
            second = await _launched(await (await house.context(chromium, IDENTITY)).new_page(), system, base)
            assert await second.state("s.roster.host")
            assert await second.participant() == who
            await first.ended("replaced")
