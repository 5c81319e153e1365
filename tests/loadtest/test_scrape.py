"""The bridge's metrics are read as Prometheus means them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from loadtest.scrape import DELAY, read_metrics


def test_series_are_summed_and_the_delay_is_a_histogram() -> None:
    """Labels are added up, and cumulative buckets in seconds become counts in microseconds."""
    registry = CollectorRegistry()
    sent = Counter("brotjeneste_sends", "Sends.", ["shard"], registry=registry)
    delay = Histogram(DELAY, "Delay.", ["shard"], buckets=(0.0001, 0.001, 0.01), registry=registry)
    for shard in ("0", "1"):
        sent.labels(shard).inc(3)
        for seconds in (0.00005, 0.00005, 0.005, 1.0):
            delay.labels(shard).observe(seconds)
    read = read_metrics(generate_latest(registry).decode())
    assert read.sums["brotjeneste_sends_total"] == 6
    assert read.delay is not None
    assert [round(bound) for bound in read.delay.bounds_us[:-1]] == [100, 1000, 10_000]
    assert list(read.delay.counts) == [4, 0, 2, 2]


def test_a_bridge_without_a_delay_has_none() -> None:
    """Nothing is made up."""
    assert read_metrics("").delay is None
