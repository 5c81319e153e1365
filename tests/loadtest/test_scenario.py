"""A scenario is within its bounds, and says who comes when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario import Scenario, arrivals
from signalling.messages import Role


@given(st.integers(1, 30), st.integers(2, 9), st.floats(0.5, 200))
def test_everybody_comes_once_at_the_pace_asked_for(rooms: int, legs: int, pace: float) -> None:
    """Each seat of each room is taken once, one every interval, and a doctor never after their people."""
    people = arrivals(Scenario(rooms=rooms, legs=legs, joins_per_second=pace))
    assert {(one.room, one.seat) for one in people} == {(r, s) for r in range(rooms) for s in range(legs)}
    assert len(people) == rooms * legs
    assert [one.at_s for one in people] == pytest.approx([place / pace for place in range(len(people))])
    came = {(one.room, one.seat): one.at_s for one in people}
    assert all(came[room, 0] < came[room, seat] for room, seat in came if seat)


def test_the_first_seat_is_the_doctors() -> None:
    """Only the doctor has that role; the others have roles that may be invited."""
    roles = {one.seat: one.role for one in arrivals(Scenario(rooms=1, legs=7))}
    assert roles[0] is Role.DOCTOR
    assert Role.DOCTOR not in [role for seat, role in roles.items() if seat]
    assert Role.OPERATOR not in roles.values()


@pytest.mark.parametrize(
    "wrong",
    [
        {"rooms": 0},
        {"rooms": 1001},
        {"legs": 1},
        {"legs": 51},
        {"steady_s": 0},
        {"steady_s": 241 * 60},
        {"joins_per_second": 0},
        {"joins_per_second": 201},
        {"profile": "cinema"},
    ],
)
def test_what_is_out_of_bounds_is_refused(wrong: dict[str, Any]) -> None:
    """Number and time are bounded, so that a slip of the finger fills no machine."""
    with pytest.raises(ValueError, match=r"must be|there are"):
        Scenario(**wrong)


def test_the_streams_that_are_expected_follow_from_the_profile() -> None:
    """A microphone of each other person, and a camera where the profile has one."""
    assert Scenario(legs=4).streams_each == 6
    assert Scenario(legs=4, profile="audio").streams_each == 3
