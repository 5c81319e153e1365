"""How good the links of all legs are, for Prometheus and for those who look for the worst ones.

Every second each stream that carried something adds one observation to each histogram: a histogram here is
seconds of streams, and its share above a bound is the share of the time that people had it so. What single legs
have is under the engine's numbers for them, and names nobody.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.app.quality.figures import Figures
from bridge.app.quality.lines import Assessment
from bridge.ops import table
from signalling import messages as m
from signalling.messages import Verdict

LOSS_BOUNDS: Final = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4)
JITTER_BOUNDS: Final = (0.001, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
RTT_BOUNDS: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
MOS_BOUNDS: Final = (1.5, 2.0, 2.5, 3.1, 3.6, 4.0, 4.3, 4.5)
WORST: Final = 20
FAULTS: Final = frozenset(Verdict) - {Verdict.GOOD, Verdict.UNKNOWN}


class Way(m.Part, frozen=True, kw_only=True):
    """One direction of a leg's link in the last seconds, before repair where nothing else is said."""

    packets: int
    loss_percent: float
    loss_after_percent: float
    burst_packets: float | None
    jitter_ms: float | None
    kbit_per_s: float
    mos: float | None


class LinkFigures(m.Part, frozen=True, kw_only=True):
    """How a leg's link is, what is to blame, and for how long it has been."""

    verdict: Verdict
    for_s: float
    rtt_ms: float | None
    up: Way
    down: Way
    down_carries_kbit_per_s: float | None
    frozen_percent: float | None


class LinkLine(LinkFigures, frozen=True, kw_only=True):
    """A leg's link, under the engine's number for the leg."""

    leg: int


class WorstLinks(m.Part, frozen=True, kw_only=True):
    """The legs that are worst off, worst first."""

    legs: list[LinkLine]


@dataclass(slots=True)
class Histogram:
    """Counts in buckets, by the values of the labels."""

    name: str
    text: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    counts: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    sums: dict[tuple[str, ...], float] = field(default_factory=dict)

    def observe(self, values: Sequence[float], *words: str) -> None:
        """Count values."""
        if not values:
            return
        counts = self.counts.setdefault(words, [0] * (len(self.bounds) + 1))
        for value in values:
            counts[bisect_left(self.bounds, value)] += 1
        self.sums[words] = sum(values, self.sums.get(words, 0.0))

    def family(self) -> Metric:
        """Give the family, for a registry."""
        family = HistogramMetricFamily(self.name, self.text, labels=self.labels)
        for words, counts in sorted(self.counts.items()):
            below, buckets = 0, []
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric(words, buckets, self.sums[words])
        return family


class LinkCollector(Collector):
    """Takes in every assessment of every leg, once a second."""

    def __init__(self) -> None:
        each = "One observation a second for each stream."
        both = ("direction", "kind")
        self._loss = Histogram(
            "brotjeneste_link_loss_ratio",
            f"Share of packets lost, 0 to 1, before and after repair. {each}",
            (*both, "repair"),
            LOSS_BOUNDS,
        )
        self._jitter = Histogram(
            "brotjeneste_link_jitter_seconds", f"Interarrival jitter. {each}", both, JITTER_BOUNDS
        )
        self._rtt = Histogram(
            "brotjeneste_link_rtt_seconds", "Round trip. One observation a second for each leg.", (), RTT_BOUNDS
        )
        self._mos = Histogram(
            "brotjeneste_sound_mos",
            "Opinion score of sound by the E-model, 1 to 4.5. One observation a second for each leg.",
            ("direction",),
            MOS_BOUNDS,
        )
        self._verdicts: dict[int, Verdict] = {}
        self._named: Counter[Verdict] = Counter()
        self._freezes: dict[int, tuple[int, float]] = {}
        self._frozen = (0, 0.0)
        self._latest: Sequence[Assessment] = ()
        self._now = 0.0

    def observe(self, now: float, assessed: Sequence[Assessment]) -> None:
        """Take a second in; `now` in seconds on the scale of `Assessment.since`."""
        self._now, self._latest = now, assessed
        before, self._verdicts = self._verdicts, {}
        freezes, self._freezes = self._freezes, {}
        self._observe_flow("in", [stream for one in assessed for stream in one.figures.up])
        self._observe_flow("out", [stream for one in assessed for stream in one.figures.down])
        self._rtt.observe([one.rtt_ms / 1000 for one in assessed if one.rtt_ms is not None])
        self._mos.observe([one.mos_up for one in assessed if one.mos_up is not None], "in")
        self._mos.observe([one.mos_down for one in assessed if one.mos_down is not None], "out")
        for one in assessed:
            self._verdicts[one.leg] = one.verdict
            if one.verdict in FAULTS and before.get(one.leg) is not one.verdict:
                self._named[one.verdict] += 1
            known = freezes.get(one.leg, (0, 0.0))
            self._freezes[one.leg] = (one.freezes_total, one.frozen_total_s)
            more = (max(new - old, 0) for new, old in zip(self._freezes[one.leg], known, strict=True))
            self._frozen = (self._frozen[0] + int(next(more)), self._frozen[1] + next(more))

    def _observe_flow(self, direction: str, streams: Sequence[Figures]) -> None:
        for kind, word in enumerate(table.KINDS):
            chosen = [stream for stream in streams if stream.kind == kind]
            fresh = [stream for stream in chosen if stream.fresh]
            self._loss.observe([stream.loss for stream in fresh], direction, word, "before")
            self._loss.observe([stream.loss_after for stream in fresh], direction, word, "after")
            shaken = [stream.jitter_ms / 1000 for stream in chosen if stream.jitter_ms is not None]
            self._jitter.observe(shaken, direction, word)

    def collect(self) -> Iterator[Metric]:
        """Give all families, for a registry."""
        yield from (histogram.family() for histogram in (self._loss, self._jitter, self._rtt, self._mos))
        now = Counter(self._verdicts.values())
        gauge = GaugeMetricFamily("brotjeneste_links", "Legs by what is to blame now.", labels=["verdict"])
        for verdict in Verdict:
            gauge.add_metric([verdict.value], now[verdict])
        yield gauge
        named = CounterMetricFamily(
            "brotjeneste_verdicts_total", "Times that a leg's verdict became this fault.", labels=["verdict"]
        )
        for verdict in sorted(FAULTS):
            named.add_metric([verdict.value], self._named[verdict])
        yield named
        freezes, seconds = self._frozen
        text = "Freezes of pictures that pages reported, in the slot of each that froze most."
        yield CounterMetricFamily("brotjeneste_picture_freezes_total", text, value=freezes)
        text = "How long those lasted together."
        yield CounterMetricFamily("brotjeneste_picture_frozen_seconds_total", text, value=seconds)

    def worst(self, count: int = WORST) -> list[LinkLine]:
        """The legs that are worst off, worst first: those with a fault before those without."""
        ranked = sorted(self._latest, key=_badness, reverse=True)
        return [self._line(one) for one in ranked[:count]]

    def line_of(self, leg: int) -> LinkLine | None:
        """One leg's figures; None for one of which nothing is known."""
        return next((self._line(one) for one in self._latest if one.leg == leg), None)

    @property
    def verdicts(self) -> Mapping[int, Verdict]:
        """What is to blame for each leg's link now, by the leg's number."""
        return self._verdicts

    def _line(self, one: Assessment) -> LinkLine:
        hint, carries = one.hint, one.figures.carries
        return LinkLine(
            leg=one.leg,
            verdict=one.verdict,
            for_s=round(self._now - one.since, 1),
            rtt_ms=one.rtt_ms,
            up=_way(one.figures.all_up, one.mos_up),
            down=_way(one.figures.all_down, one.mos_down),
            down_carries_kbit_per_s=None if carries is None else round(carries.bits_per_second / 1000, 1),
            frozen_percent=None
            if hint is None or hint.frozen_share is None
            else round(100 * hint.frozen_share, 1),
        )


def _way(flow: Figures, mos: float | None) -> Way:
    return Way(
        packets=flow.expected,
        loss_percent=round(100 * flow.loss, 1),
        loss_after_percent=round(100 * flow.loss_after, 1),
        burst_packets=None if flow.burst_packets is None else round(flow.burst_packets, 1),
        jitter_ms=None if flow.jitter_ms is None else round(flow.jitter_ms, 1),
        kbit_per_s=round(flow.bits_per_second / 1000, 1),
        mos=None if mos is None else round(mos, 2),
    )


def _badness(one: Assessment) -> tuple[bool, float]:
    up, down = one.figures.all_up, one.figures.all_down
    jitter = max(up.jitter_ms or 0.0, down.jitter_ms or 0.0)
    # A percent of loss counts like ten milliseconds of jitter.
    return one.verdict in FAULTS, max(up.loss, down.loss) * 1000 + jitter
