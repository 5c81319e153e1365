"""For which appointments rooms are, by the appointment book's names for them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.errors import ConcurrentChange
from bridge.store.schema import APPOINTMENTS

Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


@dataclass(frozen=True, slots=True)
class AppointmentRecord:
    """One appointment; `version` counts its changes from 1, `identifier` is a digest, `payload` JSON."""

    id: str
    room: str
    identifier: str | None
    version: int
    payload: str = field(repr=False)


class AppointmentStore:
    """The appointments of all rooms."""

    def __init__(self, writing: Transaction, reading: Transaction) -> None:
        self._writing = writing
        self._reading = reading

    async def get(self, appointment: str) -> AppointmentRecord | None:
        """Give one by its id."""
        return await self._one(select(APPOINTMENTS).where(APPOINTMENTS.c.id == appointment))

    async def find(self, identifier: str) -> AppointmentRecord | None:
        """Give one by the digest of the book's name for it."""
        return await self._one(select(APPOINTMENTS).where(APPOINTMENTS.c.identifier == identifier))

    async def put(self, record: AppointmentRecord) -> None:
        """Write the first version of one, or the next. Raises ConcurrentChange where somebody else just did."""
        values = {
            "id": record.id,
            "room": record.room,
            "identifier": record.identifier,
            "version": record.version,
            "payload": record.payload,
        }
        async with self._writing() as connection:
            if record.version == 1:
                await connection.execute(insert(APPOINTMENTS).values(values))
                return
            before = (APPOINTMENTS.c.id == record.id) & (APPOINTMENTS.c.version == record.version - 1)
            changed = await connection.execute(update(APPOINTMENTS).where(before).values(values))
            if changed.rowcount != 1:
                raise ConcurrentChange("the appointment was changed at the same time")

    async def _one(self, query: Select[Any]) -> AppointmentRecord | None:
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return None if row is None else AppointmentRecord(**row)
