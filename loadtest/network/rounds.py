"""Several calls over the same bad link as one entry of the report. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

Entry = Mapping[str, Any]

_TYPICAL: Final = "fps_mean"


def together(calls: Sequence[Entry]) -> dict[str, Any]:
    """Give the medians of all figures with the least and the most of each, and the samples of the most usual call.

    A figure that some call lacks has the median of the others. `calls` are entries of one scenario and subject,
    one at least; `rounds` tells how many there were.
    """
    figures: dict[str, float | None] = {}
    spread: dict[str, list[float]] = {}
    for name in calls[0]["figures"]:
        known = [value for call in calls if (value := call["figures"].get(name)) is not None]
        figures[name] = round(statistics.median(known), 3) if known else None
        if len(known) > 1:
            spread[name] = [min(known), max(known)]
    by_pictures = sorted(calls, key=lambda call: call["figures"].get(_TYPICAL) or 0.0)
    usual = by_pictures[(len(calls) - 1) // 2]
    return {**usual, "figures": figures, "spread": spread, "rounds": len(calls)}
