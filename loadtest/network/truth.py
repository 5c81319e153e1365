"""What the bridge said of two links beside what the emulator did to them at that time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any, Final

import numpy as np

from loadtest.network.faults import Fault, Way, Whose

# The bridge's figures are of two seconds up to some time ago, when the fate of packets was settled: that time is
# taken as the one with which they fit best, and is a figure of its own.
WINDOW_S: Final = 2.0
# Turns are a second apart, more or less.
SLACK_S: Final = 0.4
BEHIND_S: Final = tuple(round(0.05 * step, 2) for step in range(17))
# Allowed: percentage points; ms or a share; ms; seconds until it is seen.
LOSS_POINTS: Final = 0.3
JITTER_MS, JITTER_SHARE = 1.0, 0.1
RTT_MS: Final = 5.0
SEEN_S: Final = 2.1
# What is told from fewer packets than are lost later may reach its least a turn before the truth does, not more.
EARLY_S: Final = 1.2
# It is seen when so much of it is told: a figure is of two seconds, so that of a change it tells all after three.
SEEN_SHARE: Final = 0.25
# Less is not looked for, unless so many packets are lost in the time of which enough is told by then: of half a
# second of sound 5 % are one packet, or none.
LEAST_LOSS_PERCENT, LEAST_JITTER_MS, LEAST_RTT_MS = 8.0, 5.0, 20.0
LEAST_LOST, TOLD_OF_S = 4.0, 0.5
Line = Mapping[str, Any]
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Streams:
    """SSRCs of one way that carry media, without repair: of sound, and of all."""

    sound: frozenset[int]
    media: frozenset[int]


@dataclass
class Look:
    """One moment: the emulators' counters and the bridge's lines, both by whose link; `at` in seconds."""

    at: float
    links: dict[Whose, dict[str, Any]]
    lines: dict[Whose, Line]


@dataclass
class Watched:
    """A fault as it was watched: from `begun` to `ended`, looks from before to after it."""

    fault: Fault
    begun: float
    ended: float
    streams: dict[tuple[Whose, Way], Streams]
    looks: list[Look] = field(default_factory=list)


class Truth:
    """One way of one link over time, so that any moment between two looks can be asked for."""

    def __init__(self, looks: Sequence[Look], whose: Whose, way: Way, streams: Streams) -> None:
        self._times = np.array([look.at for look in looks])
        rows = [list(_counted(look.links[whose][way], way, streams)) for look in looks]
        self._counts = np.array(rows, float).T

    def lost_in(self, seconds: float, start: float, end: float) -> float:
        """How many packets were lost in so much of this time on the average."""
        grown = np.interp(end, self._times, self._counts[1]) - np.interp(start, self._times, self._counts[1])
        return float(grown) * seconds / (end - start)

    def between(self, start: float, end: float) -> tuple[float | None, float | None, float | None, float | None]:
        """Loss in percent, jitter and mean delay in ms, and the jitter that the sender itself had.

        The delay is what a round trip has of it: media go down, and reports of them come up, which are small. On a
        thin link that makes several milliseconds.
        """
        grown = [np.interp(end, self._times, one) - np.interp(start, self._times, one) for one in self._counts]
        pushed, lost, arrived, steps, own, carried, delays = (float(one) for one in grown)
        return (
            100 * lost / pushed if pushed else None,
            steps / arrived / 1000 if arrived else None,
            delays / carried / 1000 if carried else None,
            own / arrived / 1000 if arrived else None,
        )

    def reaches(self, place: int, least: float, begun: float) -> float:
        """From when on a figure could be seen to be `least`, `SEEN_SHARE` of what it is to become.

        Chance may have spared the first packets, or bursts may begin late. What it takes beyond the time in which
        a fault that comes evenly shows so much is no delay of who tells of it. `place` is that of the figure in
        `between`.
        """
        times = (float(one) for one in self._times if one > begun)
        reached = (one for one in times if (self.between(one - WINDOW_S, one)[place] or 0.0) >= least)
        return max(next(reached, begun) - SEEN_SHARE * WINDOW_S, begun)


def _counted(counters: Mapping[str, Any], way: Way, streams: Streams) -> Iterator[float]:
    rows = counters["streams"]
    for name in ("pushed", "lost"):
        yield sum(row[name] for row in rows if row["ssrc"] in streams.media)
    for name in ("arrived", "steps_us", "own_steps_us"):
        yield sum(row[name] for row in rows if row["ssrc"] in streams.sound)
    of_media = [sum(row[name] for row in rows) for name in ("arrived", "delay_sum_us")]
    of_all = [counters["delays"][name] for name in ("count", "sum_us")]
    yield from of_media if way == "down" else (a - b for a, b in zip(of_all, of_media, strict=True))


def figures(watched: Watched) -> tuple[Figures, list[str]]:
    """Give the figures of a fault, and what of it is further from the truth than allowed."""
    found: Figures = {}
    wrong: list[str] = []
    told_at = _turns(watched)
    for (whose, way), streams in watched.streams.items():
        truth = Truth(watched.looks, whose, way, streams)
        _compare(found, wrong, (watched, whose, way), truth, told_at)
    for whose in ("receiver", "sender"):
        ways = [
            Truth(watched.looks, whose, way, streams)
            for (owner, way), streams in watched.streams.items()
            if owner == whose
        ]
        _compare_round_trip(found, wrong, (watched, whose), ways, told_at)
    _judge(found, wrong, watched, told_at)
    return {name: None if value is None else round(value, 3) for name, value in found.items()}, wrong


def samples(watched: Watched) -> list[dict[str, float | str | None]]:
    """What was told turn by turn, beside what was true of the two seconds before; `at_s` is since it began."""
    found = []
    for one in _turns(watched):
        row: dict[str, float | str | None] = {"at_s": round(one.at - watched.begun, 2)}
        for (whose, way), streams in watched.streams.items():
            truth = Truth(watched.looks, whose, way, streams).between(one.at - WINDOW_S, one.at)
            told = one.lines[whose][way]
            for figure, is_true in zip(("loss_percent", "jitter_ms"), truth, strict=False):
                row[f"{whose}_{way}_{figure}_told"] = told[figure]
                row[f"{whose}_{way}_{figure}_true"] = None if is_true is None else round(is_true, 2)
            row[f"{whose}_{way}_kbit_per_s"] = told["kbit_per_s"]
        for whose, line in one.lines.items():
            row[f"{whose}_verdict"], row[f"{whose}_rtt_ms"] = line["verdict"], line["rtt_ms"]
            row[f"{whose}_carries"] = line["down_carries_kbit_per_s"]
        found.append(row)
    return found


def _turns(watched: Watched) -> list[Look]:
    """The looks at which the bridge had something new to say."""
    return [after for before, after in pairwise(watched.looks) if after.lines != before.lines]


def _settled(watched: Watched, turns: Sequence[Look]) -> list[Look]:
    return [one for one in turns if watched.begun + watched.fault.settled_s <= one.at <= watched.ended]


def _in_a_row(turns: Sequence[Look]) -> list[tuple[Look, float]]:
    """Turns whose windows follow on each other, each with the end of the one before.

    When a figure was made is known to a tenth of a second, in which sound has five packets, of a hundred in a
    window. Of windows in a row what one has too much the next has too little. Where a turn was missed, the row
    begins anew.
    """
    found: list[tuple[Look, float]] = []
    for one in turns:
        before = found[-1][0].at if found else one.at - WINDOW_S
        if one.at >= before + WINDOW_S - SLACK_S:
            found.append((one, before if one.at <= before + WINDOW_S + SLACK_S else one.at - WINDOW_S))
    return found


def _compare(
    found: Figures,
    wrong: list[str],
    of: tuple[Watched, Whose, Way],
    truth: Truth,
    turns: Sequence[Look],
) -> None:
    watched, whose, way = of
    name, settled = f"{whose}_{way}", _in_a_row(_settled(watched, turns))
    behind = _behind(truth, settled, whose, way)
    found[f"{name}_behind_s"] = behind
    true = [truth.between(since - behind, one.at - behind) for one, since in settled]
    own = fmean([are[3] or 0.0 for are in true] or [0.0]) if way == "up" else 0.0
    found[f"{name}_own_jitter_ms"] = own
    for place, figure in enumerate(("loss_percent", "jitter_ms")):
        told = [_figure(one.lines[whose], way, figure) for one, _ in settled]
        pairs = [(a, b[place]) for a, b in zip(told, true, strict=True)]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        if not known:
            wrong.append(f"{name}: no {figure}")
            continue
        mean_told, mean_true = fmean(a for a, _ in known), fmean(b for _, b in known)
        if place == 0:
            mean_told = _of_all_packets(settled, whose, way)
            mean_true = truth.between(settled[0][1] - behind, settled[-1][0].at - behind)[0] or 0.0
        found[f"{name}_{figure}_told"], found[f"{name}_{figure}_true"] = mean_told, mean_true
        found[f"{name}_{figure}_off_p90"] = float(np.percentile([abs(a - b) for a, b in known], 90))
        # What a busy machine's browser has of its own comes on top of what the link adds, in part.
        allowed = LOSS_POINTS if place == 0 else max(JITTER_MS, JITTER_SHARE * mean_true) + own
        if abs(mean_told - mean_true) > allowed:
            wrong.append(f"{name}: {figure} {mean_told:.2f} told, {mean_true:.2f} true")
        is_much = mean_true >= (LEAST_LOSS_PERCENT, LEAST_JITTER_MS)[place]
        is_seen = place == 0 and truth.lost_in(TOLD_OF_S, watched.begun, watched.ended) >= LEAST_LOST
        if (is_much or is_seen) and (whose, way) in watched.fault.ways:
            told_now, least = partial(_figure, way=way, figure=figure), SEEN_SHARE * mean_true
            since = truth.reaches(place, least, watched.begun)
            first = _first(_during(watched, turns), whose, told_now, least)
            _note_seen(found, wrong, f"{name}_{figure}", (watched.begun, since, first))


def _of_all_packets(settled: Sequence[tuple[Look, float]], whose: Whose, way: Way) -> float:
    """The loss of all of these windows together, in percent.

    A window's share is also of packets before it of which the receiver's report was lost, so that one window can
    be of twice as many as another.
    """
    flows = [one.lines[whose][way] for one, _ in settled]
    packets = sum(flow["packets"] for flow in flows)
    return float(sum(flow["loss_percent"] * flow["packets"] for flow in flows) / max(packets, 1))


def _behind(truth: Truth, settled: Sequence[tuple[Look, float]], whose: Whose, way: Way) -> float:
    def misfit(behind: float) -> float:
        true = (truth.between(since - behind, one.at - behind)[0] for one, since in settled)
        told = (_figure(one.lines[whose], way, "loss_percent") for one, _ in settled)
        return sum(abs((a or 0.0) - (b or 0.0)) for a, b in zip(told, true, strict=True))

    return min(BEHIND_S, key=misfit)


def _figure(line: Line, way: Way, figure: str) -> float | None:
    value: float | None = line[way][figure]
    return value


def _note_seen(found: Figures, wrong: list[str], name: str, times: tuple[float, float, float | None]) -> None:
    """Hold what was told against when the fault began, since when it could be seen, and when so much was told."""
    begun, since, first = times
    found[f"{name}_seen_s"] = None if first is None else first - since
    if first is None or first - since > SEEN_S:
        wrong.append(f"{name}: seen after {found[f'{name}_seen_s']}")
    elif first <= begun or first - since < -EARLY_S:
        wrong.append(f"{name}: told {since - first:.1f} s before there was any")


def _compare_round_trip(
    found: Figures, wrong: list[str], of: tuple[Watched, Whose], ways: Sequence[Truth], turns: Sequence[Look]
) -> None:
    watched, whose = of
    settled = [one for one in _settled(watched, turns) if one.lines[whose]["rtt_ms"] is not None]
    if not settled:
        wrong.append(f"{whose}: no round trip")
        return
    told = fmean(one.lines[whose]["rtt_ms"] for one in settled)
    taken = ([way.between(one.at - WINDOW_S, one.at)[2] for way in ways] for one in settled)
    known = [sum(ms for ms in both if ms is not None) for both in taken if None not in both]
    if not known:
        wrong.append(f"{whose}: no packets to measure a round trip by")
        return
    true = fmean(known)
    found[f"{whose}_rtt_ms_told"], found[f"{whose}_rtt_ms_true"] = told, true
    if abs(told - true) > RTT_MS:
        wrong.append(f"{whose}: round trip {told:.1f} told, {true:.1f} true")
    usual = 40.0
    if abs(true - usual) >= LEAST_RTT_MS:
        least = usual + SEEN_SHARE * (true - usual)
        first = _first(_during(watched, turns), whose, lambda line: line["rtt_ms"], least)
        _note_seen(found, wrong, f"{whose}_rtt_ms", (watched.begun, watched.begun, first))


def _first(
    turns: Sequence[Look], whose: Whose, read: Callable[[Line], float | None], least: float
) -> float | None:
    """When so much was first told."""
    return next((one.at for one in turns if (read(one.lines[whose]) or 0.0) >= least), None)


def _during(watched: Watched, turns: Sequence[Look]) -> list[Look]:
    """The turns of the fault, behind the last one before it: what that still tells is of another fault."""
    before = [one for one in turns if one.at <= watched.begun]
    return [*before[-1:], *(one for one in turns if one.at > watched.begun)]


def _judge(found: Figures, wrong: list[str], watched: Watched, turns: Sequence[Look]) -> None:
    """Hold the word that stood longest in the last seconds against the fault."""
    wanted = watched.fault.verdicts
    if wanted is None:
        return
    last = [one for one in turns if watched.ended - 8.0 <= one.at <= watched.ended]
    for whose in ("receiver", "sender"):
        words = Counter(one.lines[whose]["verdict"] for one in last)
        right = wanted.get(whose, "good")
        found[f"{whose}_verdict_right"] = float(bool(words) and words.most_common(1)[0][0] == right)
        if not found[f"{whose}_verdict_right"]:
            wrong.append(f"{whose}: {dict(words)}, should be {right}")
