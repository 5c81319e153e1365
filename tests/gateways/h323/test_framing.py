"""TPKT and Q.931: what captures hold comes out as it went in, and any other bytes give an error of ours."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling.gateways.h323.errors import H323Error, MalformedError
from signalling.gateways.h323.wire import q931, tpkt
from signalling.gateways.h323.wire.q931 import Element, Kind, Message, Number

VECTORS = Path(__file__).parents[2] / "vectors" / "h323"
CALLS = [
    bytes.fromhex(line.split()[3])
    for path in sorted(VECTORS.glob("*.txt"))
    for line in path.read_text().splitlines()
    if line.startswith("call ")
]
HEAD = bytes((8, 2, 0x12, 0x34, Kind.SETUP))


def test_streams_are_cut_where_messages_end() -> None:
    """Wherever they are torn."""
    stream = b"".join(CALLS)
    whole = tpkt.Framer().feed(stream)
    framer = tpkt.Framer()
    torn = [message for at in range(0, len(stream), 7) for message in framer.feed(stream[at : at + 7])]
    assert torn == whole == [one[4:] for one in CALLS]
    assert not framer.unfinished
    assert b"".join(tpkt.wrap(one) for one in whole) == stream


def test_half_a_message_is_kept_and_nothing_of_one_that_is_too_long() -> None:
    """So a peer cannot have us keep more than a message."""
    framer = tpkt.Framer(most=100)
    assert framer.feed(bytes((3, 0, 0, 100)) + bytes(50)) == []
    assert framer.unfinished
    assert framer.feed(bytes(46)) == [bytes(96)]
    assert framer.feed(bytes((3, 0, 0, 4))) == [], "an empty one keeps the connection alive"
    for bad in (bytes((3, 0, 0, 101)), bytes((4, 0, 0, 10)), bytes((3, 0, 0, 3)), b"GET / HTTP/1.1\r\n"):
        with pytest.raises(MalformedError):
            tpkt.Framer(most=100).feed(bad)
    with pytest.raises(MalformedError):
        tpkt.wrap(bytes(65_532))


@pytest.mark.parametrize("data", [one[4:] for one in CALLS])
def test_captured_messages_come_out_as_they_went_in(data: bytes) -> None:
    """Element by element."""
    assert q931.parse(data).encode() == data


def test_elements_are_read() -> None:
    """Numbers with and without octet 3a, causes with and without octet 3a, display, keypad."""
    elements = {
        Element.CALLING_NUMBER: bytes((0x11, 0xA0)) + b"4712345678",
        Element.CALLED_NUMBER: q931.number("47110815"),
        Element.DISPLAY: b"Ward 7\0",
        Element.KEYPAD: b"1#",
        Element.CAUSE: bytes((0x00, 0x80, 0x91)),
    }
    read = q931.parse(Message(Kind.SETUP, 7, from_called=False, elements=elements).encode())
    assert read.calling == Number("4712345678", international=True, restricted=True)
    assert read.called == Number("47110815")
    assert (read.display, read.keypad, read.cause) == ("Ward 7", "1#", 17)
    assert q931.parse(HEAD + bytes((8, 2)) + q931.cause(16)).cause == 16
    assert q931.parse(HEAD).user_information is None
    assert q931.number("+4712345678")[0] == 0x91
    assert "4712345678" not in repr(read)


def test_what_belongs_to_other_code_sets_is_passed_over() -> None:
    """For one element, or for the rest (Q.931 4.5.3)."""
    display = bytes((Element.DISPLAY, 1))
    assert q931.parse(HEAD + b"\x9d" + display + b"x" + display + b"y").display == "y"
    assert q931.parse(HEAD + b"\x95" + display + b"x" + display + b"y").display == ""
    assert q931.parse(HEAD + b"\xa1" + display + b"y").display == "y"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\x02",
        b"\x08\x02\x00\x01",
        b"\x08\x05aaaaaa",
        b"\x09\x02\x00\x01\x05",
        HEAD + b"\x28",
        HEAD + b"\x28\x05abc",
        HEAD + b"\x7e\x01",
        HEAD + b"\x7e\xff\xff\x05",
        HEAD + b"\xa1" * 100,
    ],
)
def test_what_is_none_is_refused(data: bytes) -> None:
    """With a cause."""
    with pytest.raises(H323Error) as refused:
        q931.parse(data)
    assert refused.value.cause in (95, 100)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_an_error(data: bytes) -> None:
    """No view of it raises either."""
    for tail in (data, HEAD + data):
        try:
            read = q931.parse(tail)
        except MalformedError:
            continue
        views = (read.cause, read.display, read.keypad, read.called, read.calling, read.user_information)
        assert len(views) == 6
        assert sum(map(len, read.elements.values())) <= len(tail)
        assert q931.parse(read.encode()).elements == read.elements
