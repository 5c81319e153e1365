"""What is to be told to others of the events: written with them, taken out when it was told.

Each endpoint hears each event once at least, and those of a room in their order: of a room only the oldest row
that is neither told nor given up can be claimed. Several bridges may share the table; whoever claims a row moves
its time on (a lease), and a row whose bridge died meanwhile is claimed again when that time has come.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, false, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rooms.events import Event
from bridge.store.audit import timestamp
from bridge.store.schema import OUTBOX

LEASE: Final = timedelta(seconds=60)
"""Longer than an attempt may take."""
DEAD_KEPT: Final = timedelta(days=14)

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


@dataclass(frozen=True, slots=True)
class Announced:
    """To whom events are told, and in which words; `body` gets an event and its revision."""

    endpoints: tuple[str, ...]
    body: Callable[[Event, int], str]


@dataclass(frozen=True, slots=True)
class Letter:
    """One event for one endpoint, claimed. `tries` is how often it was tried before."""

    endpoint: str
    room: str
    revision: int
    body: str = field(repr=False)
    created_at: datetime
    due_at: datetime
    tries: int


class Outbox:
    """The rows that wait. Times are aware."""

    def __init__(self, writing: Transaction, reading: Transaction) -> None:
        self._writing = writing
        self._reading = reading
        self._listeners: list[asyncio.Event] = []

    def listen(self) -> asyncio.Event:
        """Give what is set each time that this process has written rows."""
        self._listeners.append(listener := asyncio.Event())
        return listener

    def tell(self) -> None:
        """Wake up who listens."""
        for listener in self._listeners:
            listener.set()

    async def claim(self, endpoint: str, now: datetime, most: int) -> list[Letter]:
        """Take up to so many letters that are due, those that wait longest first."""
        leased = timestamp(now + LEASE)
        oldest = (
            select(func.min(_OTHER.c.revision))
            .where(
                _OTHER.c.endpoint == OUTBOX.c.endpoint, _OTHER.c.room == OUTBOX.c.room, _OTHER.c.dead == false()
            )
            .scalar_subquery()
        )
        due = and_(
            OUTBOX.c.endpoint == endpoint,
            OUTBOX.c.dead == false(),
            OUTBOX.c.due_at <= timestamp(now),
            OUTBOX.c.revision == oldest,
        )
        async with self._reading() as connection:
            rows = (
                await connection.execute(select(OUTBOX).where(due).order_by(OUTBOX.c.due_at).limit(most))
            ).all()
        claimed = []
        if rows:
            async with self._writing() as connection:
                # In one order in every bridge, or two could wait for each other.
                for row in sorted(rows, key=lambda row: (row.room, row.revision)):
                    # Another bridge may have seen the same row: only one of them still finds its time.
                    mine = and_(_is(row.endpoint, row.room, row.revision), OUTBOX.c.due_at == row.due_at)
                    moved = await connection.execute(update(OUTBOX).where(mine).values(due_at=leased))
                    if moved.rowcount == 1:
                        claimed.append(row)
        return [
            Letter(
                row.endpoint,
                row.room,
                row.revision,
                row.body,
                datetime.fromisoformat(row.created_at),
                datetime.fromisoformat(leased),
                row.tries,
            )
            for row in claimed
        ]

    async def done(self, letter: Letter) -> None:
        """Take out what was told."""
        async with self._writing() as connection:
            await connection.execute(delete(OUTBOX).where(_is(letter.endpoint, letter.room, letter.revision)))

    async def again(self, letter: Letter, at: datetime) -> None:
        """Try once more, not before then."""
        await self._change(letter, due_at=timestamp(at), tries=letter.tries + 1)

    async def bury(self, letter: Letter) -> None:
        """Give a letter up; the room's next one can go."""
        await self._change(letter, dead=True, tries=letter.tries + 1)

    async def _change(self, letter: Letter, **values: object) -> None:
        mine = and_(
            _is(letter.endpoint, letter.room, letter.revision), OUTBOX.c.due_at == timestamp(letter.due_at)
        )
        async with self._writing() as connection:
            await connection.execute(update(OUTBOX).where(mine).values(**values))

    async def waiting(self, endpoint: str) -> int:
        """How many letters wait for an endpoint, those apart that were given up."""
        query = select(func.count()).where(OUTBOX.c.endpoint == endpoint, OUTBOX.c.dead == false())
        async with self._reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def raise_dead(self, endpoint: str, now: datetime) -> int:
        """Have everything tried again that was given up; give how many there are."""
        of_it = and_(OUTBOX.c.endpoint == endpoint, OUTBOX.c.dead == true())
        values = {"dead": False, "tries": 0, "created_at": timestamp(now), "due_at": timestamp(now)}
        async with self._writing() as connection:
            return (await connection.execute(update(OUTBOX).where(of_it).values(values))).rowcount

    async def forget(self, endpoints: Sequence[str], now: datetime) -> None:
        """Delete what was given up long ago, and what waits for endpoints that are configured no more."""
        long_ago = and_(OUTBOX.c.dead == true(), OUTBOX.c.created_at < timestamp(now - DEAD_KEPT))
        async with self._writing() as connection:
            await connection.execute(delete(OUTBOX).where(long_ago | OUTBOX.c.endpoint.not_in(endpoints)))


_OTHER: Final = OUTBOX.alias("other")


def _is(endpoint: str, room: str, revision: int) -> ColumnElement[bool]:
    return and_(OUTBOX.c.endpoint == endpoint, OUTBOX.c.room == room, OUTBOX.c.revision == revision)


async def announce(
    connection: AsyncConnection, announced: Announced, events: Sequence[Event], first_revision: int
) -> None:
    """Write a row for each event and endpoint, in the transaction that writes the events."""
    rows = [
        {
            "endpoint": endpoint,
            "room": happened.room,
            "revision": revision,
            "body": body,
            "created_at": timestamp(happened.at),
            "due_at": timestamp(happened.at),
            "tries": 0,
            "dead": False,
        }
        for revision, happened in enumerate(events, first_revision)
        for body in (announced.body(happened, revision),)
        for endpoint in announced.endpoints
    ]
    if rows:
        await connection.execute(insert(OUTBOX), rows)
