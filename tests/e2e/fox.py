"""Somebody in Firefox, on a machine without a sound card.

Firefox runs no AudioContext there, which is how `browser_media.js` makes and hears tones. So the tone is that of
Firefox's own fake microphone, and what comes in is recorded, decoded offline and judged here.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest

from tests.support.bridge import COUNT_OFFERS, PATIENCE_S, Viewer
from tests.support.firefox import FirefoxBidi, FirefoxPage
from tests.support.media_checks import FIREFOX_PREFERENCES, init_script
from transcode.tones import SAMPLE_RATE, dominant_frequency, tone_for

TONE_PREFERENCE: Final = "media.navigator.audio.fake_frequency"
_CONFIDENCE: Final = 0.8
# The picture is the script's, the sound the browser's, with nothing done to it.
_MICROPHONE: Final = """(() => {
    const { mediaDevices } = navigator;
    const drawn = mediaDevices.getUserMedia;
    mediaDevices.getUserMedia = async ({ audio, video }) => {
        const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        const sound = audio ? await window.__realGetUserMedia({ audio: raw }) : null;
        const picture = video ? await drawn({ video: true }) : null;
        return new MediaStream([...(sound?.getTracks() ?? []), ...(picture?.getTracks() ?? [])]);
    };
})();"""
_KEEP_REAL: Final = """
window.__realGetUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
"""
# A second of a track, of which the last 9,600 samples at 48 kHz come back as base64 of 16-bit integers.
_RECORD: Final = """(async () => {
    const recorder = new MediaRecorder(new MediaStream([TRACK]));
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
    recorder.start();
    setTimeout(() => recorder.stop(), 1000);
    await stopped;
    const encoded = await new Blob(parts).arrayBuffer();
    if (encoded.byteLength === 0) return "";
    const decoded = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(encoded);
    const samples = Int16Array.from(decoded.getChannelData(0).slice(-9600), (value) => value * 32767);
    return btoa(String.fromCharCode(...new Uint8Array(samples.buffer)));
})()"""


@dataclass
class FirefoxVisitor(Viewer):
    """One person's page in Firefox."""

    page: FirefoxPage

    async def hears(self, participant: str, identity: int, *, timeout_s: float = PATIENCE_S) -> None:
        """Check by content that somebody's tone comes."""
        await self.shown(participant, "mic")
        script = _RECORD.replace("TRACK", self.track(participant, "mic"))
        confidence, hz = 0.0, 0.0
        async with asyncio.timeout(timeout_s):
            while confidence < _CONFIDENCE:
                samples = np.frombuffer(base64.b64decode(await self.page.evaluate(script)), "<i2")
                if samples.size:
                    hz, confidence = dominant_frequency(samples, SAMPLE_RATE)
        assert hz == pytest.approx(tone_for(identity).frequency_hz, abs=12)


@asynccontextmanager
async def firefox_for(identity: int, script: str = "") -> AsyncIterator[FirefoxBidi]:
    """Firefox with the picture and the tone of this identity, running `script` in each page first."""
    preferences = {**FIREFOX_PREFERENCES, TONE_PREFERENCE: round(tone_for(identity).frequency_hz)}
    async with FirefoxBidi(preferences) as firefox:
        scripts = (COUNT_OFFERS, script, _KEEP_REAL, init_script(identity), _MICROPHONE)
        await firefox.preload("\n".join(scripts))
        yield firefox


async def enter_with_firefox(firefox: FirefoxBidi, link: str, identity: int) -> FirefoxVisitor:
    """Open a link and go in; gives somebody who has a place and whose media is up."""
    await firefox.open(link)
    visitor = FirefoxVisitor(FirefoxPage(firefox), identity)
    await visitor.ready_to_enter()
    await firefox.evaluate("document.getElementById('enter').click()")
    await visitor.connected()
    return visitor
