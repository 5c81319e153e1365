"""Workers begin with the longest tests, two of them with calls, and each test is run once."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dealing import dealt

AMOUNTS = st.integers(0, 40)


@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(2, 5))
def test_each_is_run_once(calls: int, long: int, short: int, workers: int) -> None:
    """However few there are."""
    names = tuple(list(range(start, start + of)) for start, of in ((0, calls), (100, long), (200, short)))
    assert sorted(dealt(names[0], names[1], names[2], workers)) == sorted(chain(*names))


@pytest.mark.parametrize("workers", [3, 4])
def test_two_workers_begin_with_calls_and_the_last_with_what_else_is_long(workers: int) -> None:
    """The parts are equal, as they are handed out."""
    order = dealt(["d1", "d2", "d3"], ["proof"], [f"{number}" for number in range(56)], workers)
    size = 60 // workers
    parts = [order[start : start + size] for start in range(0, 60, size)]
    assert [part[0] for part in (parts[0], parts[1], parts[-1])] == ["d1", "d2", "proof"]
    assert parts[0][1] == "d3"
    assert [part for part in parts if any(name.startswith("d") for name in part)] == parts[:2]
