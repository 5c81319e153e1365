"""A server as a child process, which ends with the block that runs it, and with this process however that ends."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from loadtest.errors import NotInstalled

_STOP_S: Final = 15.0
_LOG_BYTES: Final = 2_000
# The kernel sends it when this process is gone, be it by a signal that nothing can be done about (prctl(2),
# PR_SET_PDEATHSIG): a bridge that was left behind would take a part of the machine from all that is measured next.
_WITH_US: Final = ("setpriv", "--pdeathsig", "TERM", "--")


@asynccontextmanager
async def running(
    command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command whose output goes to `log` in a folder; without `env`, in our own. Raises `NotInstalled`."""
    for program in (_WITH_US[0], command[0]):
        if shutil.which(program) is None:
            raise NotInstalled(f"there is no {program} on this machine")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *_WITH_US,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=env,
            start_new_session=True,
        )
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
