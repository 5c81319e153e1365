"""One medium of a call: the peer's channel, ours, and what is settled between them."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from signalling.gateways.h323.control.codecs import DYNAMIC, Codec, Kind
from signalling.gateways.h323.control.description import OurLine
from signalling.gateways.h323.control.values import Address, Oid
from signalling.gateways.h323.secret import MediaKey

MOST_TRIES: Final = 6
"""Channels that we open in one medium before we leave it, as long as the peer's set stays."""


class Stage(Enum):
    """Where a channel of ours stands."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a channel carries: in both directions of a medium the same."""

    codec: Codec
    payload_type: int
    algorithm: Oid | None = None

    @property
    def same(self) -> tuple[object, ...]:
        """What both directions have to have equal. Numbers of H.264 may differ: its line has all there are."""
        number = None if self.codec.name in DYNAMIC else self.payload_type
        return *self.codec.same, number, self.algorithm


@dataclass(slots=True)
class Theirs:
    """A channel that the peer has asked for; open once it has `line`, our end that it was told."""

    number: int
    kind: Kind
    settled: Settled
    session: int
    rtcp: Address | None = field(default=None, repr=False)
    key: MediaKey | None = field(default=None, repr=False)
    key_type: int | None = None
    """The payload type on the wire since its key was changed."""
    line: OurLine | None = None
    active: bool = True
    """Whether it carries anything: the peer says so when it is muted."""
    unwanted: bool = False
    """Whether we have asked for its end."""
    replaces: int | None = None


@dataclass(slots=True)
class Ours:
    """A channel of ours, from when we ask for it. `due` is when we no longer wait for the peer."""

    number: int
    kind: Kind
    settled: Settled
    line: OurLine
    due: float | None
    key: MediaKey | None = field(default=None, repr=False)
    key_type: int | None = None
    stage: Stage = Stage.OPENING
    rtp: Address | None = field(default=None, repr=False)
    rtcp: Address | None = field(default=None, repr=False)
    limit: int | None = None
    """What the peer lets us send, in bit/s; None without a limit."""


@dataclass(slots=True)
class Medium:
    """What is known of one medium."""

    kind: Kind
    session: int
    choice: Settled | None = None
    """What its m-line says next."""
    described: Settled | None = None
    """What the bridge has agreed to, as `line` says."""
    line: OurLine | None = None
    theirs: Theirs | None = None
    ours: Ours | None = None
    wanted: bool = True
    """Whether we are to send in it; content only while somebody shows some."""
    refused: set[tuple[str, int]] = field(default_factory=set)
    """What the peer did not take of us."""
    tries: int = 0
    conflicts: int = 0
    closed: bool = False
    """Whether the peer wants no channel of ours, for now."""

    def begin_anew(self) -> None:
        """Forget what the peer did not want: it has said anew what it takes."""
        self.refused.clear()
        self.tries, self.conflicts, self.closed = 0, 0, False
