"""Who keeps a call's session alive, and when (RFC 4028)."""

from typing import TYPE_CHECKING, Final

from signalling.gateways.sip import session_timer
from signalling.gateways.sip.changes import Wish
from signalling.gateways.sip.events import Ending
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.session_timer import SessionTimer

if TYPE_CHECKING:
    from signalling.gateways.sip.call import Call

_AGAIN_SECONDS: Final = 10.0
_UNKNOWN: Final = frozenset({405, 501})


class Refreshing:
    """The session timer of one call."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._timer: SessionTimer | None = None
        self._least = call.core.settings.min_session_seconds

    def ask(self, request: Request) -> None:
        """Put the timer into an INVITE or UPDATE of ours."""
        seconds = self._call.core.settings.session_seconds
        session_timer.ask(request, self._timer, self._least, seconds)

    def check(self, request: Request) -> None:
        """Raise SipError 422 if the peer asks for an interval that is too small."""
        session_timer.check(request, self._call.core.settings.min_session_seconds)

    def agree(self, request: Request, response: Response, now: float) -> None:
        """Settle the timer in our 2xx to a request of the peer's."""
        settings = self._call.core.settings
        timer = session_timer.agree(request, response, settings.min_session_seconds, settings.session_seconds)
        self._begin(timer, now)

    def heard(self, response: Response, now: float) -> None:
        """Take what the 2xx to a request of ours settled."""
        self._begin(session_timer.heard(response), now)

    def raise_least(self, response: Response) -> bool:
        """Take the Min-SE of a 422; whether it asks for more than we did."""
        least = response.integer("Min-SE") or 0
        if least <= self._least:
            return False
        self._least = least
        return True

    def denied(self, wish: Wish, response: Response, now: float) -> None:
        """A refresh was refused: by INVITE if the peer knows no UPDATE, else the session runs out."""
        if wish.method == "UPDATE" and response.status in _UNKNOWN:
            dialog = self._call.confirmed_dialog()
            dialog.methods -= {"UPDATE"}
            self._refresh(now)

    def alarm(self, what: str, now: float) -> None:
        """Refresh, or end what was not refreshed."""
        if what == "expiry":
            self._call.hang_up(now, Ending.EXPIRED)
        elif self._call.changes.idle:
            self._refresh(now)
        else:
            # What is under way refreshes the session itself, unless it is refused.
            self._call.core.wake(self._call, "refresh", now + _AGAIN_SECONDS)

    def _begin(self, timer: SessionTimer | None, now: float) -> None:
        call, self._timer = self._call, timer
        ours = timer is not None and timer.ours
        call.core.wake(call, "refresh", now + timer.refresh_after if timer is not None and ours else None)
        call.core.wake(call, "expiry", None if timer is None else now + timer.end_after)

    def _refresh(self, now: float) -> None:
        call = self._call
        dialog = call.confirmed_dialog()
        if "UPDATE" in dialog.methods:
            call.changes.want(Wish("UPDATE", None, refresh=True), now)
        else:
            call.changes.want(Wish("INVITE", None, refresh=True), now)
