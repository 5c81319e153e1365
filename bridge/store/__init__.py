"""What the bridge remembers: every room's events and the audit chain, written together or not at all."""

from bridge.store.appointments import AppointmentRecord
from bridge.store.errors import ConcurrentChange, RecordUnreadable, StoreError, StoreUnavailable
from bridge.store.events import AuditEntry, AuditRow, EventStore, RoomRecord, open_store
from bridge.store.outbox import Announced, Letter, Outbox

__all__ = [
    "Announced",
    "AppointmentRecord",
    "AuditEntry",
    "AuditRow",
    "ConcurrentChange",
    "EventStore",
    "Letter",
    "Outbox",
    "RecordUnreadable",
    "RoomRecord",
    "StoreError",
    "StoreUnavailable",
    "open_store",
]
