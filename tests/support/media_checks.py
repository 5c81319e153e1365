"""Who is seen and heard: helpers around `browser_media.js` for pages, and around aiortc for tracks.

Every wait ends at a valid reading, and gives None (pages) or raises `TimeoutError` (tracks) when time is out.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import av
import numpy as np
from aiortc import MediaStreamTrack
from playwright.async_api import Browser, Page, Playwright

from transcode.codec import luma, mono
from transcode.pictures import PictureReading, read_picture
from transcode.tones import dominant_frequency

CHROMIUM: Final = "/usr/bin/chromium"
SHELL: Final = "/usr/bin/chromium-headless-shell"
"""The same without windows, menus and extensions: half of the processor time of a call, and the same media."""
CHROMIUM_ARGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # An aiortc peer must be able to read the page's host candidates.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # Several pages share one browser, and only one of them is in front.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)
FIREFOX_PREFERENCES: Final = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "dom.min_background_timeout_value": 4,
}
_SCRIPT: Final = Path(__file__).with_name("browser_media.js")
_TONE_SAMPLES: Final = 9_600


async def launch_chromium(playwright: Playwright, program: str = CHROMIUM) -> Browser:
    """Debian's Chromium, headless, with the switches that media tests need."""
    return await playwright.chromium.launch(executable_path=program, headless=True, args=list(CHROMIUM_ARGS))


def init_script(identity: int, *, content_identity: int | None = None) -> str:
    """Script for `add_init_script`: the page's camera and microphone become those of `identity` (0 to 63)."""
    content = "" if content_identity is None else f"window.__contentIdentity = {content_identity};"
    return f"window.__identity = {identity};{content}\n{_SCRIPT.read_text(encoding='utf-8')}"


async def read_page_video(
    page: Page, source: str, *, timeout_s: float = 5.0, distinct: int = 1
) -> PictureReading | None:
    """Who is in a page's picture. `source`: JavaScript expression of a video track or <video> element.

    With `distinct` 2 or more, only a moving picture counts: so many different counters of one sender.
    """
    options = {"timeoutMs": timeout_s * 1000, "distinct": distinct}
    found = await page.evaluate(f"(options) => window.__checks.readVideo({source}, options)", options)
    return PictureReading(found["identity"], found["counter"]) if found else None


async def read_page_tone(page: Page, source: str, *, timeout_s: float = 5.0) -> float | None:
    """Dominant frequency in Hz of a page's audio track. `source`: JavaScript expression of the track."""
    options = {"timeoutMs": timeout_s * 1000}
    found = await page.evaluate(f"(options) => window.__checks.readTone({source}, options)", options)
    return float(found) if found is not None else None


async def read_track_video(
    track: MediaStreamTrack, *, timeout_s: float = 5.0, distinct: int = 1
) -> PictureReading:
    """Who is in the picture of an aiortc track; `distinct` as in `read_page_video`."""
    sender, counters = -1, set[int]()
    async with asyncio.timeout(timeout_s):
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            reading = read_picture(luma(frame))
            if reading is None:
                continue
            if reading.identity != sender:
                sender, counters = reading.identity, set()
            counters.add(reading.counter)
            if len(counters) >= distinct:
                return reading


async def read_track_tone(track: MediaStreamTrack, *, timeout_s: float = 5.0, confidence: float = 0.8) -> float:
    """Dominant frequency in Hz of an aiortc audio track, once a window of 9,600 samples is this clear."""
    window = np.empty(0, np.int16)
    async with asyncio.timeout(timeout_s):
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.AudioFrame)
            window = np.concatenate([window, mono(frame)])[-_TONE_SAMPLES:]
            if window.size < _TONE_SAMPLES:
                continue
            hz, share = dominant_frequency(window, frame.sample_rate)
            if share >= confidence:
                return hz
