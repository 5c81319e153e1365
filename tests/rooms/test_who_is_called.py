"""The host has people called: they ring without a place, come in when they answer, or are noted as not reached."""

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import ByParticipant, Line, Miss, Place, Role
from bridge.rooms.policy import MAX_CALLED
from bridge.rooms.views import visible_to, who_may_send
from tests.rooms.rig import BRIDGE, Consultation, iid, opened, person, pid

DOCTOR = person("doctor")


def ringing(room: Consultation | None = None) -> Consultation:
    """Return a consultation from which a relative is being called."""
    room = room or opened()
    room.happens(room.dialling(DOCTOR, "relative"))
    return room


def test_who_answers_is_in_by_the_hosts_act() -> None:
    """Nothing passes while it rings; the record names the host for the admission."""
    room = ringing()
    assert room.place("relative") is Place.CALLED
    assert not room.gate.passes("relative")
    arrived, admitted = room.answers("relative")
    assert isinstance(arrived, ev.Arrived)
    assert (admitted.by, arrived.by) == (DOCTOR, ByParticipant(pid("relative")))
    assert room.gate.passes("relative")
    assert room.room is not None
    assert room.room.participants[pid("relative")].line is Line.TELEPHONE


@pytest.mark.parametrize("absence", ["lost", "gone", "no host"])
def test_who_answers_waits_where_the_host_who_called_is_none_any_more(absence: str) -> None:
    """An admission is by a host who is there; whoever is host now lets them in, or not."""
    room = ringing(opened())
    if absence == "lost":
        room.drop("doctor")
    elif absence == "gone":
        room.happens(c.Leave(by=DOCTOR))
    else:
        room.arrive("substitute", role=Role.SPECIALIST)
        room.admit("substitute")
        room.happens(c.HandOver(by=DOCTOR, participant=pid("substitute")))
    (arrived,) = room.answers("relative")
    assert isinstance(arrived, ev.Arrived)
    assert room.place("relative") is Place.WAITING
    assert not room.gate.passes("relative")


def test_a_room_that_has_filled_meanwhile_lets_who_answers_wait() -> None:
    """They are told so, and the host sees them."""
    room = opened(max_participants=2)
    room.happens(room.dialling(DOCTOR, "relative"))
    room.admit("patient")
    room.answers("relative")
    assert room.place("relative") is Place.WAITING
    assert room.refused(room.dialling(DOCTOR, "another")) == "room_full"


@pytest.mark.parametrize("by", [person("patient"), person("stranger"), BRIDGE])
def test_only_the_host_has_people_called(by: ByParticipant) -> None:
    """Calls cost money and bring strangers in."""
    room = opened()
    room.admit("patient")
    assert room.refused(room.dialling(by, "relative")) in {"not_host", "unknown_participant"}


def test_calls_go_through_a_lock_and_only_so_many_at_a_time() -> None:
    """A lock is against those who come by themselves; who is called holds a place in advance."""
    room = opened()
    room.happens(c.Lock(by=DOCTOR, locked=True))
    for number in range(MAX_CALLED):
        room.happens(room.dialling(DOCTOR, f"called{number}"))
    assert room.refused(room.dialling(DOCTOR, "one more")) == "too_many"
    room.answers("called0")
    assert room.place("called0") is Place.ADMITTED
    again = room.dialling(DOCTOR, "called1")
    assert room.refused(again) == "wrong_state", "the id is taken"


@pytest.mark.parametrize("why", list(Miss))
def test_who_is_not_reached_has_no_place(why: Miss) -> None:
    """The record says why, once; what comes late changes nothing."""
    room = ringing()
    assert room.room is not None
    connection = room.room.participants[pid("relative")].connection
    assert connection is not None
    noted = c.NoteMiss(participant=pid("relative"), connection=connection, why=why)
    (event,) = room.happens(noted)
    assert isinstance(event, ev.NotReached)
    assert (event.why, event.by) == (why, BRIDGE)
    assert room.place("relative") is Place.OUTSIDE
    assert room.happens(noted) == []
    assert (
        room.refused(c.Answer(participant=pid("relative"), connection=connection, line=Line.SIP)) == "wrong_state"
    )


def test_a_call_that_is_taken_back_is_not_answered() -> None:
    """The host removes who is called: an answer at that moment is too late."""
    room = ringing()
    assert room.room is not None
    connection = room.room.participants[pid("relative")].connection
    assert connection is not None
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("relative"))) == "wrong_state"
    assert room.refused(c.Refuse(by=DOCTOR, participant=pid("relative"))) == "wrong_state"
    assert room.refused(c.SendToWaiting(by=DOCTOR, participant=pid("relative"))) == "wrong_state"
    room.happens(c.Remove(by=DOCTOR, participant=pid("relative")))
    assert (
        room.refused(c.Answer(participant=pid("relative"), connection=connection, line=Line.SIP)) == "wrong_state"
    )
    assert room.happens(c.Disconnect(participant=pid("relative"), connection=connection)) == []


def test_a_call_of_before_a_restart_is_noted_as_not_reached() -> None:
    """Its connection is as lost as all others."""
    room = ringing()
    assert room.room is not None
    connection = room.room.participants[pid("relative")].connection
    assert connection is not None
    (event,) = room.happens(c.Disconnect(participant=pid("relative"), connection=connection))
    assert isinstance(event, ev.NotReached)
    assert event.why is Miss.UNREACHABLE


def test_everybody_inside_sees_who_is_called_and_nobody_else() -> None:
    """Those in a consultation learn whom it is about to be shared with."""
    room = ringing()
    room.admit("patient")
    assert room.room is not None
    seen = {
        name: {p.id for p in visible_to(room.room, pid(name))} for name in ("doctor", "patient", "interpreter")
    }
    assert pid("relative") in seen["doctor"] & seen["patient"]
    assert seen["interpreter"] == {pid("interpreter")}
    assert visible_to(room.room, pid("relative")) == ()
    assert pid("relative") not in who_may_send(room.room)
    room.happens(c.End(by=DOCTOR))
    assert room.place("relative") is Place.OUTSIDE


def test_an_identity_is_confirmed_by_the_host_alone_and_of_others_alone() -> None:
    """Of one who is heard; it is taken back in the same way."""
    room = opened()
    room.admit("patient")
    whom = pid("patient")
    assert room.refused(c.ConfirmIdentity(by=person("patient"), participant=whom, confirmed=True)) == "not_host"
    assert room.refused(c.ConfirmIdentity(by=DOCTOR, participant=pid("doctor"), confirmed=True)) == "wrong_state"
    waiting = c.ConfirmIdentity(by=DOCTOR, participant=pid("interpreter"), confirmed=True)
    assert room.refused(waiting) == "wrong_state"
    for confirmed in (True, False):
        assert len(room.happens(c.ConfirmIdentity(by=DOCTOR, participant=whom, confirmed=confirmed))) == 1
        assert room.happens(c.ConfirmIdentity(by=DOCTOR, participant=whom, confirmed=confirmed)) == []
        assert room.room is not None
        assert room.room.participants[whom].confirmed is confirmed


def test_a_confirmation_lasts_as_long_as_it_must_be_the_same_person() -> None:
    """A page that comes back has its secret; who calls again by a PIN may be anybody."""
    room = opened()
    room.admit("patient")
    room.happens(c.ConfirmIdentity(by=DOCTOR, participant=pid("patient"), confirmed=True))
    room.drop("patient")
    room.come_back("patient")
    assert room.room is not None
    assert room.room.participants[pid("patient")].confirmed
    room.drop("patient")
    room.happens(room.calling("patient"))
    assert not room.room.participants[pid("patient")].confirmed
    room.admit("patient")
    room.happens(c.ConfirmIdentity(by=DOCTOR, participant=pid("patient"), confirmed=True))
    room.come_back("patient")
    assert not room.room.participants[pid("patient")].confirmed, "it was the caller who was recognised"


def test_an_invitation_for_a_call_is_the_hosts_and_counts() -> None:
    """As links do; nobody has the secret that would lead back to the place."""
    room = ringing()
    assert room.room is not None
    assert room.room.invitations[iid("relative")].issued_by == DOCTOR
    assert room.refused(room.knocking("relative")) == "link_used"
