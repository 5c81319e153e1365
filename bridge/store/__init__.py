"""What the bridge remembers: every room's events and the audit chain, written together or not at all."""

from bridge.store.errors import ConcurrentChange, RecordUnreadable, StoreError, StoreUnavailable
from bridge.store.events import AuditEntry, AuditRow, EventStore, RoomRecord, open_store

__all__ = [
    "AuditEntry",
    "AuditRow",
    "ConcurrentChange",
    "EventStore",
    "RecordUnreadable",
    "RoomRecord",
    "StoreError",
    "StoreUnavailable",
    "open_store",
]
