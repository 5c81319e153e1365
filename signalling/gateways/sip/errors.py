"""What can be wrong with what a peer sent or a caller asked, as the SIP status that says so."""

from http import HTTPStatus
from typing import Final

REASONS: Final[dict[int, str]] = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    469: "Bad Info Package",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
}


def reason_phrase(status: int) -> str:
    """Return the usual words for a status; those of HTTP where SIP took them over, else none in particular."""
    known = REASONS.get(status)
    if known is not None:
        return known
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class SipError(Exception):
    """Base of this package's errors: a SIP status and a sentence about the grammar, never about a person."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status} {detail}")
        self.status = status
        self.detail = detail


class MalformedError(SipError):
    """Bytes or a header value outside the grammar or over a limit."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(status, detail)


class CommandError(SipError):
    """A command that does not fit the state of the call that it names."""

    def __init__(self, detail: str) -> None:
        super().__init__(500, detail)
