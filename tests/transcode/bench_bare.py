"""The work of the benchmark's scenarios done by FFmpeg alone: decoders, filters and encoders, paced alike.

No RTP, no sockets, no Python but what calls them: a thread sleeps until the next frame is there, decodes it, and
encodes when it is time. It is counted as a worker is, by the kernel's account with all its awakenings; and, apart
from that, what was spent inside of decoders and encoders.
"""

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import av.filter

from tests.transcode.bench_sources import FPS, PEOPLE, Player, four_cameras, four_voices, one_camera
from transcode.tones import SAMPLE_RATE
from transcode.unpack import unpack
from transcode.video import VideoDecoder, VideoEncoder

_BLOCKS: Final = 50
_TICK: Final = Fraction(1, SAMPLE_RATE)
_OUT_RATE: Final = 8_000


class Cost(NamedTuple):
    """Seconds of processor time: all of it, and that inside of decoders and encoders."""

    whole: float
    codecs: float


class Codecs:
    """Calls decoders and encoders, and adds up what they take."""

    def __init__(self) -> None:
        self.spent = 0.0

    def __call__(self, do: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Do it."""
        start = time.thread_time()
        done = do(*args, **more)
        self.spent += time.thread_time() - start
        return done


def thread_s() -> float:
    """Processor time of this thread, in seconds, by the scheduler's account."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[0]) / 1e9


def conversion(seconds: float) -> Cost:
    """Decode and encode a camera."""
    return _pictures(one_camera(), seconds, FPS)


def composition(seconds: float) -> Cost:
    """Decode four cameras, put their pictures together with FFmpeg's own filter, and encode, 30 times a second."""
    return _pictures(four_cameras(), seconds, 30)


def _pictures(players: Sequence[Player], seconds: float, fps: int) -> Cost:
    coded = [[unpack("vp8", frame)[0] for frame in player.frames] for player in players]
    decoders = [VideoDecoder("vp8") for _ in players]
    pictures: list[av.VideoFrame | None] = [None] * len(players)
    encoder, stack = VideoEncoder("h264", 1280, 720, fps=30, bitrate=1_500_000), _Stack(len(players))
    decodes = [(n / FPS + one.phase, k, n) for k, one in enumerate(players) for n in range(round(seconds * FPS))]
    encodes = [((n + 0.5) / fps, -1, n) for n in range(round(seconds * fps))]
    codecs, begin, before = Codecs(), time.monotonic(), thread_s()
    for at, k, n in sorted(decodes + encodes):
        time.sleep(max(0.0, begin + at - time.monotonic()))
        if k >= 0:
            pictures[k] = codecs(decoders[k].decode, coded[k][n % len(coded[k])])
        elif None not in pictures:
            codecs(encoder.encode, stack.of(pictures), at, key=False)
    return Cost(thread_s() - before, codecs.spent)


class _Stack:
    """FFmpeg's `xstack` of four pictures; one picture goes as it is."""

    def __init__(self, count: int) -> None:
        self._count, self._number = count, 0
        self._graph = graph = av.filter.Graph()
        if count == 1:
            return
        stack = graph.add("xstack", "inputs=4:layout=0_0|w0_0|0_h0|w0_h0")
        self._inputs = [
            graph.add_buffer(width=640, height=360, format="yuv420p", time_base=Fraction(1, 30))
            for _ in range(count)
        ]
        for n, one in enumerate(self._inputs):
            one.link_to(stack, 0, n)
        self._sink = graph.add("buffersink")
        stack.link_to(self._sink)
        graph.configure()

    def of(self, pictures: Sequence[av.VideoFrame]) -> av.VideoFrame:
        """Put them together."""
        if self._count == 1:
            return pictures[0]
        for one, picture in zip(self._inputs, pictures, strict=True):
            picture.pts, picture.time_base = self._number, Fraction(1, 30)
            one.push(picture)
        self._number += 1
        return self._sink.pull()


def mix(seconds: float) -> Cost:
    """Decode four voices as they come; mix for each the others and encode it, once all are there."""
    players = four_voices()
    decoders = [_sound("libopus", "r", SAMPLE_RATE) for _ in players]
    encoders = [_sound("pcm_mulaw", "w", _OUT_RATE) for _ in players]
    mixes, last = _Mixes(), max(range(PEOPLE), key=lambda k: players[k].phase)
    turns = [
        (n / _BLOCKS + one.phase, k, n) for k, one in enumerate(players) for n in range(round(seconds * _BLOCKS))
    ]
    codecs, begin, before = Codecs(), time.monotonic(), thread_s()
    for at, k, n in sorted(turns):
        time.sleep(max(0.0, begin + at - time.monotonic()))
        frames = players[k].frames
        for frame in codecs(decoders[k].decode, av.Packet(frames[n % len(frames)][0])):
            mixes.add(k, frame, n)
        if k == last:
            for encoder, blocks in zip(encoders, mixes.taken(), strict=True):
                for block in blocks:
                    codecs(encoder.encode, block)
    return Cost(thread_s() - before, codecs.spent)


class _Mixes:
    """FFmpeg's `amix` of the others for each of four, at the rate of a telephone."""

    def __init__(self) -> None:
        self._graph = graph = av.filter.Graph()
        self._inputs = [
            graph.add_abuffer(sample_rate=SAMPLE_RATE, format="s16", layout="mono", time_base=_TICK)
            for _ in range(PEOPLE)
        ]
        splits = [graph.add("asplit", str(PEOPLE - 1)) for _ in self._inputs]
        for one, split in zip(self._inputs, splits, strict=True):
            one.link_to(split)
        self._sinks = [self._mix(graph, splits, whose) for whose in range(PEOPLE)]
        graph.configure()

    def _mix(self, graph: Any, splits: Sequence[Any], whose: int) -> Any:
        mixer = graph.add("amix", f"inputs={PEOPLE - 1}:normalize=0")
        others = (k for k in range(PEOPLE) if k != whose)
        for place, k in enumerate(others):
            splits[k].link_to(mixer, whose - (whose > k), place)
        rate = graph.add("aformat", f"sample_fmts=s16:sample_rates={_OUT_RATE}:channel_layouts=mono")
        sink = graph.add("abuffersink")
        mixer.link_to(rate)
        rate.link_to(sink)
        return sink

    def add(self, voice: int, frame: Any, number: int) -> None:
        """Take what somebody said."""
        frame.pts, frame.time_base = number * frame.samples, _TICK
        self._inputs[voice].push(frame)

    def taken(self) -> list[list[Any]]:
        """Give what is mixed, for each."""
        return [list(self._pulled(sink)) for sink in self._sinks]

    def _pulled(self, sink: Any) -> Any:
        while True:
            try:
                frame = sink.pull()
            except (BlockingIOError, av.BlockingIOError):
                return
            frame.pts = None
            yield frame


def _sound(name: str, mode: Any, rate: int) -> Any:
    context: Any = av.CodecContext.create(name, mode)
    context.sample_rate, context.layout = rate, "mono"
    if mode == "w":
        context.format, context.time_base = "s16", Fraction(1, rate)
    return context
