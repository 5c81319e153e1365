"""Prometheus collectors over the engine's snapshot and the bridge's own counts; no globals.

Jitter, loss and round trip are gauges with a `quantile` label, computed over the legs present at the scrape.
They are of the moment of the scrape; what people had over time is in the histograms of `links`, filled once a
second. Quantiles of several bridges cannot be averaged, histograms can be added.
Forwarding delay is a histogram, since the engine counts every datagram in buckets.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Protocol

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.ops import table
from bridge.ops.delays import Delays, Latency
from bridge.ops.table import Row
from bridge.ops.totals import Group, Totals, present

_STREAM_LABELS: Final = tuple(table.STREAM_LABELS)
# A counter that is not there before its first event has not risen by it, to Prometheus, and no alert comes.
_NO_FAULTS: Final = {"internal": 0}
_NO_ROOM_FAILURES: Final = {"room": 0, "shard": 0}
_NO_TRUNK_LOST: Final = {"registration_failed": 0}


class Snapshot(Protocol):
    """The engine's rows, as numpy structured arrays; columns as in media/engine/core/src/stats.rs."""

    @property
    def legs(self) -> np.ndarray:
        """A row a leg."""

    @property
    def streams(self) -> np.ndarray:
        """A row a source and a row a slot."""

    @property
    def shards(self) -> np.ndarray:
        """A row a shard."""

    @property
    def lines(self) -> np.ndarray:
        """A row a line of a leg without ICE."""

    @property
    def latency(self) -> Latency:
        """Forwarding delays."""


@dataclass(frozen=True, slots=True)
class GatewayState:
    """One gateway now; `trouble` is a fixed word, empty without, `counts` what came to it that was of no use."""

    name: str
    calls: int
    trouble: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bridge counts itself. Keys are fixed words (places, codes), never ids or names."""

    rooms: int = 0
    participants: Mapping[str, int] = field(default_factory=dict)
    """By place: waiting, admitted."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """Since the start, by the refusal's code."""
    bad_messages: Mapping[str, int] = field(default_factory=dict)
    """Since the start, by the error's code."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Since the start, by the bounded queue that was full."""
    room_failures: Mapping[str, int] = field(default_factory=dict)
    """Since the start, by what failed: the work for one room, or a whole shard with each room on it."""
    tests: Mapping[str, int] = field(default_factory=dict)
    """Tests before entry that have ended with a verdict, since the start, by the verdict."""
    logins: Mapping[str, int] = field(default_factory=dict)
    """Logins since the start, by what came of them."""
    turned_away: Mapping[str, int] = field(default_factory=dict)
    """Strangers that were not served since the start, by which bound they came up against."""
    calls: Mapping[str, int] = field(default_factory=dict)
    """What befell calls by gateways, since the start: how they ended, or what was out of the ordinary."""
    gateways: Mapping[str, int] = field(default_factory=dict)
    """What befell gateways themselves, since the start."""
    gateway_states: Sequence[GatewayState] = ()
    webhooks: Mapping[str, int] = field(default_factory=dict)
    """Attempts to tell others of events, since the start, by what came of them."""
    webhooks_waiting: Mapping[str, int] = field(default_factory=dict)
    """Events that are still to be told, by endpoint."""
    texts: Mapping[str, int] = field(default_factory=dict)
    """Text messages with links, since the start, by what became of them."""
    draining: bool = False


class BridgeCollector(Collector):
    """The aggregated series: by direction, kind and codec, by shard, and the bridge's facts."""

    def __init__(self, snapshot: Callable[[], Snapshot], facts: Callable[[], Facts]) -> None:
        self._snapshot = snapshot
        self._facts = facts
        self._streams = Totals(table.STREAM_KEYS, _STREAM_LABELS, table.STREAM_COUNTERS)
        self._legs = Totals(table.LEG_KEYS, (), table.LEG_COUNTERS)
        self._shards = Totals(table.SHARD_KEYS, table.SHARD_KEYS, table.SHARD_COUNTERS)
        self._lines = Totals(table.LINE_KEYS, (), table.LINE_COUNTERS)
        self._delays = Delays()

    def observe(self, snapshot: Snapshot) -> None:
        """Take a snapshot into the counters; call it at each tick, and before legs are removed.

        Every scrape does it too. Raises SnapshotMismatch.
        """
        self._streams.observe(snapshot.streams)
        self._legs.observe(snapshot.legs)
        self._shards.observe(snapshot.shards)
        self._lines.observe(snapshot.lines)
        self._delays.observe(snapshot.latency)

    def collect(self) -> Iterator[Metric]:
        """Give all families, for a registry."""
        snapshot = self._snapshot()
        self.observe(snapshot)
        yield from _counters(table.STREAM_COUNTERS, self._streams, _STREAM_LABELS, _stream_words)
        yield from _counters(table.LEG_COUNTERS, self._legs, (), _numbers)
        yield from _counters(table.SHARD_COUNTERS, self._shards, table.SHARD_KEYS, _numbers)
        yield from _counters(table.LINE_COUNTERS, self._lines, (), _numbers)
        yield from self._delays.collect()
        yield _ciphers(snapshot.legs)
        yield from _states(snapshot.legs)
        yield from _shard_states(snapshot.shards)
        yield from _stream_quantiles(snapshot.streams)
        yield from _leg_quantiles(snapshot.legs)
        yield from _facts(self._facts())


class LegCollector(Collector):
    """The series of single legs, under the engine's numbers for them."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Give all families, for a registry."""
        snapshot = self._snapshot()
        legs, streams = snapshot.legs, snapshot.streams
        leg = [(str(number),) for number in legs["leg"].tolist()]
        yield from _each(present(legs, table.LEG_COUNTERS), legs, ("leg",), leg, CounterMetricFamily)
        yield from _each(
            present(legs, [*table.LEG_STATES, *table.LEG_VALUES]), legs, ("leg",), leg, GaugeMetricFamily
        )
        own = ("leg", "index", "encoding")
        names = (*own, *_STREAM_LABELS)
        ids = zip(*(streams[label].tolist() for label in own), strict=True)
        words = zip(*(streams[label].tolist() for label in _STREAM_LABELS), strict=True)
        stream = [(*map(str, number), *_stream_words(group)) for number, group in zip(ids, words, strict=True)]
        yield from _each(present(streams, table.STREAM_COUNTERS), streams, names, stream, CounterMetricFamily)
        yield from _each(present(streams, table.STREAM_VALUES), streams, names, stream, GaugeMetricFamily)


def make_registry(*collectors: Collector) -> CollectorRegistry:
    """Make a registry of its own, with the process's CPU, memory and open files beside the collectors."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    return registry


def _families(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Group neighbouring rows that share a metric and differ in their fixed labels."""
    for metric, members in groupby(rows, key=lambda row: row.metric):
        yield metric, list(members)


def _counters(
    rows: Iterable[Row], totals: Totals, names: Sequence[str], words: Callable[[Group], tuple[str, ...]]
) -> Iterator[Metric]:
    for metric, members in _families(rows):
        labels = [*names, *members[0].labels]
        family = CounterMetricFamily(metric, members[0].help, labels=labels)
        for row in members:
            for group, sums in sorted(totals.sums.items()):
                if row.column in sums:
                    values = [*words(group), *row.labels.values()]
                    family.add_metric(values, sums[row.column] * row.scale)
        yield family


def _states(legs: np.ndarray) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "brotjeneste_legs", "Legs: waiting, admitted, or kept for who is gone.", value=len(legs)
    )
    for row in present(legs, table.LEG_STATES):
        yield GaugeMetricFamily(row.metric, row.help, value=int(legs[row.column].sum()))


def _ciphers(legs: np.ndarray) -> Metric:
    family = GaugeMetricFamily(
        "brotjeneste_legs_encrypted",
        "Legs by what encrypts their media, of several lines the weakest.",
        labels=["direction", "cipher"],
    )
    for direction in table.DIRECTIONS:
        found = np.bincount(legs[f"cipher_{direction}"].astype(np.intp), minlength=len(table.CIPHERS))
        for word, number in zip(table.CIPHERS, found.tolist(), strict=True):
            family.add_metric([direction, word], number)
    return family


def _shard_states(shards: np.ndarray) -> Iterator[Metric]:
    for row in present(shards, table.SHARD_STATES):
        family = GaugeMetricFamily(row.metric, row.help, labels=table.SHARD_KEYS)
        for shard, value in zip(shards["shard"].tolist(), shards[row.column].tolist(), strict=True):
            family.add_metric([str(shard)], value)
        yield family


def _stream_quantiles(streams: np.ndarray) -> Iterator[Metric]:
    for row in present(streams, table.STREAM_VALUES):
        family = GaugeMetricFamily(row.metric, row.help, labels=["direction", "kind", "quantile"])
        known = streams[table.measured(streams, row.column)]
        for direction, direction_word in enumerate(table.DIRECTIONS):
            for kind, kind_word in enumerate(table.KINDS):
                chosen = known[(known["direction"] == direction) & (known["kind"] == kind)]
                _add_quantiles(family, [direction_word, kind_word], chosen[row.column] * row.scale)
        yield family


def _leg_quantiles(legs: np.ndarray) -> Iterator[Metric]:
    for row in present(legs, table.LEG_VALUES):
        family = GaugeMetricFamily(row.metric, row.help, labels=["quantile"])
        _add_quantiles(family, [], legs[table.measured(legs, row.column)][row.column] * row.scale)
        yield family


def _add_quantiles(family: GaugeMetricFamily, labels: list[str], values: np.ndarray) -> None:
    if len(values):
        found = np.quantile(values, table.QUANTILES).tolist()
        for quantile, value in zip(table.QUANTILES, found, strict=True):
            family.add_metric([*labels, f"{quantile:g}"], value)


def _facts(facts: Facts) -> Iterator[Metric]:
    yield GaugeMetricFamily("brotjeneste_rooms", "Rooms that are open.", value=facts.rooms)
    yield GaugeMetricFamily("brotjeneste_draining", "1 while no new rooms are taken.", value=int(facts.draining))
    people = GaugeMetricFamily("brotjeneste_participants", "People in open rooms.", labels=["place"])
    for place, count in sorted(facts.participants.items()):
        people.add_metric([place], count)
    yield people
    yield from _gateways(facts.gateway_states)
    letters = GaugeMetricFamily("brotjeneste_webhooks_waiting", "Events still to be told.", labels=["endpoint"])
    for endpoint, count in sorted(facts.webhooks_waiting.items()):
        letters.add_metric([endpoint], count)
    yield letters
    for metric, text, label, counts in (
        (
            "brotjeneste_refusals_total",
            "Commands and joins that were refused.",
            "code",
            {**_NO_FAULTS, **facts.refusals},
        ),
        (
            "brotjeneste_bad_messages_total",
            "Messages that were not understood, or not answered by a fault of the bridge's own.",
            "code",
            {**_NO_FAULTS, **facts.bad_messages},
        ),
        (
            "brotjeneste_room_failures_total",
            "Rooms whose media the engine lost by a fault of its own; everybody there had to reconnect.",
            "code",
            {**_NO_ROOM_FAILURES, **facts.room_failures},
        ),
        ("brotjeneste_tests_total", "Tests before entry, by their verdict.", "verdict", facts.tests),
        ("brotjeneste_logins_total", "Logins, by what came of them.", "outcome", facts.logins),
        ("brotjeneste_turned_away_total", "Strangers that were not served.", "bound", facts.turned_away),
        ("brotjeneste_calls_total", "Calls by gateways, by what befell them.", "code", facts.calls),
        (
            "brotjeneste_gateway_events_total",
            "What befell gateways.",
            "code",
            {**_NO_TRUNK_LOST, **facts.gateways},
        ),
        ("brotjeneste_webhooks_total", "Attempts to tell others of events.", "outcome", facts.webhooks),
        ("brotjeneste_texts_total", "Text messages with links.", "state", facts.texts),
        ("brotjeneste_queue_drops_total", "Entries dropped by a full queue.", "queue", facts.dropped),
    ):
        family = CounterMetricFamily(metric, text, labels=[label])
        for word, count in sorted(counts.items()):
            family.add_metric([word], count)
        yield family


def _gateways(states: Sequence[GatewayState]) -> Iterator[Metric]:
    calls = GaugeMetricFamily("brotjeneste_gateway_calls", "Calls of each gateway.", labels=["gateway"])
    up = GaugeMetricFamily("brotjeneste_gateway_up", "1 while a gateway takes calls.", labels=["gateway"])
    noise = CounterMetricFamily(
        "brotjeneste_gateway_noise_total",
        "What came to a gateway that was of no use, or could not be sent, by kind.",
        labels=["gateway", "code"],
    )
    for one in states:
        calls.add_metric([one.name], one.calls)
        up.add_metric([one.name], int(not one.trouble))
        for word, count in sorted(one.counts.items()):
            noise.add_metric([one.name, word], count)
    yield from (calls, up, noise)


def _each(
    rows: Iterable[Row],
    array: np.ndarray,
    names: Sequence[str],
    labels: Sequence[tuple[str, ...]],
    form: type[CounterMetricFamily] | type[GaugeMetricFamily],
) -> Iterator[Metric]:
    for metric, members in _families(rows):
        # A name of its own, so that a sum over all series does not count a leg twice.
        own = metric.replace("brotjeneste_", "brotjeneste_leg_", 1)
        family = form(own, members[0].help, labels=[*names, *members[0].labels])
        for row in members:
            values = (array[row.column] * row.scale).tolist()
            for words, value in zip(labels, values, strict=True):
                family.add_metric([*words, *row.labels.values()], value)
        yield family


def _stream_words(group: Group) -> tuple[str, ...]:
    return tuple(
        words[number] if number < len(words) else str(number)
        for number, words in zip(group, table.STREAM_LABELS.values(), strict=True)
    )


def _numbers(group: Group) -> tuple[str, ...]:
    return tuple(map(str, group))
