"""What a robot sends keeps its pace, also after the machine was too busy."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError

from loadtest.tracks import Pacer, PictureTrack, ToneTrack
from transcode.codec import luma, mono
from transcode.pictures import PictureReading, TestPicture, read_picture
from transcode.tones import Tone


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves when the test says so, or to the next timer when all sleep."""

    ahead_s = 0.0

    def time(self) -> float:
        """Give the clock of the loop in seconds."""
        return super().time() + self.ahead_s


def test_a_busy_machine_leaves_blocks_out_and_counts_them() -> None:
    """After a second without a turn, overdue blocks are skipped and counted, and the pace is as before."""

    async def scenario(loop: JumpingLoop) -> None:
        pacer = Pacer(0.01)
        assert [await pacer.next() for _ in range(3)] == [0, 1, 2]
        assert pacer.skipped == 0
        loop.ahead_s += 1.0
        assert 100 <= await pacer.next() <= 110
        assert 95 <= pacer.skipped <= 107

    loop = JumpingLoop()
    try:
        loop.run_until_complete(scenario(loop))
    finally:
        loop.close()


async def test_pictures_carry_their_number_and_time() -> None:
    """Each frame shows its own number, and its time stamp is that number at the frame rate."""
    track = PictureTrack(TestPicture(3), 30)
    for index in range(3):
        frame = await track.recv()
        assert read_picture(luma(frame)) == PictureReading(3, index)
        assert frame.pts == index * 3_000


async def test_tone_blocks_follow_on() -> None:
    """Blocks of 20 ms continue one tone, with time stamps in samples."""
    tone = Tone(500.0)
    track = ToneTrack(tone)
    for index in range(3):
        frame = await track.recv()
        assert (frame.pts, frame.sample_rate, frame.samples) == (index * 960, 48_000, 960)
        assert (mono(frame) == tone.samples(index * 960, 960)).all()


async def test_a_stopped_track_gives_nothing() -> None:
    """After stop, both tracks end as aiortc expects it."""
    for track in (PictureTrack(TestPicture(3), 15), ToneTrack(Tone(500.0))):
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()
