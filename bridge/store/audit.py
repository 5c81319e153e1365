"""The audit chain, pure: each row's hash covers the row and the hash before it (requirements C16).

A changed, removed, added or moved row breaks the chain from there on. Somebody who can write the database can
also compute a whole new chain: against them, copy the head (`EventStore.audit_head`) to a place that they
cannot write.

What the hash covers has grown: a row says by its `version` which facts are in it, and rows of before verify as
they did.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from bridge.store.errors import NotOpaque

GENESIS: Final = "0" * 64
# 1: sequence to outcome. 2: the version itself, assurance, organisation and reason as well.
VERSION: Final = 2
# An id of this bridge (a prefix, an underscore, url-safe characters) or a plain lower-case word: a name with
# a capital, a space or a letter like "ø", a telephone number, an address and a national id are none of these.
_OPAQUE: Final = re.compile(r"[a-z]{1,12}_[A-Za-z0-9_-]{1,50}|[a-z][a-z_]{0,31}", re.ASCII)
# Nine digits (the register of legal entities); a telephone number has eight and a national id eleven.
_ORGANISATION: Final = re.compile(r"[0-9]{9}", re.ASCII)


class AuditRow(Protocol):
    """What a use case hands over to be audited: who did what to whom, and how it ended.

    `actor` is a participant's id or an office such as "operator"; `act` a word such as "admit"; `target` an
    id or None; `outcome` "ok" or the refusal's code; `reason` a word, where one was asked for. `assurance` and
    `organisation` are the actor's, None where no login has proven any. Any object with these attributes will do.
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

    @property
    def assurance(self) -> str | None:
        """How sure it was who acted, by a login."""

    @property
    def organisation(self) -> str | None:
        """The number of the organisation for which they acted, by the same login: nine digits."""

    @property
    def reason(self) -> str | None:
        """Why, as a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    assurance: str | None = None
    organisation: str | None = None
    reason: str | None = None
    version: int = VERSION
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
        facts = {name: getattr(row, name) for name in _GIVEN} | {"room": room}
        _check(facts)
        facts |= {"sequence": head.sequence + 1, "at": timestamp(row.at), "version": VERSION}
        entry = AuditEntry(**facts, previous_hash=head.hash, hash=_digest(head.hash, facts))
        head = Head(entry.sequence, entry.hash)
        yield entry


def intact(head: Head, entry: AuditEntry) -> bool:
    """Tell whether `entry` is the one that must follow `head`."""
    facts = {one.name: getattr(entry, one.name) for one in fields(entry)}
    covered = _COVERED.get(entry.version)
    return (
        covered is not None
        # What the hash does not cover must not be there: it would be taken for proven.
        and all(facts[name] is None for name in _ADDED if name not in covered)
        and entry.sequence == head.sequence + 1
        and entry.previous_hash == head.hash
        and entry.hash == _digest(head.hash, facts)
    )


_ADDED: Final = ("assurance", "organisation", "reason")
_FIRST: Final = ("sequence", "room", "at", "actor", "role", "act", "target", "outcome")
_COVERED: Final = {1: _FIRST, 2: ("version", *_FIRST, *_ADDED)}
_GIVEN: Final = ("actor", "role", "act", "target", "outcome", *_ADDED)


def _check(facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        allowed = _ORGANISATION if name == "organisation" else _OPAQUE
        if value is not None and not allowed.fullmatch(value):
            raise NotOpaque("an audit row holds a text that is neither an opaque id nor a plain word")


def _digest(previous: str, facts: dict[str, Any]) -> str:
    # JSON keeps the fields apart: ("ab", "c") and ("a", "bc") differ, as do None and "null".
    covered = [facts[name] for name in _COVERED[facts["version"]]]
    text = json.dumps([previous, *covered], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
