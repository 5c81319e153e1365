"""What the engine's counters say of each leg's link: loss, jitter, rate, round trip. Pure.

Counts come from three places and at their own paces. What a leg sends is counted here, at once. What it receives
is known half a second later where it reports on each packet, as browsers do; else by its receiver reports, once a
second for pictures and every few seconds for sound alone. So loss is taken over the last two seconds *and* over at
least one report: between two reports the last one holds, and is not a loss of 0.

Jitter of what a leg receives is that of its own link alone where it reports on each packet; in its receiver
reports it has that of the sender's link in it, which `jitter_is_own` tells.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import Struct, structs

from bridge.app.quality.round_trips import NEVER, RoundTrips, Trips

Rows = np.ndarray[Any, np.dtype[Any]]
Numbers = np.ndarray[Any, np.dtype[np.int64]]
Key = tuple[int, int, int]
"""A leg, a direction (0 up, 1 down) and the index of a source or slot."""

WINDOW_S: Final = 2.0
# Slightly less than the window, so that a turn of the loop that comes early does not lengthen it by a whole one.
SLACK_S: Final = 0.25
READINGS: Final = 12
"""Readings kept, one a second: sound alone is reported on every 2.5 to 7.5 s (RFC 3550 section 6.2, libwebrtc)."""


class Totals(NamedTuple):
    """Counts of sources and slots since they began, over all encodings of each; `jitter_us` is a present value."""

    kind: Numbers
    bytes: Numbers
    expected: Numbers
    lost: Numbers
    recovered: Numbers
    bursts: Numbers
    frames: Numbers
    transit_changes_us: Numbers
    transit_changes: Numbers
    jitter_us: Numbers


_NOTHING: Final = Totals(*(np.zeros(1, np.int64) for _ in Totals._fields))
_EXPECTED: Final = Totals._fields.index("expected")
_KEY: Final = ("leg", "direction", "index")
_MOST: Final = 2**60
"""More than anything can count up to, and so little that sums of some have a sign to spare."""


_RTT_COLUMNS: Final = ("rtt_sum_us", "rtts", "report_delay_sum_us", "report_delays", "up_longer_us", "ups")


class Carries(NamedTuple):
    """What congestion control found of a receiver's link, where the receiver reports on each packet."""

    bits_per_second: int
    queue_us: int
    loss_ppm: int
    wanted_bits_per_second: int = 0
    """What would be sent if it carried that."""


_LINK_COLUMNS: Final = ("estimate_bps", "link_queue_us", "link_loss_ppm", "wanted_bps")


@dataclass(frozen=True, slots=True)
class Streams:
    """Which streams there are: the same one for all readings with the same rows."""

    rows: Rows
    """What tells each row of the snapshot from others, but for its encoding."""
    joined: Numbers
    """The place of the stream that each row is of."""
    places: dict[Key, int]
    keys: dict[int, list[Key]]

    @classmethod
    def of(cls, rows: Rows) -> "Streams":
        """Encodings of one source are one stream to those who look."""
        places: dict[Key, int] = {}
        joined = [places.setdefault(tuple(key), len(places)) for key in rows.tolist()]
        keys: dict[int, list[Key]] = {}
        for key in places:
            keys.setdefault(key[0], []).append(key)
        return cls(rows, np.array(joined, np.int64), places, keys)


@dataclass(frozen=True, slots=True)
class Reading:
    """All streams that carried anything, and the round trips of each leg, at `at` seconds.

    Counts have a column for each of `Totals`, and a row for each stream, in its place.
    """

    at: float
    counts: Numbers
    streams: Streams
    round_trips: dict[int, RoundTrips]
    links: dict[int, Carries] = field(default_factory=dict)

    @property
    def totals(self) -> Totals:
        """The counts, column by column."""
        return Totals(*self.counts.T)

    def places_of(self, other: "Reading", rows: Numbers) -> Numbers:
        """Where the streams stand that are in these rows of another reading; -1 for those that are not here."""
        if self.streams is other.streams:
            return rows
        keys, places = list(other.streams.places), self.streams.places
        return np.array([places.get(keys[row], -1) for row in rows.tolist()], np.int64)


_NO_STREAMS: Final = Streams.of(np.zeros((0, len(_KEY)), np.uint64))
_NO_READING: Final = Reading(0.0, np.zeros((0, len(Totals._fields)), np.int64), _NO_STREAMS, {})


def read(streams: Rows, legs: Rows, at: float, before: Reading = _NO_READING) -> Reading:
    """Take over a snapshot's rows; `before` is the reading before, whose streams are mostly the same."""
    used = streams[streams["packets"] > 0]
    rows, known = np.stack([used[name] for name in _KEY], axis=1), before.streams
    which = known if np.array_equal(rows, known.rows) else Streams.of(rows)
    numbers = legs["leg"].tolist()
    measured = zip(*(legs[name].tolist() for name in _RTT_COLUMNS), strict=True)
    round_trips = dict(zip(numbers, map(RoundTrips._make, measured), strict=True))
    return Reading(at, _joined(used, which.joined), which, round_trips, dict(_links(numbers, legs)))


def _joined(used: Rows, rows: Numbers) -> Numbers:
    """Add up what goes into the same row."""
    order = np.argsort(rows, kind="stable")
    firsts = np.flatnonzero(np.diff(rows[order], prepend=-1))
    each = Totals(*(np.minimum(used[name], _MOST).astype(np.int64)[order] for name in Totals._fields))
    summed = Totals(*(np.add.reduceat(column, firsts) for column in each))
    jitter_us = np.maximum.reduceat(each.jitter_us, firsts)
    return np.stack(summed._replace(kind=each.kind[firsts], jitter_us=jitter_us), axis=1)


def _links(numbers: list[int], legs: Rows) -> Iterator[tuple[int, Carries]]:
    if not set(_LINK_COLUMNS) <= set(legs.dtype.names or ()):
        return
    for number, *found in zip(numbers, *(legs[name].tolist() for name in _LINK_COLUMNS), strict=True):
        if found[0]:
            yield number, Carries(*found)


class Figures(Struct, frozen=True):
    """What a stream, or several together, did within the window. Shares are 0 to 1; None is not known.

    Thousands of these are made each second: as a struct of numbers they are nothing to the garbage collector.
    """

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


@dataclass(frozen=True)
class LegFigures:
    """One leg: the streams of both directions, and the round trip."""

    up: list[Figures] = field(default_factory=list)
    down: list[Figures] = field(default_factory=list)
    rtt_ms: float | None = None
    carries: Carries | None = None

    @cached_property
    def all_up(self) -> Figures:
        """All that it sends as one."""
        return together(self.up)

    @cached_property
    def all_down(self) -> Figures:
        """All that it receives as one."""
        return together(self.down)


_SUMMED_NAMES: Final = ("expected", "lost", "recovered", "bursts", "bits_per_second", "fresh", "fresh_lost")
_SUMMED: Final = attrgetter(*_SUMMED_NAMES)


def together(streams: Sequence[Figures]) -> Figures:
    """All streams of a direction as one.

    Its jitter is that of sound, whose packets leave one by one; a picture's packets wait for each other at the
    sender, which says little of the network.
    """
    if not streams:
        return Figures()
    if len(streams) == 1:
        return streams[0]
    shaken = [one for one in streams if one.jitter_ms is not None]
    told = [one for one in shaken if one.kind == 0] or shaken
    summed = map(sum, zip(*map(_SUMMED, streams), strict=True))
    return Figures(
        **dict(zip(_SUMMED_NAMES, summed, strict=True)),
        jitter_ms=max([one.jitter_ms for one in told if one.jitter_ms is not None], default=None),
        jitter_is_own=all(one.jitter_is_own for one in told),
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
    return structs.replace(sound, recovered=max(sound.recovered, sound.lost - left))


def since_began(reading: Reading, leg: int, seconds: float) -> LegFigures:
    """All that a leg's streams did, which began `seconds` before the reading."""
    keys = reading.streams.keys.get(leg, [])
    new = Totals(*reading.counts[[reading.streams.places[key] for key in keys]].T)
    grown = _grown(new, _NOTHING, _NOTHING, _NOTHING).tolist()
    flows = _flows((key, row, max(seconds, 0.001)) for key, row in zip(keys, grown, strict=True))
    rtt_ms = reading.round_trips.get(leg, NEVER).exact_ms
    return LegFigures(*flows, rtt_ms, reading.links.get(leg))


class History:
    """The last readings, and the figures that follow from them."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=READINGS)
        self._base = _NO_READING
        """The reading at which the window begins."""
        self._grown = self._seconds = self._told = np.zeros(0)  # type: Rows
        """What each stream of the last reading did, in how many seconds, and whether it did anything."""
        self._trips = Trips()

    @property
    def latest(self) -> Reading:
        """The newest reading; one of nothing where there is none."""
        return self._readings[-1] if self._readings else _NO_READING

    def push(self, reading: Reading) -> None:
        """Take the newest reading."""
        if not reading.streams.keys and not reading.round_trips:
            # Nobody is there, and of those who were nobody asks again.
            self._readings.clear()
        self._trips.push(reading.round_trips, self.latest.round_trips)
        self._readings.append(reading)
        before = reading.at - WINDOW_S + SLACK_S
        self._base = next((one for one in reversed(self._readings) if one.at <= before), self._readings[0])
        self._grow()
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
        now = self._readings[-1]
        which = now.streams
        keys = [key for key in which.keys.get(leg, ()) if self._told[which.places[key]]]
        places = [which.places[key] for key in keys]
        trips = now.round_trips.get(leg, NEVER)
        window = trips.since(self._base.round_trips.get(leg, NEVER))
        found = zip(keys, self._grown[places].tolist(), self._seconds[places].tolist(), strict=True)
        return LegFigures(*_flows(found), self._trips.of(leg, window), now.links.get(leg))

    def _grow(self) -> None:
        """Tell what all streams of the newest reading did: at once, since there are thousands."""
        *earlier, now = self._readings
        count, new = len(now.counts), now.totals
        anything = np.full(count, _MOST + 1)
        began, old = np.full(count, now.at), now.counts.copy()
        # Where a stream is younger than the window, since it was first seen.
        for one, here, there in _search(now, (self._base, *earlier), np.arange(count), anything):
            began[here], old[here] = one.at, one.counts[there]
        latest = old.copy()
        for one, here, there in _search(now, earlier[-1:], np.arange(count), anything):
            latest[here] = one.counts[there]
        # Without a report since then, what the one before said holds while there is what to tell of.
        is_reported, is_active = new.expected > old[:, _EXPECTED], new.bytes > Totals(*old.T).bytes
        known = np.where(is_reported[:, None], old, now.counts)
        unreported = np.flatnonzero(is_active & ~is_reported)
        for one, here, there in _search(now, reversed(earlier), unreported, new.expected):
            known[here] = one.counts[there]
        self._grown = _grown(new, Totals(*old.T), Totals(*known.T), Totals(*latest.T))
        self._seconds = np.maximum(now.at - began, 0.001)
        self._told = is_reported | is_active


def _search(
    now: Reading, readings: Iterable[Reading], wanted: Numbers, below: Numbers
) -> Iterator[tuple[Reading, Numbers, Numbers]]:
    """Find for each wanted stream the first reading that has it with less expected than `below`.

    Gives the reading, and the rows of the streams that are found in it, in `now` and in it.
    """
    for one in readings:
        if not len(wanted):
            return
        places = one.places_of(now, wanted)
        is_found = places >= 0
        is_found[is_found] = one.counts[places[is_found], _EXPECTED] < below[wanted[is_found]]
        yield one, wanted[is_found], places[is_found]
        wanted = wanted[~is_found]


def _grown(new: Totals, old: Totals, known: Totals, latest: Totals) -> Numbers:
    """Growth since the window began, since the reading from which loss counts, and since the last one."""
    expected, fresh = _more(new.expected, known.expected), _more(new.expected, latest.expected)
    lost = np.minimum(_more(new.lost, known.lost), expected)
    columns = (
        new.kind,
        _more(new.bytes, old.bytes),
        expected,
        lost,
        np.minimum(_more(new.recovered, known.recovered), lost),
        _more(new.bursts, known.bursts),
        _more(new.frames, old.frames),
        _more(new.transit_changes_us, old.transit_changes_us),
        _more(new.transit_changes, old.transit_changes),
        new.transit_changes,
        new.jitter_us,
        fresh,
        np.minimum(_more(new.lost, latest.lost), fresh),
    )
    return np.stack(columns, axis=1)


def _more(new: Numbers, old: Numbers) -> Numbers:
    """A count that falls has begun anew, and tells nothing."""
    grown: Numbers = np.maximum(new - old, 0)
    return grown


def _flows(streams: Iterable[tuple[Key, list[int], float]]) -> tuple[list[Figures], list[Figures]]:
    """What streams did on their way up and down, by what they grew by in so many seconds."""
    flows: tuple[list[Figures], list[Figures]] = ([], [])
    for key, grown, seconds in streams:
        flows[key[1]].append(_figures(key, grown, seconds))
    return flows


def _figures(key: Key, grown: list[int], seconds: float) -> Figures:
    kind, size, expected, lost, recovered, bursts, frames, shaken_us, shakes, all_shakes, jitter_us, *fresh = grown
    is_up, is_own = key[1] == 0, all_shakes > 0
    own_ms = shaken_us / shakes / 1000 if shakes else None
    return Figures(
        index=key[2],
        kind=kind,
        expected=expected,
        lost=lost,
        recovered=recovered,
        bursts=bursts,
        bits_per_second=size * 8 / seconds,
        frames_per_second=frames / seconds if is_up and kind == 1 else None,
        jitter_ms=own_ms if is_up or is_own else jitter_us / 1000,
        jitter_is_own=is_up or is_own,
        fresh=fresh[0],
        fresh_lost=fresh[1],
    )
