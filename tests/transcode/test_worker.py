"""A worker in this process, with both ends of its pipe in hand."""

import os
import socket
import threading

import msgspec

from transcode import jobs
from transcode.rtp_leg import LEDGER_BYTES
from transcode.worker import MESSAGE_BYTES, Worker


def test_a_job_that_is_stopped_with_something_left_to_read_stops_nothing_else() -> None:
    """Both are seen at once: the command, and what came for the job; the worker goes on to tell its figures."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    engine = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    engine.bind(("127.0.0.1", 0))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(engine.getsockname())
    memory = os.memfd_create("ledger")
    os.ftruncate(memory, LEDGER_BYTES)
    worker = Worker(theirs)
    start = jobs.Start(job=jobs.Mix(id=1, peer=engine.getsockname()[1]))
    socket.send_fds(ours, [msgspec.msgpack.encode(start)], [sock.fileno(), memory])
    assert worker._obey()
    engine.sendto(b"left", sock.getsockname())
    ours.send(msgspec.msgpack.encode(jobs.Stop(job=1)))
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        ours.settimeout(20.0)
        told = [msgspec.msgpack.decode(ours.recv(MESSAGE_BYTES), type=jobs.WorkerEvent) for _ in range(3)]
        assert [type(one) for one in told] == [jobs.Started, jobs.Stopped, jobs.Figures]
    finally:
        ours.close()
        running.join()
        for one in (theirs, engine, sock):
            one.close()
        os.close(memory)
