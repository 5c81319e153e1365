"""What a robot sends: test picture and tone as aiortc tracks, at the pace of the event loop's clock."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Final

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from transcode.pictures import TestPicture
from transcode.tones import SAMPLE_RATE, Tone

VIDEO_CLOCK: Final = 90_000
AUDIO_SAMPLES: Final = 960
# How far a sender may fall behind before it leaves out what is overdue.
_ALLOWANCE_S: Final = 0.25


class Pacer:
    """Says when the next block of a stream is due, and leaves blocks out instead of running after them."""

    def __init__(self, interval_s: float) -> None:
        self.skipped = 0
        self._interval_s = interval_s
        self._start: float | None = None
        self._index = -1

    async def next(self) -> int:
        """Wait for the next block's time and return its index; the first is 0 and comes at once."""
        clock = asyncio.get_running_loop().time
        if self._start is None:
            self._start = clock()
        self._index += 1
        wait_s = self._start + self._index * self._interval_s - clock()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        elif wait_s < -_ALLOWANCE_S:
            overdue = int(-wait_s / self._interval_s)
            self.skipped += overdue
            self._index += overdue
        return self._index


class PictureTrack(MediaStreamTrack):
    """A camera that shows a `TestPicture`, `fps` pictures a second."""

    kind = "video"

    def __init__(self, picture: TestPicture, fps: int) -> None:
        super().__init__()
        self.pacer = Pacer(1 / fps)
        self._picture = picture
        self._step = VIDEO_CLOCK // fps

    async def recv(self) -> av.VideoFrame:
        """Give the next picture when its time has come (aiortc calls this)."""
        if self.readyState != "live":
            raise MediaStreamError
        index = await self.pacer.next()
        frame = av.VideoFrame.from_ndarray(self._picture.frame(index), format="rgb24")
        frame.pts = index * self._step
        frame.time_base = Fraction(1, VIDEO_CLOCK)
        return frame


class ToneTrack(MediaStreamTrack):
    """A microphone that hears one tone, in blocks of 20 ms."""

    kind = "audio"

    def __init__(self, tone: Tone) -> None:
        super().__init__()
        self.pacer = Pacer(AUDIO_SAMPLES / SAMPLE_RATE)
        self._tone = tone

    async def recv(self) -> av.AudioFrame:
        """Give the next block when its time has come (aiortc calls this)."""
        if self.readyState != "live":
            raise MediaStreamError
        start = await self.pacer.next() * AUDIO_SAMPLES
        samples = self._tone.samples(start, AUDIO_SAMPLES).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = start
        frame.time_base = Fraction(1, SAMPLE_RATE)
        return frame
