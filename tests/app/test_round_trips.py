"""Round trips of a leg, second by second: measured, or told by its packets."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality.figures import History, read
from bridge.app.quality.round_trips import LONGEST_MS, RoundTrips
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


@pytest.mark.parametrize("begins_anew", [RoundTrips(5, 1), RoundTrips()])
def test_counts_that_begin_anew_tell_nothing(begins_anew: RoundTrips) -> None:
    """A snapshot of another engine's leg of this number."""
    assert begins_anew.since(RoundTrips(100, 2, 100, 2, 100, 2)).exact_ms is None
