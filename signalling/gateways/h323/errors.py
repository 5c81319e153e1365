"""What can be wrong with what a peer sent or a caller asked, with the Q.931 cause that says so."""

from typing import Final

INVALID_MESSAGE: Final = 95
"""Q.850: "invalid message, unspecified"."""
INVALID_CONTENTS: Final = 100
"""Q.850: "invalid information element contents"."""
WRONG_STATE: Final = 101
"""Q.850: "message not compatible with call state"."""
TEMPORARY_FAILURE: Final = 41
"""Q.850: "temporary failure"."""


class H323Error(Exception):
    """Base of this package's errors: a stable word, a Q.850 cause, and words on no person."""

    code: str = "h323_error"

    def __init__(self, detail: str, cause: int = TEMPORARY_FAILURE) -> None:
        super().__init__(detail)
        self.detail = detail
        self.cause = cause


class MalformedError(H323Error):
    """Bytes or a value outside the grammar or over a limit."""

    code = "h323_malformed"

    def __init__(self, detail: str, cause: int = INVALID_CONTENTS) -> None:
        super().__init__(detail, cause)


class CommandError(H323Error):
    """A command that does not fit the state of what it names."""

    code = "h323_command"


class UnavailableError(H323Error):
    """The extra `h323` is not installed, or in a version that this was not made for."""

    code = "h323_unavailable"
