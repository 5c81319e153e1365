"""What the rounds of a comparison come to."""

from dataclasses import replace

import pytest

from loadtest.adapters.rounds import Round, ratio, summary

GOOD = Round(
    seconds=5.0,
    cpu_ns=1_000_000_000,
    robots_cpu_ns=2_000_000_000,
    received=500_000,
    expected=600_000,
    lost=0,
    said=600_000,
    checked=12_000,
    wrong=0,
    latency_ms_p50=0.2,
    latency_ms_p99=None,
)


def test_cost_is_cpu_over_packets() -> None:
    """A second of CPU for half a million packets is two microseconds each."""
    assert GOOD.cpu_us_per_packet_out == 2.0
    assert GOOD.said_percent == 100.0


@pytest.mark.parametrize(
    "changes",
    [
        {"wrong": 1},
        {"lost": 601},
        {"checked": 5_999},
        {"expected": 0, "received": 0},
    ],
)
def test_a_round_that_proves_nothing_does_not_count(changes: dict[str, int]) -> None:
    """A wrong packet, loss above 0.1 %, too few packets looked into, or none at all."""
    assert GOOD.counts
    assert not replace(GOOD, **changes).counts


def test_medians_are_of_the_rounds_that_count() -> None:
    """A lossy round is not in the figures, and the summary says that one is missing."""
    dear, lossy = replace(GOOD, cpu_ns=2_000_000_000), replace(GOOD, cpu_ns=9_000_000_000, lost=60_000)
    summed = summary([GOOD, GOOD, dear, lossy])

    assert summed["figures"]["cpu_us_per_packet_out"] == 2.0
    assert summed["spread"]["cpu_us_per_packet_out"] == [2.0, 4.0]
    assert (summed["rounds"], summed["rounds_counted"]) == (4, 3)


def test_where_no_round_counts_all_are_shown() -> None:
    """Figures of a subject that loses packets by itself are shown, with none counted and the loss beside them."""
    summed = summary([replace(GOOD, lost=6_000)])

    assert summed["rounds_counted"] == 0
    assert summed["figures"]["loss_percent"] == 1.0


def test_what_was_not_measured_is_left_out() -> None:
    """A percentile without values is no figure."""
    figures = summary([GOOD])["figures"]

    assert figures["latency_ms_p50"] == 0.2
    assert "latency_ms_p99" not in figures


def test_wrong_packets_of_every_round_are_told() -> None:
    """Also those of rounds that do not count."""
    assert summary([GOOD, replace(GOOD, wrong=3)])["figures"]["packets_wrong"] == 3


def test_the_ratio_is_of_rounds_side_by_side() -> None:
    """Each round of theirs is held against ours of the same number; a pair with a bad one is left out."""
    twice, thrice = replace(GOOD, cpu_ns=2_000_000_000), replace(GOOD, cpu_ns=3_000_000_000)
    bad = replace(GOOD, wrong=1)
    compared = ratio([GOOD, GOOD, bad, GOOD], [twice, thrice, thrice, bad])

    assert compared is not None
    assert compared["figures"] == {"times_the_cost_of_bridge": 2.5}
    assert compared["spread"] == {"times_the_cost_of_bridge": [2.0, 3.0]}


def test_there_is_no_ratio_without_a_good_pair() -> None:
    """Nothing is made up."""
    assert ratio([GOOD], [replace(GOOD, wrong=1)]) is None
