"""The event store: what was appended is there afterwards, whole and in order, or nothing of it is."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.rooms.events import Event, RoomCreated, encode
from bridge.store import (
    ConcurrentChange,
    EventStore,
    RecordUnreadable,
    StoreError,
    StoreUnavailable,
    open_store,
)
from bridge.store import events as store_events

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def test_events_come_back_in_order_after_a_restart(url: str, story: Any) -> None:
    """What one process wrote, in several appends, the next one loads as it was."""
    written: list[Event] = [story.created(), story.locked(), story.locked(locked=False), story.ended()]
    async with open_store(url) as store:
        assert await store.append("r_a", 0, written[:1]) == 1
        assert await store.append("r_a", 1, written[1:], [story.audited()]) == 4
    async with open_store(url) as store:
        loaded = await store.load("r_a")
    assert loaded == written
    assert isinstance(loaded[0], RoomCreated)
    assert loaded[0].name.reveal() == "Kontroll Ærlig"


async def test_a_number_leads_to_one_room_for_good(store: EventStore, story: Any) -> None:
    """Also when the room has ended, so that nobody's old number reaches another consultation."""
    await store.append("r_a", 0, [story.created(number="47110815"), story.ended()])
    await store.append("r_b", 0, [story.created("r_b", number="47110816")])
    await store.append("r_c", 0, [story.created("r_c")])
    await store.append("r_d", 0, [story.created("r_d")])
    assert await store.room_of("47110815") == "r_a"
    assert await store.room_of("47110816") == "r_b"
    assert await store.room_of("4711081") is None
    with pytest.raises(ConcurrentChange):
        await store.append("r_e", 0, [story.created("r_e", number="47110815")])
    assert await store.load("r_e") == []


async def test_a_room_that_never_was_has_no_events(store: EventStore) -> None:
    """Loading an unknown room gives nothing, and does not make it."""
    assert await store.load("r_unknown") == []
    assert await store.rooms() == []


@pytest.mark.parametrize("expected", [0, 1, 3, -1])
async def test_an_append_at_another_revision_changes_nothing(store: EventStore, story: Any, expected: int) -> None:
    """Neither too low nor too high a revision is taken, and the audit row goes with it."""
    await store.append("r_a", 0, [story.created(), story.locked()])
    with pytest.raises(ConcurrentChange):
        await store.append("r_a", expected, [story.ended()], [story.audited()])
    assert len(await store.load("r_a")) == 2
    assert await store.audit("r_a") == []
    assert len(await store.open_rooms()) == 1


async def test_a_refusal_is_audited_without_events(store: EventStore, story: Any) -> None:
    """An act that was turned down leaves an audit row and no event, whatever the room's revision."""
    await store.append("r_a", 0, [story.created()])
    row = story.audited("admit", outcome="not_host", actor="p_patient", role="patient")
    await store.append("r_a", 0, [], [row])
    (entry,) = await store.audit("r_a")
    assert (entry.sequence, entry.actor, entry.act, entry.outcome) == (1, "p_patient", "admit", "not_host")
    assert datetime.fromisoformat(entry.at) == row.at
    assert len(await store.load("r_a")) == 1


async def test_rooms_are_listed_until_they_end(store: EventStore, story: Any) -> None:
    """An ended room leaves the list of open ones and keeps its times in the list of all."""
    first, second = story.created("r_a"), story.created("r_b")
    end = story.ended("r_a")
    await store.append("r_b", 0, [second])
    await store.append("r_a", 0, [first])
    await store.append("r_a", 1, [end])
    assert [room.id for room in await store.open_rooms()] == ["r_b"]
    everything = [(room.id, room.created_at, room.ended_at) for room in await store.rooms()]
    assert everything == [("r_a", first.at, end.at), ("r_b", second.at, None)]


async def test_times_of_other_zones_are_recorded_in_utc(store: EventStore, story: Any) -> None:
    """A time from elsewhere is the same instant in the record, and one without a zone is refused."""
    elsewhere = story.audited()
    elsewhere.at = datetime.fromisoformat("2026-03-02T10:00:00+01:00")
    await store.append("r_a", 0, [story.created()], [elsewhere])
    assert (await store.audit("r_a"))[0].at == "2026-03-02T09:00:00.000000+00:00"
    elsewhere.at = elsewhere.at.replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        await store.append("r_a", 1, [story.locked()], [elsewhere])
    assert len(await store.load("r_a")) == 1


async def test_a_failure_in_the_middle_leaves_nothing(
    store: EventStore, story: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the audit cannot be written after the events were, the events are gone as well."""

    async def fails(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(store_events, "_append_audit", fails)
    with pytest.raises(StoreUnavailable):
        await store.append("r_a", 0, [story.created()], [story.audited()])
    assert [await database.count(table) for table in ("rooms", "events", "audit")] == [0, 0, 0]


async def test_a_cancelled_append_leaves_nothing_and_lets_others_in(
    store: EventStore, story: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled inside its transaction rolls back, and the next append goes through."""
    inside, forever = asyncio.Event(), asyncio.Event()
    append_audit = store_events._append_audit

    async def hangs(*_: object) -> None:
        inside.set()
        await forever.wait()

    monkeypatch.setattr(store_events, "_append_audit", hangs)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(store.append("r_a", 0, [story.created()], [story.audited()]))
        await inside.wait()
        task.cancel()
    assert task.cancelled()
    assert await database.count("events") == 0
    monkeypatch.setattr(store_events, "_append_audit", append_audit)
    assert await store.append("r_a", 0, [story.created()], [story.audited()]) == 1


CRASH = """
import asyncio, os, sys
from types import SimpleNamespace
from bridge.rooms.events import decode
from bridge.rooms.events import encode
from bridge.store import events as store_events, open_store

async def dies(*_):
    os._exit(9)

async def main():
    first, second = (decode(text.encode()) for text in sys.argv[2:])
    async with open_store(sys.argv[1]) as store:
        await store.append("r_a", 0, [first])
        store_events._append_audit = dies
        await store.append("r_a", 1, [second], [None])

asyncio.run(main())
"""


async def test_a_process_that_dies_inside_a_transaction_leaves_the_one_before(url: str, story: Any) -> None:
    """A kill between the events and the commit loses that append whole, and nothing that was committed."""
    texts = [encode(event).decode() for event in (story.created(), story.locked())]
    died = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", CRASH, url, *texts], check=False, capture_output=True
    )
    assert died.returncode == 9, died.stderr.decode()
    async with open_store(url) as store:
        assert [type(event).__name__ for event in await store.load("r_a")] == ["RoomCreated"]
        assert await store.append("r_a", 1, [story.locked()], [story.audited()]) == 2
        assert await store.verify_audit() is None


async def test_of_writers_at_one_revision_exactly_one_wins(url: str, story: Any) -> None:
    """Twenty writers over two engines, as two processes would have, race for each revision."""

    async def attempt(store: EventStore, revision: int) -> bool:
        try:
            await store.append("r_a", revision, [story.locked()], [story.audited()])
        except ConcurrentChange:
            return False
        return True

    async with open_store(url) as here, open_store(url) as there:
        await here.append("r_a", 0, [story.created()])
        for revision in range(1, 6):
            won = await asyncio.gather(*(attempt(store, revision) for store in (here, there) for _ in range(10)))
            assert won.count(True) == 1
        assert len(await here.load("r_a")) == 6
        assert await there.verify_audit() is None
        assert (await there.audit_head()).sequence == 5


async def test_writers_of_different_rooms_do_not_disturb_each_other(url: str, story: Any) -> None:
    """Forty rooms written at once through two engines all get their events and one unbroken chain."""
    async with open_store(url) as here, open_store(url) as there, asyncio.TaskGroup() as group:
        for number in range(40):
            store, room = (here, there)[number % 2], f"r_{number}"
            group.create_task(store.append(room, 0, [story.created(room)], [story.audited()]))
    async with open_store(url) as store:
        assert len(await store.open_rooms()) == 40
        assert await store.verify_audit() is None
        assert (await store.audit_head()).sequence == 40


async def test_a_reader_is_not_held_up_by_a_writer(sqlite: Any, path: Path, story: Any) -> None:
    """While another process holds the write lock, loading goes on and sees the last commit (WAL)."""
    async with open_store(sqlite.url) as store:
        await store.append("r_a", 0, [story.created()])
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM events")
            assert len(await store.load("r_a")) == 1
        finally:
            other.rollback()
            other.close()


async def test_an_event_of_another_room_is_a_bug(store: EventStore, story: Any) -> None:
    """An event cannot be filed under a room that it does not belong to."""
    with pytest.raises(ValueError, match="another room"):
        await store.append("r_b", 0, [story.created("r_a")])


@pytest.mark.parametrize(
    "damage",
    [
        'UPDATE events SET payload = \'{"type":"Unheard"}\' WHERE revision = 2',
        "UPDATE events SET payload = 'no json' WHERE revision = 1",
        "DELETE FROM events WHERE revision = 1",
    ],
)
async def test_a_damaged_record_is_not_loaded(store: EventStore, database: Any, story: Any, damage: str) -> None:
    """A room whose events cannot all be read is an error without a name in it, never a part of a room."""
    await store.append("r_a", 0, [story.created(), story.locked()])
    await database.execute(damage)
    with pytest.raises(RecordUnreadable) as error:
        await store.load("r_a")
    assert "Ærlig" not in repr(error.value)
    assert error.value.__cause__ is None


async def test_no_error_of_a_failed_write_shows_a_name(store: EventStore, database: Any, story: Any) -> None:
    """What is printed of an error, causes and all, holds no recorded value, although PostgreSQL quotes the row."""
    await database.execute("DROP TABLE events")
    columns = "room varchar(9), revision integer, type text, at text, payload text CHECK (payload IS NULL)"
    await database.execute(f"CREATE TABLE events ({columns})")
    with pytest.raises(StoreError) as error:
        await store.append("r_a", 0, [story.created()])
    assert "Ærlig" not in "".join(traceback.format_exception(error.value))


async def test_the_database_file_is_private(sqlite: Any, path: Path, story: Any) -> None:
    """Events hold names: the file and what SQLite puts beside it are for their owner only."""
    async with open_store(sqlite.url) as store:
        await store.append("r_a", 0, [story.created()])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"bridge.db": 0o600, "bridge.db-wal": 0o600, "bridge.db-shm": 0o600}


async def test_a_store_answers_until_it_is_gone(sqlite: Any, path: Path) -> None:
    """`ping` passes on a good database, and raises StoreUnavailable on one that was overwritten."""
    async with open_store(sqlite.url) as store:
        await store.ping()
    path.write_bytes(  # noqa: ASYNC240 - a small local file
        b"this is no database at all, whatever its name says" * 100
    )
    with pytest.raises(StoreUnavailable):
        async with open_store(sqlite.url):
            pass


@pytest.mark.parametrize(
    "unusable",
    [
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////no/such/place/x.db",
        "postgresql://bridge:hemmelig@/bridge?host=/no/such/place",
        "postgresql://bridge:hemmelig@localhost:port/bridge",
    ],
)
async def test_an_unusable_address_is_refused(unusable: str) -> None:
    """What cannot be opened, or would forget everything, is a StoreError that shows no password."""
    with pytest.raises(StoreError) as error:
        async with open_store(unusable):
            pass
    assert "hemmelig" not in "".join(traceback.format_exception(error.value))


async def test_audit_rows_of_a_use_case_need_no_class_of_ours(store: EventStore) -> None:
    """Any object with the attributes is audited, with or without a target."""
    row = SimpleNamespace(at=NOW, actor="operator", role="operator", act="end", target=None, outcome="ok")
    row.assurance, row.organisation, row.reason = "high", "987654321", "on_duty"
    await store.append("r_a", 0, [], [row])
    (entry,) = await store.audit("r_a")
    assert (entry.target, entry.assurance, entry.organisation, entry.reason) == (
        None,
        "high",
        "987654321",
        "on_duty",
    )
    assert datetime.fromisoformat(entry.at) - NOW == timedelta(0)
