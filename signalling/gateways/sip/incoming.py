"""How a call that comes in begins (RFC 3261 section 13.3), with reliable provisional responses (RFC 3262)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from signalling.gateways.sip.call import Call
from signalling.gateways.sip.core import Core
from signalling.gateways.sip.dialogs import Dialog
from signalling.gateways.sip.errors import CommandError, SipError
from signalling.gateways.sip.events import AnswerReceived, Ending, IncomingCall
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.offers import Turn
from signalling.gateways.sip.transactions import Key
from signalling.gateways.sip.values import RAck

AGAIN_SECONDS: Final = 60.0
"""A provisional response is sent this often, lest a proxy take the call for dead (RFC 3261 section 13.3.1.1)."""
_FIRST_NUMBER: Final = 2**16


@dataclass(slots=True)
class _Reliable:
    """A provisional response that is sent again until its PRACK comes."""

    response: Response
    rseq: int
    every: float
    until: float


def receive(core: Core, key: Key, arrival: tuple[Request, Flow], user: str, now: float) -> None:
    """Make a call of an INVITE and the way on which it came. Raises SipError if it cannot become one."""
    invite, flow = arrival
    call = Call(core.new_id(), core, caller=False)
    call.refreshing.check(invite)
    call.dialog = Dialog.of_server(invite, core.token(), flow, core.rng.randrange(1, _FIRST_NUMBER))
    if invite.sdp is not None:
        call.offers.hear_offer(invite.sdp)
    call.stage = Incoming(call, key, invite)
    core.owners[call.id] = call
    call.join(call.dialog)
    core.respond(key, core.response(invite, 100), now)
    core.wake(call, "ring", now + core.settings.ring_seconds)
    core.tell(IncomingCall(call.handle, invite.from_, invite.uri, invite.sdp, flow, user))


class Incoming:
    """The time until a call that came in is answered."""

    def __init__(self, call: Call, key: Key, invite: Request) -> None:
        self.key = key
        self._call = call
        self._invite = invite
        self._answered = False
        self._last: Response | None = None
        self._rseq = 0
        self._reliable: _Reliable | None = None
        self._later: list[Callable[[float], None]] = []

    def ring(self, sdp: bytes | None, now: float) -> None:
        """Say that it rings, or with `sdp` what is to be heard meanwhile. Raises CommandError if it is answered.

        To a caller that knows RFC 3262, a description goes reliably and counts as answer, or as offer if it gave
        none; to another it is a foretaste of the same answer in `accept`.
        """
        self._check_open()
        if self._reliable is not None:
            self._later.append(lambda later: self.ring(sdp, later))
            return
        options = self._invite.headers.tokens("Require")
        reliable = "100rel" in options
        if sdp is not None and "100rel" in self._invite.headers.tokens("Supported"):
            reliable = True
        response = self._call.core.response(self._invite, 180 if sdp is None else 183, self._call.dialog)
        if sdp is not None:
            self._describe(sdp, reliable=reliable)
            response.set_body("application/sdp", sdp)
        if reliable:
            self._make_reliable(response, now)
        self._last = response
        self._call.core.respond(self.key, response, now)
        if not reliable:
            self._call.core.wake(self._call, "again", now + AGAIN_SECONDS)

    def _check_open(self) -> None:
        if self._answered or self._call.over:
            raise CommandError("The call has been answered.")

    def _describe(self, sdp: bytes, *, reliable: bool) -> None:
        offers = self._call.offers
        if offers.complete:
            raise CommandError("The offer has been answered.")
        if reliable and offers.turn is Turn.US:
            offers.answer(sdp)
        elif reliable:
            offers.offer(sdp)
        elif offers.turn is not Turn.US:
            raise CommandError("An offer goes into a response that is acknowledged.")

    def _make_reliable(self, response: Response, now: float) -> None:
        core = self._call.core
        self._rseq = self._rseq + 1 if self._rseq else core.rng.randrange(1, 2**31)
        response.headers.set("Require", "100rel")
        response.headers.set("RSeq", str(self._rseq))
        timers = core.settings.timers
        self._reliable = _Reliable(response, self._rseq, timers.t1, now + timers.give_up)
        core.wake(self._call, "reliable", now + timers.t1)

    def acknowledged(self, key: Key, prack: Request, now: float) -> None:
        """Take a PRACK. Raises SipError if it means no response that waits for one."""
        waiting, call = self._reliable, self._call
        if waiting is None or prack.rack != RAck(waiting.rseq, self._invite.cseq):
            raise SipError(481, "No response waits for this PRACK.")
        if prack.sdp is not None and call.offers.turn is not Turn.PEER:
            raise SipError(488, "No offer is taken in a PRACK.")
        self._reliable = None
        call.core.wake(call, "reliable", None)
        call.reply(key, prack, 200, now)
        if prack.sdp is not None:
            call.offers.hear_answer(prack.sdp)
            call.core.tell(AnswerReceived(call.handle, prack.sdp))
        later, self._later = self._later, []
        for command in later:
            command(now)

    def accept(self, sdp: bytes | None, now: float) -> None:
        """Take the call; `sdp` is the answer, or the offer if the caller gave none, and None if that is settled.

        Raises CommandError if it is answered, or has too much or too little of a description.
        """
        self._check_open()
        offers = self._call.offers
        if offers.complete == (sdp is not None):
            raise CommandError("A description is given once.")
        if self._reliable is not None:
            self._later.append(lambda later: self.accept(sdp, later))
            return
        if sdp is not None and offers.turn is Turn.US:
            offers.answer(sdp)
        elif sdp is not None:
            offers.offer(sdp)
        self._close()
        call = self._call
        call.up = True
        call.confirmed_dialog().early = False
        call.accept(self.key, self._invite, sdp, now)

    def reject(self, status: int, now: float, why: Ending = Ending.REJECTED_HERE) -> None:
        """Turn the call down. Raises CommandError if it is answered."""
        self._check_open()
        self._call.end(why, now)
        self._refuse(status, now)
        self._call.forget()

    def _refuse(self, status: int, now: float) -> None:
        self._close()
        self._call.core.respond(self.key, self._call.core.response(self._invite, status, self._call.dialog), now)

    def _close(self) -> None:
        self._answered = True
        self._later.clear()
        self._reliable = None
        for what in ("ring", "again", "reliable"):
            self._call.core.wake(self._call, what, None)

    def hang_up(self, now: float) -> None:
        """End it before it is answered."""
        self._refuse(603, now)
        self._call.forget()

    def abandoned(self, now: float) -> None:
        """The caller gave up (RFC 3261 section 9.2)."""
        self._call.end(Ending.CANCELLED, now)
        self._refuse(487, now)
        self._call.forget()

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""
        if what == "ring":
            self.reject(480, now, Ending.NOT_ANSWERED)
        elif what == "again" and self._last is not None:
            self._call.core.respond(self.key, self._last, now)
            self._call.core.wake(self._call, "again", now + AGAIN_SECONDS)
        elif what == "reliable" and self._reliable is not None:
            self._reliable_again(self._reliable, now)

    def _reliable_again(self, waiting: _Reliable, now: float) -> None:
        core = self._call.core
        if now >= waiting.until:
            self.reject(504, now, Ending.NO_ACK)
            return
        core.respond(self.key, waiting.response, now)
        waiting.every *= 2
        core.wake(self._call, "reliable", min(now + waiting.every, waiting.until))
