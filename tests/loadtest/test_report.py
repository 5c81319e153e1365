"""A report says what was counted, names every fault, and can be read without anything else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.accounts import Account
from loadtest.charts import Band, Chart, Series, log_ticks, nice_ticks, render
from loadtest.page import page
from loadtest.report import figures, report, verdict
from loadtest.runner import Life, Outcome
from loadtest.scenario import Scenario, arrivals
from loadtest.scrape import Scrape
from loadtest.statistics import Histogram
from loadtest.totals import SUMMED, Streams, Totals
from loadtest.watch import Look, Sample
from media.clients import ClientsSnapshot

BOUNDS = np.array([100.0, 200.0, 1000.0, np.inf])
SCENARIO = Scenario(rooms=1, legs=3, steady_s=10)
STREAM = np.dtype([(name, "<u8") for name in ("client", "receiver", "packets")])
VOID = {"br", "meta"}


def totals(packets: int, counts: tuple[int, ...], **received: int) -> Totals:
    """So many packets received, a hundredth of them checked, a third of that sent."""
    nothing = dict.fromkeys(SUMMED["receivers"], 0)
    latency = Histogram(BOUNDS, np.array(counts, np.uint64))
    return Totals(
        sent=dict.fromkeys(SUMMED["senders"], 0) | {"packets": packets // 2},
        received=nothing | {"packets": packets, "expected": packets, "checked": packets // 100} | received,
        latency={"audio": latency, "video": latency},
    )


NO_STREAMS = Streams(cast("ClientsSnapshot", SimpleNamespace(receivers=np.empty(0, STREAM))))


def look(at: float, counted: Totals, used_ns: int, memory: int) -> Look:
    """A bridge that has used that much, half of it in its shard."""
    bridge = Account({"shard-0": used_ns // 2, "brotjeneste": used_ns // 2}, used_ns, memory, memory)
    return Look(at, counted, NO_STREAMS, bridge, bridge)


def sample(at_s: float, phase: str, p99: float | None) -> Sample:
    """One second."""
    return Sample(at_s, phase, 3, {"shard-0": 40.0, "quiet": 0.1}, 60.0, 10**8, 900.0, 0.0, 0.1, p99, 0.9)


def outcome(**changes: Any) -> Outcome:
    """A run in which all went well: 10 s, 100,000 packets, 0.2 s of CPU."""
    lives = []
    for number, arrival in enumerate(arrivals(SCENARIO)):
        start = 10_000_000 + number * 50_000
        times = {
            f"{one}_us": start + 1000 * ms for one, ms in (("welcome", 5), ("connected", 40), ("admitted", 60))
        }
        life = Life(arrival, "http://127.0.0.1/join#a-secret", started_us=start, end="left", **times)
        life.first_packet_us = start + 100_000 * arrival.seat if arrival.seat else start + 10**8
        lives.append(life)
    first = look(20.0, totals(1_000, (10, 0, 0, 0)), 10**9, 110_000_000)
    last = look(30.0, totals(101_000, (60, 49, 1, 0)), 12 * 10**8, 120_000_000)
    made = Outcome(
        scenario=SCENARIO,
        lives=tuple(lives),
        samples=(sample(1, "joining", None), sample(2, "steady", 0.2), sample(3, "steady", 0.4)),
        before=look(0.0, totals(0, (0, 0, 0, 0)), 0, 90_000_000),
        steady=(first, last),
        metrics=(Scrape(), Scrape({"brotjeneste_sends_total": 5.0, "brotjeneste_datagrams_out_total": 20.0})),
        after=totals(101_000, (60, 49, 1, 0)),
        streams_flowing=12,
        early_packets=0,
        left_over=0,
        crowd_left_over=0,
        refusals={},
        unanswered=0,
        interrupted=False,
    )
    return replace(made, **changes)


def judged(of: Outcome) -> tuple[str, ...]:
    """The faults that are found."""
    return verdict(of, figures(of)).faults


def test_a_run_in_which_all_went_well_has_no_fault() -> None:
    """Nothing is said against it."""
    assert judged(outcome()) == ()


def test_pictures_that_the_bridge_left_out_are_lost_ones() -> None:
    """Three see two each for ten seconds: six of those sixty count, whatever was left out before."""
    rested = "brotjeneste_pictures_rested_seconds_total"
    found = outcome(metrics=(Scrape({rested: 3.0}), Scrape({rested: 9.0})))
    assert figures(found)["pictures_rested_percent"] == 10
    assert judged(found) == ("10 % of the pictures were left out, since the bridge did not keep up",)
    assert judged(outcome(metrics=(Scrape({rested: 3.0}), Scrape({rested: 3.05})))) == ()


def test_figures_are_those_of_the_steady_time() -> None:
    """Differences between its two ends, in the units of their names."""
    found = figures(outcome())
    expected = {
        "packets_received": 100_000,
        "packets_received_per_second": 10_000,
        "cpu_us_per_packet_out": 2.0,
        "shards_cpu_us_per_packet_out": 1.0,
        "bridge_cpu_percent": 2.0,
        "memory_bytes_per_leg": 10_000_000,
        "latency_ms_p50": 0.1,
        "latency_ms_p99": 0.2,
        "latency_ms_p999": 1.0,
        "video_latency_ms_p99": 0.2,
        "checked_packets": 1_010,
        "checked_share_percent": 1.0,
        "loss_percent": 0.0,
        "datagrams_per_send": 4.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_the_first_packet_is_timed_for_those_who_come_to_others() -> None:
    """The doctor, who comes to an empty room and waits for company, is left out."""
    found = figures(outcome())
    assert (found["join_to_first_packet_ms_p50"], found["join_to_first_packet_ms_p95"]) == (100.0, 200.0)
    assert found["join_to_connected_ms_p99"] == 40.0


LOST = totals(101_000, (60, 49, 1, 0), lost=500)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"after": totals(9, (0, 0, 0, 0), auth_failures=2, checked=1)}, "2 packets failed authentication"),
        ({"after": totals(9, (0, 0, 0, 0), content_failures=1, checked=1)}, "wrong content"),
        ({"after": totals(9, (0, 0, 0, 0), wrong_source=1, checked=1)}, "somebody else"),
        ({"after": totals(9, (0, 0, 0, 0), unexpected=4, checked=1)}, "4 packets came into slots"),
        ({"after": totals(9, (0, 0, 0, 0))}, "nothing that arrived was checked"),
        ({"early_packets": 1}, "before a doctor admitted"),
        ({"left_over": 3}, "3 participants were still in a room"),
        ({"left_over": -1}, "did not answer at the end"),
        ({"crowd_left_over": 1}, "left open"),
        ({"streams_flowing": 11}, "1 of 12 streams did not flow"),
        ({"refusals": {"busy": 2}}, "2 commands were refused"),
        ({"steady": None}, "never reached"),
        ({"steady": (look(20, totals(0, (0, 0, 0, 0)), 0, 0), look(30, LOST, 1, 1))}, "0.495 % of the packets"),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], fault: str) -> None:
    """What goes wrong is in a sentence of its own, and the run has not passed."""
    faults = judged(outcome(**changes))
    assert len(faults) == 1
    assert fault in faults[0]


def test_a_robot_that_ended_otherwise_than_told_is_a_fault() -> None:
    """Lost, refused and failed robots count; an interrupted run may have robots that never started."""
    lives = outcome().lives
    ended = (replace(lives[0], end="lost"), replace(lives[1], end="not_started"), lives[2])
    assert judged(outcome(lives=ended)) == ("2 robots ended unexpectedly",)
    assert judged(outcome(lives=ended, interrupted=True)) == ("1 robots ended unexpectedly",)


def test_an_interrupted_run_still_reports() -> None:
    """What was not reached is no fault, and its figures are left out instead of made up."""
    of = outcome(steady=None, interrupted=True, streams_flowing=0)
    assert judged(of) == ()
    assert "latency_ms_p99" not in figures(of)


def whole(of: Outcome) -> dict[str, Any]:
    """The report, through JSON and back."""
    data = report(of, target="its own", measured_on={"cpu": "x", "cores": 2, "kernel": "6"}, commit="abc")
    loaded: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    return loaded


def test_the_report_has_the_form_of_all_benchmarks_and_no_secret() -> None:
    """Name, commit, machine, rounds, and a scenario with figures and spread; links are left out."""
    data = whole(outcome())
    assert {"benchmark", "commit", "machine", "rounds", "scenarios"} <= data.keys()
    scenario = data["scenarios"][0]
    assert {"name", "subject", "figures", "spread"} == scenario.keys()
    assert scenario["spread"]["latency_ms_p99"] == [0.2, 0.4]
    assert len(data["joins"]) == 3
    assert "a-secret" not in json.dumps(data)


def test_what_is_above_every_bucket_is_not_written_as_a_number() -> None:
    """JSON knows no infinity: the figure is null there, and the page says that it was not measured."""
    above = look(30.0, totals(101_000, (0, 0, 0, 50)), 1, 1)
    data = whole(outcome(steady=(look(20.0, totals(0, (0, 0, 0, 0)), 0, 0), above)))
    assert data["scenarios"][0]["figures"]["latency_ms_p50"] is None


class Reader(HTMLParser):
    """Notes what is opened and what is closed, and every address that is named."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.seen.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.seen.add(tag)
        del attrs

    def handle_endtag(self, tag: str) -> None:
        """It must be what was opened last."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("of", [outcome(), outcome(steady=None, interrupted=True, samples=(), lives=())])
def test_the_page_stands_alone(of: Outcome) -> None:
    """Every element is closed, nothing is fetched, nothing runs."""
    reader = Reader()
    reader.feed(page(whole(of)))
    assert reader.open == []
    assert reader.addresses == []
    assert not reader.seen & {"script", "link", "img", "iframe"}


def test_the_page_says_each_plot_in_words_and_in_a_table() -> None:
    """Who does not see the lines has their ranges, and the numbers."""
    text = page(whole(outcome()))
    labels = re.findall(r'<svg[^>]* aria-label="([^"]+)"', text)
    assert any(label.startswith("Latency") and "99 of 100 0.2 to 0.4" in label for label in labels)
    assert text.count("<table>") == len(labels) + 1
    assert "bridge, shard-0" in text
    assert "bridge, quiet" not in text
    assert "✓ Passed" in text


def test_the_page_names_what_failed_and_escapes_it() -> None:
    """Faults are listed as text."""
    data = whole(outcome()) | {"passed": False, "faults": ["<b>bad</b>"]}
    assert "<li>&lt;b&gt;bad&lt;/b&gt;</li>" in page(data)


@given(st.floats(1e-6, 1e12))
def test_ticks_are_round_few_and_reach_the_top(high: float) -> None:
    """From 0 in equal steps of one digit to the first that is not below."""
    ticks = nice_ticks(high)
    assert ticks[0] == 0
    assert ticks[-1] >= high * (1 - 1e-6)
    assert 2 <= len(ticks) <= 8
    assert f"{ticks[1]:.0e}"[0] in "125"


@given(st.floats(1e-6, 1e6), st.floats(1, 1e6))
def test_logarithmic_ticks_enclose_the_values(low: float, times: float) -> None:
    """Powers of ten around both ends."""
    ticks = log_ticks(low, low * times)
    assert ticks[0] <= low * (1 + 1e-6)
    assert ticks[-1] >= low * times * (1 - 1e-6)


VALUES = st.none() | st.just(0.0) | st.floats(1e-6, 1e9)


@given(st.lists(st.tuples(st.floats(0, 1e4), VALUES)), st.booleans())
def test_any_points_are_plotted_inside_the_picture(points: list[tuple[float, float | None]], log: bool) -> None:  # noqa: FBT001
    """No coordinate leaves the picture, whatever the values, gaps and zeros included."""
    svg = render(Chart("Title", "ms", (Series("a", sorted(points, key=str)),), (Band("all", 0, 1e4),), log=log))
    for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", svg):
        assert 0 <= float(x) <= 760
        assert 0 <= float(y) <= 250
