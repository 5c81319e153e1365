"""A server that was started for a measurement does not outlive it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from loadtest.errors import NotInstalled
from loadtest.process import last_words, running
from tests.support.bridge import eventually

# Starts a server, says its number, and goes on for long.
STARTS_ONE = """
import asyncio, pathlib, sys
from loadtest.process import running

async def main():
    async with running(("sleep", "600"), pathlib.Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_a_server_goes_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    """A signal that lets nobody clean up leaves nothing behind that would spoil the next measurement."""
    command = (sys.executable, "-c", STARTS_ONE, str(tmp_path))
    starter = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert starter.stdout is not None
    server = int(await starter.stdout.readline())
    assert _runs(server)

    starter.kill()
    await starter.wait()

    await eventually(lambda: not _runs(server))


async def test_a_server_ends_with_the_block_and_its_last_words_are_kept(tmp_path: Path) -> None:
    """Its process is over when the block is."""
    words = "import time; print('here I am', flush=True); time.sleep(600)"
    async with running((sys.executable, "-c", words), tmp_path) as server:
        await eventually(lambda: "here" in (tmp_path / "log").read_text("utf-8"))
    assert server.returncode is not None
    assert await last_words(tmp_path) == "here I am"


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Whoever runs the comparison has to know what to install."""
    with pytest.raises(NotInstalled, match="no-such-program"):
        async with running(("no-such-program",), tmp_path):
            pytest.fail("it never came up")
