"""The report as one HTML page: no scripts, nothing fetched, light and dark, and a table behind every plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from loadtest.charts import COLOURS, Band, Chart, Series, shown
from loadtest.paper import document, figure

Report = Mapping[str, Any]

# What is shown first, as large numbers: key, words, unit.
_HEADLINES: Final = (
    ("packets_received_per_second", "packets forwarded", "/s"),
    ("loss_percent", "lost", "%"),
    ("latency_ms_p50", "latency, half of all", "ms"),
    ("latency_ms_p99", "latency, 99 of 100", "ms"),
    ("cpu_us_per_packet_out", "CPU a packet out", "µs"),
    ("memory_bytes_per_leg", "memory a leg", "B"),
    ("join_to_first_packet_ms_p95", "join to first packet, 95 of 100", "ms"),
    ("checked_share_percent", "of packets checked in full", "%"),
)
_MAX_LINES: Final = COLOURS
# A thread that uses less of a core than this is shown with the others of its kind.
_BUSY_PERCENT: Final = 1.0


def page(report: Report) -> str:
    """Give the whole page."""
    scenario = report["scenarios"][0]
    settings = report["settings"]
    title = f"Load test: {settings['rooms']} rooms of {settings['legs']}, {report['profile']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(_circumstances(report))}</p>',
        *_verdict(report),
        *_tiles(scenario["figures"]),
        *(part for chart in charts(report) for part in figure(chart)),
        *_all_figures(scenario["figures"]),
    ]
    return document(title, body)


def charts(report: Report) -> list[Chart]:
    """Everything that is plotted, without the plots that would be empty."""
    samples: Sequence[Report] = report["samples"]
    bands = tuple(_bands(samples))

    def over_time(key: str, name: str, scale: float = 1.0) -> Series:
        points = [(one["at_s"], None if one[key] is None else one[key] * scale) for one in samples]
        return Series(name, points)

    latency = tuple(
        over_time(f"latency_ms_{key}", name)
        for key, name in (("p50", "half of all"), ("p99", "99 of 100"), ("p999", "999 of 1000"))
    )
    found = [
        Chart("Latency from robot to robot, through the bridge", "ms", latency, bands, log=True),
        Chart("Packets received by all robots", "packets/s", (over_time("packets_per_s", "packets"),), bands),
        Chart("Packets lost", "%", (over_time("loss_percent", "lost"),), bands),
        Chart("CPU", "% of one core", tuple(_cpu_series(samples)), bands),
        Chart("Memory of the bridge", "MB", (over_time("bridge_memory_bytes", "memory", 1e-6),), bands),
        Chart("Robots connected", "robots", (over_time("connected", "robots"),), bands),
        Chart("Join to first packet, by time of the join", "ms", (_joins(report["joins"]),)),
    ]
    return [chart for chart in found if not chart.is_empty]


def _bands(samples: Sequence[Report]) -> Iterator[Band]:
    start = 0.0
    for number, one in enumerate(samples):
        following = samples[number + 1]["phase"] if number + 1 < len(samples) else None
        if following != one["phase"]:
            yield Band(one["phase"], start, one["at_s"])
            start = one["at_s"]


def _cpu_series(samples: Sequence[Report]) -> Iterator[Series]:
    """The bridge's busiest threads by name, the sum of its others, and the robots' process."""
    used: dict[str, float] = {}
    for one in samples:
        for name, percent in one["bridge_cpu_percent"].items():
            used[name] = used.get(name, 0.0) + percent
    busy = [name for name in used if used[name] >= _BUSY_PERCENT * len(samples)]
    busiest = sorted(busy, key=lambda name: -used[name])[: _MAX_LINES - 2]
    for name in busiest:
        points = [(one["at_s"], one["bridge_cpu_percent"].get(name, 0.0)) for one in samples]
        yield Series(f"bridge, {name}", points)
    if len(used) > len(busiest):
        rest = [
            (one["at_s"], sum(p for name, p in one["bridge_cpu_percent"].items() if name not in busiest))
            for one in samples
        ]
        yield Series("bridge, other threads", rest)
    yield Series("robots, all threads", [(one["at_s"], one["robots_cpu_percent"]) for one in samples])


def _joins(joins: Iterable[Report]) -> Series:
    points = [(one["at_s"], one["first_packet_ms"]) for one in joins if one["seat"] > 1]
    return Series("one robot", points, style="dots")


def _circumstances(report: Report) -> str:
    machine, settings = report["machine"], report["settings"]
    return (
        f"{settings['steady_s']:g} s of full call after {settings['joins_per_second']:g} joins a second; "
        f"bridge: {report['target']}; {machine['cores']} cores of {machine['cpu']}, kernel {machine['kernel']}; "
        f"commit {report['commit']}"
    )


def _verdict(report: Report) -> Iterator[str]:
    if report["interrupted"]:
        yield '<p class="verdict">Interrupted: the figures are those up to then.</p>'
    if report["passed"]:
        yield '<p class="verdict good">✓ Passed: everything arrived that was looked for, and nothing else did.</p>'
        return
    yield '<p class="verdict bad">✗ Not passed:</p>\n<ul>'
    yield from (f"<li>{escape(fault)}</li>" for fault in report["faults"])
    yield "</ul>"


def _tiles(figures: Mapping[str, float | None]) -> Iterator[str]:
    yield '<ul class="tiles">'
    for key, words, unit in _HEADLINES:
        if (value := figures.get(key)) is not None:
            yield f"<li><b>{shown(value)} <small>{escape(unit)}</small></b><span>{escape(words)}</span></li>"
    yield "</ul>"


def _all_figures(figures: Mapping[str, float | None]) -> Iterator[str]:
    yield "<figure><h2>All figures</h2>\n<table><caption>Units are in the names.</caption>\n<tbody>"
    for name, value in figures.items():
        text = "not measured" if value is None else f"{value:,.10g}"
        yield f'<tr><th scope="row">{escape(name)}</th><td>{text}</td></tr>'
    yield "</tbody></table></figure>"
