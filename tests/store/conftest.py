"""A store in a real database of either kind, and a room's events to put into it."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import inspect

from bridge.rooms.events import Event, LockChanged, RoomCreated, RoomEnded
from bridge.rooms.model import Office, Pii, RoomId, RoomNumber, System
from bridge.store import AuditRow, EventStore, open_store
from bridge.store.database import make_engine
from tests.support import postgres

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Story:
    """Makes events and audit rows with times that go on by a second each."""

    def __init__(self) -> None:
        self._at = NOW
        self._by = System(Office.OPERATOR)

    def _next(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at

    def created(self, room: str = "r_a", name: str = "Kontroll Ærlig", number: str | None = None) -> Event:
        """Give the event of a room that opens."""
        return RoomCreated(
            room=RoomId(room),
            at=self._next(),
            by=self._by,
            name=Pii(name),
            max_participants=9,
            number=None if number is None else RoomNumber(number),
        )

    def locked(self, room: str = "r_a", *, locked: bool = True) -> Event:
        """Give the event of a door that closes."""
        return LockChanged(room=RoomId(room), at=self._next(), by=self._by, locked=locked)

    def ended(self, room: str = "r_a") -> Event:
        """Give the event of a consultation that is over."""
        return RoomEnded(room=RoomId(room), at=self._next(), by=self._by)

    def audited(self, act: str = "lock", **changes: str | None) -> AuditRow:
        """Give an audit row of somebody who did something."""
        facts = {"actor": "p_doctor", "role": "doctor", "act": act, "target": "p_x", "outcome": "ok"}
        facts |= {"assurance": None, "organisation": None, "reason": None}
        return SimpleNamespace(at=self._next(), **facts | changes)


@pytest.fixture
def story() -> Story:
    """Make events and audit rows in order of time."""
    return Story()


class Database:
    """A database, as somebody else than the bridge sees it."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def execute(self, statement: str) -> int:
        """Run a statement; say how many rows it changed."""
        engine = make_engine(self.url)
        try:
            async with engine.begin() as connection:
                return (await connection.exec_driver_sql(statement)).rowcount
        finally:
            await engine.dispose()

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Give what a query finds."""
        engine = make_engine(self.url)
        try:
            async with engine.begin() as connection:
                return [tuple(row) for row in await connection.exec_driver_sql(query)]
        finally:
            await engine.dispose()

    async def count(self, table: str) -> int:
        """Say how many rows a table has."""
        ((count,),) = await self.rows(f"SELECT count(*) FROM {table}")  # noqa: S608 - fixed names
        found: int = count
        return found

    async def tables(self) -> list[str]:
        """Name the tables that there are."""
        engine = make_engine(self.url)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(lambda one: inspect(one).get_table_names())
        finally:
            await engine.dispose()


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """Run a PostgreSQL server, once for all tests."""
    with postgres.running() as one:
        yield one


@pytest.fixture
async def postgresql(server: postgres.Server) -> Database:
    """Give an empty PostgreSQL database."""
    database = Database(server.url)
    await database.execute("DROP SCHEMA public CASCADE")
    await database.execute("CREATE SCHEMA public")
    return database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Say where the SQLite database is."""
    return tmp_path / "bridge.db"


@pytest.fixture
def sqlite(path: Path) -> Database:
    """Give a SQLite database that is not there yet."""
    return Database(f"sqlite:///{path}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Give an empty database of each kind."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def url(database: Database) -> str:
    """Name the database."""
    return database.url


@pytest.fixture
async def store(url: str) -> AsyncIterator[EventStore]:
    """Keep a store open during the test."""
    async with open_store(url) as opened:
        yield opened
