"""A link is bound at its first use, brings its holder back to their place, and is worth nothing to others."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import ConnectionId, ParticipantId, Place, ResumeHash, Role
from bridge.rooms.policy import MAX_WAITING
from tests.rooms.rig import (
    ADMINISTRATION,
    LINK_LIFE,
    Consultation,
    iid,
    opened,
    person,
    pid,
    resume,
)


def test_first_use_leads_to_the_waiting_room_with_the_gate_closed() -> None:
    """A guest's first knock binds the link to a new participant who waits and passes nothing."""
    room = opened()
    assert room.place("patient") is Place.WAITING
    assert room.room is not None
    assert room.room.invitations[iid("patient")].participant == pid("patient")
    assert not room.gate.passes("patient")


def test_a_link_from_nowhere_is_invalid() -> None:
    """An invitation that the room does not know opens nothing, nor does any link without a room."""
    assert opened().refused(opened().knocking("stranger")) == "link_invalid"
    empty = Consultation()
    assert empty.refused(empty.knocking("stranger")) == "link_invalid"


@pytest.mark.parametrize("secret", [None, ResumeHash("resume of somebody else"), ResumeHash("")])
@pytest.mark.parametrize("admitted", [False, True])
def test_a_second_use_without_the_right_secret_is_refused(secret: ResumeHash | None, *, admitted: bool) -> None:
    """Who copies a used link gets neither the place nor a new one."""
    room = opened()
    if admitted:
        room.admit("patient")
    assert room.refused(room.knocking("patient", secret)) == "link_used"


def test_a_reload_while_waiting_keeps_the_place() -> None:
    """A patient who reloads still waits, as the same participant, from the same moment."""
    room = opened()
    since = room.of("patient").since
    room.now += timedelta(minutes=3)
    (event,) = room.come_back("patient")
    assert isinstance(event, ev.Reconnected)
    assert (room.place("patient"), room.of("patient").since) == (Place.WAITING, since)


def test_a_reload_when_admitted_keeps_the_place_and_moves_the_gate() -> None:
    """The older connection's leg closes and the newer one's opens, without a host's act."""
    room = opened()
    room.admit("patient")
    old = room.of("patient").connection
    room.come_back("patient")
    new = room.of("patient").connection
    assert room.place("patient") is Place.ADMITTED
    assert (pid("patient"), new) in room.gate.open
    assert (pid("patient"), old) not in room.gate.open


def test_a_late_disconnect_of_the_old_connection_changes_nothing() -> None:
    """The loss of a replaced connection does not disconnect the new one."""
    room = opened()
    old = room.of("patient").connection
    assert old is not None
    room.come_back("patient")
    assert room.happens(c.Disconnect(participant=pid("patient"), connection=old)) == []
    assert room.of("patient").connected


def test_a_disconnect_holds_the_place_and_closes_the_gate() -> None:
    """One who is admitted and loses the connection is still admitted when it is back."""
    room = opened()
    room.admit("patient")
    (event,) = room.drop("patient")
    assert isinstance(event, ev.Disconnected)
    assert room.place("patient") is Place.ADMITTED
    assert not room.gate.passes("patient")
    room.come_back("patient")
    assert room.gate.passes("patient")


def test_a_disconnect_of_nobody_is_quiet() -> None:
    """Losing a connection of an unknown participant, or the same one twice, changes nothing."""
    room = opened()
    lost = c.Disconnect(participant=ParticipantId("p_nobody"), connection=ConnectionId(1))
    assert room.happens(lost) == []
    connection = room.of("patient").connection
    assert connection is not None
    lost = c.Disconnect(participant=pid("patient"), connection=connection)
    assert len(room.happens(lost)) == 1
    assert room.happens(lost) == []


def test_the_same_knock_twice_is_one_knock() -> None:
    """A repeated knock on the connection that is up changes nothing."""
    room = opened()
    connection = room.of("patient").connection
    assert connection is not None
    again = replace(room.knocking("patient", resume("patient")), connection=connection)
    assert room.happens(again) == []


def test_expiry_limits_entering_and_not_the_return_to_a_held_place() -> None:
    """At the moment of expiry an unused link is dead, a used one still brings its holder back."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    room.now += LINK_LIFE
    assert room.refused(room.knocking("relative")) == "link_expired"
    room.come_back("patient")
    assert room.place("patient") is Place.WAITING


def test_who_left_must_be_admitted_again() -> None:
    """Leaving gives the place up: the same link leads the same person to the waiting room."""
    room = opened()
    room.admit("patient")
    room.happens(c.Leave(by=person("patient")))
    assert room.place("patient") is Place.OUTSIDE
    assert not room.gate.passes("patient")
    (event,) = room.come_back("patient")
    assert isinstance(event, ev.Arrived)
    assert room.place("patient") is Place.WAITING
    assert not room.gate.passes("patient")


def test_who_left_cannot_come_back_after_expiry() -> None:
    """With no place held, an expired link is an expired link."""
    room = opened()
    room.happens(c.Leave(by=person("patient")))
    room.now += LINK_LIFE
    assert room.refused(room.knocking("patient", resume("patient"))) == "link_expired"


def test_a_goodbye_from_a_replaced_connection_does_not_count() -> None:
    """An old page that says goodbye late does not take the new page's place away."""
    room = opened()
    old = room.of("patient").connection
    room.come_back("patient")
    assert room.happens(c.Leave(by=person("patient"), connection=old)) == []
    present = room.of("patient").connection
    assert len(room.happens(c.Leave(by=person("patient"), connection=present))) == 1
    assert room.happens(c.Leave(by=person("patient"))) == []


def test_only_people_in_the_room_can_leave_it() -> None:
    """The system and strangers have nothing to leave."""
    room = opened()
    assert room.refused(c.Leave(by=ADMINISTRATION)) == "unknown_participant"
    assert room.refused(c.Leave(by=person("stranger"))) == "unknown_participant"


def test_a_locked_room_keeps_newcomers_out_and_lets_holders_of_places_return() -> None:
    """A lock stops first visits and returns after leaving, but no reload and no host."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    room.invite("substitute", Role.DOCTOR, host=True)
    room.happens(c.Leave(by=person("interpreter")))
    room.happens(c.Lock(by=person("doctor"), locked=True))
    assert room.refused(room.knocking("relative")) == "room_locked"
    assert room.refused(room.knocking("interpreter", resume("interpreter"))) == "room_locked"
    room.come_back("patient")
    room.happens(room.knocking("substitute"))
    room.happens(c.Lock(by=person("doctor"), locked=False))
    room.happens(room.knocking("relative"))


def test_a_full_room_refuses_newcomers_but_no_host() -> None:
    """When as many are admitted as the room holds, guests are turned away and a host link still opens."""
    room = Consultation()
    room.create(max_participants=2)
    room.enter_host("doctor")
    room.arrive("patient")
    room.invite("relative", Role.RELATIVE)
    room.invite("substitute", Role.DOCTOR, host=True)
    room.admit("patient")
    assert room.refused(room.knocking("relative")) == "room_full"
    room.drop("patient")
    assert room.refused(room.knocking("relative")) == "room_full"
    room.happens(room.knocking("substitute"))
    room.happens(c.Leave(by=person("substitute")))
    room.happens(c.Leave(by=person("patient")))
    room.happens(room.knocking("relative"))


def test_the_waiting_room_is_bounded() -> None:
    """Beyond its limit the waiting room takes nobody more."""
    room = Consultation()
    room.create()
    room.arrive(*(f"guest{n}" for n in range(MAX_WAITING)))
    room.invite("late")
    assert room.refused(room.knocking("late")) == "room_full"


def test_an_id_that_is_taken_makes_no_second_person() -> None:
    """A newcomer under an existing participant's id is a fault of the caller and changes nothing."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    knock = replace(room.knocking("relative"), new_participant=pid("patient"))
    assert room.refused(knock) == "wrong_state"


def test_a_removed_or_refused_person_cannot_use_the_link_again() -> None:
    """Neither with the right secret nor without it, and not after leaving either."""
    room = opened()
    room.admit("interpreter")
    room.happens(c.Refuse(by=person("doctor"), participant=pid("patient")))
    room.happens(c.Remove(by=person("doctor"), participant=pid("interpreter")))
    for name in ("patient", "interpreter"):
        assert room.refused(room.knocking(name, resume(name))) == "link_blocked"
        assert room.refused(room.knocking(name)) == "link_blocked"


def test_nobody_enters_after_the_end() -> None:
    """A link of a room that has ended says so, to newcomers, holders of places and hosts alike."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    room.happens(c.End(by=person("doctor")))
    for name in ("relative", "patient", "doctor"):
        assert room.refused(room.knocking(name, resume(name))) == "room_ended"
