"""A real bridge for tests: on loopback, with a store of its own, in this process."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import aioice.ice
import numpy as np
import pytest
from playwright.async_api import Browser, BrowserContext, Locator, Page, ViewportSize
from structlog.testing import capture_logs

from bridge.app.allowance import Allowance
from bridge.app.calls.callers import CALLS_OF_A_SOURCE
from bridge.app.feeds.converters import Converters, Speech
from bridge.app.live import LiveRoom
from bridge.compose import Bridge, run_bridge
from bridge.config import Config
from bridge.rooms.events import Event
from bridge.rooms.model import ParticipantId, RoomId
from loadtest.media_client import MediaOptions
from loadtest.robot import Robot, RobotOptions
from signalling import messages as m
from tests.support.media_checks import init_script, read_page_tone, read_page_video
from tests.support.ports import free_ports
from transcode.tones import identity_of, tone_for

# How long anything may take on a machine that is busy with other work; every wait ends as soon as it can.
PATIENCE_S: Final = 60.0
WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
HALF: Final[ViewportSize] = {"width": 640, "height": 800}
"""A window on a screen as wide as `WIDE`, with the record in the other half."""
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
# Counts what a page negotiates, on a property that no page script reads.
COUNT_OFFERS: Final = """(() => {
    const { prototype } = window.WebSocket;
    const { send } = prototype;
    window.__offers = 0;
    prototype.send = function (text) {
        if (JSON.parse(text).type === "offer") window.__offers += 1;
        return send.call(this, text);
    };
})();"""


def house_config(
    folder: Path,
    *,
    address: str = "127.0.0.1",
    media_address: str | None = None,
    shards: int = 1,
    slots: int = 8,
    name: str | None = None,
    without: tuple[str, ...] = (),
    gateways: Mapping[str, Mapping[str, object]] | None = None,
    logins: Mapping[str, Mapping[str, object]] | None = None,
    portals: Mapping[str, Mapping[str, object]] | None = None,
    webhooks: Mapping[str, Mapping[str, object]] | None = None,
    sms: tuple[str, str] = ("", "sms.secret"),
    smart: Mapping[str, Mapping[str, object]] | None = None,
    rotas: Mapping[str, Mapping[str, object]] | None = None,
    organisations: Mapping[str, str] | None = None,
    patients_log_in: str = "none",
    port: int | None = None,
    protection: str = "required",
    ports: int = 100,
    ops_port: int | None = None,
    operators: Mapping[str, Any] | None = None,
) -> Config:
    """Defaults, but for ports, files and what is asked for.

    `slots` are for cameras, `name` is used in links, `ports` are for the media of calls.
    """
    config, media = Config(), media_address or address
    http_port, metrics_port = free_ports(2)
    http_port = port or http_port
    # Two for each line, and far enough apart for tests at the same time.
    lines = random.randrange(42_000, 58_000, ports)
    return replace(
        config,
        http=replace(
            config.http, host=address, port=http_port, public_url=f"http://{name}:{http_port}" if name else ""
        ),
        metrics=replace(config.metrics, port=ops_port or metrics_port),
        media=replace(
            config.media,
            bind=media,
            addresses=(media,),
            base_port=0,
            shards=shards,
            without=without,
        ),
        calls=replace(config.calls, first_port=lines, last_port=lines + ports - 1, protection=protection),
        gateways=gateways or {},
        logins=logins or {},
        portals=portals or {},
        webhooks=webhooks or {},
        smart=smart or {},
        rotas=rotas or {},
        organisations=organisations or {},
        sms=replace(config.sms, url=sms[0], secret_file=sms[1]),
        store=replace(config.store, url=f"sqlite:///{folder / 'test.db'}"),
        auth=replace(
            config.auth, link_key_file=str(folder / "link.key"), api_token_file=str(folder / "api.token")
        ),
        operators=replace(config.operators, token_file=str(folder / "operator.token"), **(operators or {})),
        rooms=replace(config.rooms, video_slots=slots, patients_log_in=patients_log_in),
    )


@dataclass
class House:
    """A running bridge with one room, and what tests ask of it. `log` is everything that it has logged."""

    bridge: Bridge
    room_id: RoomId
    stack: AsyncExitStack
    log: list[MutableMapping[str, Any]]

    @property
    def live(self) -> LiveRoom:
        """The room in memory."""
        return next(live for live in self.bridge.service.rooms if live.room.id == self.room_id)

    async def link(
        self, role: m.Role, name: str, *, host: bool = False, requires: m.Assurance = m.Assurance.NONE
    ) -> str:
        """A link for one person, of whom so much has to be proven."""
        wanted = m.CreateInvitation(role=role, name=name, host=host, requires=requires)
        return (await self.bridge.administration.invite(self.room_id, wanted)).link

    async def invite_by_call(self, role: m.Role, name: str) -> tuple[str, str]:
        """A number and a PIN for one person."""
        wanted = m.CreateInvitation(role=role, name=name, pin=True)
        made = await self.bridge.administration.invite(self.room_id, wanted)
        assert made.number is not None
        assert made.pin is not None
        return made.number, made.pin

    @property
    def as_operator(self) -> dict[str, str]:
        """Headers of somebody who runs the bridge, at the operators' port."""
        return as_operator(self.bridge)

    async def recorded(self) -> list[Event]:
        """The room's events, from the store."""
        return await self.bridge.store.load(self.room_id)

    def leg(self, participant: str) -> int:
        """The engine's number for somebody's leg."""
        return self.live.legs[ParticipantId(participant)].leg

    def leg_row(self, participant: str) -> Any:
        """The engine's counters of somebody's leg."""
        legs = self.bridge.engine.snapshot().legs
        return legs[legs["leg"] == self.leg(participant)][0]

    def packets_from(self, participant: str) -> int:
        """RTP packets that the engine has taken from somebody's sources."""
        streams = self.bridge.engine.snapshot().streams
        mine = streams[(streams["leg"] == self.leg(participant)) & (streams["direction"] == 0)]
        return int(np.sum(mine["packets"]))

    async def logged(self, event: str, **fields: Any) -> MutableMapping[str, Any]:
        """Wait for a line of the log, and give the last such one."""

        def found() -> list[MutableMapping[str, Any]]:
            wanted = {"event": event, **fields}
            return [line for line in self.log if wanted.items() <= line.items()]

        await eventually(lambda: bool(found()))
        return found()[-1]

    async def context(
        self, browser: Browser, identity: int, *scripts: str, size: ViewportSize = WIDE
    ) -> BrowserContext:
        """A browser context with the camera and microphone of this identity; a small one has a touch screen."""
        touch = size == PHONE
        context = await browser.new_context(locale="en-GB", viewport=size, is_mobile=touch, has_touch=touch)
        self.stack.push_async_callback(context.close)
        context.set_default_timeout(PATIENCE_S * 1000)
        for script in (COUNT_OFFERS, *scripts, init_script(identity)):
            await context.add_init_script(script)
        return context

    async def enter(
        self, browser: Browser, link: str, identity: int, *scripts: str, size: ViewportSize = WIDE
    ) -> "Visitor":
        """Open a link in a browser context of its own, as the person with this picture and tone."""
        context = await self.context(browser, identity, *scripts, size=size)
        return await open_link(context, link, identity)

    async def bring(
        self, browser: Browser, role: m.Role, identity: int, *scripts: str, size: ViewportSize = WIDE
    ) -> "Visitor":
        """Somebody new in a browser; a doctor is the host. The name is that of the role."""
        link = await self.link(role, role.value.capitalize(), host=role is m.Role.DOCTOR)
        visitor = await self.enter(browser, link, identity, *scripts, size=size)
        await visitor.connected()
        return visitor


async def open_link(context: BrowserContext, link: str, identity: int) -> "Visitor":
    """Open a link in a new tab and go in."""
    page = await context.new_page()
    visitor = Visitor(page, identity)
    page.on("console", lambda message: visitor.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visitor.console.append(f"pageerror: {error}"))
    await page.goto(link)
    await visitor.ready_to_enter()
    await visitor.press("#enter")
    return visitor


@dataclass
class Viewer:
    """One person's page, in any browser, as far as it can be looked into."""

    page: Any
    identity: int
    console: list[str] = field(default_factory=list)

    async def state(self, expression: str) -> Any:
        """Evaluate an expression over `s`, the page's own view of the visit; None while the page is loading."""
        return await self.page.evaluate(
            f"(() => {{ const s = window.brotjeneste?.state(); return s ? {expression} : null; }})()"
        )

    async def until(self, expression: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until an expression over `s` holds. The page's CSP forbids what `wait_for_function` does."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await self.state(expression):  # noqa: ASYNC110 - the page has no event for all of it
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{expression} did not come true; {self.console[-5:]}") from None

    async def participant(self) -> str:
        """Their id in the room."""
        return str(await self.state("s.participant"))

    async def ready_to_enter(self) -> None:
        """Wait for the start screen and the devices; before the page's modules have run its buttons are deaf."""
        await self.until("s.screen === 'start' && !document.getElementById('start-mic').disabled")

    async def connected(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until they have a place, and ICE and DTLS are up."""
        await self.until("s.roster && s.pc?.connectionState === 'connected'", timeout_s)

    async def admitted(self) -> None:
        """Wait until the page shows the call, and knows who is in it: that comes a moment after the place."""
        await self.until("s.place === 'admitted' && s.screen === 'call' && s.roster")

    async def rtp_received(self) -> int:
        """RTP packets that the browser says it has received."""
        script = """(async () => {
            const report = await window.brotjeneste.state().pc.getStats();
            let packets = 0;
            for (const stat of report.values()) if (stat.type === 'inbound-rtp') packets += stat.packetsReceived;
            return packets;
        })()"""
        return int(await self.page.evaluate(script))

    async def offers(self) -> int:
        """How often the page has made the bridge an offer since it was loaded."""
        return int(await self.page.evaluate("window.__offers"))

    def track(self, participant: str, source: str) -> str:
        """JavaScript for the receiving track of somebody's source, by the layout."""
        find = json.dumps({"participant": participant, "source": source})
        return f"""(() => {{
            const s = window.brotjeneste.state(); const wanted = {find};
            const fits = (one) => one.participant === wanted.participant && one.source === wanted.source;
            const slot = s.layout.find(fits);
            return s.pc.getTransceivers().find((one) => one.mid === slot.mid).receiver.track;
        }})()"""

    async def shown(self, participant: str, source: str = "camera") -> None:
        """Wait until the layout has somebody's source."""
        await self.until(
            f"s.layout.some((one) => one.participant === '{participant}' && one.source === '{source}')"
        )

    async def sees(self, participant: str, identity: int, *, timeout_s: float = PATIENCE_S) -> None:
        """Check by content that somebody's picture comes and moves."""
        await self.shown(participant)
        track = self.track(participant, "camera")
        picture = await read_page_video(self.page, track, timeout_s=timeout_s, distinct=2)
        assert picture is not None, f"{self.identity} does not see {identity}; {self.console[-5:]}"
        assert picture.identity == identity

    async def comes_to_see(
        self, participant: str, identity: int, before: int, *, timeout_s: float = PATIENCE_S
    ) -> None:
        """Wait until a slot that showed `before` shows somebody else, and check that it is the right person.

        The layout is ahead of the pictures: those of the one before are in the browser's buffer still.
        """
        await self.shown(participant)
        track = self.track(participant, "camera")
        async with asyncio.timeout(timeout_s):
            while (picture := await read_page_video(self.page, track, distinct=2)) is None or (
                picture.identity == before
            ):
                pass
        assert picture.identity == identity

    async def hears(self, participant: str, identity: int, *, timeout_s: float = PATIENCE_S) -> None:
        """Check by content that somebody's tone comes. One that is nobody's was torn by a busy machine."""
        await self.shown(participant, "mic")
        track, hz = self.track(participant, "mic"), 0.0
        async with asyncio.timeout(timeout_s):
            while identity_of(hz) is None:
                found = await read_page_tone(self.page, track, timeout_s=timeout_s)
                assert found is not None, f"{self.identity} does not hear {identity}; {self.console[-5:]}"
                hz = found
        assert hz == pytest.approx(tone_for(identity).frequency_hz, abs=12)

    async def hears_no_more(self, participant: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until somebody's slot is silent."""
        async with asyncio.timeout(timeout_s):
            while await read_page_tone(self.page, self.track(participant, "mic"), timeout_s=1) is not None:
                pass

    async def sees_and_hears(self, other: "Viewer") -> None:
        """Check picture and tone of somebody else who is in a browser."""
        who = await other.participant()
        await self.sees(who, other.identity)
        await self.hears(who, other.identity)


@dataclass
class Visitor(Viewer):
    """One person's page in Chromium, which can also be worked."""

    page: Page

    async def press(self, what: str | Locator) -> None:
        """Press something: with a finger where there is a touch screen."""
        control = self.page.locator(what) if isinstance(what, str) else what
        await (control.tap() if self.page.viewport_size == PHONE else control.click())

    async def open_panel(self) -> None:
        """Have the list of people before one; on a telephone it is behind a button."""
        panel = self.page.locator("#panel")
        if not await panel.is_visible():
            await self.press("#control-people")
        await panel.wait_for(state="visible")

    async def close_panel(self) -> None:
        """Have the pictures before one again."""
        if await self.page.locator("#panel").is_visible():
            await self.press("#control-people")
        await self.page.locator("#stage").wait_for(state="visible")

    async def admit(self, name: str) -> None:
        """Let somebody in, by the button."""
        await self.press(self.page.get_by_role("button", name=f"Admit {name}", exact=True))

    async def invite(self, role: m.Role, name: str) -> str:
        """Make a link for somebody in the dialog of the panel."""
        await self.press("#invite")
        await self.page.select_option("#invite-role", role.value)
        await self.page.fill("#invite-name", name)
        await self.page.press("#invite-name", "Enter")
        link = self.page.locator("#invite-link")
        await link.wait_for(state="visible")
        made = await link.input_value()
        await self.press("#invite-done [data-close]")
        return made

    async def do(self, name: str, act: str, *, sure: bool = False) -> None:
        """Press a button of somebody's row in the panel, and the answer to its question where there is one."""
        more = self.page.get_by_role("button", name=f"Options for {name}", exact=True)
        if await more.get_attribute("aria-expanded") == "false":
            await self.press(more)
        row = self.page.locator("#room-people > li").filter(has=more)
        await self.press(row.get_by_role("button", name=act, exact=True))
        if sure:
            await self.press("#confirm-yes")

    async def tile_shows(self, participant: str, identity: int) -> None:
        """Check by content what a person's tile on the stage shows."""
        tile = f"document.querySelector('#stage .tile[data-participant=\"{participant}\"] video')"
        picture = await read_page_video(self.page, tile, timeout_s=PATIENCE_S, distinct=2)
        assert picture is not None, self.console[-5:]
        assert picture.identity == identity

    async def ended(self, code: str) -> None:
        """Wait until the page shows the ending with this code."""
        await self.until(f"s.screen === 'end' && s.ending === {json.dumps(code)}")


@asynccontextmanager
async def running_house(folder: Path, **wanted: Any) -> AsyncIterator[House]:
    """A bridge with one room; `wanted` as `house_config` takes it."""
    config = house_config(folder, **wanted)
    async with AsyncExitStack() as stack:
        log = stack.enter_context(capture_logs())
        bridge = await stack.enter_async_context(run_bridge(config))
        plain = config.calls.protection == "optional"
        room = await bridge.administration.create_room(m.CreateRoom(name="Test", plain_calls=plain))
        yield House(bridge, RoomId(room.room), stack, log)


def as_operator(bridge: Bridge) -> dict[str, str]:
    """Headers of somebody who runs the bridge, at the operators' port."""
    token = Path(bridge.config.operators.token_file).read_text("ascii").strip()
    return {"Authorization": f"Bearer {token}"}


def never_short(house: House) -> None:
    """Let converters work as if there were processors enough; where there are not is tested elsewhere."""
    converters = house.bridge.service.outside.converters
    assert isinstance(converters, Converters)
    converters._shorten = lambda _job: None


def allow_no_more_calls_later(house: House, gateway: str) -> int:
    """Have a source no call anew as time passes, or a slow machine is a patient guesser; gives how many it has."""
    most, _ = CALLS_OF_A_SOURCE
    house.bridge.gateways.running[gateway].door._calls_of_source = Allowance(most, 3600.0)
    return most


def hush(house: House) -> None:
    """Let nothing be spoken, so that callers hear each other's tones alone; the time for it passes."""
    converters = house.bridge.service.outside.converters
    assert isinstance(converters, Converters)
    loop = asyncio.get_running_loop()

    def pass_over(speech: Speech) -> None:
        loop.call_later(2.0, speech.said)

    converters.speak = pass_over


@asynccontextmanager
async def robots(house: House, identities: range, options: MediaOptions) -> AsyncIterator[list[Robot]]:
    """Robots that have knocked, each with a link of its own; they leave at the end.

    aioice takes each answer to a check of consent that comes after half a second for none, and ends after six of
    them, though RFC 7675 section 5.1 gives thirty seconds. Here they share one event loop with the bridge and with
    all that looks at it, beside browsers.
    """
    made = []
    for identity in identities:
        link = await house.link(m.Role.RELATIVE, f"Robot {identity}")
        made.append(Robot(link, RobotOptions(replace(options, identity=identity))))
    with patch.object(aioice.ice, "CONSENT_FAILURES", sys.maxsize):
        async with asyncio.TaskGroup() as group:
            for robot in made:
                group.create_task(robot.run())
            try:
                for robot in made:
                    async with asyncio.timeout(PATIENCE_S):
                        await robot.wait_for(lambda robot: robot.media_state == "connected")
                yield made
            finally:
                for robot in made:
                    robot.stop()


async def eventually(check: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Wait until `check` holds; it is asked again as the event loop turns."""
    async with asyncio.timeout(timeout_s):
        while not check():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)
