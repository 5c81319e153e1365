"""Figures take a small share of a thin link, and come to a page when it has something to say."""

import re
from pathlib import Path

import msgspec
import pytest

from bridge.app.quality.figures import Carries
from bridge.app.quality.ration import AROUND_BYTES, LIMITS, LONGEST_S, SHARE, VERDICT_S, Ration, is_brief
from signalling import messages as m

FLOW = m.FlowStats(loss_percent=0, loss_after_percent=0, jitter_ms=3, bitrate_kbps=40, streams=[])
ONE = m.PersonStats(participant="0" * 26, up=FLOW, down=FLOW, verdict=m.Verdict.GOOD)
STATS = m.Stats(people=[ONE] * 4)
SOUND = m.StreamStats(source=m.SourceName.MIC, loss_percent=0, loss_after_percent=0, jitter_ms=3, bitrate_kbps=40)
WITH_SOURCES = msgspec.structs.replace(FLOW, streams=[SOUND])
DETAILS = m.Stats(people=[msgspec.structs.replace(ONE, up=WITH_SOURCES)] * 4)
PAGE = Path(__file__).parents[2] / "signalling" / "web" / "static" / "js" / "stats.js"
PAGES = re.compile(r"const (?:GOOD|FAIR) = \{(.+?)\};")


def sent(bits_per_second: int | None, seconds: int = 60, message: m.Stats = DETAILS) -> int:
    """Count how often one that is offered every second goes."""
    ration = Ration()
    carries = None if bits_per_second is None else Carries(bits_per_second, 0, 0)
    return sum(ration.take("host", float(second), message, carries) for second in range(seconds))


@pytest.mark.parametrize("bits_per_second", [None, 2_000_000, 5_000_000])
def test_a_good_link_gets_them_every_second(bits_per_second: int | None) -> None:
    """Every figure of every second."""
    assert sent(bits_per_second) == 60


@pytest.mark.parametrize("bits_per_second", [150_000, 200_000, 300_000])
def test_a_thin_link_gives_them_their_share(bits_per_second: int) -> None:
    """No more than the share, but for the first."""
    size = len(msgspec.json.encode(DETAILS)) + AROUND_BYTES
    assert sent(bits_per_second) <= 1 + 60 * SHARE * bits_per_second / (8 * size)


def test_the_thinnest_link_gets_them_now_and_then() -> None:
    """A host is never left without."""
    assert sent(1) == 60 / LONGEST_S


def test_a_link_that_has_become_thin_is_spared_the_next_one_too() -> None:
    """What it was told a second ago counts at the rate that it has now, and again as it had when that is back."""
    ration = Ration()
    assert ration.take("host", 0.0, DETAILS, Carries(5_000_000, 0, 0))
    assert not ration.take("host", 1.0, DETAILS, Carries(60_000, 0, 0))
    assert ration.take("host", 2.0, DETAILS, Carries(5_000_000, 0, 0))


def told(*offered: tuple[int, m.PersonStats]) -> list[int]:
    """Say at which of these seconds this line, which tells of no source, goes to a host on a good link."""
    ration, good = Ration(), Carries(2_000_000, 0, 0)
    return [at for at, line in offered if ration.take("host", float(at), m.Stats(people=[line]), good)]


def test_a_page_that_shows_no_figures_is_told_what_has_changed() -> None:
    """Every ten seconds at least; a person more or less is a change, too."""
    assert sent(2_000_000, message=STATS) == 6
    better = msgspec.structs.replace(ONE, down=msgspec.structs.replace(FLOW, jitter_ms=24.9, bitrate_kbps=900))
    assert told((0, ONE), (1, better), (2, ONE)) == [0]
    lossy = msgspec.structs.replace(ONE, up=msgspec.structs.replace(FLOW, loss_after_percent=0.1))
    assert told((0, ONE), (1, lossy), (2, ONE), (3, lossy)) == [0]
    for change in (
        {"verdict": m.Verdict.DOWNLINK},
        {"participant": "1" * 26},
        {"rtt_ms": 301.0},
        {"frozen_percent": 2.5},
        {"down": msgspec.structs.replace(FLOW, loss_after_percent=1.1)},
        {"up": msgspec.structs.replace(FLOW, jitter_ms=25.1)},
    ):
        other = msgspec.structs.replace(ONE, **change)
        assert told((0, ONE), (1, other), (2, other), (3, ONE)) == [0, 1, 3], change


def test_whoever_opens_the_figures_gets_them_at_once() -> None:
    """They are more than was told before."""
    ration, good = Ration(), Carries(5_000_000, 0, 0)
    offered = {0: STATS, 1: STATS, 2: DETAILS, 3: DETAILS, 4: STATS}
    assert [at for at, one in offered.items() if ration.take("host", float(at), one, good)] == [0, 2, 3]


def test_the_limits_are_those_of_the_page() -> None:
    """A word of the page changes where a line is told, and nowhere else."""
    good, fair = (dict(re.findall(r"(\w+): (\d+)", limits)) for limits in PAGES.findall(PAGE.read_text()))
    assert {name: (int(good[name]), int(fair[name])) for name in good} == LIMITS


def test_what_a_verdict_says_waits_for_no_figures_that_were_shown_before() -> None:
    """They were shown on a link of 200 kbit/s, and take half a minute of its share."""
    ration, thin = Ration(), Carries(200_000, 0, 0)
    many = m.Stats(people=DETAILS.people * 3)
    bad = m.Stats(people=[msgspec.structs.replace(ONE, verdict=m.Verdict.DOWNLINK)] * 12)
    worse = m.Stats(people=[msgspec.structs.replace(ONE, rtt_ms=600.0)] * 12)
    assert ration.take("host", 0.0, many, thin)
    assert not ration.take("host", VERDICT_S, worse, thin)
    assert not ration.take("host", VERDICT_S - 1, bad, thin)
    assert ration.take("host", VERDICT_S, bad, thin)


def test_where_hardly_sound_fits_a_verdict_is_told_when_it_changes() -> None:
    """A message of two people takes a tenth of a second of 60 kbit/s: it comes when it says something."""
    ration, thin = Ration(), Carries(60_000, 0, 0)
    bad = m.Stats(people=[msgspec.structs.replace(ONE, verdict=m.Verdict.DOWNLINK)])
    offered = {0: STATS, 4: bad, 6: bad, 12: bad, 35: bad, 37: bad, 39: STATS, 41: bad}
    told = [second for second, message in offered.items() if ration.take("host", float(second), message, thin)]
    assert told == [0, 6, 37]


@pytest.mark.parametrize(("bits_per_second", "brief"), [(60_000, True), (300_000, False), (None, False)])
def test_lines_are_short_where_hardly_sound_fits(bits_per_second: int | None, *, brief: bool) -> None:
    """And where nothing is known of the link, they are whole."""
    assert is_brief(None if bits_per_second is None else Carries(bits_per_second, 0, 0)) == brief


def test_who_is_no_host_any_more_is_forgotten() -> None:
    """Whoever becomes host again begins anew."""
    ration = Ration()
    assert ration.take("host", 0.0, STATS, Carries(1, 0, 0))
    assert not ration.take("host", 1.0, STATS, Carries(1, 0, 0))
    ration.keep(set())
    assert ration.take("host", 1.0, STATS, Carries(1, 0, 0))
