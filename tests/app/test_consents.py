"""What people say yes to comes with their page, is on record, and is told to the host and themselves alone."""

from dataclasses import replace

import pytest

from bridge.rooms import events as ev
from bridge.rooms.model import Matter, RoomId
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import Connection, token_of
from tests.app.rig import Page, Rig

NOTICE, OTHER = "0123456789ab", "ba9876543210"
GIVEN = [m.Consented(matter=m.Matter.VIDEO, given=True)]
TAKEN_BACK = [m.Consented(matter=m.Matter.VIDEO, given=False)]


async def house() -> tuple[Rig, RoomId, Page]:
    """A bridge with a notice, a room and its doctor."""
    rig = Rig()
    rig.door._policy = replace(rig.door._policy, notice=NOTICE)
    room = await rig.open_room()
    return rig, room, await rig.enter(room, m.Role.DOCTOR, host=True)


async def enter(rig: Rig, room: RoomId, notice: str | None) -> Page:
    """Come in by a page that showed this notice."""
    page = await rig.page(room)
    page.connection = Connection()
    join = m.Join(version=1, token=token_of(page.link), language=m.Language.NB, notice=notice)
    page.seat = await rig.door.join(join, page.connection)
    page.resume = page.connection.welcome.resume
    return page


def told(reader: Page, about: Page) -> list[m.Consented]:
    """What the last roster says of somebody."""
    (person,) = [one for one in reader.connection.roster.people if one.participant == about.participant]
    return person.consents


async def test_the_host_sees_who_has_said_yes_before_they_are_let_in() -> None:
    """With the version on record; the audit has the act."""
    rig, room, doctor = await house()
    patient = await enter(rig, room, NOTICE)
    assert told(doctor, patient) == told(patient, patient) == GIVEN
    (consented,) = [one for one in rig.store.events(room) if isinstance(one, ev.Consented)]
    assert (consented.matter, consented.notice) == (Matter.VIDEO, NOTICE)
    (line,) = [one for one in rig.store.audit if one.act == "consented"]
    assert (line.actor, line.target, line.role) == (patient.participant, patient.participant, "patient")
    assert (line.reason, line.outcome) == ("video", "ok")


@pytest.mark.parametrize("notice", [None, OTHER])
async def test_what_was_not_shown_is_not_taken_for_said(notice: str | None) -> None:
    """Nor a version that this bridge does not show: nobody knows what stood there. Who comes so is let in."""
    rig, room, doctor = await house()
    patient = await enter(rig, room, notice)
    assert told(doctor, patient) == []
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=2))
    assert patient.connection.roster.people


async def test_it_is_taken_back_and_given_again() -> None:
    """The host is told each time, and nobody else is."""
    rig, room, doctor = await house()
    patient, other = await enter(rig, room, NOTICE), await enter(rig, room, NOTICE)
    for page in (patient, other):
        await rig.say(doctor, m.Admit(participant=page.participant, ref=2))
    no = m.Consent(matter=m.Matter.VIDEO, given=False, notice=OTHER, ref=7)
    assert await rig.say(patient, no) == m.Ok(ref=7)
    assert told(doctor, patient) == told(patient, patient) == TAKEN_BACK
    assert told(other, patient) == []
    with pytest.raises(Rejected) as caught:
        await rig.say(patient, m.Consent(matter=m.Matter.VIDEO, given=True, notice=OTHER, ref=8))
    assert caught.value.code is Code.WRONG_STATE
    await rig.say(patient, m.Consent(matter=m.Matter.VIDEO, given=True, notice=NOTICE, ref=8))
    assert told(doctor, patient) == GIVEN
    said = [type(one).__name__ for one in rig.store.events(room) if "Consent" in type(one).__name__]
    assert said == ["Consented", "Consented", "ConsentWithdrawn", "Consented"]


async def test_who_changes_their_mind_all_the_time_fills_no_disk() -> None:
    """So often and no more, until some time has passed."""
    rig, room, _ = await house()
    patient = await enter(rig, room, NOTICE)
    for turn in range(10):
        await rig.say(patient, m.Consent(matter=m.Matter.VIDEO, given=bool(turn % 2), notice=NOTICE, ref=7))
    before = len(rig.store.events(room))
    no = m.Consent(matter=m.Matter.VIDEO, given=False, notice=NOTICE, ref=8)
    with pytest.raises(Rejected) as caught:
        await rig.say(patient, no)
    assert caught.value.code is Code.TOO_MANY
    assert len(rig.store.events(room)) == before
    rig.clock.seconds += 8
    assert await rig.say(patient, no) == m.Ok(ref=8)


async def test_it_outlives_the_process() -> None:
    """The records know it after a restart, and the page need not say it again."""
    rig, room, doctor = await house()
    patient = await enter(rig, room, NOTICE)
    rig.start()
    await rig.join(doctor)
    await rig.join(patient)
    assert told(doctor, patient) == GIVEN


async def test_a_bridge_without_a_notice_takes_no_consent() -> None:
    """There is nothing that it could be on."""
    rig = Rig()
    room = await rig.open_room()
    patient = await enter(rig, room, NOTICE)
    with pytest.raises(Rejected):
        await rig.say(patient, m.Consent(matter=m.Matter.VIDEO, given=True, notice=NOTICE, ref=8))
    assert not [one for one in rig.store.events(room) if isinstance(one, ev.Consented)]
