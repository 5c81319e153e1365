"""The metrics page of a bridge to which everything has happened: every series, with every word of its labels."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.app.feeds.converters import WORDS, Use
from bridge.app.quality.figures import LegFigures
from bridge.app.quality.lines import Assessment
from bridge.ops import table
from bridge.ops.capacity import CapacityCollector
from bridge.ops.converting import Converting, ConvertingCollector
from bridge.ops.links import LinkCollector
from bridge.ops.load import Load
from bridge.ops.metrics import BridgeCollector, Facts, GatewayState
from signalling import messages as m
from signalling.errors import Code
from signalling.gateways.interface import Ending
from tests.ops.assessments import assessment, stream
from tests.ops.snapshots import snapshot_of

ROOT: Final = Path(__file__).parents[2]
OPEN_LABELS: Final = frozenset({"instance", "shard", "endpoint", "gateway"})
"""Labels whose values a configuration gives, or a machine. Of all others each value is a word of the code's."""
COUNTERS_OF_GATEWAYS: Final = ("signalling/gateways", "bridge/app/calls")
_CONVERTING: Final = {"converter_fallbacks": WORDS, "converter_failures": ("start", "worker")}
Page = Mapping[str, Mapping[str, frozenset[str]]]
"""By a series' name its labels, and by these the values that they have."""


def metrics_page() -> Page:
    """Scrape the collectors, and what Prometheus adds of itself."""
    found: dict[str, dict[str, set[str]]] = {"up": {}}
    for family in text_string_to_metric_families(_text()):
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
    jobs = re.findall(r"^ *- job_name: (\S+)$", (ROOT / "deploy/README.md").read_text("utf-8"), re.MULTILINE)
    scraped = {"job": set(jobs), "instance": set[str]()}
    return {
        name: {label: frozenset(values) for label, values in (labels | scraped).items()}
        for name, labels in found.items()
    }


def _text() -> str:
    facts, links = _facts(), LinkCollector()
    links.observe(1.0, [_both_ways(leg, verdict) for leg, verdict in enumerate(m.Verdict)])
    converting = Converting(lambda: Use({}, {}, {}, 0), tuple, lambda name: dict.fromkeys(_CONVERTING[name], 1))
    taken, registry = _snapshot(), CollectorRegistry()
    for collector in (
        BridgeCollector(lambda: taken, lambda: facts),
        links,
        ConvertingCollector(converting),
        CapacityCollector(Load()),
    ):
        registry.register(collector)
    return generate_latest(registry).decode()


def _both_ways(leg: int, verdict: m.Verdict) -> Assessment:
    streams = [stream(kind) for kind in range(len(table.KINDS))]
    return replace(assessment(leg, verdict), figures=LegFigures(streams, streams, 40.0))


def _snapshot() -> SimpleNamespace:
    sizes = (len(words) for words in table.STREAM_LABELS.values())
    streams = [
        {"leg": 1, "index": index, "packets": 1, **dict(zip(table.STREAM_LABELS, numbers, strict=True))}
        for index, numbers in enumerate(product(*map(range, sizes)))
    ]
    return snapshot_of(legs=[{"leg": 1, "rtt_us": 1}], streams=streams, lines=[{"leg": 1}])


def _facts() -> Facts:
    return Facts(
        participants=dict.fromkeys(map(str, (m.Place.WAITING, m.Place.ADMITTED)), 1),
        refusals=dict.fromkeys(map(str, Code), 1),
        bad_messages=dict.fromkeys(map(str, Code), 1),
        tests=dict.fromkeys(map(str, m.TrialVerdict), 1),
        gateways=dict.fromkeys(_words_of_gateways(), 1),
        gateway_states=[GatewayState("sip", 1, counts={"malformed": 1})],
        webhooks_waiting={"https://example.org": 1},
    )


def _words_of_gateways() -> Iterator[str]:
    """What gateways count: mostly single words in the code."""
    yield from map(str, Ending)
    yield from map(str, Code)
    for folder in COUNTERS_OF_GATEWAYS:
        for path in (ROOT / folder).rglob("*.py"):
            yield from re.findall(r'\.count\("(\w+)"\)', path.read_text("utf-8"))
