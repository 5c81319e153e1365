"""Ways back when the network was away or is another one: who asks, what is tried, and what is left alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import PlayedBridge, Visit, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ME = person("p_me", "Aslaug Nordahl", "patient", you=True)
DOCTOR = person("p_doc", "Ingrid Berg", "doctor", host=True)
WHICH: Final = ("localDescription", "remoteDescription")
FINGERPRINT: Final = re.compile(r"a=fingerprint:.*")
CONNECTED = "brotjeneste.state().pc?.connectionState === 'connected'"
ANOTHER_NETWORK = "() => window.dispatchEvent(new Event('online'))"


def admitted() -> PlayedBridge:
    """Play a room with the doctor in it, where one is admitted at once, with media."""
    return PlayedBridge(place="admitted", people=[DOCTOR, ME], media=True)


async def in_a_call(here: Visit) -> messages.Offer:
    """Go in and wait for media; gives the offer."""
    first = await here.come_in()
    await here.bridge.expect(messages.Join)
    await here.until(CONNECTED)
    await here.page.evaluate("() => { window.kept = brotjeneste.state().pc; }")
    return first


UFRAG: Final = "(which) => brotjeneste.state().pc[which].sdp.match(/a=ice-ufrag:(.*)/)[1].trim()"


async def test_a_dead_socket_is_replaced_while_media_goes_its_own_way(browser: Browser, site: str) -> None:
    """Another is opened beside it and joined with the secret; ICE is restarted without a word to the bridge."""
    async with visit(browser, site, admitted()) as here:
        await in_a_call(here)
        ours, theirs = [await here.page.evaluate(UFRAG, which) for which in WHICH]
        here.bridge.answer_pings = False
        await here.page.evaluate(ANOTHER_NETWORK)
        assert (await here.bridge.expect(messages.Join)).resume == "resume-secret"
        here.bridge.answer_pings = True
        await here.until(f"({UFRAG})('remoteDescription') !== '{theirs}'")
        assert (await here.page.evaluate(UFRAG, "remoteDescription")).startswith(f"{theirs}/")
        assert await here.page.evaluate(UFRAG, "localDescription") != ours
        await here.until("brotjeneste.state().pc === window.kept && !brotjeneste.state().down")
        await expect(here.page.locator("#notice")).to_be_hidden()
        assert here.bridge.joins == 2
        assert len(here.bridge.offers) == 1


async def test_media_that_no_restart_brings_back_gets_a_new_connection(browser: Browser, site: str) -> None:
    """Where the bridge answers and nothing else does for five seconds, it is offered another one."""
    async with visit(browser, site, admitted()) as here:
        first = await in_a_call(here)
        await here.page.evaluate("() => window.farEnds[0].close()")
        again = await here.bridge.expect(messages.Offer)
        assert FINGERPRINT.findall(again.sdp) != FINGERPRINT.findall(first.sdp)
        await here.until(f"brotjeneste.state().pc !== window.kept && {CONNECTED}")
        # On a busy machine the page may not wait for an answer and join once more, each time with an offer.
        assert len(here.bridge.offers) <= 1 + here.bridge.joins


# Signs that the network is away, as soon as media cannot live on and before the bridge has said that it is there.
SIGNS: Final = """() => new Promise((done) => {
    window.kept.getSenders()[0].transport.onstatechange = () => {
        for (let sign = 0; sign < 3; sign += 1) window.dispatchEvent(new Event("offline"));
        setTimeout(done, 500);
    };
    window.farEnds[0].close();
})"""


async def test_signs_that_come_together_make_one_new_connection(browser: Browser, site: str) -> None:
    """Three find the same connection without a way; two leave alone what the first has brought."""
    async with visit(browser, site, admitted()) as here:
        await in_a_call(here)
        await here.page.evaluate(SIGNS)
        await here.until(f"brotjeneste.state().pc !== window.kept && {CONNECTED}")
        assert len(here.bridge.offers) <= 1 + here.bridge.joins


RESTARTS: Final = """(sdp) => import('/static/js/way.js').then(({ answerFor }) =>
    [0, 1, 2, 1000].map((count) => answerFor(sdp, count).split('\\r\\n')))"""


async def test_the_bridges_answer_is_applied_again_as_another_one(browser: Browser, site: str) -> None:
    """Another name, and paths that rank above those of before, below a browser's own; only the first are dear."""
    lines = (
        "a=ice-ufrag:0a1/",
        "a=ice-pwd:x/y",
        f"a=candidate:1 1 udp {126 << 24} 10.0.0.1 4000 typ host",
        "a=mid:0",
    )
    async with in_a_page(browser, site) as page:
        found = await page.evaluate(RESTARTS, "\r\n".join(lines))
    assert [name for name, *_ in found] == [
        "a=ice-ufrag:0a1/",
        "a=ice-ufrag:0a1//1",
        "a=ice-ufrag:0a1//2",
        "a=ice-ufrag:0a1//1000",
    ]
    assert {(password, mid) for _, password, _, mid in found} == {("a=ice-pwd:x/y", "a=mid:0")}
    candidates = [path.split() for _, _, path, _ in found]
    ranks = [(int(words[3]) - (126 << 24)) >> 16 for words in candidates]
    assert ranks == [0, 1, 2, 200]
    assert [words[8:] for words in candidates] == [["network-cost", "999"], [], [], []]


async def muted_without_a_line(here: Visit) -> None:
    """In a call, muted, and the bridge cannot be reached."""
    await in_a_call(here)
    await here.page.keyboard.press("m")
    assert (await here.bridge.expect(messages.SelfMute)).muted
    here.bridge.change("p_me", muted=True)
    assert here.bridge.socket is not None
    here.bridge.deaf_connections = 1000
    await here.bridge.socket.close()
    await here.until("brotjeneste.state().down")


NOTICE: Final = "#notice"
SOUND: Final = "brotjeneste.state().pc.getSenders()[0].track.enabled"


async def test_who_unmutes_without_a_line_is_heard_when_it_is_back(browser: Browser, site: str) -> None:
    """The page says that it will be so, is silent until the bridge agrees, and says that it is."""
    async with visit(browser, site, admitted()) as here:
        await muted_without_a_line(here)
        await here.page.keyboard.press("m")
        await expect(here.page.locator(NOTICE)).to_contain_text("blir slått på når den er tilbake")
        assert await here.page.evaluate(SOUND) is False
        here.bridge.deaf_connections = 0
        assert (await here.bridge.expect(messages.SelfMute)).muted is False
        here.bridge.change("p_me", muted=False)
        await here.until(SOUND)
        await expect(here.page.locator(NOTICE)).to_have_text("Mikrofonen er på")


@pytest.mark.parametrize("why", ["pressed again", "forbidden"])
async def test_nobody_is_heard_against_what_the_page_said_last(browser: Browser, site: str, why: str) -> None:
    """Who pressed a second time wants silence after all, and what the host forbids stays forbidden."""
    async with visit(browser, site, admitted()) as here:
        await muted_without_a_line(here)
        await here.page.keyboard.press("m")
        await expect(here.page.locator(NOTICE)).to_contain_text("blir slått på når den er tilbake")
        if why == "pressed again":
            await here.page.keyboard.press("m")
            await expect(here.page.locator("#polite")).to_contain_text("Mikrofonen er av")
        else:
            here.bridge.people = [DOCTOR, ME | {"muted": True, "may_unmute": False}]
        revision, here.bridge.deaf_connections = here.bridge.revision, 0
        await here.until(f"!brotjeneste.state().down && brotjeneste.state().roster.revision > {revision}")
        if why == "forbidden":
            await expect(here.page.locator(NOTICE)).to_contain_text("Bare legen kan slå den på igjen")
        assert await here.page.evaluate(SOUND) is False
        assert not [one for one in here.bridge.sent if isinstance(one, messages.SelfMute) and not one.muted]


# Looks at how many packets have come: (ms, packets). The last of each is when they are found to have stopped.
STALLS: Final = {
    "short": ([(0, 0), (200, 20), (400, 40), (600, 40), (750, 40)], []),
    "once": ([(0, 0), (200, 20), (400, 40), (600, 40), (800, 40), (3000, 40)], [800]),
    "again": ([(0, 0), (200, 20), (400, 20), (800, 20), (1000, 40), (1200, 40), (1400, 40)], [800, 1400]),
    "slept": ([(0, 0), (200, 20), (400, 40), (10_400, 40)], [10_400]),
    "nearly silent": ([(0, 0), (200, 2), (400, 4), (1500, 4), (5000, 4)], []),
    "never any": ([(0, 100), (200, 100), (1500, 100)], []),
}
# The same with when the newest had come, and how long after each look the next one is due.
PAUSES: Final = {
    "steady": ([(0, 0, 0), (200, 10, 190), (400, 20, 385)], [200, 200, 200]),
    "stopped": (
        [(0, 0, 0), (200, 20, 190), (400, 40, 210), (600, 40, 210), (610, 40, 210)],
        [200, 200, 200, 20, 200],
    ),
    "untold": ([(0, 0, None), (200, 20, None), (400, 40, None), (600, 40, None), (800, 40, None)], [200] * 5),
    "no such time": ([(0, 0, 9e9), (200, 20, 9e9), (400, 40, -9e9), (600, 40, -9e9)], [200, 200, 200, 200]),
}
FIND_PAUSES: Final = """(cases) => import('/static/js/flow.js').then(({ Flow }) => cases.map((looks) => {
    const flow = new Flow();
    return looks.map(([at, packets, newest]) => [flow.take(at, packets, newest ?? undefined), flow.pause(at)]);
}))"""
FIND_STALLS: Final = """(cases) => import('/static/js/flow.js').then(({ Flow }) => cases.map((looks) => {
    const flow = new Flow();
    return looks.filter(([at, packets]) => flow.take(at, packets)).map(([at]) => at);
}))"""
# Sockets that open, speak and close when the test says so.
DOUBT: Final = """() => import('/static/js/line.js').then(({ Line }) => {
    const made = [], told = [];
    window.WebSocket = class {
        static OPEN = 1;
        constructor() { made.push(this); }
        close() { this.closed = true; }
    };
    const line = new Line('ws://played');
    for (const name of ['open', 'text', 'away']) line.addEventListener(name, () => told.push(name));
    const states = () => made.map((one) => Boolean(one.closed));
    const seen = [];
    line.start();
    made[0].onopen();
    line.doubt();
    line.doubt();
    seen.push(states());
    made[0].onmessage({ data: '{}' });
    line.trust();
    seen.push(states());
    line.doubt();
    made[2].onopen();
    seen.push(states());
    made[2].onclose();
    line.stop();
    return { seen, told };
})"""
# How many sockets there are right after the first one broke unasked, in another line after it broke when asked,
# and after the second one broke as well.
BREAKS: Final = """() => import('/static/js/line.js').then(({ Line }) => {
    let made = [];
    window.WebSocket = class {
        static OPEN = 1;
        constructor() { made.push(this); }
        close() {}
    };
    const seen = [];
    for (const asked of [false, true]) {
        made = [];
        const line = new Line('ws://played');
        line.start();
        made[0].onopen();
        if (asked) line.hurry();
        made[0].onclose();
        seen.push(made.length);
        if (asked) {
            made[1].onopen();
            made[1].onclose();
            seen.push(made.length);
        }
        line.stop();
    }
    return seen;
})"""
FIND_TIMES: Final = """() => import('/static/js/line.js').then(({ backoff, patience }) => ({
    patience: [[0, 80], [0, 500], [1, 80], [20, 80], [0, null]].map((given) => patience(...given)),
    backoff: [0, 1, 5, 50].map((attempt) => [0, 0.5, 1].map((random) => backoff(attempt, random))),
}))"""


async def test_packets_that_stop_are_noticed(browser: Browser, site: str) -> None:
    """Many packets and then none for 0.4 s is a sign, once until more have come; few of them say nothing."""
    async with in_a_page(browser, site) as page:
        found = await page.evaluate(FIND_STALLS, [looks for looks, _ in STALLS.values()])
    assert dict(zip(STALLS, found, strict=True)) == {name: stalls for name, (_, stalls) in STALLS.items()}


async def test_the_next_look_is_when_they_would_have_stopped(browser: Browser, site: str) -> None:
    """What the browser tells of the newest packet is believed where it lies between two looks."""
    async with in_a_page(browser, site) as page:
        found = await page.evaluate(FIND_PAUSES, [looks for looks, _ in PAUSES.values()])
    assert {name: [pause for _, pause in looks] for name, looks in zip(PAUSES, found, strict=True)} == {
        name: pauses for name, (_, pauses) in PAUSES.items()
    }
    told = {name: [stopped for stopped, _ in looks] for name, looks in zip(PAUSES, found, strict=True)}
    assert {name: looks.index(True) for name, looks in told.items() if any(looks)} == {"stopped": 4, "untold": 4}


async def test_a_socket_that_breaks_when_asked_is_replaced_at_once(browser: Browser, site: str) -> None:
    """After a sign that the network is back; once, and not where it broke by itself."""
    async with in_a_page(browser, site) as page:
        assert await page.evaluate(BREAKS) == [1, 2, 2]


async def test_the_old_socket_stays_until_another_opens(browser: Browser, site: str) -> None:
    """Doubt opens one more; a word on the old one closes that, and the opening of the new one closes the old."""
    async with in_a_page(browser, site) as page:
        found = await page.evaluate(DOUBT)
    assert found["seen"] == [[False, False], [False, True], [True, True, False]]
    assert found["told"] == ["open", "text", "open", "away"]


async def test_attempts_are_short_at_first_and_lie_apart(browser: Browser, site: str) -> None:
    """An attempt may take some times what the quickest took; pauses grow to five seconds, with chance in them."""
    async with in_a_page(browser, site) as page:
        found = await page.evaluate(FIND_TIMES)
    assert found["patience"] == [400, 2000, 520, 10_000, 3000]
    assert found["backoff"] == [[100, 200, 300], [250, 500, 750], [2500, 5000, 7500], [2500, 5000, 7500]]


@asynccontextmanager
async def in_a_page(browser: Browser, site: str) -> AsyncIterator[Page]:
    """A page that can import the modules of the pages."""
    page = await browser.new_page()
    try:
        await page.goto(site + "/")
        yield page
    finally:
        await page.close()
