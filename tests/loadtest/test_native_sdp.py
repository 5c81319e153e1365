"""A native robot's offer is one that the bridge takes, and its answer is read as the bridge meant it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.errors import MediaFailed
from loadtest.native_sdp import (
    LEVEL_URI,
    MID_URI,
    OPUS,
    TWCC_URI,
    VIDEO,
    Local,
    Outgoing,
    VideoCodec,
    Wish,
    read_answer,
    write_offer,
)
from media.description import CAMERA, MIC, Encoding
from media.sdp import Answer, OfferRoles
from signalling.messages import Sources
from tests.media.sdp_offers import ALL, answered, sections

LOCAL = Local("robt", "p" * 24, ":".join(["AB"] * 32), "a-cname")


def wish(codec: VideoCodec = "vp8", audio: int = 2, video: int = 3) -> Wish:
    """Somebody with a microphone and a camera."""
    mic, camera = Outgoing("audio", "0", 11, None, (OPUS,)), Outgoing("video", "1", 12, 13, (VIDEO[codec],))
    return Wish(LOCAL, (mic, camera), audio, video)


def answer_to(wanted: Wish) -> Answer:
    """What the bridge says to it."""
    sources = wanted.sources
    return answered(write_offer(wanted), OfferRoles(mic=sources.mic, camera=sources.camera))


def test_the_lines_come_in_the_order_of_the_protocol() -> None:
    """Microphone, camera, audio slots, then video slots of which the last are for content."""
    lines = sections(write_offer(wish()))
    kinds = [line[0].split()[0] for line in lines]
    assert kinds == ["m=audio", "m=video", "m=audio", "m=audio", "m=video", "m=video", "m=video"]
    assert ["a=sendonly" in line for line in lines] == [True] * 2 + [False] * 5
    assert all("a=rtcp-mux" in line for line in lines)
    assert wish().sources == Sources(mic="0", camera="1")


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_the_bridge_takes_the_offer_whole(codec: VideoCodec) -> None:
    """Both sources with their SSRCs, every slot, repair for video and both extensions are agreed."""
    leg = answer_to(wish(codec)).leg
    sources = {source.source: source for source in leg.sources}
    assert sources[MIC].encodings == (Encoding(ssrc=11),)
    assert sources[CAMERA].encodings == (Encoding(ssrc=12, rtx_ssrc=13),)
    assert [form.codec for form in sources[CAMERA].formats] == [codec]
    assert sources[CAMERA].formats[0].rtx_pt is not None
    assert [slot.kind for slot in leg.slots] == ["audio"] * 2 + ["video"] * 3
    assert [place.content for place in leg.places] == [False] * 4 + [True]
    assert None not in (leg.extensions.mid, leg.extensions.audio_level)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_the_answer_is_read_as_it_was_meant(codec: VideoCodec) -> None:
    """Credentials, candidates, SSRCs and payload types of the answer are those of the bridge's description."""
    wanted = wish(codec)
    answer = answer_to(wanted)
    remote = read_answer(answer.sdp, wanted)
    assert (remote.ufrag, remote.pwd) == ("bridge01", "0123456789abcdefghijklmn")
    assert remote.candidates == (("127.0.0.1", 4000), ("2001:db8::1", 4000))
    assert remote.fingerprints == (("sha-256", ":".join(["AB"] * 32)),)
    assert remote.sending == {"0": OPUS, "1": VIDEO[codec]}
    said = [(slot.ssrc, slot.rtx_ssrc, slot.formats) for slot in answer.leg.slots]
    assert [(one.ssrc, one.rtx_ssrc, one.formats) for one in remote.receiving] == said
    assert [one.mid for one in remote.receiving] == [place.mid for place in answer.leg.places]
    assert remote.extensions == {MID_URI: 1, LEVEL_URI: 2}


def test_all_packets_are_numbered_and_reported_on_both_ways() -> None:
    """A robot does as a browser: the bridge tells it of each of its packets, and is told of each that it sends."""
    wanted = wish()
    answer = answered(write_offer(wanted), OfferRoles(mic="0", camera="1"), ALL)
    assert read_answer(answer.sdp, wanted).extensions == {MID_URI: 1, LEVEL_URI: 2, TWCC_URI: 3}
    lines = (*answer.leg.sources, *answer.leg.slots)
    assert all(form.transport_cc for line in lines for form in line.formats)  # type: ignore[attr-defined]


def test_a_robot_may_leave_reports_out() -> None:
    """Then nothing is numbered, either way."""
    wanted = replace(wish(), reports=False)
    answer = answered(write_offer(wanted), OfferRoles(mic="0", camera="1"), ALL)
    assert read_answer(answer.sdp, wanted).extensions == {MID_URI: 1, LEVEL_URI: 2}
    lines = (*answer.leg.sources, *answer.leg.slots)
    assert not any(form.transport_cc for line in lines for form in line.formats)  # type: ignore[attr-defined]


def test_speech_alone_has_no_camera() -> None:
    """An offer without a camera names none, and its slots count on from there."""
    wanted = Wish(LOCAL, (Outgoing("audio", "0", 11, None, (OPUS,)),), 1, 1)
    assert wanted.sources == Sources(mic="0", camera=None)
    remote = read_answer(answer_to(wanted).sdp, wanted)
    assert [(one.kind, one.mid) for one in remote.receiving] == [("audio", "1"), ("video", "2")]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio x\r\n"],
)
def test_what_is_no_answer_fails_clearly(text: str) -> None:
    """The robot says that the answer cannot be used."""
    with pytest.raises(MediaFailed):
        read_answer(text, wish())


def test_a_refused_source_fails_clearly() -> None:
    """An answer that rejects the camera is of no use to a robot that was to send one."""
    wanted = wish()
    lines = answer_to(wanted).sdp.split("m=")
    lines[2] = lines[2].replace("video 4000", "video 0", 1)
    with pytest.raises(MediaFailed, match="refused"):
        read_answer("m=".join(lines), wanted)


def test_secrets_stay_out_of_what_is_printed() -> None:
    """Neither end's ICE password is in the repr."""
    wanted = wish()
    remote = read_answer(answer_to(wanted).sdp, wanted)
    assert LOCAL.pwd not in repr(wanted)
    assert remote.pwd not in repr(remote)
