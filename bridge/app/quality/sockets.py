"""What the bridge itself loses at its sockets: what the system does not take, and what it does not read."""

from typing import Any, Final, NamedTuple

import numpy as np

from bridge.app.quality.figures import Rows

SOCKET_COLUMNS: Final = ("datagrams_out", "send_drops", "datagrams_in", "receive_drops")
FEW_PACKETS: Final = 50
"""Fewer say nothing of a shard."""

Counts = np.ndarray[Any, np.dtype[np.int64]]


class Lost(NamedTuple):
    """Of one shard for a while: shares of what it had to send, and of what had come."""

    sending: float = 0.0
    receiving: float = 0.0


def counted(shards: Rows) -> Counts:
    """Read the counters of a snapshot: a row a shard, columns as `SOCKET_COLUMNS`."""
    return np.stack([shards[name].astype(np.int64) for name in SOCKET_COLUMNS], axis=1)


def lost(before: Counts, after: Counts) -> list[Lost]:
    """For each shard, between two counts; none where there were not as many shards then."""
    if before.shape != after.shape:
        return []
    passed = np.maximum(after - before, 0).tolist()
    return [
        Lost(share(dropped, out + dropped), share(missed, read + missed)) for out, dropped, read, missed in passed
    ]


def worst(before: Counts, after: Counts, shard: int) -> float:
    """The greater share of one shard's; 0 of one that is not known."""
    found = lost(before, after)
    return max(found[shard]) if shard < len(found) else 0.0


def share(part: int, whole: int) -> float:
    """How much of so many; 0 where those are fewer than `FEW_PACKETS`."""
    return part / whole if whole >= FEW_PACKETS else 0.0
