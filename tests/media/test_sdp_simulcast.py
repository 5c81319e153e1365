"""Several encodings of one picture: what is read of them in an offer, and what the answer takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.description import CAMERA, CONTENT, Encoding
from media.sdp import OfferRoles, SdpError
from media.sdp.simulcast import sent_encodings
from tests.media.sdp_offers import ALL, PLAIN, SIMULCAST, answered, in_section, recorded, sections

CAMERA_LINE, CONTENT_LINE = 1, 2
OFFERED = "a=simulcast:send l;m;h"


def lines_of(answer: str, number: int) -> list[str]:
    """Return what an answer's m-section says of encodings."""
    found = ("a=rid:", "a=simulcast:")
    return [line for line in sections(answer)[number] if line.startswith(found)]


@pytest.mark.parametrize("peer", SIMULCAST)
def test_a_browsers_encodings_are_taken_in_its_order(peer: str) -> None:
    """The camera has three encodings, lowest first, without SSRCs; the answer asks for all of them."""
    answer = answered(recorded(peer), capabilities=ALL)
    by_source = {source.source: source for source in answer.leg.sources}
    assert by_source[CAMERA].encodings == tuple(Encoding(rid=rid) for rid in "lmh")
    assert [one.rid for one in by_source[CONTENT].encodings] == [None]
    assert lines_of(answer.sdp, CAMERA_LINE) == [
        "a=rid:l recv",
        "a=rid:m recv",
        "a=rid:h recv",
        "a=simulcast:recv l;m;h",
    ]
    for number in (0, *range(CONTENT_LINE, 8)):
        assert lines_of(answer.sdp, number) == []


@pytest.mark.parametrize(("peer", "way"), [("chromium-simulcast", ""), ("firefox-simulcast", "/recvonly")])
def test_rids_have_one_id_each_answered_the_way_they_were_offered(peer: str, way: str) -> None:
    """Both extensions that name an encoding are on the camera's line alone, mirrored if offered one-way."""
    answer = answered(recorded(peer), capabilities=ALL)
    ids = answer.leg.extensions
    named = [f"a=extmap:{ids.rid}{way} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"]
    named.append(f"a=extmap:{ids.repaired_rid}{way} urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id")
    for number, section in enumerate(sections(answer.sdp)):
        found = [line for line in section if "rtp-stream-id" in line]
        assert found == (named if number == CAMERA_LINE else [])


@pytest.mark.parametrize("peer", SIMULCAST)
def test_without_the_capability_one_encoding_is_left(peer: str) -> None:
    """The answer says nothing of encodings, so the client sends its first; no id is kept for their names."""
    answer = answered(recorded(peer), capabilities=PLAIN)
    camera = next(source for source in answer.leg.sources if source.source == CAMERA)
    assert [one.rid for one in camera.encodings] == [None]
    assert lines_of(answer.sdp, CAMERA_LINE) == []
    assert "rtp-stream-id" not in answer.sdp
    assert (answer.leg.extensions.rid, answer.leg.extensions.repaired_rid) == (None, None)


def test_without_names_in_the_packets_there_is_one_encoding() -> None:
    """Who does not offer the extension that names encodings cannot have them told apart."""
    text = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    answer = answered(in_section(recorded("chromium-simulcast"), CAMERA_LINE, text, "urn:x"), capabilities=ALL)
    assert [one.rid for one in answer.leg.sources[1].encodings] == [None]
    assert lines_of(answer.sdp, CAMERA_LINE) == []


def test_content_may_have_encodings_too() -> None:
    """Whichever line the client names as content, its encodings are taken."""
    answer = answered(recorded("chromium-simulcast"), OfferRoles(mic="0", content="1"), ALL)
    assert [one.rid for one in answer.leg.sources[-1].encodings] == ["l", "m", "h"]


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("send l;~m;~h", ("l", "~m", "~h")),
        ("send ~l;m", ("~l", "m")),
        ("send l,~m;h", ("l", "h")),
        ("send ~l,m;h", ("~l", "h")),
        ("send h", ("h",)),
        ("recv l;m", ()),
        ("send l;m recv a,b;c", ("l", "m")),
        ("recv a send m;l", ("m", "l")),
        ("send l;m;h;x", ("l", "m", "h")),
        ("send x;y,l;m;h", ("x", "y", "m")),
    ],
)
def test_paused_alternative_and_superfluous_encodings(said: str, taken: tuple[str, ...]) -> None:
    """A pause is kept in mind, of alternatives the first counts, and more than three are too many."""
    section = [*(f"a=rid:{rid} send" for rid in "lmhxy"), "a=rid:a recv", f"a=simulcast:{said}"]
    assert tuple(map(str, sent_encodings(section))) == taken


def test_the_three_lowest_of_more_are_answered() -> None:
    """The client learns from the answer that a fourth encoding is not wanted."""
    more = in_section(recorded("chromium-simulcast"), CAMERA_LINE, OFFERED, f"a=rid:x send\r\n{OFFERED};x")
    answer = answered(more, capabilities=ALL)
    assert lines_of(answer.sdp, CAMERA_LINE)[-1] == "a=simulcast:recv l;m;h"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "send",
        "send ",
        "send l;;h",
        "send l;m;",
        "send ;",
        "send l,;m",
        "send l send m",
        "sendrecv l;m",
        "l;m;h",
        "send l;l",
        "send l,l;m",
        "send l;~l",
        "send l;q",
        "send l;r",
        "send l;~~m",
        "send l m",
        "send å;m",
        f"send l;{'m' * 17}",
    ],
)
def test_a_bad_list_of_encodings_is_refused(said: str) -> None:
    """Broken grammar, and rids that are doubled, of bad form, unknown or not for sending."""
    # Declared, so that only the length of the name is at fault.
    declared = f"a=rid:r recv\r\na=simulcast:{said}"
    with pytest.raises(SdpError) as refused:
        answered(in_section(recorded("chromium-simulcast"), CAMERA_LINE, OFFERED, declared), capabilities=ALL)
    assert refused.value.code == "sdp_invalid"
    assert "simulcast" in refused.value.message


@pytest.mark.parametrize("line", ["a=rid:l recv", "a=rid:", "a=rid:q", "a=rid:q both", f"a=rid:{'q' * 17} send"])
def test_a_bad_declaration_is_refused(line: str) -> None:
    """A rid that is declared twice, has no direction, or does not fit a header extension."""
    offer = in_section(recorded("chromium-simulcast"), CAMERA_LINE, OFFERED, f"{line}\r\n{OFFERED}")
    with pytest.raises(SdpError) as refused:
        answered(offer, capabilities=ALL)
    assert refused.value.code == "sdp_invalid"
    assert "a=rid" in refused.value.message


def test_two_lists_are_refused() -> None:
    """One m-line has one a=simulcast (RFC 8853 section 5.1)."""
    offer = in_section(recorded("chromium-simulcast"), CAMERA_LINE, OFFERED, f"{OFFERED}\r\n{OFFERED}")
    with pytest.raises(SdpError, match="more than one"):
        answered(offer, capabilities=ALL)


def test_restrictions_of_a_rid_are_borne() -> None:
    """What a client says of an encoding beyond its name is its own affair."""
    offer = in_section(
        recorded("chromium-simulcast"), CAMERA_LINE, "a=rid:l send", "a=rid:l send pt=96;max-width=320"
    )
    assert [one.rid for one in answered(offer, capabilities=ALL).leg.sources[1].encodings] == ["l", "m", "h"]


def test_a_pause_in_a_further_offer_changes_nothing() -> None:
    """Chromium marks what it does not send just now, and hears the same back: the media are those of before."""
    first = answered(recorded("chromium-simulcast"), capabilities=ALL).leg
    paused = in_section(recorded("chromium-simulcast"), CAMERA_LINE, OFFERED, "a=simulcast:send l;~m;~h")
    answer = answered(paused, capabilities=ALL, previous=first)
    assert lines_of(answer.sdp, CAMERA_LINE)[-1] == "a=simulcast:recv l;~m;~h"
    again = answer.leg
    assert (again.sources, again.slots, again.extensions) == (first.sources, first.slots, first.extensions)


@given(st.lists(st.text(alphabet="lmh send;,~recvx\té", max_size=24), max_size=4))
@settings(max_examples=300, deadline=None)
def test_arbitrary_lists_give_encodings_or_a_clear_refusal(texts: list[str]) -> None:
    """Whatever is written, there are at most three different declared rids, or an SdpError."""
    section = ["a=rid:l send", "a=rid:m send", "a=rid:x recv"]
    section += [
        f"a={name}:{text}" for name, text in zip(("simulcast", "rid", "simulcast", "rid"), texts, strict=False)
    ]
    try:
        taken = [one.rid for one in sent_encodings(section)]
    except SdpError:
        return
    assert len(set(taken)) == len(taken) <= 3
