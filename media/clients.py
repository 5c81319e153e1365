"""Robots as Python sees them: clients of any bridge whose packets are moved in Rust. All of it plain data.

Whoever drives them does SDP, signalling and DTLS (`media.transport.DtlsClient`). Connectivity checks begin with
`AddClient`, DTLS datagrams pass through `ClientDtls` and `SendClientDtls`, and media flows from `SetClientKeys`
on. The schema is that of media/engine/robot/src/api.rs, in MessagePack; tests/media/test_native_clients.py holds
the two together.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import numpy as np

from media._engine import NativeClients, client_columns, latency_bounds_us
from media.api import SNAPSHOT_SECONDS, drain, refusals
from media.description import Format, Kind

__all__ = [
    "ANY_SOURCE",
    "AddClient",
    "AddClip",
    "ClientConnected",
    "ClientDtls",
    "ClientIce",
    "ClientRefused",
    "ClientRemoved",
    "Clients",
    "ClientsSnapshot",
    "Command",
    "ConsentFailed",
    "Event",
    "Expect",
    "FirstMedia",
    "Frame",
    "Play",
    "Receiver",
    "RemoveClient",
    "SendClientDtls",
    "Sender",
    "SetClientKeys",
    "latency_bounds_us",
    "source_id",
]

MAX_PAYLOAD_BYTES: Final = 1180
# In an expectation: whoever's media, robot or not, may arrive.
ANY_SOURCE: Final = 2**64 - 1


def source_id(client: int, sender: int) -> int:
    """Give the number by which the marker in a robot's media names its sender."""
    return client << 16 | sender


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    pass


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One picture or one packet of sound: how long it lasts in RTP clock units, and its RTP payloads.

    `key` says that decoding can begin here; each payload has at most MAX_PAYLOAD_BYTES, sound has one. `level` is
    the loudness of sound as -dBov, 0 to 127 (RFC 6464).
    """

    ticks: int
    key: bool
    payloads: list[bytes]
    level: int = 30


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a robot sends: a clip from `start_frame` on, over and over; video begins with a key frame.

    `pacing` "burst" sends the packets of a picture at once, "even" spreads them over the picture's time. Header
    extension ids are 1 to 14, None where not negotiated; `nack` says whether requests for lost packets are
    answered.
    """

    sender: int
    clip: int
    start_frame: int
    ssrc: int
    rtx_ssrc: int | None
    pt: int
    rtx_pt: int | None
    mid: str
    mid_ext: int | None
    audio_level_ext: int | None
    twcc_ext: int | None
    nack: bool
    pacing: Literal["burst", "even"]


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a robot takes. An `ssrc` of None is learned from the mid, or from the payload type.

    `expects` is the source id whose media may arrive, ANY_SOURCE, or None: nobody's may.
    """

    receiver: int
    kind: Kind
    mid: str
    ssrc: int | None
    rtx_ssrc: int | None
    formats: tuple[Format, ...]
    nack: bool
    expects: int | None


class ClientIce(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides' ICE credentials (RFC 8445); the robot is the controlling agent."""

    local_ufrag: str
    local_pwd: str
    remote_ufrag: str
    remote_pwd: str

    def __repr__(self) -> str:
        """Leave the passwords out."""
        return f"ClientIce(local_ufrag={self.local_ufrag!r}, remote_ufrag={self.remote_ufrag!r})"


class AddClip(_Command, frozen=True, kw_only=True):
    """Material that all robots may send, for as long as the process lasts. Pictures begin with a key frame."""

    clip: int
    codec: Literal["opus", "vp8", "h264"]
    clock_rate: int
    frames: list[Frame]


class AddClient(_Command, frozen=True, kw_only=True):
    """A new robot with a socket of its own on `bind`, an address; connectivity checks to `remote` begin at once.

    `check_percent` of the pictures and packets of sound that arrive are decrypted and verified in full, 0 to 100.
    `grace_ms` is how long before and after an `Expect` both the old and the new source may be seen.
    """

    client: int
    remote: tuple[str, int]
    bind: str
    ice: ClientIce
    senders: tuple[Sender, ...]
    receivers: tuple[Receiver, ...]
    cname: str
    mid_ext: int | None
    twcc_ext: int | None
    check_percent: int
    grace_ms: int = 0


class SetClientKeys(_Command, frozen=True, kw_only=True):
    """SRTP keys from the DTLS handshake, as in `media.api.SetKeys`; senders that play begin."""

    client: int
    profile: str
    local: bytes
    remote: bytes


class SendClientDtls(_Command, frozen=True, kw_only=True):
    """DTLS datagrams to the peer; dropped and counted before `ClientConnected`."""

    client: int
    datagrams: list[bytes]


class Play(_Command, frozen=True, kw_only=True):
    """Let a sender go on or pause. Senders play from the start."""

    client: int
    sender: int
    on: bool


class Expect(_Command, frozen=True, kw_only=True):
    """Say whose media may arrive at a receiver from now on: a source id, ANY_SOURCE, or None for nobody's."""

    client: int
    receiver: int
    source: int | None


class RemoveClient(_Command, frozen=True, kw_only=True):
    """Forget a robot and close its socket; its peer is not told."""

    client: int


Command = AddClip | AddClient | SetClientKeys | SendClientDtls | Play | Expect | RemoveClient


class ClientConnected(_Event, frozen=True, kw_only=True):
    """The peer answered a connectivity check: DTLS may begin."""

    client: int


class ClientDtls(_Event, frozen=True, kw_only=True):
    """A DTLS datagram from the peer."""

    client: int
    data: bytes


class ConsentFailed(_Event, frozen=True, kw_only=True):
    """No answer to a check for 30 s (RFC 7675); the robot sends nothing any more."""

    client: int


class FirstMedia(_Event, frozen=True, kw_only=True):
    """The first RTP packet of a receiver; `at_us` is its arrival in microseconds since the Unix epoch."""

    client: int
    receiver: int
    at_us: int


class ClientRemoved(_Event, frozen=True, kw_only=True):
    """A robot is gone."""

    client: int


class ClientRefused(_Event, frozen=True, kw_only=True):
    """A command could not be carried out: `code` is e.g. "unknown_client"; `client` is 0 for a clip."""

    command: str
    client: int
    code: str


Event = ClientConnected | ClientDtls | ConsentFailed | FirstMedia | ClientRemoved | ClientRefused

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[Event]] = msgspec.msgpack.Decoder(Event)
_DTYPES: Final = tuple(np.dtype([(name, "<u8") for name in names]) for names in client_columns())


@dataclass(frozen=True, slots=True)
class ClientsSnapshot:
    """Every counter at one moment: structured arrays with a row a robot, a sender, a receiver, a thread.

    All columns are unsigned 64-bit integers; their meaning stands in media/engine/robot/src/stats.rs. `latency`
    has the counts of forwarding latency of sound and of pictures, in the buckets of `latency_bounds_us`.
    """

    clients: np.ndarray[Any, np.dtype[Any]]
    senders: np.ndarray[Any, np.dtype[Any]]
    receivers: np.ndarray[Any, np.dtype[Any]]
    threads: np.ndarray[Any, np.dtype[Any]]
    latency: dict[Kind, np.ndarray[Any, np.dtype[np.uint64]]]


class Clients:
    """Running threads that play clients. Methods return at once; errors are `media.api.EngineError`."""

    def __init__(self, threads: int) -> None:
        """Start the threads; a robot lives on thread `client % threads`."""
        with refusals():
            self._native = NativeClients(threads)
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, command: Command) -> None:
        """Hand a command over; a refusal of its content comes as an event. Raises EngineError when busy."""
        with refusals():
            self._native.submit(_ENCODER.encode(command))

    def listen(self, loop: asyncio.AbstractEventLoop, take: Callable[[Event], None]) -> None:
        """Call `take` with every event, on the loop, until `stop`."""
        loop.add_reader(self._native.events_fd(), drain, self._native, _DECODER, take)
        self._loop = loop

    def snapshot(self) -> ClientsSnapshot:
        """Copy all counters out. Raises EngineError when a thread does not answer within a second."""
        with refusals():
            *blocks, latency = self._native.snapshot(SNAPSHOT_SECONDS)
        rows = (np.frombuffer(block, dtype) for block, dtype in zip(blocks, _DTYPES, strict=True))
        clients, senders, receivers, threads = rows
        audio, video = np.frombuffer(latency, "<u8").reshape(2, -1)
        return ClientsSnapshot(
            clients=clients,
            senders=senders,
            receivers=receivers,
            threads=threads,
            latency={"audio": audio, "video": video},
        )

    def reset_latency(self) -> None:
        """Forget the latencies that were measured so far."""
        with refusals():
            self._native.reset_latency()

    def stop(self) -> None:
        """Stop the threads, wait for them, and close every robot's socket."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._native.events_fd())
        self._native.stop()
