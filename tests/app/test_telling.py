"""What each person is told: rosters, layouts, welcomes, goodbyes."""

from dataclasses import replace

import msgspec

from bridge.app import telling
from bridge.app.live import MediaLeg
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Identity, ParticipantId, Role, SubjectDigest
from signalling import messages as m
from signalling.errors import Code
from tests.app.rig import SLOTS, Rig
from tests.rooms.rig import Consultation, login, opened, person, pid, resume


def people(room: Consultation, viewer: str) -> list[str]:
    """Whom a roster names, by the names of their links."""
    assert room.room is not None
    return [line.participant.removeprefix("p_") for line in telling.roster(room.room, pid(viewer)).people]


def test_who_waits_sees_nobody_else() -> None:
    """One line, their own, and not even how many others wait."""
    assert people(opened(), "patient") == ["patient"]


def test_the_host_sees_all_and_guests_the_admitted() -> None:
    """The waiting are for the host's eyes."""
    room = opened()
    room.admit("patient")
    assert people(room, "doctor") == ["doctor", "patient", "interpreter"]
    assert people(room, "patient") == ["doctor", "patient"]


def test_a_second_doctor_is_no_host_until_they_take_the_role() -> None:
    """Holders of host links who are not the host see what guests see."""
    room = opened()
    room.enter_host("substitute")
    assert people(room, "substitute") == ["doctor", "substitute"]


def test_a_stranger_and_the_removed_see_nobody() -> None:
    """Who is outside is told of nobody, themselves included."""
    room = opened()
    room.happens(c.Remove(by=person("doctor"), participant=pid("patient")))
    assert people(room, "patient") == people(room, "nobody") == []


def test_a_line_says_what_the_room_knows() -> None:
    """Name, role, place, connection, devices and who is oneself."""
    room = opened()
    room.admit("patient")
    room.happens(c.Mute(by=person("doctor"), participant=pid("patient"), muted=True, may_unmute=False))
    room.happens(c.Camera(by=person("patient"), on=False))
    assert room.room is not None
    roster = telling.roster(room.room, pid("patient"))
    assert (roster.host, roster.locked, roster.revision) == (False, False, len(room.record))
    doctor, patient = roster.people
    assert (doctor.host, doctor.you, patient.host, patient.you) == (True, False, False, True)
    assert (patient.name, patient.role, patient.place) == ("patient", m.Role.PATIENT, m.Place.ADMITTED)
    assert (patient.muted, patient.may_unmute, patient.camera, patient.connected) == (True, False, False, True)


CENTRE = telling.Beside(organisations={"983658725": "Tolkesentralen"})


def logs_in(room: Consultation, who: str, identity: Identity) -> None:
    """Somebody who is there opens the page again, after a login."""
    room.happens(replace(room.knocking(who, resume(who)), identity=identity))


def work_of(room: Consultation, who: str, viewer: str) -> tuple[bool, m.Employer | None]:
    """What somebody is told of the work of one whom they see."""
    assert room.room is not None
    (line,) = [one for one in telling.roster(room.room, pid(viewer), CENTRE).people if one.participant == pid(who)]
    return line.health_personnel, line.employer


def test_those_who_are_in_read_for_whom_each_works() -> None:
    """By what a login proved: the host before the admission, all others after it, nobody before they are in."""
    room = opened()
    nothing = (False, None)
    proven = (True, m.Employer(number="983658725", name="Tolkesentralen"))
    assert work_of(room, "interpreter", "doctor") == nothing
    logs_in(room, "interpreter", login("interpreter"))
    assert work_of(room, "interpreter", "doctor") == work_of(room, "interpreter", "interpreter") == proven
    assert people(room, "patient") == ["patient"]
    room.admit("interpreter")
    assert people(room, "patient") == ["patient"]
    room.admit("patient")
    assert work_of(room, "interpreter", "patient") == proven
    assert work_of(room, "doctor", "interpreter") == nothing


def test_an_organisation_without_a_name_is_its_number() -> None:
    """Where the operator has named none, the number of the register stands for it."""
    room = opened()
    logs_in(room, "interpreter", login("interpreter"))
    assert room.room is not None
    (told,) = telling.roster(room.room, pid("interpreter")).people
    assert told.employer == m.Employer(number="983658725", name=None)


def test_where_a_patient_works_is_nobodys_business() -> None:
    """A nurse who is the patient, a doctor who comes as a relative, and who comes for somebody else."""
    room = opened()
    room.arrive("relative", role=Role.RELATIVE)
    for name in ("patient", "relative"):
        logs_in(room, name, login(name))
        room.admit(name)
    helper = msgspec.structs.replace(login("interpreter"), represents=SubjectDigest("of a child"))
    logs_in(room, "interpreter", helper)
    room.admit("interpreter")
    for who in ("patient", "relative", "interpreter"):
        assert room.of(who).identity is not None
        for viewer in ("doctor", "patient", "relative", "interpreter"):
            assert work_of(room, who, viewer) == (False, None), (who, viewer)


def test_a_welcome_gives_the_place_and_the_secret() -> None:
    """The first message says who one is, where, and what to keep."""
    room = opened().room
    assert room is not None
    told = telling.welcome(room, room.participants[pid("patient")], "secret", SLOTS, MediaLeg(2**62))
    assert (told.participant, told.place, told.host, told.resume) == (
        "p_patient",
        m.Place.WAITING,
        False,
        "secret",
    )
    assert (told.version, told.role, told.slots, told.room_name) == (1, m.Role.PATIENT, SLOTS, "Rom 1")
    assert told.leg == "4611686018427387904"  # in words: numbers of JavaScript end at 2^53


def test_goodbyes_are_for_those_who_go() -> None:
    """Removal, refusal and leaving end one connection; other events end none."""
    room = opened()
    room.admit("patient")
    room.happens(c.Remove(by=person("doctor"), participant=pid("patient")))
    room.happens(c.Refuse(by=person("doctor"), participant=pid("interpreter")))
    room.happens(c.Leave(by=person("doctor")))
    told = {type(event): telling.farewell(event, room.room) for event in room.record}
    assert told.pop(ev.Removed) == {pid("patient"): Code.REMOVED}
    assert told.pop(ev.Refused) == {pid("interpreter"): Code.REFUSED}
    assert told.pop(ev.Left) == {pid("doctor"): Code.LEFT}
    assert set(map(str, told.values())) == {"{}"}


async def test_a_layout_names_the_mids_of_the_page_that_reads_it() -> None:
    """Slots are named by the m-lines of the reader's own offer: two for sound, two for faces, one for content."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    await rig.say(doctor, m.Sharing(on=True, ref=2))
    told = {(slot.mid, slot.source) for slot in patient.connection.layout.slots}
    assert told == {("3", m.SourceName.MIC), ("5", m.SourceName.CAMERA), ("7", m.SourceName.CONTENT)}
    assert telling.layout(rig.live(room), rig.legs, ParticipantId("p_nobody")).slots == []
