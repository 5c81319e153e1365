"""A house for the pages: a static server with the real content policy, a browser, and a bridge that is played.

`visit` opens a page on it. The bridge's part is played through Playwright's WebSocket routing, and every
message that a page sends is read by the real schema. Media is answered by a second RTCPeerConnection in the page,
with painted pictures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from signalling import messages
from signalling.ports import NoCounters, NoLogins
from signalling.web.clients import Clients
from signalling.web.headers import add_headers
from signalling.web.login import LoginPages
from signalling.web.notice import NoticePage, read

STATIC = Path(__file__).parents[2] / "signalling" / "web" / "static"
LANGUAGES = ("nb", "nn", "en")
NOTICE = read(
    STATIC, responsible="Nordbyen legesenter", operator="Norsk helsenett SF", more="https://example.org/p"
)
TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJwdXJwb3NlIjoiam9pbiJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"  # noqa: S105 - shaped like a token, signed by nobody
PATIENCE = 60.0  # seconds; how long a machine that is busy with other things may take, not how long it should
# Pages load before they work: what they show when their modules have run, for each place that a visit begins at.
START = "#start-mic:enabled"  # the start screen, once the browser has given or refused the devices
ENDING = "#screen-end"
FRONT_PAGE = "main:not([aria-busy])"
Message = TypeVar("Message")
# The same Chromium without its windows, menus and extensions, which triple the CPU time of a page that is opened.
CHROMIUM = "/usr/bin/chromium-headless-shell"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream=fps=5",  # few pictures: the tests look at pages, not at codecs
]

# The far end of the media connection: answers in the page itself and paints a moving picture into each video slot.
FAR_END = """
window.farEnd = async (sdp, media) => {
  const far = new RTCPeerConnection();
  window.farEnds = [...(window.farEnds ?? []), far];
  await far.setRemoteDescription({ type: "offer", sdp });
  let number = 0;
  for (const each of far.getTransceivers()) {
    const wanted = sdp.split("m=").find((part) => part.includes(`a=mid:${each.mid}\\r`)).includes("a=recvonly");
    each.direction = wanted ? "sendonly" : "recvonly";
    if (!media || !wanted || each.receiver.track.kind !== "video") continue;
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const hue = 40 + 70 * number++;
    let step = 0;
    setInterval(() => {
      const paint = canvas.getContext("2d");
      paint.fillStyle = `hsl(${hue} 45% 60%)`;
      paint.fillRect(0, 0, 640, 360);
      paint.fillStyle = `hsl(${hue} 40% 30%)`;
      paint.beginPath();
      paint.arc(320, 150, 70, 0, 7);
      paint.fill();
      paint.fillRect(200, 235, 240, 125);
      paint.fillStyle = "white";
      paint.fillRect((step += 5) % 640, 350, 30, 10);
    }, 100);
    await each.sender.replaceTrack(canvas.captureStream(10).getVideoTracks()[0]);
  }
  await far.setLocalDescription(await far.createAnswer());
  if (media && far.iceGatheringState !== "complete") {
    await new Promise((done) => {
      far.onicegatheringstatechange = () => far.iceGatheringState === "complete" && done();
    });
  }
  const answer = far.localDescription.sdp;
  return media ? answer : answer.replace(/a=candidate:.*\\r\\n/g, ""); // no way to connect: nothing to encode
};
"""


@asynccontextmanager
async def static_site() -> AsyncIterator[str]:
    """Serve the pages as the bridge does, content policy included; give the address."""
    app = web.Application()
    app.router.add_static("/static", STATIC)

    async def join(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "join.html")

    async def duty(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "duty.html")

    async def index(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    app.router.add_routes(NoticePage(NOTICE).routes())
    app.router.add_routes(LoginPages(NoLogins(), Clients(), time.monotonic, NoCounters()).routes())
    app.router.add_get("/join", join)
    app.router.add_get("/duty", duty)
    app.router.add_get("/", index)
    app.on_response_prepare.append(add_headers)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def person(participant: str, name: str, role: str, **changes: Any) -> dict[str, Any]:
    """Give one line of a roster: admitted, connected, with picture and sound."""
    line = {
        "participant": participant,
        "name": name,
        "role": role,
        "host": False,
        "place": "admitted",
        "connected": True,
        "muted": False,
        "may_unmute": True,
        "camera": True,
        "sharing": False,
        "you": False,
        "assurance": "none",
        "required": "none",
        "encryption": None,
        "consents": [{"matter": "video", "given": True}],
    }
    return line | changes


@dataclass
class PlayedBridge:
    """The bridge's part. Tests set the fields before the page joins, and push messages afterwards."""

    role: str = "patient"
    host: bool = False
    place: str = "waiting"
    people: list[dict[str, Any]] = field(default_factory=list)
    locked: bool = False
    number: str | None = None
    dials: bool = False
    way: dict[str, Any] = field(default_factory=dict)  # to call in by, where one can
    texts: bool = False
    short: bool = False
    beside: dict[str, Any] = field(default_factory=dict)  # what else a roster says, of whose turn it is
    slots: dict[str, int] = field(default_factory=lambda: {"audio": 3, "video": 3, "content": 1})
    refuse_join: str | None = None
    deaf_connections: int = 0  # so many first connections break after `join`, before any answer
    refusals: dict[str, str] = field(default_factory=dict)
    answer_offers: bool = True
    answer_pings: bool = True
    leg: str | None = None  # what it has for the page; each answer makes another
    media: bool = False
    tested: dict[str, Any] = field(default_factory=dict)  # what a test is told, without `ref`
    test_seconds: float = 0.5
    rotas: tuple[str, ...] = ("Legevakt nord",)  # of whoever is on duty
    queue: list[dict[str, Any]] = field(default_factory=list)
    taken: dict[str, Any] = field(default_factory=dict)  # what who takes a room is told
    refuse_duty: str | None = None
    unchecked: bool = False  # as a bridge that is newer than this page
    closed: int = 0
    sent: list[messages.ClientMessage] = field(default_factory=list)
    offers: list[messages.Offer] = field(default_factory=list)
    socket: WebSocketRoute | None = None
    connections: int = 0
    joins: int = 0  # those of the connections that were used: a page that waits too long for one tries another
    revision: int = 0
    _inbox: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def connect(self, socket: WebSocketRoute) -> None:
        """Take a new connection of the page."""
        self.socket = socket
        self.connections += 1
        socket.on_message(lambda data: self._inbox.put_nowait(str(data)))
        socket.on_close(lambda _code, _reason: self._count_closed())

    def _count_closed(self) -> None:
        self.closed += 1

    def push(self, kind: str, **fields: Any) -> None:
        """Send the page one message, checked against the real schema."""
        assert self.socket is not None
        text = msgspec.json.encode({"type": kind} | fields).decode()
        if not self.unchecked:
            messages.decode_server(text)
        self.socket.send(text)

    def roster(self) -> None:
        """Send the roster as it is now."""
        self.revision += 1
        told = ("locked", "host", "number", "dials", "short", "texts")
        self.push(
            "roster",
            revision=self.revision,
            people=self.people,
            **{key: getattr(self, key) for key in told},
            **self.beside,
        )

    def change(self, participant: str, **changes: Any) -> None:
        """Change one person and send the roster."""
        self.people = [each | changes if each["participant"] == participant else each for each in self.people]
        self.roster()

    async def run(self, page: Page) -> None:
        """Read and answer until cancelled."""
        while True:
            message = messages.decode_client(await self._inbox.get())
            if isinstance(message, messages.Duty | messages.Take):
                self._serve_duty(message)
            else:
                await self._answer(page, message)
            async with self._news:
                self.sent.append(message)
                self._news.notify_all()

    async def _answer(self, page: Page, message: messages.ClientMessage) -> None:
        code = self.refusals.get(type(message).__name__.lower())
        if isinstance(message, messages.Join):
            self.joins += 1
            if self.connections <= self.deaf_connections:
                assert self.socket is not None
                await self.socket.close()
            else:
                self._welcome()
        elif isinstance(message, self._unanswered):
            return
        elif code is not None:
            self.push("error", ref=message.ref, code=code, message="Refused in a test.")
        elif isinstance(message, messages.Offer):
            self.offers.append(message)
            if self.answer_offers:
                self.leg = f"leg-{len(self.offers)}"
                sdp = await self._answer_sdp(page, message.sdp)
                self.push("answer", ref=message.ref, sdp=sdp, leg=self.leg)
        elif isinstance(message, messages.Test):
            self.push("testing", ref=message.ref, seconds=self.test_seconds, ice_servers=[])
        elif isinstance(message, messages.TestReport):
            self.push("tested", ref=message.ref, **self.tested)
        elif isinstance(message, messages.Invite | messages.CallInstead):
            self._give_way(message)
        else:
            self.push("pong" if isinstance(message, messages.Ping) else "ok", ref=message.ref)

    def _serve_duty(self, message: messages.Duty | messages.Take) -> None:
        if isinstance(message, messages.Take):
            self.push("taken", ref=message.ref, room=message.room, **self.taken)
            return
        if self.refuse_duty is not None:
            self.push("error", ref=message.ref, code=self.refuse_duty, message="Refused in a test.")
            self.push("bye", code=self.refuse_duty, message="Refused in a test.")
            return
        rotas = [{"rota": f"rota-{number}", "title": title} for number, title in enumerate(self.rotas)]
        self.push("on_duty", ref=message.ref, name="Ingrid Berg", rotas=rotas)
        self.ring(*self.queue)

    def ring(self, *rooms: dict[str, Any]) -> None:
        """Tell somebody on duty of these rooms, and of no others."""
        self.queue = list(rooms)
        self.push("queue", now=datetime.now(UTC).isoformat(), rooms=self.queue)

    def _give_way(self, wish: messages.Invite | messages.CallInstead) -> None:
        """Give a link for somebody else, or a number for oneself."""
        if isinstance(wish, messages.CallInstead):
            self.push("to_call", ref=wish.ref, **self.way)
            return
        link = f"https://bro.example/join#{TOKEN}"
        call = {"number": self.number, "pin": "123456"} if wish.pin else {}
        self.push("invited", ref=wish.ref, link=link, expires_at="2030-05-17T12:00:00Z", **call)

    @property
    def _unanswered(self) -> tuple[type[messages.ClientMessage], ...]:
        always = (messages.Report, messages.Leave)
        return always if self.answer_pings else (*always, messages.Ping)

    async def _answer_sdp(self, page: Page, offer: str) -> str:
        """Answer as the far end in the page does; without `media` the two never connect."""
        return str(await page.evaluate("([sdp, media]) => farEnd(sdp, media)", [offer, self.media]))

    def _welcome(self) -> None:
        if self.refuse_join is not None:
            self.push("error", ref=None, code=self.refuse_join, message="Refused in a test.")
            self.push("bye", code=self.refuse_join, message="Refused in a test.")
            return
        self.push(
            "welcome",
            version=1,
            participant="p_me",
            room_name="Samtale mandag 10.15",
            role=self.role,
            host=self.host,
            place=self.place,
            resume="resume-secret",
            slots=self.slots,
            ice_servers=[],
            leg=self.leg,
            calls=bool(self.way),
        )
        if self.people:
            self.roster()

    async def expect(self, kind: type[Message], matches: Callable[[Message], bool] = lambda _: True) -> Message:
        """Wait for a message of `kind` that `matches`, take it out of `sent` and give it."""

        def found() -> Message | None:
            return next((each for each in self.sent if isinstance(each, kind) and matches(each)), None)

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: found() is not None)
        message = found()
        assert message is not None
        self.sent.remove(message)
        return message


async def with_a_clock(page: Page) -> None:
    """Let a test have time pass on the page (`page.clock.fast_forward`); it passes by itself as well."""
    await page.clock.install()


@dataclass
class Visit:
    """One page with its bridge, and what the browser complained of."""

    page: Page
    bridge: PlayedBridge
    complaints: list[str]
    requests: list[str]

    async def shows(self, selector: str) -> None:
        """Wait until something can be seen, which focus, keyboard and `evaluate` do not do by themselves."""
        await expect(self.page.locator(selector)).to_be_visible()

    async def enter(self) -> None:
        """Press the button of the start screen, once there is one and the devices are there."""
        await self.shows(START)
        await self.page.click("#enter")

    async def come_in(self) -> messages.Offer:
        """Go in; gives the offer, when the page shows the room as the bridge has told it."""
        await self.enter()
        return await self.arrived()

    async def arrived(self) -> messages.Offer:
        """Wait for the offer of a page that goes in, and until it shows what the bridge has told."""
        offer = await self.bridge.expect(messages.Offer)
        if self.bridge.people:
            await self.until(f"brotjeneste.state().roster?.revision >= {self.bridge.revision}")
        return offer

    async def state(self) -> dict[str, Any]:
        """What the page says of itself."""
        value: dict[str, Any] = await self.page.evaluate("() => ({ ...brotjeneste.state(), pc: null })")
        return value

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds in the page."""
        # Playwright's own wait_for_function compiles in the page repeatedly, which the content policy forbids.
        look = f"const look = () => (({expression}) ? done() : setTimeout(look, 25))"
        async with asyncio.timeout(PATIENCE):
            await self.page.evaluate(f"() => new Promise((done) => {{ {look}; look(); }})")


@asynccontextmanager
async def visit(
    browser: Browser,
    site: str,
    bridge: PlayedBridge | None = None,
    *,
    path: str = f"/join#{TOKEN}",
    locale: str = "nb-NO",
    size: tuple[int, int] = (1280, 800),
    ready: str = START,
    prepare: Callable[[Page], Awaitable[None]] | None = None,
    **context_options: Any,
) -> AsyncIterator[Visit]:
    """Open a page in a fresh context and wait until it shows `ready`.

    At the end nothing may have gone to the console or to another host.
    """
    played = bridge or PlayedBridge()
    view = {"width": size[0], "height": size[1]}
    context = await browser.new_context(locale=locale, viewport=view, **context_options)
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()
    here = Visit(page, played, [], [])
    page.on(
        "console", lambda line: here.complaints.append(line.text) if line.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: here.complaints.append(str(error)))
    page.on("request", lambda request: here.requests.append(request.url))
    await page.route_web_socket("**/api/v1/ws", played.connect)
    await page.add_init_script(FAR_END)
    if prepare is not None:
        await prepare(page)
    async with asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(played.run(page))
        try:
            await page.goto(site + path)
            await here.shows(ready)
            yield here
        finally:
            playing.cancel()
            await context.close()
    assert here.complaints == [], here.complaints
    assert [url for url in here.requests if not url.startswith(site)] == []
