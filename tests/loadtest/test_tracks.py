"""What a robot sends keeps its pace, also after the machine was too busy."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiortc.mediastreams import MediaStreamError

from loadtest.tracks import Pacer, PictureTrack, ToneTrack
from transcode.codec import luma, mono
from transcode.pictures import PictureReading, TestPicture, read_picture
from transcode.tones import Tone


class SleepingSelector(selectors.DefaultSelector):
    """Sleeps by moving its own clock on."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready; where nothing is, the time until the next timer is over at once."""
        found = super().select(0 if timeout is not None else None)
        if not found:
            self.now_s += timeout or 0.0
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves when the test says so, or to the next timer when all sleep."""

    def __init__(self) -> None:
        self.clock = SleepingSelector()
        super().__init__(self.clock)

    def time(self) -> float:
        """Give the clock of the loop in seconds."""
        return self.clock.now_s


def on_virtual_time(scenario: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on a machine that is never too busy."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        runner.run(scenario(loop))


def test_a_busy_machine_leaves_blocks_out_and_counts_them() -> None:
    """After a second without a turn, overdue blocks are skipped and counted, and the pace is as before."""

    async def scenario(loop: VirtualLoop) -> None:
        pacer = Pacer(0.01)
        assert [await pacer.next() for _ in range(3)] == [0, 1, 2]
        assert pacer.skipped == 0
        loop.clock.now_s += 1.0
        late = await pacer.next()
        assert 101 <= late <= 102
        assert pacer.skipped == late - 3
        began = loop.time()
        assert await pacer.next() == late + 1
        assert 0 < loop.time() - began < 0.02

    on_virtual_time(scenario)


def test_pictures_carry_their_number_and_time() -> None:
    """Each frame shows its own number, and its time stamp is that number at the frame rate."""

    async def scenario(loop: VirtualLoop) -> None:
        track = PictureTrack(TestPicture(3), 30)
        for index in range(3):
            frame = await track.recv()
            assert read_picture(luma(frame)) == PictureReading(3, index)
            assert frame.pts == index * 3_000
        assert loop.time() == pytest.approx(2 / 30)

    on_virtual_time(scenario)


def test_tone_blocks_follow_on() -> None:
    """Blocks of 20 ms continue one tone, with time stamps in samples."""

    async def scenario(_loop: VirtualLoop) -> None:
        tone = Tone(500.0)
        track = ToneTrack(tone)
        for index in range(3):
            frame = await track.recv()
            assert (frame.pts, frame.sample_rate, frame.samples) == (index * 960, 48_000, 960)
            assert (mono(frame) == tone.samples(index * 960, 960)).all()

    on_virtual_time(scenario)


async def test_a_stopped_track_gives_nothing() -> None:
    """After stop, both tracks end as aiortc expects it."""
    for track in (PictureTrack(TestPicture(3), 15), ToneTrack(Tone(500.0))):
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()
