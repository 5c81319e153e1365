"""The schema: built by migrations alone, equal to what the code believes, and never newer than the code."""

import asyncio
import hashlib
import json
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


async def test_opening_twice_migrates_once(url: str, database: Any) -> None:
    """A second start finds the schema there and changes nothing."""
    for _ in range(2):
        async with open_store(url):
            pass
    assert await database.rows("SELECT version_num FROM alembic_version") == [("0004",)]
    assert await database.rows("SELECT id, sequence FROM audit_head") == [(1, 0)]


async def test_two_bridges_that_start_at_once_migrate_once(url: str, database: Any) -> None:
    """Both find an empty database, one builds the schema, and the other waits for it."""

    async def start() -> int:
        async with open_store(url) as store:
            return (await store.audit_head()).sequence

    assert await asyncio.gather(*(start() for _ in range(4))) == [0] * 4
    assert await database.rows("SELECT id, sequence FROM audit_head") == [(1, 0)]


async def test_a_schema_of_a_later_version_is_left_alone(url: str, database: Any) -> None:
    """An older bridge refuses a newer database and changes nothing in it."""
    async with open_store(url):
        pass
    await database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnavailable, match="schema"):
        async with open_store(url):
            pass
    assert await database.rows("SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_migration_that_fails_leaves_nothing(
    url: str, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that breaks inside the migration leaves an empty database, and the next start works."""

    def fails(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.bulk_insert", fails)
        with pytest.raises(StoreUnavailable):
            async with open_store(url):
                pass
    assert await database.tables() == []
    async with open_store(url) as store:
        assert await store.verify_audit() is None


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "sqlite": ("PRAGMA", {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}),
    "postgresql": (
        "SHOW",
        {"synchronous_commit": "on", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "10s"},
    ),
}


async def test_every_connection_has_the_settings_that_the_records_need(url: str) -> None:
    """What is committed is on disk and waiting is bounded, on each connection, whatever the default."""
    engine = make_engine(url)
    ask, wanted = SETTINGS[engine.dialect.name]
    try:
        async with engine.connect() as one, engine.connect() as two:
            for connection in (one, two):
                found = {name: (await connection.exec_driver_sql(f"{ask} {name}")).scalar_one() for name in wanted}
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


async def test_audit_rows_of_before_there_was_more_to_say_verify(url: str, database: Any, story: Any) -> None:
    """A chain begun under the first schema goes on under this one; a change in either part is found."""
    engine = make_engine(url)
    hashes = ["0" * 64]
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda one: upgrade(one, "0002"))
            for sequence in (1, 2):
                facts = [sequence, "r_old", f"2026-03-02T08:00:0{sequence}.000000+00:00", "p_x", "doctor", "admit"]
                facts += ["p_y", "ok"]
                # As the first version of this bridge computed it.
                text = json.dumps([hashes[-1], *facts], ensure_ascii=True, separators=(",", ":"))
                hashes.append(hashlib.sha256(text.encode()).hexdigest())
                values = ", ".join(repr(fact) for fact in [*facts, *hashes[-2:]])
                await connection.exec_driver_sql(f"INSERT INTO audit VALUES ({values})")  # noqa: S608 - our own
            head = f"UPDATE audit_head SET sequence = 2, hash = '{hashes[-1]}'"  # noqa: S608 - likewise
            await connection.exec_driver_sql(head)
    finally:
        await engine.dispose()
    async with open_store(url) as store:
        assert [entry.version for entry in await store.audit("r_old")] == [1, 1]
        await store.append("r_a", 0, [story.created()], [story.audited(organisation="987654321")])
        assert await store.verify_audit() is None
        await database.execute("UPDATE audit SET organisation = '987654321' WHERE sequence = 2")
        assert await store.verify_audit() == 2
        await database.execute("UPDATE audit SET organisation = NULL, version = 2 WHERE sequence = 2")
        assert await store.verify_audit() == 2
        await database.execute("UPDATE audit SET version = 1 WHERE sequence = 2")
        assert await store.verify_audit() is None
        await database.execute("UPDATE audit SET outcome = 'refused' WHERE sequence = 1")
        assert await store.verify_audit() == 1
