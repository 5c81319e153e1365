"""How long Hypothesis looks, and in which order several workers run the tests.

`BROTJENESTE_EXAMPLES` sets the examples of each property, for a longer search.
"""

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from tests.support.dealing import dealt

CALLS: Final = Path(__file__).with_name("e2e")
LONG_S: Final = 200
"""What is given at least so much time is long."""

# Two cores are shared by browsers and encoders in some tests, so that a deadline would only tell the weather.
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if examples := os.environ.get("BROTJENESTE_EXAMPLES"):
    settings.register_profile("long", settings.get_profile("ci"), max_examples=int(examples))
settings.load_profile("long" if examples else "ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have several workers begin with the longest."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    calls = sorted((item for item in items if CALLS in item.path.parents), key=_given_s, reverse=True)
    others = [item for item in items if CALLS not in item.path.parents]
    long = sorted((item for item in others if _given_s(item) >= LONG_S), key=_given_s, reverse=True)
    short = [item for item in others if _given_s(item) < LONG_S]
    items[:] = dealt(calls, long, short, workers)


def _given_s(item: pytest.Item) -> float:
    """How much time a test is given."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None else 0.0
