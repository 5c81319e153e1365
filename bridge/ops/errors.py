"""What can go wrong in operation."""

from typing import ClassVar


class OpsError(Exception):
    """Base of everything that `bridge.ops` raises. `code` is the wire code."""

    code: ClassVar[str] = "internal"


class SnapshotMismatch(OpsError):  # noqa: N818 - names the state found
    """The engine's snapshot lacks a column that the table of metrics needs."""
