"""Messages of BFCP: bytes as the RFC draws them, there and back, and any other bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling.gateways.bfcp.codec import (
    GROUPED,
    LARGEST,
    RELIABLE,
    UNRELIABLE,
    Attribute,
    BfcpError,
    Fault,
    Kind,
    Message,
    Primitive,
    Status,
    length_of,
    parse,
    write,
)

# Put together by hand from the figures of RFC 8855 sections 5.1, 5.2 and 5.3.
REQUEST = bytes.fromhex(
    "20 01 0002 00000539 0001 00ea"  # version 1, FloorRequest, 2 words, conference 1337, transaction 1, user 234
    "05 04 0002"  # FLOOR-ID, mandatory, 4 bytes: 2
    "11 03 41 00"  # PARTICIPANT-PROVIDED-INFO, mandatory, 3 bytes: A, and padding
)
STATUS = bytes.fromhex(
    "50 04 0005 00000539 0001 00ea"  # version 2, a response, FloorRequestStatus
    "1f 14 0007"  # FLOOR-REQUEST-INFORMATION of request 7, 20 bytes
    "25 08 0007 0b 04 03 00"  # OVERALL-REQUEST-STATUS of request 7: REQUEST-STATUS granted, place 0
    "23 08 0002 0b 04 03 00"  # FLOOR-REQUEST-STATUS of floor 2: the same
)


def test_a_request_is_read_and_written() -> None:
    """As on a stream."""
    message = parse(REQUEST)
    assert message == Message(
        primitive=Primitive.FLOOR_REQUEST,
        conference=1337,
        transaction=1,
        user=234,
        version=RELIABLE,
        attributes=(Attribute(Kind.FLOOR_ID, b"\0\2"), Attribute(Kind.PARTICIPANT_PROVIDED_INFO, b"A")),
    )
    assert message.numbers(Kind.FLOOR_ID) == [2]
    assert message.first(Kind.BENEFICIARY_ID) is None
    assert (write(message), length_of(REQUEST[:12])) == (REQUEST, len(REQUEST))


def test_an_answer_with_groups_is_read_and_written() -> None:
    """As over UDP."""
    message = parse(STATUS)
    information = message.first(Kind.FLOOR_REQUEST_INFORMATION)
    assert information is not None
    assert (message.response, message.version, information.number) == (True, UNRELIABLE, 7)
    overall, floor = information.inside
    assert (overall.kind, overall.number, floor.number) == (Kind.OVERALL_REQUEST_STATUS, 7, 2)
    assert overall.inside == (Attribute(Kind.REQUEST_STATUS, bytes((Status.GRANTED, 0))),)
    assert write(message) == STATUS


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", None),
        (REQUEST[:11], None),
        (b"\x00" + REQUEST[1:], Fault.BAD_VERSION),
        (b"\x60" + REQUEST[1:], Fault.BAD_VERSION),
        (REQUEST[:-1], Fault.BAD_LENGTH),
        (REQUEST + b"\0\0\0\0", Fault.BAD_LENGTH),
        (b"\x48" + REQUEST[1:], Fault.UNPARSABLE),  # a fragment
        (REQUEST[:12] + b"\x05\x01\0\2" + REQUEST[16:], Fault.UNPARSABLE),  # an attribute shorter than its head
        (REQUEST[:12] + b"\x05\x09\0\2" + REQUEST[16:], Fault.UNPARSABLE),  # one that ends behind the message
        (REQUEST[:12] + b"\x05\x03\0\2" + REQUEST[16:], Fault.UNPARSABLE),  # half a number
        (REQUEST[:12] + b"\x1f\x02\0\2" + REQUEST[16:], Fault.UNPARSABLE),  # a group without its number
    ],
)
def test_what_is_no_message_says_why(data: bytes, fault: Fault | None) -> None:
    """With the head, where there is one, so that it can be answered."""
    with pytest.raises(BfcpError) as caught:
        parse(data)
    assert caught.value.fault is fault
    assert (caught.value.header is None) == (fault is None)


def test_groups_in_groups_end() -> None:
    """And so do long lists."""
    deep = Attribute(Kind.FLOOR_ID, b"\0\1")
    for _ in range(4):
        deep = Attribute(Kind.FLOOR_REQUEST_INFORMATION, b"\0\1", (deep,))
    many = tuple(Attribute(Kind.FLOOR_ID, b"\0\1") for _ in range(65))
    for attributes in ((deep,), many):
        message = Message(primitive=1, conference=1, transaction=1, user=1, attributes=attributes)
        with pytest.raises(BfcpError):
            parse(write(message))
    text = tuple(Attribute(Kind.ERROR_INFO, bytes(250)) for _ in range(6))
    with pytest.raises(ValueError, match="too long"):
        write(Message(primitive=1, conference=1, transaction=1, user=1, attributes=text))


plain = st.builds(
    Attribute,
    st.sampled_from([*range(19, 127), Kind.ERROR_CODE, Kind.USER_URI]),
    st.binary(max_size=20),
    mandatory=st.booleans(),
)
numbers = st.builds(
    Attribute, st.sampled_from([1, 2, 3, 5]), st.binary(min_size=2, max_size=2), mandatory=st.booleans()
)
groups = st.builds(
    Attribute,
    st.sampled_from(sorted(GROUPED)),
    st.binary(min_size=2, max_size=2),
    st.lists(plain | numbers, max_size=4).map(tuple),
    st.booleans(),
)
messages = st.builds(
    Message,
    primitive=st.integers(0, 255),
    conference=st.integers(0, 2**32 - 1),
    transaction=st.integers(0, 2**16 - 1),
    user=st.integers(0, 2**16 - 1),
    attributes=st.lists(plain | numbers | groups, max_size=6).map(tuple),
    version=st.sampled_from([RELIABLE, UNRELIABLE]),
    response=st.booleans(),
).filter(lambda message: message.version == UNRELIABLE or not message.response)


@given(messages)
def test_what_is_written_is_read_again(message: Message) -> None:
    """Whatever it is."""
    assert parse(write(message)) == message


@given(st.binary(max_size=LARGEST + 8))
def test_any_bytes_are_a_message_or_an_error_of_ours(data: bytes) -> None:
    """Nothing else is raised, and what was read can be written."""
    check(data)


def check(data: bytes) -> None:
    """Read these bytes, if they are a message, and write it."""
    try:
        message = parse(data)
    except BfcpError:
        return
    assert parse(write(message)) == message


@given(messages, st.data())
def test_spoilt_messages_are_borne(message: Message, data: st.DataObject) -> None:
    """A few bytes of a good one are others."""
    spoilt = bytearray(write(message))
    for at in data.draw(st.lists(st.integers(0, len(spoilt) - 1), max_size=4)):
        spoilt[at] = data.draw(st.integers(0, 255))
    check(bytes(spoilt))
