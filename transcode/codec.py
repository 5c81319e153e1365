"""Encode and decode pictures and tones with FFmpeg (PyAV): VP8 and H.264, Opus.

For tests and robots. One object is one stream; none of them is safe to share between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

import av
import numpy as np
from av.video.frame import PictureType

from transcode.errors import Undecodable, UnsupportedCodec
from transcode.pictures import Picture
from transcode.tones import SAMPLE_RATE, Samples

VideoCodec = Literal["vp8", "h264"]

OPUS_SAMPLES: Final = 960
_VIDEO_ENCODERS: Final = {"vp8": "libvpx", "h264": "libx264"}
_VIDEO_OPTIONS: Final = {
    # A key frame of at most six pictures' worth of bits: more would come as a burst that links do not like.
    "vp8": {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "error-resilient": "1",
        "max-intra-rate": "600",
    },
    "h264": {"preset": "veryfast", "tune": "zerolatency", "level": "31"},
}
# Keyframes come on request alone, as in a conversation.
_NEVER: Final = 100_000


@dataclass(frozen=True)
class EncodedPicture:
    """One access unit: a VP8 frame (RFC 6386), or H.264 in Annex B form. `index` counts pictures from 0."""

    data: bytes
    keyframe: bool
    index: int


class PictureEncoder:
    """RGB pictures of one size to VP8 or H.264 (baseline), without delay. `bitrate` is in bit/s."""

    def __init__(
        self, codec: VideoCodec, width: int, height: int, *, fps: int = 15, bitrate: int = 250_000
    ) -> None:
        if codec not in _VIDEO_ENCODERS:
            raise UnsupportedCodec("only vp8 and h264 can be encoded")
        context: Any = av.CodecContext.create(_VIDEO_ENCODERS[codec], "w")
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.bit_rate = bitrate
        context.framerate, context.time_base = Fraction(fps, 1), Fraction(1, fps)
        context.gop_size = _NEVER
        context.thread_count = 1
        context.options = dict(_VIDEO_OPTIONS[codec])
        if codec == "h264":
            context.profile = "Baseline"
        self._context = context
        self._next = 0

    def encode(self, picture: Picture, *, keyframe: bool = False) -> list[EncodedPicture]:
        """Encode one picture (height x width x 3, uint8, RGB); the list has one entry for these codecs."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = self._next
        frame.time_base = self._context.time_base
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        self._next += 1
        packets = self._context.encode(frame)
        return [EncodedPicture(bytes(packet), packet.is_keyframe, packet.pts) for packet in packets]


class PictureDecoder:
    """VP8 or H.264 to RGB pictures."""

    def __init__(self, codec: VideoCodec) -> None:
        if codec not in _VIDEO_ENCODERS:
            raise UnsupportedCodec("only vp8 and h264 can be decoded")
        self._context: Any = av.CodecContext.create(codec, "r")
        self._context.thread_count = 1
        # The decoder would otherwise hold pictures back in case that their order changes.
        self._context.options = {"flags": "low_delay"}

    def decode(self, data: bytes) -> list[Picture]:
        """Pictures (height x width x 3, uint8, RGB) of one access unit. Raises `Undecodable`."""
        try:
            frames = self._context.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise Undecodable("the decoder refused a picture") from error
        return [frame.to_ndarray(format="rgb24") for frame in frames]


class OpusEncoder:
    """Blocks of 960 samples (20 ms, mono, int16, 48 kHz) to Opus (RFC 6716). `bitrate` is in bit/s."""

    def __init__(self, *, bitrate: int = 32_000) -> None:
        context: Any = av.CodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate
        context.time_base = Fraction(1, SAMPLE_RATE)
        context.options = {"application": "voip", "frame_duration": "20"}
        self._context = context
        self._position = 0

    def encode(self, samples: Samples) -> list[bytes]:
        """Encode 960 samples; raises `ValueError` on any other number."""
        if samples.shape != (OPUS_SAMPLES,):
            raise ValueError(f"exactly {OPUS_SAMPLES} samples are needed")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._position
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._position += OPUS_SAMPLES
        return [bytes(packet) for packet in self._context.encode(frame)]


class OpusDecoder:
    """Opus packets to samples."""

    def __init__(self) -> None:
        self._context: Any = av.CodecContext.create("libopus", "r")
        self._context.sample_rate = SAMPLE_RATE
        self._context.layout = "mono"

    def decode(self, data: bytes) -> Samples:
        """Give the samples of one packet: int16, mono, 48 kHz. Raises `Undecodable`."""
        try:
            frames = self._context.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise Undecodable("the decoder refused an Opus packet") from error
        blocks = [mono(frame) for frame in frames]
        return np.concatenate(blocks) if blocks else np.empty(0, np.int16)


def mono(frame: av.AudioFrame) -> Samples:
    """Take the first channel of a decoded frame as int16, whichever sample format the decoder chose."""
    samples = frame.to_ndarray()
    channel = samples[0] if frame.format.is_planar else samples[0][:: len(frame.layout.channels)]
    if np.issubdtype(channel.dtype, np.floating):
        channel = np.rint(np.clip(channel, -1.0, 1.0) * 32_767)
    return np.ascontiguousarray(channel, dtype=np.int16)


def luma(frame: av.VideoFrame) -> Picture:
    """Give the luma plane of a decoded frame, uint8, height x width; a view, without a copy, of yuv420p."""
    if frame.format.name not in ("yuv420p", "yuvj420p", "nv12"):
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows: Picture = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]
