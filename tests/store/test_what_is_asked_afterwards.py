"""Audit rows and rooms by room and time, in pages."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.store import EventStore


@pytest.fixture
async def six_rows(store: EventStore, story: Any) -> list[Any]:
    """Write rows of two rooms by turns, a second after each other; give them."""
    rows = [story.audited(f"act_{letter}") for letter in "abcdef"]
    for number, row in enumerate(rows):
        await store.append(f"r_{number % 2}", 0, [], [row])
    return rows


async def _acts(store: EventStore, **asked: Any) -> str:
    return "".join(entry.act[-1] for entry in await store.audit_rows(**{"limit": 100} | asked))


async def test_rows_are_found_by_room_time_and_place_in_the_chain(store: EventStore, six_rows: list[Any]) -> None:
    """Alone and together; a time holds its first moment and not its last, in whatever zone it is said."""
    second, fifth = six_rows[1].at, six_rows[4].at
    assert await _acts(store) == "abcdef"
    assert await _acts(store, room="r_1") == "bdf"
    assert await _acts(store, since=second, until=fifth) == "bcd"
    assert await _acts(store, since=datetime.fromisoformat("2026-03-02T10:00:03+01:00")) == "cdef"
    assert await _acts(store, after=4) == "ef"
    assert await _acts(store, limit=2) == "ab"
    assert await _acts(store, room="r_0", since=second, after=3, limit=1) == "e"
    assert await _acts(store, room="r_9") == ""


async def test_rooms_are_found_that_were_open_in_a_time(store: EventStore, story: Any) -> None:
    """Those that began before its end and had not ended before its beginning, in pages by id."""
    first, second = story.created("r_b"), story.created("r_a")
    ended = story.ended("r_b")
    await store.append("r_b", 0, [first, ended])
    await store.append("r_a", 0, [second])
    moment = timedelta(microseconds=1)
    assert await store.rooms_of(first.at, second.at, limit=9) == ["r_b"]
    assert await store.rooms_of(first.at, second.at + moment, limit=9) == ["r_a", "r_b"]
    assert await store.rooms_of(first.at, second.at + moment, limit=1) == ["r_a"]
    assert await store.rooms_of(first.at, second.at + moment, after="r_a", limit=9) == ["r_b"]
    assert await store.rooms_of(ended.at, ended.at + moment, limit=9) == ["r_a", "r_b"]
    assert await store.rooms_of(ended.at + moment, ended.at + 2 * moment, limit=9) == ["r_a"]
    assert await store.rooms_of(first.at - moment, first.at, limit=9) == []
