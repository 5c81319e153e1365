"""What a run says of itself while it goes on holds only what can be known then."""

from __future__ import annotations

import pytest

from loadtest.progress import said
from loadtest.watch import Sample


def sample(phase: str, rate: float | None, loss: float | None) -> Sample:
    """A second of a run."""
    return Sample(12.0, phase, 3, {"shard-0": 40.0, "python": 1.0}, 60.0, 10**8, rate, loss, 0.1, 0.5, 0.9)


def test_robots_that_leave_have_no_rates() -> None:
    """Packets and loss are said in full call, and CPU alone while robots leave with their counts."""
    in_call = said(sample("steady", 900.0, 0.1))
    assert in_call == "900 packets/s, 0.100 % lost, p99 0.50 ms, CPU bridge 41 %, robots 60 %"
    assert said(sample("leaving", None, None)) == "CPU bridge 41 %, robots 60 %"


@pytest.mark.parametrize("phase", ["joining", "steady"])
def test_what_was_not_measured_is_a_dash(phase: str) -> None:
    """Where nothing that arrived was checked there is no latency."""
    assert "p99 -," in said(Sample(12.0, phase, 3, {}, 60.0, 10**8, 900.0, 0.0, None, None, None))
