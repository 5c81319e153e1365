"""How good each person's link is, from two snapshots of the engine some seconds apart. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from signalling import messages as m

Rows = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class LegTotals:
    """Sums over the streams of a leg in one direction since they began; jitter is that of the worst stream."""

    bytes: int
    lost: int
    expected: int
    jitter_us: int


_NOTHING = LegTotals(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """All legs at one moment: totals by (leg, direction), round trips by leg. `at` in seconds."""

    at: float
    totals: dict[tuple[int, int], LegTotals]
    rtt_us: dict[int, int]


def read(streams: Rows, legs: Rows, at: float) -> Reading:
    """Sum the streams of each leg."""
    totals: dict[tuple[int, int], LegTotals] = {}
    names = ("leg", "direction", "bytes", "lost", "expected", "jitter_us")
    columns = (streams[name].tolist() for name in names)
    for leg, direction, *figures in zip(*columns, strict=True):
        size, lost, expected, jitter = figures
        so_far = totals.get((leg, direction), _NOTHING)
        totals[leg, direction] = LegTotals(
            so_far.bytes + size, so_far.lost + lost, so_far.expected + expected, max(so_far.jitter_us, jitter)
        )
    return Reading(at, totals, dict(zip(legs["leg"].tolist(), legs["rtt_us"].tolist(), strict=True)))


def person_stats(participant: str, leg: int, now: Reading, before: Reading) -> m.PersonStats:
    """One person's line: what happened between the two readings."""
    rtt = now.rtt_us.get(leg, 0)
    return m.PersonStats(
        participant=participant,
        up=_flow((leg, 0), now, before),
        down=_flow((leg, 1), now, before),
        rtt_ms=rtt / 1000 if rtt else None,
    )


def _flow(key: tuple[int, int], now: Reading, before: Reading) -> m.Flow:
    new, old = now.totals.get(key, _NOTHING), before.totals.get(key, _NOTHING)
    # Counts fall when a sender begins anew under another SSRC; that interval then tells nothing.
    expected = max(0, new.expected - old.expected)
    lost = min(max(0, new.lost - old.lost), expected)
    seconds = max(now.at - before.at, 0.001)
    return m.Flow(
        loss_percent=round(100 * lost / expected, 1) if expected else 0.0,
        jitter_ms=round(new.jitter_us / 1000, 1),
        bitrate_kbps=round(max(0, new.bytes - old.bytes) * 8 / 1000 / seconds, 1),
    )
