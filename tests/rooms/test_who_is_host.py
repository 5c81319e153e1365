"""The host role: entering with it, keeping it through a lost connection, handing it over, taking it."""

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Place, Role
from tests.rooms.rig import Consultation, opened, person, pid, resume


def host(room: Consultation) -> str | None:
    """Return who has the host role."""
    assert room.room is not None
    return room.room.host


def test_the_first_host_link_makes_the_host() -> None:
    """The holder comes in without waiting, and the record says that a host entered."""
    room = Consultation()
    room.create()
    room.enter_host("doctor")
    entered = room.record[-1]
    assert isinstance(entered, ev.HostEntered)
    assert entered.takes_host
    assert host(room) == pid("doctor")
    assert room.gate.passes("doctor")


def test_a_second_host_link_enters_beside_the_host() -> None:
    """A substitute is admitted at once, may host, and does not push the present host aside."""
    room = opened()
    room.enter_host("substitute", Role.SPECIALIST)
    assert host(room) == pid("doctor")
    assert (room.place("substitute"), room.of("substitute").may_host) == (Place.ADMITTED, True)
    assert room.gate.passes("substitute")
    assert room.refused(c.TakeHost(by=person("substitute"))) == "wrong_state"


def test_a_call_goes_on_while_the_host_is_disconnected() -> None:
    """The admitted keep talking, nobody new comes in, and the doctor returns as host."""
    room = opened()
    room.admit("patient")
    room.drop("doctor")
    assert room.gate.passes("patient")
    assert host(room) == pid("doctor")
    assert room.refused(c.Admit(by=person("doctor"), participant=pid("interpreter"))) == "wrong_state"
    room.come_back("doctor")
    room.admit("interpreter")
    assert room.gate.passes("interpreter")


def test_a_call_goes_on_when_the_host_leaves_and_comes_back() -> None:
    """Leaving gives the role up, the link gives it back."""
    room = opened()
    room.admit("patient")
    room.happens(c.Leave(by=person("doctor")))
    assert host(room) is None
    assert room.gate.passes("patient")
    assert room.refused(c.AdmitAll(by=person("doctor"))) == "not_admitted"
    (event,) = room.come_back("doctor")
    assert isinstance(event, ev.HostEntered)
    assert host(room) == pid("doctor")
    room.admit("interpreter")


def test_a_host_link_used_while_the_host_is_gone_takes_the_role() -> None:
    """A substitute who arrives while the doctor is disconnected hosts; the doctor returns beside them."""
    room = opened()
    room.drop("doctor")
    room.enter_host("substitute")
    assert host(room) == pid("substitute")
    room.come_back("doctor")
    assert host(room) == pid("substitute")
    assert room.gate.passes("doctor")
    assert room.refused(c.AdmitAll(by=person("doctor"))) == "not_host"


def test_the_role_is_taken_when_the_host_is_gone() -> None:
    """The holder of a host link who is in the room takes over, and the record names whom they replaced."""
    room = opened()
    room.enter_host("substitute")
    room.drop("doctor")
    (event,) = room.happens(c.TakeHost(by=person("substitute")))
    assert isinstance(event, ev.HostTaken)
    assert event.previous == pid("doctor")
    assert host(room) == pid("substitute")
    room.happens(c.Leave(by=person("substitute")))
    room.come_back("doctor")
    (event,) = room.happens(c.TakeHost(by=person("doctor")))
    assert isinstance(event, ev.HostTaken)
    assert event.previous is None


def test_the_role_takes_a_host_link_and_a_connection() -> None:
    """Neither the patient nor one who waits takes it, nor a substitute who is not connected."""
    room = opened()
    room.admit("patient")
    room.enter_host("substitute")
    room.drop("substitute")
    room.drop("doctor")
    assert room.refused(c.TakeHost(by=person("patient"))) == "not_host"
    assert room.refused(c.TakeHost(by=person("interpreter"))) == "not_admitted"
    assert room.refused(c.TakeHost(by=person("substitute"))) == "wrong_state"


def test_the_role_is_handed_to_a_clinician_who_is_there() -> None:
    """A specialist on a guest's link becomes host; the doctor stays in the room without the role."""
    room = opened()
    room.arrive("specialist", role=Role.SPECIALIST)
    room.admit("specialist")
    (event,) = room.happens(c.HandOver(by=person("doctor"), participant=pid("specialist")))
    assert isinstance(event, ev.HandedOver)
    assert event.previous == pid("doctor")
    assert room.refused(c.AdmitAll(by=person("doctor"))) == "not_host"
    room.admit("patient")
    assert room.gate.passes("doctor")


def test_the_role_goes_to_nobody_else() -> None:
    """Not to a patient, not to one who waits, not to one who is not connected."""
    room = opened()
    room.admit("patient")
    room.arrive("waiting", role=Role.SPECIALIST)
    room.arrive("absent", role=Role.SPECIALIST)
    room.admit("absent")
    room.drop("absent")
    for name in ("patient", "waiting", "absent"):
        assert room.refused(c.HandOver(by=person("doctor"), participant=pid(name))) == "wrong_state"


def test_a_host_by_handover_who_leaves_waits_like_any_guest() -> None:
    """The role was lent to the person, their link is still a guest's."""
    room = opened()
    room.arrive("specialist", role=Role.SPECIALIST)
    room.admit("specialist")
    room.happens(c.HandOver(by=person("doctor"), participant=pid("specialist")))
    room.happens(c.Leave(by=person("specialist")))
    room.come_back("specialist")
    assert room.place("specialist") is Place.WAITING
    room.happens(c.TakeHost(by=person("doctor")))
    assert host(room) == pid("doctor")


def test_a_removed_substitute_stays_out() -> None:
    """A host link is blocked by removal like any other."""
    room = opened()
    room.enter_host("substitute")
    room.happens(c.Remove(by=person("doctor"), participant=pid("substitute")))
    assert not room.gate.passes("substitute")
    assert room.refused(room.knocking("substitute", resume("substitute"))) == "link_blocked"
