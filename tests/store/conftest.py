"""A store in a real file, and a room's events to put into it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bridge.rooms.events import Event, LockChanged, RoomCreated, RoomEnded
from bridge.rooms.model import Office, Pii, RoomId, RoomNumber, System
from bridge.store import AuditRow, EventStore, open_store

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

    def audited(self, act: str = "lock", **changes: str) -> AuditRow:
        """Give an audit row of somebody who did something."""
        facts = {"actor": "p_doctor", "role": "doctor", "act": act, "target": "p_x", "outcome": "ok"}
        return SimpleNamespace(at=self._next(), **facts | changes)


@pytest.fixture
def story() -> Story:
    """Make events and audit rows in order of time."""
    return Story()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Say where the database is."""
    return tmp_path / "bridge.db"


@pytest.fixture
def url(path: Path) -> str:
    """Name the database."""
    return f"sqlite:///{path}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[EventStore]:
    """Keep a store open during the test."""
    async with open_store(url) as opened:
        yield opened
