"""A server as a child process that ends with the block which runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from loadtest.adapters.errors import NotInstalled

_STOP_S: Final = 10.0
_LOG_BYTES: Final = 2_000


@asynccontextmanager
async def running(command: Sequence[str], folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command whose output goes to `log` in a folder. Raises `NotInstalled`."""
    with (folder / "log").open("wb") as log:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise NotInstalled(f"there is no {command[0]} on this machine") from None
    try:
        yield process
    finally:
        await _stop(process)


async def last_words(folder: Path) -> str:
    """The end of what a server has logged."""
    text = await asyncio.to_thread((folder / "log").read_bytes)
    return text[-_LOG_BYTES:].decode("utf-8", "replace").strip() or "it said nothing"


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
