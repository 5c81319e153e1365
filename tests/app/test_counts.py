"""The tally behind the metrics."""

from bridge.app.counts import Tally


def test_a_tally_counts_by_name_and_code() -> None:
    """Each pair has its own number, and a name gives all of its codes."""
    tally = Tally()
    for code in ("busy", "busy", "socket"):
        tally.inc("engine_errors", code)
    tally.inc("refusals", "busy")
    assert tally.of("engine_errors") == {"busy": 2, "socket": 1}
    assert tally.of("nothing") == {}
