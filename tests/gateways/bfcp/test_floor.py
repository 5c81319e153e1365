"""The floor: asked for, granted, given back, taken away; on networks that lose and with peers that do anything."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling.gateways.bfcp.codec import (
    RELIABLE,
    UNRELIABLE,
    Attribute,
    Fault,
    Kind,
    Message,
    Primitive,
    Status,
    parse,
    write,
)
from signalling.gateways.bfcp.floor import OTHERS, T1_S, T2_S, TRIES, FloorServer, Settings, Told

SETTINGS = Settings(conference=1337, user=2, floor=1)
FLOOR = (Attribute(Kind.FLOOR_ID, b"\0\1"),)


class Peer:
    """A room system's side, by hand, on one network."""

    def __init__(self, version: int = UNRELIABLE) -> None:
        self.version = version
        self.server = FloorServer(replace(SETTINGS, version=version))
        self.now = 100.0
        self.number = 0

    def message(self, primitive: int, attributes: tuple[Attribute, ...] = (), **changes: int) -> Message:
        """The next message."""
        self.number += 1
        fields = {"conference": 1337, "user": 2, "transaction": self.number, "version": self.version}
        return Message(primitive=primitive, attributes=attributes, **(fields | changes))

    def send(self, message: Message | bytes) -> list[Told]:
        """Send it; give what the server told its owner."""
        return self.server.receive(message if isinstance(message, bytes) else write(message), self.now)

    def heard(self) -> list[Message]:
        """What the server has sent since the last time."""
        sent, self.server.outbox = [parse(one) for one in self.server.outbox], []
        return sent

    def one(self) -> Message:
        """The one message that it has sent."""
        (message,) = self.heard()
        return message

    def status(self) -> Status:
        """What the one message that it has sent says of the request."""
        information = self.one().first(Kind.FLOOR_REQUEST_INFORMATION)
        assert information is not None
        return Status(information.inside[0].inside[0].value[0])

    def request(self) -> list[Told]:
        """Ask for the floor."""
        return self.send(self.message(Primitive.FLOOR_REQUEST, FLOOR))

    def release(self, number: int = 1) -> list[Told]:
        """Give it back."""
        which = (Attribute(Kind.FLOOR_REQUEST_ID, number.to_bytes(2, "big")),)
        return self.send(self.message(Primitive.FLOOR_RELEASE, which))


def fault_of(message: Message) -> Fault:
    """The error that a message tells of."""
    assert message.primitive == Primitive.ERROR
    code = message.first(Kind.ERROR_CODE)
    assert code is not None
    return Fault(code.value[0])


@pytest.mark.parametrize("version", [RELIABLE, UNRELIABLE])
def test_the_floor_is_asked_for_granted_and_given_back(version: int) -> None:
    """The peer is answered at once, and told when it has been decided."""
    peer = Peer(version)
    assert peer.send(peer.message(Primitive.HELLO)) == []
    hello = peer.one()
    assert (hello.primitive, hello.transaction, hello.response) == (Primitive.HELLO_ACK, 1, version == UNRELIABLE)
    assert peer.request() == [Told.WANTED]
    assert peer.status() is Status.PENDING
    assert not peer.server.has_floor
    peer.server.decide(peer.now, granted=True)
    assert peer.server.has_floor
    assert peer.status() is Status.GRANTED
    assert peer.release() == [Told.RELEASED]
    assert peer.status() is Status.RELEASED
    assert not peer.server.has_floor


def test_what_is_denied_and_taken_back_is_told() -> None:
    """And the peer may ask again, by a request of another number."""
    peer = Peer()
    peer.request()
    peer.heard()
    peer.server.decide(peer.now, granted=False)
    peer.server.decide(peer.now, granted=True)
    assert peer.status() is Status.DENIED
    peer.request()
    peer.heard()
    peer.server.decide(peer.now, granted=True)
    peer.heard()
    peer.server.take_back(peer.now)
    peer.server.take_back(peer.now)
    assert peer.status() is Status.REVOKED
    assert peer.release(number=1) == []
    assert fault_of(peer.one()) is Fault.NO_REQUEST
    assert peer.release(number=2) == []
    assert peer.status() is Status.RELEASED


def test_who_asks_is_told_when_others_show() -> None:
    """A room system opens its second picture then; one that has not asked is told nothing."""
    peer = Peer()
    peer.server.held_by_others(peer.now, held=True)
    assert peer.heard() == []
    peer.send(peer.message(Primitive.FLOOR_QUERY, FLOOR))
    assert peer.status() is Status.GRANTED
    peer.server.held_by_others(peer.now, held=False)
    free = peer.one()
    assert (free.primitive, free.first(Kind.FLOOR_REQUEST_INFORMATION)) == (Primitive.FLOOR_STATUS, None)
    peer.server.held_by_others(peer.now, held=True)
    assert peer.status() is Status.GRANTED
    peer.send(peer.message(Primitive.FLOOR_QUERY))
    peer.heard()
    peer.server.held_by_others(peer.now, held=False)
    assert peer.heard() == []


def test_what_is_told_of_others_is_whole_and_says_not_who_they_are() -> None:
    """RFC 8855 section 5.3.8: a floor, and a request for it, which is none of the peer's own."""
    peer = Peer()
    peer.server.held_by_others(peer.now, held=True)
    peer.send(peer.message(Primitive.FLOOR_QUERY, FLOOR))
    floor, request = peer.one().attributes
    assert (floor, request.kind, request.number) == (FLOOR[0], Kind.FLOOR_REQUEST_INFORMATION, OTHERS)
    assert [(one.kind, one.number) for one in request.inside] == [
        (Kind.OVERALL_REQUEST_STATUS, OTHERS),
        (Kind.FLOOR_REQUEST_STATUS, 1),
        (Kind.BENEFICIARY_INFORMATION, OTHERS),
    ]


def test_peers_made_after_drafts_are_understood() -> None:
    """They write version 1 on UDP, are answered so, and acknowledge a FloorStatus by what is Goodbye today."""
    peer = Peer()
    peer.version = RELIABLE
    peer.send(peer.message(Primitive.FLOOR_QUERY, FLOOR))
    answer = peer.one()
    assert (answer.version, answer.response) == (RELIABLE, True)
    peer.request()
    peer.heard()
    peer.server.decide(peer.now, granted=True)
    peer.send(peer.message(Primitive.FLOOR_REQUEST_STATUS_ACK, transaction=peer.one().transaction))
    peer.server.held_by_others(peer.now, held=True)
    told = peer.one()
    assert (told.primitive, told.version, told.response) == (Primitive.FLOOR_STATUS, RELIABLE, False)
    assert peer.send(peer.message(Primitive.GOODBYE, transaction=told.transaction)) == []
    assert (peer.server.next_timeout(), peer.server.has_floor) == (None, True)
    assert peer.send(peer.message(Primitive.GOODBYE)) == [Told.GONE]


def test_a_request_that_comes_twice_is_one() -> None:
    """Over UDP the answer is given again, for as long as the peer may ask."""
    peer = Peer()
    request = peer.message(Primitive.FLOOR_REQUEST, FLOOR)
    assert peer.send(request) == [Told.WANTED]
    first = peer.heard()
    peer.now += T2_S / 2
    assert peer.send(request) == []
    assert peer.heard() == first
    peer.now += T2_S
    assert peer.send(request) == []
    assert fault_of(peer.one()) is Fault.TOO_MANY


def test_what_is_not_acknowledged_comes_again_and_then_no_more() -> None:
    """Over UDP; a peer that acknowledges nothing is gone."""
    peer = Peer()
    peer.request()
    peer.heard()
    peer.server.decide(peer.now, granted=True)
    (granted,) = peer.heard()
    for attempt in range(1, TRIES):
        due = peer.server.next_timeout()
        assert due is not None
        assert due == pytest.approx(peer.now + T1_S * 2 ** (attempt - 1))
        assert peer.server.timeout(due - 0.01) == []
        assert peer.heard() == []
        peer.now = due
        assert peer.server.timeout(peer.now) == []
        assert peer.heard() == [granted]
    peer.now += 60
    assert peer.server.timeout(peer.now) == [Told.GONE]
    assert (peer.heard(), peer.server.next_timeout(), peer.server.has_floor) == ([], None, False)


def test_what_is_acknowledged_does_not() -> None:
    """By the number that it had."""
    peer = Peer()
    peer.request()
    peer.heard()
    peer.server.decide(peer.now, granted=True)
    number = peer.one().transaction
    peer.send(peer.message(Primitive.FLOOR_REQUEST_STATUS_ACK, transaction=number))
    assert (peer.server.next_timeout(), peer.heard()) == (None, [])


def test_goodbye_ends_it() -> None:
    """The floor is free then."""
    peer = Peer()
    peer.request()
    peer.server.decide(peer.now, granted=True)
    peer.heard()
    assert peer.send(peer.message(Primitive.GOODBYE)) == [Told.GONE]
    assert peer.one().primitive == Primitive.GOODBYE_ACK
    assert not peer.server.has_floor


@pytest.mark.parametrize(
    ("primitive", "attributes", "changes", "fault"),
    [
        (Primitive.HELLO, (), {"conference": 1}, Fault.NO_CONFERENCE),
        (Primitive.HELLO, (), {"user": 1}, Fault.NO_USER),
        (Primitive.CHAIR_ACTION, (), {}, Fault.UNKNOWN_PRIMITIVE),
        (99, (), {}, Fault.UNKNOWN_PRIMITIVE),
        (Primitive.FLOOR_REQUEST, (Attribute(Kind.FLOOR_ID, b"\0\2"),), {}, Fault.NO_FLOOR),
        (Primitive.FLOOR_REQUEST, (), {}, Fault.NO_FLOOR),
        (Primitive.FLOOR_REQUEST, (*FLOOR, Attribute(99, b"")), {}, Fault.UNKNOWN_ATTRIBUTE),
        (Primitive.FLOOR_RELEASE, (), {}, Fault.NO_REQUEST),
        (Primitive.FLOOR_RELEASE, (Attribute(Kind.FLOOR_REQUEST_ID, b"\0\0"),), {}, Fault.NO_REQUEST),
    ],
)
def test_what_cannot_be_done_is_said(
    primitive: int, attributes: tuple[Attribute, ...], changes: dict[str, int], fault: Fault
) -> None:
    """And changes nothing."""
    peer = Peer()
    assert peer.send(peer.message(primitive, attributes, **changes)) == []
    assert fault_of(peer.one()) is fault
    assert peer.request() == [Told.WANTED]


def test_noise_is_counted_and_answered_where_it_has_a_head() -> None:
    """What is too short for one is not; nor is an answer that nobody can read."""
    peer = Peer()
    good = write(peer.message(Primitive.HELLO))
    for noise, answered in ((b"", False), (b"\0" * 11, False), (good + b"\0\0\0\0", True)):
        peer.send(noise)
        assert [fault_of(one) for one in peer.heard()] == [Fault.BAD_LENGTH] * answered
    peer.send(b"\x50" + good[1:] + b"\0\0\0\0")
    assert (peer.heard(), peer.server.malformed) == ([], 4)


steps = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.tuples(st.sampled_from(sorted(Primitive)), st.integers(0, 3), st.booleans()),
        st.sampled_from(["grant", "deny", "take back", "others", "nobody", "time"]),
    ),
    max_size=30,
)


@given(steps, st.sampled_from([RELIABLE, UNRELIABLE]))
def test_whatever_comes_the_floor_is_granted_by_the_room_alone(taken: list[object], version: int) -> None:
    """No order of messages, noise, decisions and time breaks it; what is kept is bounded."""
    peer = Peer(version)
    may_have = False
    for step in taken:
        if isinstance(step, bytes):
            peer.send(step)
        elif isinstance(step, tuple):
            primitive, number, with_floor = step
            which = (Attribute(Kind.FLOOR_REQUEST_ID, number.to_bytes(2, "big")),)
            peer.send(peer.message(primitive, FLOOR if with_floor else which, transaction=number))
        elif step in ("grant", "deny"):
            peer.server.decide(peer.now, granted=step == "grant")
            may_have = may_have or step == "grant"
        elif step == "take back":
            peer.server.take_back(peer.now)
            may_have = False
        elif step == "time":
            peer.now += 1
            peer.server.timeout(peer.now)
        else:
            peer.server.held_by_others(peer.now, held=step == "others")
        assert may_have or not peer.server.has_floor
        for message in peer.heard():
            assert (message.conference, message.user) == (1337, 2) or message.primitive == Primitive.ERROR
        assert len(peer.server._kept) <= 33
