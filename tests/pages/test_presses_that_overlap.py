"""What is pressed while an earlier press is still under way: the last wish holds, and nothing is done twice.

Devices are held back by the test (`GATE`): the page has asked for them, and they come when the test lets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from signalling import messages
from tests.pages.house import PlayedBridge, Visit, person, visit, with_a_clock
from tests.pages.sealed import KeyPair
from tests.pages.test_on_duty import on_duty

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
DOCTOR = person("p_doc", "Ingrid Berg", "doctor", host=True)
ME = person("p_me", "Aslaug Nordahl", "patient", you=True)
# `gate.tracks` are all cameras and screens that the page was given; while `gate.shut`, what is asked for waits.
GATE: Final = """(() => {
    const { mediaDevices } = navigator;
    const given = (stream) => {
        window.gate.tracks.push(...stream.getVideoTracks());
        return stream;
    };
    const through = (ask) => async (wish) => {
        if (window.gate.shut && wish.video) {
            await new Promise((go) => { window.gate.asked += 1; window.gate.waiting.push(go); });
        }
        return given(await ask(wish));
    };
    window.gate = { shut: false, asked: 0, waiting: [], tracks: [], open() {
        this.shut = false;
        for (const go of this.waiting.splice(0)) go();
    } };
    mediaDevices.getUserMedia = through(mediaDevices.getUserMedia.bind(mediaDevices));
    mediaDevices.getDisplayMedia = through(async () => document.createElement("canvas").captureStream(5));
})()"""
OPEN: Final = """async () => {
    const before = gate.tracks.length;
    gate.open();
    while (gate.tracks.length === before) await new Promise((done) => setTimeout(done, 10));
    await new Promise((done) => setTimeout(done, 50));
}"""
# A connection that is closed while it is asked for something, and then another one.
STUCK: Final = """async (left_pending) => {
    const { Peer } = await import("/static/js/peer.js");
    const soon = (promise) => Promise.race([
        promise.then(() => true), new Promise((done) => setTimeout(() => done(false), 2000))]);
    const picture = () => document.createElement("canvas").captureStream(5).getVideoTracks()[0];
    const tracks = { mic: null, camera: picture(), content: null };
    const other = new RTCPeerConnection();
    const offer = async ({ sdp }) => {
        await other.setRemoteDescription({ type: "offer", sdp });
        await other.setLocalDescription();
        return { type: "answer", sdp: other.localDescription.sdp, leg: 1 };
    };
    const peer = new Peer({ tracks }, offer);
    const welcome = { ice_servers: [], slots: [], leg: 2 };
    await peer.joined(welcome).catch(() => {});
    const sender = peer.pc.getSenders().find((each) => each.track);
    const asked = new Promise((done) => {
        sender[left_pending] = () => { done(); return new Promise(() => {}); };
    });
    peer.hold(false);
    tracks.camera = picture();
    peer.syncTracks();
    const first = await soon(asked);
    await peer.joined(welcome).catch(() => {});
    tracks.camera = picture();
    const put = await soon(peer.syncTracks());
    const next = peer.pc.getSenders().find((each) => each.track === tracks.camera);
    // Held back, and sent again, by way of the same parameters.
    const active = () => next?.getParameters().encodings.some((each) => each.active);
    const becomes = async (wanted) => {
        peer.hold(!wanted);
        for (let tries = 0; tries < 100 && active() !== wanted; tries += 1) {
            await new Promise((done) => setTimeout(done, 20));
        }
        return active() === wanted;
    };
    return { first, put, shaped: await becomes(false) && await becomes(true) };
}"""
LIVE: Final = "gate.tracks.filter((track) => track.readyState === 'live').length"


async def gated(page: Page) -> None:
    """Have the page's cameras and screens wait for the test."""
    await page.add_init_script(GATE)


@dataclass
class SlowToMute(PlayedBridge):
    """A bridge that has not answered who mutes themselves yet."""

    @property
    def _unanswered(self) -> tuple[type[messages.ClientMessage], ...]:
        return (*super()._unanswered, messages.SelfMute)


async def shut(here: Visit) -> None:
    """Let nothing through from now on."""
    await here.page.evaluate("gate.shut = true")


async def asks(here: Visit, times: int = 1) -> None:
    """Wait until the page has asked so often for what does not come."""
    await here.until(f"gate.asked >= {times}")


@pytest.mark.parametrize("no", ["while it opens", "while it turns"])
async def test_a_camera_that_comes_after_the_no_is_let_go(browser: Browser, site: str, no: str) -> None:
    """Who says no to a picture, while the camera for it is still to come, has no camera that looks."""
    bridge = PlayedBridge(place="admitted", people=[DOCTOR, ME])
    async with visit(browser, site, bridge, prepare=gated) as here:
        await here.come_in()
        await here.page.keyboard.press("v")
        await here.until(f"{LIVE} === 0")
        if no == "while it opens":
            await shut(here)
        bridge.push("still", still="t_1", asker="p_doc", participant="p_me", state="asked", key=KeyPair().text)
        dialog = here.page.locator("#dialog-still")
        await expect(dialog).to_be_visible()
        if no == "while it turns":
            await here.until(f"{LIVE} === 1")
            await shut(here)
            turn = "[...document.querySelectorAll('#dialog-still .answers button')][1]"
            await here.until(f"{turn}.getAttribute('aria-disabled') === 'false'")
            await here.page.evaluate(f"{turn}.click()")
        await asks(here)
        await here.page.keyboard.press("Escape")
        await here.bridge.expect(messages.AnswerStill)
        await here.page.evaluate(OPEN)
        assert await here.page.evaluate(LIVE) == 0


@pytest.mark.parametrize("meanwhile", ["sent to wait", "the end"])
async def test_a_screen_that_is_picked_too_late_is_not_shared(browser: Browser, site: str, meanwhile: str) -> None:
    """Neither now nor in the next call, to which nobody has asked for it."""
    bridge = PlayedBridge(place="admitted", people=[DOCTOR, ME])
    async with visit(browser, site, bridge, prepare=gated) as here:
        await here.come_in()
        before = await here.page.evaluate(LIVE)
        await shut(here)
        await here.page.click("#control-share")
        await asks(here)
        if meanwhile == "the end":
            bridge.push("bye", code="ended", message="Ended in a test.")
            await here.until("brotjeneste.state().screen === 'end'")
            before = 0
        else:
            bridge.change("p_me", place="waiting")
            await here.until("brotjeneste.state().place === 'waiting'")
        await here.page.evaluate(OPEN)
        await here.until(f"{LIVE} === {before}")
        if meanwhile != "the end":
            bridge.change("p_me", place="admitted")
            await here.until("brotjeneste.state().place === 'admitted'")
        await here.page.evaluate("() => new Promise((done) => setTimeout(done, 50))")
        assert not [one for one in bridge.sent if isinstance(one, messages.Sharing)]


async def test_the_camera_is_told_while_the_microphone_is_under_way(browser: Browser, site: str) -> None:
    """What the bridge is told of a camera does not wait for its answer about the microphone."""
    bridge = SlowToMute(place="admitted", people=[DOCTOR, ME])
    async with visit(browser, site, bridge, prepare=with_a_clock) as here:
        await here.come_in()
        # The page does not give up waiting for the answer.
        await here.page.clock.pause_at(await here.page.evaluate("Date.now()") / 1000 + 1)
        await here.page.keyboard.press("m")
        await here.bridge.expect(messages.SelfMute)
        await here.page.keyboard.press("v")
        assert (await here.bridge.expect(messages.Camera)).on is False


CAMERA: Final = """() => import('/static/js/media.js').then(async ({ LocalMedia }) => {
    const media = new LocalMedia();
    await media.acquire();
    gate.shut = true;
    const steps = [media.flip()];
    const seen = [media.cameraComes];
    steps.push(media.setCamera(false));
    seen.push(media.cameraComes);
    gate.open();
    await Promise.all(steps);
    seen.push(media.cameraLive);
    const { facing } = media;
    gate.shut = true;
    steps.push(media.setCamera(true), media.flip(), media.flip());
    seen.push(media.cameraComes);
    gate.open();
    await Promise.all(steps);
    return [...seen, media.facing === facing, gate.tracks.filter((track) => track.readyState === 'live').length];
})"""


async def test_steps_of_the_camera_come_one_after_the_other(browser: Browser, site: str) -> None:
    """Off while it turns is off; on, and turned to and fro, is one camera, which looks where it did."""
    async with visit(browser, site, prepare=gated) as here:
        found = await here.page.evaluate(CAMERA)
    comes, goes, live, comes_again, looks_as_before, cameras = found
    assert (comes, goes, live, comes_again, looks_as_before) == (True, False, False, True, True)
    assert cameras == 2, "this one and the start screen's"


async def test_two_presses_ask_once(browser: Browser, site: str) -> None:
    """For a link, of which the second would be a second message, and for a picture, which one key alone opens."""
    people = [DOCTOR | {"you": True, "participant": "p_me"}, person("p_pat", "Aslaug Nordahl", "patient")]
    bridge = PlayedBridge(role="doctor", host=True, place="admitted", people=people)
    async with visit(browser, site, bridge) as here:
        await here.come_in()
        await here.page.click("#invite")
        await here.page.fill("#invite-name", "Samir Haddad")
        await here.page.evaluate("['', ''].forEach(() => document.querySelector('#invite-make').click())")
        await expect(here.page.locator("#invite-link")).to_be_visible()
        assert len([one for one in bridge.sent if isinstance(one, messages.Invite)]) == 1
        await expect(here.page.locator("#invite-make")).to_be_enabled()
        await here.page.keyboard.press("Escape")
        await here.page.get_by_role("button", name="Valg for Aslaug Nordahl").click()
        question = here.page.get_by_role("button", name="Be om et skarpt bilde")
        await question.evaluate("(button) => { button.click(); button.click(); }")
        await expect(here.page.locator("#notice")).to_contain_text("Et bilde er på vei allerede")
        await bridge.expect(messages.AskStill)
        assert not [one for one in bridge.sent if isinstance(one, messages.AskStill)]


async def test_two_presses_make_one_line_of_somebody_on_duty(browser: Browser, site: str) -> None:
    """Another would be on duty for ever, for the bridge and for those who count on it."""
    bridge = PlayedBridge()
    async with on_duty(browser, site, bridge) as here:
        await here.page.evaluate("['', ''].forEach(() => document.querySelector('#go-on-duty').click())")
        await expect(here.page.locator("#duty-title")).to_be_visible()
        await here.page.click("#go-off-duty")
        await here.until("!document.querySelector('#screen-off').hidden")
        for _ in range(100):
            if bridge.closed == bridge.connections:
                break
            await here.page.evaluate("() => new Promise((done) => setTimeout(done, 50))")
        assert bridge.closed == bridge.connections


@pytest.mark.parametrize("left_pending", ["replaceTrack", "setParameters"])
async def test_what_a_closed_connection_leaves_unanswered_holds_nothing_up(
    browser: Browser, site: str, left_pending: str
) -> None:
    """Tracks are put on the next connection although the last one was closed while one was being put on."""
    async with visit(browser, site) as here:
        found = await here.page.evaluate(STUCK, left_pending)
    assert found == {"first": True, "put": True, "shaped": True}
