"""The application over the real packet engine, and peers that send it real packets.

Store and clock are those of tests/app, so that they can fail and wait for nothing. Peers get through ICE by a
check and have their SRTP keys without a handshake: what is looked at is the gate, and a handshake costs more
than all else.
"""

import itertools
import re
import secrets
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from aioice import stun
from pylibsrtp import Policy, Session

from bridge.app.calls.callers import CallerDoor
from bridge.app.calls.desk import CallerPolicy
from bridge.app.calls.gateways import Gateways
from bridge.app.dialling import Dialling
from bridge.app.duty.rotas import Rota
from bridge.rooms.model import Assurance, Line, Pii, RotaName, SubjectDigest
from media.api import _DECODER, AddLeg, Command, Engine, EngineError, Event, SetGate, SetKeys, Snapshot, drain
from signalling import messages as m
from tests.app.fakes import Pins
from tests.app.rig import OFFER, Page, Rig
from tests.proof.exchange import Exchange, LegsOfCalls
from tests.proof.ledger import Ledger
from tests.proof.openers import Openers

PROFILE: Final = "AEAD_AES_128_GCM"
MASTER: Final = bytes(range(28))
OPUS: Final = 111
PARTS_KEPT: Final = ("0", "3", "4")
MIC_SSRC: Final = 695642925
SMALL_SOURCES: Final = m.Sources(mic="0")
LOOPBACK: Final = "127.0.0.1"
PATIENCE: Final = 60
FIRST_OF_MEDIA: Final = 128
RTCP_TYPES: Final = range(192, 224)
CENTRE: Final = "983658725"
ON_DUTY: Final = ("berg", "vik")
ROTA: Final = Rota(
    RotaName("nord"),
    "Nord",
    Assurance.SUBSTANTIAL,
    frozenset({CENTRE}),
    {SubjectDigest(f"hpr of {name}"): Pii(name) for name in ON_DUTY},
)
_UFRAG: Final = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)
_PWD: Final = re.compile(r"^a=ice-pwd:(\S+)", re.MULTILINE)
_FINGERPRINT: Final = re.compile(r"a=fingerprint:sha-256 [0-9A-F:]+")
_BUNDLE: Final = re.compile(r"a=group:BUNDLE [^\r\n]*")


@cache
def _template() -> str:
    """Chromium's offer with a microphone and two slots for sound alone, which is soon answered."""
    head, *parts = re.split(r"(?=^m=)", OFFER, flags=re.MULTILINE)
    kept = [part for part in parts if re.search(rf"^a=mid:({'|'.join(PARTS_KEPT)})\r?$", part, re.MULTILINE)]
    return _BUNDLE.sub(f"a=group:BUNDLE {' '.join(PARTS_KEPT)}", head) + "".join(kept)


def small_offer(page: int, attempt: int) -> str:
    """An offer as one page makes it; `attempt` is its ICE restart."""
    fingerprint = ":".join(f"{octet:02X}" for octet in page.to_bytes(32, "big"))
    sdp = _FINGERPRINT.sub(f"a=fingerprint:sha-256 {fingerprint}", _template())
    return _UFRAG.sub(f"a=ice-ufrag:u{page}n{attempt}", sdp)


class EngineGate:
    """The real engine, with a queue that can be made full. It asks before each opening, and gives legs their keys.

    `events` are those that came since somebody looked, as with the model of the engine in tests/app.
    """

    def __init__(self) -> None:
        self.engine = Engine(LOOPBACK, 0, 1)
        self.busy = 0
        self.failures = 0
        self.opening: Callable[[int], None] = lambda _leg: None
        self.added: dict[int, AddLeg] = {}

    @property
    def address(self) -> tuple[str, int]:
        """Where packets go."""
        return self.engine.addresses[0]

    @property
    def events(self) -> list[Event]:
        """What the engine has told since the last look."""
        found: list[Event] = []
        drain(self.engine._native, _DECODER, found.append)
        return found

    def shard_of(self, room: int) -> int:
        """As the engine says."""
        return self.engine.shard_of(room)

    def submit(self, command: Command) -> None:
        """Hand a command on, unless the queue is said to be full."""
        if self.busy:
            self.busy -= 1
            self.failures += 1
            raise EngineError("busy", "as told")
        if isinstance(command, SetGate) and command.open:
            self.opening(command.leg)
        self.engine.submit(command)
        if isinstance(command, AddLeg):
            self.added[command.leg] = command
            self.engine.submit(SetKeys(leg=command.leg, profile=PROFILE, local=MASTER, remote=MASTER))

    def snapshot(self) -> Snapshot:
        """All counters, after everything that was submitted so far; a machine may be too busy for it at times."""
        for _ in range(PATIENCE):
            try:
                return self.engine.snapshot()
            except EngineError as error:
                late = error
        raise late

    def stop(self) -> None:
        """End its threads."""
        self.engine.stop()


class EngineRig(Rig):
    """A bridge process with a packet engine and a gateway; `start` is a new process over the same store."""

    engine: Any
    pins: Final = Pins()

    def start(self) -> None:
        """Start it, with a door for calls and somebody to make them."""
        self.rotas.all = [ROTA]
        super().start()
        self.calling = LegsOfCalls(self.legs, self.clock.monotonic, small_offer)
        policy = CallerPolicy(self.pins, lambda: secrets.token_hex(8), lambda secret: f"hash of {secret}")
        self.callers = CallerDoor(self.service, self.calling, policy, self.later)
        self.exchange = Exchange()
        gateways = Gateways({"sip": lambda *_: self.exchange}, {}, lambda _: self.callers)
        gateways.running["sip"].ready = True
        dialling = Dialling(lambda: gateways, self.clock)
        self.service.outside = replace(self.service.outside, dialling=dialling)
        self.door._pins = self.administration._pins = self.pins

    def make_engine(self) -> Any:
        """A new engine; the one before is gone, as its process is."""
        if hasattr(self, "engine"):
            self.engine.stop()
        return EngineGate()

    def deliver(self) -> None:
        """Hand the engine's events over, and run the timers of legs."""
        for event in self.engine.events:
            self.legs.handle_event(event, self.clock.monotonic())
        self.legs.handle_timeout(self.clock.monotonic())

    async def offer(self, page: Page, sdp: str | None = None) -> m.Answer:
        """Offer a microphone, on the page's one peer connection."""
        page.offers += 1
        sdp = sdp or small_offer(page.number, page.offers)
        answer = await self.say(page, m.Offer(sdp=sdp, sources=SMALL_SOURCES, ref=1))
        assert isinstance(answer, m.Answer)
        return answer


class Peer:
    """A page's end of its leg: one socket, and packets of sound under the leg's keys."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.setblocking(False)  # noqa: FBT003 - the library's
        self.leg: int | None = None
        self._at: tuple[str, int] = (LOOPBACK, 0)
        self._numbers: Iterator[int] = itertools.count(1)

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close()

    def connect(self, address: tuple[str, int], answer: m.Answer) -> None:
        """Send a nominating check with the credentials of an answer (RFC 8445, 7.2)."""
        if self.leg != int(answer.leg):
            self._protect = Session(
                Policy(
                    key=MASTER,
                    ssrc_type=Policy.SSRC_ANY_OUTBOUND,
                    srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
                )
            )
            self._numbers = itertools.count(1)
        self.leg, self._at = int(answer.leg), address
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{_found(_UFRAG, answer.sdp)}:peer"
        request.attributes["PRIORITY"] = 1
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(_found(_PWD, answer.sdp).encode())
        self._socket.sendto(bytes(request), address)

    def speak(self) -> None:
        """Send one packet of sound."""
        number = next(self._numbers)
        packet = (
            struct.pack("!BBHII", 0x80, OPUS, number & 0xFFFF, number * 960 & 0xFFFFFFFF, MIC_SSRC) + b"\x78sound"
        )
        self._socket.sendto(self._protect.protect(packet), self._at)

    def heard(self) -> "Heard":
        """How many packets have come since the last look."""
        heard = Heard()
        while True:
            try:
                data = self._socket.recv(2048)
            except BlockingIOError:
                return heard
            # RFC 7983: STUN is below 4, DTLS from 20 to 63, media from 128 on; RFC 5761: RTCP from 192 to 223.
            if data[0] >= FIRST_OF_MEDIA:
                heard.reports += data[1] in RTCP_TYPES
                heard.media += data[1] not in RTCP_TYPES


@dataclass(slots=True)
class Heard:
    """Packets of RTP, and of RTCP, that have come to somebody."""

    media: int = 0
    reports: int = 0


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match is not None
    return match[1]


def _by_call(event: object) -> str:
    """What tells those who come by a call from others."""
    return "" if getattr(event, "line", Line.BROWSER) is Line.BROWSER else "ByCall"


class Rows:
    """A snapshot, by leg."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._rows = {int(row["leg"]): row for row in snapshot.legs}

    def __contains__(self, leg: int) -> bool:
        """Whether there is such a leg."""
        return leg in self._rows

    @property
    def legs(self) -> set[int]:
        """All of them."""
        return set(self._rows)

    @property
    def datagrams(self) -> dict[int, int]:
        """How many have come of each."""
        return {leg: int(row["datagrams_in"]) for leg, row in self._rows.items()}

    @property
    def open(self) -> set[int]:
        """Those whose gate is open."""
        return {leg for leg, row in self._rows.items() if row["gate_open"]}

    def told(self, *legs: int) -> list[dict[str, int]]:
        """What there is to say of some, where something is wrong with them."""
        words = (
            "leg",
            "gate_open",
            "connected",
            "secured",
            "datagrams_in",
            "rtp_out",
            "gate_drops_in",
            "gate_drops_out",
        )
        words += ("srtp_failures", "replays", "unknown_streams", "pacer_drops")
        return [{word: self.of(leg, word) for word in words} for leg in legs if leg in self]

    def of(self, leg: int, column: str) -> int:
        """One counter."""
        return int(self._rows[leg][column])


class ReadAloud:
    """The ledger of a room that is being recorded: it reads what the store has, each event once."""

    def __init__(self, rig: Rig, room: str) -> None:
        self._rig, self._room = rig, room
        self._read = 0
        self._ledger = Ledger()
        self._openers = Openers(frozenset(map(SubjectDigest, ON_DUTY)))
        self.happened: Counter[str] = Counter()
        self.wrong: list[str] = []
        """What was done by somebody who had no right to."""

    def now(self) -> Ledger:
        """What is on record at this moment, whatever fails."""
        for event in self._rig.store.events(self._room, self._read):
            if (wrong := self._openers.after(self._ledger, event)) is not None:
                self.wrong.append(wrong)
            self._ledger = self._ledger.after(event)
            self._read += 1
            self.happened[f"{type(event).__name__}{_by_call(event)}"] += 1
        return self._ledger

    def __len__(self) -> int:
        """How many events there are."""
        self.now()
        return self._read
