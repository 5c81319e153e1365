"""Delay, cancellation, and the ground on which somebody is invited."""

from datetime import datetime, timedelta

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Ground, Pii, Place, Role
from bridge.rooms.receiving import turn_of
from tests.rooms.rig import ADMINISTRATION, Consultation, iid, opened, person, pid

DOCTOR = person("doctor")


def turn(room: Consultation, name: str) -> tuple[datetime | None, bool]:
    """Return when it is somebody's turn, and whether that is late."""
    assert room.room is not None
    return turn_of(room.room, pid(name))


def test_a_delay_is_for_all_who_wait_and_is_over_with_the_first_who_is_let_in() -> None:
    """By the host or the administration; taken back by saying none."""
    room = opened()
    late = room.now + timedelta(minutes=20)
    assert turn(room, "patient") == (None, False)
    room.happens(c.Delay(by=DOCTOR, expected_at=late))
    assert room.happens(c.Delay(by=ADMINISTRATION, expected_at=late)) == []
    assert turn(room, "patient") == turn(room, "interpreter") == (late, True)
    room.happens(c.Delay(by=DOCTOR, expected_at=None))
    assert turn(room, "patient") == (None, False)
    room.happens(c.Delay(by=ADMINISTRATION, expected_at=late))
    room.admit("patient")
    assert turn(room, "interpreter") == (None, False)
    assert room.refused(c.Delay(by=person("patient"), expected_at=late)) == "not_host"


def test_one_persons_turn_is_put_off_and_their_link_lives_on() -> None:
    """Also where it would have run out; nobody else's turn changes, and a later delay for all counts as well."""
    room = opened()
    tomorrow = room.now + timedelta(days=1)
    room.happens(c.Delay(by=ADMINISTRATION, expected_at=tomorrow, invitation=iid("patient")))
    assert turn(room, "patient") == (tomorrow, True)
    assert turn(room, "interpreter") == (None, False)
    room.happens(c.Leave(by=person("patient")))
    room.now = tomorrow
    room.come_back("patient")
    room.invite("other")
    later = room.now + timedelta(minutes=30)
    room.happens(c.Delay(by=ADMINISTRATION, expected_at=later))
    assert turn(room, "patient") == (later, True)


def test_an_appointment_is_no_delay() -> None:
    """Its time is told as it is."""
    room = opened()
    at = room.now + timedelta(minutes=10)
    room.happens(invitation(room, "other", expected_at=at))
    room.happens(room.knocking("other"))
    assert turn(room, "other") == (at, False)
    room.happens(c.Delay(by=DOCTOR, expected_at=at - timedelta(minutes=5)))
    assert turn(room, "other") == (at, False)


def test_times_are_to_come_and_carry_an_offset() -> None:
    """And are within a year."""
    room = opened()
    for at in (room.now, (room.now + timedelta(hours=1)).replace(tzinfo=None), room.now + timedelta(days=400)):
        assert room.refused(c.Delay(by=DOCTOR, expected_at=at)) == "bad_message"
        assert room.refused(c.Cancel(by=DOCTOR, invitation=iid("patient"), new_time=at)) == "bad_message"
    assert room.refused(c.End(by=DOCTOR, cancelled=True, new_time=datetime(2026, 1, 1))) == "bad_message"  # noqa: DTZ001


def test_what_is_called_off_puts_out_who_waits_and_keeps_the_link_shut() -> None:
    """They are told so, then and whenever they come; nobody else is touched."""
    room = opened()
    room.happens(c.Cancel(by=ADMINISTRATION, invitation=iid("patient")))
    assert (room.place("patient"), room.place("interpreter")) == (Place.OUTSIDE, Place.WAITING)
    assert room.refused(room.knocking("patient")) == "cancelled"
    assert room.refused(room.calling("patient")) == "cancelled"
    assert room.happens(c.Cancel(by=DOCTOR, invitation=iid("patient"))) == []
    late = room.now + timedelta(minutes=20)
    assert room.refused(c.Delay(by=DOCTOR, expected_at=late, invitation=iid("patient"))) == "link_invalid"


def test_what_has_begun_is_not_called_off() -> None:
    """It is ended."""
    room = opened()
    room.admit("patient")
    assert room.refused(c.Cancel(by=DOCTOR, invitation=iid("patient"))) == "wrong_state"
    assert room.refused(c.End(by=DOCTOR, cancelled=True)) == "wrong_state"
    room.happens(c.Leave(by=person("patient")))
    (ended,) = room.happens(c.End(by=DOCTOR, cancelled=True, new_time=room.now + timedelta(days=2)))
    assert isinstance(ended, ev.RoomEnded)
    assert ended.cancelled


def test_the_ground_of_an_invitation_is_on_record() -> None:
    """With a reference, which prints nowhere; a patient's says no more than that they wish it."""
    room = opened()
    room.admit("patient")
    wish = {"ground": Ground.POWER_OF_ATTORNEY, "reference": Pii("fullmakt 2026-17")}
    room.happens(invitation(room, "mother", role=Role.RELATIVE, **wish))
    room.happens(invitation(room, "friend", by=person("patient"), role=Role.RELATIVE, **wish))
    assert room.room is not None
    mother, friend = (room.room.invitations[iid(name)] for name in ("mother", "friend"))
    assert (mother.ground, mother.reference) == (Ground.POWER_OF_ATTORNEY, Pii("fullmakt 2026-17"))
    assert (friend.ground, friend.reference) == (Ground.PATIENTS_WISH, None)
    assert "2026-17" not in repr(mother)
    empty = invitation(room, "nobody", role=Role.RELATIVE, reference=Pii(" "))
    assert room.refused(empty) == "bad_message"


def invitation(room: Consultation, name: str, **changes: object) -> c.Invite:
    """Return the wish for a link."""
    wish = {
        "by": ADMINISTRATION,
        "invitation": iid(name),
        "role": Role.PATIENT,
        "name": Pii(name),
        "expires_at": room.now + timedelta(hours=2),
    }
    return c.Invite(**(wish | changes))
