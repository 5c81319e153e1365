"""A real bridge for tests: on loopback, with a store of its own, in this process."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from bridge.app.live import LiveRoom
from bridge.compose import Bridge, run_bridge
from bridge.config import Config
from bridge.rooms.model import ParticipantId, RoomId
from signalling import messages as m
from tests.support.media_checks import init_script


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_config(folder: Path, *, address: str = "127.0.0.1", shards: int = 1) -> Config:
    """Defaults, but for ports and files."""
    config = Config()
    return replace(
        config,
        http=replace(config.http, host=address, port=free_port()),
        metrics=replace(config.metrics, port=free_port()),
        media=replace(config.media, bind=address, addresses=(address,), base_port=0, shards=shards),
        store=replace(config.store, url=f"sqlite:///{folder / 'test.db'}"),
        auth=replace(
            config.auth, link_key_file=str(folder / "link.key"), api_token_file=str(folder / "api.token")
        ),
    )


@dataclass
class House:
    """A running bridge with one room, and what tests ask of it."""

    bridge: Bridge
    room_id: RoomId
    stack: AsyncExitStack
    contexts: list[BrowserContext] = field(default_factory=list)

    @property
    def live(self) -> LiveRoom:
        """The room in memory."""
        return next(live for live in self.bridge.service.rooms if live.room.id == self.room_id)

    async def link(self, role: m.Role, name: str, *, host: bool = False) -> str:
        """A link for one person."""
        wanted = m.CreateInvitation(role=role, name=name, host=host)
        return (await self.bridge.administration.invite(self.room_id, wanted)).link

    def leg(self, participant: str) -> int:
        """The engine's number for somebody's leg."""
        return self.live.legs[ParticipantId(participant)].leg

    def leg_row(self, participant: str) -> Any:
        """The engine's counters of somebody's leg."""
        legs = self.bridge.engine.snapshot().legs
        return legs[legs["leg"] == self.leg(participant)][0]

    async def enter(self, browser: Browser, link: str, identity: int) -> "Visitor":
        """Open a link in a browser context of its own, as the person with this picture and tone."""
        context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
        self.contexts.append(context)
        self.stack.push_async_callback(context.close)
        await context.add_init_script(init_script(identity))
        page = await context.new_page()
        visitor = Visitor(page, identity)
        page.on("console", lambda message: visitor.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: visitor.console.append(f"pageerror: {error}"))
        await page.goto(link)
        await page.click("#enter")
        return visitor


@dataclass
class Visitor:
    """One person's page."""

    page: Page
    identity: int
    console: list[str] = field(default_factory=list)

    async def state(self, expression: str) -> Any:
        """Evaluate an expression over `s`, the page's own view of the visit."""
        return await self.page.evaluate(
            f"(() => {{ const s = window.brotjeneste.state(); return {expression}; }})()"
        )

    async def until(self, expression: str, timeout_s: float = 15) -> None:
        """Wait until an expression over `s` holds. The page's CSP forbids what `wait_for_function` does."""
        async with asyncio.timeout(timeout_s):
            while not await self.state(expression):
                await asyncio.sleep(0.02)

    async def participant(self) -> str:
        """Their id in the room."""
        return str(await self.state("s.participant"))

    async def connected(self) -> None:
        """Wait until ICE and DTLS are up."""
        await self.until("s.pc?.connectionState === 'connected'")

    async def rtp_received(self) -> int:
        """RTP packets that the browser says it has received."""
        script = """(async () => {
            const report = await window.brotjeneste.state().pc.getStats();
            let packets = 0;
            for (const stat of report.values()) if (stat.type === 'inbound-rtp') packets += stat.packetsReceived;
            return packets;
        })()"""
        return int(await self.page.evaluate(script))

    def track(self, participant: str, source: str) -> str:
        """JavaScript for the receiving track of somebody's source, by the layout."""
        find = json.dumps({"participant": participant, "source": source})
        return f"""(() => {{
            const s = window.brotjeneste.state(); const wanted = {find};
            const slot = s.layout.find((one) => one.participant === wanted.participant && one.source === wanted.source);
            return s.pc.getTransceivers().find((one) => one.mid === slot.mid).receiver.track;
        }})()"""

    async def shown(self, participant: str, source: str = "camera") -> None:
        """Wait until the layout has somebody's source."""
        await self.until(
            f"s.layout.some((one) => one.participant === '{participant}' && one.source === '{source}')"
        )


@asynccontextmanager
async def running_house(folder: Path, *, address: str = "127.0.0.1", shards: int = 1) -> AsyncIterator[House]:
    """A bridge with one room."""
    async with AsyncExitStack() as stack:
        bridge = await stack.enter_async_context(run_bridge(test_config(folder, address=address, shards=shards)))
        room = await bridge.administration.create_room(m.CreateRoom(name="Test"))
        yield House(bridge, RoomId(room.room), stack)


async def eventually(check: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait until `check` holds; it is asked again as the event loop turns."""
    async with asyncio.timeout(timeout_s):
        while not check():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)
