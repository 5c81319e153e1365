"""What the bridge answers to real offers of Chromium, Firefox and aiortc."""

import re

import msgspec
import pytest
from aiortc.sdp import SessionDescription

from media.description import CAMERA, CONTENT, MIC, Encoding
from media.sdp import Capabilities, OfferRoles
from tests.media.sdp_offers import PEERS, answered, in_section, payload_types, recorded, sections

ONLY_OPUS_MIC = OfferRoles(mic="0")


@pytest.mark.parametrize("peer", PEERS)
def test_every_line_is_answered_in_order_with_offered_payload_types(peer: str) -> None:
    """The answer has the offer's m-lines in its order, and names no payload type that was not offered."""
    offer = sections(recorded(peer))
    answer = sections(answered(recorded(peer)).sdp)
    assert len(answer) == len(offer) == 8
    for ours, theirs in zip(answer, offer, strict=True):
        assert ours[0].split()[0] == theirs[0].split()[0]
        assert payload_types(ours) <= payload_types(theirs)
        assert [line for line in ours if line.startswith("a=mid:")] == [
            line for line in theirs if line.startswith("a=mid:")
        ]


@pytest.mark.parametrize("peer", PEERS)
def test_sources_and_slots_follow_the_roles(peer: str) -> None:
    """The first three lines become mic, camera and content; the others slots, the last for content."""
    leg = answered(recorded(peer)).leg
    assert [(source.source, source.mid, source.kind) for source in leg.sources] == [
        (MIC, "0", "audio"),
        (CAMERA, "1", "video"),
        (CONTENT, "2", "video"),
    ]
    assert [(place.slot, place.mid, place.stream, place.track) for place in leg.places] == [
        (0, "3", "s0", "a0"),
        (1, "4", "s1", "a1"),
        (2, "5", "s0", "v0"),
        (3, "6", "s1", "v1"),
        (4, "7", "c0", "cv0"),
    ]
    assert leg.content_slots == (4,)
    assert [slot.kind for slot in leg.slots] == ["audio", "audio", "video", "video", "video"]
    assert leg.mid_of(4) == "7"
    assert leg.mid_of(5) is None


@pytest.mark.parametrize("peer", PEERS)
def test_signalled_ssrcs_and_retransmissions_reach_the_description(peer: str) -> None:
    """Mic and camera have the SSRCs of the offer, video with its FID partner, VP8 first."""
    offer = SessionDescription.parse(recorded(peer))
    mic, camera, _ = answered(recorded(peer)).leg.sources
    assert mic.encodings == (Encoding(ssrc=offer.media[0].ssrc[0].ssrc),)
    assert [camera.encodings[0].ssrc, camera.encodings[0].rtx_ssrc] == offer.media[1].ssrc_group[0].items
    assert [form.codec for form in mic.formats] == ["opus"]
    first = camera.formats[0]
    assert (first.codec, first.clock_rate, first.nack, first.pli) == ("vp8", 90_000, True, True)
    assert first.rtx_pt is not None


@pytest.mark.parametrize("peer", PEERS)
def test_slots_announce_their_ssrcs_and_streams(peer: str) -> None:
    """Each slot's m-line has the bridge's own SSRCs, a FID group for video, the CNAME and its msid."""
    answer = answered(recorded(peer))
    by_mid = {line[6:]: lines for lines in sections(answer.sdp) for line in lines if line.startswith("a=mid:")}
    used = set()
    for place in answer.leg.places:
        lines = by_mid[place.mid]
        assert "a=sendonly" in lines
        assert f"a=msid:{place.stream} {place.track}" in lines
        assert f"a=ssrc:{place.ssrc} cname:cname-of-this-leg" in lines
        if place.kind == "video":
            assert f"a=ssrc-group:FID {place.ssrc} {place.rtx_ssrc}" in lines
        used |= {place.ssrc, place.rtx_ssrc} - {None}
    assert used == set(range(1000, 1008))


@pytest.mark.parametrize("peer", PEERS)
def test_transport_is_ice_lite_passive_and_bundled(peer: str) -> None:
    """One bundle of all mids, ICE-lite, DTLS passive, rtcp-mux, both candidates on every line."""
    answer = answered(recorded(peer))
    lines = answer.sdp.splitlines()
    assert "a=group:BUNDLE 0 1 2 3 4 5 6 7" in lines
    assert "a=ice-lite" in lines
    assert lines.count("a=setup:passive") == lines.count("a=rtcp-mux") == 8
    for section in sections(answer.sdp):
        assert "a=candidate:1 1 udp 1677852671 127.0.0.1 4000 typ host" in section
        assert "a=candidate:2 1 udp 1677852415 2001:db8::1 4000 typ host" in section
        assert "a=end-of-candidates" in section
    assert not any("transport-cc" in line or "goog-remb" in line for line in lines)


@pytest.mark.parametrize("peer", PEERS)
def test_only_mid_and_audio_level_are_agreed_and_only_on_sources(peer: str) -> None:
    """The mic has both extensions, the videos MID alone, slots none, with the offer's ids."""
    answer = answered(recorded(peer))
    extensions = [sorted(line for line in part if "extmap" in line) for part in sections(answer.sdp)]
    agreed = answer.leg.extensions
    mid = f"a=extmap:{agreed.mid} urn:ietf:params:rtp-hdrext:sdes:mid"
    level = f"a=extmap:{agreed.audio_level} urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    assert extensions == [sorted([mid, level]), [mid], [mid], [], [], [], [], []]
    assert mid in recorded(peer).splitlines()
    assert level in recorded(peer).splitlines()


@pytest.mark.parametrize("peer", PEERS)
def test_the_clients_transport_is_read(peer: str) -> None:
    """Ufrag, password and fingerprints are the offer's, and no repr shows a password."""
    answer = answered(recorded(peer))
    assert f"a=ice-ufrag:{answer.remote.ufrag}" in recorded(peer).splitlines()
    assert f"a=ice-pwd:{answer.remote.pwd}" in recorded(peer).splitlines()
    assert answer.remote.setup == "actpass"
    for fingerprint in answer.remote.fingerprints:
        assert f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}" in recorded(peer).splitlines()
    assert answer.remote.pwd not in repr(answer)
    assert answer.leg.ice.local_pwd not in repr(answer.leg)


def test_h264_is_constrained_baseline_with_fragmentation_first() -> None:
    """Of Chromium's H.264 variants the baseline ones are kept, mode 1 before mode 0."""
    camera = sections(answered(recorded("chromium")).sdp)[1]
    fmtp = [line.split("profile-level-id=")[1] for line in camera if "profile-level-id" in line]
    modes = [line.split("packetization-mode=")[1][0] for line in camera if "packetization-mode" in line]
    assert fmtp == ["42e01f", "42001f", "42e01f", "42001f"]
    assert modes == ["1", "1", "0", "0"]
    assert not any("VP9" in line or "AV1" in line for line in camera)


def test_h264_is_told_with_mode_and_profile() -> None:
    """What the engine matches H.264 by is what the offer says of each payload type, on sources and slots alike."""
    leg = answered(recorded("chromium")).leg
    told = {
        form.pt: (form.packetization_mode, form.profile, form.level_asymmetry)
        for described in (leg.sources[1], leg.slots[-1])
        for form in described.formats
        if form.codec == "h264"
    }
    assert told == {
        108: (1, 0x42E01F, True),
        102: (1, 0x42001F, True),
        114: (0, 0x42E01F, True),
        104: (0, 0x42001F, True),
    }
    others = [form for form in leg.sources[0].formats + leg.sources[1].formats if form.codec != "h264"]
    assert {(form.packetization_mode, form.profile, form.level_asymmetry) for form in others} == {
        (None, None, False)
    }


def test_each_format_of_a_browser_is_taken_by_the_same_format_first() -> None:
    """Constrained baseline, and units alone, can go where more is taken; nothing goes where less is."""
    leg = answered(recorded("chromium")).leg
    taken = {sent.pt: [to.pt for to in leg.slots[-1].formats if to.takes(sent)] for sent in leg.sources[1].formats}
    h264 = {108: [108, 102], 102: [102], 114: [108, 102, 114, 104], 104: [102, 104]}
    assert taken == {pt: [pt] for pt in taken if pt not in h264} | h264


@pytest.mark.parametrize("sender", PEERS)
@pytest.mark.parametrize("receiver", PEERS)
def test_browsers_have_a_picture_in_common(sender: str, receiver: str) -> None:
    """Whatever two recorded browsers send, the other takes at least one format of it."""
    source, slot = answered(recorded(sender)).leg.sources[1], answered(recorded(receiver)).leg.slots[-1]
    assert any(to.takes(sent) for to in slot.formats for sent in source.formats)


def test_other_codecs_are_a_matter_of_capabilities() -> None:
    """With VP9, AV1 and telephone events asked for, they are answered in the bridge's order."""
    wanted = Capabilities(audio=("opus", "telephone-event"), video=("av1", "vp9", "vp8"))
    mic, camera, _ = answered(recorded("chromium"), capabilities=wanted).leg.sources
    assert [form.codec for form in mic.formats] == ["opus", "telephone-event", "telephone-event"]
    assert list(dict.fromkeys(form.codec for form in camera.formats)) == ["av1", "vp9", "vp8"]
    with pytest.raises(ValueError, match="unknown codecs: h265"):
        Capabilities(video=("h265",))


def test_opus_keeps_forward_error_correction_and_drops_stereo() -> None:
    """Firefox's stereo wish is not repeated, its in-band FEC is."""
    mic = sections(answered(recorded("firefox")).sdp)[0]
    assert [line for line in mic if "fmtp" in line] == ["a=fmtp:109 useinbandfec=1"]


def test_bit_rate_limits_are_on_camera_and_content_alone() -> None:
    """b=TIAS follows c= on the lines that the client sends video on, each with its own limit."""
    bands = [
        [line for line in part if line.startswith("b=")] for part in sections(answered(recorded("firefox")).sdp)
    ]
    assert bands == [[], ["b=TIAS:1500000"], ["b=TIAS:2500000"], [], [], [], [], []]


def test_a_line_may_be_source_and_slot_at_once() -> None:
    """A sendrecv camera becomes a source and a slot, and is never the content slot."""
    offer = in_section(recorded("aiortc"), 1, "a=sendonly", "a=sendrecv")
    answer = answered(offer)
    assert "a=sendrecv" in sections(answer.sdp)[1]
    assert [place.mid for place in answer.leg.places] == ["1", "3", "4", "5", "6", "7"]
    assert answer.leg.content_slots == (5,)
    assert [source.mid for source in answer.leg.sources] == ["0", "1", "2"]
    lonely = OfferRoles(camera="1")
    alone = in_section(
        in_section(in_section(offer, 5, "recvonly", "inactive"), 6, "recvonly", "inactive"),
        7,
        "recvonly",
        "inactive",
    )
    assert answered(alone, lonely).leg.content_slots == ()


def test_a_sendrecv_line_without_a_role_is_a_slot_only() -> None:
    """What nobody named as a source is not received, though the client could send there."""
    offer = in_section(recorded("aiortc"), 3, "a=recvonly", "a=sendrecv")
    answer = answered(offer)
    assert "a=sendonly" in sections(answer.sdp)[3]
    assert len(answer.leg.sources) == 3


def test_a_sendonly_line_without_a_role_is_refused() -> None:
    """A line that only sends and that nobody named gets port 0 and leaves the bundle."""
    answer = answered(recorded("firefox"), OfferRoles(mic="0", camera="1"))
    assert sections(answer.sdp)[2][0].startswith("m=video 0 ")
    assert "a=group:BUNDLE 0 1 3 4 5 6 7" in answer.sdp.splitlines()


def test_a_data_channel_is_refused() -> None:
    """An SCTP line gets port 0, keeps its place and its mid, and is out of the bundle."""
    channel = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:8\r\na=sctp-port:5000\r\n"
    answer = answered(recorded("firefox").replace("BUNDLE 0", "BUNDLE 8 0") + channel)
    last = sections(answer.sdp)[-1]
    assert last[0] == "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
    assert "a=mid:8" in last
    assert "a=group:BUNDLE 0 1 2 3 4 5 6 7" in answer.sdp.splitlines()


def test_a_line_without_a_common_codec_is_refused() -> None:
    """A microphone that offers no Opus is answered with port 0, and the rest goes on."""
    answer = answered(in_section(recorded("firefox"), 0, "opus/48000/2", "speex/16000/1"))
    assert sections(answer.sdp)[0][0].startswith("m=audio 0 ")
    assert [source.source for source in answer.leg.sources] == [CAMERA, CONTENT]


def test_an_unsignalled_ssrc_is_left_for_the_engine_to_learn() -> None:
    """Without a=ssrc lines a source's SSRC is None while its MID extension is agreed."""
    offer = "".join(
        line for line in recorded("firefox").splitlines(keepends=True) if not line.startswith("a=ssrc")
    )
    leg = answered(offer).leg
    assert [source.encodings for source in leg.sources] == [(Encoding(),)] * 3
    assert leg.extensions.mid is not None


def test_ssrcs_of_the_offer_are_not_used_again() -> None:
    """If the supply yields an SSRC that the client uses, the next one is taken."""
    offer = in_section(recorded("firefox"), 0, "a=ssrc:3855629875", "a=ssrc:1000")
    assert answered(offer).leg.places[0].ssrc == 1001


def test_retransmission_needs_nack() -> None:
    """Without NACK nothing is retransmitted: the answer has no rtx, the slot no second SSRC."""
    offer = "".join(line for line in recorded("firefox").splitlines(keepends=True) if " nack" not in line)
    answer = answered(offer)
    assert "rtx" not in answer.sdp
    assert all(slot.rtx_ssrc is None for slot in answer.leg.slots)
    assert answer.leg.sources[1].encodings[0].rtx_ssrc is None


def test_an_ice_restart_keeps_slots_and_ssrcs() -> None:
    """A second offer with new credentials keeps indices, SSRCs and msids; only ICE and the version change."""
    first = answered(recorded("firefox")).leg
    again = answered(recorded("firefox").replace("a=ice-ufrag:", "a=ice-ufrag:new"), previous=first)
    assert again.leg.places == first.places
    assert again.leg.slots == first.slots
    assert again.leg.version == 2
    assert again.sdp.splitlines()[1].split()[1:3] == [
        answered(recorded("firefox")).sdp.splitlines()[1].split()[1],
        "2",
    ]


def test_paths_after_an_ice_restart_rank_above_those_of_before() -> None:
    """A browser prefers what its last negotiation found, and every candidate of it to every one of before."""
    first = answered(recorded("chromium"))
    again = answered(recorded("chromium"), previous=first.leg)
    before, after = (
        {int(priority) for priority in re.findall(r"^a=candidate:\d+ 1 udp (\d+) ", answer.sdp, re.MULTILINE)}
        for answer in (first, again)
    )
    assert len(before) == len(after) == 2
    # Lower than any of a browser's own, or those of its networks would decide.
    assert max(before) < min(after) < 110 << 24


def test_a_slot_that_pauses_comes_back_the_same() -> None:
    """A slot made inactive by one offer keeps its place, and returns unchanged."""
    first = answered(recorded("aiortc")).leg
    paused = answered(in_section(recorded("aiortc"), 5, "a=recvonly", "a=inactive"), previous=first)
    assert "a=inactive" in sections(paused.sdp)[5]
    assert [slot.slot for slot in paused.leg.slots] == [0, 1, 3, 4]
    assert answered(recorded("aiortc"), previous=paused.leg).leg.slots == first.slots


def test_a_later_offer_may_add_slots() -> None:
    """A new m-line gets the next index and fresh SSRCs, and no second content slot appears."""
    whole = recorded("firefox")
    short = whole[: whole.rindex("m=video")].replace(" 6 7\r\n", " 6\r\n")
    first = answered(short).leg
    second = answered(whole, previous=first).leg
    assert second.places[: len(first.places)] == first.places
    assert (second.places[-1].mid, second.places[-1].slot, second.places[-1].content) == ("7", 4, False)
    assert len({place.ssrc for place in second.places} | {place.rtx_ssrc for place in second.places}) == 9


def test_a_description_is_plain_data() -> None:
    """A leg description survives msgpack, which is how commands reach the engine."""
    leg = answered(recorded("chromium")).leg
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(leg), type=type(leg)) == leg
