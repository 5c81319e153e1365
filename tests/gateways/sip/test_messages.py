"""Messages: the cases of RFC 4475, any bytes at all, and what is written is read again."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.sip.errors import MalformedError
from signalling.gateways.sip.grammar import quote, split, unquote
from signalling.gateways.sip.message import Request, Response, answer
from signalling.gateways.sip.parsing import MalformedMessageError, parse
from signalling.gateways.sip.values import CSeq, NameAddr, Uri, Via
from tests.gateways.sip.torture import INTERESTING, REFUSED, TAKEN, UNUSUAL_URI, Case


def _request(name: str) -> Request:
    message = parse(TAKEN[name].data)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("case", TAKEN.values(), ids=TAKEN)
def test_what_is_valid_is_taken_and_survives_being_written(case: Case) -> None:
    """A valid message is read, and what it is written as is read as the same, to the last header."""
    message = parse(case.data)
    again = parse(message.encode())
    message.headers.set("Content-Length", str(len(message.body)))
    assert sorted(again.headers) == sorted(message.headers)
    assert (again.start_line, again.body) == (message.start_line, message.body)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_with_its_status(case: Case) -> None:
    """A malformed message is refused with its status, and can be answered if its way back can be read."""
    with pytest.raises(MalformedMessageError) as refused:
        parse(case.data)
    assert refused.value.status == case.status
    assert (refused.value.request is not None) == case.answerable
    if refused.value.request is not None:
        reply = parse(answer(refused.value.request, refused.value.status, "tag").encode())
        assert isinstance(reply, Response)
        assert reply.to.tag == "tag"


def test_white_space_and_folding_mean_nothing() -> None:
    """RFC 4475 section 3.1.1.1: every value is found in the midst of its white space."""
    message = _request("wsinv")
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.from_.name == 'Anna \\"'
    assert (message.to.tag, message.from_.tag) == ("1918181833n", "98asjd8")
    assert message.cseq == CSeq(9, "INVITE")
    assert message.headers.get("Max-Forwards") == "0068"
    assert message.contacts[0].name == 'Quoted string ""'
    assert message.contacts[0].params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert message.routes[0].uri.params["lr"] is None
    assert message.body == b"v="


def test_unusual_characters_are_kept() -> None:
    """RFC 4475 section 3.1.1.2: all that the grammar allows in a method, a URI and tags."""
    message = _request("intmeth")
    assert message.method == INTERESTING
    assert str(message.uri) == UNUSUAL_URI
    assert message.uri.host == "example.com"
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.from_.tag == "_token~1'+`*%!-."
    assert message.from_.name == "token1~` token2'+_ token3*%!.-"


def test_escapes_are_not_resolved_too_early() -> None:
    """RFC 4475 sections 3.1.1.3 to 3.1.1.5 and 3.1.1.9: escapes name characters of the part that they stand in."""
    assert _request("esc01").uri.user_text == "sips:room@example.com"
    assert _request("esc01").uri.host == "example.net"
    assert [contact.uri.user_text for contact in _request("escnull").contacts] == ["\0", "\0\0"]
    assert _request("esc02").method == "RE%47IST%45R"
    assert _request("semiuri").uri.user_text == "user;par=u@example.net"


def test_what_follows_the_body_is_left_aside() -> None:
    """RFC 4475 section 3.1.1.8: a datagram holds one message."""
    message = _request("dblreq")
    assert message.method == "REGISTER"
    assert message.body == b""


def test_parameters_belong_to_the_header_unless_brackets_say_otherwise() -> None:
    """RFC 3261 section 20 and RFC 4475 sections 3.3.10 and 3.3.11."""
    assert _request("cparam01").contacts[0].params == {"unknownparam": None}
    assert _request("cparam02").contacts[0].uri.params == {"unknownparam": None}


def test_other_schemes_are_told_apart() -> None:
    """A URI of a scheme that is not SIP's stays whole."""
    assert _request("novelsc").uri == Uri("soap.beep", opaque="//192.0.2.103:3002")
    assert _request("unksm2").to.uri == Uri("isbn", opaque="2983792873")
    assert Uri.parse("tel:+4755512345;phone-context=x").scheme == "tel"


@pytest.mark.parametrize(
    "text",
    [
        "sip:host1",
        "sips:a@h-1.example:5061;transport=tcp",
        "sip:[2001:db8::1]:5060;lr",
        "sip:*21%23@h.example?Subject=x&Priority=y",
        "sip:a:b@192.0.2.1",
    ],
)
def test_uris_are_given_back_as_they_came(text: str) -> None:
    """Nothing is escaped or resolved on the way."""
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@h",
        "sip:a b@h",
        "sip:h:0",
        "sip:h:70000",
        "sip:[::1",
        "sip:[zz]",
        "sip:h;=x",
        "sip:h;a=",
        "sip:a@b@h",
        ":x",
    ],
)
def test_bad_uris_are_refused(text: str) -> None:
    """Each is an error of ours."""
    with pytest.raises(MalformedError):
        Uri.parse(text)


def test_several_contacts_with_quoted_names_are_several() -> None:
    """Commas, brackets and quotes inside quoted strings separate nothing."""
    items = split(r'"a, \"<b>" <sip:a@h>;q=1, <sip:b@h>;x="y;,z"', ",")
    first, second = (NameAddr.parse(item) for item in items)
    assert (first.name, first.params) == ('a, "<b>', {"q": "1"})
    assert second.params == {"x": '"y;,z"'}


def test_tags_and_branches_are_given_back_unchanged() -> None:
    """A peer compares them byte by byte; `%` is no escape in them."""
    assert str(Via.parse("SIP/2.0/UDP h;branch=z9hG4bK!%41*+'")).endswith("z9hG4bK!%41*+'")
    assert str(NameAddr.parse("<sip:a@h>;tag=a!b*c%41")).endswith("tag=a!b*c%41")


def test_no_value_can_write_headers_of_its_own() -> None:
    """A line break in a value is stopped when the message is written."""
    message = Request(method="INFO", uri=Uri("sip", "h"))
    message.headers.set("Subject", "x\r\nVia: y")
    with pytest.raises(ValueError, match="line break"):
        message.encode()


@pytest.mark.parametrize(
    "text", ['"' * 8000, '"\\' * 4000, "<" * 8000, 'a="x",' * 1300 + "!@", ";a" * 4000 + '"', "a-." * 2600]
)
def test_long_bad_values_cost_no_more_than_their_length(text: str) -> None:
    """Nothing backtracks: eight thousand characters take far less than a second, good or bad."""
    began = time.process_time()
    for read in (Uri.parse, NameAddr.parse, Via.parse, lambda value: split(value, ",")):
        try:
            read(text)
        except MalformedError:
            continue
    assert time.process_time() - began < 1.0


@given(st.binary(max_size=600))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_message_or_an_error_of_ours(data: bytes) -> None:
    """Never another exception."""
    for candidate in (data, b"INVITE sip:a@h SIP/2.0\r\n" + data, data + b"\r\n\r\n"):
        try:
            parse(candidate)
        except MalformedMessageError:
            continue


@given(st.sampled_from(list(TAKEN.values())), st.data())
@settings(max_examples=300, deadline=None)
def test_spoilt_messages_give_a_message_that_can_be_used_or_an_error_of_ours(
    case: Case, data: st.DataObject
) -> None:
    """Valid messages with some bytes changed: what is still taken can be looked at and written."""
    spoilt = bytearray(case.data)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        spoilt = spoilt or bytearray(b"x")
    try:
        message = parse(bytes(spoilt))
    except MalformedMessageError as error:
        if error.request is not None:
            answer(error.request, error.status, "t").encode()
        return
    views = (message.vias, message.from_, message.to, message.cseq, message.contacts, message.routes)
    more = (message.record_routes, message.rseq, message.rack, message.session_expires, message.content_type)
    assert len(views) + len(more) == 11
    for name in ("Require", "Supported", "Allow"):
        assert message.headers.tokens(name) is not None
    assert parse(message.encode()).call_id == message.call_id
    if isinstance(message, Request):
        answer(message, 200, "t").encode()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_any_display_name_can_be_written(name: str) -> None:
    """What can be seen comes back, the rest is blank."""
    shown = "".join(char if char.isprintable() else " " for char in name)
    assert unquote(quote(name)) == shown
    assert NameAddr.parse(str(NameAddr(Uri("sip", "h"), name))).name == shown
