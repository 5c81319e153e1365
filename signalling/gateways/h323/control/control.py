"""The control of one call (H.245): what it says to the peer, and what its owner learns and decides.

Messages and commands go in, `collect` gives what comes of them; `now` is in seconds of a clock that never goes
back. How messages travel is the call's business.
"""

import random
from collections.abc import Callable, Iterable
from typing import Final

from signalling.gateways.h323.control import courtesy, user_input
from signalling.gateways.h323.control.codecs import Kind
from signalling.gateways.h323.control.content import Token, Told, is_ours
from signalling.gateways.h323.control.description import allows_plain
from signalling.gateways.h323.control.determination import Determination
from signalling.gateways.h323.control.events import (
    Action,
    Ended,
    Ending,
    Event,
    FloorWanted,
    KeyFrameWanted,
    KeyPressed,
    Send,
)
from signalling.gateways.h323.control.keys import Keys
from signalling.gateways.h323.control.media import Media
from signalling.gateways.h323.control.medium import Stage
from signalling.gateways.h323.control.rations import Ration
from signalling.gateways.h323.control.round_trip import RoundTrip
from signalling.gateways.h323.control.sets import Sets
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.control.values import NULL, Choice, Fields, choice
from signalling.gateways.h323.secret import Secret
from signalling.gateways.interface import Floor

START_S: Final = 25.0
"""In this time both sides know each other, or never."""
MESSAGES: Final = (500, 0.02)
"""What a peer may say; more ends its call."""
KEY_FRAME_EVERY_S: Final = 0.5
UPDATES: Final = frozenset(
    {"videoFastUpdatePicture", "videoFastUpdateGOB", "videoFastUpdateMB", "lostPicture", "lostPartialPicture"}
)


class Control:
    """One call's. `secret` is what its two sides have agreed on, to be set before `start`."""

    def __init__(self, settings: Settings, rng: random.Random, secret: Secret | None = None) -> None:
        self.secret = secret
        self._out: list[Action] = []
        self._determination = Determination(settings.terminal_type, rng, self._send)
        self._sets = Sets(settings, self._send)
        self._media = Media(settings, rng, self._send, self._tell)
        self._new_keys = Keys(self._media.channels)
        self._token = Token(rng, self._send)
        self._round_trip = RoundTrip(self._send)
        self._messages = Ration(*MESSAGES)
        self._start_by: float | None = None
        self._begun = False
        self._over = False
        self._asked_at = self._wanted_at = float("-inf")
        self._wanted_by: float | None = None
        """When to pass on that the peer wants a key frame."""
        self._handlers = self._table()

    # Commands.

    def start(self, now: float, offer: str | None = None) -> None:
        """Begin. With an offer of the bridge's its answer follows, else the peer's offers do."""
        if self._over:
            return
        self._media.channels.secret, self._media.started = self.secret, True
        if offer is not None:
            self._media.offered(offer)
        self._start_by = now + START_S
        self._sets.tell(self.secret, now)
        self._determination.ask(now)
        self._settle(now)

    def fast_start(self, channels: Iterable[Fields], now: float) -> None:
        """Take the channels that a Setup offers: `FastStart` follows, after `OfferReceived` if one is of use.

        With a secret there are none: keys come by H.245.
        """
        if self.secret is not None and self.secret.agreed:
            channels = ()
        self._media.fast_offered(channels)
        self._settle(now)

    def fast_proposal(self, offer: str) -> list[Fields]:
        """The channels for a Setup of ours, for an offer of the bridge's: `start` then comes without it.

        None where the bridge takes nothing in the clear: keys come by H.245.
        """
        return self._media.fast_proposal(offer) if allows_plain(offer) else []

    def fast_started(self, channels: Iterable[Fields], now: float) -> bool:
        """Take what the peer has taken of them; whether any of it stands. `AnswerReceived` follows then."""
        stands = self._media.fast_answered(channels)
        self._settle(now)
        return stands

    def receive(self, message: Choice, now: float) -> None:
        """Take a message of the peer's."""
        if self._over:
            return
        if not self._messages.take(now):
            self._end(Ending.BAD)
            return
        self._round_trip.heard()
        kind, body = choice(message)
        name, value = choice(body)
        handler = self._handlers.get((kind, name))
        if handler is not None:
            handler(value, now)
        elif kind in ("request", "command"):
            self._send(courtesy.no(name, value))
        self._settle(now)

    def answer(self, sdp: str, now: float) -> None:
        """Give the bridge's answer to `OfferReceived`."""
        if not self._over:
            self._media.answered(sdp)
            self._settle(now)

    def refuse(self, now: float) -> None:
        """Turn down what the peer's media are now; what was agreed before stands."""
        if not self._over:
            self._media.declined()
            self._settle(now)

    def offer(self, sdp: str, now: float) -> None:
        """Let our media be these; `AnswerReceived` follows."""
        if not self._over:
            self._media.offered(sdp)
            self._settle(now)

    def want_key_frame(self, now: float) -> None:
        """Ask the peer for one, of each picture that it sends."""
        if self._over or now - self._asked_at < KEY_FRAME_EVERY_S:
            return
        self._asked_at = now
        for theirs in self._media.channels.theirs.values():
            if theirs.kind is not Kind.SOUND and theirs.line is not None:
                said = {"logicalChannelNumber": theirs.number, "type": ("videoFastUpdatePicture", NULL)}
                self._send(("command", ("miscellaneousCommand", said)))

    def floor(self, floor: Floor, now: float) -> None:
        """Tell the peer who shows content; also the answer to `FloorWanted`."""
        if not self._over:
            self._token.floor(floor, now)
            self._settle(now)

    def end(self, now: float) -> None:
        """End it; no `Ended` follows."""
        del now
        if not self._over:
            self._over = True
            self._send(("command", ("endSessionCommand", ("disconnect", NULL))))

    def collect(self) -> list[Action]:
        """Take what there is to send and to know, in order."""
        taken, self._out = self._out, []
        return taken

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do."""
        if self._over:
            return None
        parts_ = (self._start_by, self._wanted_by, self._determination.due, self._sets.due, self._token.due)
        own = (self._round_trip.next_timeout(), self._media.next_timeout())
        return min((due for due in (*parts_, *own) if due is not None), default=None)

    def timeout(self, now: float) -> None:
        """Do what is due."""
        if self._over:
            return
        self._pass_on(now)
        self._determination.timeout(now)
        self._sets.timeout(now)
        self._token.timeout(now)
        self._round_trip.timeout(now)
        if self._round_trip.lost or (self._start_by is not None and self._start_by <= now):
            self._end(Ending.LOST)
            return
        self._settle(now)

    # What follows from all that.

    def _send(self, message: Choice) -> None:
        self._out.append(Send(message))

    def _tell(self, event: Event) -> None:
        self._out.append(event)

    def _end(self, why: Ending, *, ending: bool = True) -> None:
        if ending:
            self.end(0.0)
        self._over = True
        self._tell(Ended(why))

    def _settle(self, now: float) -> None:
        if self._over:
            return
        if self._determination.failed or self._sets.failed:
            self._end(Ending.LOST)
            return
        media, sets = self._media, self._sets
        if self._determination.master is not None:
            media.channels.master = self._determination.master
        if not self._begun and sets.acknowledged and sets.peer.known and self._determination.agreed:
            self._begun, self._start_by = True, None
            self._round_trip.begin(now)
            media.begin(now)
        self._settle_content(now)
        media.settle(now)
        self._settle_content(now)
        if media.failed:
            self._end(Ending.NO_MEDIA)

    def _settle_content(self, now: float) -> None:
        medium = self._media.media[Kind.CONTENT]
        medium.wanted = self._token.wants
        if medium.ours is not None and medium.ours.stage is Stage.OPEN:
            self._token.show(medium.ours.number, now)
        self._media.shows = self._token.shows

    # What the peer says.

    def _table(self) -> dict[tuple[str, str], Callable[[Fields, float], None]]:
        determination, sets, channels = self._determination, self._sets, self._media.channels
        return {
            ("request", "masterSlaveDetermination"): determination.asked,
            ("response", "masterSlaveDeterminationAck"): lambda value, _: determination.acknowledged(value),
            ("response", "masterSlaveDeterminationReject"): lambda _, now: determination.rejected(now),
            ("indication", "masterSlaveDeterminationRelease"): lambda _, __: determination.released(),
            ("request", "terminalCapabilitySet"): self._set,
            ("response", "terminalCapabilitySetAck"): lambda value, _: sets.taken(value),
            ("response", "terminalCapabilitySetReject"): lambda value, now: sets.refused(value, self.secret, now),
            ("command", "sendTerminalCapabilitySet"): lambda _, now: sets.asked(self.secret, now),
            ("request", "openLogicalChannel"): channels.asked,
            ("response", "openLogicalChannelAck"): channels.acknowledged,
            ("response", "openLogicalChannelReject"): lambda value, _: channels.rejected(value),
            ("request", "closeLogicalChannel"): self._closed,
            ("response", "closeLogicalChannelAck"): lambda value, _: channels.ours_closed(value),
            ("request", "requestChannelClose"): channels.close_wanted,
            ("request", "roundTripDelayRequest"): lambda value, _: self._round_trip.asked(value),
            ("response", "roundTripDelayResponse"): self._round_trip.answered,
            ("request", "genericRequest"): self._generic_request,
            ("response", "genericResponse"): lambda value, _: (
                self._token.answered(value) if is_ours(value) else None
            ),
            ("command", "genericCommand"): self._generic_command,
            ("command", "flowControlCommand"): lambda value, _: channels.limit(value),
            ("command", "miscellaneousCommand"): self._command,
            ("command", "endSessionCommand"): lambda _, __: self._end(Ending.HUNG_UP),
            ("indication", "miscellaneousIndication"): self._indication,
            ("indication", "userInput"): self._keys,
        }

    def _set(self, fields: Fields, now: float) -> None:
        sets, media = self._sets, self._media
        if not sets.told(fields, now):
            return
        media.paused, media.usable = sets.peer.paused, sets.peer.usable
        media.begin_anew(now)

    def _closed(self, fields: Fields, now: float) -> None:
        del now
        channels = self._media.channels
        content = self._media.media[Kind.CONTENT].theirs
        channels.theirs_closed(fields)
        if content is not None and self._media.media[Kind.CONTENT].theirs is None:
            self._floor_told(self._token.dropped())

    def _generic_request(self, fields: Fields, now: float) -> None:
        del now
        if is_ours(fields):
            self._floor_told(self._token.requested(fields))
        else:
            self._send(courtesy.UNKNOWN)

    def _generic_command(self, fields: Fields, now: float) -> None:
        del now
        if is_ours(fields):
            self._floor_told(self._token.commanded(fields))

    def _floor_told(self, told: Told | None) -> None:
        if told is not None:
            self._tell(FloorWanted(wanted=told is Told.WANTED))

    def _command(self, fields: Fields, now: float) -> None:
        said = choice(fields.get("type"))[0]
        if said.startswith("encryptionUpdate"):
            for answer in self._new_keys.take(fields, now):
                self._send(answer)
        if said in UPDATES and self._wanted_by is None:
            # One that comes soon after another is not lost: what was lost may be the key frame that came of it.
            self._wanted_by = max(now, self._wanted_at + KEY_FRAME_EVERY_S)
            self._pass_on(now)

    def _pass_on(self, now: float) -> None:
        if self._wanted_by is not None and self._wanted_by <= now:
            self._wanted_at, self._wanted_by = now, None
            self._tell(KeyFrameWanted())

    def _indication(self, fields: Fields, now: float) -> None:
        del now
        theirs = self._media.channels.theirs.get(fields["logicalChannelNumber"])
        said = choice(fields.get("type"))[0]
        if theirs is not None and said in ("logicalChannelActive", "logicalChannelInactive"):
            theirs.active = said == "logicalChannelActive"

    def _keys(self, value: object, now: float) -> None:
        del now
        for key in user_input.read(value):
            self._tell(KeyPressed(key))
