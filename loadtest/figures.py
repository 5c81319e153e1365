"""`python -m loadtest.figures`: the README's tables and plot of what a packet costs, from what the benches wrote.

Reads forward.json and peers.json under build/bench/, and writes nothing that is not in them. The benches are
`make bench` and `make bench-peers`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import click

from loadtest.errors import LoadtestError, NoFigures

COST: Final = "cpu_us_per_packet_out"
BEGIN: Final = "<!-- figures: begin -->"
END: Final = "<!-- figures: end -->"

# What a bench calls its subjects, and what a reader does. A scenario is shown when its first subject is there.
SUBJECTS: Final = {
    "bridge": "brotjeneste",
    "limit": "bare loop",
    "janus-best": "Janus at its best",
    "janus-default": "Janus as it comes",
}
SCENARIOS: Final = {
    "fanout-20": "one camera to 20",
    "four-party": "rooms of four",
    "nine-party-simulcast": "rooms of nine, simulcast",
    "audio-only": "rooms of four, sound only",
    "consultation-reported": "rooms of four, each packet reported on",
    "fanout-16-burst": "one camera to 16, whole server, a picture at once",
    "fanout-16-even": "one camera to 16, whole server, evenly paced",
}

# The same packets a second from more and more legs; what follows the name is their number.
GROWTH: Final = "same-load-in-all-legs-"
DEARER: Final = "dearer_than_fewest_legs_percent"

# Resident bytes come in pages of 2 MB, some of which others gave back: they say something of one run alone.
MEMORY: Final = "heap_bytes_per_leg"
# Parts of what one shard carries.
LOADS: Final = (10, 50, 70)

_WIDTH, _LEFT, _RIGHT, _ROW, _GAP, _HEAD = 760, 250, 70, 17, 12, 34
_COLOURS: Final = ("#0b6e6e", "#9aa5b1", "#c2571a", "#e0a458")


@dataclass(frozen=True)
class Bar:
    """One subject in one scenario: microseconds of CPU per packet out, least and most over the rounds."""

    scenario: str
    subject: str
    cost: float
    least: float
    most: float


def bars(reports: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Every scenario that has a name here, in this order, and in it every subject that was measured."""
    entries = [entry for report in reports for entry in report["scenarios"] if COST in entry["figures"]]
    found = {(entry["name"], entry["subject"]): entry for entry in entries}
    order = [(scenario, subject) for scenario in SCENARIOS for subject in SUBJECTS]
    return [_bar(found[key]) for key in order if key in found]


def _bar(entry: Mapping[str, Any]) -> Bar:
    cost = entry["figures"][COST]
    # A figure that was the same in every round has no spread of its own.
    spread = entry["spread"].get(COST, (cost, cost))
    least, most = (spread["min"], spread["max"]) if isinstance(spread, Mapping) else spread
    return Bar(entry["name"], entry["subject"], cost, least, most)


def table(shown: Sequence[Bar]) -> str:
    """A Markdown table: cost of each subject, and how many times ours it is."""
    ours = {bar.scenario: bar.cost for bar in shown if bar.subject == "bridge"}
    lines = ["| scenario | subject | us of CPU per packet out | times ours |", "|---|---|---|---|"]
    for bar in shown:
        times = f"{bar.cost / ours[bar.scenario]:.2f}" if bar.scenario in ours else ""
        cost = f"{bar.cost:.2f} ({bar.least:.2f} to {bar.most:.2f})"
        lines.append(f"| {SCENARIOS[bar.scenario]} | {SUBJECTS[bar.subject]} | {cost} | {times} |")
    return "\n".join(lines)


def growth(reports: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table: cost by number of legs, ours and the bare loop's; empty where that was not measured."""
    entries = [entry for report in reports for entry in report["scenarios"] if entry["name"].startswith(GROWTH)]
    legs = sorted({int(entry["name"].removeprefix(GROWTH)) for entry in entries})
    found = {(int(entry["name"].removeprefix(GROWTH)), entry["subject"]): entry["figures"] for entry in entries}
    lines = [
        "| legs | brotjeneste | dearer | bare loop | dearer | times the bare loop |",
        "|---|---|---|---|---|---|",
    ]
    for number in legs:
        ours, bare = found[number, "bridge"], found[number, "limit"]
        costs = [f"{figures[COST]:.2f} | {figures[DEARER]:.0f} %" for figures in (ours, bare)]
        lines.append(f"| {number:,} | {' | '.join(costs)} | {1 / ours['ratio_to_limit']:.2f} |")
    return "\n".join(lines) if legs else ""


def beside_cost(reports: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of ours, by scenario: the bare loop's part of the cost, delay, memory, what was checked."""
    entries = {entry["name"]: entry for entry in _ours(reports)}
    lines = [
        "| scenario | bare loop / ours | under way, ms: p50, p99, p99.9 | allocated a leg, kB | checked |",
        "|---|---|---|---|---|",
    ]
    for name in SCENARIOS:
        figures = entries[name]["figures"] if name in entries else {}
        # Beside another bridge there is no bare loop.
        if not {"ratio_to_limit", "latency_ms_p50"} <= figures.keys():
            continue
        ratio = f"{figures['ratio_to_limit']:.2f}"
        delays = ", ".join(f"{figures[f'latency_ms_{part}']:.2f}" for part in ("p50", "p99", "p99_9"))
        memory = entries[f"{name}-memory"]["figures"][MEMORY] / 1e3
        checked = figures["checked_percent"]
        lines.append(f"| {SCENARIOS[name]} | {ratio} | {delays} | {memory:.0f} | {checked:.1f} % |")
    return "\n".join(lines) if len(lines) > 2 else ""  # noqa: PLR2004 - the head of a table


def carried(reports: Sequence[Mapping[str, Any]]) -> str:
    """What one shard and two carry, and the delay at parts of that; empty where it was not measured."""
    figures = {entry["name"]: entry["figures"] for entry in _ours(reports)}
    shards = [figures.get(f"four-party-shards-{number}") for number in (1, 2)]
    loads = [figures.get(f"four-party-load-{load}-percent") for load in LOADS]
    if not all((*shards, *loads)):
        return ""
    one, two = (f"{found['packets_out_per_second']:,.0f}" for found in shards if found)
    outside = ", ".join(f"{found['latency_ms_p99']:.2f}" for found in loads if found)
    inside = ", ".join(f"{found['inside_latency_ms_p99']:.2f}" for found in loads if found)
    return (
        f"One shard carries {one} packets a second in rooms of four, two {two} on the same two cores, which they\n"
        f"share with the senders. At {', '.join(map(str, LOADS))} % of what one carries, 99 of 100 packets are\n"
        f"under way for {outside} ms at most, of which the engine's own clock sees {inside}."
    )


def _ours(reports: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (entry for report in reports for entry in report["scenarios"] if entry["subject"] == "bridge")


def plot(shown: Sequence[Bar]) -> str:
    """The same as an SVG of bars, with the spread as a thin line; readable on any background."""
    highest = max((bar.most for bar in shown), default=1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / highest
    parts: list[str] = []
    y = _HEAD
    for scenario in dict.fromkeys(bar.scenario for bar in shown):
        for bar in (bar for bar in shown if bar.scenario == scenario):
            parts += _drawn(bar, y, scale)
            y += _ROW
        y += _GAP + _ROW
    legend = "CPU per packet out, microseconds (less is better); line: least to most over the rounds"
    font = 'font-family="sans-serif" font-size="12"'
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}"'
    return "\n".join(
        [
            f'<svg {box} {font} role="img" aria-label="{escape(legend)}">',
            f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>',
            f'<text x="10" y="16" fill="#333333">{escape(legend)}</text>',
            *_titles(shown),
            *parts,
            "</svg>\n",
        ]
    )


def _titles(shown: Sequence[Bar]) -> Iterator[str]:
    y = _HEAD
    for scenario in dict.fromkeys(bar.scenario for bar in shown):
        yield f'<text x="10" y="{y + 10}" font-weight="bold" fill="#111111">{escape(SCENARIOS[scenario])}</text>'
        y += _ROW * (1 + sum(bar.scenario == scenario for bar in shown)) + _GAP


def _drawn(bar: Bar, top: int, scale: float) -> Iterator[str]:
    # The scenario's own line is above its bars.
    y = top + _ROW
    colour = _COLOURS[list(SUBJECTS).index(bar.subject)]
    width, middle = round(bar.cost * scale, 1), y + _ROW / 2 - 1
    name = escape(SUBJECTS[bar.subject])
    yield f'<text x="{_LEFT - 8}" y="{y + 12}" text-anchor="end" fill="#333333">{name}</text>'
    yield f'<rect x="{_LEFT}" y="{y + 1}" width="{width}" height="{_ROW - 4}" fill="{colour}"/>'
    least, most = round(_LEFT + bar.least * scale, 1), round(_LEFT + bar.most * scale, 1)
    yield f'<path d="M{least} {middle}H{most}" stroke="#111111"/>'
    beside = max(most, _LEFT + width) + 6
    yield f'<text x="{beside}" y="{y + 12}" fill="#333333">{bar.cost:.2f}</text>'


def told(reports: Sequence[Mapping[str, Any]], picture: str) -> str:
    """What stands in the README: where and when it was measured, the tables, the plot."""
    shown = bars(reports)
    machines = dict.fromkeys(_where(report["machine"]) for report in reports)
    if len(machines) > 1:
        raise NoFigures(f"the benches ran on different machines: {'; '.join(machines)}")
    (where,) = machines
    commits = str(reports[0]["commit"])
    if other := next((report["commit"] for report in reports if report["commit"] != commits), None):
        commits += f" (whole server: at {other})"
    rounds = " and ".join(dict.fromkeys(str(report["rounds"]) for report in reports))
    said = f"Medians of {rounds} alternating rounds (least to most), on {where}, at {commits}."
    parts = [said, table(shown), f"![CPU per packet out]({picture})"]
    parts += [part for part in (beside_cost(reports), carried(reports)) if part]
    if by_legs := growth(reports):
        parts += [
            "The same packets a second from ever more legs in rooms of four, us of CPU per packet out:",
            by_legs,
        ]
    return "\n\n".join(parts)


def _where(machine: Mapping[str, Any]) -> str:
    return f"{machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']}"


def placed(readme: str, text: str) -> str:
    """The README with `text` between its two marks. Raises NoFigures without them."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoFigures(f"the README has no place between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        report: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except OSError:
        raise NoFigures(f"{path} is missing: run make bench and make bench-peers first") from None
    except ValueError:
        raise NoFigures(f"{path} is not whole: run its bench again") from None
    if str(report["commit"]).endswith("-dirty"):
        raise NoFigures(f"{path} is of no commit: there were changes when it was measured")
    return report


@click.command()
@click.option("--bench", type=click.Path(path_type=Path), default=Path("build/bench"), show_default=True)
@click.option("--readme", type=click.Path(path_type=Path), default=Path("README.md"), show_default=True)
@click.option("--picture", type=click.Path(path_type=Path), default=Path("deploy/cost.svg"), show_default=True)
def main(bench: Path, readme: Path, picture: Path) -> None:
    """Put the figures of the last benches into the README."""
    try:
        reports = [_read(bench / name) for name in ("forward.json", "peers.json")]
        text = placed(readme.read_text("utf-8"), told(reports, picture.as_posix()))
    except LoadtestError as error:
        raise click.ClickException(str(error)) from None
    picture.write_text(plot(bars(reports)), "utf-8")
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
