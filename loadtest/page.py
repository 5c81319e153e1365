"""The report as one HTML page: no scripts, nothing fetched, light and dark, and a table behind every plot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from loadtest.charts import COLOURS, Band, Chart, Series, render, shown

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
# Longer tables are thinned out: the report in JSON has everything.
_MAX_ROWS: Final = 120

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #fbfbfa; --ink: #1c2126; --soft: #5c6670; --rule: #d9dde1;
  --card: #ffffff; --band0: #f1f4f6; --band1: #e7ecf0; --good: #1a7f4b; --bad: #b3261e;
  --c0: #0b63b8; --c1: #c2570c; --c2: #1a7f4b; --c3: #8a3ab9; --c4: #b3261e; --c5: #5c6670; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181c; --ink: #e8ebee; --soft: #a2acb6; --rule: #333c45;
  --card: #1b2127; --band0: #1f262d; --band1: #262f38; --good: #5fd197; --bad: #ff8a80;
  --c0: #6cb4ff; --c1: #ffa866; --c2: #5fd197; --c3: #d09bf5; --c4: #ff8a80; --c5: #a2acb6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 0; }
p { margin: .25rem 0; } .soft { color: var(--soft); }
.verdict { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; padding: 0; list-style: none; }
.tiles li, figure { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; }
.tiles li { padding: .7rem .9rem; display: flex; flex-direction: column-reverse;
  justify-content: flex-end; }
.tiles b { font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.2; }
.tiles small { font-size: .95rem; font-weight: 400; } .tiles span { color: var(--soft); font-size: .9rem; }
figure { margin: 1rem 0; padding: .9rem 1rem; overflow-x: auto; }
svg { width: 100%; min-width: 34rem; height: auto; display: block; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .3rem 0; padding: 0;
  font-size: .9rem; }
.key i { display: inline-block; width: .9rem; height: .25rem; margin-right: .4rem; vertical-align: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .dot { opacity: .75; stroke: none; }
@COLOURS@
.grid { stroke: var(--rule); } text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.b0 { fill: var(--band0); } .b1 { fill: var(--band1); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); } td, th { padding: .15rem .6rem; text-align: right;
  border-bottom: 1px solid var(--rule); font-weight: 400; }
th:first-child { text-align: left; } thead th { color: var(--soft); vertical-align: bottom; }
.scroll { overflow-x: auto; max-height: 24rem; overflow-y: auto; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
""".replace(
    "@COLOURS@",
    " ".join(f".line.c{n} {{ stroke: var(--c{n}); }} .dot.c{n} {{ fill: var(--c{n}); }}" for n in range(COLOURS)),
)


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
        *(part for chart in charts(report) for part in _figure(chart)),
        *_all_figures(scenario["figures"]),
    ]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


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


def _figure(chart: Chart) -> Iterator[str]:
    yield f'<figure>\n<h2>{escape(chart.title)} <span class="soft">({escape(chart.unit)})</span></h2>'
    if len(chart.series) > 1:
        keys = (
            f'<li><i style="background: var(--c{number % COLOURS})"></i>{escape(one.name)}</li>'
            for number, one in enumerate(chart.series)
        )
        yield f'<ul class="key" aria-hidden="true">{"".join(keys)}</ul>'
    yield render(chart)
    yield from _table(chart)
    yield "</figure>"


def _table(chart: Chart) -> Iterator[str]:
    times = [x for x, _ in chart.series[0].points]
    columns = [dict(one.points) for one in chart.series]
    step = max(1, -(-len(times) // _MAX_ROWS))
    heads = "".join(f'<th scope="col">{escape(one.name)}</th>' for one in chart.series)
    yield '<details><summary>As a table</summary>\n<div class="scroll" tabindex="0">'
    yield f"<table><caption>{escape(chart.title)}, in {escape(chart.unit)}</caption>"
    yield f'<thead><tr><th scope="col">s</th>{heads}</tr></thead>\n<tbody>'
    for time in times[::step]:
        values = (column.get(time) for column in columns)
        cells = "".join(f"<td>{'' if value is None else shown(value)}</td>" for value in values)
        yield f'<tr><th scope="row">{time:.0f}</th>{cells}</tr>'
    yield "</tbody></table></div></details>"


def _all_figures(figures: Mapping[str, float | None]) -> Iterator[str]:
    yield "<figure><h2>All figures</h2>\n<table><caption>Units are in the names.</caption>\n<tbody>"
    for name, value in figures.items():
        text = "not measured" if value is None else f"{value:,.10g}"
        yield f'<tr><th scope="row">{escape(name)}</th><td>{text}</td></tr>'
    yield "</tbody></table></figure>"
