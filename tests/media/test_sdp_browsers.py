"""The answers in the hands of real peers: Chromium, Firefox and aiortc take them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from playwright.async_api import async_playwright

from media.description import LegDescription
from media.sdp import OfferRoles
from media.transport import DtlsCertificate
from tests.media.sdp_offers import ALL, ROLES, answered, sections, transport
from tests.support.firefox import FirefoxBidi

Evaluate = Callable[[str], Awaitable[Any]]

CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

OFFER = """(async () => {
  const pc = window.pc = new RTCPeerConnection();
  window.tracks = [];
  pc.ontrack = ({ track, streams, transceiver }) =>
    window.tracks.push([transceiver.mid, track.kind, streams.map((stream) => stream.id).join()]);
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 1, 1);
  const sound = new AudioContext().createMediaStreamDestination().stream;
  const picture = canvas.captureStream(5);
  const direction = "sendonly";
  const mic = pc.addTransceiver(sound.getAudioTracks()[0], { direction });
  const camera = pc.addTransceiver(picture.getVideoTracks()[0], { direction });
  const content = pc.addTransceiver("video", { direction });
  for (const kind of ["audio", "audio", "video", "video", "video"])
    pc.addTransceiver(kind, { direction: "recvonly" });
  await pc.setLocalDescription();
  return [pc.localDescription.sdp, mic.mid, camera.mid, content.mid];
})()"""

# What the page offers of a large camera; setCodecPreferences names FlexFEC, or the slots would be without.
EVERYTHING = """(async () => {
  const pc = window.pc = new RTCPeerConnection();
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
  canvas.getContext("2d").fillRect(0, 0, 1, 1);
  const sound = new AudioContext().createMediaStreamDestination().stream;
  const picture = canvas.captureStream(5);
  const wanted = /video\\/(vp8|h264|rtx|flexfec-03)/i;
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs.filter(({ mimeType }) => wanted.test(mimeType));
  const direction = "sendonly";
  const mic = pc.addTransceiver(sound.getAudioTracks()[0], { direction });
  const sendEncodings = [["l", 4], ["m", 2], ["h", 1]].map(([rid, by]) =>
    ({ rid, scaleResolutionDownBy: by, maxBitrate: 400_000, scalabilityMode: "L1T3" }));
  const camera = pc.addTransceiver(picture.getVideoTracks()[0], { direction, sendEncodings });
  const slots = ["audio", "video"].map((kind) => pc.addTransceiver(kind, { direction: "recvonly" }));
  for (const each of [camera, slots[1]]) each.setCodecPreferences(codecs);
  await pc.setLocalDescription();
  return [pc.localDescription.sdp, mic.mid, camera.mid];
})()"""

# Only the lowest encoding, as the bridge demands when nobody takes the others; then an ICE restart.
PAUSED = """(async () => {
  const { sender } = pc.getTransceivers()[1];
  const parameters = sender.getParameters();
  parameters.encodings.forEach((each, i) => { each.active = i === 0; });
  await sender.setParameters(parameters);
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  return pc.localDescription.sdp;
})()"""

RESUMED = """(async () => {
  const { sender } = pc.getTransceivers()[1];
  const parameters = sender.getParameters();
  for (const each of parameters.encodings) each.active = true;
  await sender.setParameters(parameters);
  return sender.getParameters().encodings.map(({ active }) => active);
})()"""

TAKE_EVERYTHING = """(async (sdp) => {
  await pc.setRemoteDescription({ type: "answer", sdp });
  const [mic, camera, , slot] = pc.getTransceivers();
  const names = ({ codecs }) => codecs.map(({ mimeType }) => mimeType.toLowerCase());
  return {
    mic: names(mic.sender.getParameters())[0],
    encodings: camera.sender.getParameters().encodings.map(({ rid, active }) => [rid, active]),
    slot: names(slot.receiver.getParameters?.() ?? { codecs: [] }),
  };
})"""

RESTART = """(async () => {
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  return pc.localDescription.sdp;
})()"""

TAKE = """(async (sdp) => {
  window.tracks = [];
  await pc.setRemoteDescription({ type: "answer", sdp });
  const codecs = (params) => params.codecs.map((codec) => codec.mimeType);
  return {
    tracks: window.tracks,
    directions: pc.getTransceivers().map((item) => item.currentDirection),
    camera: codecs(pc.getTransceivers()[1].sender.getParameters()),
    setup: pc.remoteDescription.sdp.includes("a=setup:passive"),
  };
})"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Evaluate]:
    """Give the `evaluate` of a page in Debian's Chromium."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM_ARGUMENTS))
        try:
            yield (await browser.new_page()).evaluate
        finally:
            await browser.close()


@asynccontextmanager
async def firefox() -> AsyncIterator[Evaluate]:
    """Give the `evaluate` of a page in Debian's Firefox."""
    async with FirefoxBidi() as driver:
        await driver.open("about:blank")
        yield driver.evaluate


@pytest.mark.browser
@pytest.mark.parametrize("browser", [chromium, firefox])
async def test_browsers_take_the_answer_and_an_ice_restart(browser: Any) -> None:
    """A browser applies an answer and one to an ICE restart, with our tracks and directions."""
    local = transport(DtlsCertificate.generate(datetime.now(UTC)).fingerprint)
    async with browser() as evaluate:
        sdp, mic, camera, content = await evaluate(OFFER)
        answer = answered(sdp, OfferRoles(mic, camera, content), local=local)
        taken = await evaluate(f"{TAKE}({json.dumps(answer.sdp)})")
        assert taken["directions"] == ["sendonly"] * 3 + ["recvonly"] * 5
        assert sorted(taken["tracks"]) == [[place.mid, place.kind, place.stream] for place in answer.leg.places]
        assert taken["camera"][0] == "video/VP8"
        again = answered(
            await evaluate(RESTART), OfferRoles(mic, camera, content), previous=answer.leg, local=local
        )
        assert again.remote.ufrag != answer.remote.ufrag
        assert again.leg.slots == answer.leg.slots
        taken = await evaluate(f"{TAKE}({json.dumps(again.sdp)})")
        assert taken["directions"] == ["sendonly"] * 3 + ["recvonly"] * 5
        assert taken["tracks"] == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("browser", "mic", "slot"),
    [(chromium, "audio/red", "video/flexfec-03"), (firefox, "audio/opus", None)],
)
async def test_browsers_take_simulcast_and_all_repair(browser: Any, mic: str, slot: str | None) -> None:
    """All encodings are kept, sound goes out in RED where the browser has it, and FlexFEC is taken where it is.

    What was paused is paused after an ICE restart, and can be sent again.
    """
    local = transport(DtlsCertificate.generate(datetime.now(UTC)).fingerprint)
    async with browser() as evaluate:
        sdp, *mids = await evaluate(EVERYTHING)
        answer = answered(sdp, OfferRoles(*mids), ALL, content_slots=0, local=local)
        assert [one.rid for one in answer.leg.sources[1].encodings] == ["l", "m", "h"]
        assert all(form.transport_cc for one in answer.leg.slots for form in one.formats)
        taken = await evaluate(f"{TAKE_EVERYTHING}({json.dumps(answer.sdp)})")
        assert taken["mic"] == mic
        assert taken["encodings"] == [["l", True], ["m", True], ["h", True]]
        assert slot is None or slot in taken["slot"]
        paused = await evaluate(PAUSED)
        again = answered(paused, OfferRoles(*mids), ALL, content_slots=0, local=local, previous=answer.leg)
        assert (again.leg.sources, again.leg.slots) == (answer.leg.sources, answer.leg.slots)
        taken = await evaluate(f"{TAKE_EVERYTHING}({json.dumps(again.sdp)})")
        assert taken["encodings"] == [["l", True], ["m", False], ["h", False]]
        assert await evaluate(RESUMED) == [True, True, True]


async def test_aiortc_takes_the_answer() -> None:
    """The Python peer applies the answer, has a track per slot, and its next offer keeps the slots."""
    local = transport(DtlsCertificate.generate(datetime.now(UTC)).fingerprint)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: list[str] = []
    peer.on("track", lambda track: tracks.append(track.kind))
    try:
        peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        peer.addTransceiver(VideoStreamTrack(), direction="sendonly")
        peer.addTransceiver("video", direction="sendonly")
        for kind in ("audio", "audio", "video", "video", "video"):
            peer.addTransceiver(kind, direction="recvonly")
        first = await _aiortc_round(peer, local, None)
        assert tracks == ["audio", "audio", "video", "video", "video"]
        assert [item.currentDirection for item in peer.getTransceivers()] == ["sendonly"] * 3 + ["recvonly"] * 5
        second = await _aiortc_round(peer, local, first)
        assert second.slots == first.slots
    finally:
        await asyncio.wait_for(peer.close(), 20)


async def _aiortc_round(peer: RTCPeerConnection, local: Any, previous: LegDescription | None) -> LegDescription:
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp
    answer = answered(offer, ROLES, local=local, previous=previous)
    assert len(sections(answer.sdp)) == len(sections(offer))
    await peer.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    return answer.leg
