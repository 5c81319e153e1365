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


def test_counts_of_several_names_are_added_up() -> None:
    """A code that two names have hides neither."""
    tally = Tally()
    for name, code in (("errors", "internal"), ("http_errors", "internal"), ("http_errors", "too_large")):
        tally.inc(name, code)
    tally.inc("refusals", "internal")
    assert tally.of("errors", "http_errors") == {"internal": 2, "too_large": 1}
