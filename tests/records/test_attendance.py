"""What each organisation is told of a consultation: its own people, and of others their roles alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.records.attendance import Attendance, attendance
from bridge.records.stays import stays
from bridge.rooms import commands as c
from bridge.rooms.model import Assurance, Identity, Line, Role, SubjectDigest
from tests.rooms.rig import START, Consultation, person, pid, resume

SURGERY, HOSPITAL = "987654321", "912345678"


def employed(organisation: str | None, assurance: Assurance = Assurance.HIGH) -> Identity:
    """Give what the login of somebody proves who works for an organisation."""
    return Identity(
        assurance=assurance,
        provider="helseid" if organisation else "idporten",
        subject=SubjectDigest("digest"),
        organisation=organisation,
        health_personnel=organisation is not None,
    )


class Day(Consultation):
    """A consultation in which time goes on by a minute with everything that happens."""

    def do(self, command: c.Command):  # noqa: ANN201 - as the one that it is in the place of
        """Do as asked, a minute later."""
        self.now += timedelta(minutes=1)
        return super().do(command)

    def log_in(self, name: str, organisation: str | None, role: Role, *, host: bool = False) -> None:
        """Invite somebody, and let them come with a login."""
        self.invite(name, role, host=host)
        self.happens(replace(self.knocking(name), identity=employed(organisation)))

    def minutes(self) -> int:
        """How many there were up to now."""
        return (self.now - START) // timedelta(minutes=1)


@pytest.fixture
def day() -> Day:
    """A doctor of the surgery, a patient, and a specialist of the hospital who joins them."""
    room = Day()
    room.create()
    room.log_in("doctor", SURGERY, Role.DOCTOR, host=True)
    room.log_in("patient", None, Role.PATIENT)
    room.admit("patient")
    room.log_in("specialist", HOSPITAL, Role.SPECIALIST)
    room.admit("specialist")
    return room


def told(room: Day, organisation: str) -> Attendance:
    """Give what one organisation is told."""
    (found,) = [one for one in attendance(room.record) if one.organisation == organisation]
    return found


def test_each_organisation_is_told_of_its_own_and_of_others_their_roles(day: Day) -> None:
    """Came, admitted, left and how they were identified; nothing but the role of anybody else."""
    day.happens(c.Leave(by=person("specialist")))
    left = day.now
    day.happens(c.End(by=person("doctor")))
    assert [one.organisation for one in attendance(day.record)] == [HOSPITAL, SURGERY]
    hospital = told(day, HOSPITAL)
    (specialist,) = hospital.people
    assert specialist.participant == pid("specialist")
    assert specialist.admitted is not None
    assert specialist.left == left
    assert specialist.came < specialist.admitted < left
    assert specialist.identity == employed(HOSPITAL)
    assert hospital.others == (Role.DOCTOR, Role.PATIENT)
    surgery = told(day, SURGERY)
    assert [one.participant for one in surgery.people] == [pid("doctor")]
    assert surgery.people[0].left == day.now
    assert surgery.others == (Role.PATIENT, Role.SPECIALIST)


def test_whom_its_people_did_not_meet_an_organisation_does_not_hear_of(day: Day) -> None:
    """Who waited, and who came when its people had gone: the next patient is none of the hospital's business."""
    day.arrive("refused")
    day.happens(c.Refuse(by=person("doctor"), participant=pid("refused")))
    day.happens(c.Leave(by=person("specialist")))
    day.happens(c.Leave(by=person("patient")))
    day.arrive("next")
    day.admit("next")
    assert told(day, HOSPITAL).others == (Role.DOCTOR, Role.PATIENT)
    assert told(day, SURGERY).others == (Role.PATIENT, Role.PATIENT, Role.SPECIALIST)


def test_who_only_waited_was_never_admitted(day: Day) -> None:
    """An organisation is told that its own waited in vain, and met nobody."""
    day.log_in("nurse", "900000001", Role.ASSISTANT)
    day.happens(c.Refuse(by=person("doctor"), participant=pid("nurse")))
    nurse = told(day, "900000001")
    assert (nurse.people[0].admitted, nurse.people[0].left, nurse.others) == (None, day.now, ())


def test_who_lost_the_line_for_good_left_then(day: Day) -> None:
    """The end of the room much later is not when they went."""
    day.drop("specialist")
    lost = day.now
    day.happens(c.Lock(by=person("doctor"), locked=True))
    day.happens(c.End(by=person("doctor")))
    assert told(day, HOSPITAL).people[0].left == lost


def test_who_comes_back_is_there_on_and_off(day: Day) -> None:
    """A lost line does not end a stay; the time without it does not count."""
    day.drop("specialist")
    lost = day.now
    day.happens(c.Lock(by=person("doctor"), locked=True))
    day.come_back("specialist")
    (stay,) = told(day, HOSPITAL).people
    assert stay.left is None
    assert [period.end for period in stay.present] == [lost, None]
    assert stay.present[1].start == day.now


def test_a_call_proves_nothing_and_is_a_stay_of_its_own(day: Day) -> None:
    """Who goes on by telephone is still one of theirs, and was not identified there."""
    day.drop("specialist")
    day.happens(day.calling("specialist", Line.TELEPHONE))
    by_page, by_call = told(day, HOSPITAL).people
    assert (by_page.line, by_page.identity) == (Line.BROWSER, employed(HOSPITAL))
    assert (by_call.line, by_call.identity, by_call.admitted) == (Line.TELEPHONE, None, None)
    assert by_page.left is not None
    assert by_page.left <= by_call.came


def test_who_never_answered_was_never_there(day: Day) -> None:
    """Being called is no stay."""
    day.happens(day.dialling(person("doctor"), "relative"))
    assert pid("relative") not in [stay.participant for stay in stays(day.record)]


def test_a_room_that_nobody_logged_in_to_concerns_no_organisation() -> None:
    """Links and calls prove no organisation."""
    room = Day()
    room.create()
    room.enter_host("doctor")
    room.arrive("patient")
    room.admit("patient")
    assert attendance(room.record) == []
    assert len(stays(room.record)) == 2


def test_a_page_that_comes_back_stays_who_it_was(day: Day) -> None:
    """A stay keeps what was proven in it."""
    day.drop("doctor")
    day.happens(replace(day.knocking("doctor", resume("doctor")), identity=employed(SURGERY)))
    (stay,) = told(day, SURGERY).people
    assert stay.identity == employed(SURGERY)
