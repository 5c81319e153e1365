"""Of a caller's number others than the host see hardly anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.numbers import HIDDEN, masked


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+4791234545", f"+47 {HIDDEN} 45"),
        ("+15551234567", f"+1 {HIDDEN} 67"),
        ("+358401234567", f"+358 {HIDDEN} 67"),
        ("91234545", f"{HIDDEN} 45"),
        ("ward@hospital.example", None),
        ("+47912345x5", None),
        ("", None),
    ],
)
def test_country_and_two_digits_are_left(number: str, shown: str | None) -> None:
    """Of a number; of an address nothing."""
    assert masked(number) == shown


@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True))
def test_no_more_than_that_is_ever_shown(number: str) -> None:
    """Whatever the number."""
    shown = masked(number)
    assert shown is not None
    assert len([sign for sign in shown if sign.isdigit()]) <= 5
    assert shown.endswith(number[-2:])
