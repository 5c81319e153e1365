"""How long Hypothesis looks: `BROTJENESTE_EXAMPLES` sets the examples of each property, for a longer search."""

import os

from hypothesis import HealthCheck, settings

# Two cores are shared by browsers and encoders in some tests, so that a deadline would only tell the weather.
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if examples := os.environ.get("BROTJENESTE_EXAMPLES"):
    settings.register_profile("long", settings.get_profile("ci"), max_examples=int(examples))
settings.load_profile("long" if examples else "ci")
