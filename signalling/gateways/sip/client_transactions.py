"""The client's state machines (RFC 3261 section 17.1, RFC 6026 section 8.4)."""

from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.timers import Timers
from signalling.gateways.sip.transaction_base import State, Step, Transaction


def ack_for(invite: Request, response: Response) -> Request:
    """The ACK that belongs to the transaction of a refused INVITE (RFC 3261 section 17.1.1.3)."""
    ack = Request(method="ACK", uri=invite.uri)
    ack.headers.set("Via", str(invite.via))
    for line in invite.headers.lines("Route"):
        ack.headers.add("Route", line)
    ack.headers.set("From", invite.headers.get("From") or "")
    ack.headers.set("To", response.headers.get("To") or "")
    ack.headers.set("Call-ID", invite.call_id)
    ack.headers.set("CSeq", f"{invite.cseq.number} ACK")
    ack.headers.set("Max-Forwards", "70")
    return ack


class InviteClient(Transaction):
    """Figure 5 of RFC 3261 with RFC 6026's state Accepted, in which more 2xx (of forks) are delivered."""

    __slots__ = ("_limit",)

    def __init__(self, request: Request, timers: Timers, *, reliable: bool, now: float) -> None:
        super().__init__(request, timers, reliable=reliable, state=State.TRYING)
        self.ends_at = now + timers.give_up
        self._limit: float | None = None
        self._repeat(now)

    def receive(self, response: Response, now: float) -> Step:
        """Take a response that matches."""
        waiting = self.state in (State.TRYING, State.PROCEEDING)
        if not response.is_final:
            if not waiting:
                return Step()
            self._enter(State.PROCEEDING, self._limit)
            return Step(deliver=response)
        if response.is_success:
            if waiting:
                self._enter(State.ACCEPTED, now + self.timers.give_up)
            return Step(deliver=response) if self.state is State.ACCEPTED else Step()
        if self.state is State.ACCEPTED:
            return Step()
        if waiting:
            self._end_after(State.COMPLETED, self.timers.linger(reliable=self.reliable), now)
        return Step([ack_for(self.request, response)], response if waiting else None)

    def give_up_at(self, when: float) -> None:
        """Wait no longer for a final response: it was cancelled (RFC 3261 section 9.1), or its call is over."""
        self._limit = when
        if self.state is State.PROCEEDING:
            self.ends_at = when

    def _next_interval(self) -> float:
        return 2 * self._every

    def _expire(self) -> bool:
        return self.state in (State.TRYING, State.PROCEEDING)


class RequestClient(Transaction):
    """Figure 6 of RFC 3261: every method but INVITE and ACK."""

    __slots__ = ()

    def __init__(self, request: Request, timers: Timers, *, reliable: bool, now: float) -> None:
        super().__init__(request, timers, reliable=reliable, state=State.TRYING)
        self.ends_at = now + timers.give_up
        self._repeat(now)

    def receive(self, response: Response, now: float) -> Step:
        """Take a response that matches."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return Step()
        if response.is_final:
            self._end_after(State.COMPLETED, self.timers.drain(reliable=self.reliable), now)
        else:
            self.state = State.PROCEEDING
        return Step(deliver=response)

    def _next_interval(self) -> float:
        return self.timers.t2 if self.state is State.PROCEEDING else super()._next_interval()

    def _expire(self) -> bool:
        return self.state in (State.TRYING, State.PROCEEDING)
