"""Session timers (RFC 4028): a call whose peer has vanished ends, since nobody refreshes it."""

from dataclasses import dataclass
from typing import Final

from signalling.gateways.sip.errors import SipError
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.values import SessionExpires

MIN_SE: Final = 90
"""The least interval in seconds that the RFC allows (section 5)."""
DEFAULT_SECONDS: Final = 1800
_EARLY: Final = 32.0


class IntervalTooSmallError(SipError):
    """A 422 is due, with Min-SE."""

    def __init__(self) -> None:
        super().__init__(422, "The session interval is too small.")


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What was agreed: an interval in seconds, and whether it is we who refresh."""

    seconds: int
    ours: bool

    @property
    def refresh_after(self) -> float:
        """Seconds after a refresh at which the next is due (section 7.4)."""
        return self.seconds / 2

    @property
    def end_after(self) -> float:
        """Seconds after a refresh at which a call that was not refreshed ends (section 10)."""
        return self.seconds - min(_EARLY, self.seconds / 3)


def ask(request: Request, wanted: SessionTimer | None, least: int, seconds: int) -> None:
    """Put the timer into a request of ours: the agreed one, or `seconds` with the refresher left open."""
    who = None if wanted is None else "uac" if wanted.ours else "uas"
    interval = max(seconds if wanted is None else wanted.seconds, least)
    request.headers.set("Session-Expires", str(SessionExpires(interval, who)))
    request.headers.set("Min-SE", str(least))


def heard(response: Response) -> SessionTimer | None:
    """What a 2xx to our request agreed; without a word of who refreshes, we do (section 7.2)."""
    agreed = response.session_expires
    if agreed is None:
        return None
    return SessionTimer(max(agreed.seconds, MIN_SE), agreed.refresher != "uas")


def check(request: Request, least: int) -> None:
    """Raise IntervalTooSmallError for an interval under `least` from a peer that knows timers (section 9)."""
    asked = request.session_expires
    if asked is not None and asked.seconds < least and _knows(request):
        raise IntervalTooSmallError


def agree(request: Request, response: Response, least: int, seconds: int) -> SessionTimer:
    """Settle the timer that a request asks for and say so in its 2xx (section 9).

    A peer that does not know timers, or leaves it to us, is refreshed by us, every `seconds` if it names no
    interval.
    """
    asked, knows = request.session_expires, _knows(request)
    if asked is None:
        agreed = SessionExpires(max(seconds, request.integer("Min-SE") or 0, least), "uas")
    else:
        by = asked.refresher if asked.refresher and knows else "uac" if knows else "uas"
        agreed = SessionExpires(max(asked.seconds, least), by)
    response.headers.set("Session-Expires", str(agreed))
    if agreed.refresher == "uac":
        response.headers.set("Require", "timer")
    return SessionTimer(agreed.seconds, agreed.refresher == "uas")


def _knows(request: Request) -> bool:
    return "timer" in request.headers.tokens("Supported")
