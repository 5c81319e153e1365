"""What can go wrong with the records; no message here holds a recorded value."""

from typing import ClassVar

from bridge.app.errors import Overtaken


class StoreError(Exception):
    """Base of everything that `bridge.store` raises; `code` is all that the wire may learn of it."""

    code: ClassVar[str] = "internal"


class ConcurrentChange(StoreError, Overtaken):  # noqa: N818 - an outcome to retry, named for what happened
    """Somebody else changed the room since it was loaded: load, decide and append again."""


class StoreUnavailable(StoreError):  # noqa: N818 - names the state of the store
    """The database cannot be opened, read or written now, or its schema is not ours."""


class RecordUnreadable(StoreError):  # noqa: N818 - names the state of the record
    """The records of a room are not what this bridge writes: damaged, or written by a later version."""


class NotOpaque(StoreError):  # noqa: N818 - names what is wrong with the row
    """An audit row holds something else than opaque ids and plain words, so it might name a person."""
