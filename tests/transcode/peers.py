"""The engine's side of a job, for tests: sends coded test pictures and tones by RTP, reads what comes back."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import av
import numpy as np

from transcode import h261, h263, rtp
from transcode.codec import luma
from transcode.compose import ComposeJob
from transcode.frames import Assembler
from transcode.jobs import Compose, Job, PictureCodec, PictureFormat, SoundCodec, SoundFormat
from transcode.mix import MixJob
from transcode.payloads import h264_payloads, vp8_payloads, vp9_payloads
from transcode.pictures import PictureReading, TestPicture, read_picture
from transcode.resample import HISTORY, Lowering
from transcode.rtp_leg import LEDGER_BYTES, Ledger
from transcode.sound import SoundDecoder, SoundEncoder, clock_rate
from transcode.tones import Tone
from transcode.video import LARGEST_PAYLOAD, Coded, VideoDecoder, VideoEncoder

PICTURES = {"vp8": 96, "vp9": 98, "h264": 100, "h261": 31, "h263": 34, "h263-1998": 103}
SOUNDS = {"opus": 111, "g722": 9, "pcmu": 0, "pcma": 8}


def picture_format(codec: PictureCodec, mode: int = 1) -> PictureFormat:
    """A payload type of pictures."""
    return PictureFormat(pt=PICTURES[codec], codec=codec, packetization_mode=mode)


def sound_format(codec: SoundCodec) -> SoundFormat:
    """A payload type of sound."""
    return SoundFormat(pt=SOUNDS[codec], codec=codec)


class Camera:
    """Test pictures of one identity as RTP packets; a key frame first, and when `key` is set."""

    def __init__(
        self,
        identity: int,
        ssrc: int,
        codec: PictureCodec,
        width: int = 320,
        height: int = 240,
        *,
        bitrate: int = 600_000,
        grain: bool = False,
    ) -> None:
        self._picture = TestPicture(identity, width, height)
        self._encoder = VideoEncoder(codec, width, height, fps=25, bitrate=bitrate)
        rng = np.random.default_rng(identity)
        self._grain = rng.integers(-14, 15, (4, height, width, 1)) if grain else np.zeros((4, 1, 1, 1), int)
        self.start = 0
        self.ssrc, self.codec = ssrc, codec
        self.count = self.seq = 0
        self.key = True

    def packets(self) -> list[bytes]:
        """Packets of the next picture."""
        seen = np.clip(self._picture.frame(self.count) + self._grain[self.count % 4], 0, 255).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(seen, format="rgb24").reformat(format="yuv420p")
        coded = self._encoder.encode(frame, self.count / 25, key=self.key)
        self.key = False
        if self.codec == "vp8":
            payloads = vp8_payloads(coded.data, self.count, LARGEST_PAYLOAD)
        elif self.codec == "vp9":
            payloads = vp9_payloads(coded.data, self.count, LARGEST_PAYLOAD, key=coded.key)
        elif self.codec == "h264":
            payloads = h264_payloads(coded.data, LARGEST_PAYLOAD)
        else:
            payloads = older_payloads(self.codec, coded)
        self.count += 1
        return [self._packet(payload, last=n == len(payloads) - 1) for n, payload in enumerate(payloads)]

    def _packet(self, payload: bytes, *, last: bool) -> bytes:
        time = self.start + self.count * 3600
        header = rtp.rtp_header(PICTURES[self.codec], self.seq, time, self.ssrc, marker=last)
        self.seq += 1
        return header + payload


def older_payloads(codec: PictureCodec, coded: Coded) -> list[bytes]:
    """A picture of H.261 or H.263, cut."""
    if codec == "h261":
        return h261.payloads(coded.data, LARGEST_PAYLOAD)
    if codec == "h263":
        return h263.payloads(coded.data, LARGEST_PAYLOAD)
    return h263.plus_payloads(coded.data, LARGEST_PAYLOAD)


class SoundWriter:
    """Blocks of 960 samples at 48 kHz to packets of one codec."""

    def __init__(self, codec: SoundCodec) -> None:
        self._encoder = SoundEncoder(codec, bitrate=32_000)
        self._line = np.zeros((1, HISTORY + 960), np.float32)

    def encode(self, samples: np.ndarray) -> bytes:
        """Encode a block."""
        self._line = np.concatenate((self._line[:, -HISTORY:], samples.reshape(1, -1)), axis=1, dtype=np.float32)
        factor = self._encoder.factor
        return self._encoder.encode(samples if factor == 1 else Lowering(self._line, factor)()[0])


class Microphone:
    """A tone as RTP packets of 20 ms."""

    def __init__(self, tone: Tone, ssrc: int, codec: SoundCodec) -> None:
        self._tone, self._encoder = tone, SoundWriter(codec)
        self.ssrc, self.codec = ssrc, codec
        self.count = 0

    def packet(self) -> bytes:
        """The next packet."""
        payload = self._encoder.encode(self._tone.samples(self.count * 960, 960))
        ticks = self.count * clock_rate(self.codec) // 50
        header = rtp.rtp_header(SOUNDS[self.codec], self.count, ticks, self.ssrc, marker=False)
        self.count += 1
        return header + payload


@dataclass
class Screen:
    """Decodes the packets of one out of pictures."""

    codec: PictureCodec
    packets: list[rtp.Packet] = field(default_factory=list)
    readings: list[PictureReading | None] = field(default_factory=list)
    keys: int = 0
    last: np.ndarray = field(default_factory=lambda: np.zeros((1, 1), np.uint8))

    def __post_init__(self) -> None:
        self._assembler = Assembler({PICTURES[self.codec]: self.codec})
        self._decoder = VideoDecoder(self.codec)

    def take(self, packet: rtp.Packet) -> None:
        """Take the next packet."""
        self.packets.append(packet)
        self._assembler.take(packet, 0.0)
        for frame in self._assembler.frames(0.0):
            self.keys += frame.key
            picture = self._decoder.decode(frame.data)
            if picture is not None:
                self.last = luma(picture).copy()
                self.readings.append(read_picture(self.last))

    @property
    def seen(self) -> PictureReading | None:
        """What the newest picture says."""
        return self.readings[-1] if self.readings else None


@dataclass
class Loudspeaker:
    """Decodes the packets of one out of sound."""

    codec: SoundCodec
    packets: list[rtp.Packet] = field(default_factory=list)
    heard: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._decoder = SoundDecoder(self.codec)

    def take(self, packet: rtp.Packet) -> None:
        """Take the next packet."""
        self.packets.append(packet)
        self.heard.append(self._decoder.decode(packet.payload))

    def samples(self, packets: int = 10) -> np.ndarray:
        """The newest sound."""
        return np.concatenate(self.heard[-packets:]) if self.heard else np.zeros(0, np.int16)


class Stand:
    """A job without process or socket, on a clock of its own, and what the engine sees of it."""

    def __init__(self, job: Job, *, memory: bytearray | None = None, now: float = 100.0) -> None:
        ledger = Ledger(bytearray(LEDGER_BYTES) if memory is None else memory)
        self.now = now
        self.job = ComposeJob(job, ledger) if isinstance(job, Compose) else MixJob(job, ledger, now)
        self.outs: dict[int, Screen | Loudspeaker] = {}
        self.rtcp: list[bytes] = []
        self.sent: list[tuple[float, rtp.Packet]] = []
        self._plis: set[int] = set()

    def pass_time(self, seconds: float, *datagrams: bytes) -> None:
        """Let time pass, as a worker would wake, and then have these come in."""
        until = self.now + seconds
        while (due := self.job.due(self.now)) < until:
            self.now = max(due, self.now)
            self._run()
        self.now = until
        for one in datagrams:
            self.job.take(one, self.now)
        self._run()

    def plis_since_asked(self) -> set[int]:
        """Inputs of which key frames were asked since this was."""
        plis, self._plis = self._plis, set()
        return plis

    def _run(self) -> None:
        for _ in self.job.run(self.now):
            for datagram in self.job.leg.outbox:
                self._see(datagram)
            self.job.leg.outbox.clear()
            self.job.counters.sent(self.now)

    def _see(self, datagram: bytes) -> None:
        if rtp.is_rtcp(datagram):
            self.rtcp.append(datagram)
            self._plis |= rtp.key_frames_asked(datagram) or set()
            return
        packet = rtp.parse_rtp(datagram)
        assert packet is not None
        self.sent.append((self.now, packet))
        if packet.ssrc in self.outs:
            self.outs[packet.ssrc].take(packet)


class Engine:
    """A socket of the engine: counts RTCP, hands RTP to screens and loudspeakers by SSRC."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.0)
        self.port = self._socket.getsockname()[1]
        self.outs: dict[int, Screen | Loudspeaker] = {}
        self.plis: list[int] = []
        self.reports = 0
        self.strays: dict[int, int] = defaultdict(int)
        self._worker = 0

    def connect(self, worker: int) -> None:
        """Send to this port from now on."""
        self._worker = worker

    def send(self, *datagrams: bytes) -> None:
        """Send to the job."""
        for one in datagrams:
            self._socket.sendto(one, ("127.0.0.1", self._worker))

    def receive(self) -> None:
        """Take all that has come."""
        while True:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return
            if rtp.is_rtcp(data):
                self.reports += 1
                self.plis += sorted(rtp.key_frames_asked(data) or ())
                continue
            packet = rtp.parse_rtp(data)
            assert packet is not None
            if packet.ssrc in self.outs:
                self.outs[packet.ssrc].take(packet)
            else:
                self.strays[packet.ssrc] += 1

    async def until(
        self,
        true: Callable[[], object],
        each: Callable[[], object] = lambda: None,
        every: float = 0.02,
        within: float = 20.0,
    ) -> None:
        """Do `each` and take what comes, until something is true."""
        async with asyncio.timeout(within):
            while True:
                self.receive()
                if true():
                    return
                each()
                await asyncio.sleep(every)

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
