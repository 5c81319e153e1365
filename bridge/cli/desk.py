"""The records, as the commands read them: from the database that the configuration names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bridge.config import Config
from bridge.records.desk import RecordDesk
from bridge.rooms.model import Office
from bridge.store import open_store


@asynccontextmanager
async def desk(config: Config) -> AsyncIterator[RecordDesk]:
    """Open the store, and give what answers from it. Raises StoreError."""
    async with open_store(config.store.url) as store:
        yield RecordDesk(store, lambda: datetime.now(UTC), config.http.base_url, Office.OPERATOR)
