"""How long Hypothesis looks, and what tests have measured.

`BROTJENESTE_EXAMPLES` sets the examples of each property, for a longer search.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

# Two cores are shared by browsers and encoders in some tests, so that a deadline would only tell the weather.
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if examples := os.environ.get("BROTJENESTE_EXAMPLES"):
    settings.register_profile("long", settings.get_profile("ci"), max_examples=int(examples))
settings.load_profile("long" if examples else "ci")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what tests have noted with `record_property`: times that they do not judge, as a busy machine would."""
    done = [report for report in terminalreporter.getreports("passed") if report.user_properties]
    if done:
        terminalreporter.section("measured")
    for report in done:
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid}: {name}: {value}")
