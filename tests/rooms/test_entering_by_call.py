"""A room's number and a PIN lead to the waiting room, to nobody's place, and never past the host."""

from datetime import timedelta

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.evolve import replay
from bridge.rooms.model import InvitationId, Line, Pii, PinDigest, Place, Role, RoomId, RoomNumber
from tests.rooms.rig import ADMINISTRATION, LINK_LIFE, Consultation, iid, opened, person, pid, pin, resume


def with_a_call(name: str = "specialist", line: Line = Line.SIP) -> Consultation:
    """Return a consultation to whose door a specialist has come by call."""
    room = opened()
    room.invite(name, Role.SPECIALIST)
    room.happens(room.calling(name, line))
    return room


@pytest.mark.parametrize("line", [Line.SIP, Line.H323, Line.TELEPHONE])
def test_a_pin_leads_to_the_waiting_room(line: Line) -> None:
    """The caller is who the invitation says, waits with the gate closed, and comes in by the host's act."""
    room = with_a_call(line=line)
    caller = room.of("specialist")
    assert (caller.place, caller.role, caller.line) == (Place.WAITING, Role.SPECIALIST, line)
    assert not room.gate.passes("specialist")
    room.admit("specialist")
    assert room.gate.passes("specialist")


def test_a_pin_that_nobody_has_opens_nothing() -> None:
    """Nor does the PIN of an invitation that has none, though both are nothing."""
    room = opened()
    assert room.refused(room.calling("stranger")) == "pin_wrong"
    room.happens(
        c.Invite(
            by=ADMINISTRATION,
            invitation=InvitationId("i_link_only"),
            role=Role.RELATIVE,
            name=Pii("Navn"),
            expires_at=room.now + LINK_LIFE,
        )
    )
    for pins in (frozenset(), frozenset({PinDigest("")})):
        command = room.calling("relative")
        assert room.refused(c.Call(**{**fields(command), "pins": pins})) == "pin_wrong"


def fields(command: c.Call) -> dict[str, object]:
    """Return what a call is made of."""
    return {name: getattr(command, name) for name in command.__dataclass_fields__}


def test_a_pin_takes_no_place_from_a_connection_that_is_up() -> None:
    """Neither from a page nor from another call; the same call twice is one call."""
    room = opened()
    room.admit("patient")
    assert room.refused(room.calling("patient")) == "link_used"
    assert room.gate.passes("patient")
    room = with_a_call()
    assert room.refused(room.calling("specialist")) == "link_used"
    again = {**fields(room.calling("specialist")), "connection": room.of("specialist").connection}
    assert room.happens(c.Call(**again)) == []


def test_who_calls_again_waits_again() -> None:
    """A guest who was admitted and lost the connection is admitted anew: a PIN may have been overheard."""
    room = with_a_call()
    room.admit("specialist")
    room.drop("specialist")
    (event,) = room.happens(room.calling("specialist"))
    assert isinstance(event, ev.Arrived)
    assert room.place("specialist") is Place.WAITING
    assert not room.gate.passes("specialist")


def test_who_waited_keeps_the_place_in_the_queue() -> None:
    """A lost call in the waiting room costs nothing."""
    room = with_a_call()
    since = room.of("specialist").since
    room.drop("specialist")
    room.now += timedelta(minutes=2)
    (event,) = room.happens(room.calling("specialist"))
    assert isinstance(event, ev.Reconnected)
    assert (room.place("specialist"), room.of("specialist").since) == (Place.WAITING, since)


def test_a_held_place_is_reached_through_a_locked_door_and_after_expiry() -> None:
    """As by link: only newcomers are stopped, and whoever had left is one."""
    room = with_a_call()
    room.admit("specialist")
    room.happens(c.Lock(by=person("doctor"), locked=True))
    room.drop("specialist")
    room.now += LINK_LIFE
    room.happens(room.calling("specialist"))
    room.happens(c.Leave(by=person("specialist")))
    assert room.refused(room.calling("specialist")) == "link_expired"
    room.now -= LINK_LIFE
    assert room.refused(room.calling("specialist")) == "room_locked"


def test_the_telephone_is_another_way_in_for_who_came_by_link() -> None:
    """A patient whose page is gone calls, waits as the same person, and may come back by the page."""
    room = opened()
    room.admit("patient")
    room.drop("patient")
    room.happens(room.calling("patient", Line.TELEPHONE))
    assert room.of("patient").line is Line.TELEPHONE
    room.admit("patient")
    room.drop("patient")
    (event,) = room.come_back("patient")
    assert isinstance(event, ev.Reconnected)
    assert room.of("patient").line is Line.BROWSER


def test_a_host_comes_in_by_call_and_keeps_the_role() -> None:
    """The administration let the holder of a host link in, by whatever way."""
    room = Consultation()
    room.create()
    room.invite("doctor", Role.DOCTOR, host=True)
    (event,) = room.happens(room.calling("doctor"))
    assert isinstance(event, ev.HostEntered)
    assert room.room is not None
    assert room.room.host == pid("doctor")
    room.drop("doctor")
    (event,) = room.happens(room.calling("doctor"))
    assert isinstance(event, ev.Reconnected)
    assert room.room.host == pid("doctor")


def test_a_guest_who_was_lent_the_role_waits_without_it() -> None:
    """Nobody hosts from the waiting room."""
    room = with_a_call()
    room.admit("specialist")
    room.happens(c.HandOver(by=person("doctor"), participant=pid("specialist")))
    room.drop("specialist")
    room.happens(room.calling("specialist"))
    assert room.room is not None
    assert room.room.host is None


def test_removed_and_revoked_are_blocked() -> None:
    """A PIN is worth no more than its link."""
    room = with_a_call()
    room.happens(c.Remove(by=person("doctor"), participant=pid("specialist")))
    assert room.refused(room.calling("specialist")) == "link_blocked"
    room.invite("relative", Role.RELATIVE)
    room.happens(c.RevokeInvitation(by=ADMINISTRATION, invitation=iid("relative")))
    assert room.refused(room.calling("relative")) == "link_blocked"


def test_a_newcomers_id_must_be_free() -> None:
    """Ids come from outside; one that is taken changes nobody."""
    room = opened()
    room.invite("specialist", Role.SPECIALIST)
    taken = {**fields(room.calling("specialist")), "new_participant": pid("patient")}
    assert room.refused(c.Call(**taken)) == "wrong_state"


@pytest.mark.parametrize("number", ["", "123", "1234567890123", "12 34", "+4712345", "\u0661\u0662\u0663\u0664"])
def test_a_number_is_digits_that_any_keypad_has(number: str) -> None:
    """Four to twelve of them."""
    create = c.CreateRoom(by=ADMINISTRATION, room=RoomId("r_1"), name=Pii("Rom"), number=RoomNumber(number))
    assert Consultation().refused(create) == "bad_message"


def test_pins_need_a_number_and_are_unlike_each_other() -> None:
    """Otherwise a call could not be made, or not be told whose it is."""
    room = opened()
    invite = c.Invite(
        by=ADMINISTRATION,
        invitation=InvitationId("i_2"),
        role=Role.RELATIVE,
        name=Pii("Navn"),
        expires_at=room.now + LINK_LIFE,
        pin=pin("patient"),
    )
    assert room.refused(invite) == "wrong_state"
    room = Consultation()
    room.happens(c.CreateRoom(by=ADMINISTRATION, room=RoomId("r_1"), name=Pii("Rom")))
    assert room.refused(invite) == "wrong_state"


def test_records_keep_number_pin_and_line() -> None:
    """What was recorded makes the same room again, and older records have none of them."""
    room = with_a_call()
    again = replay(ev.decode(ev.encode(event)) for event in room.record)
    assert again == room.room
    assert (again.number, again.invitations[iid("specialist")].pin) == ("47110815", pin("specialist"))
    assert again.participants[pid("specialist")].line is Line.SIP
    assert "pin of" not in repr(again)


def test_a_page_and_a_call_may_both_come_first() -> None:
    """A link whose holder called first is used, for a page that does not know them."""
    room = with_a_call()
    assert room.refused(room.knocking("specialist")) == "link_used"
    room.drop("specialist")
    room.happens(room.knocking("specialist", resume("specialist")))
    assert room.of("specialist").line is Line.BROWSER
