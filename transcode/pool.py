"""The pool in the parent process: starts workers, places jobs, and has another worker go on where one has died.

The pool holds the socket of each job and the memory of its sequence numbers, and a worker gets duplicates: so
ports, SSRCs, numbers and even packets that nobody has read yet outlive it. A spare worker stands by: starting one
takes longer than people should see nothing. Sound has a worker of its own, which pictures cannot hold up.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import msgspec

from transcode import jobs
from transcode.checks import check
from transcode.errors import BadJob, NoWorker, UnknownJob
from transcode.process import Process
from transcode.rtp_leg import LEDGER_BYTES
from transcode.strain import Strain

_STARTED_WITHIN_S: Final = 30.0
_LIVES: Final = 3
_RETRY_S: Final = 1.0
_RECEIVE_BYTES: Final = 2 << 20
_PICTURES_NICE: Final = 5
_SOUND: Final = 0
# Shares of a processor: a worker that has too much, and up to where another one is filled.
_FULL, _ROOM = 0.9, 0.75


@dataclass(eq=False)
class _Held:
    """A job, and all that its next worker needs to go on."""

    job: jobs.Job
    socket: socket.socket
    memory: int
    started: asyncio.Future[int]
    place: int = 0
    moves_to: int | None = None
    lives: int = _LIVES
    rates: dict[int, jobs.SetRate] = field(default_factory=dict)
    prompts: dict[int, jobs.Say] = field(default_factory=dict)

    def close(self) -> None:
        self.socket.close()
        os.close(self.memory)


class Pool:
    """`async with Pool(...)`: `workers` processes for pictures, one for sound; they tell `on_event`.

    `Figures` of each worker come once a second. `workers` is one for each processor where it is not said.
    """

    def __init__(self, on_event: Callable[[jobs.Event], None], *, workers: int | None = None) -> None:
        self.deaths = 0
        self._on_event = on_event
        self._size = 1 + (workers or os.cpu_count() or 1)
        self._places: dict[int, Process] = {}
        self._spare: Process | None = None
        self._held: dict[int, _Held] = {}
        self._strain = Strain()
        self._tasks = asyncio.TaskGroup()
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        for place in range(self._size):
            self._fill(place, await Process.start())
        self._spare = await Process.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for held in self._held.values():
            held.close()
        self._held.clear()
        ends = [*self._places.values(), *([self._spare] if self._spare else [])]
        await asyncio.gather(*(process.end() for process in ends))
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def pids(self) -> dict[int, int]:
        """The process of each place; that of sound is place 0."""
        return {place: process.pid for place, process in self._places.items()}

    def worker_of(self, number: int) -> int:
        """Give the process id of a job's worker. Raises `UnknownJob`."""
        return self._places[self._find(number).place].pid

    async def start(self, job: jobs.Job) -> int:
        """Place a job and give its UDP port on 127.0.0.1. Raises `BadJob`, `NoWorker`."""
        check(job)
        if job.id in self._held:
            raise BadJob("there is a job of this number")
        started = asyncio.get_running_loop().create_future()
        held = self._held[job.id] = _Held(job, _open_socket(job.peer), _open_memory(), started)
        try:
            self._place(held)
            async with asyncio.timeout(_STARTED_WITHIN_S):
                return await asyncio.shield(started)
        except BaseException as error:
            self.stop(job.id)
            if isinstance(error, TimeoutError):
                raise NoWorker("no worker has taken the job on") from error
            raise

    def change(self, job: jobs.Job) -> None:
        """Make a running job this one; its `peer` stays. Raises `UnknownJob`, `BadJob`."""
        held = self._find(job.id)
        check(job)
        if type(job) is not type(held.job):
            raise BadJob("a job cannot change its kind")
        held.job = job
        outs = {out.ssrc for out in job.outs}
        held.rates = {ssrc: rate for ssrc, rate in held.rates.items() if ssrc in outs}
        self._tell(held, jobs.Change(job=job))

    def stop(self, number: int) -> None:
        """Give a job up, if there is one."""
        held = self._held.pop(number, None)
        if held is None:
            return
        self._places[held.place].jobs.discard(number)
        self._tell(held, jobs.Stop(job=number))
        held.close()

    def set_rate(self, number: int, ssrc: int, bitrate: int) -> None:
        """Tell what an out's receivers can take, in bit/s. Raises `UnknownJob`."""
        held = self._find(number)
        held.rates[ssrc] = jobs.SetRate(job=number, ssrc=ssrc, bitrate=bitrate)
        self._tell(held, held.rates[ssrc])

    def want_key_frame(self, number: int, ssrc: int) -> None:
        """Have an out of pictures begin anew. Raises `UnknownJob`."""
        self._tell(self._find(number), jobs.WantKeyFrame(job=number, ssrc=ssrc))

    def say(self, number: int, ssrc: int, sound: bytes, rate: int = 48_000) -> None:
        """Play a recording into an out, as `jobs.Say` says. Raises `UnknownJob`."""
        held = self._find(number)
        held.prompts[ssrc] = jobs.Say(job=number, ssrc=ssrc, sound=sound, rate=rate)
        self._say(held, held.prompts[ssrc])

    def _find(self, number: int) -> _Held:
        held = self._held.get(number)
        if held is None:
            raise UnknownJob("there is no such job")
        return held

    def _tell(self, held: _Held, command: jobs.Command) -> None:
        self._places[held.place].send(command)

    def _say(self, held: _Held, say: jobs.Say) -> None:
        """Hand the sound over in memory of its own, which no message has room for."""
        memory = os.memfd_create("prompt")
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(say.sound)
            self._places[held.place].send(msgspec.structs.replace(say, sound=b""), (memory,))
        finally:
            os.close(memory)

    def _place(self, held: _Held) -> None:
        """Give a job to the worker that has least to do."""
        pictures = range(1, self._size)
        least = min(pictures, key=lambda place: (self._places[place].load, len(self._places[place].jobs)))
        self._put(held, _SOUND if isinstance(held.job, jobs.Mix) else least)

    def _put(self, held: _Held, place: int) -> None:
        held.place, held.moves_to = place, None
        process = self._places[place]
        process.jobs.add(held.job.id)
        # Until it says itself how much that is.
        process.load += 0.05
        process.send(jobs.Start(job=held.job), (held.socket.fileno(), held.memory))
        for rate in held.rates.values():
            process.send(rate)
        for say in held.prompts.values():
            self._say(held, say)

    def _fill(self, place: int, process: Process) -> None:
        self._places[place] = process
        if place != _SOUND:
            process.be_nice(_PICTURES_NICE)
        self._tasks.create_task(self._watch(place, process))

    async def _watch(self, place: int, process: Process) -> None:
        """Hear a worker until it ends, then have another one go on."""
        async for event in process.events():
            self._hear(event, process)
        if self._closing:
            return
        process.kill()
        self.deaths += 1
        self._strain.forget(process.pid)
        spare, self._spare = self._spare, None
        following = spare or await self._another()
        if following is not None:
            self._fill(place, following)
            self._resume(process.jobs)
        await process.end()
        if self._spare is None:
            self._spare = await self._another()

    async def _another(self) -> Process | None:
        """Start a worker, however often that takes; none once the pool is closing."""
        while not self._closing:
            try:
                process = await Process.start()
            except NoWorker:
                await asyncio.sleep(_RETRY_S)
                continue
            if not self._closing:
                return process
            await process.end()
        return None

    def _resume(self, numbers: set[int]) -> None:
        for number in sorted(numbers):
            held = self._held.get(number)
            if held is None:
                continue
            held.lives -= 1
            if held.lives > 0:
                self._place(held)
            else:
                self._fail(jobs.Failed(job=number, code="crashed"))

    def _hear(self, event: jobs.WorkerEvent, process: Process) -> None:
        match event:
            case jobs.Figures():
                process.load, process.late_ms = event.load, event.late_ms_max
                self._on_event(event)
                for told in self._strain.note(process.pid, event, self._dear()):
                    if not (isinstance(told, jobs.Overloaded) and self._move(told, process)):
                        self._on_event(told)
            case jobs.Started(job=number, port=port):
                self._started(number, port)
            case jobs.Failed():
                self._fail(event)
            case jobs.Stopped(job=number):
                self._moved(number, process)
            case jobs.Said(job=number, ssrc=ssrc):
                if number in self._held:
                    self._held[number].prompts.pop(ssrc, None)
                self._on_event(event)

    def _move(self, told: jobs.Overloaded, process: Process) -> bool:
        """Have the dearest job of a worker with too much go on where there is room; tell whether it does."""
        held, cost = self._held.get(told.job), self._strain.cost(told.job)
        if held is None or told.load < _FULL or held.job.id not in process.jobs or len(process.jobs) == 1:
            return False
        least = min(range(1, self._size), key=lambda place: self._places[place].load)
        if self._places[least].load + cost > _ROOM:
            return False
        # It is put there when its worker has let go: both write numbers into the same memory.
        held.moves_to = least
        process.send(jobs.Stop(job=held.job.id))
        return True

    def _moved(self, number: int, process: Process) -> None:
        held = self._held.get(number)
        if held is not None and held.moves_to is not None and number in process.jobs:
            process.jobs.discard(number)
            self._put(held, held.moves_to)

    def _started(self, number: int, port: int) -> None:
        held = self._held.get(number)
        if held is None:
            return
        again = held.started.done()
        if not again:
            held.started.set_result(port)
        self._on_event(jobs.Started(job=number, port=port, again=again))

    def _fail(self, event: jobs.Failed) -> None:
        held = self._held.get(event.job)
        if held is None:
            return
        if not held.started.done():
            held.started.set_exception(BadJob(f"a worker has refused the job: {event.code}"))
            return
        self.stop(event.job)
        self._on_event(event)

    def _dear(self) -> set[int]:
        """Jobs that could be made cheaper."""
        return {number for number, held in self._held.items() if isinstance(held.job, jobs.Compose)}


def _open_socket(peer: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    sock.bind(("127.0.0.1", 0))
    sock.connect(("127.0.0.1", peer))
    return sock


def _open_memory() -> int:
    memory = os.memfd_create("ledger")
    os.ftruncate(memory, LEDGER_BYTES)
    return memory
