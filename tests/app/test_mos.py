"""The E-model against values that ITU-T has published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality import mos


@pytest.mark.parametrize(
    ("rating", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (100, 4.5)]
)
def test_ratings_become_scores_as_in_g107(rating: float, score: float) -> None:
    """G.107 annex B, table B.1."""
    assert mos.opinion_of(rating) == pytest.approx(score, abs=0.01)


def test_the_default_connection_has_the_default_score() -> None:
    """R of 93.2 is MOS 4.41 (G.107 section 7.7)."""
    assert mos.mean_opinion(0.0, None, 0.0) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(
    ("percent", "impairment"),
    [(0, 11), (0.5, 13), (1, 15), (1.5, 17), (2, 19), (3, 23), (4, 26), (8, 36), (16, 49)],
)
def test_loss_impairs_g729a_as_in_g113(percent: float, impairment: float) -> None:
    """G.113 appendix I: Ie of G.729A under random loss."""
    assert mos.loss_impairment(percent / 100, None, mos.G729A) == pytest.approx(impairment, abs=0.6)


def test_concealment_is_worth_what_g113_says() -> None:
    """G.711 at 2 % loss: Ie 30 without concealment, 7 with it (Bpl 4.3 and 25.1 of G.113 appendix I)."""
    assert mos.loss_impairment(0.02, None, mos.G711) == pytest.approx(30.2, abs=0.1)
    assert mos.loss_impairment(0.02, None, mos.G711_CONCEALED) == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize(("delay", "rating"), [(0, 93.2), (100, 93.2), (150, 93.0), (200, 90.2), (400, 69.1)])
def test_delay_impairs_as_in_g107(delay: float, rating: float) -> None:
    """(7-27) of G.107 with the other values at their defaults."""
    assert mos.DEFAULT_R - mos.delay_impairment(delay) == pytest.approx(rating, abs=0.1)


def test_bursts_are_worse_than_the_same_loss_spread_out() -> None:
    """At most as much worse as a ratio of 2, beyond which the formula does not hold."""
    assert mos.loss_impairment(0.1, 1 / 0.9, mos.OPUS) == pytest.approx(27.1, abs=0.1)
    assert mos.loss_impairment(0.1, 2 / 0.9, mos.OPUS) == pytest.approx(31.6, abs=0.1)
    assert mos.loss_impairment(0.1, 40, mos.OPUS) == mos.loss_impairment(0.1, 2 / 0.9, mos.OPUS)


@given(st.floats(-1, 2), st.one_of(st.none(), st.floats(0, 1e6)), st.floats(0, 1e7))
def test_any_figures_make_a_score(loss: float, burst: float | None, delay: float) -> None:
    """1 to 4.5, whatever comes in."""
    assert 1.0 <= mos.mean_opinion(loss, burst, delay) <= 4.5


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 3000))
def test_more_loss_is_never_better(a: float, b: float, delay: float) -> None:
    """The score falls with loss."""
    assert mos.mean_opinion(max(a, b), None, delay) <= mos.mean_opinion(min(a, b), None, delay) + 1e-9
