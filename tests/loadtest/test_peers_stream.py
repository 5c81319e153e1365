"""The robots of a comparison: their stream, and how they answer a bridge that offers."""

import pytest
from aiortc import sdp as grammar
from aiortc.codecs.vpx import VpxPayloadDescriptor

from loadtest import native_sdp as sdp
from loadtest.adapters.stream import PACKETS_A_PICTURE, stream_clips, write_answer
from loadtest.errors import MediaFailed
from transcode.clips import LARGEST_PAYLOAD, TRAILER_ROOM

LOCAL = sdp.Local(ufrag="abcd", pwd="p" * 24, fingerprint=":".join(["AB"] * 32), cname="me")
WISH = sdp.Wish(LOCAL, (), audio_slots=0, video_slots=1, codecs=("vp8",))
# In the form in which Janus offers a subscription; addresses, keys and numbers are made up.
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 10.77.0.1",
        "s=a room",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {':'.join(['CD'] * 32)}",
        "a=ice-lite",
        "m=video 9 UDP/TLS/RTP/SAVPF 100 101",
        "c=IN IP4 10.77.0.1",
        "a=sendonly",
        "a=mid:0",
        "a=rtcp-mux",
        "a=ice-ufrag:zyxw",
        "a=ice-pwd:qqqqqqqqqqqqqqqqqqqqqq",
        "a=setup:actpass",
        "a=rtpmap:100 VP8/90000",
        "a=rtcp-fb:100 nack",
        "a=rtcp-fb:100 nack pli",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=rtpmap:101 rtx/90000",
        "a=fmtp:101 apt=100",
        "a=ssrc-group:FID 11 22",
        "a=ssrc:11 cname:other",
        "a=ssrc:22 cname:other",
        "a=candidate:1 1 udp 2015363327 10.77.0.1 5000 typ host",
        "a=end-of-candidates",
        "",
    ]
)


def test_an_offer_is_read_as_what_is_received() -> None:
    """Address, credentials, SSRCs and payload types of an offer end up where those of an answer would."""
    remote = sdp.read_answer(OFFER, WISH)

    assert remote.candidates == (("10.77.0.1", 5000),)
    assert (remote.ufrag, remote.receiving[0].ssrc, remote.receiving[0].rtx_ssrc) == ("zyxw", 11, 22)
    assert (remote.receiving[0].formats[0].pt, remote.receiving[0].formats[0].rtx_pt) == (100, 101)


def test_the_answer_takes_over_what_was_offered() -> None:
    """Payload types, mid and extension are the offer's; the handshake begins at this end."""
    answer = grammar.SessionDescription.parse(write_answer(LOCAL, sdp.read_answer(OFFER, WISH)))
    line = answer.media[0]

    assert [codec.payloadType for codec in line.rtp.codecs] == [100, 101]
    assert (line.rtp.muxId, line.direction) == ("0", "recvonly")
    assert [(one.id, one.uri) for one in line.rtp.headerExtensions] == [(4, sdp.MID_URI)]
    assert line.dtls is not None
    assert line.dtls.role == "client"
    assert line.ice.usernameFragment == "abcd"
    feedback = {(item.type, item.parameter) for item in line.rtp.codecs[0].rtcpFeedback}
    assert feedback == {("nack", None), ("nack", "pli")}


def test_an_answer_names_no_extension_that_was_not_offered() -> None:
    """What the offer leaves out stays out."""
    bare = "".join(line for line in OFFER.splitlines(keepends=True) if not line.startswith("a=extmap"))

    assert "extmap" not in write_answer(LOCAL, sdp.read_answer(bare, WISH))


def test_an_offer_without_an_address_cannot_be_answered() -> None:
    """There is nowhere to connect to."""
    nowhere = "".join(line for line in OFFER.splitlines(keepends=True) if not line.startswith("a=candidate"))

    with pytest.raises(MediaFailed):
        sdp.read_answer(nowhere, WISH)


def test_every_picture_fills_six_packets() -> None:
    """All are of the largest size, but for the room that the robot needs in the last."""
    clip = stream_clips(500).video

    assert clip is not None
    for frame in clip.frames:
        sizes = [len(payload) for payload in frame.payloads]
        assert sizes[:-1] == [LARGEST_PAYLOAD] * (PACKETS_A_PICTURE - 1)
        assert sizes[-1] == LARGEST_PAYLOAD - TRAILER_ROOM
        assert frame.ticks == 180


def test_payloads_are_vp8_by_their_headers() -> None:
    """Descriptors parse, only the first packet starts a picture, and only the first picture is a key frame."""
    clip = stream_clips(500).video

    assert clip is not None
    for number, frame in enumerate(clip.frames):
        parsed = [VpxPayloadDescriptor.parse(payload) for payload in frame.payloads]
        assert [descriptor.partition_start for descriptor, _ in parsed] == [1, 0, 0, 0, 0, 0]
        assert len({descriptor.picture_id for descriptor, _ in parsed}) == 1
        assert parsed[0][1][0] & 1 == (number > 0)


def test_a_picture_rate_must_fit_the_clock() -> None:
    """Timestamps are whole numbers."""
    with pytest.raises(ValueError, match="multiple"):
        stream_clips(700)
