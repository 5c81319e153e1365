"""What a page sends is recognised by a page and by an aiortc peer, in picture and tone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from playwright.async_api import Page, async_playwright

from tests.support.media_checks import (
    init_script,
    launch_chromium,
    read_page_tone,
    read_page_video,
    read_track_tone,
    read_track_video,
)
from transcode.tones import identity_of

pytestmark = pytest.mark.browser

IDENTITY = 27

LOOP = """async () => {
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = (event) => b.addIceCandidate(event.candidate);
  b.onicecandidate = (event) => a.addIceCandidate(event.candidate);
  window.remote = {};
  b.ontrack = (event) => { window.remote[event.track.kind] = event.track; };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) a.addTrack(track, stream);
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
}"""

OFFER = """async () => {
  const peer = window.peer = new RTCPeerConnection();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: "sendonly" });
  const gathered = new Promise((resolve) => {
    peer.onicecandidate = (event) => { if (!event.candidate) resolve(); };
  });
  await peer.setLocalDescription();
  await gathered;
  return { sdp: peer.localDescription.sdp, type: peer.localDescription.type };
}"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """Give a blank page of a secure origin whose camera and microphone are those of `IDENTITY`."""
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        page = await browser.new_page()
        await page.add_init_script(init_script(IDENTITY))
        await page.route(
            "**/*",
            lambda route: route.fulfill(content_type="text/html", body="<!doctype html><video></video>"),
        )
        await page.goto("https://checks.test/")
        yield page
        await browser.close()


async def test_a_page_reads_its_own_picture_and_tone_through_a_peer_connection(page: Page) -> None:
    """After a real encode and decode inside the page, identity, motion and tone are read back."""
    await page.evaluate(LOOP)
    video = await read_page_video(page, "window.remote.video", timeout_s=15, distinct=3)
    assert video is not None
    assert video.identity == IDENTITY
    hz = await read_page_tone(page, "window.remote.audio", timeout_s=15)
    assert hz is not None
    assert identity_of(hz) == IDENTITY


async def test_an_aiortc_peer_reads_the_pages_picture_and_tone(page: Page) -> None:
    """What Chromium sends names its sender to Python's reader, so both speak the same code."""
    peer = RTCPeerConnection()
    try:
        offer: dict[str, Any] = await page.evaluate(OFFER)
        await peer.setRemoteDescription(RTCSessionDescription(**offer))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = {"sdp": peer.localDescription.sdp, "type": peer.localDescription.type}
        await page.evaluate("(answer) => window.peer.setRemoteDescription(answer)", answer)
        tracks = {receiver.track.kind: receiver.track for receiver in peer.getReceivers()}
        video = await read_track_video(tracks["video"], timeout_s=15, distinct=3)
        assert video.identity == IDENTITY
        assert identity_of(await read_track_tone(tracks["audio"], timeout_s=15)) == IDENTITY
    finally:
        await peer.close()


async def test_a_page_sees_nobody_where_nobody_is(page: Page) -> None:
    """An empty element, a black picture and silence give null when the time is over."""
    assert await read_page_video(page, "document.querySelector('video')", timeout_s=0.3) is None
    black = "document.createElement('canvas').captureStream(15).getVideoTracks()[0]"
    assert await read_page_video(page, black, timeout_s=0.5) is None
    silent = "new MediaStreamAudioDestinationNode(new AudioContext()).stream.getAudioTracks()[0]"
    assert await read_page_tone(page, silent, timeout_s=0.5) is None


async def test_the_camera_behaves_as_devices_do(page: Page) -> None:
    """Devices are listed, only what is asked for is given, asking for nothing fails, content differs."""
    found = await page.evaluate("""async () => {
      const media = navigator.mediaDevices;
      const audio = await media.getUserMedia({ audio: true });
      const display = await media.getDisplayMedia();
      return {
        kinds: (await media.enumerateDevices()).map((device) => device.kind),
        audio: audio.getTracks().map((track) => track.kind),
        nothing: await media.getUserMedia({}).catch((error) => error.name),
        display: (await window.__checks.readVideo(display.getVideoTracks()[0])).identity,
      };
    }""")
    assert found == {
        "kinds": ["audioinput", "videoinput", "audiooutput"],
        "audio": ["audio"],
        "nothing": "TypeError",
        "display": IDENTITY ^ 32,
    }
