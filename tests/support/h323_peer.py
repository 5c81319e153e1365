"""A real H.323 endpoint, made outside of this repository, that takes commands by lines: for tests by hand.

The variable BROTJENESTE_H323_ENDPOINT names the program. It is started with

    --port N --rtp N --folder F --picture I --content-picture I --tone HZ --codecs A,B [--size WxH] [--content]
    [--separate] [--fast] [--encrypt required|request] [--cipher 128|256] [--packetization 0|1] [--wait]
    [--keys tone|string|rtp] [--alias A,B] [--gatekeeper HOST:PORT]

listens on 127.0.0.1, says `ready`, and takes these on its standard input:

    call ADDRESS | answer | refuse | hangup | key KEYS | update [content] | content on|off | hold on|off
    inactive sound|pictures [off] | picture I | tone HZ | quit

Its camera draws what `transcode.pictures` reads, with the identity I. What it decodes is in F: `seen-main.pgm` and
`seen-content.pgm`, the newest picture's luma each, and `heard.pcm`, all samples since its channel opened. It
tells, a line each:

    ready | registered | incoming WHO | established WHO | cleared REASON q931 CAUSE | sound RATE
    channel send|receive CODEC session N number N | closed send|receive session N number N
    encrypted SESSION send|receive CIPHER | command WHAT channel N | indication WHAT channel N
    tone KEY | key KEYS | key frame received
    content asked | content started send|receive N | content ended send|receive N | content denied
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tests.support.baresip import tones_in
from tests.support.ports import free_ports
from transcode.layout import Place, fit
from transcode.pictures import Picture, PictureReading, read_picture
from transcode.tones import tone_for

VARIABLE: Final = "BROTJENESTE_H323_ENDPOINT"
PATIENCE_S: Final = 40.0
_RTP_PORTS: Final = 100


@dataclass
class Peer:
    """One running endpoint. `told` are its lines."""

    folder: Path
    port: int
    process: asyncio.subprocess.Process
    told: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def do(self, command: str) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())

    async def until(self, holds: Callable[[], bool], what: str = "") -> None:
        """Wait until something that it told makes this true."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"{what}: {self.told[-12:]}") from None

    async def tells(self, pattern: str, since: int = 0) -> str:
        """Wait for a line that begins so, after as many lines."""
        found: list[str] = []

        def holds() -> bool:
            found[:] = [line for line in self.told[since:] if re.match(pattern, line)]
            return bool(found)

        await self.until(holds, f"{pattern} is not told")
        return found[0]

    def picture(self, which: str = "main") -> Picture | None:
        """The newest picture that it shows, None before the first."""
        try:
            head, data = (self.folder / f"seen-{which}.pgm").read_bytes().split(b"\n", 1)
        except OSError:
            return None
        _, width, height, _ = head.split()
        return np.frombuffer(data, np.uint8).reshape(int(height), int(width))

    async def sees(self, identity: int, which: str = "main") -> None:
        """Wait until a moving picture of somebody is there: two of their counters."""
        seen = set[int]()

        def holds() -> bool:
            picture = self.picture(which)
            readings = [] if picture is None else [read_picture(picture), _inside(picture)]
            seen.update(one.counter for one in readings if one is not None and one.identity == identity)
            return len(seen) >= 2

        await self._looks(holds, f"{identity} is not seen")

    async def hears(self, wanted: set[int]) -> None:
        """Wait until it hears these tones at once, and no others."""

        def holds() -> bool:
            told = [line for line in self.told if line.startswith("sound ")]
            rate = int(told[-1].split()[1]) if told else 8000
            data = (self.folder / "heard.pcm").read_bytes() if told else b""
            samples = np.frombuffer(data[: len(data) // 2 * 2], np.int16)
            return len(samples) >= rate and tones_in(samples[-rate // 2 :], rate) == wanted

        await self._looks(holds, f"{wanted} are not heard")

    async def _looks(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - files tell nothing of themselves
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{what}: {self.told[-12:]}") from None

    async def quit(self) -> None:
        """Have it end its calls and itself."""
        if self.process.returncode is None:
            self.do("quit")
            with suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self.process.wait()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def listen(self) -> None:
        """Read what it tells."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.told.append(line.decode(errors="replace").strip())
            self.changed.set()


def _inside(picture: Picture) -> PictureReading | None:
    """Of a camera of 4 to 3 that stands alone in a wider picture."""
    at = fit((4, 3), Place(0, 0, picture.shape[1], picture.shape[0]))
    return read_picture(np.ascontiguousarray(picture[at.y : at.y + at.height, at.x : at.x + at.width]))


@asynccontextmanager
async def running(folder: Path, identity: int, *options: str, content: int = 0) -> AsyncIterator[Peer]:
    """Run one with the picture and tone of an identity, and another's picture as content."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    port, rtp = free_ports(2)
    rtp = min(rtp & ~1, 65_000 - _RTP_PORTS)
    places = ("--port", str(port), "--rtp", str(rtp), "--folder", str(folder))
    who = (
        "--picture",
        str(identity),
        "--tone",
        str(tone_for(identity).frequency_hz),
        "--content-picture",
        str(content),
    )
    process = await asyncio.create_subprocess_exec(
        *(os.environ[VARIABLE], *places, *who, *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    peer = Peer(folder, port, process)
    try:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(peer.listen())
            await peer.tells("ready")
            yield peer
            reading.cancel()
    finally:
        await peer.quit()
