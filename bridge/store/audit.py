"""The audit chain, pure: each row's hash covers the row and the hash before it (requirements C16).

A changed, removed, added or moved row breaks the chain from there on. Somebody who can write the database can
also compute a whole new chain: against them, copy the head (`EventStore.audit_head`) to a place that they
cannot write.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from bridge.store.errors import NotOpaque

GENESIS: Final = "0" * 64
# An id of this bridge (a prefix, an underscore, url-safe characters) or a plain lower-case word: a name with
# a capital, a space or a letter like "ø", a telephone number, an address and a national id are none of these.
_OPAQUE: Final = re.compile(r"[a-z]{1,12}_[A-Za-z0-9_-]{1,50}|[a-z][a-z_]{0,31}", re.ASCII)


class AuditRow(Protocol):
    """What a use case hands over to be audited: who did what to whom, and how it ended.

    `actor` is a participant's id or an office such as "operator"; `act` a word such as "admit"; `target` an
    id or None; `outcome` "ok" or the refusal's code. Any object with these attributes will do.
    """

    @property
    def at(self) -> datetime:
        """When, aware."""

    @property
    def actor(self) -> str:
        """Who acted: an opaque id or an office."""

    @property
    def role(self) -> str:
        """In which role."""

    @property
    def act(self) -> str:
        """What was done."""

    @property
    def target(self) -> str | None:
        """To whom or what: an opaque id."""

    @property
    def outcome(self) -> str:
        """How it ended."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the chain as it is stored; `at` is the stored text (ISO 8601, UTC)."""

    sequence: int
    room: str
    at: str
    actor: str
    role: str
    act: str
    target: str | None
    outcome: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the last row's sequence (0 for none) and hash."""

    sequence: int = 0
    hash: str = GENESIS


def timestamp(at: datetime) -> str:
    """Give an aware time as the store writes it: ISO 8601, UTC, microseconds."""
    if at.tzinfo is None:
        raise ValueError("a recorded time needs its time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def chain(head: Head, room: str, rows: Iterable[AuditRow]) -> Iterator[AuditEntry]:
    """Give the entries that continue the chain; raise NotOpaque for a row that might name a person."""
    for row in rows:
        for value in (room, row.actor, row.role, row.act, row.target, row.outcome):
            if value is not None and not _OPAQUE.fullmatch(value):
                raise NotOpaque("an audit row holds a text that is neither an opaque id nor a plain word")
        sequence, at = head.sequence + 1, timestamp(row.at)
        facts = (sequence, room, at, row.actor, row.role, row.act, row.target, row.outcome)
        entry = AuditEntry(*facts, previous_hash=head.hash, hash=_digest(head.hash, facts))
        head = Head(sequence, entry.hash)
        yield entry


def intact(head: Head, entry: AuditEntry) -> bool:
    """Tell whether `entry` is the one that must follow `head`."""
    facts = tuple(asdict(entry).values())[:-2]
    return (
        entry.sequence == head.sequence + 1
        and entry.previous_hash == head.hash
        and entry.hash == _digest(head.hash, facts)
    )


def _digest(previous: str, facts: tuple[int | str | None, ...]) -> str:
    # JSON keeps the fields apart: ("ab", "c") and ("a", "bc") differ, as do None and "null".
    text = json.dumps([previous, *facts], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
