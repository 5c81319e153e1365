"""What all robots have counted together, and what that comes to between two moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from loadtest.statistics import Histogram
from media.clients import ClientsSnapshot, latency_bounds_us

SUMMED: Final = {
    "senders": (
        "packets",
        "bytes",
        "pictures",
        "nacks",
        "rtx_packets",
        "keyframe_requests",
        "send_drops",
        "late_resets",
    ),
    "receivers": (
        "packets",
        "bytes",
        "expected",
        "lost",
        "repaired",
        "duplicates",
        "reordered",
        "checked",
        "auth_failures",
        "content_failures",
        "wrong_source",
        "unexpected",
        "nacks",
        "keyframes",
    ),
}


@dataclass(frozen=True)
class Totals:
    """Sums over all robots: `sent` and `received` by column, and latency from sender to receiver by kind."""

    sent: Mapping[str, int]
    received: Mapping[str, int]
    latency: Mapping[str, Histogram] = field(repr=False)

    def since(self, before: Totals) -> Totals:
        """What came between."""
        return Totals(
            {name: value - before.sent[name] for name, value in self.sent.items()},
            {name: value - before.received[name] for name, value in self.received.items()},
            {kind: histogram.since(before.latency[kind]) for kind, histogram in self.latency.items()},
        )

    @property
    def all_latency(self) -> Histogram:
        """Both kinds in one."""
        one, *others = self.latency.values()
        return Histogram(one.bounds_us, sum((other.counts for other in others), one.counts))

    @property
    def loss_percent(self) -> float:
        """Packets that never came, of those that were expected."""
        expected = self.received["expected"]
        return 100 * self.received["lost"] / expected if expected else 0.0


def total(snapshot: ClientsSnapshot) -> Totals:
    """Add a snapshot up."""
    bounds = np.asarray(latency_bounds_us(), np.float64)
    return Totals(
        sent=_sums(snapshot.senders, SUMMED["senders"]),
        received=_sums(snapshot.receivers, SUMMED["receivers"]),
        latency={kind: Histogram(bounds, counts) for kind, counts in snapshot.latency.items()},
    )


def _sums(rows: np.ndarray[Any, np.dtype[Any]], names: tuple[str, ...]) -> dict[str, int]:
    return {name: int(rows[name].sum()) for name in names}


class Streams:
    """Which streams flow: receivers of clients whose packets have grown between two looks."""

    def __init__(self, snapshot: ClientsSnapshot) -> None:
        # A robot has a receiver for each slot of a page, of which most are empty.
        rows = snapshot.receivers[snapshot.receivers["packets"] > 0]
        self._packets = {
            (int(row["client"]), int(row["receiver"])): int(row["packets"])
            for row in rows[["client", "receiver", "packets"]]
        }

    def flowing_since(self, before: Streams) -> dict[int, int]:
        """How many receivers of each client have taken packets since `before`."""
        flowing: dict[int, int] = {}
        for (client, receiver), packets in self._packets.items():
            if packets > before._packets.get((client, receiver), 0):
                flowing[client] = flowing.get(client, 0) + 1
        return flowing
