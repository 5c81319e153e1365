"""Where those who may look at the records ask: the `Records` of signalling, and the export of the audit."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode

from bridge.app.ports import Audited
from bridge.records.attendance import Attendance, attendance
from bridge.records.audit_event import audit_event, full_url
from bridge.records.stays import Stay
from bridge.records.usage import Conference, conferences
from bridge.rooms.events import Event
from bridge.rooms.evolve import replay
from bridge.rooms.model import Assurance, Office
from bridge.store import AuditEntry, EventStore, RecordUnreadable
from signalling import messages as m
from signalling.errors import Code, Rejected

EVERY_ROOM: Final = "all"
_PAGE: Final = 500


class RecordDesk:
    """Answers from a store. Whoever reads audit or attendance is put on record before anything is told."""

    def __init__(self, store: EventStore, now: Callable[[], datetime], base: str, office: Office) -> None:
        """`base` is the bridge's own address, without a slash at the end; `office` is who asks."""
        self._store = store
        self._now = now
        self._base = base
        self._office = office

    async def audit(self, query: m.AuditQuery) -> m.AuditBundle:
        """Give one page of the audit."""
        await self._note("audit_read", query.room)
        since, until = (None if at is None else _utc(at) for at in (query.since, query.until))
        rows = await self._store.audit_rows(
            room=query.room, since=since, until=until, after=query.after, limit=query.limit + 1
        )
        told = rows[: query.limit]
        links = [m.BundleLink(relation="self", url=self._address(query, query.after))]
        if len(rows) > len(told):
            links.append(m.BundleLink(relation="next", url=self._address(query, told[-1].sequence)))
        resources = await self._resources(told)
        entries = [m.BundleEntry(full_url=full_url(one, self._base), resource=one) for one in resources]
        return m.AuditBundle(link=links, entry=entries)

    async def export(
        self, room: str | None, since: datetime | None, until: datetime | None
    ) -> AsyncIterator[dict[str, Any]]:
        """Give all rows of a room and a time as resources, those included that are written meanwhile."""
        await self._note("audit_read", room)
        after = 0
        while rows := await self._store.audit_rows(room=room, since=since, until=until, after=after, limit=_PAGE):
            for resource in await self._resources(rows):
                yield resource
            after = rows[-1].sequence

    async def attendance(self, room: str, query: m.AttendanceQuery) -> m.Attendance:
        """Give what each organisation, or one, is told of a room."""
        events = await self._events(room)
        await self._note("attendance_read", room)
        found = [_told(one) for one in attendance(events) if query.organisation in {None, one.organisation}]
        return m.Attendance(room=room, organisations=found)

    async def room_usage(self, room: str) -> m.Usage:
        """Give the conferences of a room that are over."""
        found = conferences(await self._events(room), self._now())
        return m.Usage(conferences=[_counted(room, one) for one in found])

    async def usage(self, query: m.UsageQuery) -> m.Usage:
        """Give one page of the conferences that ended within a time."""
        since, until = _utc(query.since), _utc(query.until)
        rooms = await self._store.rooms_of(since, until, after=query.after or "", limit=query.limit + 1)
        told = rooms[: query.limit]
        found = [
            _counted(room, one)
            for room in told
            for one in conferences(await self._store.load(room), self._now())
            if since <= one.end < until
        ]
        return m.Usage(conferences=found, next=told[-1] if len(rooms) > len(told) else None)

    async def _events(self, room: str) -> list[Event]:
        events = await self._store.load(room)
        if not events:
            raise Rejected(Code.UNKNOWN_ROOM)
        return events

    async def _note(self, act: str, room: str | None) -> None:
        """Put on record that somebody reads. What is no room of ours is not, since it may be anything."""
        if room is not None:
            await self._events(room)
        line = Audited(at=self._now(), actor=self._office.value, role="system", act=act, target=None, outcome="ok")
        await self._store.append(room or EVERY_ROOM, 0, [], [line])

    async def _resources(self, rows: list[AuditEntry]) -> list[dict[str, Any]]:
        roles = {room: await self._roles(room) for room in {row.room for row in rows if row.target is not None}}
        return [audit_event(row, roles.get(row.room, {}), self._base) for row in rows]

    async def _roles(self, room: str) -> Mapping[str, str]:
        try:
            events = await self._store.load(room)
        except RecordUnreadable:
            # What there is of the audit can be read all the same.
            return {}
        people = replay(events).participants if events else {}
        return {person.id: person.role.value for person in people.values()}

    def _address(self, query: m.AuditQuery, after: int) -> str:
        asked = {
            "room": query.room,
            "since": None if query.since is None else query.since.isoformat(),
            "until": None if query.until is None else query.until.isoformat(),
            "after": after,
            "limit": query.limit,
        }
        return f"{self._base}/api/v1/audit?" + urlencode({k: v for k, v in asked.items() if v is not None})


def _utc(at: datetime) -> datetime:
    """Give a time that anybody may have written, in UTC; of what is beyond all time, the nearest that there is."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return datetime(MINYEAR, 1, 1, tzinfo=UTC) if at.year == MINYEAR else datetime(MAXYEAR, 12, 31, tzinfo=UTC)


def _told(found: Attendance) -> m.OrganisationAttendance:
    return m.OrganisationAttendance(
        organisation=found.organisation,
        people=[_attendee(stay) for stay in found.people],
        others=[m.Role(role.value) for role in found.others],
    )


def _attendee(stay: Stay) -> m.Attendee:
    identity = stay.identity
    seconds = sum((end - start for start, end in stay.ended_periods()), timedelta())
    return m.Attendee(
        participant=stay.participant,
        invitation=stay.invitation,
        role=m.Role(stay.role.value),
        line=m.Line(stay.line.value),
        assurance=m.Assurance((Assurance.NONE if identity is None else identity.assurance).value),
        provider=None if identity is None else identity.provider,
        health_personnel=identity is not None and identity.health_personnel,
        confirmed=stay.confirmed,
        came=stay.came,
        admitted=stay.admitted,
        left=stay.left,
        seconds=int(seconds.total_seconds()),
    )


def _counted(room: str, found: Conference) -> m.Conference:
    return m.Conference(
        room=room,
        number=found.number,
        start=found.start,
        end=found.end,
        minutes=ceil(found.seconds / 60),
        participants=found.participants,
        most=found.most,
        lines=[
            m.LineUsage(line=m.Line(one.line.value), participants=one.participants, minutes=ceil(one.seconds / 60))
            for one in found.lines
        ],
    )
