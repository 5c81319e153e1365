"""What a login proves stands in the room's record, follows the person and nobody else, and ends with a call."""

from dataclasses import replace

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, Identity, Place, Role, SubjectDigest
from tests.rooms.rig import Consultation, opened, person, pid, resume

HIGH = Identity(assurance=Assurance.HIGH, provider="idporten", subject=SubjectDigest("of the patient"))
OTHER = Identity(assurance=Assurance.HIGH, provider="idporten", subject=SubjectDigest("of another"))


def knocking(room: Consultation, name: str, identity: Identity | None, *, known: bool = True) -> c.Knock:
    """A knock in a browser in which somebody has logged in."""
    return replace(room.knocking(name, resume(name) if known else None), identity=identity)


def test_levels_are_in_order() -> None:
    """What reaches a level reaches all below."""
    assert Assurance.HIGH.reaches(Assurance.SUBSTANTIAL)
    assert Assurance.LOW.reaches(Assurance.LOW)
    assert not Assurance.NONE.reaches(Assurance.LOW)
    assert not Assurance.LOW.reaches(Assurance.HIGH)


def test_a_login_is_known_from_the_first_knock_on() -> None:
    """The host sees it before anybody is admitted; it opens nothing by itself."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    arrived, identified = room.happens(knocking(room, "relative", HIGH, known=False))
    assert isinstance(arrived, ev.Arrived)
    assert isinstance(identified, ev.Identified)
    assert (room.of("relative").assurance, room.place("relative")) == (Assurance.HIGH, Place.WAITING)
    assert not room.gate.passes("relative")
    assert room.of("patient").assurance is Assurance.NONE


def test_a_login_that_comes_later_is_noted_and_is_not_noted_twice() -> None:
    """A page that is loaded again after a login brings it; the next time it is known."""
    room = opened()
    room.admit("patient")
    assert [type(one) for one in room.happens(knocking(room, "patient", HIGH))] == [ev.Reconnected, ev.Identified]
    assert [type(one) for one in room.happens(knocking(room, "patient", HIGH))] == [ev.Reconnected]
    assert room.gate.passes("patient")


def test_a_page_without_its_login_is_still_who_it_was() -> None:
    """The cookie ends before the consultation; the page has its secret."""
    room = opened()
    room.happens(knocking(room, "patient", HIGH))
    room.come_back("patient")
    assert room.of("patient").assurance is Assurance.HIGH


def test_another_persons_login_does_not_take_the_place() -> None:
    """Not even in the same browser, and not after the first one left: the link was somebody's."""
    room = opened()
    room.happens(knocking(room, "patient", HIGH))
    assert room.refused(knocking(room, "patient", OTHER)) == "other_person"
    room.happens(c.Leave(by=person("patient")))
    assert room.refused(knocking(room, "patient", OTHER)) == "other_person"
    room.happens(knocking(room, "patient", HIGH))
    assert room.of("patient").assurance is Assurance.HIGH


def test_who_comes_in_again_without_the_login_has_proven_nothing() -> None:
    """After leaving, what is at the page may be anybody with the link and the device."""
    room = opened()
    room.happens(knocking(room, "patient", HIGH))
    room.happens(c.Leave(by=person("patient")))
    room.come_back("patient")
    assert room.of("patient").assurance is Assurance.NONE


def test_a_call_proves_nothing() -> None:
    """Who calls in with the PIN of one who had logged in is anybody at the end of a line."""
    room = opened()
    room.happens(knocking(room, "patient", HIGH))
    room.drop("patient")
    room.happens(room.calling("patient"))
    assert room.of("patient").assurance is Assurance.NONE
    assert pid("patient") in room.room.participants
