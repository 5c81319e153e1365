"""Journey D6: an operator logs in by the provider, sees how it goes and nobody's name, and empties the node."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientWebSocketResponse
from playwright.async_api import Browser, Page, async_playwright, expect

from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.auth.openid import CLAIMS, RealProvider, provider
from tests.pages.house import CHROMIUM, CHROMIUM_ARGS
from tests.support.bridge import PATIENCE_S, House, running_house
from tests.support.keyboard import Keyboard
from tests.support.ports import free_ports

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
LEVEL, _, ORGANISATION, *_ = CLAIMS
HERE = "994598759"
NAMES = ("Aslaug Nordahl", "Ingrid Berg", "Test")


@pytest_asyncio.fixture(loop_scope="session")
async def watched(tmp_path: Path) -> AsyncIterator[tuple[House, RealProvider]]:
    """A bridge whose operators log in by a provider that others have, too."""
    (port,) = free_ports(1)
    async with provider(f"http://127.0.0.1:{port}/login/answer") as real:
        key = tmp_path / "helseid.jwk"
        key.touch(mode=0o600)
        key.write_text(json.dumps(real.key.as_dict(private=True)))
        settings = {
            "issuer": real.issuer,
            "client_id": real.client_id,
            "key_file": str(key),
            "title": "HelseID",
            "dialect": "helseid",
        }
        rule = {"login": "helseid", "claim": ORGANISATION, "values": (HERE,)}
        async with running_house(tmp_path, logins={"helseid": settings}, ops_port=port, operators=rule) as house:
            yield house, real


@pytest_asyncio.fixture(loop_scope="session")
async def page() -> AsyncIterator[Page]:
    """A browser of the operator's own."""
    async with async_playwright() as playwright:
        browser: Browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        context = await browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE_S * 1000)
        yield await context.new_page()
        await browser.close()


async def joins(http: ClientSession, house: House, role: m.Role, name: str) -> ClientWebSocketResponse:
    """Come by a link; give the connection, which lasts as long as somebody holds it."""
    link = await house.link(role, name, host=role is m.Role.DOCTOR)
    base, _, token = link.partition("/join#")
    ws = await http.ws_connect(f"{base}/api/v1/ws")
    await ws.send_json({"type": "join", "version": 1, "token": token, "language": "nb"})
    assert (await ws.receive_json())["type"] == "welcome"
    return ws


def as_administration(house: House) -> dict[str, str]:
    """Headers of an appointment book."""
    return {"Authorization": f"Bearer {Path(house.bridge.config.auth.api_token_file).read_text('ascii').strip()}"}


async def each_token_opens_its_own_door(http: ClientSession, house: House) -> None:
    """The operators' is nothing to the administration, nor the administration's to the operators' port."""
    config, administration = house.bridge.config, as_administration(house)
    doors = {
        f"{config.http.base_url}/api/v1/rooms": (administration, house.as_operator),
        f"{config.metrics.base_url}/picture": (house.as_operator, administration),
    }
    for door, (own, other) in doors.items():
        for headers, status in ((own, 200), (other, 401)):
            async with http.get(door, headers=headers) as answer:
                assert answer.status == status, door


async def test_an_operator_empties_a_node(watched: tuple[House, RealProvider], page: Page) -> None:
    """Who can log in and is no operator stays out; an operator drains; who comes late gets in; it is on record."""
    house, real = watched
    here = f"http://127.0.0.1:{house.bridge.config.metrics.port}/"
    async with ClientSession() as http:
        doctor = await joins(http, house, m.Role.DOCTOR, NAMES[1])
        await each_token_opens_its_own_door(http, house)
        await page.goto(here)
        for organisation in ("888888888", HERE):
            await real.will_log_in(f"somebody of {organisation}", **{LEVEL: "4", ORGANISATION: organisation})
            await page.get_by_role("link", name="Log in with HelseID").click()
            if organisation != HERE:
                await expect(page.get_by_role("alert")).to_have_text("Your login does not let you run the bridge.")
                await page.context.clear_cookies()  # the provider's: it knows who was there
        await expect(page.locator("#summary-lead")).to_contain_text("1 person is in a call, in 1 room; 0 waiting.")
        await expect(page.get_by_role("heading", level=1)).to_have_text("All is well")

        keys = Keyboard(page)
        await keys.press("Drain the node …")
        await keys.choose("Why? This goes into the audit.", "upgrade")
        await keys.press("Drain", within="#dialog-drain")
        await expect(page.locator("#drain-state")).to_contain_text("upgrade")
        with pytest.raises(Rejected) as refused:
            await house.bridge.administration.create_room(m.CreateRoom(name="Another"))
        assert refused.value.code is Code.RESTARTING
        patient = await joins(http, house, m.Role.PATIENT, NAMES[0])
        await expect(page.locator("#drain-left")).to_contain_text("1 waiting")
        (room,) = await page.locator("#rooms button").all()
        await keys.press(str(await room.get_attribute("aria-label")))
        await expect(page.locator("#rooms [role=row]")).to_have_count(3)
        said = await page.locator("body").inner_text()
        assert [name for name in NAMES if name in said] == []
        await keys.press("Take new rooms again")
        await expect(page.locator("#drain-begin")).to_be_visible()
        assert await house.bridge.administration.create_room(m.CreateRoom(name="Another"))
        assert (doctor.closed, patient.closed) == (False, False)
    rows = await house.bridge.store.audit("bridge")
    assert [(row.act, row.reason) for row in rows] == [
        ("log_in", None),
        ("drain", "upgrade"),
        ("drain_ended", None),
    ]
    assert len({row.actor for row in rows}) == 1
    assert await house.bridge.store.verify_audit() is None
    written = repr(house.log) + repr(rows)
    assert [word for word in (*NAMES[:2], "somebody", HERE) if word in written] == []
