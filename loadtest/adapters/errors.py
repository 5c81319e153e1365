"""What can go wrong with a bridge under comparison."""

from __future__ import annotations

from loadtest.errors import LoadtestError


class AdapterError(LoadtestError):
    """Base of the adapters' errors."""

    code = "adapter"


class DidNotStart(AdapterError):  # noqa: N818 - named for what happened
    """The bridge's process ended, or did not answer in time. The message holds the end of its log."""

    code = "did_not_start"


class Refused(AdapterError):  # noqa: N818 - named for what happened
    """The bridge answered a request with an error of its own; `number` is its error code."""

    code = "refused"

    def __init__(self, number: int, reason: str) -> None:
        self.number = number
        super().__init__(f"{number}: {reason}")


class Unreadable(AdapterError):  # noqa: N818 - named for what happened
    """The bridge sent something that its protocol does not know, or a description without a needed part."""

    code = "unreadable"


class Silent(AdapterError):  # noqa: N818 - named for what happened
    """No answer, or no connection, within the time allowed."""

    code = "silent"
