"""The event store: what happened in each room, and who did it, in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bridge.rooms.events import Event, RoomCreated, RoomEnded, decode, encode
from bridge.rooms.refusal import HistoryError
from bridge.store.appointments import AppointmentStore
from bridge.store.audit import AuditEntry, AuditRow, Head, chain, intact, timestamp
from bridge.store.database import make_engine, migrate, reading, writing
from bridge.store.errors import ConcurrentChange, RecordUnreadable, StoreUnavailable
from bridge.store.outbox import Announced, Outbox, announce
from bridge.store.schema import AUDIT, AUDIT_HEAD, EVENTS, ROOMS

__all__ = ["AuditEntry", "AuditRow", "EventStore", "RoomRecord", "open_store"]


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """A room in a listing; times are aware, UTC; `ended_at` is None while it is open."""

    id: str
    created_at: datetime
    ended_at: datetime | None


class EventStore:
    """Events of rooms and the audit chain. Made by `open_store`; safe for many tasks at once."""

    def __init__(self, engine: AsyncEngine, announced: Announced | None = None) -> None:
        self._announced = announced
        self._reading = reading(engine)
        self._writing = writing(engine)
        # SQLite lets one writer in and makes others poll; in this process they queue instead.
        self._turn = asyncio.Lock()
        self.outbox = Outbox(self._transaction, self._read)
        self.appointments = AppointmentStore(self._transaction, self._read)

    async def append(
        self,
        room_id: str,
        expected_revision: int,
        events: Sequence[Event],
        audit_rows: Sequence[AuditRow] = (),
    ) -> int:
        """Write events and audit rows together, or neither; return the room's new revision.

        A room's revision is the number of its events: 0 before the first, `len(load(room))` after. Raises
        ConcurrentChange when the room is at another revision than expected (with no events to write, as when
        a refusal is audited, the revision does not matter), StoreUnavailable, NotOpaque. Cancellation rolls
        back.
        """
        for happened in events:
            if happened.room != room_id:
                raise ValueError("an event of another room")
        async with self._transaction() as connection:
            if events:
                await _append_events(connection, room_id, expected_revision, events)
                if self._announced is not None:
                    await announce(connection, self._announced, events, expected_revision + 1)
            await _append_audit(connection, room_id, audit_rows)
        if events and self._announced is not None:
            self.outbox.tell()
        return expected_revision + len(events)

    async def load(self, room_id: str) -> list[Event]:
        """Give the room's events in order, none for a room that never was. Raises RecordUnreadable."""
        query = (
            select(EVENTS.c.revision, EVENTS.c.payload).where(EVENTS.c.room == room_id).order_by(EVENTS.c.revision)
        )
        async with self._read() as connection:
            rows = (await connection.execute(query)).all()
        if [row.revision for row in rows] != list(range(1, len(rows) + 1)):
            raise RecordUnreadable("events of a room are missing")
        try:
            return [decode(row.payload.encode()) for row in rows]
        except HistoryError:
            # The cause is cut off: it may quote the record, which holds names.
            raise RecordUnreadable("an event of a room cannot be read") from None

    async def room_of(self, number: str) -> str | None:
        """Give the room that has or had this number."""
        async with self._read() as connection:
            query = select(ROOMS.c.id).where(ROOMS.c.number == number)
            return (await connection.execute(query)).scalar_one_or_none()

    async def open_rooms(self) -> list[RoomRecord]:
        """Give the rooms that have not ended, the oldest first."""
        return await self._rooms(select(ROOMS).where(ROOMS.c.ended_at.is_(None)))

    async def rooms(self) -> list[RoomRecord]:
        """Give all rooms, the oldest first."""
        return await self._rooms(select(ROOMS))

    async def audit(self, room_id: str) -> list[AuditEntry]:
        """Give the audit rows of a room in order, for those who may see who did what (requirements C16)."""
        query = select(AUDIT).where(AUDIT.c.room == room_id).order_by(AUDIT.c.sequence)
        async with self._read() as connection:
            return [AuditEntry(**row) for row in (await connection.execute(query)).mappings()]

    async def audit_rows(
        self,
        *,
        room: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
        limit: int,
    ) -> list[AuditEntry]:
        """Give rows in order: of a room, of a time (`until` excluded), after this sequence, at most `limit`."""
        query = select(AUDIT).where(AUDIT.c.sequence > after).order_by(AUDIT.c.sequence).limit(limit)
        if room is not None:
            query = query.where(AUDIT.c.room == room)
        if since is not None:
            query = query.where(AUDIT.c.at >= timestamp(since))
        if until is not None:
            query = query.where(AUDIT.c.at < timestamp(until))
        async with self._read() as connection:
            return [AuditEntry(**row) for row in (await connection.execute(query)).mappings()]

    async def rooms_of(self, since: datetime, until: datetime, *, after: str = "", limit: int) -> list[str]:
        """Name rooms that were open at some moment of a time, by id, after this one, at most `limit`."""
        was_open = or_(ROOMS.c.ended_at.is_(None), ROOMS.c.ended_at >= timestamp(since))
        query = select(ROOMS.c.id).where(ROOMS.c.id > after, ROOMS.c.created_at < timestamp(until), was_open)
        async with self._read() as connection:
            return list((await connection.execute(query.order_by(ROOMS.c.id).limit(limit))).scalars())

    async def audit_head(self) -> Head:
        """Give the end of the audit chain, to be kept elsewhere and compared later."""
        async with self._read() as connection:
            return await _head(connection)

    async def verify_audit(self) -> int | None:
        """Recompute the whole chain; return the first sequence changed, missing or added, else None."""
        head = Head()
        async with self._read() as connection:
            end = await _head(connection)
            async with connection.stream(select(AUDIT).order_by(AUDIT.c.sequence)) as rows:
                async for row in rows.mappings():
                    entry = AuditEntry(**row)
                    if not intact(head, entry):
                        return head.sequence + 1
                    head = Head(entry.sequence, entry.hash)
        return None if head == end else min(head.sequence, end.sequence) + 1

    async def ping(self) -> None:
        """Return when the database answers. Raises StoreUnavailable."""
        async with self._read() as connection:
            await connection.execute(select(1))

    async def _rooms(self, query: Select[Any]) -> list[RoomRecord]:
        async with self._read() as connection:
            rows = (await connection.execute(query.order_by(ROOMS.c.created_at, ROOMS.c.id))).all()
        return [
            RoomRecord(
                row.id,
                datetime.fromisoformat(row.created_at),
                datetime.fromisoformat(row.ended_at) if row.ended_at else None,
            )
            for row in rows
        ]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._turn, self._writing.begin() as connection:
                yield connection
        except IntegrityError:
            # The cause is cut off, here and below: PostgreSQL quotes the row, which holds names.
            raise ConcurrentChange("the room was changed at the same time") from None
        except (SQLAlchemyError, OSError) as error:
            raise StoreUnavailable(f"the store cannot be written ({_kind(error)})") from None

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._reading.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise StoreUnavailable(f"the store cannot be read ({_kind(error)})") from None


@asynccontextmanager
async def open_store(url: str, announced: Announced | None = None) -> AsyncIterator[EventStore]:
    """Open the database at `url`, bring its schema up to date, and close it at the end. Raises StoreError.

    With `announced` each event is also put into the outbox.
    """
    engine = make_engine(url)
    try:
        await migrate(engine)
        yield EventStore(engine, announced)
    finally:
        await engine.dispose()


def _kind(error: SQLAlchemyError | OSError) -> str:
    """Name what failed, without its text."""
    return type(error.orig if isinstance(error, DBAPIError) else error).__name__


async def _append_events(
    connection: AsyncConnection, room_id: str, expected: int, events: Sequence[Event]
) -> None:
    query = select(func.coalesce(func.max(EVENTS.c.revision), 0)).where(EVENTS.c.room == room_id)
    if (await connection.execute(query)).scalar_one() != expected:
        raise ConcurrentChange("the room was changed since it was loaded")
    if expected == 0:
        number = events[0].number if isinstance(events[0], RoomCreated) else None
        room = {"id": room_id, "created_at": timestamp(events[0].at), "number": number}
        await connection.execute(insert(ROOMS).values(room))
    rows = [
        {
            "room": room_id,
            "revision": revision,
            "type": type(happened).__name__,
            "at": timestamp(happened.at),
            "payload": encode(happened).decode(),
        }
        for revision, happened in enumerate(events, expected + 1)
    ]
    await connection.execute(insert(EVENTS), rows)
    for happened in events:
        if isinstance(happened, RoomEnded):
            ended = update(ROOMS).where(ROOMS.c.id == room_id).values(ended_at=timestamp(happened.at))
            await connection.execute(ended)


async def _append_audit(connection: AsyncConnection, room_id: str, rows: Sequence[AuditRow]) -> None:
    if not rows:
        return
    entries = list(chain(await _head(connection, lock=True), room_id, rows))
    await connection.execute(insert(AUDIT), [asdict(entry) for entry in entries])
    last = {"sequence": entries[-1].sequence, "hash": entries[-1].hash}
    await connection.execute(update(AUDIT_HEAD).values(last))


async def _head(connection: AsyncConnection, *, lock: bool = False) -> Head:
    query = select(AUDIT_HEAD.c.sequence, AUDIT_HEAD.c.hash)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return Head(row.sequence, row.hash) if row else Head()
