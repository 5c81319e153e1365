"""Percentiles never understate, whatever the samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.statistics import Histogram, percentile

BOUNDS = np.array([1.0, 2.0, 5.0, 10.0, 100.0, math.inf])


def of(values: list[float]) -> Histogram:
    """Count values into the bounds."""
    places = np.searchsorted(BOUNDS, values)
    return Histogram(BOUNDS, np.bincount(places, minlength=len(BOUNDS)).astype(np.uint64))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(values: list[float], percent: float) -> None:
    """At least that share is at or below it, and no smaller value of the samples would do."""
    found = percentile(values, percent)
    assert found in values
    needed = max(1, math.ceil(len(values) * percent / 100))
    assert sum(value <= found for value in values) >= needed
    smaller = [value for value in values if value < found]
    assert len(smaller) < needed


@given(st.lists(st.floats(0, 99), min_size=1), st.floats(0, 100))
def test_a_histogram_bounds_the_true_percentile_from_above(values: list[float], percent: float) -> None:
    """What the buckets give is at least the true value, and the bound below it is less."""
    true, given_up = percentile(values, percent), of(values).percentile_us(percent)
    assert true is not None
    assert given_up is not None
    assert true <= given_up
    below = [bound for bound in BOUNDS if bound < given_up]
    assert not below or below[-1] < true


def test_values_above_the_last_bound_are_not_made_smaller() -> None:
    """A percentile in the last bucket is infinite, because all that is known is that it is above."""
    assert of([1000.0]).percentile_us(50) == math.inf


def test_nothing_has_no_percentile() -> None:
    """No samples give no number instead of zero."""
    assert percentile([], 50) is None
    assert of([]).percentile_us(50) is None


@given(st.lists(st.floats(0, 200)), st.lists(st.floats(0, 200)))
def test_the_difference_of_two_readings_is_what_came_between(before: list[float], later: list[float]) -> None:
    """Counts of an earlier reading taken from those of a later one leave the values in between."""
    between = of(before + later).since(of(before))
    assert between.total == len(later)
    assert (between.counts == of(later).counts).all()


def test_a_histogram_that_was_reset_counts_from_there() -> None:
    """Fewer than before means a new beginning, and never a negative number."""
    assert of([1.0]).since(of([1.0, 1.0])).total == 1


def test_counts_must_fit_their_bounds() -> None:
    """A count for each bound, or there is a mistake."""
    with pytest.raises(ValueError, match="a count for each"):
        Histogram(BOUNDS, np.zeros(len(BOUNDS) + 1, np.uint64))
