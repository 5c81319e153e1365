"""Several patients of one doctor: a standing link, a queue, one seen off and the next taken in."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.evolve import REMEMBERED
from bridge.rooms.model import Assurance, Identity, ParticipantId, Pii, Place, Role, SubjectDigest
from bridge.rooms.receiving import ahead_of
from bridge.rooms.views import visible_to
from tests.rooms.rig import ADMINISTRATION, LINK_LIFE, Consultation, iid, person, pid, resume

DOCTOR = person("doctor")


def surgery(*patients: str, max_participants: int = 9, **settings: bool) -> Consultation:
    """Return a room with the doctor in and patients waiting who came by the one standing link."""
    consultation = Consultation()
    consultation.create(max_participants, **settings)
    consultation.enter_host("doctor")
    consultation.line_up(*patients)
    return consultation


def next_one(consultation: Consultation, following: str | None, *leaving: str) -> list[ev.Event]:
    """See some off and take the next in."""
    whom = None if following is None else pid(following)
    return consultation.happens(c.SeeOff(by=DOCTOR, leaving=frozenset(map(pid, leaving)), following=whom))


def seen_by(consultation: Consultation, name: str) -> set[ParticipantId]:
    """Return whom somebody sees."""
    assert consultation.room is not None
    return {each.id for each in visible_to(consultation.room, pid(name))}


def ahead(consultation: Consultation, name: str) -> int | None:
    """Return how many patients are before somebody."""
    assert consultation.room is not None
    return ahead_of(consultation.room, pid(name))


def test_each_who_opens_a_link_for_many_is_a_person_of_their_own() -> None:
    """With the name that they give; who reloads is the same, and nobody needs another's secret."""
    room = surgery("anne", "berit")
    assert [room.of(name).name.reveal() for name in ("anne", "berit")] == ["anne", "berit"]
    again = room.happens(room.dropping_in("anne", secret=resume("anne"), new="other"))
    assert [type(event) for event in again] == [ev.Reconnected]
    assert room.refused(room.dropping_in("clara", name="  ")) == "name_needed"
    assert room.refused(room.knocking("line")) == "name_needed"


def test_who_has_gone_is_not_known_at_the_same_computer() -> None:
    """The next one there may be somebody else: a person of their own, with their own name, who waits."""
    room = surgery("anne")
    room.admit("anne")
    next_one(room, None, "anne")
    came = room.happens(room.dropping_in("berit", secret=resume("anne")))
    assert isinstance(came[0], ev.Arrived)
    assert (room.place("anne"), room.place("berit")) == (Place.OUTSIDE, Place.WAITING)
    assert room.of("berit").name.reveal() == "berit"


def test_who_was_put_out_does_not_come_back_by_a_link_for_many() -> None:
    """Not in a new tab, which has the same secret, nor by the same login from another browser."""
    room = surgery()
    known = Identity(assurance=Assurance.HIGH, provider="idporten", subject=SubjectDigest("anne"))
    room.happens(room.dropping_in("anne", identity=known))
    room.happens(c.Remove(by=DOCTOR, participant=pid("anne")))
    assert room.refused(room.dropping_in("new", secret=resume("anne"))) == "link_blocked"
    assert room.refused(room.dropping_in("new", identity=known)) == "link_blocked"
    room.happens(room.dropping_in("berit"))


def test_those_who_wait_learn_a_number_and_nobody_of_anybody() -> None:
    """It goes down as others are let in, and does not count who is not connected."""
    room = surgery("anne", "berit", "clara")
    assert [ahead(room, name) for name in ("anne", "berit", "clara")] == [0, 1, 2]
    room.drop("berit")
    assert ahead(room, "clara") == 1
    room.admit("anne")
    assert [ahead(room, name) for name in ("anne", "clara", "doctor", "nobody")] == [None, 0, None, None]
    assert [seen_by(room, name) for name in ("berit", "clara")] == [{pid("berit")}, {pid("clara")}]
    assert seen_by(room, "anne") == {pid("doctor"), pid("anne")}
    room.arrive("interpreter", role=Role.INTERPRETER)
    assert ahead(room, "interpreter") is None
    assert ahead(room, "clara") == 0


def test_the_next_is_taken_in_when_the_one_before_has_gone() -> None:
    """In one act: at no event on the way are both in, and the gate of neither is open for the other."""
    room = surgery("anne", "berit")
    room.admit("anne")
    before = len(room.record)
    next_one(room, "berit", "anne")
    assert [type(event) for event in room.record[before:]] == [ev.SeenOff, ev.Admitted]
    assert not room.gate.passes("anne")
    assert room.gate.passes("berit")
    assert (seen_by(room, "anne"), seen_by(room, "berit")) == (set(), {pid("doctor"), pid("berit")})
    assert next_one(room, "berit", "anne") == []  # pressed twice
    assert room.place("berit") is Place.ADMITTED


def test_all_of_it_happens_or_nothing() -> None:
    """Where the next one cannot come in, the one who is in stays."""
    room = surgery("anne", "berit")
    room.admit("anne")
    room.drop("berit")
    leaving = frozenset({pid("anne")})
    for following, code in (("berit", "wrong_state"), ("doctor", None), ("stranger", "unknown_participant")):
        asked = c.SeeOff(by=DOCTOR, leaving=leaving, following=pid(following))
        if code is None:
            assert room.happens(asked) == []
        else:
            assert room.refused(asked) == code
    assert room.place("anne") is Place.ADMITTED
    everybody = frozenset({pid("anne"), pid("doctor")})
    assert room.refused(c.SeeOff(by=DOCTOR, leaving=everybody)) == "wrong_state"
    assert room.refused(c.SeeOff(by=person("anne"), leaving=leaving)) == "not_host"


@pytest.mark.parametrize("by", ["the link", "the room"])
def test_two_patients_are_never_in_together(by: str) -> None:
    """Neither one by one, nor all at once, nor with company that the one before had asked for, nor by a call."""
    room = surgery("anne", "berit") if by == "the link" else surgery(one_at_a_time=True)
    if by == "the room":
        room.arrive("anne", "berit")
    assert not [event for event in room.happens(c.AdmitAll(by=DOCTOR)) if isinstance(event, ev.Admitted)]
    room.admit("anne")
    invite_company(room, "anne", "sister")
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("berit"))) == "patient_inside"
    room.admit("sister")
    alone = c.SeeOff(by=DOCTOR, leaving=frozenset({pid("anne")}), following=pid("berit"))
    assert room.refused(alone) == "patient_inside"
    room.happens(room.dialling(DOCTOR, "brother"))
    next_one(room, "berit", "anne", "sister")
    assert (room.place("brother"), room.place("berit")) == (Place.OUTSIDE, Place.ADMITTED)
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("sister"))) == "wrong_state"
    assert seen_by(room, "berit") == {pid("doctor"), pid("berit")}


def test_a_patient_who_lost_the_line_is_not_met_on_coming_back() -> None:
    """They hold the place that they were admitted to, so nobody else is let in to it before they are seen off."""
    room = surgery("anne", "berit")
    room.admit("anne")
    room.drop("anne")
    assert room.refused(c.Admit(by=DOCTOR, participant=pid("berit"))) == "patient_inside"
    next_one(room, "berit", "anne")
    came = room.happens(room.dropping_in("anew", secret=resume("anne")))
    assert isinstance(came[0], ev.Arrived)
    assert not room.gate.passes("anew")


def test_patients_with_links_of_their_own_may_meet_elsewhere() -> None:
    """Two with a link each, as for a couple or a group, are let in as before."""
    room = surgery()
    room.arrive("anne", "berit")
    room.happens(c.AdmitAll(by=DOCTOR))
    assert room.gate.passes("anne")
    assert room.gate.passes("berit")


def test_nothing_is_shared_any_more_when_the_next_one_comes_in() -> None:
    """What the doctor shows may be about the one before."""
    room = surgery("anne", "berit")
    room.admit("anne")
    room.happens(c.Sharing(by=DOCTOR, on=True))
    next_one(room, "berit", "anne")
    assert not room.of("doctor").sharing


def test_a_line_waits_also_while_the_room_is_full_or_locked_itself() -> None:
    """Those whose turn comes after others' wait for those others to go; a host's own lock stops them too."""
    room = surgery("anne", max_participants=2, autolock=True)
    room.admit("anne")
    assert room.room is not None
    assert room.room.locked
    room.happens(room.dropping_in("berit"))
    room.happens(c.Lock(by=DOCTOR, locked=False))
    room.happens(c.Lock(by=DOCTOR, locked=True))
    assert room.refused(room.dropping_in("clara")) == "room_locked"


def test_places_of_those_who_gave_up_waiting_go_to_others() -> None:
    """After a quarter of an hour without a connection, when one more comes; who keeps waiting keeps the place."""
    room = surgery("anne", "berit")
    room.drop("anne")
    room.now += timedelta(minutes=14)
    assert len(room.happens(room.dropping_in("clara"))) == 1
    room.now += timedelta(minutes=1)
    assert [type(event) for event in room.happens(room.dropping_in("dina"))] == [ev.Left, ev.Arrived]
    assert [room.place(name) for name in ("anne", "berit")] == [Place.OUTSIDE, Place.WAITING]


def test_a_standing_link_does_not_fill_the_memory() -> None:
    """Of those who have gone, the last hundred are kept; barred ones always."""
    room = surgery("barred")
    room.happens(c.Remove(by=DOCTOR, participant=pid("barred")))
    for number in range(REMEMBERED + 10):
        room.happens(room.dropping_in(f"patient{number}"))
        room.happens(c.Leave(by=person(f"patient{number}")))
    room.happens(room.dropping_in("last"))
    assert room.room is not None
    assert len(room.room.participants) == REMEMBERED + 3
    assert pid("barred") in room.room.participants


def test_a_link_for_many_that_is_taken_back_keeps_the_places_that_are_held() -> None:
    """Nobody new comes by it."""
    room = surgery("anne")
    room.happens(c.RevokeInvitation(by=ADMINISTRATION, invitation=iid("line")))
    assert room.refused(room.dropping_in("berit")) == "link_blocked"
    room.happens(room.dropping_in("anne", secret=resume("anne")))
    room.admit("anne")


@pytest.mark.parametrize(
    "changes",
    [{"host": True, "role": Role.DOCTOR}, {"substitute": True, "role": Role.DOCTOR}, {"pin": "1234"}],
)
def test_a_link_for_many_is_for_guests_with_a_browser(changes: dict[str, Any]) -> None:
    """Nobody comes straight in by it, and nobody calls by it."""
    room = surgery()
    wish: dict[str, Any] = {
        "by": ADMINISTRATION,
        "invitation": iid("new"),
        "role": Role.PATIENT,
        "name": Pii("Drop-in"),
        "expires_at": room.now + LINK_LIFE,
        "many": True,
    }
    assert room.refused(c.Invite(**(wish | changes))) == "bad_message"


def invite_company(room: Consultation, patient: str, whom: str) -> None:
    """Let a patient invite a relative, who comes."""
    room.happens(
        c.Invite(
            by=person(patient),
            invitation=iid(whom),
            role=Role.RELATIVE,
            name=Pii(whom),
            expires_at=room.now + LINK_LIFE,
        )
    )
    room.happens(room.knocking(whom))
