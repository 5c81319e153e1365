"""A room of a rota: any of those on it takes it, once, while somebody waits and nobody hosts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.arrivals import GIVEN_UP
from bridge.rooms.duty import TAKEN_FOR, taker, who_waits
from bridge.rooms.evolve import REMEMBERED_ON_DUTY
from bridge.rooms.model import Assurance, Ground, ParticipantId, Pii, Place, Role, RotaName
from bridge.rooms.policy import MAX_HOST_INVITATIONS
from tests.rooms.rig import ADMINISTRATION, Consultation, iid, login, opened, person, pid, resume, standing


def waiting(room: Consultation) -> list[ParticipantId]:
    """Return for whom a doctor is wanted now."""
    assert room.room is not None
    return [each.id for each in who_waits(room.room, room.now)]


def taken_by(room: Consultation) -> str | None:
    """Return by whom the room is taken now, as the others of the rota are told."""
    assert room.room is not None
    found = taker(room.room, room.now)
    return None if found is None else found.name.reveal()


def test_who_takes_a_room_comes_in_as_its_host_and_lets_in_who_waits() -> None:
    """Nobody booked; the record says who took it, as whom a login has proven them, and why."""
    room = standing("nurse")
    assert (waiting(room), taken_by(room)) == ([pid("nurse")], None)
    (taken,) = room.happens(room.taking("berg"))
    assert isinstance(taken, ev.RoomTaken)
    assert (taken.by, taken.identity, taken.role) == (person("berg"), login("berg"), Role.DOCTOR)
    assert room.place("berg") is Place.OUTSIDE
    assert not room.gate.passes("berg")
    link = room.room.invitations[iid("berg")] if room.room else None
    assert link is not None
    assert (link.host, link.duty, link.ground, link.requires) == (
        True,
        True,
        Ground.ON_DUTY,
        Assurance.SUBSTANTIAL,
    )

    entered = room.come_on_duty("berg")
    assert [type(event) for event in entered] == [ev.HostEntered, ev.Identified]
    assert room.gate.passes("berg")
    assert not room.gate.passes("nurse")
    room.admit("nurse")
    assert room.gate.passes("nurse")


def test_of_two_who_press_at_once_one_has_it() -> None:
    """The other is told that it is taken, whether the first has come, or has let in who waited, or not yet."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    assert taken_by(room) == "berg"
    assert room.refused(room.taking("vik")) == "taken"
    room.come_on_duty("berg")
    assert room.refused(room.taking("vik")) == "taken"
    room.admit("nurse")
    assert room.refused(room.taking("vik")) == "taken"
    assert taken_by(room) == "berg"


def test_a_second_click_takes_nothing_anew() -> None:
    """The same person, from the same page or another, has the room already."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    assert room.happens(room.taking("berg")) == []
    assert room.happens(room.taking("berg", link="berg2")) == []


def test_who_took_it_and_does_not_come_keeps_it_from_nobody() -> None:
    """After a minute it is free again; their link is good until another has taken it, and then no more."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    room.now += TAKEN_FOR - timedelta(seconds=1)
    assert room.refused(room.taking("vik")) == "taken"
    room.now += timedelta(seconds=1)
    assert taken_by(room) is None
    room.happens(room.taking("vik"))
    assert taken_by(room) == "vik"
    late = replace(room.knocking("berg", resume("berg")), identity=login("berg"))
    assert room.refused(late) == "link_blocked"


def test_who_comes_late_and_is_not_overtaken_comes_in() -> None:
    """The minute is for the others; the link has a time of its own."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    room.now += 5 * TAKEN_FOR
    room.come_on_duty("berg")
    assert room.gate.passes("berg")


@pytest.mark.parametrize(
    ("identity", "secret", "code"),
    [
        (None, "berg", "login_needed"),
        (login("berg", Assurance.LOW), "berg", "login_needed"),
        (login("vik"), "berg", "other_person"),
        (login("berg"), "nobody", "link_used"),
    ],
)
def test_the_link_is_that_persons_alone(identity: object, secret: str, code: str) -> None:
    """With their login, as sure as the rota wants it, and with the secret that came with it."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    assert room.refused(replace(room.knocking("berg", resume(secret)), identity=identity)) == code


def test_who_is_not_on_the_rooms_rota_takes_nothing() -> None:
    """Nor does anybody a room that has no rota, or where nobody waits, or without the proof that hosts need."""
    room = standing()
    assert room.refused(room.taking("berg")) == "wrong_state"
    room.happens(room.dropping_in("nurse"))
    assert room.refused(replace(room.taking("berg"), rota=RotaName("sor"))) == "not_on_rota"
    assert room.refused(replace(room.taking("berg"), name=Pii(" "))) == "bad_message"
    assert room.refused(replace(room.taking("berg"), expires_at=room.now)) == "bad_message"
    assert room.refused(room.taking("berg", assurance=Assurance.LOW)) == "login_needed"
    assert room.refused(room.taking("berg", link="nurse")) == "wrong_state"
    assert opened().refused(room.taking("berg")) == "not_on_rota"


def test_a_rooms_own_hosts_say_how_sure_it_has_to_be() -> None:
    """A rota that asks for less lets nobody past them."""
    room = standing("nurse")
    made = room.inviting("chief", Role.DOCTOR, host=True)
    room.happens(replace(made, requires=Assurance.HIGH, pin=None))
    assert room.refused(room.taking("berg", assurance=Assurance.SUBSTANTIAL)) == "login_needed"


def test_while_a_host_is_there_nobody_is_wanted() -> None:
    """Whoever it is; and when they have gone, whoever still waits wants a doctor again."""
    room = standing("nurse")
    room.enter_host("chief")
    assert (waiting(room), taken_by(room)) == ([], "chief")
    assert room.refused(room.taking("berg")) == "taken"
    room.happens(c.Leave(by=person("chief")))
    assert (waiting(room), taken_by(room)) == ([pid("nurse")], None)
    room.happens(room.taking("berg"))
    room.come_on_duty("berg")
    room.happens(c.Leave(by=person("berg")))
    # The take is used up, though it was made just now.
    assert (waiting(room), taken_by(room)) == ([pid("nurse")], None)


def test_a_doctor_who_is_lost_is_replaced_and_comes_back_without_the_role() -> None:
    """As with any host: the place is kept, the role is not."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    room.come_on_duty("berg")
    room.drop("berg")
    room.happens(room.taking("vik"))
    room.come_on_duty("vik")
    room.come_on_duty("berg")
    assert room.gate.passes("berg")
    assert room.room is not None
    assert room.room.host == pid("vik")


def test_who_has_lost_the_line_is_still_waited_for() -> None:
    """As long as their place is kept in the queue, and no longer."""
    room = standing("nurse")
    room.drop("nurse")
    assert waiting(room) == [pid("nurse")]
    room.now += GIVEN_UP
    assert waiting(room) == []
    assert room.refused(room.taking("berg")) == "wrong_state"


def test_a_room_that_stands_for_years_forgets_who_was_on_duty() -> None:
    """Links that open nothing any more are dropped with their holders, but for a few; the room's own stay few."""
    room = standing("nurse")
    for night in range(3 * REMEMBERED_ON_DUTY):
        room.now += timedelta(days=1)
        room.happens(room.taking("berg", link=f"night{night}"))
        room.come_on_duty(f"night{night}", "berg")
        room.happens(c.Leave(by=person(f"night{night}")))
    assert room.room is not None
    kept = [link for link in room.room.invitations.values() if link.duty]
    assert len(kept) == REMEMBERED_ON_DUTY + 1
    assert sum(not link.revoked for link in kept) == 1
    assert room.refused(room.knocking("night0", resume("night0"))) == "link_invalid"
    for number in range(MAX_HOST_INVITATIONS):
        room.invite(f"chief{number}", Role.DOCTOR, host=True)


def test_who_was_put_out_stays_out() -> None:
    """One whom another host has removed is remembered for it."""
    room = standing("nurse")
    room.happens(room.taking("berg"))
    room.come_on_duty("berg")
    room.enter_host("chief")
    room.happens(c.HandOver(by=person("berg"), participant=pid("chief")))
    room.happens(c.Remove(by=person("chief"), participant=pid("berg")))
    room.happens(c.Leave(by=person("chief")))
    for night in range(2 * REMEMBERED_ON_DUTY):
        room.now += timedelta(days=1)
        room.happens(room.taking("vik", link=f"night{night}"))
    assert room.of("berg").barred
    assert room.refused(replace(room.knocking("berg", resume("berg")), identity=login("berg"))) == "link_blocked"


def test_after_the_end_nobody_is_wanted() -> None:
    """An ended room is nobody's to take."""
    room = standing("nurse")
    room.happens(c.End(by=ADMINISTRATION))
    assert waiting(room) == []
    assert room.refused(room.taking("berg")) == "room_ended"
