"""What the camera is sent in: sizes for what it is, what the bridge demands, and what tiles can show."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from signalling import messages
from tests.pages.house import PlayedBridge, Visit, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ME = person("p_me", "Aslaug Nordahl", "patient", you=True)
DOCTOR = person("p_doc", "Ingrid Berg", "doctor", host=True)
OFF = {"active": False}
SENDER = "brotjeneste.state().pc.getSenders()[1]"
SHARED = "brotjeneste.state().pc.getSenders()[2]"
LAST = f"{SENDER}.getParameters().encodings.at(-1)"
SHAPE = """([width, height, count, demand]) => import("/static/js/encodings.js")
  .then(({ ladder, shape }) => shape(ladder(width, height), count, demand))"""
LINES = """([box, picture, ratio]) => import("/static/js/viewport.js")
  .then(({ linesShown }) => linesShown(box, picture, ratio))"""


def admitted() -> PlayedBridge:
    """Play a room with the doctor in it, where one is admitted at once."""
    return PlayedBridge(place="admitted", people=[DOCTOR, ME])


def wish(*, active: bool = True, most: int | None = None) -> dict[str, Any]:
    """What the bridge wants of one encoding."""
    return {"active": active, "max_bitrate": most}


def sent(by: float, bits: int, *, active: bool = True) -> dict[str, Any]:
    """An encoding as the sender shall have it."""
    return {"active": active, "scaleResolutionDownBy": by, "maxBitrate": bits}


@pytest_asyncio.fixture(loop_scope="session")
async def modules(browser: Browser, site: str) -> AsyncIterator[Page]:
    """A page that does nothing but have the modules at hand."""
    page = await browser.new_page()
    await page.goto(f"{site}/")
    yield page
    await page.close()


@pytest.mark.parametrize(
    ("size", "count", "demand", "wanted"),
    [
        ((1280, 720), 3, None, [sent(4, 150_000), sent(2, 600_000), sent(1, 1_500_000)]),
        ((720, 1280), 3, None, [sent(4, 150_000), sent(2, 600_000), sent(1, 1_500_000)]),
        ((640, 360), 3, None, [sent(2, 150_000), sent(1, 1_000_000), OFF]),
        ((640, 480), 3, None, [sent(2, 150_000), sent(1, 1_000_000), OFF]),
        ((320, 240), 3, None, [sent(1, 500_000), OFF, OFF]),
        ((0, 0), 3, None, [sent(1, 500_000), OFF, OFF]),
        # A browser or a bridge without simulcast: the one that is left is the picture as it is.
        ((1280, 720), 1, None, [sent(1, 1_500_000)]),
        ((640, 360), 1, None, [sent(1, 1_000_000)]),
        ((640, 360), 1, [wish(most=250_000)], [sent(1, 250_000)]),
        # Demands take away and limit, and never add.
        (
            (1280, 720),
            3,
            [wish(), wish(active=False), wish(most=900_000)],
            [sent(4, 150_000), sent(2, 600_000, active=False), sent(1, 900_000)],
        ),
        (
            (1280, 720),
            3,
            [wish(most=9_000_000), wish(active=False, most=1), wish(active=False)],
            [sent(4, 150_000), sent(2, 1, active=False), sent(1, 1_500_000, active=False)],
        ),
        # What a small picture lacks is asked of the best that it has.
        (
            (640, 360),
            3,
            [wish(active=False), wish(active=False), wish(most=700_000)],
            [sent(2, 150_000, active=False), sent(1, 700_000), OFF],
        ),
        ((320, 240), 3, [wish(), wish(active=False), wish(active=False)], [sent(1, 500_000), OFF, OFF]),
        (
            (640, 360),
            3,
            [wish(active=False)] * 3,
            [sent(2, 150_000, active=False), sent(1, 1_000_000, active=False), OFF],
        ),
        # A demand that is too short, as of another connection, leaves the rest as it is.
        (
            (1280, 720),
            3,
            [wish(active=False)],
            [sent(4, 150_000, active=False), sent(2, 600_000), sent(1, 1_500_000)],
        ),
        ((1280, 720), 3, [], [sent(4, 150_000), sent(2, 600_000), sent(1, 1_500_000)]),
    ],
)
async def test_encodings_follow_the_size_and_the_demand(
    modules: Page,
    size: tuple[int, int],
    count: int,
    demand: list[dict[str, Any]] | None,
    wanted: list[dict[str, Any]],
) -> None:
    """Browsers drop the sharpest of too many encodings: a smaller picture has fewer. A demand takes from those."""
    assert await modules.evaluate(SHAPE, [*size, count, demand]) == wanted


async def test_lines_follow_the_box_the_picture_and_the_screen(modules: Page) -> None:
    """A picture fits into its box whole; 30 lines are the step, and a box without size still has one."""
    for box, picture, ratio, lines in (
        ((640, 400), (0, 0), 1, 360),
        ((640, 340), (1280, 720), 1, 360),
        ((640, 340), (1280, 720), 2, 690),
        ((400, 700), (360, 640), 1, 720),
        ((400, 700), (1280, 720), 1, 240),
        ((0, 0), (1280, 720), 1, 30),
        ((99_999, 99_999), (640, 640), 3, 4320),
    ):
        sides = [{"width": side[0], "height": side[1]} for side in (box, picture)]
        assert await modules.evaluate(LINES, [*sides, ratio]) == lines


async def test_the_camera_is_offered_in_three_encodings_lowest_first(browser: Browser, site: str) -> None:
    """The offer has the three in their order; content has one; FlexFEC is offered for what is received."""
    async with visit(browser, site, admitted()) as here:
        offer = await here.come_in()
        parts = dict(re.findall(r"m=video .*?a=mid:(\S+)\r\n(.*?)(?=m=|\Z)", offer.sdp, re.DOTALL))
        assert re.findall(r"a=rid:(\S+) send", parts[offer.sources.camera or ""]) == ["l", "m", "h"]
        assert "a=simulcast:send " in parts[offer.sources.camera or ""]
        assert "a=rid:" not in parts[offer.sources.content or ""]
        assert "flexfec-03/90000" in parts["6"]


async def encodings(here: Visit) -> list[dict[str, Any]]:
    """What the camera's sender is set to."""
    found: list[dict[str, Any]] = await here.page.evaluate(f"{SENDER}.getParameters().encodings")
    return found


async def test_an_answer_without_simulcast_leaves_the_whole_picture(browser: Browser, site: str) -> None:
    """The one encoding that is left was the smallest; it is made as large as the camera."""
    async with visit(browser, site, admitted()) as here:
        await here.come_in()
        await here.until(f"{LAST}.scaleResolutionDownBy === 1 && {LAST}.maxBitrate >= 500000")
        assert len(await encodings(here)) == 1


async def test_demands_are_followed_without_an_offer(browser: Browser, site: str) -> None:
    """The last of several counts, however close they follow; a source that is not there is passed over."""
    bridge = admitted()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        for most in (300_000, 250_000, 200_000):
            bridge.push(
                "demand", leg=bridge.leg, source="camera", encodings=[{"active": True, "max_bitrate": most}]
            )
        bridge.push("demand", leg=bridge.leg, source="mic", encodings=[{"active": False, "max_bitrate": None}])
        await here.until(f"{LAST}.maxBitrate === 200000")
        bridge.push("demand", leg=bridge.leg, source="camera", encodings=[{"active": False, "max_bitrate": None}])
        await here.until(f"!{LAST}.active")
        assert len(bridge.offers) == 1


async def test_who_waits_sends_nothing(browser: Browser, site: str) -> None:
    """Neither sound nor picture, though there is a connection; both once somebody is in; none when out again."""
    bridge = PlayedBridge(people=[person("p_me", "Aslaug Nordahl", "patient", you=True, place="waiting")])
    active = """brotjeneste.state().pc.getSenders().slice(0, 3)
      .map((one) => one.getParameters().encodings.some((each) => each.active))"""
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.until(f"!{active}.includes(true)")
        for place, word in (("admitted", "true"), ("waiting", "false"), ("admitted", "true")):
            bridge.change("p_me", place=place)
            await here.until(f"{active}.every((one) => one === {word})")
        assert len(bridge.offers) == 1


async def test_another_codec_is_sent_without_an_offer(browser: Browser, site: str) -> None:
    """What is of another leg, or was not agreed, changes nothing.

    Chromium takes it for a camera only where the answer takes simulcast, which that of the far end here does not.
    """
    bridge = admitted()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        assert bridge.offers[0].switches
        agreed = await here.page.evaluate(f"{SHARED}.getParameters().codecs")
        h264 = [one for one in agreed if one["mimeType"] == "video/H264"]
        bridge.push("codec", leg="1", source="content", payload_type=h264[-1]["payloadType"])
        bridge.push("codec", leg=bridge.leg, source="content", payload_type=1)
        for wanted in (h264[0], agreed[0]):
            bridge.push("codec", leg=bridge.leg, source="content", payload_type=wanted["payloadType"])
            name, form = wanted["mimeType"], wanted.get("sdpFmtpLine", "")
            chosen = f"(one) => one.codec?.mimeType === '{name}' && (one.codec.sdpFmtpLine ?? '') === '{form}'"
            await here.until(f"{SHARED}.getParameters().encodings.every({chosen})")
        assert len(bridge.offers) == 1


async def test_a_camera_that_is_off_stays_off(browser: Browser, site: str) -> None:
    """A demand is no reason to switch a camera on; when its owner does, the demand holds."""
    bridge = admitted()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.keyboard.press("v")
        assert (await bridge.expect(messages.Camera)).on is False
        await here.until("brotjeneste.state().pc.getSenders()[1].track === null")
        bridge.change("p_me", camera=False)
        bridge.push(
            "demand", leg=bridge.leg, source="camera", encodings=[{"active": True, "max_bitrate": 222_000}]
        )
        bridge.change("p_me", camera=False)
        await here.until(f"brotjeneste.state().roster.revision >= {bridge.revision}")
        assert await here.page.evaluate("brotjeneste.state().pc.getSenders()[1].track") is None
        await here.page.keyboard.press("v")
        assert (await bridge.expect(messages.Camera)).on is True
        await here.until(f"{LAST}.maxBitrate === 222000")
        assert len(bridge.offers) == 1


async def test_the_bridge_hears_how_large_tiles_are(browser: Browser, site: str) -> None:
    """A tile with a slot is told by its mid; a larger window, and a new line to the bridge, tell it anew."""
    bridge = admitted()
    async with visit(browser, site, bridge, size=(800, 600)) as here:
        await here.come_in()
        bridge.push("layout", slots=[{"mid": "6", "participant": "p_doc", "source": "camera"}])
        (small,) = (await bridge.expect(messages.Viewport)).slots
        assert small.mid == "6"
        await here.page.set_viewport_size({"width": 1600, "height": 1200})
        (large,) = (await bridge.expect(messages.Viewport)).slots
        assert (large.mid, large.height > small.height) == ("6", True)
        bridge.push("bye", code="restarting", message="Back soon.")
        bridge.push("layout", slots=[{"mid": "6", "participant": "p_doc", "source": "camera"}])
        assert (await bridge.expect(messages.Viewport)).slots == [large]
