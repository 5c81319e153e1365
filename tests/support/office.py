"""Rooms, links and visits at a bridge that is a process of its own (`tests/cli/command.py`)."""

import aiohttp
from playwright.async_api import Browser

from signalling import messages as m
from tests.cli.command import Place
from tests.support.bridge import Visitor, open_link
from tests.support.media_checks import init_script


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


async def enter(browser: Browser, link: str, identity: int) -> Visitor:
    """Open a link in a browser context of its own, and wait until media are up."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    await context.add_init_script(init_script(identity))
    visitor = await open_link(context, link, identity)
    await visitor.connected()
    return visitor
