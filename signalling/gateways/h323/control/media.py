"""What a call's media are: which codec each has, how the bridge is told, and which channels that takes.

H.323 has no offer and answer: each direction opens its own channel. So this plays the peer's side of SDP. A medium
is settled by the channel that the peer opens, after a moment without one by our own wish; the bridge is offered
what has been settled; its answer has our ports, with which channels are acknowledged and opened. What comes of
them is the next offer. `now` is in seconds.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from signalling.gateways.h323.control import codecs, description
from signalling.gateways.h323.control.capabilities import NOTHING, Receives, Usable
from signalling.gateways.h323.control.codecs import Kind
from signalling.gateways.h323.control.description import KINDS, OurLine, PeerLine
from signalling.gateways.h323.control.events import AnswerReceived, Event, FastStart, OfferReceived, Ready
from signalling.gateways.h323.control.fast import Called, Calling, forget
from signalling.gateways.h323.control.medium import MOST_TRIES, Medium, Ours, Settled, Stage, Theirs
from signalling.gateways.h323.control.opening import Channels
from signalling.gateways.h323.control.rations import Ration
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.control.values import Choice, Fields, Oid
from signalling.gateways.h323.secret import KEY_BYTES, MediaKey, crypto_line

PATIENCE_S: Final = 1.0
"""So long a peer's channels are waited for before ours are opened; a master waits less: one of two does."""
MASTERS_PATIENCE_S: Final = 0.6
OFFERS: Final = (9, 4.2)
"""The bridge lets a call change its description ten times at once, and once in four seconds."""
MORE_TO_COME_S: Final = 0.5
"""So long a change waits for those that are under way."""
FREE_PT: Final = {Kind.SOUND: 120, Kind.PICTURE: 96, Kind.CONTENT: 96}
SECURED_PT: Final = {Kind.SOUND: 120, Kind.PICTURE: 121, Kind.CONTENT: 122}
"""Of codecs that have static numbers in the clear."""


class Media:
    """The media of one call. `tell` takes events, `send` messages."""

    def __init__(
        self, settings: Settings, rng: random.Random, send: Callable[[Choice], None], tell: Callable[[Event], None]
    ) -> None:
        self.media = {kind: Medium(kind, kind.value) for kind in KINDS}
        self.media[Kind.CONTENT].wanted = False
        self.channels = Channels(self.media.values(), send)
        self.usable: Usable = NOTHING
        self.paused = False
        self.shows = False
        """Whether the peer has let us show content."""
        self.started = False
        """Whether the peer hears of us by H.245, or has: what was settled before goes out."""
        self._settings = settings
        self._tell = tell
        self._called = Called(self.media, self.channels, settings)
        self._calling = Calling(self.media, self.channels, settings)
        self._fast = False
        """Whether the bridge is asked about channels of a Setup."""
        self._session, self._version = rng.getrandbits(62), 0
        self._since: float | None = None
        self._said: tuple[PeerLine, ...] | None = None
        self._open: tuple[PeerLine, ...] | None = None
        """What the bridge is asked about now."""
        self._asked: dict[Kind, Settled | None] = {}
        self._owes_answer = False
        """Whether an offer of the bridge's is to be answered."""
        self._declined: tuple[PeerLine, ...] | None = None
        self._offers = Ration(*OFFERS)
        self._due: float | None = None
        self._news: float | None = None
        """Since when there is something to tell the bridge."""
        self._decided = False
        self._ready = False

    @property
    def failed(self) -> bool:
        """Whether both sides know each other, and have nothing in common."""
        return self._decided and not self.paused and not any(medium.choice for medium in self.media.values())

    # What the bridge says.

    def offered(self, sdp: str) -> None:
        """Take an offer of the bridge's: our end of each medium; `AnswerReceived` follows."""
        self._take(sdp)
        self._owes_answer = True

    def answered(self, sdp: str) -> None:
        """Take the answer to `OfferReceived`."""
        if self._open is None:
            return
        self._said, self._open, self._declined = self._open, None, None
        found = description.read(sdp)
        for line in self._said:
            medium = self.media[line.kind]
            medium.line = None if line.codec is None else found.get(line.kind)
            medium.described = self._asked[line.kind]
        if self._fast:
            self._fast = False
            self._tell(FastStart(self._called.accepted()))

    def declined(self) -> None:
        """Keep what was agreed before."""
        self._declined, self._open = self._open, None
        if self._fast:
            self._fast, self._declined = False, None
            for medium in self.media.values():
                forget(medium, self.channels)
            self._tell(FastStart(()))

    def _take(self, sdp: str) -> None:
        found = description.read(sdp)
        for kind, medium in self.media.items():
            medium.line = found.get(kind)

    # Fast start.

    def fast_offered(self, channels: Iterable[Fields]) -> None:
        """Take the channels of a Setup: `FastStart` follows, after an offer if there is one to use."""
        self._fast = self._called.choose(channels)
        if not self._fast:
            self._tell(FastStart(()))

    def fast_proposal(self, sdp: str) -> list[Fields]:
        """What a Setup of ours offers, on what the bridge has offered; the answer to the bridge follows."""
        self.offered(sdp)
        return self._calling.propose()

    def fast_answered(self, channels: Iterable[Fields]) -> bool:
        """Take what became of it; whether any of it stands."""
        return self._calling.answered(channels)

    # What is due.

    def next_timeout(self) -> float | None:
        """When `settle` has something to do."""
        return min((due for due in (self._due, self.channels.next_timeout()) if due is not None), default=None)

    def begin(self, now: float) -> None:
        """Both sides know each other: channels may be opened from now on."""
        self._since = now

    def begin_anew(self, now: float) -> None:
        """The peer has said anew what it takes."""
        for medium in self.media.values():
            medium.begin_anew()
        self._since = now if self._since is not None else None

    def settle(self, now: float) -> None:
        """Do what follows from all that is known."""
        self._due = None
        self.channels.timeout(now)
        self._decided = self._choose(now)
        if not self._decided:
            return
        self._describe(now)
        if self._open is None:
            self._reconcile(now)
            self._answer(now)

    # What each medium has.

    def _choose(self, now: float) -> bool:
        """Choose for each medium; whether all are chosen, or can be left."""
        if self._since is None:
            self._foresee_content()
            return any(medium.choice is not None for medium in self.media.values())
        patience = MASTERS_PATIENCE_S if self.channels.master else PATIENCE_S
        waited = now >= self._since + patience
        decided = True
        for medium in self.media.values():
            follows = medium.kind is Kind.CONTENT and self.media[Kind.PICTURE].choice is not None
            self._choose_for(medium, may_wish=waited or follows)
            decided &= medium.choice is not None or waited or not self.usable.of(medium.kind)
        if self.usable.has_token:
            self._foresee_content()
        if not decided:
            self._wake(self._since + patience)
        return decided

    def _choose_for(self, medium: Medium, *, may_wish: bool) -> None:
        choice, theirs = medium.choice, medium.theirs
        if theirs is not None:
            if choice is None or choice.same != theirs.settled.same:
                receiver = self._receiver(medium, theirs.settled)
                codec = theirs.settled.codec if receiver is None else receiver.codec
                medium.choice = replace(theirs.settled, codec=codec)
        elif choice is None or not self._stands(medium, choice):
            wish = self._wish(medium) if may_wish else None
            # What the bridge knows stays as a line without use: one line less is another leg, with other ports.
            medium.choice = wish or (choice if medium.described is not None else None)

    def _foresee_content(self) -> None:
        """Have a line for content that may come, of a peer that takes none itself or has not said so yet."""
        main, content = self.media[Kind.PICTURE].choice, self.media[Kind.CONTENT]
        if main is not None and content.choice is None and self._settings.content and self._settings.pictures:
            codec = codecs.ours(self._settings.pictures[:1], self._settings.bit_rate, content=True)[0]
            known = main.payload_type if main.codec.name == codec.name else FREE_PT[Kind.CONTENT]
            mode = main.codec.mode if main.codec.name == codec.name else codec.mode
            content.choice = Settled(
                replace(codec, mode=mode), codecs.STATIC.get(codec.name, known), main.algorithm
            )

    def _stands(self, medium: Medium, choice: Settled) -> bool:
        """Whether what was chosen can stay: on hold all can, so that the bridge keeps its ports."""
        if self.paused or self._since is None:
            return True
        return self._receiver(medium, choice) is not None and choice.codec.same not in medium.refused

    def _wish(self, medium: Medium) -> Settled | None:
        """What we would send, of what the peer takes."""
        names = self._settings.sound if medium.kind is Kind.SOUND else self._settings.pictures
        if medium.kind is Kind.CONTENT and not self._settings.content:
            return None
        main = self.media[Kind.PICTURE].choice
        # Content comes in the packets that the main picture has: so it is with most peers.
        like = main.codec.mode if medium.kind is Kind.CONTENT and main is not None else 0
        found = [
            (names.index(one.codec.name), one.codec.mode != like, one.codec.mode, at)
            for at, one in enumerate(self.usable.of(medium.kind))
            if one.codec.name in names and one.codec.same not in medium.refused and self._protects(one)
        ]
        if not found:
            return None
        one = self.usable.of(medium.kind)[min(found)[-1]]
        algorithm = self._algorithm(one)
        return Settled(one.codec, self._number(medium, one, secured=algorithm is not None), algorithm)

    def _number(self, medium: Medium, one: Receives, *, secured: bool) -> int:
        """The payload type of a wish. Of content that of the main picture: so it is with most peers."""
        main = self.media[Kind.PICTURE].choice
        if medium.kind is Kind.CONTENT and main is not None and main.codec.name == one.codec.name:
            return main.payload_type
        static = codecs.STATIC.get(one.codec.name)
        if static is None:
            return FREE_PT[medium.kind]
        return SECURED_PT[medium.kind] if secured else static

    def _algorithm(self, one: Receives) -> Oid | None:
        secret = self.channels.secret
        return (
            None if secret is None or one.security is None or not secret.agreed else secret.accepts(one.security)
        )

    def _protects(self, one: Receives) -> bool:
        secret = self.channels.secret
        return secret is None or not secret.agreed or self._algorithm(one) is not None

    def _receiver(self, medium: Medium, choice: Settled) -> Receives | None:
        """What the peer says that it takes of this, if it does."""
        fitting = (one for one in self.usable.of(medium.kind) if one.codec.same == choice.codec.same)
        return next(
            (one for one in fitting if choice.algorithm is None or self._algorithm(one) == choice.algorithm), None
        )

    # What the bridge is told.

    def _lines(self) -> tuple[PeerLine, ...]:
        return tuple(self._line(self.media[kind]) for kind in KINDS)

    def _line(self, medium: Medium) -> PeerLine:
        choice, theirs, ours = medium.choice, medium.theirs, medium.ours
        if choice is None:
            return PeerLine(medium.kind)
        receiver = self._receiver(medium, choice)
        most = (choice if receiver is None else receiver).codec.bit_rate
        if self.paused or ours is None or ours.stage is not Stage.OPEN or ours.settled.same != choice.same:
            ours = None
        rates = [rate for rate in (most, None if ours is None else ours.limit) if rate]
        return PeerLine(
            kind=medium.kind,
            codec=choice.codec,
            payload_type=choice.payload_type,
            rtp=None if ours is None else ours.rtp,
            rtcp=(None if ours is None else ours.rtcp) or (None if theirs is None else theirs.rtcp),
            sends=self._may_send(medium),
            receives=ours is not None and ours.limit != 0 and (self.shows or medium.kind is not Kind.CONTENT),
            bit_rate=min(rates, default=None) if medium.kind is not Kind.SOUND else None,
            crypto=_crypto(choice, theirs, ours),
        )

    def _may_send(self, medium: Medium) -> bool:
        """Whether the peer sends; of content, whether it can: the bridge gives the floor to nobody else."""
        if medium.theirs is not None:
            return medium.theirs.active
        return medium.kind is Kind.CONTENT and self.usable.has_token and not self.paused

    def _describe(self, now: float) -> None:
        """Offer the bridge what has changed, when it is worth it and may be done."""
        lines = self._lines()
        if self._owes_answer:
            for medium in self.media.values():
                medium.described = medium.choice
        if lines in (self._said, self._declined) or not any(line.codec for line in lines):
            self._news = None
            return
        self._news = now if self._news is None else self._news
        if self._owes_answer or self._open is not None:
            return
        if self._said is not None and _same_media(lines, self._said) and self._more_to_come(now):
            return
        if not self._offers.take(now):
            self._wake(self._offers.when(now))
            return
        self._open, self._version = lines, self._version + 1
        self._asked = {kind: medium.choice for kind, medium in self.media.items()}
        self._tell(OfferReceived(self._written(lines), hold=self.paused, fast=self._fast))

    def _more_to_come(self, now: float) -> bool:
        """Whether the peer owes answers, and they may still come in time to be told with the rest."""
        until = (now if self._news is None else self._news) + MORE_TO_COME_S
        if not self.channels.opening() or now >= until:
            return False
        self._wake(until)
        return True

    def _written(self, lines: tuple[PeerLine, ...]) -> str:
        return description.write(lines, self._session, self._version)

    def _answer(self, now: float) -> None:
        """Answer the bridge's offer once sound goes out, or will not; and say when it can be heard."""
        lines = self._lines()
        waits = self.channels.opening(Kind.SOUND) or self.channels.pending()
        if self._owes_answer and any(line.codec for line in lines) and not waits and not self._more_to_come(now):
            self._owes_answer, self._said, self._version = False, lines, self._version + 1
            self._tell(AnswerReceived(self._written(lines)))
        quiet = self.channels.opening(Kind.SOUND) or self._said is None or self._said[0] != lines[0]
        if not self._ready and not quiet and self.started:
            self._ready = True
            self._tell(Ready())

    def _wake(self, due: float) -> None:
        self._due = due if self._due is None else min(self._due, due)

    # Which channels that takes.

    def _reconcile(self, now: float) -> None:
        for medium in self.media.values():
            self._reconcile_theirs(medium)
            self._reconcile_ours(medium, now)

    def _reconcile_theirs(self, medium: Medium) -> None:
        theirs = medium.theirs
        if theirs is None or medium.described is None:
            return
        fits = theirs.settled.same == medium.described.same
        if theirs.line is not None:
            if medium.line is None or not fits or theirs.line.rtp != medium.line.rtp:
                self.channels.want_closed(theirs)
        elif (fits and medium.line is None) or (not fits and self._declined == self._lines()):
            self.channels.reject(theirs, "dataTypeNotSupported")
        elif fits and medium.line is not None:
            self.channels.acknowledge(medium, theirs, medium.line)

    def _reconcile_ours(self, medium: Medium, now: float) -> None:
        if self._since is None:
            return
        target, ours = self._target(medium), medium.ours
        if ours is not None and (
            target is None or ours.settled.same != target[0].same or ours.line.rtp != target[1].rtp
        ):
            self.channels.close(medium, now)
            ours = None
        if ours is None and target is not None and medium.tries < MOST_TRIES:
            self.channels.open(medium, *target, now)

    def _target(self, medium: Medium) -> tuple[Settled, OurLine] | None:
        """What our channel of a medium is to be, if there is to be one."""
        settled, line = medium.described, medium.line
        if settled is None or line is None or self.paused or medium.closed or not medium.wanted:
            return None
        receiver = self._receiver(medium, settled)
        if settled.codec.same in medium.refused or receiver is None:
            return None
        return replace(settled, codec=receiver.codec), line


def _crypto(settled: Settled, theirs: Theirs | None, ours: Ours | None) -> str:
    """The keys of a line, as far as they are there; nothing is sent or taken under one of zeros."""
    if settled.algorithm is None:
        return ""
    nothing = MediaKey(settled.algorithm, bytes(KEY_BYTES[settled.algorithm]))
    sends, takes = (nothing if one is None or one.key is None else one.key for one in (theirs, ours))
    types = (None if one is None else one.key_type for one in (theirs, ours))
    return crypto_line(sends, takes, *types)


def _same_media(some: tuple[PeerLine, ...], others: tuple[PeerLine, ...]) -> bool:
    """Whether no m-line has got, lost or changed its format."""
    return [(one.codec, one.payload_type) for one in some] == [(one.codec, one.payload_type) for one in others]
