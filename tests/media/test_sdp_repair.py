"""Transport-wide feedback, RED and FlexFEC: answered where they were offered, if the bridge does them."""

import pytest

from media.description import REPAIRS, Fec
from media.sdp import Capabilities
from tests.media.sdp_offers import ALL, PEERS, PLAIN, SIMULCAST, answered, in_section, recorded, sections

FEEDBACK = Capabilities(without=REPAIRS - {"nack", "feedback"})
REDUNDANCY = Capabilities(without=REPAIRS - {"nack", "red", "fec"})
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
BROWSERS = ("chromium", "firefox", *SIMULCAST)
CHROMIUM = "chromium-simulcast"
MIC, CAMERA, CONTENT, AUDIO_SLOT, VIDEO_SLOT = 0, 1, 2, 3, 5


@pytest.mark.parametrize("peer", [*PEERS, *SIMULCAST])
def test_nothing_is_promised_that_the_bridge_does_not_do(peer: str) -> None:
    """Without the capabilities neither text nor description knows of any of it."""
    answer = answered(recorded(peer), capabilities=PLAIN)
    for word in ("transport-cc", "transport-wide-cc", "flexfec", " red/", "FEC-FR", "goog-remb"):
        assert word not in answer.sdp
    assert answer.leg.extensions.transport_cc is None
    for described in (*answer.leg.sources, *answer.leg.slots):
        assert not any(form.transport_cc or form.red_pt is not None for form in described.formats)  # type: ignore[attr-defined]
    assert [slot.fec for slot in answer.leg.slots] == [None] * 5


@pytest.mark.parametrize("peer", BROWSERS)
def test_feedback_is_agreed_both_ways_under_one_id(peer: str) -> None:
    """Every m-line has the extension with the offer's id, and each format the feedback; sources goog-remb."""
    answer = answered(recorded(peer), capabilities=FEEDBACK)
    wanted = f"a=extmap:{answer.leg.extensions.transport_cc} {TRANSPORT_CC}"
    assert wanted in recorded(peer).splitlines()
    for section in sections(answer.sdp):
        assert wanted in section
        first = section[0].split()[3]
        assert f"a=rtcp-fb:{first} transport-cc" in section
    for described in (*answer.leg.sources, *answer.leg.slots):
        assert described.formats  # type: ignore[attr-defined]
        assert all(form.transport_cc for form in described.formats)  # type: ignore[attr-defined]
    for source in answer.leg.sources:
        assert all(form.remb == (source.kind == "video") for form in source.formats)
    assert not any(form.remb for slot in answer.leg.slots for form in slot.formats)
    limited = [any("goog-remb" in line for line in section) for section in sections(answer.sdp)]
    assert [mid for mid, is_limited in enumerate(limited) if is_limited] == [CAMERA, CONTENT]


def test_a_peer_without_feedback_is_left_alone() -> None:
    """Aiortc numbers nothing, and is not asked to."""
    answer = answered(recorded("aiortc"), capabilities=ALL)
    assert answer.leg.extensions.transport_cc is None
    assert "transport" not in answer.sdp.replace("a=rtcp-fb", "")


CCFB_LINE = "a=rtcp-fb:* ack ccfb"


def offers_ccfb(peer: str) -> str:
    """A recorded offer whose slots, and camera, offer reports by sequence number (RFC 8888 section 6)."""
    offer = recorded(peer)
    for number in (CAMERA, AUDIO_SLOT, VIDEO_SLOT):
        offer = in_section(offer, number, "a=rtcp-mux\r\n", f"a=rtcp-mux\r\n{CCFB_LINE}\r\n")
    return offer


def test_reports_by_sequence_number_are_agreed_for_what_a_client_receives() -> None:
    """Where it offers them and no transport-wide numbers, which say more and go for the whole leg."""
    offer = "".join(
        line
        for line in offers_ccfb("chromium").splitlines(keepends=True)
        if TRANSPORT_CC not in line and "transport-cc" not in line
    )
    answer = answered(offer, capabilities=FEEDBACK)
    assert [slot.ccfb for slot in answer.leg.slots] == [True, False, True, False, False]
    assert [CCFB_LINE in section for section in sections(answer.sdp)].count(True) == 2
    assert not any(answered(offers_ccfb("chromium"), capabilities=FEEDBACK).leg.slots[at].ccfb for at in (0, 2))
    assert CCFB_LINE not in answered(offer, capabilities=PLAIN).sdp


def test_a_format_that_does_not_offer_feedback_has_none() -> None:
    """The rtcp-fb line is a matter of each payload type."""
    offer = in_section(recorded(CHROMIUM), CAMERA, "a=rtcp-fb:96 transport-cc\r\n", "")
    camera = answered(offer, capabilities=FEEDBACK).leg.sources[1]
    assert [form.transport_cc for form in camera.formats] == [False, True, True, True, True]


@pytest.mark.parametrize("number", [CAMERA, VIDEO_SLOT])
def test_a_line_that_numbers_otherwise_has_no_feedback(number: int) -> None:
    """Where an m-line does not have the bundle's id, its packets cannot be numbered."""
    offer = recorded(CHROMIUM)
    old = next(line for line in offer.splitlines() if TRANSPORT_CC in line)
    answer = answered(in_section(offer, number, old, f"a=extmap:12 {TRANSPORT_CC}"), capabilities=FEEDBACK)
    section = sections(answer.sdp)[number]
    assert not any("transport" in line for line in section)
    assert any(TRANSPORT_CC in line for line in sections(answer.sdp)[VIDEO_SLOT if number == CAMERA else CAMERA])
    forms = answer.leg.sources[1].formats if number == CAMERA else answer.leg.slots[2].formats
    assert not any(form.transport_cc for form in forms)


@pytest.mark.parametrize(
    ("way", "on_source", "on_slot"),
    [("sendonly", "recvonly", None), ("recvonly", None, "sendonly"), ("inactive", None, None)],
)
def test_an_extension_for_one_direction_is_answered_for_that_alone(
    way: str, on_source: str | None, on_slot: str | None
) -> None:
    """What the client wants to send only is on what it sends, and mirrored (RFC 8285 section 5)."""
    offer = recorded(CHROMIUM)
    old = next(line for line in offer.splitlines() if TRANSPORT_CC in line)
    number = old.split(":")[1].split()[0]
    one_way = offer.replace(old, f"a=extmap:{number}/{way} {TRANSPORT_CC}")
    answer = sections(answered(one_way, capabilities=FEEDBACK).sdp)
    for section, expected in ((answer[CAMERA], on_source), (answer[VIDEO_SLOT], on_slot)):
        found = [line for line in section if TRANSPORT_CC in line]
        assert found == ([] if expected is None else [f"a=extmap:{number}/{expected} {TRANSPORT_CC}"])
        assert any("transport-cc" in line for line in section) == (expected is not None)


@pytest.mark.parametrize("number", [MIC, AUDIO_SLOT])
def test_red_is_the_first_format_of_sound(number: int) -> None:
    """RED with nothing but Opus in it comes before Opus, since a client sends in the first format."""
    answer = answered(recorded(CHROMIUM), capabilities=REDUNDANCY)
    section = sections(answer.sdp)[number]
    assert section[0].split()[3:] == ["63", "111"]
    assert "a=rtpmap:63 red/48000/2" in section
    assert "a=fmtp:63 111/111" in section
    described = answer.leg.sources[0] if number == MIC else answer.leg.slots[0]
    assert [(form.codec, form.pt, form.red_pt) for form in described.formats] == [("opus", 111, 63)]


def test_pictures_have_no_red() -> None:
    """The RED of a video m-line belongs to ULPFEC, which the bridge does not take."""
    answer = answered(recorded("chromium"), capabilities=ALL)
    assert all(form.red_pt is None for slot in answer.leg.slots[2:] for form in slot.formats)
    assert not any("red/90000" in line for line in answer.sdp.splitlines())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=fmtp:63 111/111\r\n", ""),
        ("a=fmtp:63 111/111", "a=fmtp:63 111/63"),
        ("a=fmtp:63 111/111", "a=fmtp:63 0/0"),
        ("a=fmtp:63 111/111", "a=fmtp:63 /"),
        ("a=fmtp:63 111/111", "a=fmtp:63 \u0661\u0661\u0661/\u0661\u0661\u0661"),
        ("a=rtpmap:63 red/48000/2", "a=rtpmap:63 red/8000"),
        ("a=rtpmap:63 red/48000/2", "a=rtpmap:63 red/48000"),
    ],
)
def test_a_red_of_something_else_is_passed_over(old: str, new: str) -> None:
    """RED without its list, with another format in it, or at another rate: Opus stays as it is."""
    answer = answered(in_section(recorded(CHROMIUM), MIC, old, new), capabilities=REDUNDANCY)
    assert sections(answer.sdp)[MIC][0].split()[3:] == ["111"]
    assert answer.leg.sources[0].formats[0].red_pt is None


def test_flexfec_protects_each_video_slot() -> None:
    """The slots have an SSRC more each, named with the stream that it protects; what the client sends has none."""
    answer = answered(recorded(CHROMIUM), capabilities=ALL)
    for slot, place in zip(answer.leg.slots[2:], answer.leg.places[2:], strict=True):
        assert slot.fec == Fec(pt=49, ssrc=place.fec_ssrc or 0)
        section = next(part for part in sections(answer.sdp) if f"a=mid:{place.mid}" in part)
        assert section[0].split()[-1] == "49"
        for line in (
            "a=rtpmap:49 flexfec-03/90000",
            "a=rtcp-fb:49 transport-cc",
            "a=fmtp:49 repair-window=10000000",
            f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}",
            f"a=ssrc-group:FEC-FR {slot.ssrc} {place.fec_ssrc}",
            f"a=ssrc:{place.fec_ssrc} cname:cname-of-this-leg",
        ):
            assert line in section
    assert "flexfec" not in "".join(sections(answer.sdp)[CAMERA])
    used = [ssrc for place in answer.leg.places for ssrc in (place.ssrc, place.rtx_ssrc, place.fec_ssrc) if ssrc]
    assert sorted(used) == list(range(1000, 1011))


def test_flexfec_without_feedback_and_with_an_odd_window() -> None:
    """Each is answered by itself, and a repair window that is no number is not repeated."""
    offer = recorded(CHROMIUM).replace("repair-window=10000000", "repair-window=1e7")
    section = sections(answered(offer, capabilities=REDUNDANCY).sdp)[VIDEO_SLOT]
    assert [line for line in section if ":49 " in line] == ["a=rtpmap:49 flexfec-03/90000"]


@pytest.mark.parametrize("peer", [CHROMIUM, "firefox-simulcast"])
def test_an_ice_restart_keeps_all_of_it(peer: str) -> None:
    """The second answer has the same formats, SSRCs and ids."""
    first = answered(recorded(peer), capabilities=ALL).leg
    again = answered(recorded(peer), capabilities=ALL, previous=first).leg
    assert (again.sources, again.slots, again.places) == (first.sources, first.slots, first.places)
    assert again.extensions == first.extensions


def test_what_repairs_is_given_its_ssrcs_when_a_later_offer_brings_it() -> None:
    """A slot keeps its own SSRC and gets new ones beside it."""
    first = answered(recorded(CHROMIUM), capabilities=FEEDBACK).leg
    again = answered(recorded(CHROMIUM), capabilities=ALL, previous=first).leg
    assert [slot.ssrc for slot in again.slots] == [slot.ssrc for slot in first.slots]
    added = [place.fec_ssrc for place in again.places if place.fec_ssrc is not None]
    assert len(added) == len({*added} - {place.ssrc for place in first.places}) == 3


@pytest.mark.parametrize(
    ("line", "most"), [("a=maxptime:20", 20), ("a=maxptime:120", 120), ("a=maxptime:x", None)]
)
def test_what_a_packet_may_hold_is_kept_to(line: str, most: int | None) -> None:
    """Two sounds are not made one for a receiver that does not take so long a packet."""
    offer = in_section(recorded(CHROMIUM), AUDIO_SLOT, "a=rtcp-mux\r\n", f"a=rtcp-mux\r\n{line}\r\n")
    slots = answered(offer, capabilities=ALL).leg.slots
    assert [slot.max_ptime_ms for slot in slots] == [most] + [None] * (len(slots) - 1)
