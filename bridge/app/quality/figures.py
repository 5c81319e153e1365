"""What the engine's counters say of each leg's link: loss, jitter, rate, round trip. Pure.

Counts come from three places and at their own paces. What a leg sends is counted here, at once. What it receives
is known half a second later where it reports on each packet, as browsers do; else by its receiver reports, once a
second for pictures and every few seconds for sound alone. So loss is taken over the last two seconds *and* over at
least one report: between two reports the last one holds, and is not a loss of 0.

Jitter of what a leg receives is that of its own link alone where it reports on each packet; in its receiver
reports it has that of the sender's link in it, which `jitter_is_own` tells.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

Rows = np.ndarray[Any, np.dtype[Any]]
Key = tuple[int, int, int]
"""A leg, a direction (0 up, 1 down) and the index of a source or slot."""

WINDOW_S: Final = 2.0
# Slightly less than the window, so that a turn of the loop that comes early does not lengthen it by a whole one.
SLACK_S: Final = 0.25
READINGS: Final = 12
"""Readings kept, one a second: sound alone is reported on every 2.5 to 7.5 s (RFC 3550 section 6.2, libwebrtc)."""
WAITS: Final = 60
FEW_WAITS: Final = 3
"""Exact round trips that are kept to compare with, and what is too few of them.

What a receiver waits is its own matter and stays. Where a queue comes and goes, an exact one tells of a moment and
not of what packets meet, so that many have a say.
"""


class Totals(NamedTuple):
    """Counts of one source or slot since it began, over all its encodings; `jitter_us` is a present value."""

    kind: int
    bytes: int
    expected: int
    lost: int
    recovered: int
    bursts: int
    frames: int
    transit_changes_us: int
    transit_changes: int
    jitter_us: int


_NOTHING: Final = Totals(*(0 for _ in Totals._fields))
_SUMMED: Final = Totals._fields[1:-1]
_MOST: Final = 2**64 - 1
"""As high as the engine counts."""
_COLUMNS: Final = ("leg", "direction", "index", *Totals._fields)


class RoundTrips(NamedTuple):
    """The last round trip that was measured, all together, and their number since the leg began; 0 for none.

    `delay_*` is the same of reports on each packet: a round trip and what the receiver waits before it reports.
    They come many times a second, and exact ones once in one to five seconds.
    """

    last_us: int = 0
    sum_us: int = 0
    times: int = 0
    delay_sum_us: int = 0
    delays: int = 0

    def since(self, before: "RoundTrips") -> "RoundTrips":
        """What was measured since then; nothing where counting began anew."""
        grown = (new - old for new, old in zip(self[1:], before[1:], strict=True))
        return RoundTrips(self.last_us, *(max(one, 0) for one in grown))

    @property
    def exact_ms(self) -> float | None:
        """The mean of the exact ones."""
        return self.sum_us / self.times / 1000 if self.times else None

    @property
    def delay_ms(self) -> float | None:
        """The mean of what reports on each packet took."""
        return self.delay_sum_us / self.delays / 1000 if self.delays else None

    @property
    def wait_ms(self) -> float | None:
        """What receivers wait, negative by chance or where the link changed meanwhile; None if not known."""
        exact, delay = self.exact_ms, self.delay_ms
        return None if exact is None or delay is None else delay - exact


_RTT_COLUMNS: Final = ("rtt_us", "rtt_sum_us", "rtts", "report_delay_sum_us", "report_delays")


class Carries(NamedTuple):
    """What congestion control found of a receiver's link, where the receiver reports on each packet."""

    bits_per_second: int
    queue_us: int
    loss_ppm: int
    wanted_bits_per_second: int = 0
    """What would be sent if it carried that."""


_LINK_COLUMNS: Final = ("estimate_bps", "link_queue_us", "link_loss_ppm", "wanted_bps")


class Counts(Mapping[Key, Totals]):
    """The totals of all streams at one moment.

    Many moments are kept: in an array each takes a quarter of what it would as objects, and `places`, which tells
    where a stream stands, is one for all moments with the same streams.
    """

    __slots__ = ("_rows", "places")

    def __init__(self, found: Mapping[Key, Totals]) -> None:
        self.places = {key: place for place, key in enumerate(found)}
        self._rows = np.array(list(found.values()), np.uint64).reshape(len(found), len(Totals._fields))

    def __getitem__(self, key: Key) -> Totals:
        """Raise KeyError for a stream that had carried nothing."""
        return Totals._make(self._rows[self.places[key]].tolist())

    def __contains__(self, key: object) -> bool:
        """Whether the stream had carried anything."""
        return key in self.places

    def __iter__(self) -> Iterator[Key]:
        """All that had."""
        return iter(self.places)

    def __len__(self) -> int:
        """How many."""
        return len(self.places)

    def share(self, before: "Counts") -> bool:
        """Use the other's places from now on if they are the same; tell whether they are."""
        if list(self.places) != list(before.places):
            return False
        self.places = before.places
        return True


@dataclass(frozen=True, slots=True)
class Reading:
    """All streams that carried anything, and the round trips of each leg, at `at` seconds."""

    at: float
    totals: Counts
    keys: dict[int, list[Key]]
    round_trips: dict[int, RoundTrips]
    links: dict[int, Carries] = field(default_factory=dict)


def read(streams: Rows, legs: Rows, at: float) -> Reading:
    """Take over a snapshot's rows. Encodings of one source are one stream to those who look."""
    totals: dict[Key, Totals] = {}
    keys: dict[int, list[Key]] = {}
    used = streams[streams["packets"] > 0]
    for leg, direction, index, *counts in zip(*(used[name].tolist() for name in _COLUMNS), strict=True):
        key, one = (leg, direction, index), Totals(*counts)
        if (before := totals.get(key)) is None:
            keys.setdefault(leg, []).append(key)
        totals[key] = one if before is None else _joined(before, one)
    numbers = legs["leg"].tolist()
    measured = zip(*(legs[name].tolist() for name in _RTT_COLUMNS), strict=True)
    round_trips = dict(zip(numbers, map(RoundTrips._make, measured), strict=True))
    return Reading(at, Counts(totals), keys, round_trips, dict(_links(numbers, legs)))


def _links(numbers: list[int], legs: Rows) -> Iterator[tuple[int, Carries]]:
    if not set(_LINK_COLUMNS) <= set(legs.dtype.names or ()):
        return
    for number, *found in zip(numbers, *(legs[name].tolist() for name in _LINK_COLUMNS), strict=True):
        if found[0]:
            yield number, Carries(*found)


def _joined(a: Totals, b: Totals) -> Totals:
    summed = {name: min(getattr(a, name) + getattr(b, name), _MOST) for name in _SUMMED}
    return Totals(kind=a.kind, jitter_us=max(a.jitter_us, b.jitter_us), **summed)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a stream, or several together, did within the window. Shares are 0 to 1; None is not known."""

    index: int = 0
    kind: int = 0
    expected: int = 0
    lost: int = 0
    recovered: int = 0
    bursts: int = 0
    bits_per_second: float = 0.0
    frames_per_second: float | None = None
    jitter_ms: float | None = None
    jitter_is_own: bool = True
    """Whether that is this link's alone, and not also that of a sender's link before it."""
    fresh: int = 0
    """Of the expected packets, those of which it was not known at the last reading."""
    fresh_lost: int = 0

    @property
    def loss(self) -> float:
        """Share lost before repair."""
        return self.lost / self.expected if self.expected else 0.0

    @property
    def loss_after(self) -> float:
        """Share that no repair brought back either."""
        return max(self.lost - self.recovered, 0) / self.expected if self.expected else 0.0

    @property
    def burst_packets(self) -> float | None:
        """Mean length of a run of lost packets."""
        return max(self.lost / self.bursts, 1.0) if self.bursts and self.lost else None


@dataclass(frozen=True, slots=True)
class LegFigures:
    """One leg: the streams of both directions, and the round trip."""

    up: list[Figures] = field(default_factory=list)
    down: list[Figures] = field(default_factory=list)
    rtt_ms: float | None = None
    carries: Carries | None = None


def together(streams: list[Figures]) -> Figures:
    """All streams of a direction as one.

    Its jitter is that of sound, whose packets leave one by one; a picture's packets wait for each other at the
    sender, which says little of the network.
    """
    shaken = [one for one in streams if one.jitter_ms is not None]
    told = [one for one in shaken if one.kind == 0] or shaken
    return Figures(
        expected=sum(one.expected for one in streams),
        lost=sum(one.lost for one in streams),
        recovered=sum(one.recovered for one in streams),
        bursts=sum(one.bursts for one in streams),
        bits_per_second=sum(one.bits_per_second for one in streams),
        jitter_ms=max((one.jitter_ms for one in told if one.jitter_ms is not None), default=None),
        jitter_is_own=all(one.jitter_is_own for one in told),
        fresh=sum(one.fresh for one in streams),
        fresh_lost=sum(one.fresh_lost for one in streams),
    )


def as_heard(of: LegFigures, concealed: float | None) -> LegFigures:
    """The same with what redundancy brought back of the sound that a leg receives, which only its player knows.

    `concealed` is the share of sound that the player had to make up, None where it does not tell. That is all of
    what was lost and not brought back, and more: what came too late.
    """
    if concealed is None:
        return of
    down = [_as_heard(one, concealed) if one.kind == 0 else one for one in of.down]
    return replace(of, down=down)


def _as_heard(sound: Figures, concealed: float) -> Figures:
    left = min(ceil(concealed * sound.expected), sound.lost)
    return replace(sound, recovered=max(sound.recovered, sound.lost - left))


def since_began(reading: Reading, leg: int, seconds: float) -> LegFigures:
    """All that a leg's streams did, which began `seconds` before the reading."""
    flows: tuple[list[Figures], list[Figures]] = ([], [])
    for key in reading.keys.get(leg, ()):
        new = reading.totals[key]
        flows[key[1]].append(_figures_of(key, new, (_NOTHING, _NOTHING, _NOTHING), new.bytes, max(seconds, 0.001)))
    rtt_ms = reading.round_trips.get(leg, RoundTrips()).exact_ms
    return LegFigures(*flows, rtt_ms, reading.links.get(leg))


class History:
    """The last readings, and the figures that follow from them."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=READINGS)
        self._base = Reading(0.0, Counts({}), {}, {})
        """The reading at which the window begins."""
        self._waits: dict[int, deque[float]] = {}

    def push(self, reading: Reading) -> None:
        """Take the newest reading."""
        if not reading.keys and not reading.round_trips:
            # Nobody is there, and of those who were nobody asks again.
            self._readings.clear()
        if self._readings:
            last = self._readings[-1]
            self._note_waits(last, reading)
            if reading.totals.share(last.totals):
                reading = replace(reading, keys=last.keys)
        self._readings.append(reading)
        before = reading.at - WINDOW_S + SLACK_S
        self._base = next((one for one in reversed(self._readings) if one.at <= before), self._readings[0])
        self._shed()

    def _shed(self) -> None:
        """Let go what is not asked for of readings from before the window: of these, streams alone are."""
        for place, one in enumerate(self._readings):
            if one is self._base:
                break
            if one.round_trips or one.links:
                self._readings[place] = replace(one, round_trips={}, links={})

    def leg(self, leg: int) -> LegFigures:
        """Figures of a leg; without streams before there are two readings of them."""
        if not self._readings:
            return LegFigures()
        now, flows = self._readings[-1], ([], [])  # type: tuple[Reading, tuple[list[Figures], list[Figures]]]
        for key in now.keys.get(leg, ()):
            if (one := self._figures(key)) is not None:
                flows[key[1]].append(one)
        return LegFigures(*flows, self._rtt_ms(leg), now.links.get(leg))

    def _note_waits(self, before: Reading, now: Reading) -> None:
        """Keep what receivers waited, of the seconds in which that can be told."""
        self._waits = {leg: known for leg, known in self._waits.items() if leg in now.round_trips}
        for leg, one in now.round_trips.items():
            if (wait := one.since(before.round_trips.get(leg, RoundTrips())).wait_ms) is not None:
                self._waits.setdefault(leg, deque(maxlen=WAITS)).append(wait)

    def _rtt_ms(self, leg: int) -> float | None:
        """The mean of the window.

        Where there are reports on each packet it is that of their delays, less the median of what the receiver
        waited of late: so one exact measurement more or less, on a link that shakes, or none since the link
        changed, makes no difference.
        """
        now = self._readings[-1].round_trips.get(leg)
        if now is None:
            return None
        window = now.since(self._base.round_trips.get(leg, RoundTrips()))
        waits = self._waits.get(leg, ())
        if len(waits) >= FEW_WAITS and window.delay_ms is not None:
            return max(window.delay_ms - median(waits), 0.0)
        last_ms = now.last_us / 1000 if now.last_us else None
        return last_ms if window.exact_ms is None else window.exact_ms

    def _figures(self, key: Key) -> Figures | None:
        now = self._readings[-1]
        new = now.totals[key]
        base = self._base if key in self._base.totals else self._oldest(key)
        if base is None:
            return None
        old = base.totals[key]
        size = max(new.bytes - old.bytes, 0)
        # Without a report since then, what the one before said holds while there is what to tell of.
        known = old if new.expected > old.expected else self._before_last_report(key) if size else None
        if known is None and not size:
            return None
        latest = self._readings[-2].totals.get(key, old)
        return _figures_of(key, new, (old, known or new, latest), size, max(now.at - base.at, 0.001))

    def _oldest(self, key: Key) -> Reading | None:
        """Where a stream is younger than the window."""
        return next((one for one in self._readings if one is not self._readings[-1] and key in one.totals), None)

    def _before_last_report(self, key: Key) -> Totals | None:
        new = self._readings[-1].totals[key]
        seen = (one.totals[key] for one in reversed(self._readings) if key in one.totals)
        return next((one for one in seen if one.expected < new.expected), None)


def _figures_of(
    key: Key, new: Totals, before: tuple[Totals, Totals, Totals], size: int, seconds: float
) -> Figures:
    """Growth since the window began, since the reading from which loss counts, and since the last one."""
    old, known, latest = before
    expected = max(new.expected - known.expected, 0)
    lost = min(max(new.lost - known.lost, 0), expected)
    fresh = max(new.expected - latest.expected, 0)
    is_up, is_own = key[1] == 0, new.transit_changes > 0
    return Figures(
        index=key[2],
        kind=new.kind,
        expected=expected,
        lost=lost,
        recovered=min(max(new.recovered - known.recovered, 0), lost),
        bursts=max(new.bursts - known.bursts, 0),
        bits_per_second=size * 8 / seconds,
        frames_per_second=max(new.frames - old.frames, 0) / seconds if is_up and new.kind == 1 else None,
        jitter_ms=_jitter(new, old) if is_up or is_own else new.jitter_us / 1000,
        jitter_is_own=is_up or is_own,
        fresh=fresh,
        fresh_lost=min(max(new.lost - latest.lost, 0), fresh),
    )


def _jitter(new: Totals, old: Totals) -> float | None:
    changes = new.transit_changes - old.transit_changes
    if changes <= 0:
        return None
    return max(new.transit_changes_us - old.transit_changes_us, 0) / changes / 1000
