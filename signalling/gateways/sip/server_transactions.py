"""The server's state machines (RFC 3261 section 17.2, RFC 6026 section 8.7)."""

from signalling.gateways.sip.message import Message, Request, Response
from signalling.gateways.sip.timers import Timers
from signalling.gateways.sip.transaction_base import State, Step, Transaction


class _Server(Transaction):
    """A transaction that sends its last response again."""

    __slots__ = ("last",)

    def __init__(self, request: Request, timers: Timers, *, reliable: bool, state: State) -> None:
        super().__init__(request, timers, reliable=reliable, state=state)
        self.last: Response | None = None

    def _again(self) -> Message:
        if self.last is None:
            raise RuntimeError("Nothing has been answered.")
        return self.last


class InviteServer(_Server):
    """Figure 7 of RFC 3261 with RFC 6026's state Accepted, in which INVITEs sent again are taken in silence.

    The 2xx itself is sent again by the call until its ACK comes (RFC 3261 section 13.3.1.4).
    """

    __slots__ = ()

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        super().__init__(request, timers, reliable=reliable, state=State.PROCEEDING)

    def respond(self, response: Response, now: float) -> Step:
        """Send a response, unless a final one has been sent; a 2xx may follow a 2xx."""
        again = self.state is State.ACCEPTED and response.is_success
        if self.state is not State.PROCEEDING and not again:
            return Step()
        self.last = response
        if response.is_success and not again:
            self._enter(State.ACCEPTED, now + self.timers.give_up)
        elif response.is_final and not again:
            self._enter(State.COMPLETED, now + self.timers.give_up)
            self._repeat(now)
        return Step([response])

    def receive(self, request: Request, now: float) -> Step:
        """Take the INVITE again, or an ACK on its branch."""
        if request.method == "ACK":
            if self.state is State.COMPLETED:
                self._end_after(State.CONFIRMED, self.timers.drain(reliable=self.reliable), now)
            return Step(deliver=request) if self.state is State.ACCEPTED else Step()
        repeats = self.state in (State.PROCEEDING, State.COMPLETED) and self.last is not None
        return Step([self._again()]) if repeats else Step()

    def _expire(self) -> bool:
        return self.state is State.COMPLETED


class RequestServer(_Server):
    """Figure 8 of RFC 3261: every method but INVITE and ACK."""

    __slots__ = ()

    def __init__(self, request: Request, timers: Timers, *, reliable: bool) -> None:
        super().__init__(request, timers, reliable=reliable, state=State.TRYING)

    def respond(self, response: Response, now: float) -> Step:
        """Send a response, unless a final one has been sent."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return Step()
        self.last = response
        if response.is_final:
            seconds = 0.0 if self.reliable else self.timers.give_up
            self._end_after(State.COMPLETED, seconds, now)
        else:
            self.state = State.PROCEEDING
        return Step([response])

    def receive(self, request: Request, now: float) -> Step:  # noqa: ARG002 - the shape of all transactions
        """Take the request again."""
        return Step([self._again()]) if self.last is not None else Step()
