"""The host, and nobody else, lets people in, puts them out, mutes them, locks and ends the room."""

from datetime import timedelta

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, ParticipantId, Pii, Place, Role
from tests.rooms.rig import (
    ADMINISTRATION,
    BRIDGE,
    OPERATOR,
    Consultation,
    opened,
    person,
    pid,
)

DOCTOR = person("doctor")


def test_admission_opens_the_gate_of_that_person_alone() -> None:
    """Admitting the patient leaves the interpreter waiting with the gate closed."""
    room = opened()
    (event,) = room.happens(c.Admit(by=DOCTOR, participant=pid("patient")))
    assert isinstance(event, ev.Admitted)
    assert event.by == DOCTOR
    assert room.gate.passes("patient")
    assert not room.gate.passes("interpreter")


def test_a_second_click_changes_nothing() -> None:
    """Repeating an act that has taken effect gives no event and no refusal."""
    room = opened()
    room.admit("patient")
    done: list[c.Command] = [
        c.Admit(by=DOCTOR, participant=pid("patient")),
        c.SendToWaiting(by=DOCTOR, participant=pid("interpreter")),
        c.Lock(by=DOCTOR, locked=False),
        c.Mute(by=DOCTOR, participant=pid("patient"), muted=False),
        c.HandOver(by=DOCTOR, participant=pid("doctor")),
        c.TakeHost(by=DOCTOR),
    ]
    for command in done:
        assert room.happens(command) == []
    to_do: list[c.Command] = [
        c.Refuse(by=DOCTOR, participant=pid("interpreter")),
        c.Remove(by=DOCTOR, participant=pid("patient")),
        c.End(by=DOCTOR),
    ]
    for command in to_do:
        assert len(room.happens(command)) == 1
        assert room.happens(command) == []


def test_admitting_all_takes_the_connected_ones_longest_waiting_first() -> None:
    """Those who wait without a connection stay in the waiting room."""
    room = opened()
    room.now += timedelta(minutes=1)
    room.arrive("relative", role=Role.RELATIVE)
    room.happens(c.Leave(by=person("patient")))
    room.now += timedelta(minutes=1)
    room.come_back("patient")
    room.drop("relative")
    admitted = room.happens(c.AdmitAll(by=DOCTOR))
    assert [e.participant for e in admitted if isinstance(e, ev.Admitted)] == [
        pid("interpreter"),
        pid("patient"),
    ]
    assert room.place("relative") is Place.WAITING
    assert room.happens(c.AdmitAll(by=DOCTOR)) == []


def test_admission_stops_at_the_rooms_size() -> None:
    """Admitting all fills the free places; after that both ways of admitting say that the room is full."""
    room = Consultation()
    room.create(max_participants=2)
    room.enter_host("doctor")
    room.arrive("patient", "relative")
    assert len(room.happens(c.AdmitAll(by=DOCTOR))) == 1
    assert room.refused(c.AdmitAll(by=DOCTOR)) == "room_full"
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("relative"))) == "room_full"


def test_one_who_is_not_there_cannot_be_admitted() -> None:
    """Who waits without a connection, has left or was refused stays where they are."""
    room = opened()
    room.drop("patient")
    room.happens(c.Leave(by=person("interpreter")))
    admit = c.Admit(by=DOCTOR, participant=pid("patient"))
    assert room.refused(admit) == "wrong_state"
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("interpreter"))) == "wrong_state"
    room.happens(c.Refuse(by=DOCTOR, participant=pid("patient")))
    assert room.refused(admit) == "wrong_state"


def test_refusal_carries_its_reason_and_bars() -> None:
    """The refused person is outside, barred, and the reason is recorded without being printed."""
    room = opened()
    (event,) = room.happens(c.Refuse(by=DOCTOR, participant=pid("patient"), reason=Pii("Feil rom, ring oss")))
    assert isinstance(event, ev.Refused)
    assert event.reason == Pii("Feil rom, ring oss")
    assert "Feil rom" not in repr(event)
    assert (room.place("patient"), room.of("patient").barred) == (Place.OUTSIDE, True)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_reason_is_short_or_absent(reason: str) -> None:
    """An empty or overlong reason is a bad message."""
    refuse = c.Refuse(by=DOCTOR, participant=pid("patient"), reason=Pii(reason))
    assert opened().refused(refuse) == "bad_message"


def test_one_who_is_admitted_is_removed_and_not_refused() -> None:
    """The two acts mean different things in the record."""
    room = opened()
    room.admit("patient")
    assert room.refused(c.Refuse(by=DOCTOR, participant=pid("patient"))) == "wrong_state"


def test_removal_closes_the_gate_and_frees_the_place() -> None:
    """The removed person has no connection, no gate and no content to share."""
    room = opened()
    room.admit("patient")
    room.happens(c.Sharing(by=person("patient"), on=True))
    room.happens(c.Remove(by=DOCTOR, participant=pid("patient")))
    patient = room.of("patient")
    assert (patient.place, patient.barred, patient.connected) == (Place.OUTSIDE, True, False)
    assert not patient.sharing
    assert not room.gate.passes("patient")


def test_a_refusal_or_removal_that_crosses_a_goodbye_still_counts() -> None:
    """Who leaves while the host presses the button cannot come back either."""
    room = opened()
    room.happens(c.Leave(by=person("patient")))
    room.happens(c.Leave(by=person("interpreter")))
    room.happens(c.Refuse(by=DOCTOR, participant=pid("patient")))
    room.happens(c.Remove(by=DOCTOR, participant=pid("interpreter")))
    assert room.of("patient").barred
    assert room.of("interpreter").barred


def test_the_host_cannot_be_put_out() -> None:
    """A room does not lose its host by a slip of the hand."""
    room = opened()
    assert room.refused(c.Remove(by=DOCTOR, participant=pid("doctor"))) == "wrong_state"
    assert room.refused(c.SendToWaiting(by=DOCTOR, participant=pid("doctor"))) == "wrong_state"


def test_sending_back_to_wait_closes_the_gate_until_the_next_admission() -> None:
    """The connection stays up, so that the next admission is quick."""
    room = opened()
    room.admit("patient")
    room.happens(c.Sharing(by=person("patient"), on=True))
    room.happens(c.SendToWaiting(by=DOCTOR, participant=pid("patient")))
    assert room.place("patient") is Place.WAITING
    assert room.of("patient").connected
    assert not room.of("patient").sharing
    assert not room.gate.passes("patient")
    room.come_back("patient")
    assert not room.gate.passes("patient")
    room.admit("patient")
    assert room.gate.passes("patient")


def test_holders_of_host_links_and_people_outside_are_not_sent_to_wait() -> None:
    """A host link would open again at once, and one who has gone has no place to be moved from."""
    room = opened()
    room.enter_host("substitute")
    assert room.refused(c.SendToWaiting(by=DOCTOR, participant=pid("substitute"))) == "wrong_state"
    room.happens(c.Leave(by=person("patient")))
    assert room.refused(c.SendToWaiting(by=DOCTOR, participant=pid("patient"))) == "wrong_state"


def test_the_host_mutes_and_the_person_unmutes_unless_forbidden() -> None:
    """A mute with leave to unmute is lifted by its owner; one without stays until the host lifts it."""
    room = opened()
    room.admit("patient")
    patient = person("patient")
    mute = c.Mute(by=DOCTOR, participant=pid("patient"), muted=True)
    room.happens(mute)
    assert room.of("patient").muted
    room.happens(c.SelfMute(by=patient, muted=False))
    assert not room.of("patient").muted
    room.happens(c.Mute(by=DOCTOR, participant=pid("patient"), muted=True, may_unmute=False))
    assert room.refused(c.SelfMute(by=patient, muted=False)) == "wrong_state"
    room.happens(c.Mute(by=DOCTOR, participant=pid("patient"), muted=False, may_unmute=False))
    assert not room.of("patient").muted
    assert room.of("patient").may_unmute


def test_the_host_never_opens_a_microphone_that_its_owner_closed() -> None:
    """Lifting the host's mute leaves the person's own in force."""
    room = opened()
    room.admit("patient")
    room.happens(c.SelfMute(by=person("patient"), muted=True))
    room.happens(c.Mute(by=DOCTOR, participant=pid("patient"), muted=True))
    room.happens(c.Mute(by=DOCTOR, participant=pid("patient"), muted=False))
    assert room.of("patient").muted


def test_a_mute_outlives_leaving_and_coming_back() -> None:
    """Going out and in again is no way around a mute that forbids unmuting."""
    room = opened()
    room.admit("patient")
    room.happens(c.Mute(by=DOCTOR, participant=pid("patient"), muted=True, may_unmute=False))
    room.happens(c.Leave(by=person("patient")))
    room.come_back("patient")
    room.admit("patient")
    assert room.refused(c.SelfMute(by=person("patient"), muted=False)) == "wrong_state"


def test_only_the_admitted_are_muted() -> None:
    """One who waits has no microphone in the room."""
    assert opened().refused(c.Mute(by=DOCTOR, participant=pid("patient"), muted=True)) == "wrong_state"


def test_the_end_puts_everyone_out() -> None:
    """After the end no gate is open, nobody has a place and commands say that the room has ended."""
    room = opened()
    room.admit("patient")
    connection = room.of("patient").connection
    assert connection is not None
    room.happens(c.End(by=DOCTOR))
    assert room.room is not None
    assert (room.room.ended_at, room.room.host) == (room.now, None)
    assert room.gate.open == set()
    assert {room.place(n) for n in ("doctor", "patient", "interpreter")} == {Place.OUTSIDE}
    assert room.refused(c.AdmitAll(by=DOCTOR)) == "room_ended"
    assert room.happens(c.Leave(by=person("patient"))) == []
    assert room.happens(c.Disconnect(participant=pid("patient"), connection=connection)) == []


@pytest.mark.parametrize("by", [ADMINISTRATION, OPERATOR, BRIDGE])
def test_the_system_may_end_a_room(by: Actor) -> None:
    """REST, an operator and the bridge end rooms, and the record says which."""
    (event,) = opened().happens(c.End(by=by))
    assert isinstance(event, ev.RoomEnded)
    assert event.by == by


def host_acts(by: Actor) -> list[c.Command]:
    """Return every act that takes the host."""
    patient, interpreter = pid("patient"), pid("interpreter")
    return [
        c.Admit(by=by, participant=interpreter),
        c.AdmitAll(by=by),
        c.Refuse(by=by, participant=interpreter),
        c.Remove(by=by, participant=interpreter),
        c.SendToWaiting(by=by, participant=patient),
        c.Lock(by=by, locked=True),
        c.Mute(by=by, participant=patient, muted=True),
        c.HandOver(by=by, participant=patient),
    ]


def test_nobody_else_acts_as_host() -> None:
    """The admitted patient, one who waits, the absent, the unknown and the system are each told why."""
    room = opened()
    room.admit("patient")
    room.enter_host("substitute")
    room.drop("substitute")
    for who, code in (
        (person("patient"), "not_host"),
        (person("interpreter"), "not_admitted"),
        (person("substitute"), "wrong_state"),
        (person("stranger"), "unknown_participant"),
        (ADMINISTRATION, "not_host"),
        (OPERATOR, "not_host"),
        (BRIDGE, "not_host"),
    ):
        for command in host_acts(who):
            assert room.refused(command) == code
    assert room.refused(c.End(by=person("patient"))) == "not_host"


def test_an_act_on_a_stranger_is_refused() -> None:
    """A participant whom the room does not know is named as the reason."""
    room = opened()
    nobody = ParticipantId("p_nobody")
    for command in (
        c.Admit(by=DOCTOR, participant=nobody),
        c.Refuse(by=DOCTOR, participant=nobody),
        c.Remove(by=DOCTOR, participant=nobody),
        c.SendToWaiting(by=DOCTOR, participant=nobody),
        c.Mute(by=DOCTOR, participant=nobody, muted=True),
        c.HandOver(by=DOCTOR, participant=nobody),
    ):
        assert room.refused(command) == "unknown_participant"
