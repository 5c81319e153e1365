"""Rows of the engine's snapshot as tests make them: only what matters, the rest is 0."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bridge.app.quality.figures import Totals
from bridge.app.quality.sockets import SOCKET_COLUMNS
from media.api import Latency, Snapshot

_STREAM = ("leg", "direction", "index", "encoding", "codec", "packets")
STREAMS = np.dtype([(n, "<u8") for n in (*_STREAM, *Totals._fields)])
_EMPTY = dict.fromkeys(STREAMS.names or (), 0) | {"packets": 1}
_LEG = ("leg", "rtt_us", "rtt_sum_us", "rtts", "report_delay_sum_us", "report_delays", "up_longer_us", "ups")
LEGS = np.dtype([(n, "<u8") for n in (*_LEG, "cipher_in", "cipher_out", "by_handshake", "datagrams_in")])
SHARDS = np.dtype([(n, "<u8") for n in ("shard", "pictures_resting", *SOCKET_COLUMNS)])
BOUNDS = np.array([1024, 16_384, 65_536, 2**64 - 1], "<u8")

Rows = np.ndarray[Any, np.dtype[Any]]


def streams(*rows: Mapping[str, int]) -> Rows:
    """Rows of sources and slots; each has carried something unless it says otherwise."""
    return np.array([tuple((_EMPTY | dict(row)).values()) for row in rows], STREAMS)


def legs(rtt_us: Mapping[int, int]) -> Rows:
    """Rows of legs with their round trips, each measured once."""
    return np.array([(leg, rtt, rtt, int(rtt > 0), *[0] * 8) for leg, rtt in rtt_us.items()], LEGS)


def snapshot(
    of_streams: Rows,
    of_legs: Rows,
    counts: tuple[int, int, int, int] = (0, 0, 0, 0),
    sockets: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Snapshot:
    """One shard's snapshot: forwarded below 1, below 16, below 65 ms and later; `sockets` as the columns are."""
    delays = np.array([counts], "<u8")
    latency = Latency(bounds_us=BOUNDS, counts=delays, sum_us=delays[:, 0], impossible=delays[:, 0])
    shards = np.array([(0, 0, *sockets)], SHARDS)
    lines = np.zeros((0, 0), np.uint64)
    return Snapshot(legs=of_legs, streams=of_streams, shards=shards, lines=lines, latency=latency)
