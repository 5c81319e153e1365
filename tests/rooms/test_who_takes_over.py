"""Substitutes: who takes over a room whose host is away, appointed by the host or by the administration."""

from datetime import timedelta

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, Ground, Identity, Pii, Place, Role, SubjectDigest
from bridge.rooms.substitutes import may_take_over
from tests.rooms.rig import ADMINISTRATION, Consultation, iid, opened, person, pid

DOCTOR = person("doctor")
SURE = Identity(assurance=Assurance.HIGH, provider="helseid", subject=SubjectDigest("substitute"))


def with_substitute(requires: Assurance = Assurance.NONE) -> Consultation:
    """Return a room whose doctor has invited a substitute."""
    room = opened()
    room.happens(
        c.Invite(
            by=DOCTOR,
            invitation=iid("substitute"),
            role=Role.DOCTOR,
            name=Pii("Vikar"),
            expires_at=room.now + timedelta(hours=1),
            requires=requires,
            substitute=True,
            ground=Ground.ON_DUTY,
        )
    )
    return room


def offered(room: Consultation, name: str) -> bool:
    """Whether somebody may take over."""
    assert room.room is not None
    return may_take_over(room.room, room.of(name))


def test_a_substitute_waits_while_the_host_is_there() -> None:
    """As any guest, and may not take the role."""
    room = with_substitute()
    room.happens(room.knocking("substitute"))
    assert room.place("substitute") is Place.WAITING
    assert not offered(room, "substitute")
    assert room.refused(c.TakeHost(by=person("substitute"))) == "wrong_state"
    room.admit("substitute")
    assert room.refused(c.TakeHost(by=person("substitute"))) == "wrong_state"


def test_a_substitute_who_waits_takes_over_when_the_host_is_gone() -> None:
    """In by the own act, as host, with the login that was proven; a doctor who comes back is no host."""
    room = with_substitute()
    room.happens(c.Knock(**fields(room.knocking("substitute")) | {"identity": SURE}))
    room.drop("doctor")
    assert offered(room, "substitute")
    assert not offered(room, "patient")
    room.happens(c.TakeHost(by=person("substitute")))
    assert room.gate.passes("substitute")
    assert room.of("substitute").identity == SURE
    room.happens(c.Admit(by=person("substitute"), participant=pid("patient")))
    room.come_back("doctor")
    assert room.gate.passes("doctor")
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("interpreter"))) == "not_host"


def test_a_substitute_comes_straight_in_while_no_host_is_there() -> None:
    """By the link in a browser; not by a call, whose PIN may have been overheard."""
    room = with_substitute()
    room.happens(c.Leave(by=DOCTOR))
    entered = room.happens(room.knocking("substitute"))
    assert isinstance(entered[0], ev.HostEntered)
    assert room.refused(c.TakeHost(by=person("patient"))) == "not_admitted"


def test_a_substitute_has_to_be_known_as_surely_as_a_host() -> None:
    """As the host's own link asks, also where that of the substitute does not."""
    room = opened()
    room.happens(
        c.Invite(
            by=ADMINISTRATION,
            invitation=iid("chief"),
            role=Role.DOCTOR,
            name=Pii("Overlege"),
            expires_at=room.now + timedelta(hours=1),
            host=True,
            requires=Assurance.HIGH,
        )
    )
    room.invite("specialist", Role.SPECIALIST)
    room.happens(c.Appoint(by=DOCTOR, invitation=iid("specialist")))
    room.drop("doctor")
    room.happens(room.knocking("specialist"))
    assert room.place("specialist") is Place.WAITING
    assert not offered(room, "specialist")
    assert room.refused(c.TakeHost(by=person("specialist"))) == "login_needed"


def test_the_administration_appoints_one_who_waits() -> None:
    """Where the doctor never came, one who has only a guest's link takes over."""
    room = Consultation()
    room.create()
    room.arrive("patient")
    room.arrive("specialist", role=Role.SPECIALIST)
    assert room.refused(c.Appoint(by=person("specialist"), invitation=iid("specialist"))) == "not_admitted"
    assert room.refused(c.Appoint(by=ADMINISTRATION, invitation=iid("patient"))) == "wrong_state"
    assert room.refused(c.Appoint(by=ADMINISTRATION, invitation=iid("nobody"))) == "link_invalid"
    room.happens(c.Appoint(by=ADMINISTRATION, invitation=iid("specialist")))
    assert room.happens(c.Appoint(by=ADMINISTRATION, invitation=iid("specialist"))) == []
    room.happens(c.TakeHost(by=person("specialist")))
    room.admit("patient")
    assert room.gate.passes("patient")


def test_few_may_be_substitutes_and_a_patient_appoints_none() -> None:
    """They count among the host links; a patient's invitation is for company."""
    room = opened()
    room.admit("patient")
    wish = c.Invite(
        by=person("patient"),
        invitation=iid("friend"),
        role=Role.RELATIVE,
        name=Pii("Venn"),
        expires_at=room.now + timedelta(hours=1),
        substitute=True,
    )
    assert room.refused(wish) == "bad_message"
    for number in range(4):
        room.invite(f"specialist{number}", Role.SPECIALIST)
        room.happens(c.Appoint(by=DOCTOR, invitation=iid(f"specialist{number}")))
    room.invite("one more", Role.SPECIALIST)
    assert room.refused(c.Appoint(by=DOCTOR, invitation=iid("one more"))) == "too_many"


def fields(command: c.Command) -> dict[str, object]:
    """Return what a command holds."""
    return {name: getattr(command, name) for name in command.__dataclass_fields__}
