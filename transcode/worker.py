"""A worker process: `python -m transcode.worker FD`, where FD is its end of a pipe to the pool.

The pipe is a Unix socket that keeps messages apart (SOCK_SEQPACKET): commands in, events out, descriptors of
sockets and memory beside them. The worker ends with its pool. All that it knows of time is read here.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from transcode import jobs
from transcode.compose import ComposeJob
from transcode.errors import BadJob, TranscodeError
from transcode.mix import MixJob
from transcode.rtp_leg import LEDGER_BYTES, Ledger

MESSAGE_BYTES: Final = 65_536
_DESCRIPTORS: Final = 2
_DATAGRAM_BYTES: Final = 2048
_DATAGRAMS_A_TURN: Final = 256
_SHORTEST_REST_S: Final = 0.005
# Linux: a packet's time of arrival, as seconds and nanoseconds; Python has no name for it.
_SO_TIMESTAMPNS: Final = 35
_STAMP: Final = struct.Struct("=qq")
_STAMP_BYTES: Final = socket.CMSG_SPACE(_STAMP.size)
_LONGEST_READ_S: Final = 1.0
_FIGURES_EVERY_S: Final = 1.0
_ONCE: Final = select.EPOLLIN | select.EPOLLONESHOT
_DECODER: Final = msgspec.msgpack.Decoder(jobs.Command)
_ENCODER: Final = msgspec.msgpack.Encoder()


@dataclass
class _Placed:
    """A job with its socket and its memory."""

    work: MixJob | ComposeJob
    socket: socket.socket
    memory: mmap.mmap
    due: float = 0.0
    listens_at: float = 0.0
    listens: bool = True
    rested: bool = False
    changed: bool = True

    def close(self) -> None:
        """Give the descriptors back."""
        self.socket.close()
        # What still refers to the memory goes with the job; it is unmapped then.
        with contextlib.suppress(BufferError):
            self.memory.close()


class Worker:
    """Takes turns: what came in is given to its job, and what that has to send leaves before the next runs."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._readable = select.epoll()
        self._readable.register(control, select.EPOLLIN)
        self._placed: dict[int, _Placed] = {}
        self._by_socket: dict[int, _Placed] = {}
        self._figures_at = 0.0
        self._figures_cpu = 0.0
        self._late_max = 0.0
        self._offset = _offset()

    def run(self) -> None:
        """Work until the pool closes the pipe."""
        self._figures_at = time.monotonic() + _FIGURES_EVERY_S
        self._figures_cpu = time.process_time()
        while True:
            ready = self._readable.poll(self._patience())
            began = time.monotonic()
            for descriptor, _ in ready:
                placed = self._by_socket.get(descriptor)
                if descriptor == self._control.fileno():
                    if not self._obey():
                        return
                # A job that has just been stopped had something to read, too.
                elif placed is not None:
                    placed.changed, placed.listens = True, False
            self._take_turns()
            now = time.monotonic()
            self._late_max = max(self._late_max, now - began)
            if now >= self._figures_at:
                self._tell_figures(now)

    def _patience(self) -> float:
        """How long to wait for packets; sockets whose rest is over are listened to again."""
        now, until = time.monotonic(), self._figures_at
        for one in self._placed.values():
            until = min(until, one.due)
            if one.listens:
                continue
            if one.listens_at <= now:
                self._readable.modify(one.socket, _ONCE)
                one.listens = True
            else:
                until = min(until, one.listens_at)
        return max(0.0, until - now)

    def _take_turns(self) -> None:
        now = time.monotonic()
        for number, placed in list(self._placed.items()):
            if not placed.changed and now < placed.due:
                continue
            try:
                self._turn(placed, now)
            except TranscodeError as error:
                self._fail(number, error.code)
            except Exception:  # noqa: BLE001 - a job that fails must not take others with it
                self._fail(number, "crashed")
            now = time.monotonic()

    def _turn(self, placed: _Placed, now: float) -> None:
        began = time.thread_time()
        work = placed.work
        if placed.rested:
            for datagram, came in _read_late(placed.socket, self._offset, now):
                work.take(datagram, came)
        else:
            for datagram in _read(placed.socket):
                work.take(datagram, now)
        for _ in work.run(now):
            self._flush(placed)
        placed.changed = False
        placed.due = work.due(now)
        until = work.rests_until(now)
        placed.rested = until > now + _SHORTEST_REST_S
        placed.listens_at = until if placed.rested else now
        for said in work.said() if isinstance(work, MixJob) else ():
            self._tell(said)
        work.counters.cpu_s += time.thread_time() - began

    def _flush(self, placed: _Placed) -> None:
        outbox, counters = placed.work.leg.outbox, placed.work.counters
        for number, datagram in enumerate(outbox):
            try:
                placed.socket.send(datagram)
            except (BlockingIOError, ConnectionError):
                counters.dropped_datagrams += 1
            if number == 0 and counters.shown:
                counters.sent(time.monotonic())
        outbox.clear()

    def _obey(self) -> bool:
        """Do what the pool says; False when it is gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, _DESCRIPTORS)
        except ConnectionError:
            return False
        if not message:
            return False
        command = _DECODER.decode(message)
        try:
            self._do(command, descriptors)
        except TranscodeError as error:
            job = command.job if isinstance(command.job, int) else command.job.id
            self._fail(job, error.code)
        return True

    def _do(self, command: jobs.Command, descriptors: list[int]) -> None:
        match command:
            case jobs.Start(job=job):
                self._start(job, *descriptors)
            case jobs.Change(job=job):
                self._change(job)
            case jobs.Stop(job=number):
                self._forget(number)
                self._tell(jobs.Stopped(job=number))
            case jobs.Say(job=number, ssrc=ssrc, rate=rate):
                sound = _read_memory(descriptors[0]) if descriptors else b""
                if isinstance(work := self._work(number), MixJob):
                    work.say(ssrc, sound, rate)
            case jobs.SetRate(job=number, ssrc=ssrc, bitrate=bitrate):
                if isinstance(work := self._work(number), ComposeJob):
                    work.set_rate(ssrc, bitrate)
            case jobs.WantKeyFrame(job=number, ssrc=ssrc):
                if isinstance(work := self._work(number), ComposeJob):
                    work.want_key_frame(ssrc)

    def _work(self, number: int) -> MixJob | ComposeJob | None:
        """Find a job, which then gets a turn."""
        placed = self._placed.get(number)
        if placed is None:
            return None
        placed.changed = True
        return placed.work

    def _start(self, job: jobs.Job, connection: int, memory: int) -> None:
        shared = mmap.mmap(memory, LEDGER_BYTES)
        os.close(memory)
        sock = socket.socket(fileno=connection)
        sock.settimeout(0.0)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            work = _begin(job, Ledger(memoryview(shared)))
        except TranscodeError:
            sock.close()
            raise
        placed = self._placed[job.id] = _Placed(work, sock, shared)
        self._by_socket[connection] = placed
        self._readable.register(connection, _ONCE)
        self._tell(jobs.Started(job=job.id, port=sock.getsockname()[1]))

    def _change(self, job: jobs.Job) -> None:
        work = self._work(job.id)
        match work:
            case ComposeJob() if isinstance(job, jobs.Compose):
                work.change(job)
            case MixJob() if isinstance(job, jobs.Mix):
                work.change(job)
            case ComposeJob() | MixJob():
                raise BadJob("a job cannot change its kind")

    def _forget(self, number: int) -> None:
        placed = self._placed.pop(number, None)
        if placed is not None:
            self._by_socket.pop(placed.socket.fileno(), None)
            self._readable.unregister(placed.socket)
            placed.close()

    def _fail(self, number: int, code: str) -> None:
        self._forget(number)
        self._tell(jobs.Failed(job=number, code=code))

    def _tell_figures(self, now: float) -> None:
        cpu, self._offset = time.process_time(), _offset()
        load = (cpu - self._figures_cpu) / (now - self._figures_at + _FIGURES_EVERY_S)
        late, self._late_max = self._late_max * 1000, 0.0
        self._figures_at, self._figures_cpu = now + _FIGURES_EVERY_S, cpu
        each = tuple(one.work.figures() for one in self._placed.values())
        self._tell(jobs.Figures(load=round(load, 3), late_ms_max=round(late, 3), jobs=each))

    def _tell(self, event: jobs.WorkerEvent) -> None:
        with contextlib.suppress(OSError):
            self._control.send(_ENCODER.encode(event))


def _begin(job: jobs.Job, ledger: Ledger) -> MixJob | ComposeJob:
    return ComposeJob(job, ledger) if isinstance(job, jobs.Compose) else MixJob(job, ledger, time.monotonic())


def _read(sock: socket.socket) -> Iterator[bytes]:
    """Give what comes."""
    for _ in range(_DATAGRAMS_A_TURN):
        try:
            yield sock.recv(_DATAGRAM_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            # The engine's port is closed for the moment; the pool says when that is for good.
            continue


def _read_late(sock: socket.socket, offset: float, now: float) -> Iterator[tuple[bytes, float]]:
    """Give what has come while nobody looked, and when that was, by the kernel's clock and `offset`."""
    for _ in range(_DATAGRAMS_A_TURN):
        try:
            data, stamps, _, _ = sock.recvmsg(_DATAGRAM_BYTES, _STAMP_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            continue
        came = now
        if stamps:
            seconds, nanoseconds = _STAMP.unpack(stamps[0][2])
            came = min(now, max(now - _LONGEST_READ_S, seconds + nanoseconds / 1e9 + offset))
        yield data, came


def _offset() -> float:
    """Seconds from the clock of packets to the monotonic one."""
    return time.monotonic() - time.clock_gettime(time.CLOCK_REALTIME)


def _read_memory(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def main(descriptor: int) -> None:
    """Work for the pool at the other end."""
    # Ctrl-C at a terminal reaches every process; the pool decides what then ends, and when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What has been imported stays: nothing has to look through it for what can go.
    gc.freeze()
    Worker(socket.socket(fileno=descriptor)).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
