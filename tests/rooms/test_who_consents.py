"""Consents: one's own, on record with the notice's version, taken back at any time; they open nothing."""

from dataclasses import replace

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Line, Matter, NoticeVersion, Place, ResumeHash, Role
from tests.rooms.rig import ADMINISTRATION, Consultation, opened, person, pid, resume

FIRST, SECOND = NoticeVersion("0123456789ab"), NoticeVersion("ba9876543210")
YES = c.Consent(by=person("patient"), matter=Matter.VIDEO, notice=FIRST)
NO = c.WithdrawConsent(by=person("patient"), matter=Matter.VIDEO)


def entering(room: Consultation, name: str, *, known: bool = True) -> c.Knock:
    """A knock by a button beside the notice."""
    secret = resume(name) if known else None
    return replace(room.knocking(name, secret), notice=FIRST)


def test_who_presses_beside_the_notice_has_said_yes() -> None:
    """On record with the arrival, and it lets nobody in."""
    room = opened()
    room.invite("relative", Role.RELATIVE)
    arrived, consented = room.happens(entering(room, "relative", known=False))
    assert isinstance(arrived, ev.Arrived)
    assert isinstance(consented, ev.Consented)
    assert (consented.participant, consented.by) == (pid("relative"), person("relative"))
    assert (consented.matter, consented.notice) == (Matter.VIDEO, FIRST)
    assert room.of("relative").consents == {Matter.VIDEO: FIRST}
    assert room.place("relative") is Place.WAITING
    assert not room.gate.passes("relative")


def test_a_host_says_it_too() -> None:
    """Whoever comes in by a page."""
    room = opened()
    room.invite("substitute", Role.DOCTOR, host=True)
    events = room.happens(entering(room, "substitute", known=False))
    assert [type(one) for one in events] == [ev.HostEntered, ev.Consented]


def test_who_was_shown_nothing_has_said_nothing() -> None:
    """And is admitted all the same: health care needs no consent to be given by video."""
    room = opened()
    assert room.of("patient").consents == {}
    room.admit("patient")
    assert room.gate.passes("patient")


def test_a_refused_knock_says_nothing() -> None:
    """Neither with a link that is another's."""
    room = opened()
    assert room.refused(replace(entering(room, "patient"), resume_hash=ResumeHash("wrong"))) == "link_used"
    assert room.of("patient").consents == {}


def test_a_page_that_is_loaded_again_takes_nothing_back() -> None:
    """Neither the yes nor the withdrawal: only what was never said is taken from a knock."""
    room = opened()
    assert [type(one) for one in room.happens(entering(room, "patient"))] == [ev.Reconnected, ev.Consented]
    assert [type(one) for one in room.happens(entering(room, "patient"))] == [ev.Reconnected]
    room.come_back("patient")
    assert room.of("patient").consents == {Matter.VIDEO: FIRST}
    room.happens(NO)
    assert [type(one) for one in room.happens(entering(room, "patient"))] == [ev.Reconnected]
    assert room.of("patient").consents == {Matter.VIDEO: None}


def test_consent_is_given_and_withdrawn_while_waiting_and_in() -> None:
    """Each once; the second click changes nothing. The gate stays as it is."""
    room = opened()
    for _ in range(2):
        assert [type(one) for one in room.happens(YES)] == [ev.Consented]
        assert room.happens(YES) == []
        (withdrawn,) = room.happens(NO)
        assert isinstance(withdrawn, ev.ConsentWithdrawn)
        assert (withdrawn.participant, withdrawn.matter, withdrawn.by) == (
            pid("patient"),
            Matter.VIDEO,
            person("patient"),
        )
        assert room.happens(NO) == []
        if room.place("patient") is Place.WAITING:
            room.admit("patient")
    assert room.gate.passes("patient")


def test_other_words_are_another_consent() -> None:
    """Who said yes on an older notice can say it on the new one."""
    room = opened()
    room.happens(YES)
    (again,) = room.happens(replace(YES, notice=SECOND))
    assert isinstance(again, ev.Consented)
    assert room.of("patient").consents == {Matter.VIDEO: SECOND}


def test_one_matter_is_not_another() -> None:
    """A yes to video is none to recording, and each is taken back on its own."""
    room = opened()
    room.happens(YES)
    assert room.happens(replace(NO, matter=Matter.RECORDING)) == []
    room.happens(replace(YES, matter=Matter.RECORDING, notice=SECOND))
    room.happens(NO)
    assert room.of("patient").consents == {Matter.VIDEO: None, Matter.RECORDING: SECOND}


@pytest.mark.parametrize("command", [YES, NO])
def test_nobody_consents_who_is_not_there(command: c.Consent | c.WithdrawConsent) -> None:
    """Nor the administration, nor a stranger."""
    room = opened()
    assert room.refused(replace(command, by=ADMINISTRATION)) == "unknown_participant"
    assert room.refused(replace(command, by=person("stranger"))) == "unknown_participant"
    room.drop("patient")
    assert room.refused(command) == "wrong_state"
    room.come_back("patient")
    room.happens(c.Leave(by=person("patient")))
    assert room.refused(command) == "wrong_state"


def test_who_comes_in_again_is_asked_again() -> None:
    """After leaving, what is at the page may be anybody with the link and the device."""
    room = opened()
    room.happens(YES)
    room.happens(c.Leave(by=person("patient")))
    room.come_back("patient")
    assert room.of("patient").consents == {}


@pytest.mark.parametrize("admitted", [False, True])
def test_a_call_has_said_nothing(admitted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """At its end may be anybody, and nobody was shown anything."""
    room = opened()
    room.happens(YES)
    if admitted:
        room.admit("patient")
    room.drop("patient")
    room.happens(room.calling("patient", Line.TELEPHONE))
    assert room.of("patient").consents == {}
