"""The README's table and plot say what the benches measured, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from loadtest.errors import NoFigures
from loadtest.figures import BEGIN, END, bars, beside_cost, carried, growth, main, placed, plot, table

MACHINE = {"cpu": "a processor", "cores": 2, "kernel": "6.1"}


def report(*entries: tuple[str, str, float], pair: bool = False) -> dict[str, Any]:
    """What a bench writes; `pair` has the spread as two numbers."""
    scenarios = [
        {
            "name": name,
            "subject": subject,
            "figures": {"cpu_us_per_packet_out": cost},
            "spread": {
                "cpu_us_per_packet_out": [cost - 1, cost + 1] if pair else {"min": cost - 1, "max": cost + 1}
            },
        }
        for name, subject, cost in entries
    ]
    return {"commit": "abc", "machine": MACHINE, "rounds": 4, "scenarios": scenarios}


FORWARD = report(("fanout-20", "limit", 1.5), ("fanout-20", "bridge", 2.0), ("unheard-of", "bridge", 9.0))
PEERS = report(("fanout-16-burst", "bridge", 2.5), ("fanout-16-burst", "janus-best", 10.0), pair=True)


def test_each_subject_is_held_against_ours() -> None:
    """A row for each subject of a known scenario, ours first: cost, spread, multiple of ours."""
    lines = table(bars([FORWARD, PEERS])).splitlines()
    assert lines[2:] == [
        "| one camera to 20 | brotjeneste | 2.00 (1.00 to 3.00) | 1.00 |",
        "| one camera to 20 | bare loop | 1.50 (0.50 to 2.50) | 0.75 |",
        "| one camera to 16, whole server, a picture at once | brotjeneste | 2.50 (1.50 to 3.50) | 1.00 |",
        "| one camera to 16, whole server, a picture at once | Janus at its best | 10.00 (9.00 to 11.00) | 4.00 |",
    ]


def test_legs_are_in_the_order_of_their_number() -> None:
    """A row for each number of legs: what a packet costs there, ours and the bare loop's, and how much dearer."""
    scenarios = [
        {
            "name": f"same-load-in-all-legs-{legs}",
            "subject": subject,
            "figures": {
                "cpu_us_per_packet_out": cost,
                "dearer_than_fewest_legs_percent": dearer,
                "ratio_to_limit": ratio,
            },
        }
        for legs, subject, cost, dearer, ratio in (
            (1_000, "bridge", 3.0, 20.4, 0.8),
            (1_000, "limit", 2.4, 14.6, 1.0),
            (12, "bridge", 2.5, 0.0, 0.9),
            (12, "limit", 2.25, 0.0, 1.0),
        )
    ]
    assert growth([{"scenarios": scenarios}]).splitlines()[2:] == [
        "| 12 | 2.50 | 0 % | 2.25 | 0 % | 1.11 |",
        "| 1,000 | 3.00 | 20 % | 2.40 | 15 % | 1.25 |",
    ]
    assert not growth([FORWARD])


def ours(**scenarios: dict[str, float]) -> list[dict[str, Any]]:
    """A report of the bridge's figures by scenario."""
    entries = [
        {"name": name.replace("_", "-"), "subject": "bridge", "figures": figures}
        for name, figures in scenarios.items()
    ]
    return [{"scenarios": entries}]


def test_delay_memory_and_what_was_checked_are_by_scenario() -> None:
    """A row for each that was timed; no table where none was."""
    timed = {"ratio_to_limit": 0.85, "latency_ms_p50": 0.1, "latency_ms_p99": 0.25, "latency_ms_p99_9": 1.5}
    reports = ours(fanout_16_burst={"latency_ms_p50": 0.3})
    reports += ours(four_party=timed | {"checked_percent": 3.2}, four_party_memory={"heap_bytes_per_leg": 95_600})
    assert beside_cost(reports).splitlines()[2:] == ["| rooms of four | 0.85 | 0.10, 0.25, 1.50 | 96 | 3.2 % |"]
    assert not beside_cost([FORWARD])


def test_what_shards_carry_is_told_when_all_of_it_was_measured() -> None:
    """Packets a second of one and two, and the delay at parts of one's."""
    shards = {f"four_party_shards_{number}": {"packets_out_per_second": 1e5 * number} for number in (1, 2)}
    loads = {
        f"four_party_load_{load}_percent": {"latency_ms_p99": load / 100, "inside_latency_ms_p99": load / 200}
        for load in (10, 50, 70)
    }
    text = carried(ours(**shards, **loads))
    assert "carries 100,000 packets a second in rooms of four, two 200,000" in text
    assert "0.10, 0.50, 0.70" in text
    assert "0.05, 0.25, 0.35" in text
    assert not carried(ours(**shards))


def test_a_figure_without_a_spread_is_its_own() -> None:
    """What was the same in every round is shown as least and most too."""
    entry = {"name": "audio-only", "subject": "bridge", "figures": {"cpu_us_per_packet_out": 2.0}, "spread": {}}
    (bar,) = bars([{"scenarios": [entry]}])
    assert (bar.least, bar.cost, bar.most) == (2.0, 2.0, 2.0)


def test_bars_are_as_long_as_their_cost() -> None:
    """The plot is well-formed, and the lengths of its bars are as the costs."""
    root = ET.fromstring(plot(bars([FORWARD, PEERS])))  # noqa: S314 - our own text
    drawn = [float(rect.attrib["width"]) for rect in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert [round(width / drawn[0], 2) for width in drawn] == [1.0, 0.75, 1.25, 5.0]


def test_the_readme_is_changed_between_its_marks_only(tmp_path: Path) -> None:
    """The command writes table and plot, and leaves the rest of the text as it was."""
    for name, content in (("forward.json", FORWARD), ("peers.json", PEERS)):
        (tmp_path / name).write_text(json.dumps(content), "utf-8")
    readme, picture = tmp_path / "README.md", tmp_path / "cost.svg"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    given = ["--bench", str(tmp_path), "--readme", str(readme), "--picture", str(picture)]
    assert CliRunner().invoke(main, given).exit_code == 0
    text = readme.read_text("utf-8")
    assert text.startswith(f"before\n{BEGIN}\nMedians of 4 alternating rounds")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert picture.read_text("utf-8").startswith("<svg")


def test_missing_figures_are_an_error_and_change_nothing(tmp_path: Path) -> None:
    """Without a report there is a sentence, and the README stays."""
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n", "utf-8")
    result = CliRunner().invoke(main, ["--bench", str(tmp_path), "--readme", str(readme)])
    assert result.exit_code == 1
    assert "forward.json is missing" in result.output
    assert readme.read_text("utf-8") == f"{BEGIN}\n{END}\n"
    with pytest.raises(NoFigures):
        placed("no marks", "text")


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (json.dumps(FORWARD | {"machine": MACHINE | {"cpu": "another"}}), "different machines"),
        (json.dumps(FORWARD | {"commit": "abc-dirty"}), "of no commit"),
        (json.dumps(FORWARD)[:-1], "not whole"),
    ],
)
def test_figures_that_do_not_belong_together_are_not_told(forward: str, said: str, tmp_path: Path) -> None:
    """Another machine, no commit, half a file: a sentence, and the README stays."""
    (tmp_path / "forward.json").write_text(forward, "utf-8")
    (tmp_path / "peers.json").write_text(json.dumps(PEERS), "utf-8")
    readme, picture = tmp_path / "README.md", tmp_path / "cost.svg"
    readme.write_text(f"{BEGIN}\n{END}\n", "utf-8")
    given = ["--bench", str(tmp_path), "--readme", str(readme), "--picture", str(picture)]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 1
    assert said in result.output
    assert readme.read_text("utf-8") == f"{BEGIN}\n{END}\n"
