"""The figures of bad links as one page: a table of all calls beside their goals, and each call over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from loadtest.charts import Band, Chart, Series, shown
from loadtest.network.scenarios import AFTER_S, BAD_S, SCENARIOS
from loadtest.paper import document, figure

Report = Mapping[str, Any]

# Column: key of the figure, words, whether less is better.
_COLUMNS: Final = (
    ("fps_mean", "frames/s", False),
    ("frozen_percent", "frozen %", True),
    ("longest_freeze_ms", "longest freeze, ms", True),
    ("audio_concealed_percent", "audio concealed %", True),
    ("delay_added_ms_p50", "delay added, ms", True),
    ("lines_p50", "lines", False),
    ("video_kbps", "video, kbit/s", False),
)
_OVER_TIME: Final = (
    ("fps", "Frames shown", "frames/s"),
    ("longest_gap_ms", "Longest time without a new picture", "ms"),
    ("delay_ms", "Delay of the picture", "ms"),
    ("video_kbps", "Video received", "kbit/s"),
    ("audio_concealed_percent", "Audio concealed", "%"),
)


def page(report: Report) -> str:
    """Give the whole page."""
    title = "Calls over bad links"
    order = {scenario.name: number for number, scenario in enumerate(SCENARIOS)}
    calls = sorted(report["scenarios"], key=lambda one: (order.get(one["name"], len(order)), one["subject"]))
    body = [f"<h1>{title}</h1>", f'<p class="soft">{escape(_circumstances(report))}</p>', *_table(calls)]
    for name in dict.fromkeys(one["name"] for one in calls):
        body += _call([one for one in calls if one["name"] == name])
    return document(title, body)


def _circumstances(report: Report) -> str:
    machine = report["machine"]
    return (
        f"Two Chromium pages, 640x360 at 25 frames a second, 1 Mbit/s, round trip 40 ms, {BAD_S:g} s of bad link; "
        f"{machine['cores']} cores of {machine['cpu']}, kernel {machine['kernel']}; commit {report['commit']}. "
        "What the call without a fault (clean) shows is of the machine."
    )


def _table(calls: Sequence[Report]) -> Iterator[str]:
    goals = {scenario.name: scenario.goals for scenario in SCENARIOS}
    heads = "".join(f'<th scope="col">{escape(words)}</th>' for _, words, _ in _COLUMNS)
    yield "<figure><h2>While the link is bad</h2>"
    yield "<table><caption>In brackets: the goal; ✗ where it is missed.</caption>"
    yield f'<thead><tr><th scope="col">call</th>{heads}</tr></thead><tbody>'
    for call in calls:
        wanted = goals.get(call["name"], {}) if call["subject"] == "bridge" else {}
        cells = "".join(
            f"<td>{_cell(call['figures'].get(key), wanted.get(key), less)}</td>" for key, _, less in _COLUMNS
        )
        yield f'<tr><th scope="row">{escape(_name(call))}</th>{cells}</tr>'
    yield "</tbody></table></figure>"


def _name(call: Report) -> str:
    rounds = call.get("rounds", 1)
    calls = f", median of {rounds} calls" if rounds > 1 else ""
    subject, *without = str(call["subject"]).split("-without-")
    words = [
        call["name"],
        *([] if subject == "bridge" else [subject]),
        *(f"without {repair}" for repair in without),
    ]
    return ", ".join(words) + calls


def _cell(value: float | None, goal: float | None, less: bool) -> str:  # noqa: FBT001 - a column's property
    if value is None:
        return "not measured"
    if goal is None:
        return shown(value)
    missed = value > goal if less else value < goal
    return f"{shown(value)} ({shown(goal)}){' ✗' if missed else ''}"


def _call(calls: Sequence[Report]) -> Iterator[str]:
    """Plot one scenario, a line for each subject; time counts from the first sample."""
    starts = [call["samples"][0]["at_s"] for call in calls if call["samples"]]
    start = min(starts, default=0.0)
    end = BAD_S - start
    bands = (Band("before", 0, -start), Band("bad", -start, end), Band("after", end, end + AFTER_S))
    yield f"<h2>{escape(calls[0]['name'])}: {escape(calls[0]['sentence'])}</h2>"
    for key, words, unit in _OVER_TIME:
        series = tuple(
            Series(_name(call), [(round(one["at_s"] - start, 2), one[key]) for one in call["samples"]])
            for call in calls
        )
        chart = Chart(words, unit, series, bands)
        if not chart.is_empty:
            yield from figure(chart)
