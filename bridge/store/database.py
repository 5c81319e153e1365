"""The engine, its settings for SQLite and PostgreSQL, and its schema."""

import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bridge.store.errors import StoreError, StoreUnavailable

BUSY_TIMEOUT_MS: Final = 5000
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ASYNC_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
# What every SQLite connection sets. `synchronous=FULL`: an admission is on disk before a gate opens.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)
# What every PostgreSQL connection has. A commit is on disk before a gate opens. Bridges wait for each other at the
# audit's head: each for a bounded time, and one that hangs or is cut off in the middle gives it back.
_POSTGRESQL: Final[Mapping[str, Any]] = {
    "timeout": BUSY_TIMEOUT_MS / 1000,
    "server_settings": {
        "application_name": "brotjeneste",
        "synchronous_commit": "on",
        "lock_timeout": str(BUSY_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(2 * BUSY_TIMEOUT_MS),
    },
}
# Two bridges that start at once on an empty database: the second waits for the first. Any number of our own.
_LOCK_SCHEMA: Final = text("SELECT pg_advisory_xact_lock(4711081547)")
# A change to WAL takes as long as a write; together this is a second.
_WAL_TRIES: Final = 50
_WAL_PAUSE_S: Final = 0.02
# Execution option that names the statement which begins a transaction (SQLite only).
BEGIN: Final = "bridge_begin"


def make_engine(url: str) -> AsyncEngine:
    """Make the engine for `url` (SQLAlchemy's form; plain sqlite: and postgresql: get their async drivers).

    A new SQLite file gets mode 0600, because events hold names. Raises StoreError.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The cause is cut off: it quotes the url, which may hold a password.
        raise StoreError("the store's url is not a database url") from None
    parsed = parsed.set(drivername=_ASYNC_DRIVERS.get(parsed.drivername, parsed.drivername))
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        _prepare_file(parsed)
    # A connection that a restart of the server has cut is noticed before it is used.
    options = {"connect_args": _POSTGRESQL, "pool_pre_ping": True} if backend == "postgresql" else {}
    try:
        # Parameters stay out of SQLAlchemy's messages, because they hold names.
        engine = create_async_engine(parsed, hide_parameters=True, **options)
    except (SQLAlchemyError, ImportError) as error:
        raise StoreUnavailable("the store's database driver is not installed") from error
    if backend == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def reading(engine: AsyncEngine) -> AsyncEngine:
    """Give `engine` with transactions that see one state of the records all through, and write nothing."""
    if engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writing(engine: AsyncEngine) -> AsyncEngine:
    """Give `engine` with transactions for writers, of whom one at a time holds the head of the audit.

    On PostgreSQL who has waited for the head has to see what the one before has written, whatever the
    server's default.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="READ COMMITTED")
    return engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to the newest revision in one transaction. Raises StoreUnavailable."""
    try:
        async with writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(_LOCK_SCHEMA)
            await connection.run_sync(upgrade)
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable("the store cannot be opened") from error
    except CommandError as error:
        raise StoreUnavailable("the store's schema is not one that this version knows") from error


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations on an open connection (synchronous: for `run_sync`)."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _prepare_file(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError("the store needs a file: records that vanish with the process are none")
    try:
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"the store's file cannot be opened: {error.strerror}") from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # No implicit transactions by the driver: they begin late and hide whether a read belongs to them.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            _insist(cursor, pragma)
    finally:
        cursor.close()


def _insist(cursor: Any, pragma: str) -> None:
    """Set one, though others open the same new file: SQLite's own waiting leaves out the change to WAL."""
    for _ in range(_WAL_TRIES):
        try:
            cursor.execute(pragma)
        except sqlite3.OperationalError:
            time.sleep(_WAL_PAUSE_S)
        else:
            return
    cursor.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))
