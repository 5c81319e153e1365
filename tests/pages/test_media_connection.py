"""The media connection: one offer with all slots, no renegotiation, and ways back when a line breaks."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import PlayedBridge, person, visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ME = person("p_me", "Aslaug Nordahl", "patient", you=True)
DOCTOR = person("p_doc", "Ingrid Berg", "doctor", host=True)
# What the page sees of pictures that come, all of which grows.
LOOKED_AT = ("came", "lost", "again", "asked", "whole", "waitedMs")
CONNECTED = "brotjeneste.state().pc?.connectionState === 'connected'"


def media_lines(sdp: str) -> list[tuple[str, str, str]]:
    """Give (kind, direction, mid) of each m-line."""
    parts = sdp.split("\r\nm=")[1:]
    found = [
        re.search(r"^(\w+) .*\r\na=mid:(\S+)\r\n.*?a=(sendonly|recvonly|sendrecv|inactive)", part, re.DOTALL)
        for part in parts
    ]
    return [(match[1], match[3], match[2]) for match in found if match]


def admitted(*, media: bool = False) -> PlayedBridge:
    """Play a room with the doctor in it, where one is admitted at once."""
    return PlayedBridge(place="admitted", people=[DOCTOR, ME], media=media)


async def fake_screen(page: Page) -> None:
    """Give a painted screen to getDisplayMedia: a headless browser has none."""
    await page.add_init_script(
        "navigator.mediaDevices.getDisplayMedia = async () => document.createElement('canvas').captureStream(5);",
    )


async def test_the_first_offer_holds_every_slot_in_order(browser: Browser, site: str) -> None:
    """Mic, camera and content first, then audio, video and content slots as many as `welcome` says."""
    bridge = admitted()
    bridge.slots = {"audio": 2, "video": 4, "content": 1}
    async with visit(browser, site, bridge) as here:
        offer = await here.come_in()
        lines = media_lines(offer.sdp)
        sent, received = lines[:3], lines[3:]
        assert [line[:2] for line in sent] == [("audio", "sendonly"), ("video", "sendonly"), ("video", "sendonly")]
        assert [line[0] for line in received] == ["audio"] * 2 + ["video"] * 5
        assert {line[1] for line in received} == {"recvonly"}
        assert [line[2] for line in sent] == [offer.sources.mic, offer.sources.camera, offer.sources.content]
        assert offer.sdp.count("a=group:BUNDLE") == 1


async def test_vp8_comes_first_in_both_directions(browser: Browser, site: str) -> None:
    """The first payload type of every video m-line is VP8."""
    bridge = admitted()
    async with visit(browser, site, bridge) as here:
        offer = await here.come_in()
        for part in re.split(r"\r\nm=", offer.sdp)[1:]:
            if part.startswith("video"):
                first = part.split()[3]
                assert f"a=rtpmap:{first} VP8/90000" in part


async def test_sharing_a_screen_and_stopping_make_no_new_offer(browser: Browser, site: str) -> None:
    """The shared track goes on the content sender, with `sharing` to the bridge, and nothing is renegotiated."""
    bridge = admitted()
    async with visit(browser, site, bridge, prepare=fake_screen) as here:
        await here.come_in()
        await here.page.get_by_role("button", name="Del skjerm").click()
        assert (await bridge.expect(messages.Sharing)).on is True
        bridge.change("p_me", sharing=True)
        await here.until("brotjeneste.state().pc.getTransceivers()[2].sender.track?.readyState === 'live'")
        await here.page.get_by_role("button", name="Stopp deling").click()
        assert (await bridge.expect(messages.Sharing)).on is False
        await here.until("brotjeneste.state().pc.getTransceivers()[2].sender.track === null")
        assert len(bridge.offers) == 1


async def test_one_shares_at_a_time(browser: Browser, site: str) -> None:
    """Who comes too late is told, before a screen is chosen or, where it was close, after it; nothing looks so."""
    bridge = admitted()
    async with visit(browser, site, bridge, prepare=fake_screen) as here:
        await here.come_in()
        share, told = here.page.get_by_role("button", name="Del skjerm"), here.page.locator("#notice")
        bridge.refusals["sharing"] = "wrong_state"
        await share.click()
        assert (await bridge.expect(messages.Sharing)).on is True
        await expect(told).to_contain_text("Noen andre deler nå")
        await expect(share).to_be_visible()
        await here.until("brotjeneste.state().pc.getTransceivers()[2].sender.track === null")
        bridge.refusals.clear()
        await here.page.evaluate("document.getElementById('notice').textContent = ''")
        bridge.change(DOCTOR["participant"], sharing=True)
        await here.until("brotjeneste.state().roster.people.some((each) => each.sharing)")
        await share.click()
        await expect(told).to_contain_text("Noen andre deler nå")
        await expect(share).to_be_visible()


async def test_mute_and_camera_off_are_local_at_once_and_told(browser: Browser, site: str) -> None:
    """M silences the microphone, V releases the camera, each with its message and without a new offer."""
    bridge = admitted()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.keyboard.press("m")
        assert (await bridge.expect(messages.SelfMute)).muted is True
        await here.until("brotjeneste.state().pc.getSenders()[0].track.enabled === false")
        await here.page.keyboard.press("v")
        assert (await bridge.expect(messages.Camera)).on is False
        await here.until("brotjeneste.state().pc.getSenders()[1].track === null")
        await expect(here.page.get_by_role("button", name="Slå på kamera")).to_be_visible()
        assert len(bridge.offers) == 1


async def test_a_mute_by_the_host_holds_until_the_host_lifts_it(browser: Browser, site: str) -> None:
    """A locked microphone stays silent whatever is pressed, and says so."""
    bridge = admitted()
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bridge.change("p_me", muted=True, may_unmute=False)
        await here.until("brotjeneste.state().pc.getSenders()[0].track.enabled === false")
        await here.page.keyboard.press("m")
        await expect(here.page.locator("#notice")).to_contain_text("Bare legen kan slå den på igjen")
        assert await here.page.evaluate("brotjeneste.state().pc.getSenders()[0].track.enabled") is False
        bridge.change("p_me", muted=False, may_unmute=True)
        await here.until("brotjeneste.state().pc.getSenders()[0].track.enabled === true")
        assert not [each for each in bridge.sent if isinstance(each, messages.SelfMute)]


async def test_a_broken_socket_is_opened_again_with_the_media_kept(browser: Browser, site: str) -> None:
    """The page says that it reconnects, joins with its secret, and goes on with the connection that it had."""
    bridge = admitted(media=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await bridge.expect(messages.Join)
        await here.until(CONNECTED)
        await here.page.evaluate("() => { window.kept = brotjeneste.state().pc; }")
        await here.shows(".tile[data-key=p_doc]")
        await here.page.evaluate("() => { window.tile = document.querySelector('.tile[data-key=p_doc]'); }")
        assert bridge.socket is not None
        await bridge.socket.close()
        await expect(here.page.locator("#notice")).to_contain_text("Kobler til på nytt")
        assert (await bridge.expect(messages.Join)).resume == "resume-secret"
        await expect(here.page.locator("#notice")).to_be_hidden()
        await here.until(f"brotjeneste.state().pc === window.kept && {CONNECTED}")
        assert len(bridge.offers) == 1
        assert await here.page.evaluate("window.tile.isConnected")  # the picture was never taken away


async def test_a_bridge_that_lost_the_leg_gets_a_new_connection(browser: Browser, site: str) -> None:
    """If the bridge has no leg for it any more after a reconnect, a new connection is made and offered."""
    bridge = admitted(media=True)
    async with visit(browser, site, bridge) as here:
        first = await here.come_in()
        await here.until(CONNECTED)
        await here.page.evaluate("() => { window.old = brotjeneste.state().pc; }")
        bridge.leg = None
        bridge.push("bye", code="restarting", message="Back soon.")
        fresh = await bridge.expect(messages.Offer)
        assert re.findall(r"a=fingerprint:.*", fresh.sdp) != re.findall(r"a=fingerprint:.*", first.sdp)
        await here.until(f"brotjeneste.state().pc !== window.old && {CONNECTED}")


async def test_a_link_that_fails_at_the_start_is_tried_again(browser: Browser, site: str) -> None:
    """A bridge that restarts while somebody enters is not the end of the visit."""
    bridge = PlayedBridge(refuse_join="restarting", people=[ME], place="admitted")
    async with visit(browser, site, bridge) as here:
        await here.enter()
        await bridge.expect(messages.Join)
        bridge.refuse_join = None
        await here.until("brotjeneste.state().place === 'admitted'")
        assert bridge.joins == 2


async def test_pin_is_told_and_shown_large(browser: Browser, site: str) -> None:
    """A pinned person is shown large, the bridge hears of it, and a second press undoes it."""
    bridge = admitted()
    bridge.people.insert(1, person("p_int", "Samir", "interpreter"))
    async with visit(browser, site, bridge) as here:
        await here.enter()
        await here.page.get_by_role("button", name="Vis stort: Samir").click()
        assert (await bridge.expect(messages.Pin)).participant == "p_int"
        await expect(here.page.locator("#stage-large .tile[data-key=p_int]")).to_be_visible()
        await here.page.get_by_role("button", name="Vis vanlig: Samir").click()
        assert (await bridge.expect(messages.Pin)).participant is None
        await expect(here.page.locator("#stage-large .tile")).to_have_count(0)


async def test_shared_content_is_shown_large(browser: Browser, site: str) -> None:
    """What somebody shares takes the large place, from the content slot that `layout` names."""
    bridge = admitted(media=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        bridge.change("p_doc", sharing=True)
        bridge.push("layout", slots=[{"mid": "9", "participant": "p_doc", "source": "content"}])
        await here.until("document.querySelector('#stage-large .tile.content.seen')")
        bridge.change("p_doc", sharing=False)
        await expect(here.page.locator("#stage-large .tile")).to_have_count(0)


@pytest.mark.parametrize(
    ("loss", "round_trip_ms", "buffer_ms"),
    [
        (0, 40, None),
        (0.009, 40, None),
        (0.1, 0, None),
        (0.02, 40, 110),
        (0.1, 40, 130),
        (0.1, 20, 80),
        (1, 300, 130),
    ],
)
async def test_pictures_wait_for_their_repair_where_packets_are_lost(
    browser: Browser, site: str, loss: float, round_trip_ms: float, buffer_ms: float | None
) -> None:
    """The buffer follows loss and round trip up to its bound, and is the browser's own on a good link."""
    async with visit(browser, site, admitted()) as here:
        script = "([loss, trip]) => import('/static/js/buffer.js').then((one) => one.bufferFor(loss, trip))"
        assert await here.page.evaluate(script, [loss, round_trip_ms]) == buffer_ms


@pytest.mark.parametrize(
    ("change", "buffer_ms"),
    [
        ({"came": 500, "whole": 100, "waitedMs": 150}, None),
        # Of 500 packets 50 were lost before the bridge, and each kept a picture waiting for some 50 ms.
        ({"came": 500, "asked": 50, "whole": 100, "waitedMs": 2_500}, 140),
        # As many were overtaken: what the browser holds back of its own accord is enough.
        ({"came": 500, "asked": 50, "whole": 100, "waitedMs": 1_200, "jitterMs": 11}, None),
        # A thin link: pictures take their time, and hardly anything is missing.
        ({"came": 500, "asked": 4, "whole": 100, "waitedMs": 4_000}, None),
        ({"came": 450, "lost": 50, "asked": 50, "whole": 100, "waitedMs": 2_500}, 130),
        # The bridge sends pictures twice, of which hardly one waits for longer than the second takes.
        ({"came": 490, "lost": 10, "again": 490, "asked": 12, "whole": 100, "waitedMs": 700}, 60),
        # Where a tenth is lost, a hundredth is lost twice.
        ({"came": 450, "lost": 50, "again": 570, "asked": 30, "whole": 100, "waitedMs": 1_200}, 130),
        # Sent twice, and lost before the bridge as well.
        ({"came": 490, "lost": 10, "again": 490, "asked": 60, "whole": 100, "waitedMs": 2_500}, 130),
        # A browser that does not tell how long pictures take.
        ({"came": 500, "asked": 50}, None),
    ],
)
async def test_pictures_wait_for_what_is_repaired_before_the_bridge(
    browser: Browser, site: str, change: dict[str, int], buffer_ms: float | None
) -> None:
    """What comes late is no loss of the receiver's; that pictures wait for it is what shows."""
    before = {**dict.fromkeys(LOOKED_AT, 1_000), "jitterMs": 0}
    after = {name: value + change.get(name, 0) for name, value in before.items()}
    async with visit(browser, site, admitted()) as here:
        script = """([a, b]) => import('/static/js/buffer.js').then(
            (one) => one.bufferBetween(a, b, 40, one.copiedBetween(a, b)))"""
        assert await here.page.evaluate(script, [before, after]) == buffer_ms


@pytest.mark.parametrize(
    ("changes", "buffer_ms"),
    [
        ([{}] * 20, None),
        # Two of 125 packets, a moment ago: over all looks, too few to be believed.
        ([*[{}] * 18, {"lost": 1}, {"lost": 1}], 110),
        ([*[{}] * 10, {"lost": 2}, *[{}] * 9], None),
        # One is an accident.
        ([*[{}] * 18, {"lost": 1}, {}], None),
        ([*[{}] * 18, {"asked": 3, "waitedMs": 90}, {"asked": 3, "waitedMs": 90}], 120),
        # The same, but copies of all that comes have begun to come meanwhile.
        ([*[{}] * 18, {"lost": 1, "again": 25}, {"lost": 1, "again": 26}], 60),
        # Two seconds without a loss: the copies have ended, and half of what was lost is still remembered.
        ([{}, *[{"lost": 1, "again": 26}] * 8, *[{"again": 25}] * 8, *[{}] * 3], 60),
        # As a link begins that is bad from the first packet on.
        ([{}, {"lost": 2}], 120),
    ],
)
async def test_pictures_wait_at_once_where_a_link_becomes_bad(
    browser: Browser, site: str, changes: list[dict[str, int]], buffer_ms: float | None
) -> None:
    """What the last second has shown is not waited for to show in four."""
    looks = [{**dict.fromkeys(LOOKED_AT, 1_000), "jitterMs": 0}]
    for change in changes:
        usual = {"came": 25, "whole": 5, "waitedMs": 10}
        grown = {name: value + usual.get(name, 0) + change.get(name, 0) for name, value in looks[-1].items()}
        looks.append(grown)
    async with visit(browser, site, admitted()) as here:
        script = "(looks) => import('/static/js/buffer.js').then((one) => one.bufferAfter(looks, 40))"
        assert await here.page.evaluate(script, looks) == buffer_ms


@pytest.mark.parametrize(
    ("told", "jitter_ms", "lost"),
    [
        pytest.param([0, 0, 3], 2, 3, id="in order: at once"),
        pytest.param([0, 2, 3], 9, 2, id="it varies: at the next look"),
        pytest.param([0, 2, 1, 3, 2, 2, 3], 14, 0, id="taken back: they were only late"),
        pytest.param([5, 4, *range(5, 20)], 14, 10, id="lost as well: the least of two seconds"),
        pytest.param([1, 3, 2, 3, 2], 2, 1, id="taken back, whatever the jitter is now"),
        pytest.param([4], 9, 4, id="the first look"),
    ],
)
async def test_what_is_late_does_not_count_as_lost(
    browser: Browser, site: str, told: list[int], jitter_ms: float, lost: int
) -> None:
    """Of what is taken back later, the least counts that was told in two seconds."""
    async with visit(browser, site) as here:
        script = "([told, jitter]) => import('/static/js/buffer.js').then((one) => one.lostBy(told, jitter))"
        assert await here.page.evaluate(script, [told, jitter_ms]) == lost


async def test_what_came_again_is_told_from_what_came(browser: Browser, site: str) -> None:
    """The browser counts repairs among what came; shares are of packets that were sent the first time."""
    row = {"type": "inbound-rtp", "kind": "video", "packetsReceived": 190, "retransmittedPacketsReceived": 90}
    async with visit(browser, site) as here:
        script = """(row) => import('/static/js/buffer.js').then((one) => {
            const [before, after] = [{ ...row, packetsReceived: 0, retransmittedPacketsReceived: 0 }, row].map(
                (each) => one.lookAt(new Map([["it", { ...each, packetsLost: 0 }]])));
            return [after.came, after.again, one.copiedBetween(before, after), one.copiedBetween(after, after)];
        })"""
        assert await here.page.evaluate(script, row) == [100, 90, 0.9, 0]


async def test_the_page_reports_what_only_it_knows(browser: Browser, site: str) -> None:
    """While there is a connection, the bridge hears of pictures shown and of what holds the camera back."""
    bridge = admitted(media=True)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.until(CONNECTED)

        def shows_pictures(report: messages.Report) -> bool:
            return any((slot.frames_per_second or 0) > 1 and slot.width for slot in report.slots)

        report = await bridge.expect(messages.Report, shows_pictures)
        cameras = [source for source in report.sources if source.source is messages.SourceName.CAMERA]
        assert len(cameras) == 1
        assert {slot.mid for slot in report.slots} <= {str(mid) for mid in range(3, 10)}
