"""Round trips of a leg, second by second: measured, or told by its packets."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality.figures import History, read
from bridge.app.quality.round_trips import FEW_WAITS, LONGEST_MS, WAITS, RoundTrips, Waits
from tests.app.engine_rows import LEGS, streams

LEG = 7
ABOVE_MS = 10_000
Second = tuple[int | None, int | None]
"""What was measured in it, and how much longer than its first packet sound took; in ms, None for nothing."""


def told(seconds: Sequence[Second]) -> list[float | None]:
    """What is said of the leg's round trip each second."""
    history, shown = History(), []
    sums = RoundTrips()
    for second, (measured, longer) in enumerate(seconds):
        if measured is not None:
            sums = sums._replace(sum_us=sums.sum_us + 1000 * measured, times=sums.times + 1)
        if longer is not None:
            up_us = 1000 * 50 * (ABOVE_MS + longer)
            sums = sums._replace(up_sum_us=sums.up_sum_us + up_us, ups=sums.ups + 50)
        legs = np.array([(LEG, 0, *sums, *[0] * 4)], LEGS)
        history.push(read(streams(), legs, float(second), history.latest))
        shown.append(history.leg(LEG).rtt_ms)
    return shown


def test_a_way_up_that_is_full_loses_the_reports_and_is_told_all_the_same() -> None:
    """Sound takes 300 ms longer from the fourth second on, and nothing is measured until the seventh."""
    seconds: list[Second] = [(40, 0), (40, 0), (40, 0), (None, 300), (None, 310), (None, 300), (345, 300)]
    assert told(seconds) == [40.0, 40.0, 40.0, 340.0, 350.0, 340.0, 345.0]


def test_without_sound_the_last_one_holds() -> None:
    """Nobody can know better."""
    assert told([(40, 0), (None, None), (None, None), (60, None)]) == [40.0, 40.0, 40.0, 60.0]


def test_sound_that_came_sooner_than_anything_measured_takes_no_time_at_all() -> None:
    """A sender that begins anew counts from elsewhere."""
    assert told([(40, 500), (None, 0)]) == [40.0, 0.0]


def test_timestamps_that_make_no_sense_are_no_round_trip_of_hours() -> None:
    """Nobody's figures are made worse than the engine would ever take for true."""
    assert told([(40, 0), (None, 9_000_000)]) == [40.0, LONGEST_MS]


def test_what_was_never_measured_is_not_told() -> None:
    """How much longer than what, nobody knows."""
    assert told([(None, 0), (None, 300)]) == [None, None]


@given(st.lists(st.tuples(st.none() | st.integers(0, 2_000), st.none() | st.integers(-50, 2_000)), min_size=1))
def test_a_round_trip_is_what_was_measured_and_never_less_than_nothing(seconds: list[Second]) -> None:
    """Whatever came of it, and whatever did not."""
    for (measured, _), shown in zip(seconds, told(seconds), strict=True):
        assert shown is None or shown >= 0
        assert measured is None or shown is not None


def waited(*measured: tuple[float, float]) -> float | None:
    """How long the receiver is thought to wait after these exact round trips and delays in ms."""
    waits = Waits()
    for exact_ms, delay_ms in measured:
        waits.add(exact_ms, delay_ms)
    return waits.usual_ms


def test_a_queue_that_is_mostly_short_and_sometimes_long_changes_nothing_of_what_a_receiver_waits() -> None:
    """It waits 25 ms. Exact ones are 60 ms on the average, as packets meet, and four of five of them are 50."""
    calm = [(40.0, 65.0), (41.0, 65.5)]
    queue = [(50.0, 85.0), (50.0, 83.0), (50.0, 86.0), (50.0, 84.0), (100.0, 87.0)] * 6
    assert waited(*calm, *queue) == pytest.approx(25, abs=1)


def test_one_measurement_more_or_less_on_a_link_that_shakes_makes_no_difference() -> None:
    """Nor does what was long ago."""
    shaking = [(40.0 + 7 * (n % 9), 93.0 + n % 3) for n in range(WAITS)]
    usual = waited(*shaking)
    assert usual == pytest.approx(26, abs=3)
    assert waited((500.0, 94.0), *shaking) == usual
    assert waited(*shaking, (500.0, 94.0)) == pytest.approx(usual, abs=7)


def test_one_quiet_second_on_a_full_link_does_not_outweigh_all_others() -> None:
    """Its queue went after the exact one was made; and nobody waits for less than no time."""
    full = [(70.0 + n % 7, 72.0 + 3 * (n % 7)) for n in range(30)]
    assert waited((60.0, 35.0), *full) == waited(*full)
    assert waited(*[(60.0, 35.0)] * 9) == 0


def test_a_few_are_too_few() -> None:
    """Until then an exact one is told as it is."""
    assert waited(*[(40.0, 65.0)] * (FEW_WAITS - 1)) is None
    assert waited(*[(40.0, 65.0)] * FEW_WAITS) == 25


@pytest.mark.parametrize("begins_anew", [RoundTrips(5, 1), RoundTrips()])
def test_counts_that_begin_anew_tell_nothing(begins_anew: RoundTrips) -> None:
    """A snapshot of another engine's leg of this number."""
    assert begins_anew.since(RoundTrips(100, 2, 100, 2, 100, 2)).exact_ms is None
