"""What the opinion score of a line is made of: a room of two, from the engine's counts to the score of each way.

The score itself is held against ITU-T's values in `test_mos`. Here is which loss goes into it, which delay, and
which way it is told of.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

import pytest
from msgspec.structs import replace

from bridge.app.live import LiveRoom, MediaLeg
from bridge.app.quality.lines import Assessment, person_stats
from bridge.app.quality.watch import Watch
from bridge.ops.links import LinkCollector
from bridge.rooms.model import ParticipantId
from signalling import messages as m
from tests.app.engine_rows import legs, snapshot, streams

NEAR, FAR = 7, 8
SPAN_S: Final = 2.0
PACKETS, SAMPLES = 200, 96_000
BEST: Final = 4.41
Row = dict[str, int]


@dataclass(frozen=True)
class Way:
    """Packets of one kind that go one way in the window; losses are single ones unless `bursts` says less."""

    lost: int = 0
    recovered: int = 0
    bursts: int | None = None
    jitter_ms: float = 0.0

    def rows(self, key: Row) -> tuple[Row, Row]:
        """The counts at both ends of the window."""
        counts = {
            "expected": PACKETS,
            "lost": self.lost,
            "recovered": self.recovered,
            "bursts": self.lost if self.bursts is None else self.bursts,
            "bytes": 80 * PACKETS,
            "transit_changes": PACKETS,
            "transit_changes_us": round(1000 * self.jitter_ms * PACKETS),
        }
        return key, key | counts


@dataclass(frozen=True)
class Side:
    """One leg: its sound and pictures both ways, its round trip, and what its page tells of its player."""

    up: Way = field(default_factory=Way)
    down: Way = field(default_factory=Way)
    picture: Way = field(default_factory=Way)
    rtt_ms: int = 0
    concealed: int | None = None
    """Samples that the player made up; without it and `buffer_ms` the page tells nothing."""
    buffer_ms: float | None = None
    told_rtt_ms: float | None = None
    """By the page's own word."""

    def rows(self, leg: int) -> list[tuple[Row, Row]]:
        """What the engine counts."""
        keys = ((0, 0, self.up), (1, 0, self.down), (0, 1, self.picture), (1, 1, self.picture))
        return [way.rows({"leg": leg, "direction": to, "index": kind, "kind": kind}) for to, kind, way in keys]

    def reports(self) -> list[m.Report]:
        """What the page says at both ends of the window."""
        if (self.concealed, self.buffer_ms, self.told_rtt_ms) == (None, None, None):
            return []
        heard = m.SlotReport(mid="0", samples=SAMPLES, buffer_ms=self.buffer_ms)
        more = replace(heard, samples=2 * SAMPLES, concealed=self.concealed or 0)
        return [m.Report(slots=[one], sources=[], rtt_ms=self.told_rtt_ms) for one in (heard, more)]


def assessed(near: Side, far: Side | None = None, *, hear: bool = True) -> tuple[Assessment, Assessment]:
    """Both legs after two seconds, by the real `Watch`; the near one hears the far one, who hears nobody."""
    sides = {NEAR: near, FAR: far or Side()}
    room: Any = SimpleNamespace()
    live = LiveRoom(room, 1)
    live.legs = {ParticipantId(f"p_{leg}"): MediaLeg(leg) for leg in sides}
    live.plan = {(NEAR, 0): (FAR, 0)} if hear else {}
    engine: Any = SimpleNamespace(
        shard_of=lambda _room: 0, description=lambda _leg: SimpleNamespace(content_slots=())
    )
    watch, trips = Watch(), legs({leg: 1000 * side.rtt_ms for leg, side in sides.items()})
    rows = [pair for leg, side in sides.items() for pair in side.rows(leg)]
    for end, at in enumerate((10.0, 10.0 + SPAN_S)):
        for leg, side in sides.items():
            for report in side.reports()[end : end + 1]:
                live.legs[ParticipantId(f"p_{leg}")].hints.take(at, report)
        watch.observe(snapshot(streams(*(pair[end] for pair in rows)), trips), at)
        found = watch.assess(live, engine)
    return found[ParticipantId(f"p_{NEAR}")], found[ParticipantId(f"p_{FAR}")]


def scores(near: Side, far: Side | None = None, *, hear: bool = True) -> tuple[float, float]:
    """The score of the near one's sound on its way up, and of what the near one hears."""
    found, _ = assessed(near, far, hear=hear)
    assert found.mos_up is not None
    assert found.mos_down is not None
    return found.mos_up, found.mos_down


def test_a_clean_call_has_the_best_score_both_ways() -> None:
    """No loss and no delay: R is 93.2."""
    assert scores(Side()) == pytest.approx((BEST, BEST), abs=0.005)


def test_the_way_up_by_hand() -> None:
    """Half of the round trip, a buffer by jitter, a packet; loss after repair, in runs of two.

    Ta = 240 / 2 + (20 + 2 * 10) + 20 = 180 ms. X = lg 1.8 / lg 2 = 0.8480, X^6 = 0.37185, (X / 3)^6 = 0.00051,
    Idd = 25 (1.054106 - 3 * 1.000085 + 2) = 1.346.
    Ppl = (20 - 12) / 200 = 4 %, runs of 20 / 10 = 2, BurstR = 2 (1 - 0.04) = 1.92, Bpl = 25.1,
    Ie,eff = 95 * 4 / (4 / 1.92 + 25.1) = 13.979.
    R = 93.2 - 1.346 - 13.979 = 77.875, MOS = 1 + 2.7256 + 77.875 * 17.875 * 22.125 * 7e-6 = 3.941.
    """
    up, _ = scores(Side(up=Way(lost=20, recovered=12, bursts=10, jitter_ms=10.0), rtt_ms=240))
    assert up == pytest.approx(3.941, abs=0.001)


def test_the_way_down_by_hand() -> None:
    """Half of both round trips, the player's own buffer, a packet; what the player made up, loss being single.

    Ta = (300 + 200) / 2 + 110 + 20 = 380 ms. X = lg 3.8 / lg 2 = 1.9260, X^6 = 51.043, (X / 3)^6 = 0.070018,
    Idd = 25 (1.932237 - 3 * 1.011343 + 2) = 22.455.
    Ppl = 2400 / 96000 = 2.5 %, BurstR = 1, Ie,eff = 95 * 2.5 / (2.5 + 25.1) = 8.605.
    R = 93.2 - 22.455 - 8.605 = 62.140, MOS = 1 + 2.1749 + 62.140 * 2.140 * 37.860 * 7e-6 = 3.210.
    """
    near = Side(down=Way(lost=20, jitter_ms=50.0), rtt_ms=300, concealed=2_400, buffer_ms=110.0)
    _, down = scores(near, Side(rtt_ms=200))
    assert down == pytest.approx(3.210, abs=0.001)


@pytest.mark.parametrize("way", ["up", "down"])
def test_only_what_repair_did_not_bring_back_counts(way: str) -> None:
    """Loss that is all repaired costs nothing, however much there is; what is left of it does."""
    place = ("up", "down").index(way)
    lossless, repaired, half, none = (
        scores(Side(**{way: one}))[place]
        for one in (Way(), Way(40, 40), Way(40, 20, bursts=40), Way(40, 0, bursts=40))
    )
    assert repaired == lossless
    assert none < half - 0.2 < lossless - 0.4
    # As much is left of less loss.
    assert scores(Side(**{way: Way(20)}))[place] == pytest.approx(half)


@pytest.mark.parametrize("way", ["up", "down"])
def test_runs_are_worse_than_single_losses(way: str) -> None:
    """The same loss in runs of two packets."""
    place = ("up", "down").index(way)
    single, runs = (scores(Side(**{way: Way(20, bursts=number)}))[place] for number in (20, 10))
    assert runs < single - 0.05


@pytest.mark.parametrize("way", ["up", "down"])
def test_ways_are_not_swapped(way: str) -> None:
    """Loss and jitter of one way are told of that way: of legs, in what hosts are told, and in the metrics."""
    place, other = (0, 1) if way == "up" else (1, 0)
    found, of_the_other = assessed(Side(**{way: Way(40, jitter_ms=60.0)}))
    line, links = person_stats("p_1", found), LinkCollector()
    links.observe(1.0, [found])
    family = next(one for one in links.collect() if one.name == "brotjeneste_sound_mos")
    sums = {one.labels["direction"]: one.value for one in family.samples if one.name.endswith("_sum")}
    told = [next(one.mos for one in flow.streams if one.mos is not None) for flow in (line.up, line.down)]
    for pair in ([found.mos_up, found.mos_down], told, [sums["in"], sums["out"]]):
        assert pair[other] == pytest.approx(BEST, abs=0.05)
        assert (pair[place] or BEST) < BEST - 0.8
    assert (of_the_other.mos_up, of_the_other.mos_down) == pytest.approx((BEST, BEST), abs=0.005)


def test_lost_pictures_are_not_heard() -> None:
    """The score is that of sound."""
    assert scores(Side(picture=Way(60, jitter_ms=90.0))) == scores(Side())


def test_what_is_heard_has_come_over_both_links() -> None:
    """The round trip of who is heard delays what comes down, and nothing that goes up; of nobody else's it is."""
    near, far = Side(rtt_ms=300), Side(rtt_ms=500)
    up, down = scores(near, far)
    _, who_hears_nobody = assessed(near, far)
    assert up == scores(near)[0]
    assert down == pytest.approx(scores(Side(rtt_ms=800))[1])
    assert down < up - 0.5
    assert scores(near, far, hear=False) == (up, up)
    assert who_hears_nobody.mos_down == who_hears_nobody.mos_up


def test_a_round_trip_that_a_page_alone_knows_delays_what_others_hear_of_it() -> None:
    """Nothing is sent to it that it could report on; what the bridge measures itself comes before its word."""
    measured = scores(Side(), Side(rtt_ms=500))[1]
    assert scores(Side(), Side(told_rtt_ms=500.0))[1] == pytest.approx(measured)
    assert scores(Side(), Side(rtt_ms=500, told_rtt_ms=100.0))[1] == pytest.approx(measured)


def test_ones_own_round_trip_delays_both_ways() -> None:
    """It is half of it each way."""
    assert all(slow < fast - 0.5 for slow, fast in zip(scores(Side(rtt_ms=700)), scores(Side()), strict=True))


def test_what_a_player_keeps_delays_what_is_heard_alone() -> None:
    """By its page's word; without that, twice the jitter and a little."""
    up, down = scores(Side(buffer_ms=400.0))
    assert up == scores(Side())[0]
    assert down == pytest.approx(scores(Side(down=Way(jitter_ms=190.0)))[1])
    assert down < up - 0.5


def test_the_ear_knows_better_than_the_counts_what_was_repaired() -> None:
    """A page that tells what its player made up is believed: redundancy repairs there, and what is late counts."""
    lost = Way(lost=40)
    _, counted = scores(Side(down=lost))
    _, mended = scores(Side(down=lost, concealed=0))
    _, late = scores(Side(concealed=SAMPLES // 5))
    assert mended == pytest.approx(BEST, abs=0.005)
    assert counted == pytest.approx(late)
    assert late < BEST - 0.8
