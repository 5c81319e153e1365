"""Messages out of streams: however the bytes are cut, the same messages; what cannot be followed is an error."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.sip.framing import Framer, FramingError
from signalling.gateways.sip.parsing import MAX_HEAD, parse
from tests.gateways.sip.torture import TAKEN

ONE = parse(TAKEN["lwsdisp"].data).encode()
TWO = parse(TAKEN["mpart01"].data).encode()


@given(st.lists(st.sampled_from([ONE, TWO, b"\r\n\r\n"]), max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_however_the_bytes_are_cut(parts: list[bytes], rng: random.Random) -> None:
    """The same messages come out, and every double line break is answered once."""
    stream, framer, messages = b"".join(parts), Framer(), []
    while stream:
        size = rng.randint(1, 400)
        messages += framer.feed(stream[:size])
        stream = stream[size:]
    assert messages == [part for part in parts if part != b"\r\n\r\n"]
    assert framer.answers == parts.count(b"\r\n\r\n")
    assert not framer.unfinished


def test_half_a_message_is_unfinished() -> None:
    """The shell closes connections on which nothing comes after that."""
    framer = Framer()
    assert framer.feed(ONE[:50]) == []
    assert framer.unfinished
    assert framer.feed(ONE[50:] + b"\r\n") == [ONE]
    assert not framer.unfinished


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (MAX_HEAD + 1),
        b"OPTIONS sip:h SIP/2.0\r\nVia: x\r\n\r\n",
        b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n",
        b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
        b"OPTIONS sip:h SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"\r\n" * 5000,
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
def test_what_cannot_be_followed_ends_the_connection(data: bytes) -> None:
    """No end of headers, no length, two lengths, too much of a body, only line breaks, another protocol."""
    with pytest.raises(FramingError):
        _feed(Framer(), data)


def _feed(framer: Framer, data: bytes) -> None:
    for at in range(0, len(data), 1000):
        framer.feed(data[at : at + 1000])


@given(st.lists(st.binary(max_size=80), max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_messages_or_an_error_of_ours(chunks: list[bytes]) -> None:
    """Never another exception, and never more kept than one message may be long."""
    framer = Framer()
    for chunk in chunks:
        try:
            framer.feed(chunk)
        except FramingError:
            return
