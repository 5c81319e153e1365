"""Coded pictures to frames and back, as live calls need it: no picture held back, key frames on request alone.

One object is one stream. Decoders and encoders are FFmpeg's, with one thread each: a worker is one core's worth.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, NamedTuple

import av
from av.video.frame import PictureType
from av.video.reformatter import Interpolation, VideoReformatter

from transcode.errors import Undecodable, UnsupportedCodec
from transcode.jobs import PictureCodec
from transcode.older import OLDER, POINT, RATE, SQUARE, numbered

CLOCK: Final = 90_000
LARGEST_PAYLOAD: Final = 1180
_TICK: Final = Fraction(1, CLOCK)
_ENCODERS: Final = {
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "h264": "libx264",
    "h261": "h261",
    "h263": "h263",
    "h263-1998": "h263",
}
_DECODERS: Final = {"h263-1998": "h263"}
_LIBVPX: Final = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
_OPTIONS: Final = {
    # A key frame of at most six pictures' worth of bits: more would come as a burst that links do not like.
    "vp8": {**_LIBVPX, "max-intra-rate": "600"},
    "vp9": {**_LIBVPX, "max-intra-rate": "600"},
    "h264": {"preset": "ultrafast", "tune": "zerolatency"},
    "h261": {},
    # A start code before the group that follows on so many bytes.
    "h263": {"ps": "400"},
    "h263-1998": {"ps": "400"},
}
_NEVER: Final = 100_000
# What a receiver's buffer may hold of pictures, as a part of a second.
_BUFFER_S: Final = 0.5
# x264's buffer keeps the size that it has at the beginning: beyond this factor it would be far too large or small.
_STRETCH: Final = 4


class Coded(NamedTuple):
    """One coded picture; H.264 in Annex B form."""

    data: bytes
    key: bool


class VideoDecoder:
    """What comes to frames of yuv420p; `point` is how much wider than high points of H.261 and H.263 are."""

    def __init__(self, codec: PictureCodec) -> None:
        if codec not in _ENCODERS:
            raise UnsupportedCodec("only vp8, vp9, h264, h261 and h263 can be decoded")
        self.codec = codec
        self.point = POINT if codec in OLDER else SQUARE
        self._context: Any = av.CodecContext.create(_DECODERS.get(codec, codec), "r")
        self._context.thread_count = 1
        # The decoder would otherwise hold pictures back in case that their order changes.
        self._context.options = {"flags": "low_delay"}

    def decode(self, data: bytes) -> av.VideoFrame | None:
        """Give the frame of one access unit, None where it shows nothing. Raises `Undecodable`."""
        try:
            frames = self._context.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise Undecodable("the decoder refused a picture") from error
        if not frames:
            return None
        frame: av.VideoFrame = frames[-1]
        if self.codec in OLDER:
            self.point = self._context.sample_aspect_ratio or POINT
        if frame.is_corrupt:
            raise Undecodable("the decoder guessed parts of a picture")
        return frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")


class VideoEncoder:
    """Frames of yuv420p to VP8, VP9, constrained baseline H.264, H.261 or H.263, at about `bitrate` bit/s.

    They are of one size; for H.261 and H.263 of any, and scaled. `single` is for H.264 alone: every NAL unit fits
    into one packet (RFC 6184, packetization mode 0).
    """

    def __init__(
        self, codec: PictureCodec, width: int, height: int, *, fps: int, bitrate: int, single: bool = False
    ) -> None:
        if codec not in _ENCODERS:
            raise UnsupportedCodec("only vp8, vp9, h264, h261 and h263 can be encoded")
        self.codec, self.width, self.height, self.fps = codec, width, height, fps
        self._single = single
        self._tick = 1 / RATE if codec in OLDER else _TICK
        self._scaler = VideoReformatter()
        self._context, self._last = self._open(bitrate), -1

    def encode(self, frame: av.VideoFrame, at: float, *, key: bool) -> Coded:
        """Encode a frame that is seen at `at`, in seconds, later than any before. Raises `Undecodable`."""
        ticks = max(round(at / self._tick), self._last + 1)
        self._last = ticks
        if (frame.width, frame.height) != (self.width, self.height):
            frame = self._scaler.reformat(frame, self.width, self.height, interpolation=Interpolation.AREA)
        frame.pts, frame.time_base = ticks, self._tick
        frame.pict_type = PictureType.I if key else PictureType.NONE
        try:
            packets = self._context.encode(frame)
        except av.FFmpegError as error:
            raise Undecodable("the encoder refused a picture") from error
        key = any(packet.is_keyframe for packet in packets)
        data = b"".join(bytes(packet) for packet in packets)
        return Coded(numbered(self.codec, data, ticks) if self.codec in OLDER else data, key)

    def follows(self, bitrate: int) -> bool:
        """Whether a rate can be taken on without a new beginning."""
        return self.codec == "h264" and self._opened / _STRETCH <= bitrate <= self._opened * _STRETCH

    def set_bitrate(self, bitrate: int) -> bool:
        """Aim at another rate; True if that takes a new beginning, and with it a key frame.

        FFmpeg hands a new rate on to x264 while it runs, but not to libvpx. x264 takes it if it began with a
        constant one.
        """
        if self.follows(bitrate):
            self.bitrate = self._context.bit_rate = bitrate
            return False
        self._context, self._last = self._open(bitrate), -1
        return True

    def _open(self, bitrate: int) -> Any:
        context: Any = av.CodecContext.create(_ENCODERS[self.codec], "w")
        context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
        context.bit_rate = self.bitrate = bitrate
        context.framerate, context.time_base = Fraction(self.fps, 1), self._tick
        context.gop_size, context.thread_count = _NEVER, 1
        self._opened = bitrate
        context.options = {**_OPTIONS[self.codec], **self._limits(bitrate)}
        if self.codec == "h264":
            context.profile = "Baseline"
        return context

    def _limits(self, bitrate: int) -> dict[str, str]:
        if self.codec in ("vp8", "vp9"):
            return {}
        limits = {"maxrate": str(bitrate), "bufsize": str(round(bitrate * _BUFFER_S))}
        return limits | ({"x264-params": f"slice-max-size={LARGEST_PAYLOAD}"} if self._single else {})
