"""The verdict of a test: figures in, a word and its reasons out."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality.trial_verdict import GOOD, USABLE, Exchange, Way, judge
from bridge.app.quality.verdict import DROPS_BAD, JITTER_BAD_MS, LOSS_BAD, THIN_BITS_PER_SECOND
from signalling import messages as m
from signalling.messages import Flow, TrialVerdict

STATS = Path(__file__).parents[2] / "signalling" / "web" / "static" / "js" / "stats.js"
RANK = {TrialVerdict.GOOD: 0, TrialVerdict.WEAK: 1, TrialVerdict.UNUSABLE: 2}


def way(loss: float = 0.0, jitter: float = 5.0, capacity: float | None = None, left: float = 0.0) -> Way:
    """One direction at 800 kbit/s."""
    flow = Flow(loss_percent=loss, jitter_ms=jitter, bitrate_kbps=800.0)
    return Way(flow=flow, left_percent=left, capacity_kbps=capacity)


def exchange(up: Way | None = None, down: Way | None = None, **changes: object) -> Exchange:
    """A good exchange, but for what is given."""
    fields = {"rtt_ms": 30.0, "picture": True, "sound": True} | changes
    return Exchange(up=up or way(), down=down or way(), **fields)


@pytest.mark.parametrize(
    ("given_", "verdict", "reasons"),
    [
        (exchange(), "good", []),
        (exchange(way(3.0, 25.0, left=1.0), way(3.0, 25.0, left=1.0), rtt_ms=300.0), "good", []),
        (exchange(rtt_ms=None), "good", []),
        (exchange(way(4.0)), "weak", ["loss_up"]),
        (exchange(down=way(2.0, left=1.5)), "weak", ["loss_down"]),
        (exchange(down=way(10.0, 100.0)), "weak", ["loss_down", "jitter_down"]),
        (exchange(way(jitter=60.0), rtt_ms=400.0), "weak", ["jitter_up", "delay"]),
        (exchange(way(capacity=250.0), way(capacity=300.0)), "good", []),
        (exchange(way(capacity=200.0), way(capacity=2000.0)), "weak", ["rate_up"]),
        (exchange(down=way(capacity=200.0)), "weak", ["rate_down"]),
        (exchange(picture=False), "weak", ["no_picture"]),
        (exchange(sound=False), "weak", ["no_sound"]),
        (exchange(way(21.0), way(3.0)), "unusable", ["loss_up"]),
        (exchange(way(12.0, left=11.0), way(3.0)), "unusable", ["loss_up"]),
        (exchange(way(capacity=50.0), way(3.0)), "unusable", ["rate_up"]),
        (exchange(down=way(jitter=300.0), rtt_ms=1200.0), "unusable", ["jitter_down", "delay"]),
    ],
)
def test_a_verdict_names_its_reasons(given_: Exchange, verdict: str, reasons: list[str]) -> None:
    """A poor 3G is weak, by loss, delay or rate; what no repair saves is unusable, for the worst reasons alone."""
    assert judge(given_) == (TrialVerdict(verdict), [m.TestReason(reason) for reason in reasons])


@pytest.mark.parametrize("figures", [way(4.0), way(30.0, left=20.0), way(jitter=60.0)])
def test_what_the_bridge_lost_is_not_blamed_on_the_link(figures: Way) -> None:
    """From where a call would name the bridge, it is named alone; a good test stays good all the same."""
    assert judge(exchange(figures, bridge_lost=DROPS_BAD)) == (TrialVerdict.WEAK, [m.TestReason.BRIDGE])
    assert m.TestReason.BRIDGE not in judge(exchange(figures, bridge_lost=DROPS_BAD / 2))[1]
    assert judge(exchange(bridge_lost=1.0)) == (TrialVerdict.GOOD, [])


@pytest.mark.parametrize(("up", "down"), [(None, way()), (way(), None), (None, None)])
def test_a_way_through_which_nothing_comes_is_blocked(up: Way | None, down: Way | None) -> None:
    """Nothing else need be said of it."""
    silent = Exchange(up=up, down=down, rtt_ms=None, picture=False, sound=False)
    assert judge(silent) == (TrialVerdict.UNUSABLE, [m.TestReason.BLOCKED])


FIGURES = st.tuples(*[st.floats(0, 100)] * 4, *[st.floats(0, 1000)] * 2, st.floats(0, 3000))


def of(figures: tuple[float, ...]) -> Exchange:
    """An exchange with loss before and after repair, jitter up and down, and a round trip."""
    loss_up, loss_down, left_up, left_down, jitter_up, jitter_down, rtt = figures
    up, down = way(loss_up, jitter_up, left=left_up), way(loss_down, jitter_down, left=left_down)
    return exchange(up, down, rtt_ms=rtt)


@given(FIGURES, FIGURES)
def test_a_link_that_is_worse_in_everything_is_never_called_better(
    one: tuple[float, ...], other: tuple[float, ...]
) -> None:
    """And what is not good has a reason."""
    worse = tuple(max(pair) for pair in zip(one, other, strict=True))
    verdict, reasons = judge(of(worse))
    assert RANK[verdict] >= RANK[judge(of(one))[0]]
    assert (verdict is TrialVerdict.GOOD) == (not reasons)


def test_a_good_test_leads_to_a_call_whose_sign_is_good() -> None:
    """The limits of a good verdict are those of a good sign in a call, freezes apart: a test has none.

    For the sign that is loss after repair; from `LOSS_BAD` before repair on a call names the link as at fault, and
    then its sign is not good either. So it is with jitter, and with a link that is too thin.
    """
    found = re.search(r"const GOOD = (\{.+?\});", STATS.read_text())
    assert found is not None
    page = json.loads(re.sub(r"(\w+):", r'"\1":', found[1]))
    assert page.pop("frozen") > 0
    assert page == {"loss": GOOD.left_percent, "jitter": GOOD.jitter_ms, "rtt": GOOD.rtt_ms}
    assert GOOD.loss_percent == 100 * LOSS_BAD
    assert GOOD.jitter_ms == JITTER_BAD_MS
    assert GOOD.capacity_kbps == THIN_BITS_PER_SECOND / 1000
    assert GOOD.loss_percent < USABLE.loss_percent
    assert GOOD.left_percent < USABLE.left_percent
    assert GOOD.capacity_kbps > USABLE.capacity_kbps
