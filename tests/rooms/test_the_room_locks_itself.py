"""The automatic lock: on when the first guest is let in, off when the last has gone; no place is lost by it."""

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Office, Place, Role, System
from tests.rooms.rig import Consultation, person, pid

DOCTOR = person("doctor")


def sensitive_room() -> Consultation:
    """Return a room that locks itself, with the doctor in and a patient and an interpreter waiting."""
    room = Consultation()
    room.create(autolock=True)
    room.enter_host("doctor")
    room.arrive("patient")
    room.arrive("interpreter", role=Role.INTERPRETER)
    return room


def locked(room: Consultation) -> bool:
    """Whether it is."""
    assert room.room is not None
    return room.room.locked


def test_it_locks_when_host_and_first_guest_are_in() -> None:
    """Not for the host alone; the record says that the bridge did it, and no second guest locks it again."""
    room = sensitive_room()
    assert not locked(room)
    events = room.happens(c.Admit(by=DOCTOR, participant=pid("patient")))
    assert [type(event) for event in events] == [ev.Admitted, ev.LockChanged]
    assert events[1].by == System(Office.BRIDGE)
    room.happens(c.Lock(by=DOCTOR, locked=False))
    room.admit("interpreter")
    assert not locked(room)


def test_early_arrivals_still_wait_and_still_need_an_admit() -> None:
    """The lock lets nobody in and throws nobody out of the waiting room."""
    room = sensitive_room()
    room.admit("patient")
    assert room.place("interpreter") is Place.WAITING
    assert not room.gate.passes("interpreter")
    room.admit("interpreter")
    assert room.gate.passes("interpreter")
    room.invite("relative", Role.RELATIVE)
    assert room.refused(room.knocking("relative")) == "room_locked"


def test_it_shuts_out_neither_a_host_nor_who_holds_a_place() -> None:
    """Who is in or waits comes back after a lost line, so does a doctor who had even left, and another comes."""
    room = sensitive_room()
    room.admit("patient")
    for name in ("patient", "interpreter", "doctor"):
        room.drop(name)
    for name in ("patient", "interpreter", "doctor"):
        room.come_back(name)
    assert room.gate.passes("patient")
    assert room.place("interpreter") is Place.WAITING
    room.happens(c.Leave(by=DOCTOR))
    assert locked(room)
    room.enter_host("substitute")
    room.come_back("doctor")
    assert room.gate.passes("doctor")


def test_it_opens_when_the_last_guest_has_gone() -> None:
    """Whichever way: they leave, are put out, seen off or sent to wait; not while a lost one may come back."""
    for act in ("leave", "remove", "see off", "send"):
        room = sensitive_room()
        room.admit("patient")
        room.drop("patient")
        assert locked(room)
        room.come_back("patient")
        whom = pid("patient")
        room.happens(
            {
                "leave": c.Leave(by=person("patient")),
                "remove": c.Remove(by=DOCTOR, participant=whom),
                "see off": c.SeeOff(by=DOCTOR, leaving=frozenset({whom})),
                "send": c.SendToWaiting(by=DOCTOR, participant=whom),
            }[act]
        )
        assert not locked(room), act


def test_a_lock_by_hand_stays() -> None:
    """It is the host who lifts it."""
    room = sensitive_room()
    room.happens(c.Lock(by=DOCTOR, locked=True))
    room.admit("patient")
    room.happens(c.Leave(by=person("patient")))
    assert locked(room)


def test_it_stays_locked_from_one_patient_to_the_next() -> None:
    """One goes and one comes in the same act: nobody slips in between."""
    room = sensitive_room()
    room.arrive("other")
    room.admit("patient")
    leaving = frozenset({pid("patient")})
    events = room.happens(c.SeeOff(by=DOCTOR, leaving=leaving, following=pid("other")))
    assert not any(isinstance(event, ev.LockChanged) for event in events)
    assert locked(room)
