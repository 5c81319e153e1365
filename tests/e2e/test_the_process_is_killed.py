"""The bridge's process is killed in the middle of a consultation and started anew: everybody is where they were.

The real command, its own store, and pages in real Chromium that nobody touches meanwhile.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from signalling import messages as m
from tests.cli.command import Place, serving
from tests.support.bridge import Visitor
from tests.support.office import Office, enter

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
DOCTOR, PATIENT, RELATIVE = 7, 29, 33
# Kept on the page: the connection that the new one must not be.
REMEMBER = "window.__before = window.brotjeneste.state().pc"
BACK = "s.pc && s.pc !== window.__before && s.pc.connectionState === 'connected'"


@pytest_asyncio.fixture(loop_scope="session")
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Free ports and an empty folder."""
    yield Place(tmp_path)


async def test_a_killed_bridge_finds_everybody_where_they_were(place: Place, chromium: Browser) -> None:
    """Who was in is in, who waited waits, the lock holds, pages come back alone, and no ghost is there."""
    visitors: list[Visitor] = []
    async with aiohttp.ClientSession() as http:
        async with serving(place) as process:
            office = Office(place, http)
            room = (await office.post("/rooms", name="Test"))["room"]
            doctor = await enter(chromium, await office.link(room, m.Role.DOCTOR, host=True), DOCTOR)
            patient = await enter(chromium, await office.link(room, m.Role.PATIENT), PATIENT)
            relative = await enter(chromium, await office.link(room, m.Role.RELATIVE), RELATIVE)
            visitors += (doctor, patient, relative)
            async with await office.joins(await office.link(room, m.Role.ASSISTANT)):
                await doctor.admit("Patient")
                await patient.sees_and_hears(doctor)
                await doctor.page.get_by_role("button", name="Lock the room").click()
                await doctor.until(
                    "s.roster.locked && s.roster.people.filter((one) => one.connected).length === 4"
                )
                before = [await visitor.participant() for visitor in visitors]
                for visitor in visitors:
                    await visitor.page.evaluate(REMEMBER)
                process.kill()
                await process.wait()
        async with serving(place):
            for visitor in visitors:
                await visitor.until(BACK)
            await as_they_were(visitors, before)
    for visitor in visitors:
        await visitor.page.context.close()


async def as_they_were(visitors: list[Visitor], before: list[str]) -> None:
    """Check places, roles, lock, media, and that the one who did not come back is not taken for connected."""
    doctor, patient, relative = visitors
    assert [await visitor.participant() for visitor in visitors] == before
    places = [await visitor.state("[s.place, s.host]") for visitor in visitors]
    assert places == [["admitted", True], ["admitted", False], ["waiting", False]]
    await doctor.until("s.roster.locked && s.roster.people.filter((one) => one.connected).length === 3")
    assert await doctor.state("s.roster.people.filter((one) => !one.connected).map((one) => one.role)") == [
        "assistant"
    ]
    await doctor.sees_and_hears(patient)
    await patient.sees_and_hears(doctor)
    assert await relative.rtp_received() == 0
    assert await relative.state("s.roster.people.length") == 1
    await doctor.admit("Relative")
    await relative.sees_and_hears(doctor)
