"""The engine, its SQLite settings and its schema."""

import os
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event
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
# Execution option that names the statement which begins a transaction (SQLite only).
BEGIN: Final = "bridge_begin"


def make_engine(url: str) -> AsyncEngine:
    """Make the engine for `url` (SQLAlchemy's form; plain sqlite: and postgresql: get their async drivers).

    A new SQLite file gets mode 0600, because events hold names. Raises StoreError.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the store's url is not a database url") from error
    parsed = parsed.set(drivername=_ASYNC_DRIVERS.get(parsed.drivername, parsed.drivername))
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        _prepare_file(parsed)
    try:
        # Parameters stay out of SQLAlchemy's messages, because they hold names.
        engine = create_async_engine(parsed, hide_parameters=True)
    except (SQLAlchemyError, ImportError) as error:
        raise StoreUnavailable("the store's database driver is not installed") from error
    if sqlite:
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to the newest revision in one transaction. Raises StoreUnavailable."""
    try:
        async with engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
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
            cursor.execute(pragma)
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))
