"""Identity, number and tone survive real encoding and decoding."""

from __future__ import annotations

import av
import numpy as np
import pytest

from transcode.codec import (
    OPUS_SAMPLES,
    OpusDecoder,
    OpusEncoder,
    PictureDecoder,
    PictureEncoder,
    VideoCodec,
    luma,
    mono,
)
from transcode.errors import Undecodable, UnsupportedCodec
from transcode.pictures import PictureReading, TestPicture, read_picture
from transcode.tones import SAMPLE_RATE, dominant_frequency, identity_of, tone_for

CODECS: tuple[VideoCodec, ...] = ("vp8", "h264")


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_survives_a_thin_link(codec: VideoCodec) -> None:
    """At 80 kbit/s every decoded picture still names its sender and its own number, in order."""
    picture = TestPicture(45)
    encoder = PictureEncoder(codec, 320, 240, bitrate=80_000)
    decoder = PictureDecoder(codec)
    readings = [
        read_picture(decoded)
        for index in range(30)
        for unit in encoder.encode(picture.frame(index))
        for decoded in decoder.decode(unit.data)
    ]
    assert readings == [PictureReading(45, index) for index in range(30)]


@pytest.mark.parametrize("codec", CODECS)
def test_keyframes_come_first_and_on_request_alone(codec: VideoCodec) -> None:
    """The first picture and the requested one are keyframes, and a new decoder can start at the latter."""
    encoder = PictureEncoder(codec, 160, 120)
    picture = TestPicture(7, 160, 120)
    units = [unit for index in range(12) for unit in encoder.encode(picture.frame(index), keyframe=index == 6)]
    assert [unit.index for unit in units if unit.keyframe] == [0, 6]
    late = PictureDecoder(codec)
    assert [read_picture(decoded) for decoded in late.decode(units[6].data)] == [PictureReading(7, 6)]


def test_a_tone_survives_opus() -> None:
    """The dominant frequency after Opus at 16 kbit/s is that of the identity."""
    for identity in (0, 31, 63):
        encoder, decoder = OpusEncoder(bitrate=16_000), OpusDecoder()
        blocks = [
            decoder.decode(packet)
            for number in range(20)
            for packet in encoder.encode(tone_for(identity).samples(number * OPUS_SAMPLES, OPUS_SAMPLES))
        ]
        hz, confidence = dominant_frequency(np.concatenate(blocks)[4_800:], SAMPLE_RATE)
        assert identity_of(hz) == identity
        assert confidence > 0.8


@pytest.mark.parametrize("form", ["s16", "s16p", "flt", "fltp"])
def test_mono_takes_the_first_channel_of_any_form(form: str) -> None:
    """Packed, planar, integer and floating point stereo give the same first channel."""
    left = tone_for(5).samples(0, OPUS_SAMPLES)
    packed = np.stack([left, np.zeros_like(left)], axis=1).reshape(1, -1)
    source = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
    source.sample_rate = SAMPLE_RATE
    (frame,) = av.AudioResampler(format=form, layout="stereo", rate=SAMPLE_RATE).resample(source)
    assert np.abs(mono(frame).astype(int) - left).max() <= 1


@pytest.mark.parametrize("form", ["yuv420p", "nv12", "rgb24"])
def test_luma_is_readable_from_any_pixel_format(form: str) -> None:
    """Planar, semi-planar and RGB frames, also of a width that lines are padded for, give a readable luma."""
    frame = av.VideoFrame.from_ndarray(TestPicture(9, 326, 240).frame(4), format="rgb24").reformat(format=form)
    assert read_picture(luma(frame)) == PictureReading(9, 4)


def test_damaged_data_is_an_error_with_a_code() -> None:
    """Bytes that are no picture raise the package's own error."""
    with pytest.raises(Undecodable) as caught:
        PictureDecoder("h264").decode(b"\x00\x00\x00\x01\x65" + bytes(40))
    assert caught.value.code == "undecodable"


def test_unknown_codecs_and_wrong_blocks_are_refused() -> None:
    """Other codecs and blocks of another length than 20 ms are refused."""
    with pytest.raises(UnsupportedCodec):
        PictureEncoder("av1", 320, 240)
    with pytest.raises(UnsupportedCodec):
        PictureDecoder("av1")
    with pytest.raises(ValueError, match="960"):
        OpusEncoder().encode(np.zeros(480, np.int16))
