"""Forwarding delay as a Prometheus histogram: the engine's fine buckets of all shards, joined into few."""

from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

# Powers of two in microseconds, from 64 us to a second: bounds that the engine's buckets have as well.
BOUNDS_US: Final = tuple(1 << power for power in range(6, 21))
NAME: Final = "brotjeneste_forwarding_delay_seconds"
HELP: Final = "Time from a packet's arrival in the kernel to the last send of its copies."


class Latency(Protocol):
    """The engine's forwarding delays (media/api.py)."""

    @property
    def bounds_us(self) -> np.ndarray:
        """Microseconds that each bucket stays below."""

    @property
    def counts(self) -> np.ndarray:
        """A row a shard, a column a bucket."""

    @property
    def sum_us(self) -> np.ndarray:
        """All delays of each shard together."""

    @property
    def impossible(self) -> np.ndarray:
        """Datagrams of each shard that are in no bucket."""


class Delays:
    """What has been counted since the start. A shard that stops takes nothing back."""

    def __init__(self) -> None:
        self._counts: np.ndarray | None = None
        self._bounds = np.empty(0, np.uint64)

    def observe(self, latency: Latency) -> None:
        """Take a snapshot's delays over."""
        self._bounds = latency.bounds_us
        counts = np.column_stack([latency.counts, latency.sum_us, latency.impossible])
        self._counts = counts if self._counts is None else np.maximum(self._counts, counts)

    def collect(self) -> Iterator[Metric]:
        """The histogram, and the counter of what is in none of its buckets."""
        if self._counts is None:
            return
        *counts, sum_us, impossible = self._counts.sum(axis=0).tolist()
        below = np.cumsum(counts)
        joined = [(str(bound / 1e6), int(below[self._bounds <= bound][-1])) for bound in BOUNDS_US]
        family = HistogramMetricFamily(NAME, HELP)
        family.add_metric([], [*joined, ("+Inf", int(below[-1]))], sum_us / 1e6)
        yield family
        text = "Packets whose forwarding delay is unknown, since the system's clock was set meanwhile."
        yield CounterMetricFamily("brotjeneste_forwarding_delay_unknown_total", text, value=impossible)
