"""The `brotjeneste` command as a process of its own, on free ports and in an empty folder."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.support.ports import free_ports

COMMAND = str(Path(sys.executable).parent / "brotjeneste")
PATIENCE = 60.0


@dataclass
class Place:
    """Where a bridge of these tests listens and keeps its files."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(3))
    start_seconds: float = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """What the command is started with: nothing of the machine's own settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("BROTJENESTE_")}
        http, metrics, media = map(str, self.ports)
        return kept | {
            "BROTJENESTE_HTTP_PORT": http,
            "BROTJENESTE_METRICS_PORT": metrics,
            "BROTJENESTE_MEDIA_BASE_PORT": media,
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def ops(self) -> str:
        """The operators' address."""
        return f"http://127.0.0.1:{self.ports[1]}"


@dataclass
class Ended:
    """How a command ended."""

    code: int | None
    out: str
    err: str


async def start(place: Place, *arguments: str, **changes: str) -> asyncio.subprocess.Process:
    """Start the command in its folder."""
    return await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        cwd=place.folder,
        env=place.environment | changes,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    """Wait for its end, and read what is left of its output."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


async def run(place: Place, *arguments: str, **changes: str) -> Ended:
    """Run the command to its end."""
    return await ended(await start(place, *arguments, **changes))


@asynccontextmanager
async def serving(place: Place, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A bridge that is ready; whatever the test does, it does not outlive it."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    process = await start(place, *(arguments or ("serve",)))
    try:
        await ready(place, process)
        place.start_seconds = clock() - begun
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ready(place: Place, process: asyncio.subprocess.Process) -> None:
    """Wait until the bridge says that it is ready."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        while True:
            assert process.returncode is None
            try:
                async with session.get(f"{place.ops}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def stop(process: asyncio.subprocess.Process, number: signal.Signals = signal.SIGTERM) -> Ended:
    """Tell it to stop, by its own id, and wait for its end."""
    process.send_signal(number)
    return await ended(process)


async def ended_soon(place: Place, process: asyncio.subprocess.Process) -> Ended:
    """Wait for the end of what was told to stop, and hold it against the start.

    What else the machine does delays both. An end takes less than half of a start; one that waits for a client or
    for a time limit takes many times as long.
    """
    clock = asyncio.get_running_loop().time
    begun = clock()
    told = await ended(process)
    assert clock() - begun < 4 * place.start_seconds
    return told
