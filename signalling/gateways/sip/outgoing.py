"""How a call of ours begins (RFC 3261 section 13.2), with forks and reliable provisional responses (RFC 3262)."""

from dataclasses import dataclass, field, replace
from typing import Final

from signalling.gateways.sip.call import Call
from signalling.gateways.sip.core import Core, Sent
from signalling.gateways.sip.dialogs import Dialog
from signalling.gateways.sip.digest import Accounts
from signalling.gateways.sip.errors import SipError
from signalling.gateways.sip.events import Accepted, CallId, Ending, Progress
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.offers import Offers, Turn
from signalling.gateways.sip.transactions import Key
from signalling.gateways.sip.values import CSeq, NameAddr, RAck, Uri

MAX_FORKS: Final = 16
_FIRST_NUMBER: Final = 2**16


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom to call, as whom, by which ways (the first that works), and what to offer.

    Without `sdp` we ask for an offer. `routes` are proxies to go through, `headers` further ones for the INVITE;
    `accounts` are for whom the call is made by, and everything in it.
    """

    to: Uri
    from_: NameAddr
    flows: tuple[Flow, ...]
    sdp: bytes | None = None
    routes: tuple[NameAddr, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    accounts: Accounts = field(default_factory=dict)


@dataclass(slots=True)
class _Fork:
    """One of the parties that our INVITE has reached."""

    dialog: Dialog
    offers: Offers
    rseq: int | None = None


def start(core: Core, invitation: Invitation, now: float) -> CallId:
    """Call somebody."""
    call = Call(core.new_id(), core, caller=True)
    core.owners[call.id] = call
    stage = Outgoing(call, invitation)
    call.stage = stage
    stage.start(now)
    return call.handle


class Outgoing:
    """The time until a call of ours is answered."""

    def __init__(self, call: Call, invitation: Invitation) -> None:
        self._call = call
        self._invitation = invitation
        self._number = call.core.rng.randrange(1, _FIRST_NUMBER)
        self._forks: dict[str, _Fork] = {}
        self._winner: str | None = None
        self._rings: Key | None = None
        self._wants_cancel = False
        self._begins_with = Offers()
        first, *others = invitation.flows
        self._sent = Sent(
            self._invite(), first, self._hear, self._next, tuple(others), accounts=invitation.accounts
        )

    def start(self, now: float) -> None:
        """Send the INVITE."""
        call = self._call
        if self._invitation.sdp is not None:
            call.offers.offer(self._invitation.sdp)
        self._begins_with = replace(call.offers)
        call.core.request(self._sent, now)
        call.core.wake(call, "ring", now + call.core.settings.ring_seconds)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _invite(self) -> Request:
        told, core = self._invitation, self._call.core
        request = Request(method="INVITE", uri=told.to)
        for route in told.routes:
            request.headers.add("Route", str(route))
        request.headers.set("From", str(told.from_.with_tag(core.token())))
        request.headers.set("To", str(NameAddr(told.to.bare())))
        request.headers.set("Call-ID", core.token())
        request.headers.set("CSeq", str(CSeq(self._number, "INVITE")))
        request.headers.set("Max-Forwards", "70")
        # Without an offer of ours, a reliable response would bring the peer's, and the PRACK would have to
        # answer it.
        request.headers.set("Supported", "timer" if told.sdp is None else "100rel, timer")
        for name, value in told.headers:
            request.headers.add(name, value)
        self._call.refreshing.ask(request)
        if told.sdp is not None:
            request.set_body("application/sdp", told.sdp)
        return request

    def _hear(self, sent: Sent, response: Response, now: float) -> None:
        if response.status == 100:  # noqa: PLR2004
            self._cancel_now(now)
        elif not response.is_final:
            self._cancel_now(now)
            self._progress(sent, response, now)
        elif response.is_success:
            self._accepted(sent, response, now)
        else:
            self._refused(response, now)

    def _cancel_now(self, now: float) -> None:
        """A CANCEL may follow the first provisional response, not go before it (section 9.1)."""
        self._rings = self._sent.key
        if self._wants_cancel:
            self._wants_cancel = False
            self._call.core.cancel(self._sent, now)

    def _fork(self, sent: Sent, response: Response) -> _Fork | None:
        """The party that a response comes from; None if it says too little of itself for a dialog."""
        tag = response.to.tag or ""
        if tag not in self._forks and tag and len(self._forks) < MAX_FORKS:
            try:
                dialog = Dialog.of_client(sent.request, response, sent.flow)
            except SipError:
                return None
            dialog.accounts = sent.accounts
            self._forks[tag] = _Fork(dialog, replace(self._begins_with))
        return self._forks.get(tag)

    def _progress(self, sent: Sent, response: Response, now: float) -> None:
        call, fork = self._call, self._fork(sent, response)
        if call.over or self._winner is not None:
            return
        if fork is not None:
            reliable = "100rel" in response.headers.tokens("Require") and response.rseq is not None
            if reliable and not self._acknowledge(fork, response, now):
                return
            call.join(fork.dialog)
            call.dialog, call.offers = fork.dialog, fork.offers
            if reliable and response.sdp is not None:
                fork.offers.hear_answer(response.sdp)
        call.core.tell(Progress(call.handle, response.status, response.sdp))

    def _acknowledge(self, fork: _Fork, response: Response, now: float) -> bool:
        """Send the PRACK; whether this response is the next one, not one that came before or out of order."""
        rseq = response.rseq or 0
        if fork.rseq is not None and rseq != fork.rseq + 1:
            return False
        fork.rseq = rseq
        prack = fork.dialog.request("PRACK")
        prack.headers.set("RAck", str(RAck(rseq, response.cseq)))
        self._call.core.inside(fork.dialog, prack, _nothing, now)
        return True

    def _accepted(self, sent: Sent, response: Response, now: float) -> None:
        call, tag = self._call, response.to.tag or ""
        if call.core.acknowledged(sent, response) or tag == self._winner:
            return
        if call.over or self._winner is not None:
            self._decline(sent, response, now)
            return
        fork = self._fork(sent, response)
        if fork is None:
            # There is no way to say so to a party that has not told where it is.
            call.end(Ending.BAD_ANSWER, now)
            call.forget()
            return
        self._winner = tag
        self._choose(fork, response)
        call.refreshing.heard(response, now)
        if call.offers.turn is Turn.NOBODY and not call.offers.complete:
            call.core.tell(Accepted(call.handle, flow=fork.dialog.flow))
            call.changes.offered_in_answer(sent, response, now)
            return
        call.core.acknowledge(sent, fork.dialog)
        if call.offers.turn is Turn.PEER and response.sdp is None:
            call.offers.drop()
            call.hang_up(now, Ending.BAD_ANSWER)
            return
        heard = response.sdp if response.sdp is not None and call.offers.hear_answer(response.sdp) else None
        call.core.tell(Accepted(call.handle, heard, fork.dialog.flow))
        call.changes.go_on(now)

    def _choose(self, winner: _Fork, response: Response) -> None:
        call = self._call
        for fork in self._forks.values():
            if fork is not winner:
                call.leave(fork.dialog)
        winner.dialog.confirm(response)
        call.join(winner.dialog)
        call.dialog, call.offers, call.up = winner.dialog, winner.offers, True
        call.core.wake(call, "ring", None)

    def _decline(self, sent: Sent, response: Response, now: float) -> None:
        """End a call that came about beside the one in hand, or after we gave up (section 13.2.2.4)."""
        core, fork = self._call.core, self._fork(sent, response)
        if fork is not None:
            fork.dialog.confirm(response)
            core.acknowledge(sent, fork.dialog)
            core.inside(fork.dialog, fork.dialog.request("BYE"), _nothing, now)
        if self._winner is None:
            self._call.forget()

    def _refused(self, response: Response, now: float) -> None:
        call = self._call
        least = response.status == 422 and call.refreshing.raise_least(response)  # noqa: PLR2004
        if least and not call.over:
            self._forks.clear()
            self._next()
            self._sent.request = self._again(self._sent.request)
            call.core.request(self._sent, now)
            return
        call.end(Ending.REJECTED_THERE, now, response.status)
        call.forget()

    def _again(self, former: Request) -> Request:
        """The same INVITE with the next number and the interval that a 422 asked for."""
        request = replace(former, headers=former.headers.copy())
        request.headers.set("CSeq", str(CSeq(self._number, "INVITE")))
        self._call.refreshing.ask(request)
        return request

    def hang_up(self, now: float) -> None:
        """End it before it is answered."""
        self._wants_cancel = True
        self._sent.insists = False
        if self._rings == self._sent.key:
            self._cancel_now(now)

    def acknowledged(self, key: Key, prack: Request, now: float) -> None:
        """A PRACK is never for the caller."""
        del key, prack, now
        raise SipError(481, "No response waits for this PRACK.")

    def abandoned(self, now: float) -> None:
        """The peer ended it by BYE, though it has not been answered."""
        self.hang_up(now)

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""
        if what == "ring":
            self._call.hang_up(now, Ending.NOT_ANSWERED)


def _nothing(_sent: Sent, _response: Response, _now: float) -> None:
    """Whatever is said to this changes nothing."""
