"""Clips are what they say: time, rate and content come back out of their payloads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import VpxPayloadDescriptor, vp8_depayload
from hypothesis import given
from hypothesis import strategies as st

from transcode.clips import LARGEST_PAYLOAD, TRAILER_ROOM, Clip, picture_clip, tone_clip
from transcode.codec import OpusDecoder, PictureDecoder, VideoCodec
from transcode.payloads import h264_payloads, split_evenly, vp8_payloads
from transcode.pictures import PictureReading, TestPicture, read_picture
from transcode.tones import dominant_frequency, identity_of, tone_for

IDENTITY = 41
DEPAYLOAD = {"vp8": vp8_depayload, "h264": h264_depayload}


def made(codec: VideoCodec) -> Clip:
    """Two seconds of a small picture, a key frame in each."""
    picture = TestPicture(IDENTITY, 320, 180)
    return picture_clip(codec, picture, fps=15, bitrate=270_000, seconds=2, key_every_s=1)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_clip_decodes_to_the_picture_that_went_in(codec: VideoCodec) -> None:
    """A depacketizer that is not ours, and a decoder, give every picture with its identity and counter."""
    decoder = PictureDecoder(codec)
    readings = []
    for frame in made(codec).frames:
        data = b"".join(DEPAYLOAD[codec](payload) for payload in frame.payloads)
        readings += [read_picture(picture) for picture in decoder.decode(data)]
    assert readings == [PictureReading(IDENTITY, index) for index in range(30)]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_clip_has_its_time_its_rate_and_its_key_frames(codec: VideoCodec) -> None:
    """Ticks add up to the seconds, the bytes to the bit rate, and key frames stand at the start of each second."""
    clip = made(codec)
    assert clip.seconds == 2
    assert {frame.ticks for frame in clip.frames} == {90_000 // 15}
    assert clip.payload_bytes * 8 / clip.seconds == pytest.approx(270_000, rel=0.25)
    assert clip.frames[0].key
    assert clip.frames[15].key
    assert max(len(payload) for frame in clip.frames for payload in frame.payloads) <= LARGEST_PAYLOAD


def test_a_tone_clip_has_twenty_milliseconds_a_packet_and_its_tone() -> None:
    """Decoded again, the loop holds the identity's frequency, and a whole number of its periods."""
    clip, decoder = tone_clip(tone_for(IDENTITY)), OpusDecoder()
    assert {frame.ticks for frame in clip.frames} == {960}
    assert clip.seconds == 2
    assert tone_for(IDENTITY).frequency_hz * clip.seconds % 1 == 0
    sound = np.concatenate([decoder.decode(payload) for frame in clip.frames for payload in frame.payloads])
    assert identity_of(dominant_frequency(sound[9_600:], 48_000)[0]) == IDENTITY


def test_frame_rates_that_do_not_fit_the_clock_are_refused() -> None:
    """A picture that lasts no whole number of ticks would drift."""
    with pytest.raises(ValueError, match="frame rate"):
        picture_clip("vp8", TestPicture(1, 320, 180), fps=7, bitrate=100_000)


@given(st.integers(1, 200_000), st.integers(100, 1200), st.integers(0, 64))
def test_pieces_are_few_even_and_leave_room(length: int, largest: int, spare: int) -> None:
    """All bytes are in the fewest pieces that fit, sizes differ by one, and the last has room for the spare."""
    sizes = split_evenly(length, largest, spare=spare)
    assert sum(sizes) == length
    assert max(sizes) <= largest
    if len(sizes) > 1 and sizes[-1] + spare <= largest:
        with_spare = [*sizes[:-1], sizes[-1] + spare]
        assert max(with_spare) - min(with_spare) <= 1 or length < spare * 2
        assert len(sizes) == -(-(length + spare) // largest)


@given(st.binary(min_size=1, max_size=9_000), st.integers(0, 2**16))
def test_vp8_payloads_give_the_frame_back(frame: bytes, picture_id: int) -> None:
    """Joined without their descriptors they are the frame; only the first begins a partition; ids are one."""
    payloads = vp8_payloads(frame, picture_id, LARGEST_PAYLOAD, spare=TRAILER_ROOM)
    parsed = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
    assert b"".join(rest for _, rest in parsed) == frame
    assert [descriptor.partition_start for descriptor, _ in parsed] == [1] + [0] * (len(parsed) - 1)
    assert {descriptor.picture_id for descriptor, _ in parsed} == {picture_id % 2**15}
    assert all(len(payload) <= LARGEST_PAYLOAD for payload in payloads)
    assert all(abs(len(a) - len(b)) <= 1 for a, b in pairwise(payloads[:-1]))


@given(st.lists(st.binary(min_size=1, max_size=4_000).filter(bool), min_size=1, max_size=3))
def test_h264_payloads_give_the_units_back(bodies: list[bytes]) -> None:
    """Units come back in order, whole or in fragments, whatever their size."""
    # Zeros could look like a start code, which an encoder's escaping keeps out of units.
    units = [b"\x65" + body.replace(b"\x00", b"\x01") for body in bodies]
    payloads = h264_payloads(b"".join(b"\x00\x00\x00\x01" + unit for unit in units), LARGEST_PAYLOAD)
    assert all(len(payload) <= LARGEST_PAYLOAD for payload in payloads)
    joined = b"".join(h264_depayload(payload) for payload in payloads)
    assert joined == b"".join(b"\x00\x00\x00\x01" + unit for unit in units)
