"""The schema: built by migrations alone, equal to what the code believes, and never newer than the code."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from bridge.store import StoreUnavailable, open_store
from bridge.store.database import make_engine, migrate, upgrade
from bridge.store.schema import METADATA


async def test_the_migrations_build_what_the_code_expects(url: str) -> None:
    """Alembic finds no difference between the migrated database and the tables in the code."""

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    engine = make_engine(url)
    try:
        await migrate(engine)
        async with engine.begin() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await engine.dispose()


async def test_opening_twice_migrates_once(url: str, path: Path) -> None:
    """A second start finds the schema there and changes nothing."""
    for _ in range(2):
        async with open_store(url):
            pass
    with sqlite3.connect(path) as database:
        versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
        heads = database.execute("SELECT id, sequence FROM audit_head").fetchall()
    database.close()
    assert versions == [("0004",)]
    assert heads == [(1, 0)]


async def test_a_schema_of_a_later_version_is_left_alone(url: str, path: Path) -> None:
    """An older bridge refuses a newer database and changes nothing in it."""
    async with open_store(url):
        pass
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match="schema"):
        async with open_store(url):
            pass
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    database.close()


async def test_a_migration_that_fails_leaves_nothing(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that breaks inside the migration leaves an empty database, and the next start works."""

    def fails(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.bulk_insert", fails)
        with pytest.raises(StoreUnavailable):
            async with open_store(url):
                pass
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []
    database.close()
    async with open_store(url) as store:
        assert await store.verify_audit() is None


async def test_every_connection_has_the_settings_that_the_records_need(url: str) -> None:
    """WAL, full synchronisation, foreign keys and a busy timeout hold on each connection of the pool."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    engine = make_engine(url)
    try:
        async with engine.connect() as one, engine.connect() as two:
            for connection in (one, two):
                found = {
                    name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one() for name in wanted
                }
                assert found == wanted
    finally:
        await engine.dispose()


async def test_rooms_of_before_there_were_numbers_stay(url: str) -> None:
    """Each later migration leaves what the first schema held."""
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda one: upgrade(one, "0001"))
            row = "INSERT INTO rooms (id, created_at) VALUES ('r_old', '2026-03-02T08:00:00.000000+00:00')"
            await connection.exec_driver_sql(row)
    finally:
        await engine.dispose()
    async with open_store(url) as store:
        assert [room.id for room in await store.rooms()] == ["r_old"]
        assert await store.room_of("12345678") is None
