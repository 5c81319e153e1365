"""baresip, a SIP video endpoint of Debian's, headless: its pictures come from a file, its sound is a tone."""

import asyncio
import itertools
import json
import re
import struct
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from tests.support.ports import free_ports
from transcode.codec import luma
from transcode.jobs import Layout
from transcode.layout import fit, places
from transcode.pictures import IDENTITIES, Picture, TestPicture, read_picture
from transcode.tones import STEP_HZ, dominant_frequency, identity_of, tone_for

MODULES: Final = Path("/usr/lib/baresip/modules")
PATIENCE_S: Final = 60.0
FPS: Final = 10
SHAPES: Final = ((4, 3), (16, 9))
"""Of the pictures of pages in tests, and of its own."""
_CONFIG: Final = """\
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
rtp_ports {rtp}-{rtp_last}
audio_player aubridge,nil
audio_source ausine,{tone}
audio_alert aubridge,nil
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
video_source avformat,{clip}
video_display fakevideo,nil
video_size 640x360
video_bitrate 700000
video_fps {fps}
rtcp_mux {mux}
jitter_buffer_delay 5-10
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
module_path {modules}
module opus.so
module g711.so
module g722.so
module vp8.so
module avcodec.so
module avformat.so
module swscale.so
module fakevideo.so
module ausine.so
module aubridge.so
module sndfile.so
module snapshot.so
module srtp.so
module stun.so
module ice.so
module dtls_srtp.so
module ctrl_tcp.so
module_tmp account.so
module_app menu.so
"""


@dataclass
class Baresip:
    """One running endpoint. `events` are what it has told."""

    folder: Path
    writer: asyncio.StreamWriter
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def command(self, name: str, parameters: str = "") -> str:
        """Have it do something; give what it says."""
        self.asked += 1
        token = str(self.asked)
        text = json.dumps({"command": name, "params": parameters, "token": token})
        self.writer.write(f"{len(text)}:{text},".encode())
        await self.until(lambda: token in self.answers)
        return self.answers.pop(token)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that it told makes this true."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def hears_of(self, kind: str) -> dict[str, Any]:
        """Wait for an event of this type."""
        await self.until(lambda: any(event.get("type") == kind for event in self.events))
        return next(event for event in self.events if event.get("type") == kind)

    async def press(self, keys: str) -> None:
        """Press keys, one after the other, as RFC 4733 has them."""
        for key in keys:
            await self.command("sndcode", key)
            # An event lasts as long as its key is down; baresip sends its end three times, 20 ms apart.
            await asyncio.sleep(0.15)

    async def sees(self, wanted: set[int]) -> None:
        """Wait until its picture is that of one of these identities."""
        found = None
        async with asyncio.timeout(PATIENCE_S):
            while found is None or found.identity not in wanted:
                found = read_picture(await self.picture())

    async def sees_together(self, wanted: set[int], layout: Layout) -> None:
        """Wait until its picture has all these identities in it, each in a place of its own."""
        found = set[int]()
        async with asyncio.timeout(PATIENCE_S):
            while found != wanted:
                found = read_parts(await self.picture(), layout, len(wanted))

    async def picture(self) -> Picture:
        """The next picture that it shows."""
        shot = self.folder / "seen.png"
        shot.unlink(missing_ok=True)
        for turn in itertools.count():
            # It is written with the next picture, and nothing tells when it is whole; before the first one the
            # command is forgotten.
            if turn % 10 == 0:
                await self.command("snapshot_recv", str(shot))
            await asyncio.sleep(0.1)
            if (found := await asyncio.to_thread(_load, shot)) is not None:
                break
        return found

    async def hears_together(self, wanted: set[int]) -> None:
        """Wait until it hears the tones of these identities at once, and no others, its own not either."""
        found = set[int]()
        async with asyncio.timeout(PATIENCE_S):
            while found != wanted:
                await asyncio.sleep(0.1)
                (path,) = self.folder.glob("dump-*-dec.wav")
                found = await asyncio.to_thread(_tones_now, path)

    async def heard(self) -> int | None:
        """Whose tone it heard last, when its call is over: the file is complete then."""
        await self.hears_of("CALL_CLOSED")
        (path,) = self.folder.glob("dump-*-dec.wav")
        return await asyncio.to_thread(_last_tone, path)

    def take(self, text: bytes) -> None:
        """Take one message of the control connection."""
        message = json.loads(text)
        if message.get("event"):
            self.events.append(message)
        else:
            self.answers[message.get("token", "")] = str(message.get("data", ""))
        self.changed.set()


async def _listen(reader: asyncio.StreamReader, endpoint: Baresip) -> None:
    """Messages are netstrings of JSON."""
    while True:
        try:
            size = await reader.readuntil(b":")
            text = await reader.readexactly(int(size[:-1]) + 1)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        endpoint.take(text[:-1])


def _load(path: Path) -> Picture | None:
    """The luma of a picture in a file, None while there is none or it is not whole."""
    try:
        with av.open(str(path)) as container:
            return luma(next(container.decode(video=0)))
    except (av.FFmpegError, OSError, StopIteration):
        return None


def read_parts(picture: Picture, layout: Layout, count: int) -> set[int]:
    """The identities in the places of a layout."""
    found = set()
    for place in places(layout, count, picture.shape[1], picture.shape[0]):
        for at in (fit(shape, place) for shape in SHAPES):
            part = np.ascontiguousarray(picture[at.y : at.y + at.height, at.x : at.x + at.width])
            reading = read_picture(part)
            found |= {reading.identity} if reading is not None else set()
    return found


def _last_tone(path: Path) -> int | None:
    """Of the last half second that was not silent."""
    last, rate = _last_sound(path)
    return identity_of(dominant_frequency(last, rate)[0]) if len(last) else None


def _tones_now(path: Path) -> set[int]:
    """Those in the last half second of a file.

    The file is being written: its header, 44 bytes of a WAVE file, says how it is, and not yet how long.
    """
    data = path.read_bytes()
    channels, rate = struct.unpack("<HI", data[22:28].ljust(6, b"\0"))
    samples = np.frombuffer(data[44 : len(data) // 2 * 2], np.int16)
    if len(samples) < rate * channels or not channels:
        return set()
    return tones_in(samples[: len(samples) // channels * channels : channels][-rate // 2 :], rate)


def tones_in(last: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> set[int]:
    """The identities whose tones stand out of half a second: no weaker than a tenth of the loudest."""
    level = np.abs(np.fft.rfft(last * np.hanning(len(last))))
    hz = np.arange(len(level)) * rate / len(last)
    loud = {
        identity: float(level[np.abs(hz - tone_for(identity).frequency_hz) < STEP_HZ / 4].max())
        for identity in range(IDENTITIES)
    }
    least = max(loud.values()) / 10
    return {
        identity
        for identity, strength in loud.items()
        # A tone that a busy machine tore is in those beside it as well, and weaker there.
        if strength > max(least, loud.get(identity - 1, 0.0), loud.get(identity + 1, 0.0))
    }


def _last_sound(path: Path) -> tuple[np.ndarray[Any, np.dtype[np.int16]], int]:
    """The last half second that was not silent, and its rate."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[::channels]
    loud = np.flatnonzero(np.abs(samples) > 500)
    if not len(loud):
        return samples[:0], rate
    return samples[max(0, loud[-1] - rate // 2) : loud[-1]], rate


def write_clip(path: Path, identity: int, *, fps: int, pictures: int = 60) -> Path:
    """Write somebody's moving picture into a file that baresip plays over and over."""
    picture = TestPicture(identity, 640, 360)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuvj420p"
        stream.bit_rate = 8_000_000
        for number in range(pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.frame(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@asynccontextmanager
async def running(
    folder: Path,
    identity: int,
    *,
    encryption: str,
    codec: str = "vp8",
    voice: str = "opus/48000/2",
    mux: bool = True,
    ice: bool = False,
    user: str = "ward",
) -> AsyncIterator[Baresip]:
    """Run one with the picture and tone of an identity, who calls as `user`.

    `encryption` is `srtp-mand`, `dtls_srtp` or empty, `codec` that of pictures, empty for a telephone, and
    `voice` that of sound; with `mux` RTCP has no port of its own; with `ice` it finds its way by checks.
    """
    await asyncio.to_thread(folder.mkdir, parents=True)
    port, control, rtp = free_ports(3)
    settings = _CONFIG.format(
        port=port,
        control=control,
        rtp=rtp & ~1,
        rtp_last=(rtp & ~1) + 20,
        folder=folder,
        tone=round(tone_for(identity).frequency_hz),
        clip=await asyncio.to_thread(write_clip, folder / "clip.avi", identity, fps=FPS),
        fps=FPS,
        modules=MODULES,
        mux="yes" if mux else "no",
    )
    protect = f";mediaenc={encryption}" if encryption else ""
    protect += ";medianat=ice" if ice else ""
    account = f"<sip:{user}@127.0.0.1>;regint=0{protect};audio_codecs={voice}"
    account += f";video_codecs={codec}\n" if codec else "\n"
    if not codec:
        settings = re.sub(r"(?m)^module (vp8|avcodec)\.so\n", "", settings)
    (folder / "config").write_text(settings)
    (folder / "accounts").write_text(account)
    process = await asyncio.create_subprocess_exec(
        *("baresip", "-f", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        reader, writer = await _connect(control)
        endpoint = Baresip(folder, writer)
        with closing(writer):
            async with asyncio.TaskGroup() as group:
                task = group.create_task(_listen(reader, endpoint))
                yield endpoint
                task.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port, limit=2**20)
            except ConnectionError:
                await asyncio.sleep(0.05)
