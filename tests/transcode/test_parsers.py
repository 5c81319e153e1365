"""What parses datagrams takes any bytes: it refuses or reads them, and never fails."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transcode import rtp
from transcode.errors import Malformed
from transcode.frames import Assembler
from transcode.jobs import PictureCodec
from transcode.payloads import h264_payloads, vp8_payloads, vp9_payloads
from transcode.unpack import unpack

CODECS: tuple[PictureCodec, ...] = ("vp8", "vp9", "h264", "h261", "h263", "h263-1998")
# Bytes as they come from the network, and such as look like one of ours.
NOISE = st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda rest: b"\x80\xce" + rest))


@given(NOISE)
@example(b"")
@example(b"\xa0\x60" + bytes(10) + b"\xff")
@example(b"\x90\x60" + bytes(10) + b"\xbe\xde\xff\xff")
@example(b"\x81\xce\x00\x02" + bytes(7))
def test_any_bytes_are_a_packet_or_none(data: bytes) -> None:
    """Of RTP and of RTCP; what is read lies within the datagram."""
    packet = rtp.parse_rtp(data)
    assert packet is None or len(packet.payload) <= len(data) - 12
    asked = rtp.key_frames_asked(data)
    assert asked is None or len(asked) <= len(data) // 8


@given(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_what_is_written_is_read(pt: int, marker: bool, seq: int, timestamp: int, ssrc: int) -> None:  # noqa: FBT001
    """Headers of RTP; requests for key frames among reports."""
    header = rtp.rtp_header(pt, seq, timestamp, ssrc, marker=marker)
    assert rtp.parse_rtp(header + b"payload") == rtp.Packet(pt, marker, seq, timestamp, ssrc, b"payload")
    reports = rtp.reports(1, [(ssrc, rtp.Sent(90_000))], (), "name", 7.0)
    assert rtp.key_frames_asked(reports + rtp.pli(1, ssrc)) == {ssrc}


def test_extensions_contributors_and_padding_are_left_out() -> None:
    """All three in one packet."""
    fixed = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 1, 96, 5, 6, 7)
    data = fixed + bytes(4) + b"\xbe\xde\x00\x01" + bytes(4) + b"media" + b"\x00\x00\x03"
    packet = rtp.parse_rtp(data)
    assert packet is not None
    assert packet.payload == b"media"


@pytest.mark.parametrize("codec", CODECS)
@given(payloads=st.lists(st.binary(max_size=12), min_size=1, max_size=4))
def test_any_payloads_are_a_frame_or_malformed(codec: PictureCodec, payloads: list[bytes]) -> None:
    """Nothing but `Malformed` is raised."""
    try:
        data, _ = unpack(codec, payloads)
    except Malformed:
        return
    assert data


@given(st.binary(min_size=1, max_size=3000), st.integers(0, 70_000), st.booleans())
def test_a_picture_that_was_cut_is_whole_again(picture: bytes, number: int, key: bool) -> None:  # noqa: FBT001
    """Of all three codecs, whatever it holds; for H.264 one NAL unit."""
    assert unpack("vp8", vp8_payloads(picture, number, 500))[0] == picture
    assert unpack("vp9", vp9_payloads(picture, number, 500, key=key)) == (picture, key)
    unit = b"\x65" + picture.replace(b"\x00", b"\x01")
    assert unpack("h264", h264_payloads(b"\x00\x00\x00\x01" + unit, 500)) == (b"\x00\x00\x00\x01" + unit, True)


def test_aggregates_are_taken_apart() -> None:
    """STAP-A with parameter sets and a slice (RFC 6184 section 5.7.1), as browsers send them."""
    payload = b"\x78" + b"".join(struct.pack("!H", len(unit)) + unit for unit in (b"\x67a", b"\x68b", b"\x65cc"))
    data, key = unpack("h264", [payload])
    assert data == b"".join(b"\x00\x00\x00\x01" + unit for unit in (b"\x67a", b"\x68b", b"\x65cc"))
    assert key


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 3), st.booleans(), st.binary(max_size=4))))
def test_packets_in_any_order_leave_little_behind(packets: list[tuple[int, int, bool, bytes]]) -> None:
    """An assembler holds a bounded number of packets, and what it gives begins with a key frame."""
    assembler = Assembler({96: "vp8"})
    frames = []
    for n, (seq, timestamp, marker, payload) in enumerate(packets):
        assembler.take(rtp.Packet(96, marker, seq, timestamp, 1, payload), n * 0.01)
        frames += list(assembler.frames(n * 0.01))
    assert len(assembler._held) <= 1024
    assert not frames or frames[0].key
    frames = list(assembler.frames(1e9))
    assert assembler.due is None or assembler.due > 1e9
