"""Two processes write to one database at once: each row that was promised is there once, in one whole chain."""

import asyncio
import sys
from collections import Counter
from typing import Any

import pytest

from bridge.store import StoreUnavailable, database, open_store
from bridge.store.database import make_engine

ROUNDS = 10
# One bridge: rows of a room of its own and of one that both have, as fast as it can; who is overtaken loads anew.
BRIDGE = """
import asyncio, sys
from datetime import UTC, datetime
from types import SimpleNamespace
from bridge.rooms.events import LockChanged, RoomCreated
from bridge.rooms.model import Office, Pii, RoomId, System
from bridge.store import ConcurrentChange, open_store

name, url, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
by = System(Office.OPERATOR)

def now():
    return datetime.now(UTC)

def row(act):
    facts = {"actor": "operator", "role": "system", "act": act, "target": None, "outcome": "ok"}
    return SimpleNamespace(at=now(), assurance=None, organisation=None, reason=name, **facts)

async def shared(store):
    overtaken = 0
    for number in range(rounds):
        while True:
            revision = len(await store.load("r_shared"))
            event = LockChanged(room=RoomId("r_shared"), at=now(), by=by, locked=name == "one")
            try:
                await store.append("r_shared", revision, [event], [row("lock_" + "abcdefghij"[number])])
                break
            except ConcurrentChange:
                overtaken += 1
    return overtaken

async def own(store):
    room = RoomId(f"r_{name}")
    made = RoomCreated(room=room, at=now(), by=by, name=Pii("Rom"), max_participants=9)
    await store.append(room, 0, [made], [row("create")])
    for revision in range(1, rounds + 1):
        event = LockChanged(room=room, at=now(), by=by, locked=True)
        await store.append(room, revision, [event], [row("lock")])

async def main():
    async with open_store(url) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        overtaken, _ = await asyncio.gather(shared(store), own(store))
        print(overtaken)

asyncio.run(main())
"""


async def _start(name: str, url: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BRIDGE, name, url, str(ROUNDS), stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_no_row_is_lost_or_doubled(postgresql: Any, story: Any) -> None:
    """Rows of a room that both change, and of rooms that each has alone, interleave in one chain."""
    url = postgresql.url
    async with open_store(url) as store:
        await store.append("r_shared", 0, [story.created("r_shared")], [story.audited("create")])
        bridges = await asyncio.gather(*(_start(name, url) for name in ("one", "two")))
        told = await asyncio.gather(*(bridge.communicate(b"go\n") for bridge in bridges))
        assert [bridge.returncode for bridge in bridges] == [0, 0]
        assert all(int(out) >= 0 for out, _ in told)
        assert len(await store.load("r_shared")) == 1 + 2 * ROUNDS
        rows = [(entry.act, entry.reason) for entry in await store.audit("r_shared")]
        assert set(Counter(rows).values()) == {1}
        assert len(rows) == 1 + 2 * ROUNDS
        for name in ("one", "two"):
            assert len(await store.load(f"r_{name}")) == len(await store.audit(f"r_{name}")) == 1 + ROUNDS
        assert (await store.audit_head()).sequence == 3 + 4 * ROUNDS
        assert await store.verify_audit() is None


async def test_who_checks_the_chain_sees_one_state_of_it(url: str, story: Any) -> None:
    """Rows that are written while the chain is read are not taken for rows that were added."""
    async with open_store(url) as reader, open_store(url) as writer:
        await writer.append("r_a", 0, [story.created()], [story.audited()])
        done = False

        async def write() -> None:
            while not done:
                await writer.append("r_a", 0, [], [story.audited()])

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            found = [await reader.verify_audit() for _ in range(20)]
            done = True
        assert found == [None] * 20


async def test_a_bridge_that_hangs_holds_up_others_for_a_bounded_time(
    postgresql: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot get at the head of the chain in time is told that the store is away, and nothing is written."""
    monkeypatch.setitem(database._POSTGRESQL["server_settings"], "lock_timeout", "100")
    async with open_store(postgresql.url) as store:
        await store.append("r_a", 0, [story.created()], [story.audited()])
        hanging = make_engine(postgresql.url)
        try:
            async with hanging.begin() as connection:
                await connection.exec_driver_sql("SELECT * FROM audit_head FOR UPDATE")
                with pytest.raises(StoreUnavailable):
                    await store.append("r_a", 1, [story.locked()], [story.audited()])
        finally:
            await hanging.dispose()
        assert len(await store.load("r_a")) == 1
        assert await store.append("r_a", 1, [story.locked()], [story.audited()]) == 2


async def test_a_restart_of_the_database_is_survived(server: Any, postgresql: Any, story: Any) -> None:
    """While it is away the store says so; afterwards the same store goes on, with all that was promised."""
    async with open_store(postgresql.url) as store:
        await store.append("r_a", 0, [story.created()], [story.audited()])
        server.stop()
        try:
            for refused in (store.ping(), store.append("r_a", 1, [story.locked()], [story.audited()])):
                with pytest.raises(StoreUnavailable):
                    await refused
        finally:
            server.start()
        assert await store.append("r_a", 1, [story.locked()], [story.audited()]) == 2
        assert await store.verify_audit() is None
