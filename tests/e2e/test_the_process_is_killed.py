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
from tests.support.bridge import Visitor, open_link
from tests.support.media_checks import init_script

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


class Office:
    """What an appointment book asks of a bridge."""

    def __init__(self, place: Place, http: aiohttp.ClientSession) -> None:
        token = (place.folder / "api.token").read_text().strip()
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http, self._base = http, f"http://127.0.0.1:{place.ports[0]}/api/v1"

    async def post(self, path: str, **body: object) -> dict[str, str]:
        """Make something."""
        async with self._http.post(self._base + path, json=body, headers=self._headers) as answer:
            assert answer.status == 201, await answer.text()
            return dict(await answer.json())

    async def link(self, room: str, role: m.Role, *, host: bool = False) -> str:
        """A link for somebody who is called by their role."""
        name = role.value.capitalize()
        made = await self.post(f"/rooms/{room}/invitations", role=role.value, name=name, host=host)
        return made["link"]

    async def joins(self, link: str) -> aiohttp.ClientWebSocketResponse:
        """Somebody without media who will not come back."""
        ws = await self._http.ws_connect(self._base + "/ws")
        join = m.Join(
            version=m.PROTOCOL_VERSION, token=link.partition("#")[2], resume=None, language=m.Language.EN
        )
        await ws.send_str(m.encode_client(join))
        assert (await ws.receive_json())["type"] == "welcome"
        return ws


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


async def enter(browser: Browser, link: str, identity: int) -> Visitor:
    """Open a link in a browser context of its own, and wait until media are up."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    await context.add_init_script(init_script(identity))
    visitor = await open_link(context, link, identity)
    await visitor.connected()
    return visitor
