"""The channels of one call: asked for, answered, closed, in each direction on its own (H.245 annex C.4, C.5).

What a medium carries is settled elsewhere (`media`); here messages go out and come in, and what the peer does
without end is bounded. `now` is in seconds.
"""

from collections.abc import Callable, Iterable
from typing import Final

from signalling.gateways.h323.control import channels
from signalling.gateways.h323.control.channels import Refusal
from signalling.gateways.h323.control.codecs import RATE_UNIT, Kind
from signalling.gateways.h323.control.description import OurLine
from signalling.gateways.h323.control.medium import MOST_TRIES, Medium, Ours, Settled, Stage, Theirs
from signalling.gateways.h323.control.rations import Ration
from signalling.gateways.h323.control.values import Choice, Fields, address, choice, inner, number, parts
from signalling.gateways.h323.secret import Secret

T103_S: Final = 15.0
MOST_THEIRS: Final = 8
FIRST_OWN_SESSION: Final = 32
"""Below it H.323 has fixed what sessions are for; a master gives numbers from here."""
_NUMBERS: Final = 2**16 - 1


class Channels:
    """All that are open or asked for. `send` takes messages for the peer."""

    def __init__(self, media: Iterable[Medium], send: Callable[[Choice], None]) -> None:
        self.secret: Secret | None = None
        self.master = False
        self.theirs: dict[int, Theirs] = {}
        self.ours: dict[int, Ours] = {}
        self.media = {medium.kind: medium for medium in media}
        self._send = send
        self._next = 1
        self._asked = Ration(24, 1.0)

    # Theirs.

    def asked(self, fields: Fields, now: float) -> None:
        """Take a request for a channel: keep it until its medium is settled, or turn it down."""
        channel = fields["forwardLogicalChannelNumber"]
        self.forget_theirs(channel)
        try:
            if not self._asked.take(now) or len(self.theirs) >= MOST_THEIRS:
                raise Refusal("unspecified")  # noqa: TRY301 - one way of saying no
            theirs = channels.read(fields, self.secret, master=self.master)
            self._admit(theirs)
        except Refusal as refusal:
            self._send(channels.rejected(channel, refusal.cause))

    def _admit(self, theirs: Theirs) -> None:
        medium = self.media[theirs.kind]
        before = medium.theirs
        if medium.kind is Kind.CONTENT and medium.choice is None:
            raise Refusal("dataTypeNotSupported")
        if before is not None and theirs.replaces != before.number and not before.unwanted:
            raise Refusal("dataTypeNotAvailable")
        if self._conflicts(medium, theirs):
            medium.conflicts += 1
            raise Refusal("masterSlaveConflict")
        if theirs.session and medium.kind is Kind.CONTENT:
            medium.session = theirs.session
        self.theirs[theirs.number] = medium.theirs = theirs

    def _conflicts(self, medium: Medium, theirs: Theirs) -> bool:
        """Whether the peer opens something else than we did, at about the same time, and it is for it to give way.

        Once: a peer that insists is followed.
        """
        ours = medium.ours
        return (
            ours is not None and self.master and not medium.conflicts and ours.settled.same != theirs.settled.same
        )

    def acknowledge(self, medium: Medium, theirs: Theirs, line: OurLine) -> None:
        """Take a channel at this end of ours."""
        if not medium.session:
            medium.session = FIRST_OWN_SESSION
        theirs.line = line
        self._send(channels.acknowledged(theirs, line, medium.session, self.secret, master=self.master))
        most = theirs.settled.codec.bit_rate
        if line.bit_rate is not None and medium.kind is not Kind.SOUND and (most is None or most > line.bit_rate):
            self._send(channels.limited(theirs.number, line.bit_rate))

    def reject(self, theirs: Theirs, cause: str) -> None:
        """Turn a channel down that has waited."""
        self.forget_theirs(theirs.number)
        self._send(channels.rejected(theirs.number, cause))

    def want_closed(self, theirs: Theirs) -> None:
        """Ask the peer to end a channel and open it anew."""
        if not theirs.unwanted:
            theirs.unwanted = True
            self._send(channels.close_wanted(theirs.number))

    def theirs_closed(self, fields: Fields) -> None:
        """Take note that the peer ends a channel."""
        channel = fields["forwardLogicalChannelNumber"]
        self.forget_theirs(channel)
        self._send(channels.close_acknowledged(channel))

    def forget_theirs(self, channel: int) -> None:
        """Be without a channel of theirs."""
        theirs = self.theirs.pop(channel, None)
        if theirs is not None and self.media[theirs.kind].theirs is theirs:
            self.media[theirs.kind].theirs = None

    def pending(self) -> bool:
        """Whether a channel of theirs waits for an answer."""
        return any(theirs.line is None for theirs in self.theirs.values())

    # Ours.

    def new_number(self) -> int:
        """A number for a channel of ours."""
        while self._next in self.ours:
            self._next = self._next % _NUMBERS + 1
        taken, self._next = self._next, self._next % _NUMBERS + 1
        return taken

    def open(self, medium: Medium, settled: Settled, line: OurLine, now: float) -> None:
        """Ask for a channel of ours."""
        ours = Ours(self.new_number(), medium.kind, settled, line, now + T103_S)
        if self.master and settled.algorithm is not None and self.secret is not None:
            ours.key = self.secret.new_key(settled.algorithm)
        medium.tries += 1
        if not medium.session and self.master:
            medium.session = FIRST_OWN_SESSION
        self.ours[ours.number] = medium.ours = ours
        self._send(channels.asked(ours, medium.session, self.secret))

    def close(self, medium: Medium, now: float) -> None:
        """End our channel of a medium, whether the peer has answered or not."""
        ours, medium.ours = medium.ours, None
        if ours is not None:
            ours.stage, ours.due = Stage.CLOSING, now + T103_S
            self._send(channels.closed(ours.number))

    def acknowledged(self, fields: Fields, now: float) -> None:
        """Take the peer's yes: where it is, and as a slave the key to send with."""
        ours = self.ours.get(fields["forwardLogicalChannelNumber"])
        if ours is None or ours.stage is not Stage.OPENING:
            return
        told = parts(inner(fields, "forwardMultiplexAckParameters", "h2250LogicalChannelAckParameters"))
        medium = self.media[ours.kind]
        ours.rtp, ours.rtcp = address(told.get("mediaChannel")), address(told.get("mediaControlChannel"))
        if ours.rtp is None or not self._has_key(ours, fields):
            medium.closed = True
            self.close(medium, now)
            return
        ours.stage, ours.due = Stage.OPEN, None
        ours.limit = 0 if told.get("flowControlToZero") else ours.limit
        medium.session = medium.session or number(told.get("sessionID")) or 0

    def _has_key(self, ours: Ours, fields: Fields) -> bool:
        algorithm = ours.settled.algorithm
        if algorithm is not None and ours.key is None and self.secret is not None:
            ours.key = self.secret.key_of(parts(fields.get("encryptionSync")), algorithm)
        return algorithm is None or ours.key is not None

    def rejected(self, fields: Fields) -> None:
        """Take the peer's no: the codec is not tried again, unless it gives way to the peer's own."""
        ours = self.ours.get(fields["forwardLogicalChannelNumber"])
        if ours is None or ours.stage is not Stage.OPENING:
            return
        medium = self.media[ours.kind]
        del self.ours[ours.number]
        medium.ours = None
        conflicts = choice(fields.get("cause"))[0] == "masterSlaveConflict"
        if not conflicts or medium.tries >= MOST_TRIES:
            medium.refused.add(ours.settled.codec.same)

    def ours_closed(self, fields: Fields) -> None:
        """Take note that the peer knows of a channel's end."""
        ours = self.ours.get(fields["forwardLogicalChannelNumber"])
        if ours is not None and ours.stage is Stage.CLOSING:
            del self.ours[ours.number]

    def close_wanted(self, fields: Fields, now: float) -> None:
        """End a channel of ours that the peer does not want, or wants anew."""
        ours = self.ours.get(fields["forwardLogicalChannelNumber"])
        self._send(channels.close_answered(fields["forwardLogicalChannelNumber"], known=ours is not None))
        if ours is not None and ours.stage is not Stage.CLOSING:
            medium = self.media[ours.kind]
            medium.closed = choice(fields.get("reason"))[0] != "reopen"
            self.close(medium, now)

    def limit(self, fields: Fields) -> None:
        """Take a limit of the peer's for one channel of ours, or for all (H.245 section 7.12.4)."""
        scope, channel = choice(fields.get("scope"))
        restriction, units = choice(fields.get("restriction"))
        most = units * RATE_UNIT if restriction == "maximumBitRate" else None
        for ours in self.ours.values():
            if scope == "wholeMultiplex" or (scope == "logicalChannelNumber" and channel == ours.number):
                ours.limit = most

    def opening(self, *kinds: Kind) -> bool:
        """Whether the peer owes us an answer, about these media or any."""
        return any(
            ours.stage is Stage.OPENING and (not kinds or ours.kind in kinds) for ours in self.ours.values()
        )

    def next_timeout(self) -> float | None:
        """When an answer is overdue."""
        return min((ours.due for ours in self.ours.values() if ours.due is not None), default=None)

    def timeout(self, now: float) -> None:
        """Give up on answers that have not come."""
        for ours in [one for one in self.ours.values() if one.due is not None and one.due <= now]:
            medium = self.media[ours.kind]
            if medium.ours is ours:
                medium.closed = True
                self.close(medium, now)
            else:
                del self.ours[ours.number]
