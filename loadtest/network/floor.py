"""How much sound is concealed at least when a link becomes thin, whoever sends: a bound to read measurements by.

Run: `python -m loadtest.network.floor`. The sender of this model gives up all pictures at the very moment at which
the first report can tell of the fall, loses no sound and never errs. What left before stands in the queue, and the
receiver hears the sound behind it as much later, but for what it held back. No congestion control does better
with the same reports; these come at once (`report_ms` 0), or by the receiver's own clock, as browsers send them.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Chromium 156 reports by itself each 62.5 ms, and holds so much sound back on a link without loss and jitter.
REPORT_MS: Final = 62.5
HELD_MS: Final = 27.0
# Pictures leave in packets of at most so many bytes, one a millisecond.
PACKET: Final = 1200
SOUND_MS: Final = 20.0
# Long after the fall was known.
END_MS: Final = 600.0
# Moments of the fall within a picture, within a packet of sound, and within the receiver's clock.
PHASES: Final = 8


@dataclass(frozen=True)
class Stream:
    """What is sent until the fall, in bit/s with all headers; the round trip, and what the receiver holds back."""

    pictures_bps: float
    sound_bps: float
    round_trip_ms: float = 40.0
    pictures_per_s: float = 25.0
    held_ms: float = HELD_MS


def least_concealed_ms(stream: Stream, rate_bps: float, queue_ms: float, report_ms: float = 0.0) -> float:
    """Give the mean over moments of the fall to `rate_bps`, with a queue of that many ms at that rate."""
    parts = [(step + 0.5) / PHASES for step in range(PHASES)]
    clocks = parts if report_ms else [0.0]
    waits = (
        _longest_wait(stream, rate_bps, queue_ms, (picture, sound, clock * report_ms, report_ms))
        for picture in parts
        for sound in parts
        for clock in clocks
    )
    return statistics.fmean(max(wait - stream.held_ms, 0.0) for wait in waits)


def _longest_wait(
    stream: Stream, rate_bps: float, queue_ms: float, phases: tuple[float, float, float, float]
) -> float:
    """How long the sound waits that waits longest, in ms; the fall is at 0."""
    picture, sound, clock, every = phases
    per_ms, known = rate_bps / 8000, END_MS
    waits, last, longest = 0.0, 0.0, 0.0
    for at, size, is_sound in _packets(stream, picture, sound):
        waits, last = max(waits - (at - last), 0.0), at
        if known == END_MS:
            known = _reported(at + stream.round_trip_ms / 2, clock, every) + stream.round_trip_ms / 2
        if (at >= known and not is_sound) or waits + size / per_ms > queue_ms:
            continue
        waits += size / per_ms
        longest = max(longest, waits) if is_sound else longest
    return longest


def _packets(stream: Stream, picture: float, sound: float) -> Iterator[tuple[float, float, bool]]:
    """Yield when each packet leaves, its bytes, and whether it is sound, from the fall on and in order."""
    apart = 1000 / stream.pictures_per_s
    whole = stream.pictures_bps / 8 / stream.pictures_per_s
    small = stream.sound_bps * SOUND_MS / 8000
    count = max(round(whole / PACKET), 1)
    pictures = [
        (begin * apart + picture * apart + part, whole / count, False)
        for begin in range(-1, int(END_MS / apart))
        for part in range(count)
    ]
    sounds = [((begin + sound) * SOUND_MS, small, True) for begin in range(int(END_MS / SOUND_MS))]
    yield from (one for one in sorted(pictures + sounds) if one[0] >= 0)


def _reported(at: float, clock: float, every: float) -> float:
    """When the report leaves that can first tell of what is missing at this time."""
    return at if every == 0 else clock + every * -(-(at - clock) // every)


def main() -> None:
    """Print the bound for the links that the bridge's figures are told for."""
    stream = Stream(pictures_bps=1_050_000, sound_bps=75_000)
    for rate_bps in (300_000, 60_000):
        for words, report_ms in (("reports at once", 0.0), ("reports as browsers send them", REPORT_MS)):
            least = least_concealed_ms(stream, rate_bps, 300, report_ms)
            sys.stdout.write(
                f"{rate_bps / 1000:.0f} kbit/s, {words}: {least:.0f} ms, {least / 300:.2f} % of 30 s\n"
            )


if __name__ == "__main__":
    main()
