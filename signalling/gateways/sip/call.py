"""One call: what is the same for both directions. How it begins is a `Stage`; offers inside it are `Changes`."""

from dataclasses import dataclass
from typing import Final, Protocol

from signalling.gateways.sip import media_control
from signalling.gateways.sip.changes import Changes
from signalling.gateways.sip.core import Core, Sent
from signalling.gateways.sip.dialogs import Dialog, DialogId
from signalling.gateways.sip.errors import SipError
from signalling.gateways.sip.events import (
    AnswerReceived,
    CallId,
    Confirmed,
    Ended,
    Ending,
    KeyFrameWanted,
    KeyPressed,
)
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.offers import Offers, Turn
from signalling.gateways.sip.refreshing import Refreshing
from signalling.gateways.sip.transactions import Incoming, Key

_ALARMS: Final = ("ring", "again", "reliable", "2xx", "question", "retry", "change", "refresh", "expiry")
_GONE: Final = frozenset({408, 481})


class Stage(Protocol):
    """How a call begins: it comes in or goes out."""

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""

    def hang_up(self, now: float) -> None:
        """End it before it is answered."""

    def acknowledged(self, key: Key, prack: Request, now: float) -> None:
        """Take a PRACK."""

    def abandoned(self, now: float) -> None:
        """The peer ended it before it was answered."""


@dataclass(slots=True)
class _Acceptance:
    """A 2xx to an INVITE that is sent again until its ACK comes (RFC 3261 section 13.3.1.4)."""

    key: Key
    response: Response
    every: float
    until: float


class Call:
    """A call and, once there is one, its dialog."""

    def __init__(self, number: int, core: Core, *, caller: bool) -> None:
        self.id = number
        self.core = core
        self.caller = caller
        """Whether it is ours: who made the Call-ID waits longer after glare."""
        self.stage: Stage | None = None
        self.dialog: Dialog | None = None
        self.offers = Offers()
        self.up = False
        self.over = False
        self.changes = Changes(self)
        self.refreshing = Refreshing(self)
        self._acceptance: _Acceptance | None = None
        self._confirmed = False
        self._dialogs: set[DialogId] = set()

    @property
    def handle(self) -> CallId:
        """What commands and events name it by."""
        return CallId(self.id)

    @property
    def awaits_ack(self) -> bool:
        """Whether a 2xx of ours has not been acknowledged."""
        return self._acceptance is not None

    def confirmed_dialog(self) -> Dialog:
        """The dialog; there is one from the first response with a tag on."""
        if self.dialog is None:
            raise RuntimeError("The call has no dialog yet.")
        return self.dialog

    def join(self, dialog: Dialog) -> None:
        """Take requests in this dialog from now on."""
        self._dialogs.add(dialog.id)
        self.core.dialogs[dialog.id] = self

    def leave(self, dialog: Dialog) -> None:
        """Take no more requests in it."""
        self._dialogs.discard(dialog.id)
        self.core.dialogs.pop(dialog.id, None)

    def end(self, why: Ending, now: float, status: int | None = None) -> None:
        """Tell that it is over, once, with an answer to what is open; what else is said to the peer follows."""
        if self.over:
            return
        self.changes.abandon(now)
        self.over = True
        self.core.tell(Ended(self.handle, why, status))
        for what in ("ring", "again", "reliable", "question", "retry", "change", "refresh", "expiry"):
            self.core.wake(self, what, None)

    def forget(self) -> None:
        """Nothing more can come of it."""
        for dialog_id in self._dialogs:
            self.core.dialogs.pop(dialog_id, None)
        self._dialogs.clear()
        self.core.forget(self, _ALARMS)

    def hang_up(self, now: float, why: Ending = Ending.HUNG_UP_HERE) -> None:
        """End it: by BYE, by CANCEL, or by refusing it."""
        if self.over:
            return
        if not self.up and self.stage is not None:
            self.end(why, now)
            self.stage.hang_up(now)
            return
        self.end(why, now)
        # The peer of an unacknowledged 2xx may not know yet that there is a call (RFC 3261 section 15).
        if self._acceptance is None:
            self.bye(now)

    def bye(self, now: float) -> None:
        """Say BYE and forget the call when that is answered, or not answered."""
        dialog = self.confirmed_dialog()
        self._acceptance = None
        self.core.wake(self, "2xx", None)
        self.core.inside(dialog, dialog.request("BYE"), self._bye_heard, now)

    def _bye_heard(self, _sent: Sent, response: Response, _now: float) -> None:
        if response.is_final:
            self.forget()

    def lost(self, status: int, now: float) -> bool:
        """Whether this refusal of a request inside says that there is no call (RFC 5057); it ends then."""
        if status in _GONE and not self.over:
            self.hang_up(now, Ending.LOST)
        return status in _GONE

    def accept(self, key: Key, invite: Request, sdp: bytes | None, now: float) -> None:
        """Answer an INVITE with 200 until it is acknowledged."""
        response = self.core.response(invite, 200, self.confirmed_dialog())
        if sdp is not None:
            response.set_body("application/sdp", sdp)
        self.refreshing.agree(invite, response, now)
        self.core.respond(key, response, now)
        timers = self.core.settings.timers
        self._acceptance = _Acceptance(key, response, timers.t1, now + timers.give_up)
        self.core.wake(self, "2xx", now + timers.t1)

    def alarm(self, what: str, now: float) -> None:
        """Do what is due."""
        match what:
            case "2xx":
                self._accept_again(now)
            case "question" | "retry" | "change":
                self.changes.alarm(what, now)
            case "refresh" | "expiry":
                self.refreshing.alarm(what, now)
            case _:
                if self.stage is not None:
                    self.stage.alarm(what, now)

    def _accept_again(self, now: float) -> None:
        acceptance = self._acceptance
        if acceptance is None:
            return
        if now >= acceptance.until:
            self.end(Ending.NO_ACK, now)
            self.bye(now)
            return
        self.core.respond(acceptance.key, acceptance.response, now)
        acceptance.every = min(2 * acceptance.every, self.core.settings.timers.t2)
        self.core.wake(self, "2xx", min(now + acceptance.every, acceptance.until))

    def receive(self, incoming: Incoming, request: Request, now: float) -> None:
        """Take a request in one of the call's dialogs."""
        if request.method == "ACK":
            self._ack(request, now)
        elif incoming.key is not None:
            dialog = self.confirmed_dialog()
            try:
                if (request.to.tag, request.from_.tag or "") != (dialog.id.local_tag, dialog.id.remote_tag):
                    # A fork that is not the one in hand has nothing to change.
                    raise SipError(481, "This fork is not the call.")  # noqa: TRY301
                dialog.check_order(request)
                dialog.flow = incoming.flow
                self._inside(incoming.key, request, now)
            except SipError as error:
                self.reply(incoming.key, request, error.status, now)

    def reply(self, key: Key, request: Request, status: int, now: float) -> None:
        """Answer a request inside the call without a body; a 500 says when to try again (section 14.2)."""
        response = self.core.response(request, status, self.dialog)
        if status == 500:  # noqa: PLR2004
            response.headers.set("Retry-After", str(self.core.rng.randint(0, 10)))
        if status == 422:  # noqa: PLR2004
            response.headers.set("Min-SE", str(self.core.settings.min_session_seconds))
        self.core.respond(key, response, now)

    def _inside(self, key: Key, request: Request, now: float) -> None:
        if request.method == "BYE":
            self._bye_received(key, request, now)
        elif self.over:
            self.reply(key, request, 481, now)
        elif request.method in ("INVITE", "UPDATE"):
            self.changes.receive(key, request, now)
        elif request.method == "PRACK":
            if self.stage is None:
                raise SipError(481, "Nothing waits for a PRACK.")
            self.stage.acknowledged(key, request, now)
        elif request.method == "INFO":
            self._info(key, request, now)
        else:
            self.reply(key, request, 200 if request.method == "OPTIONS" else 405, now)

    def _bye_received(self, key: Key, request: Request, now: float) -> None:
        self.reply(key, request, 200, now)
        if not self.up and self.stage is not None:
            self.stage.abandoned(now)
        self.end(Ending.HUNG_UP_THERE, now)
        self.forget()

    def _info(self, key: Key, request: Request, now: float) -> None:
        if "Info-Package" in request.headers:
            raise SipError(469, "No packages of RFC 6086 are known here.")
        if request.body and request.content_type not in media_control.TYPES:
            raise SipError(415, "This body is not known.")
        self.reply(key, request, 200, now)
        if media_control.wants_key_frame(request):
            self.core.tell(KeyFrameWanted(self.handle))
        pressed = media_control.pressed(request)
        if pressed is not None:
            self.core.tell(KeyPressed(self.handle, pressed.key, pressed.milliseconds))

    def _ack(self, request: Request, now: float) -> None:
        acceptance = self._acceptance
        if acceptance is None or request.cseq.number != acceptance.response.cseq.number:
            self.core.counts["ack_repeated"] += 1
            return
        self.stop_accepting()
        if self.over:
            self.bye(now)
            return
        # Before the call is said to be up: without the answer there is nowhere yet to be told anything.
        if self.offers.turn is Turn.PEER:
            self._answered(request, now)
        if not self._confirmed and not self.over:
            self._confirmed = True
            self.core.tell(Confirmed(self.handle))
        self.changes.go_on(now)

    def _answered(self, ack: Request, now: float) -> None:
        """Our offer in a 2xx is answered by the ACK or by nothing."""
        if ack.sdp is None:
            self.hang_up(now, Ending.BAD_ANSWER)
            return
        self.offers.hear_answer(ack.sdp)
        self.core.tell(AnswerReceived(self.handle, ack.sdp))

    def stop_accepting(self) -> None:
        """The 2xx has arrived."""
        self._acceptance = None
        self.core.wake(self, "2xx", None)

    def inform(self, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO."""
        dialog = self.confirmed_dialog()
        info = dialog.request("INFO")
        info.set_body(content_type, body)
        self.core.inside(dialog, info, self._info_heard, now)

    def _info_heard(self, _sent: Sent, response: Response, now: float) -> None:
        # A peer that does not answer an INFO in time may still be there (RFC 5057 section 5.1).
        if response.status == 481:  # noqa: PLR2004
            self.lost(response.status, now)
