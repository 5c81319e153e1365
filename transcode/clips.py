"""Short recordings as RTP payloads, for senders that play them in a loop: test pictures and tones, really encoded.

A clip is made once and shared by everyone who plays it, each from a frame of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from transcode.codec import OPUS_SAMPLES, EncodedPicture, OpusEncoder, PictureEncoder, VideoCodec
from transcode.payloads import h264_payloads, vp8_payloads
from transcode.pictures import Picture, TestPicture
from transcode.tones import SAMPLE_RATE, Tone

VIDEO_CLOCK: Final = 90_000
# What is left of 1200 bytes of RTP beside header, extensions and the tag of SRTP.
LARGEST_PAYLOAD: Final = 1180
# What a sender may add to the last payload of a picture, so that it is no longer than the others.
TRAILER_ROOM: Final = 32
# Picture ids from here on take two bytes, as browsers write them, and a player can put any other in their place.
_FIRST_PICTURE: Final = 2**14
# Grain as of a camera in a badly lit room. Without it a still face costs a tenth of the bit rate asked for.
_GRAIN: Final = 9.0
_GRAIN_PICTURES: Final = 7


@dataclass(frozen=True)
class ClipFrame:
    """One picture or one packet of sound: its length in RTP clock units, and the payloads that carry it."""

    ticks: int
    key: bool
    payloads: tuple[bytes, ...]


@dataclass(frozen=True)
class Clip:
    """A recording whose first frame is a key frame, so that it can follow its own end. `clock_rate` in Hz."""

    codec: Literal["opus", "vp8", "h264"]
    clock_rate: int
    frames: tuple[ClipFrame, ...]

    @property
    def seconds(self) -> float:
        """How long one round takes."""
        return sum(frame.ticks for frame in self.frames) / self.clock_rate

    @property
    def payload_bytes(self) -> int:
        """The size of all payloads, descriptors included."""
        return sum(len(payload) for frame in self.frames for payload in frame.payloads)


def picture_clip(
    codec: VideoCodec,
    picture: TestPicture,
    *,
    fps: int,
    bitrate: int,
    seconds: int = 6,
    key_every_s: int = 3,
) -> Clip:
    """Encode a moving test picture at about `bitrate` bit/s, with a key frame every `key_every_s` seconds."""
    if VIDEO_CLOCK % fps:
        raise ValueError("the RTP clock of video must be a multiple of the frame rate")
    encoder = PictureEncoder(codec, picture.width, picture.height, fps=fps, bitrate=bitrate)
    grain = _grain(picture)
    encoded: list[EncodedPicture] = []
    for index in range(seconds * fps):
        seen = _with_grain(picture.frame(index), grain[index % _GRAIN_PICTURES])
        encoded += encoder.encode(seen, keyframe=index % (key_every_s * fps) == 0)
    frames = (_frame(codec, one, VIDEO_CLOCK // fps) for one in encoded)
    return Clip(codec, VIDEO_CLOCK, tuple(frames))


def tone_clip(tone: Tone, *, bitrate: int = 32_000, seconds: int = 2) -> Clip:
    """Encode a tone in packets of 20 ms; a whole number of its periods fits, so the loop has no click."""
    encoder = OpusEncoder(bitrate=bitrate)
    packets: list[bytes] = []
    for start in range(0, seconds * SAMPLE_RATE, OPUS_SAMPLES):
        packets += encoder.encode(tone.samples(start, OPUS_SAMPLES))
    return Clip(
        "opus", SAMPLE_RATE, tuple(ClipFrame(OPUS_SAMPLES, key=True, payloads=(packet,)) for packet in packets)
    )


def _frame(codec: VideoCodec, picture: EncodedPicture, ticks: int) -> ClipFrame:
    payloads: Iterable[bytes]
    if codec == "vp8":
        payloads = vp8_payloads(picture.data, _FIRST_PICTURE + picture.index, LARGEST_PAYLOAD, spare=TRAILER_ROOM)
    else:
        payloads = h264_payloads(picture.data, LARGEST_PAYLOAD)
    return ClipFrame(ticks, picture.keyframe, tuple(payloads))


def _grain(picture: TestPicture) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    noise = np.random.default_rng(picture.identity)
    shape = (_GRAIN_PICTURES, picture.height // 2, picture.width // 2, 1)
    coarse = np.rint(noise.normal(0.0, _GRAIN, shape)).astype(np.int16)
    return coarse.repeat(2, axis=1).repeat(2, axis=2)


def _with_grain(picture: Picture, grain: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> Picture:
    seen: Picture = np.clip(picture.astype(np.int16) + grain, 0, 255).astype(np.uint8)
    return seen
