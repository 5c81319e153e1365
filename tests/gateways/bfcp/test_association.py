"""One call's BFCP: whom it listens to, what descriptions change, and how what the room says reaches the peer."""

import pytest

from signalling.gateways.bfcp.association import BURST, RATE, Association
from signalling.gateways.bfcp.codec import Attribute, Kind, Message, Primitive, Status, parse, write
from signalling.gateways.bfcp.floor import Told
from signalling.gateways.bfcp.sdp import OwnLine
from signalling.gateways.interface import Floor
from tests.gateways.bfcp.test_sdp import OURS, THEIRS

PEER = ("192.0.2.10", 5070)
OWN = OwnLine("198.51.100.1", 5070, 1337, 1)
FLOOR = (Attribute(Kind.FLOOR_ID, b"\0\1"),)


def made(seen_at: str = PEER[0]) -> Association:
    """One that has answered a room system."""
    association = Association(OWN, seen_at)
    assert "m=application 5070 UDP/BFCP" in association.answer(THEIRS, OURS)
    return association


def ask(association: Association, primitive: Primitive, number: int = 1) -> list[Told]:
    """Let the peer ask for something."""
    message = Message(primitive=primitive, conference=1337, transaction=number, user=1, attributes=FLOOR)
    return list(association.receive(write(message), 0.0))


def statuses(association: Association) -> list[Status]:
    """What the peer is told of requests, in order."""
    requests = (parse(data).first(Kind.FLOOR_REQUEST_INFORMATION) for data in association.take_outbox())
    return [Status(one.inside[0].inside[0].value[0]) for one in requests if one is not None]


def test_only_whom_the_description_names_is_heard() -> None:
    """Neither another port of the same machine nor anybody else."""
    association = made()
    assert association.accepts(PEER, 0.0)
    assert not association.accepts((PEER[0], 5071), 0.0)
    assert not association.accepts(("192.0.2.11", 5070), 0.0)
    assert association.remote == PEER


def test_nobody_is_heard_before_there_is_a_description_and_after_it_is_gone() -> None:
    """A peer that takes BFCP out of the call has given the floor back."""
    association = Association(OWN, PEER[0])
    assert not association.accepts(PEER, 0.0)
    association.offer(OURS)
    assert not association.accepts(PEER, 0.0)
    association.answered(THEIRS)
    assert association.accepts(PEER, 0.0)
    assert ask(association, Primitive.FLOOR_REQUEST) == [Told.WANTED]
    assert association.wants_floor
    refused = THEIRS.replace("application 5070", "application 0")
    assert association.answer(refused, OURS) == OURS
    assert not association.wants_floor
    assert not association.accepts(PEER, 0.0)
    assert association.remote is None


def test_a_peer_behind_a_translator_is_whom_its_signalling_comes_from() -> None:
    """The first port of that address, and from then on no other; the same description again changes nothing."""
    association = made(seen_at="203.0.113.5")
    assert not association.accepts(PEER, 0.0)
    assert association.accepts(("203.0.113.5", 40_000), 0.0)
    assert not association.accepts(("203.0.113.5", 40_001), 0.0)
    association.answer(THEIRS, OURS)
    assert association.accepts(("203.0.113.5", 40_000), 0.0)


def test_a_flood_is_looked_at_in_part() -> None:
    """So many at once, then so many a second."""
    association = made()
    assert sum(association.accepts(PEER, 0.0) for _ in range(1_000)) == BURST
    assert sum(association.accepts(PEER, 1.0) for _ in range(1_000)) == RATE


@pytest.mark.parametrize(
    ("floor", "told"), [(Floor.YOURS, Status.GRANTED), (Floor.TAKEN, Status.DENIED), (Floor.FREE, Status.DENIED)]
)
def test_the_room_answers_a_request(floor: Floor, told: Status) -> None:
    """Said twice it is told once."""
    association = made()
    ask(association, Primitive.FLOOR_REQUEST)
    association.tell(floor, 0.0)
    association.tell(floor, 0.0)
    assert statuses(association) == [Status.PENDING, told]


def test_who_shows_has_to_stop_when_the_room_says_so() -> None:
    """And who asked to be told hears when somebody else begins."""
    association = made()
    ask(association, Primitive.FLOOR_QUERY)
    ask(association, Primitive.FLOOR_REQUEST, 2)
    association.tell(Floor.YOURS, 0.0)
    association.tell(Floor.TAKEN, 0.0)
    assert statuses(association) == [Status.PENDING, Status.GRANTED, Status.REVOKED, Status.GRANTED]
    association.tell(Floor.FREE, 0.0)
    (free,) = (parse(data) for data in association.take_outbox())
    assert (free.primitive, free.first(Kind.FLOOR_REQUEST_INFORMATION)) == (Primitive.FLOOR_STATUS, None)
