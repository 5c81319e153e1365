"""What the benchmark of conversion sends, how it finds delays by content in what comes back."""

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

import av
import numpy as np

from tests.transcode.peers import PICTURES, SOUNDS, picture_format, sound_format
from transcode import rtp
from transcode.clips import picture_clip
from transcode.codec import luma
from transcode.frames import Assembler
from transcode.jobs import Compose, Mix, PictureIn, PictureOut, Scene, SoundIn, SoundOut, Tile
from transcode.layout import places
from transcode.pictures import TestPicture, read_picture
from transcode.sound import SoundDecoder, SoundEncoder
from transcode.tones import Samples
from transcode.video import VideoDecoder

FPS: Final = 25
OUT: Final = 90
PEOPLE: Final = 4
CLICK_EVERY: Final = 12
_GRID: Final = Scene(tiles=tuple(Tile(input=one) for one in range(1, PEOPLE + 1)))


class Arrival(NamedTuple):
    """A packet that came out, and when, in seconds of the machine's clock."""

    at: float
    packet: rtp.Packet


class Delay(NamedTuple):
    """How long something took that was sent at a moment; in seconds."""

    sent: float
    lasted: float


@dataclass
class Player:
    """Sends frames that were made beforehand, one each `every` seconds from `phase` on, in a loop."""

    ssrc: int
    pt: int
    ticks: int
    every: float
    phase: float
    frames: Sequence[Sequence[bytes]]
    marks: Sequence[int]
    sent: list[tuple[int, float]] = field(default_factory=list)
    seq: int = 0

    def due(self, begin: float) -> float:
        """When the next frame is to be sent."""
        return begin + self.phase + len(self.sent) * self.every

    def send(self, sock: socket.socket) -> None:
        """Send it, and note its mark and when its last packet went."""
        number = len(self.sent)
        payloads = self.frames[number % len(self.frames)]
        for n, payload in enumerate(payloads):
            marker = n == len(payloads) - 1
            header = rtp.rtp_header(self.pt, self.seq, number * self.ticks, self.ssrc, marker=marker)
            self.seq += 1
            sock.send(header + payload)
        self.sent.append((self.marks[number % len(self.frames)], time.monotonic()))


class Port:
    """The engine's port, from outside of the worker."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.0)
        self.number: int = self._socket.getsockname()[1]

    def connect(self, worker: int) -> None:
        """Speak with this port."""
        self._socket.connect(("127.0.0.1", worker))

    def play(self, players: Sequence[Player], seconds: float) -> list[Arrival]:
        """Send for so long and note what comes; runs in a thread of its own."""
        begin = time.monotonic() + 0.01
        arrivals: list[Arrival] = []
        while (now := time.monotonic()) < begin + seconds:
            following = min(players, key=lambda one: one.due(begin))
            if now >= following.due(begin):
                following.send(self._socket)
            elif select.select([self._socket], [], [], min(following.due(begin) - now, 0.05))[0]:
                self._take(arrivals)
        return arrivals

    def _take(self, arrivals: list[Arrival]) -> None:
        try:
            data = self._socket.recv(4096)
        except (BlockingIOError, ConnectionError):
            return
        packet = None if rtp.is_rtcp(data) else rtp.parse_rtp(data)
        if packet is not None and packet.ssrc == OUT:
            arrivals.append(Arrival(time.monotonic(), packet))

    def close(self) -> None:
        """Give it back."""
        self._socket.close()


@lru_cache(maxsize=8)
def _camera_frames(identity: int, width: int, height: int, bitrate: int) -> tuple[tuple[bytes, ...], ...]:
    clip = picture_clip(
        "vp8", TestPicture(identity, width, height), fps=FPS, bitrate=bitrate, seconds=2, key_every_s=2
    )
    return tuple(frame.payloads for frame in clip.frames)


def _camera(ssrc: int, width: int, height: int, bitrate: int, phase: float) -> Player:
    frames = _camera_frames(ssrc, width, height, bitrate)
    return Player(ssrc, PICTURES["vp8"], 90_000 // FPS, 1 / FPS, phase, frames, range(len(frames)))


def one_camera() -> list[Player]:
    """A camera of 720p."""
    return [_camera(1, 1280, 720, 1_500_000, 0.0)]


def four_cameras() -> list[Player]:
    """Cameras of a quarter of that, evenly apart."""
    return [_camera(one, 640, 360, 500_000, 0.01 * one) for one in range(1, PEOPLE + 1)]


def _click(number: int) -> Samples:
    """Give 20 ms with a click at the beginning in each twelfth, silence else."""
    block = np.zeros(960, np.int16)
    if number % CLICK_EVERY == 0:
        block[:240] = (np.sin(np.arange(240) / 240 * 2 * np.pi * 5) * 20_000).astype(np.int16)
    return block


@lru_cache(maxsize=8)
def _voice_frames(shift: int) -> tuple[tuple[bytes, ...], ...]:
    encoder = SoundEncoder("opus", bitrate=32_000)
    return tuple((encoder.encode(_click(n + shift)),) for n in range(CLICK_EVERY * 20))


def four_voices() -> list[Player]:
    """Voices that click in turn, evenly apart; the last one sends silence."""
    shift = CLICK_EVERY // 3
    players = []
    for n in range(PEOPLE):
        frames = _voice_frames(n * shift if n < PEOPLE - 1 else 1)
        marks = [int((k + n * shift) % CLICK_EVERY == 0 and n < PEOPLE - 1) for k in range(len(frames))]
        players.append(Player(n + 1, SOUNDS["opus"], 960, 0.02, 0.005 * n, frames, marks))
    return players


def conversion(peer: int) -> Compose:
    """One picture to another codec."""
    camera = PictureIn(ssrc=1, formats=(picture_format("vp8"),))
    return Compose(id=1, peer=peer, inputs=(camera,), outs=(_out(Scene(tiles=(Tile(input=1),))),))


def composition(peer: int) -> Compose:
    """Four pictures in one."""
    cameras = tuple(PictureIn(ssrc=one, formats=(picture_format("vp8"),)) for one in range(1, PEOPLE + 1))
    return Compose(id=1, peer=peer, inputs=cameras, outs=(_out(_GRID),))


def _out(scene: Scene) -> PictureOut:
    return PictureOut(
        ssrc=OUT, format=picture_format("h264"), width=1280, height=720, scene=scene, bitrate=1_500_000
    )


def mix(peer: int) -> Mix:
    """Four people, each hears the others; that of the last, who hears all who click, is measured."""
    voices = tuple(SoundIn(ssrc=one, formats=(sound_format("opus"),)) for one in range(1, PEOPLE + 1))
    outs = []
    for one in range(1, PEOPLE + 1):
        of = tuple(other for other in range(1, PEOPLE + 1) if other != one)
        outs.append(SoundOut(ssrc=OUT + PEOPLE - one, format=sound_format("pcmu"), of=of))
    return Mix(id=1, peer=peer, inputs=voices, outs=tuple(outs))


def picture_delays(players: Sequence[Player], arrivals: Sequence[Arrival]) -> list[Delay]:
    """Find for each counter that a tile begins to show when it was sent; in seconds."""
    assembler, decoder = Assembler({PICTURES["h264"]: "h264"}), VideoDecoder("h264")
    first: dict[int, float] = {}
    delays: list[Delay] = []
    at = [0] * len(players)
    for arrival in arrivals:
        first.setdefault(arrival.packet.timestamp, arrival.at)
        assembler.take(arrival.packet, arrival.at)
        for frame in assembler.frames(arrival.at):
            picture = decoder.decode(frame.data)
            if picture is not None:
                delays += _shown(picture, players, at, first[frame.timestamp])
    return delays


def _shown(picture: av.VideoFrame, players: Sequence[Player], at: list[int], came: float) -> list[Delay]:
    delays = []
    for n, place in enumerate(places("grid", len(players), picture.width, picture.height)):
        reading = read_picture(luma(picture)[place.y : place.y + place.height, place.x : place.x + place.width])
        if reading is None:
            continue
        sent = players[n].sent
        following = next(
            (k for k in range(at[n], min(at[n] + 40, len(sent))) if sent[k][0] == reading.counter), None
        )
        if following is not None and sent[following][1] <= came:
            at[n] = following + 1
            delays.append(Delay(sent[following][1], came - sent[following][1]))
    return delays


def sound_delays(players: Sequence[Player], arrivals: Sequence[Arrival]) -> list[Delay]:
    """Find for each click that is heard when it was sent; in seconds."""
    decoder = SoundDecoder("pcmu")
    clicks = sorted(at for player in players for mark, at in player.sent if mark)
    delays, loud_until = [], 0.0
    for arrival in arrivals:
        loud = np.abs(decoder.decode(arrival.packet.payload)).max() > 2_000
        if loud and arrival.at > loud_until:
            before = [at for at in clicks if at <= arrival.at]
            if before and arrival.at - before[-1] < 0.3:
                delays.append(Delay(before[-1], arrival.at - before[-1]))
        if loud:
            loud_until = arrival.at + 0.03
    return delays
