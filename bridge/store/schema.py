"""The tables as SQLAlchemy Core sees them; the migrations build them, and a test holds the two equal.

Times are text, ISO 8601 in UTC with microseconds: SQLite has no type for them, and the audit hash covers the
text.
"""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

ROOMS: Final = Table(
    "rooms",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("created_at", String(32), nullable=False),
    Column("ended_at", String(32)),
    # Kept after the end, so that whoever kept an old number reaches nobody else's consultation.
    Column("number", String(12)),
    Index(None, "ended_at"),
    Index(None, "number", unique=True),
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("room", String(64), ForeignKey("rooms.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("type", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("room", "revision"),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    # No foreign key: an attempt on a room that does not exist is audited too.
    Column("room", String(64), nullable=False),
    Column("at", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("act", String(64), nullable=False),
    Column("target", String(64)),
    Column("outcome", String(64), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("assurance", String(16)),
    Column("organisation", String(9)),
    Column("reason", String(64)),
    # Which facts the hash covers (`bridge.store.audit`).
    Column("version", Integer, nullable=False, server_default="1"),
    Index(None, "room"),
    Index(None, "at"),
)

# One row: where the chain ends. It shows rows cut off the end, which the chain alone cannot, and is the lock
# that puts writers in order where the database has row locks.
AUDIT_HEAD: Final = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# What is still to be told to others of the events, a row for each event and endpoint. `due_at` is when the next
# attempt may begin; whoever makes it moves the time on, so that no other bridge makes it as well.
OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("endpoint", String(24), nullable=False),
    Column("room", String(64), ForeignKey("rooms.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("due_at", String(32), nullable=False),
    Column("tries", Integer, nullable=False),
    # Given up: kept for a while, so that it can be sent after all.
    Column("dead", Boolean, nullable=False),
    PrimaryKeyConstraint("endpoint", "room", "revision"),
    Index("ix_outbox_due", "endpoint", "dead", "due_at"),
)

# For which appointment a room is. `identifier` digests the book's own name for it; `payload` is JSON with times,
# ids of invitations and the book's references, and no names.
APPOINTMENTS: Final = Table(
    "appointments",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("room", String(64), ForeignKey("rooms.id"), nullable=False),
    Column("identifier", String(64)),
    Column("version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Index(None, "identifier", unique=True),
)
