"""The line of BFCP in descriptions: found in those of peers, put into ours, and what no text can do."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signalling.gateways.bfcp.sdp import OwnLine, PeerLine, add, find, put, shows

OWN = OwnLine("198.51.100.1", 5070, 1337, 1)
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
# As a Cisco room system writes it, without what is of no account here.
THEIRS = (
    f"{HEAD}m=audio 2326 RTP/AVP 9\r\nm=video 2328 RTP/AVP 97\r\na=label:11\r\na=content:main\r\n"
    "m=application 5070 UDP/BFCP *\r\na=floorctrl:c-s\r\na=confid:1\r\na=floorid:2 mstrm:12\r\na=userid:2\r\n"
    "m=video 2330 RTP/AVP 97\r\na=label:12\r\na=content:slides\r\nm=application 2332 RTP/AVP 107\r\n"
)
OURS = (
    "v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\n"
    "m=audio 42000 RTP/AVP 9\r\nm=video 42002 RTP/AVP 97\r\na=sendrecv\r\nm=application 0 UDP/BFCP *\r\n"
    "m=video 42004 RTP/AVP 97\r\na=content:slides\r\na=label:3\r\nm=application 0 RTP/AVP 107\r\n"
)
LINE = (
    "m=application 5070 UDP/BFCP *\r\nc=IN IP4 198.51.100.1\r\na=floorctrl:s-only\r\na=confid:1337\r\n"
    "a=userid:1\r\na=floorid:1 mstrm:3\r\n"
)


def test_a_room_systems_line_is_found_and_answered_in_its_place() -> None:
    """All other lines stay as they are."""
    line = find(THEIRS)
    assert line == PeerLine(2, "192.0.2.10", 5070)
    assert put(OURS, line.number, OWN) == OURS.replace("m=application 0 UDP/BFCP *\r\n", LINE)


def test_an_offer_of_ours_has_it_behind_all_others_and_later_where_it_was() -> None:
    """Lines of a session are never taken out, and never change places (RFC 3264 section 8)."""
    first = OURS.replace("m=application 0 UDP/BFCP *\r\n", "")
    assert add(first, OWN) == first + LINE
    assert add(OURS, OWN) == OURS.replace("m=application 0 UDP/BFCP *\r\n", LINE)
    assert add(add(OURS, OWN), OWN) == add(OURS, OWN)


@pytest.mark.parametrize("without", ["a=content:slides\r\n", "a=label:3\r\n"])
def test_without_content_there_is_no_floor(without: str) -> None:
    """Nor with content on a line that is not in use."""
    bare = OURS.replace(without, "")
    assert shows(OURS) == "3"
    assert shows(bare) is None
    assert add(bare, OWN) == put(bare, 2, OWN) == bare
    refused = OURS.replace("m=video 42004", "m=video 0")
    assert add(refused, OWN) == refused


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("UDP/BFCP", "TCP/BFCP"),
        ("UDP/BFCP", "UDP/TLS/BFCP"),
        ("application 5070", "application 0"),
        ("application 5070", "application 70000"),
        ("floorctrl:c-s", "floorctrl:s-only"),
        ("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0"),
        ("c=IN IP4 192.0.2.10", "c=IN IP4 room.example"),
        ("c=IN IP4 192.0.2.10", "c=IN IP4 1.2.3"),
    ],
)
def test_what_cannot_be_used_is_not_found(before: str, after: str) -> None:
    """One who wants to be the server has nobody to be it for."""
    assert find(THEIRS.replace(before, after)) is None


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("a=floorctrl:c-s\r\n", "", PeerLine(2, "192.0.2.10", 5070)),
        ("floorctrl:c-s", "floorctrl:c-only s-only", PeerLine(2, "192.0.2.10", 5070)),
        ("UDP/BFCP *\r\n", "UDP/BFCP *\r\nc=IN IP6 2001:db8::7\r\n", PeerLine(2, "2001:db8::7", 5070)),
        ("UDP/BFCP *", "udp/bfcp *", PeerLine(2, "192.0.2.10", 5070)),
    ],
)
def test_what_is_written_otherwise_is_found(before: str, after: str, found: PeerLine) -> None:
    """Who says nothing of roles in an offer is a client (RFC 8856 section 5.1)."""
    assert find(THEIRS.replace(before, after, 1)) == found


@example("m=video 9 RTP/AVP 96\r\na=content:slides\r\na=label:1")
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(THEIRS.split("\r\n"))).map("\r\n".join)))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever is found has an address."""
    found = find(text)
    assert found is None or 0 < found.port < 2**16
    add(text, OWN)
    assert shows(text) is None or "m=application 5070" in add(text, OWN)
