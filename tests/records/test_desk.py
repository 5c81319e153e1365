"""The desk over a real store: pages that fit together, one's own reading on record, and nothing of strangers."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle
from msgspec.structs import replace

from bridge.app.audit import of_event
from bridge.records.desk import RecordDesk
from bridge.rooms import commands as c
from bridge.rooms.evolve import replay
from bridge.rooms.model import Office, Role, RoomId
from bridge.store import EventStore, open_store
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.records.test_attendance import HOSPITAL, SURGERY, Day
from tests.rooms.rig import START, person

BASE = "https://video.example.no"
LATER = START + timedelta(days=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    """Keep a store open."""
    async with open_store(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


@pytest.fixture
def desk(store: EventStore) -> RecordDesk:
    """Answer for the administration, a day later."""
    return RecordDesk(store, lambda: LATER, BASE, Office.ADMINISTRATION)


async def held(store: EventStore, room: str = "r_1", after: timedelta = timedelta()) -> Day:
    """Put a consultation of a doctor, a patient and a specialist on record."""
    day = Day()
    day.now += after
    day.create()
    day.log_in("doctor", SURGERY, Role.DOCTOR, host=True)
    day.log_in("patient", None, Role.PATIENT)
    day.admit("patient")
    day.log_in("specialist", HOSPITAL, Role.SPECIALIST)
    day.admit("specialist")
    day.now += timedelta(minutes=2)
    day.happens(c.End(by=person("doctor")))
    lines = [of_event(event, replay(day.record[:number])) for number, event in enumerate(day.record, 1)]
    # A number leads to one room alone.
    day.record[0] = replace(day.record[0], number=None)
    events = [replace(event, room=RoomId(room)) for event in day.record]
    await store.append(room, 0, events, [line for line in lines if line is not None])
    return day


async def test_pages_of_the_audit_fit_together(store: EventStore, desk: RecordDesk) -> None:
    """Each row once, in the order of the chain, in valid bundles; the last page has no next."""
    await held(store)
    seen: list[str] = []
    after, pages = 0, 0
    while True:
        page = await desk.audit(m.AuditQuery(room="r_1", until=LATER, after=after, limit=4))
        Bundle.model_validate_json(m.encode(page))
        pages += 1
        seen += [entry.resource["id"] for entry in page.entry]
        onward = [link.url for link in page.link if link.relation == "next"]
        if not onward:
            break
        after = int(onward[0].partition("after=")[2].partition("&")[0])
    rows = [row for row in await store.audit("r_1") if row.act != "audit_read"]
    assert seen == [f"audit-{row.sequence}" for row in rows]
    assert pages == -(-len(rows) // 4)


async def test_a_window_of_time_holds_what_happened_in_it(store: EventStore, desk: RecordDesk) -> None:
    """From its first moment on, and not its last."""
    day = await held(store)
    await held(store, "r_2", timedelta(hours=2))
    end = day.now

    async def told(**window: datetime) -> set[str]:
        page = await desk.audit(m.AuditQuery(limit=1000, **window))
        rooms = {one.resource["entity"][0]["what"]["identifier"]["value"] for one in page.entry}
        return rooms - {"all"}

    assert await told() == {"r_1", "r_2"}
    assert await told(until=START + timedelta(hours=1)) == {"r_1"}
    assert await told(since=START + timedelta(hours=1)) == {"r_2"}
    only = await desk.audit(m.AuditQuery(since=end, until=end + timedelta(microseconds=1)))
    assert [one.resource["subtype"][0]["code"] for one in only.entry] == ["room_ended"]
    assert (await desk.audit(m.AuditQuery(since=START, until=START))).entry == []


async def test_a_time_beyond_all_time_is_a_time(store: EventStore, desk: RecordDesk) -> None:
    """The first and the last hour that can be written, in zones in which they are no hours at all."""
    await held(store)
    first = datetime.fromisoformat("0001-01-01T00:00:00+14:00")
    last = datetime.fromisoformat("9999-12-31T23:59:59-12:00")
    assert (await desk.audit(m.AuditQuery(since=last))).entry == []
    assert (await desk.audit(m.AuditQuery(until=first))).entry == []
    assert len((await desk.audit(m.AuditQuery(since=first, until=last))).entry) > 5
    assert len((await desk.usage(m.UsageQuery(since=first, until=last))).conferences) == 1


async def test_a_person_in_the_audit_has_the_role_that_the_room_knows(store: EventStore, desk: RecordDesk) -> None:
    """Who was let in is told by kind, since the row has only an id."""
    await held(store)
    page = await desk.audit(m.AuditQuery(room="r_1"))
    admitted = [one.resource for one in page.entry if one.resource["subtype"][0]["code"] == "admitted"]
    assert [one["entity"][1]["what"].get("type") for one in admitted] == ["Patient", "Practitioner"]


async def test_reading_is_on_record_before_anything_is_told(store: EventStore, desk: RecordDesk) -> None:
    """Of the audit and of attendance, by which office and of which room; the chain goes on whole."""
    await held(store)
    await desk.audit(m.AuditQuery(room="r_1"))
    await desk.attendance("r_1", m.AttendanceQuery())
    assert [(row.actor, row.act) for row in (await store.audit("r_1"))[-2:]] == [
        ("administration", "audit_read"),
        ("administration", "attendance_read"),
    ]
    await desk.audit(m.AuditQuery())
    assert [row.act for row in await store.audit("all")] == ["audit_read"]
    assert await store.verify_audit() is None


async def test_a_room_that_never_was_leaves_no_trace(store: EventStore, desk: RecordDesk) -> None:
    """What somebody makes up as an id may be a name."""
    for asked in (
        desk.audit(m.AuditQuery(room="Kari-Nordmann")),
        desk.attendance("Kari-Nordmann", m.AttendanceQuery()),
        desk.room_usage("Kari-Nordmann"),
    ):
        with pytest.raises(Rejected) as caught:
            await asked
        assert caught.value.code is Code.UNKNOWN_ROOM
    assert (await store.audit_head()).sequence == 0


async def test_attendance_is_for_one_organisation_or_each(store: EventStore, desk: RecordDesk) -> None:
    """With times and how surely each was known; the patient is a role in either part."""
    await held(store)
    both = await desk.attendance("r_1", m.AttendanceQuery())
    assert [one.organisation for one in both.organisations] == [HOSPITAL, SURGERY]
    (surgery,) = (await desk.attendance("r_1", m.AttendanceQuery(organisation=SURGERY))).organisations
    assert surgery == both.organisations[1]
    (doctor,) = surgery.people
    assert (doctor.invitation, doctor.role, doctor.line) == ("i_doctor", m.Role.DOCTOR, m.Line.BROWSER)
    assert (doctor.assurance, doctor.provider, doctor.health_personnel) == (m.Assurance.HIGH, "helseid", True)
    assert doctor.left is not None
    assert doctor.seconds == (doctor.left - doctor.came).total_seconds()
    assert surgery.others == [m.Role.PATIENT, m.Role.SPECIALIST]
    assert (await desk.attendance("r_1", m.AttendanceQuery(organisation="900000000"))).organisations == []
    assert "p_patient" not in m.encode(both)


async def test_each_conference_is_in_one_window(store: EventStore, desk: RecordDesk) -> None:
    """By its end; pages of rooms fit together, and a room's own list is the same."""
    rooms = [f"r_{number}" for number in range(1, 6)]
    for number, room in enumerate(rooms):
        await held(store, room, timedelta(hours=number))
    found: list[tuple[str, str]] = []
    for hour in range(6):
        since, after = START + timedelta(hours=hour), None
        while True:
            wish = m.UsageQuery(since=since, until=since + timedelta(hours=1), after=after, limit=2)
            page = await desk.usage(wish)
            found += [(one.room, str(hour)) for one in page.conferences]
            if (after := page.next) is None:
                break
    assert found == [(room, str(number)) for number, room in enumerate(rooms)]
    (own,) = (await desk.room_usage("r_3")).conferences
    assert (own.number, own.participants, own.most, own.minutes) == (1, 3, 3, 6)
    assert [(use.line, use.participants) for use in own.lines] == [(m.Line.BROWSER, 3)]


async def test_a_damaged_room_does_not_hide_the_audit(store: EventStore, desk: RecordDesk) -> None:
    """The rows are told without the roles that only the events have."""
    await held(store)
    async with store._writing.begin() as connection:
        await connection.exec_driver_sql("UPDATE events SET payload = 'x' WHERE revision = 3")
    page = await desk.audit(m.AuditQuery())
    admitted = [one.resource for one in page.entry if one.resource["subtype"][0]["code"] == "admitted"]
    assert all("type" not in one["entity"][1]["what"] for one in admitted)
    assert len(admitted) == 2
