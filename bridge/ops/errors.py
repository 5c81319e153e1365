"""What can go wrong in operation."""

from typing import ClassVar, Literal

from signalling import messages as m

Word = Literal["internal", "not_recorded", "already_recording", "no_recording"]


class OpsError(Exception):
    """Base of everything that `bridge.ops` raises. `code` is the wire code."""

    code: ClassVar[Word] = "internal"
    status: ClassVar[int] = 500


class Undone(m.Part, frozen=True, kw_only=True):
    """What whoever asked hears of it."""

    code: Word
    message: str


class SnapshotMismatch(OpsError):  # noqa: N818 - names the state found
    """The engine's snapshot lacks a column that the table of metrics needs."""


class NotRecorded(OpsError):  # noqa: N818 - names what is so
    """An act could not be put on record, so it was not done."""

    code = "not_recorded"
    status = 503


class AlreadyRecording(OpsError):  # noqa: N818 - names the state found
    """Another leg's link is being recorded."""

    code = "already_recording"
    status = 409


class NoRecording(OpsError):  # noqa: N818 - names the state found
    """No link was recorded, or that is not over yet."""

    code = "no_recording"
    status = 404
