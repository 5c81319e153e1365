"""The bridge's own metrics, read from its Prometheus text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from loadtest.statistics import Histogram

DELAY: Final = "brotjeneste_forwarding_delay_seconds"


@dataclass(frozen=True)
class Scrape:
    """Sum of each series over its labels, and the histogram of the forwarding delay where the bridge has one."""

    sums: Mapping[str, float] = field(default_factory=dict)
    delay: Histogram | None = None


def read_metrics(text: str) -> Scrape:
    """Read an exposition."""
    sums: dict[str, float] = {}
    below: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
            if sample.name == f"{DELAY}_bucket":
                bound = float(sample.labels["le"])
                below[bound] = below.get(bound, 0.0) + sample.value
    return Scrape(sums, _histogram(below))


def _histogram(below: Mapping[float, float]) -> Histogram | None:
    """Counts of single buckets, in microseconds, from the cumulative ones that Prometheus has."""
    if not below:
        return None
    bounds = np.array(sorted(below))
    counts = np.diff(np.array([below[bound] for bound in bounds]), prepend=0.0)
    return Histogram(bounds * 1e6, counts.astype(np.uint64))
