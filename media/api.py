"""The packet engine as Python sees it: commands in, events out, counters on request. All of it plain data.

The schema is that of media/engine/core/src/api.rs, in MessagePack; tests/media/test_engine_api.py holds the two
together. Robots, which the compiled module holds as well, are in media/clients.py.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

import msgspec
import numpy as np

from media._engine import NativeEngine, NativeError, columns, latency_bounds_us
from media._engine import retrace as _retrace
from media.description import Extensions, IceParams, Slot, Source
from media.lines import LineCommand

__all__ = [
    "AddLeg",
    "Command",
    "CommandRefused",
    "ConsentLost",
    "Demand",
    "Digit",
    "Dtls",
    "Engine",
    "EngineError",
    "Event",
    "Feed",
    "GateChanged",
    "IceConnected",
    "KeyFrameWanted",
    "Latency",
    "LegRemoved",
    "LineConnected",
    "LineDtls",
    "LinkRecorded",
    "MoveLeg",
    "Panic",
    "RecordLink",
    "RemoveLeg",
    "RestartIce",
    "Retraced",
    "RoomFailed",
    "SendDtls",
    "SetFeeds",
    "SetGate",
    "SetKeys",
    "SetMuted",
    "ShardStopped",
    "Site",
    "Snapshot",
    "SourceRef",
    "Speakers",
    "Wanted",
    "retrace",
]

SNAPSHOT_SECONDS: Final = 1.0
CODECS: Final = (
    *("none", "opus", "g722", "pcmu", "pcma", "telephone-event", "vp8", "vp9", "h264", "av1"),
    *("h261", "h263", "h263-1998"),
)
"""In the order of the numbers by which a snapshot tells a codec; 0 is a stream that carries nothing."""
Site = Literal["command", "datagram", "forward", "repair", "timer", "shard"]
"""Kinds of work that a drill can let fail; "shard" ends the whole thread."""
_EVENTS_A_READ: Final = 1024
_E = TypeVar("_E")


class EngineError(Exception):
    """The engine refused something. `code` is a stable word, such as "busy" or "socket"."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(f"{code}: {sentence}")


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class SourceRef(msgspec.Struct, frozen=True, kw_only=True):
    """A source of a leg."""

    leg: int
    source: int


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What fills a slot: forward this source, unchanged but for its numbers.

    `importance` says who yields last on a thin link: 0 pinned or content, 1 signer, 2 speaker, 3 others. `height`
    is the most lines of picture that the page can show in the slot, None when nobody knows.
    """

    leg: int
    slot: int
    # "from" is a keyword of the language, not of the wire.
    source: SourceRef | None = msgspec.field(name="from")
    importance: int = 3
    height: int | None = None


class AddLeg(_Command, frozen=True, kw_only=True):
    """A new leg, its gate closed. `leg` is never used for another."""

    leg: int
    room: int
    ice: IceParams
    sources: tuple[Source, ...]
    slots: tuple[Slot, ...]
    extensions: Extensions
    cname: str


class SetKeys(_Command, frozen=True, kw_only=True):
    """SRTP keys from the DTLS handshake: key and salt joined, for each direction (RFC 5764 section 4.2)."""

    leg: int
    profile: str
    local: bytes
    remote: bytes


class SendDtls(_Command, frozen=True, kw_only=True):
    """DTLS datagrams to the peer, of at most one MTU each."""

    leg: int
    datagrams: list[bytes]


class SetGate(_Command, frozen=True, kw_only=True):
    """Open or close a leg's gate. Only the admission code may ask for this."""

    leg: int
    open: bool


class SetFeeds(_Command, frozen=True, kw_only=True):
    """The whole plan of a room; slots that it does not name fall silent. Repeating it changes nothing."""

    room: int
    feeds: tuple[Feed, ...]


class SetMuted(_Command, frozen=True, kw_only=True):
    """Drop a source's media on arrival, or let it pass again."""

    leg: int
    source: int
    muted: bool


class MoveLeg(_Command, frozen=True, kw_only=True):
    """Take a leg whose gate is closed to another room of the same shard. All feeds to it and from it end."""

    leg: int
    room: int


class RestartIce(_Command, frozen=True, kw_only=True):
    """New ICE credentials on the same leg (RFC 8445 section 9)."""

    leg: int
    ice: IceParams


class RemoveLeg(_Command, frozen=True, kw_only=True):
    """Forget a leg."""

    leg: int


class RecordLink(_Command, frozen=True, kw_only=True):
    """Write down what the estimate of a leg's link is made of, for 1 to 60 s; LinkRecorded tells it.

    Of a leg whose gate is closed it begins when that opens. Refused as "already_recording", or as
    "nothing_to_record" where the peer does not report on each packet.
    """

    leg: int
    seconds: int


class Panic(_Command, frozen=True, kw_only=True):
    """A drill: the next work of one kind for a room fails. Refused unless the engine was made for drills."""

    room: int
    at: Site = "command"


Command = (
    AddLeg
    | SetKeys
    | SendDtls
    | SetGate
    | SetFeeds
    | SetMuted
    | MoveLeg
    | RestartIce
    | RemoveLeg
    | RecordLink
    | Panic
    | LineCommand
)


class IceConnected(_Event, frozen=True, kw_only=True):
    """The first good connectivity check arrived, or the first since consent was lost."""

    leg: int


class Dtls(_Event, frozen=True, kw_only=True):
    """A DTLS datagram from the peer."""

    leg: int
    data: bytes


class LineConnected(_Event, frozen=True, kw_only=True):
    """The first genuine packet on a line, or the first from another address or after ConsentLost."""

    leg: int
    line: int


class LineDtls(_Event, frozen=True, kw_only=True):
    """A DTLS datagram from the peer on a line."""

    leg: int
    line: int
    data: bytes


class KeyFrameWanted(_Event, frozen=True, kw_only=True):
    """Somebody needs a key frame of a source whose leg has agreed to no request by RTCP.

    Told again while none comes, every quarter of a second or later.
    """

    leg: int
    source: int


class Digit(_Event, frozen=True, kw_only=True):
    """Somebody has pressed a key of a telephone (RFC 4733): "0" to "9", "*", "#", "A" to "D".

    Told once, when it is over, whether the gate is open or not.
    """

    leg: int
    key: str
    duration_ms: int

    def __repr__(self) -> str:
        """Leave the key out: it may be of a PIN."""
        return f"Digit(leg={self.leg})"


class ConsentLost(_Event, frozen=True, kw_only=True):
    """No good connectivity check for 30 s (RFC 7675); of a leg without ICE, nothing at all on any line."""

    leg: int


class GateChanged(_Event, frozen=True, kw_only=True):
    """A gate moved; times in microseconds since the Unix epoch, 0 where nothing was sent yet."""

    leg: int
    open: bool
    at_us: int
    last_out_us: int


class Speakers(_Event, frozen=True, kw_only=True):
    """Who spoke last in a room, most recent first."""

    room: int
    legs: list[int]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine would like to get of one encoding: whether anybody takes it, and at most how many bit/s."""

    active: bool
    max_bitrate: int | None


class Demand(_Event, frozen=True, kw_only=True):
    """What a source should send, lowest encoding first: told when it changes, at most every 500 ms a source."""

    leg: int
    source: int
    encodings: list[Wanted]


class LinkRecorded(_Event, frozen=True, kw_only=True):
    """What was recorded of a leg's link, once: when its time is over, it is full, the gate closes or the leg goes.

    `trace` is lines of ASCII, a few MB at most, as media/engine/core/src/bwe/trace.rs describes and reads them:
    times, numbers, sizes and kinds of packets. Not told of a leg whose gate never opened.
    """

    leg: int
    trace: str


class LegRemoved(_Event, frozen=True, kw_only=True):
    """A leg is gone; times as in GateChanged."""

    leg: int
    at_us: int
    last_in_us: int
    last_out_us: int


class RoomFailed(_Event, frozen=True, kw_only=True):
    """The engine's own code failed at work for a room: its legs are gone, every other room goes on.

    `place` is where in the code, as file:line, or empty.
    """

    room: int
    legs: list[int]
    place: str


class ShardStopped(_Event, frozen=True, kw_only=True):
    """A shard's thread has ended by itself: its rooms are gone, and none can be made there."""

    shard: int
    place: str


class CommandRefused(_Event, frozen=True, kw_only=True):
    """A command could not be carried out: `code` is e.g. "unknown_leg"; `leg` is 0 for a room's command."""

    command: str
    leg: int
    code: str


Event = (
    IceConnected
    | Dtls
    | LineConnected
    | LineDtls
    | KeyFrameWanted
    | Digit
    | ConsentLost
    | GateChanged
    | Speakers
    | Demand
    | LinkRecorded
    | LegRemoved
    | RoomFailed
    | ShardStopped
    | CommandRefused
)

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[Event]] = msgspec.msgpack.Decoder(Event)


@dataclass(frozen=True, slots=True)
class Latency:
    """Forwarding delays: from the kernel's receive time stamp to the last send of a datagram's copies.

    All arrays are of unsigned 64-bit integers with a row a shard. Only datagrams count that were sent to somebody.
    """

    bounds_us: np.ndarray[Any, np.dtype[np.uint64]]
    """Microseconds that each bucket stays below, the last one without end."""
    counts: np.ndarray[Any, np.dtype[np.uint64]]
    """Shape (shards, buckets)."""
    sum_us: np.ndarray[Any, np.dtype[np.uint64]]
    """All delays together, in microseconds."""
    impossible: np.ndarray[Any, np.dtype[np.uint64]]
    """Datagrams in no bucket: the system's clock was set while they were here."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every counter at one moment: structured arrays with a row a leg, a row a source or slot, a row a shard.

    `lines` has a row for each line of a leg without ICE (media.lines.Cipher). All columns are unsigned 64-bit
    integers; their meaning stands in media/engine/core/src/stats.rs and line/rows.rs.
    """

    legs: np.ndarray[Any, np.dtype[Any]]
    streams: np.ndarray[Any, np.dtype[Any]]
    shards: np.ndarray[Any, np.dtype[Any]]
    lines: np.ndarray[Any, np.dtype[Any]]
    latency: Latency


class Retraced(NamedTuple):
    """A moment of a recording, from its beginning, the estimate of the call then, and that of a replay.

    Both are the same where the recording began with the link.
    """

    at_us: int
    recorded_bps: int
    replayed_bps: int


def retrace(trace: str) -> list[Retraced]:
    """Put a LinkRecorded.trace through an estimator as the engine has it. Raises EngineError."""
    with refusals():
        return [Retraced(*one) for one in _retrace(trace)]


_BOUNDS_US: Final = np.array(latency_bounds_us(), "<u8")
_DTYPES: Final = tuple(np.dtype([(name, "<u8") for name in names]) for names in columns())


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the compiled module raises into EngineError."""
    try:
        yield
    except NativeError as error:
        raise EngineError(*error.args) from None


def _latency(block: bytes) -> Latency:
    rows = np.frombuffer(block, "<u8").reshape(-1, 3 + len(_BOUNDS_US))
    return Latency(bounds_us=_BOUNDS_US, counts=rows[:, 3:], sum_us=rows[:, 2], impossible=rows[:, 1])


class _Events(Protocol):
    def drain_events(self, most: int) -> list[bytes]: ...


def drain(native: _Events, decoder: msgspec.msgpack.Decoder[_E], take: Callable[[_E], None]) -> None:
    """Call `take` with every event that waits."""
    more = True
    while more:
        events = native.drain_events(_EVENTS_A_READ)
        more = len(events) == _EVENTS_A_READ
        for event in events:
            take(decoder.decode(event))


class Engine:
    """Running shards, one UDP port and thread each. Its methods return at once; none awaits."""

    def __init__(
        self,
        bind: str,
        base_port: int,
        shards: int,
        *,
        drills: bool = False,
        lines: tuple[int, int] | None = None,
    ) -> None:
        """Open the ports `base_port` and following (0: any free ones). Raises EngineError.

        With `drills` the command Panic is taken, so that the shipped build can be tested. `lines` are the first
        and the last port for lines of legs without ICE.
        """
        with refusals():
            self._native = NativeEngine(str(ipaddress.ip_address(bind)), base_port, shards, drills, lines)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where each shard listens."""
        return self._native.addresses()

    def shard_of(self, room: int) -> int:
        """The shard on which a room lives, and so the address that its legs are told."""
        return self._native.shard_of(room)

    def open_ports(self, room: int) -> int:
        """Open two ports for a line of a leg of this room and give the even one, for RTP; the next is for RTCP.

        They are closed with the leg that uses them, or by `close_ports`. Raises EngineError "no_ports" when all
        are in use or rest from their last use.
        """
        with refusals():
            return self._native.open_ports(room)

    def open_local_ports(self, room: int) -> int:
        """The same on 127.0.0.1, where only this machine reaches them. Raises EngineError."""
        with refusals():
            return self._native.open_local_ports(room)

    def close_ports(self, room: int, first: int) -> None:
        """Close two ports that no leg has come to use; of no effect on others. Raises EngineError when busy."""
        with refusals():
            self._native.close_ports(room, first)

    def submit(self, command: Command) -> None:
        """Hand a command over; a refusal of its content comes as an event. Raises EngineError when busy."""
        with refusals():
            self._native.submit(_ENCODER.encode(command))

    def listen(self, loop: asyncio.AbstractEventLoop, take: Callable[[Event], None]) -> None:
        """Call `take` with every event, on the loop, until `stop`."""
        loop.add_reader(self._native.events_fd(), drain, self._native, _DECODER, take)
        self._loop = loop

    def snapshot(self) -> Snapshot:
        """Copy all counters out. Raises EngineError when a shard does not answer within a second.

        Of a shard that has failed there is only its row, with `stopped` set.
        """
        with refusals():
            *rows, delays = self._native.snapshot(SNAPSHOT_SECONDS)
        arrays = (np.frombuffer(block, dtype) for block, dtype in zip(rows, _DTYPES, strict=True))
        legs, streams, shards, lines = arrays
        return Snapshot(legs=legs, streams=streams, shards=shards, lines=lines, latency=_latency(delays))

    def stop(self) -> None:
        """Stop the threads and wait for them."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._native.events_fd())
        self._native.stop()
