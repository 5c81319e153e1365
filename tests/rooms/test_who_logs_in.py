"""What a login proves stands in the room's record, follows the person and nobody else, and ends with a call."""

from dataclasses import replace

import msgspec

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Assurance, Identity, Pii, Place, Relation, Role, SubjectDigest
from tests.rooms.rig import ADMINISTRATION, LINK_LIFE, Consultation, iid, opened, person, pid, pin, resume

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


def requiring(room: Consultation, name: str, level: Assurance, role: Role, *, host: bool = False) -> c.Invite:
    """An invitation whose holder has to be known so surely."""
    return c.Invite(
        by=ADMINISTRATION,
        invitation=iid(name),
        role=role,
        name=Pii(name),
        expires_at=room.now + LINK_LIFE,
        host=host,
        requires=level,
    )


def test_a_weaker_login_is_let_in_for_a_reason_only() -> None:
    """The doctor may know the patient (A52), and that is put on record."""
    room = opened()
    room.happens(requiring(room, "relative", Assurance.HIGH, Role.RELATIVE))
    room.happens(room.knocking("relative"))
    admit = c.Admit(by=person("doctor"), participant=pid("relative"))
    assert room.refused(admit) == "reason_needed"
    assert room.refused(replace(admit, reason=Pii("  "))) == "bad_message"
    room.happens(c.AdmitAll(by=person("doctor")))
    assert room.place("relative") is Place.WAITING
    (admitted,) = room.happens(replace(admit, reason=Pii("Jeg kjenner personen igjen")))
    assert isinstance(admitted, ev.Admitted)
    assert admitted.reason == Pii("Jeg kjenner personen igjen")
    assert room.gate.passes("relative")


def test_who_is_known_surely_enough_needs_no_reason() -> None:
    """By exactly what is required, or more."""
    room = opened()
    room.happens(requiring(room, "relative", Assurance.SUBSTANTIAL, Role.RELATIVE))
    room.happens(knocking(room, "relative", HIGH, known=False))
    (admitted,) = room.happens(
        c.Admit(by=person("doctor"), participant=pid("relative"), reason=Pii("for sikkerhets skyld"))
    )
    assert isinstance(admitted, ev.Admitted)
    assert admitted.reason is None


def test_a_host_who_must_log_in_comes_in_with_the_login_only() -> None:
    """Nobody admits a host, so nobody could give a reason; having been in once is no login."""
    room = opened()
    room.happens(requiring(room, "substitute", Assurance.HIGH, Role.DOCTOR, host=True))
    weak = Identity(assurance=Assurance.SUBSTANTIAL, provider="helseid", subject=SubjectDigest("of the patient"))
    for identity in (None, weak):
        assert room.refused(knocking(room, "substitute", identity, known=False)) == "login_needed"
    room.happens(knocking(room, "substitute", HIGH, known=False))
    room.come_back("substitute")
    assert room.place("substitute") is Place.ADMITTED
    room.happens(c.Leave(by=person("substitute")))
    assert room.refused(room.knocking("substitute", resume("substitute"))) == "login_needed"


def test_a_host_who_must_log_in_has_no_pin() -> None:
    """A telephone proves nothing."""
    room = opened()
    wanted = requiring(room, "substitute", Assurance.LOW, Role.DOCTOR, host=True)
    assert room.refused(replace(wanted, pin=pin("substitute"))) == "bad_message"


def test_who_came_for_one_does_not_come_back_for_another() -> None:
    """The place of a child's mother is not that of her other child; the record says for whom, without a name."""
    room = opened()
    mother = replace_identity(represents="first child", relation=Relation.PARENT)
    room.happens(knocking(room, "patient", mother))
    assert room.of("patient").identity == mother
    other = replace_identity(represents="second child", relation=Relation.PARENT)
    assert room.refused(knocking(room, "patient", other)) == "other_person"
    for the_same in (mother, HIGH):
        room.happens(knocking(room, "patient", the_same))
    last = room.record[-1]
    assert ev.decode(ev.encode(last)) == last


def replace_identity(*, represents: str, relation: Relation) -> Identity:
    """The patient's login, for somebody else."""
    return msgspec.structs.replace(HIGH, represents=SubjectDigest(represents), relation=relation)


def test_a_link_that_is_somebodys_lets_nobody_else_in_by_a_login() -> None:
    """However sure the login is; theirs does, as does that of who comes for them, and a page without any waits."""
    room = opened()
    for name in ("relative", "specialist"):
        room.happens(replace(room.inviting(name, Role.RELATIVE), person=HIGH.subject))
    assert room.refused(knocking(room, "relative", OTHER, known=False)) == "other_person"
    room.happens(knocking(room, "relative", HIGH, known=False))
    parent = msgspec.structs.replace(OTHER, represents=HIGH.subject, relation=Relation.PARENT)
    room.happens(knocking(room, "specialist", None, known=False))
    assert room.place("specialist") is Place.WAITING
    assert room.refused(knocking(room, "specialist", OTHER)) == "other_person"
    room.happens(knocking(room, "specialist", parent))
    assert room.of("specialist").identity == parent


def test_a_link_for_many_is_no_one_persons() -> None:
    """It would turn all others away."""
    room = opened()
    wish = replace(room.inviting("relative"), person=HIGH.subject, many=True, pin=None)
    assert room.refused(wish) == "bad_message"
