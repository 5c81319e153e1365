"""Offers inside a call: re-INVITE and UPDATE in both directions (RFC 3261 section 14, RFC 3311, RFC 6337)."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from signalling.gateways.sip.core import Sent
from signalling.gateways.sip.errors import CommandError, SipError
from signalling.gateways.sip.events import AnswerReceived, Ending, OfferReceived, OfferRefused, OfferWanted
from signalling.gateways.sip.hold import is_hold
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.offers import Turn
from signalling.gateways.sip.transactions import Key

MAX_TRIES: Final = 4
_UNAVAILABLE: Final = 503

if TYPE_CHECKING:
    from signalling.gateways.sip.call import Call


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that we want: by INVITE or UPDATE.

    Without a description an INVITE asks for the peer's offer, and an UPDATE only refreshes.
    """

    method: str
    sdp: bytes | None
    refresh: bool = False
    """Whether it is for the session timer: an INVITE has what is in force when it is sent."""
    tries: int = 0
    """How often it could not be sent, or met a peer that was not available."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What the owner has to answer: a request of the peer's, or the offer in its 2xx to our INVITE without one."""

    key: Key | None = None
    request: Request | None = None
    sent: Sent | None = None
    wants_offer: bool = False


class Changes:
    """At most one change is under way in either direction; one more may wait, a newer one in its place."""

    def __init__(self, call: "Call") -> None:
        self._call = call
        self._wish: Wish | None = None
        self._sent: tuple[Sent, Wish] | None = None
        self._question: _Question | None = None
        self._waits = False

    # What we want.

    def want(self, wish: Wish, now: float) -> None:
        """Make this change as soon as nothing else is under way."""
        self._wish = wish
        self.go_on(now)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way or waits."""
        return self._wish is None and not self._is_busy()

    def _is_busy(self) -> bool:
        open_ = self._call.offers.turn is not Turn.NOBODY
        under_way = self._sent is not None or self._question is not None or self._call.awaits_ack
        return open_ or under_way or self._waits

    def go_on(self, now: float) -> None:
        """Send what waits, if it may be sent now."""
        call, wish = self._call, self._wish
        if wish is None or not call.up or call.over or self._is_busy():
            return
        self._wish = None
        if wish.refresh and wish.method == "INVITE":
            wish = replace(wish, sdp=call.offers.local)
        dialog = call.confirmed_dialog()
        request = dialog.request(wish.method)
        if wish.sdp is not None:
            call.offers.offer(wish.sdp)
            request.set_body("application/sdp", wish.sdp)
        call.refreshing.ask(request)
        # Nobody here would acknowledge a provisional response to it.
        request.headers.set("Supported", "timer")
        self._sent = (call.core.inside(dialog, request, self._hear, now), wish)
        if wish.method == "INVITE":
            call.core.wake(call, "change", now + call.core.settings.ring_seconds)

    def _hear(self, sent: Sent, response: Response, now: float) -> None:
        if not response.is_final or (response.is_success and self._call.core.acknowledged(sent, response)):
            return
        current = self._sent
        if current is None or current[0] is not sent:
            return
        self._sent = None
        self._call.core.wake(self._call, "change", None)
        if response.is_success:
            self._granted(sent, current[1], response, now)
        else:
            self._denied(current[1], response, now)
        self.go_on(now)

    def _granted(self, sent: Sent, wish: Wish, response: Response, now: float) -> None:
        call = self._call
        dialog = call.confirmed_dialog()
        dialog.refresh(response)
        if call.over:
            if wish.method == "INVITE":
                call.core.acknowledge(sent, dialog)
            return
        call.refreshing.heard(response, now)
        if wish.method == "INVITE" and wish.sdp is None:
            self.offered_in_answer(sent, response, now)
            return
        if wish.method == "INVITE":
            call.core.acknowledge(sent, dialog)
        if wish.sdp is None:
            return
        if response.sdp is None:
            call.offers.drop()
            call.hang_up(now, Ending.BAD_ANSWER)
            return
        call.offers.hear_answer(response.sdp)
        call.core.tell(AnswerReceived(call.handle, response.sdp))

    def offered_in_answer(self, sent: Sent, response: Response, now: float) -> None:
        """Our INVITE asked for an offer: the 2xx has it, and the ACK waits for our answer."""
        call = self._call
        if response.sdp is None:
            call.core.acknowledge(sent, call.confirmed_dialog())
            call.hang_up(now, Ending.BAD_ANSWER)
            return
        call.offers.hear_offer(response.sdp)
        self._ask(_Question(sent=sent), response.sdp, now)

    def _denied(self, wish: Wish, response: Response, now: float) -> None:
        call = self._call
        if wish.sdp is not None:
            call.offers.drop()
        if call.over or call.lost(response.status, now):
            return
        after = self._retry_after(wish, response)
        if after is not None:
            # A newer wish has taken this one's place.
            self._wish = self._wish or replace(wish, tries=wish.tries + (response.status == _UNAVAILABLE))
            self._waits = True
            call.core.wake(call, "retry", now + after)
        elif wish.refresh:
            call.refreshing.denied(wish, response, now)
        else:
            call.core.tell(OfferRefused(call.handle, response.status))

    def _retry_after(self, wish: Wish, response: Response) -> float | None:
        """How long to wait before trying again (RFC 3261 section 14.1, RFC 3311 section 5.3); None: not at all.

        When a connection broke, the peer may have taken what was never answered: another try makes both agree.
        """
        rng = self._call.core.rng
        if response.status == _UNAVAILABLE and wish.tries < MAX_TRIES:
            return rng.randint(50, 200) / 100
        if response.status == 491:  # noqa: PLR2004
            return rng.randint(210, 400) / 100 if self._call.caller else rng.randint(0, 200) / 100
        if response.status == 500 and "Retry-After" in response.headers:  # noqa: PLR2004
            return float(min(max(response.integer("Retry-After") or 0, 1), 10))
        if response.status == 422 and self._call.refreshing.raise_least(response):  # noqa: PLR2004
            return 0.0
        return None

    # What the peer wants.

    def receive(self, key: Key, request: Request, now: float) -> None:
        """Take a re-INVITE or an UPDATE. Raises SipError with what it is refused with."""
        call = self._call
        self._check(request)
        call.refreshing.check(request)
        if request.sdp is not None:
            call.offers.hear_offer(request.sdp)
        call.confirmed_dialog().refresh(request)
        if request.method == "UPDATE" and request.sdp is None:
            self._grant(key, request, None, now)
            return
        if request.method == "INVITE":
            call.core.respond(key, call.core.response(request, 100, call.dialog), now)
        self._ask(_Question(key, request, wants_offer=request.sdp is None), request.sdp, now)

    def _check(self, request: Request) -> None:
        if request.body and request.sdp is None:
            raise SipError(415, "Only session descriptions are known here.")
        if request.method == "UPDATE" and request.sdp is None:
            return
        if self._question is not None:
            raise SipError(491 if self._question.sent else 500, "The former offer has not been answered.")
        if self._sent is not None:
            raise SipError(491, "A change from here is under way.")
        if request.method == "INVITE":
            if not self._call.up:
                raise SipError(491, "The call has not been answered.")
            if self._call.awaits_ack and self._call.offers.turn is Turn.NOBODY:
                # Who sends another INVITE has had the 2xx of the last.
                self._call.stop_accepting()

    def _ask(self, question: _Question, sdp: bytes | None, now: float) -> None:
        call = self._call
        self._question = question
        call.core.wake(call, "question", now + call.core.settings.decide_seconds)
        call.core.tell(OfferWanted(call.handle) if sdp is None else OfferReceived(call.handle, sdp, is_hold(sdp)))

    def answer(self, sdp: bytes, now: float) -> None:
        """Answer the peer's offer, or give the offer that it asked for. Raises CommandError if it did neither."""
        question, call = self._take_question(), self._call
        if question.wants_offer:
            call.offers.offer(sdp)
        else:
            call.offers.answer(sdp)
        if question.sent is not None:
            call.core.acknowledge(question.sent, call.confirmed_dialog(), sdp)
        elif question.key is not None and question.request is not None:
            if question.request.method == "INVITE":
                call.accept(question.key, question.request, sdp, now)
            else:
                self._grant(question.key, question.request, sdp, now)
        self.go_on(now)

    def _grant(self, key: Key, update: Request, sdp: bytes | None, now: float) -> None:
        call = self._call
        response = call.core.response(update, 200, call.dialog)
        if sdp is not None:
            response.set_body("application/sdp", sdp)
        if call.up:
            call.refreshing.agree(update, response, now)
        call.core.respond(key, response, now)

    def refuse(self, status: int, now: float) -> None:
        """Turn down what the peer offers or asks for; what was agreed before stands.

        An offer in a 2xx cannot be turned down (RFC 3261 section 13.2.2.4): the call ends. Raises CommandError
        if there is nothing to refuse.
        """
        question, call = self._take_question(), self._call
        call.offers.drop()
        if question.sent is not None:
            call.core.acknowledge(question.sent, call.confirmed_dialog())
            call.hang_up(now)
        elif question.key is not None and question.request is not None:
            call.reply(question.key, question.request, status, now)
        self.go_on(now)

    def _take_question(self) -> _Question:
        question, self._question = self._question, None
        if question is None:
            raise CommandError("Nothing waits for an answer.")
        self._call.core.wake(self._call, "question", None)
        return question

    def abandon(self, now: float) -> None:
        """The call ends: what waits for an answer gets one, and what we wait for may not come any more."""
        self._wish = None
        if self._sent is not None:
            core = self._call.core
            core.transactions.give_up(self._sent[0].key, now + core.settings.timers.give_up)
        if self._question is not None:
            question = self._take_question()
            self._call.offers.drop()
            if question.sent is not None:
                self._call.core.acknowledge(question.sent, self._call.confirmed_dialog())
            elif question.key is not None and question.request is not None:
                self._call.reply(question.key, question.request, 487, now)

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""
        if what == "question":
            self.refuse(504, now)
        elif what == "change" and self._sent is not None:
            self._call.core.cancel(self._sent[0], now)
        elif what == "retry":
            self._waits = False
            self.go_on(now)
