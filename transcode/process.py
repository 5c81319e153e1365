"""One worker process as its pool sees it: commands to it, events from it, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from transcode import jobs
from transcode.errors import BadJob, NoWorker

MESSAGE_BYTES: Final = 65_536
# A worker tells something once a second. One that has said nothing for so long hangs, or its machine does: then it
# speaks a moment after this process, which has stood still as well, or is waiting for a processor.
_SILENT_S: Final = 1.8
_GRACE_S, _STARVED_GRACE_S = 1.2, 3.2
_STARVED: Final = 0.25
_STARTING_S: Final = 30.0
_ROOT: Final = Path(__file__).parents[1]
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[jobs.WorkerEvent]] = msgspec.msgpack.Decoder(jobs.WorkerEvent)


class Process:
    """Made by `start`. `load` and `late_ms` are what it said last, `jobs` those that were placed there."""

    def __init__(self, child: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.load = 0.0
        self.late_ms = 0.0
        self.jobs: set[int] = set()
        self.strained = 0
        self._child, self._control = child, control

    @classmethod
    async def start(cls) -> Self:
        """Start a worker. Raises `NoWorker`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0.0)
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "transcode.worker",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # A worker is one processor's worth: numpy's library would have threads for all of them.
                env={**_environment(), "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError as error:
            ours.close()
            raise NoWorker("a worker process could not be started") from error
        finally:
            theirs.close()
        return cls(child, ours)

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._child.pid

    def be_nice(self, by: int) -> None:
        """Let others go first."""
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.pid, by)

    def send(self, command: jobs.Command, descriptors: Sequence[int] = ()) -> None:
        """Tell it something; a worker that does not listen is ended. Raises `BadJob` if it is too much."""
        data = _ENCODER.encode(command)
        if len(data) > MESSAGE_BYTES:
            raise BadJob("a job is too large to be told")
        try:
            socket.send_fds(self._control, [data], list(descriptors))
        except BlockingIOError:
            self.kill()
        except OSError:
            # It has died; `events` ends, and its jobs are placed anew.
            return

    async def events(self) -> AsyncIterator[jobs.WorkerEvent]:
        """Give what it tells, until it has ended or hangs."""
        patience = _STARTING_S
        while data := await self._hear(patience):
            patience = _SILENT_S
            yield _DECODER.decode(data)

    async def _hear(self, patience: float) -> bytes:
        """Wait for a message; nothing when the worker has ended or hangs."""
        waited, loop = self._waited_s(), asyncio.get_running_loop()
        # A limit of time must not end what receives: the message would be lost, and a worker that lives be killed.
        told = asyncio.Event()
        loop.add_reader(self._control, told.set)
        try:
            if not await _happens(told, patience):
                starved = self._waited_s() - waited > _STARVED * patience
                await _happens(told, _STARVED_GRACE_S if starved else _GRACE_S)
            return self._control.recv(MESSAGE_BYTES) if told.is_set() else b""
        except OSError:
            return b""
        finally:
            loop.remove_reader(self._control)

    def _waited_s(self) -> float:
        """Give the seconds that it has waited for a processor in all."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()

    async def end(self) -> None:
        """End it and wait until it has ended: a worker has nothing to put in order."""
        # Whoever reads here is told, too, which closing would not do.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self.kill()
        await self._child.wait()
        self._control.close()


async def _happens(event: asyncio.Event, within: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
    return event.is_set()


def _environment() -> dict[str, str]:
    """Leave our own settings out, which may hold a password: workers decode what strangers send.

    The bridge's settings of memory do not suit them either: their threads would share one heap.
    """
    left_out = ("BROTJENESTE_", "GLIBC_TUNABLES")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
