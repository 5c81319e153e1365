"""Figures of a link from readings of counters. Each way in which figures lie has its test."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality.figures import Figures, History, LegFigures, as_heard, read, together
from bridge.app.quality.lines import Assessment, person_stats
from signalling import messages as m
from tests.app.engine_rows import LEGS, Rows, legs, streams

Row = dict[str, int]
UP: Row = {"leg": 7, "direction": 0}
DOWN: Row = {"leg": 7, "direction": 1}
NOBODY = legs({})


def trips(last: int, total: int, count: int, delays: int = 0, reports: int = 0) -> Rows:
    """The row of leg 7 with its round trips in ms: the last, all together, their number, and those of reports."""
    row = (7, 1000 * last, 1000 * total, count, 1000 * delays, reports, *[0] * 6)
    return np.array([row], LEGS)


def history(*readings: tuple[float, list[Row]], rtt_us: int = 0) -> History:
    """Readings of one leg, 7, at these seconds."""
    found = History()
    for at, rows in readings:
        found.push(read(streams(*rows), legs({7: rtt_us}), at))
    return found


def up(found: History) -> Figures:
    """All of leg 7 on its way up."""
    return together(found.leg(7).up)


def down(found: History) -> Figures:
    """All of leg 7 on its way down."""
    return together(found.leg(7).down)


def test_streams_of_a_leg_are_summed_over_two_seconds() -> None:
    """Loss is a share of what was expected within the window, the rate that of the window."""
    rows = [
        [
            UP | {"index": 0, "bytes": 1000, "lost": 1, "expected": 100},
            UP | {"index": 1, "kind": 1, "expected": 100},
        ],
        [
            UP | {"index": 0, "bytes": 26_000, "lost": 6, "expected": 150},
            UP | {"index": 1, "kind": 1, "bytes": 25_000, "expected": 150, "frames": 50},
        ],
    ]
    found = history((10.0, rows[0]), (12.0, rows[1]), rtt_us=41_500)
    assert (up(found).loss, up(found).bits_per_second) == (0.05, 200_000)
    assert found.leg(7).rtt_ms == 41.5
    assert [one.frames_per_second for one in found.leg(7).up] == [None, 25.0]


def test_ten_percent_loss_is_not_shown_as_zero() -> None:
    """Not at any turn, though what is received is reported on only every five seconds."""
    found, shown = History(), []
    for second in range(40):
        told = second // 5 * 5
        row = DOWN | {"bytes": 4000 * second, "expected": 50 * told, "lost": 5 * told}
        found.push(read(streams(row), NOBODY, float(second)))
        shown.append(down(found).loss)
    assert set(shown[:5]) == {0.0}, "nothing was reported yet"
    assert set(shown[5:]) == {0.1}


def test_what_a_stream_lost_last_is_not_told_of_it_while_nothing_is_sent() -> None:
    """A picture that is left out on a thin link loses nothing."""
    found, shown = History(), []
    for second in range(8):
        sent = min(second, 3)
        row = DOWN | {"bytes": 4000 * sent, "expected": 50 * sent, "lost": 10 * sent}
        found.push(read(streams(row), NOBODY, float(second)))
        shown.append(down(found).loss)
    assert shown == [0.0, 0.2, 0.2, 0.2, 0.2, 0.0, 0.0, 0.0]


def test_repair_does_not_make_loss_vanish() -> None:
    """Before and after repair are two figures."""
    rows = [[UP | {"expected": 0}], [UP | {"expected": 200, "lost": 20, "recovered": 19, "bursts": 10}]]
    figures = up(history((0.0, rows[0]), (2.0, rows[1])))
    assert (figures.loss, figures.loss_after, figures.burst_packets) == (0.1, 0.005, 2.0)


def test_an_interval_with_nothing_expected_has_no_loss() -> None:
    """Somebody who is silent behind a mute loses nothing, and is no division by zero."""
    row = UP | {"expected": 100, "lost": 10}
    figures = up(history((0.0, [row]), (2.0, [row]), (4.0, [row])))
    assert (figures.loss, figures.bits_per_second) == (0.0, 0.0)


@pytest.mark.parametrize("after", [{"expected": 3, "bytes": 10}, {"expected": 0}, {"expected": 99, "lost": 99}])
def test_counts_that_fall_are_no_loss_and_no_rate(after: Row) -> None:
    """A sender that begins again takes its counts back; that interval tells nothing."""
    before = UP | {"expected": 1000, "lost": 100, "bytes": 90_000, "frames": 50}
    figures = up(history((0.0, [before]), (2.0, [UP | after])))
    assert (figures.loss, figures.bits_per_second) == (0.0, 0.0)


def test_more_lost_than_expected_is_all_lost() -> None:
    """Counts that contradict each other make no share above one."""
    figures = up(history((0.0, [UP]), (2.0, [UP | {"expected": 10, "lost": 30, "recovered": 90}])))
    assert (figures.loss, figures.loss_after) == (1.0, 0.0)


def test_jitter_is_that_of_the_window_and_of_sound() -> None:
    """The mean of what was measured since the reading before, of sound where there is any."""
    sound = {"transit_changes_us": 700_000, "transit_changes": 200}
    found = history(
        (0.0, [UP | {"transit_changes_us": 500_000, "transit_changes": 100}, UP | {"index": 1, "kind": 1}]),
        (
            2.0,
            [
                UP | sound | {"bytes": 1},
                UP | {"index": 1, "kind": 1, "bytes": 1, "transit_changes_us": 9_000_000, "transit_changes": 50},
            ],
        ),
    )
    assert up(found).jitter_ms == 2.0


def test_jitter_down_is_the_links_own_where_each_packet_is_told_of() -> None:
    """Else it is what the receiver reports, with the sender's in it."""
    told = {"transit_changes_us": 400_000, "transit_changes": 100, "jitter_us": 50_000, "bytes": 1}
    own = down(history((0.0, [DOWN]), (2.0, [DOWN | told])))
    assert (own.jitter_ms, own.jitter_is_own) == (4.0, True)
    reported = down(history((0.0, [DOWN]), (2.0, [DOWN | {"jitter_us": 50_000, "bytes": 1}])))
    assert (reported.jitter_ms, reported.jitter_is_own) == (50.0, False)


def test_what_a_player_made_up_is_all_that_was_left_of_lost_sound() -> None:
    """Redundancy brought the rest; pictures, and players that do not tell, are as they were."""
    rows = [DOWN | {"expected": 200, "lost": 20}, DOWN | {"index": 1, "kind": 1, "expected": 200, "lost": 20}]
    figures = history((0.0, [DOWN, rows[1] | {"expected": 0, "lost": 0}]), (2.0, rows)).leg(7)
    assert [one.loss_after for one in as_heard(figures, 0.01).down] == [0.01, 0.1]
    assert as_heard(figures, 0.5) == as_heard(figures, None) == figures


def test_a_round_trip_is_the_mean_of_the_window() -> None:
    """A link that shakes is measured anew every second; where nothing was measured since, the last one holds."""
    found = History()
    for second, (last, total, count) in enumerate([(40, 40, 1), (60, 100, 2), (80, 180, 3), (80, 180, 3)]):
        found.push(read(streams(UP), trips(last, total, count), float(second)))
    assert found.leg(7).rtt_ms == 80.0
    found.push(read(streams(UP), trips(80, 180, 3), 4.0))
    assert found.leg(7).rtt_ms == 80.0


def test_a_round_trip_that_changes_between_exact_ones_is_seen() -> None:
    """Reports on each packet take 10 ms longer, and come all the time."""
    found, shown = History(), []
    for second in range(30):
        exact, reports = second // 5 + 1, 10 * (second + 1)
        delays = sum(10 * (50 + 100 * (at > 21)) for at in range(second + 1))
        found.push(read(streams(UP), trips(40, 40 * exact, exact, delays, reports), float(second)))
        shown.append(found.leg(7).rtt_ms)
    assert shown[20:24] == [40.0, 40.0, 90.0, 140.0]
    assert set(shown[24:]) == {140.0}, "the exact one that came meanwhile, and says 40, is one of several"


def test_encodings_are_one_source() -> None:
    """Three encodings of a camera are one picture to those who look at figures."""
    camera = UP | {"index": 1, "kind": 1}
    three = [camera | {"expected": 100, "bytes": 1000, "lost": lost} for lost in (0, 10, 20)]
    found = history((0.0, [camera] * 3), (2.0, three))
    (one,) = found.leg(7).up
    assert (one.expected, one.lost, one.bits_per_second) == (300, 30, 12_000)


def test_directions_and_legs_are_kept_apart() -> None:
    """What the bridge sends to a leg is its way down; another leg's streams do not count."""
    other = {"leg": 8, "direction": 1, "bytes": 9000, "lost": 9, "expected": 10}
    found = history((0.0, [DOWN, {"leg": 8, "direction": 1}]), (2.0, [DOWN | {"lost": 1, "expected": 10}, other]))
    assert (down(found).loss, up(found).loss) == (0.1, 0.0)


def test_a_leg_that_is_not_known_yet_has_no_figures() -> None:
    """Nothing measured is nothing, not a zero."""
    assert History().leg(7) == LegFigures()
    assert history((0.0, [UP])).leg(7) == LegFigures()
    assert history((0.0, []), (2.0, [])).leg(7) == LegFigures()


def test_a_change_is_seen_within_two_turns() -> None:
    """With a reading a second, a loss that begins is whole in the figures after two."""
    found, lost, shown = History(), 0, []
    for second in range(10):
        lost += 5 if second > 5 else 0
        found.push(
            read(streams(UP | {"expected": 50 * second, "bytes": second, "lost": lost}), NOBODY, float(second))
        )
        shown.append(up(found).loss)
    assert shown[5:8] == [0.0, 0.05, 0.1]


COUNTS = st.integers(0, 2**62)
ROW = st.fixed_dictionaries(
    {
        "leg": st.integers(1, 2),
        "direction": st.integers(0, 1),
        "index": st.integers(0, 3),
        "kind": st.integers(0, 1),
        **dict.fromkeys(
            ("bytes", "expected", "lost", "recovered", "bursts", "frames", "transit_changes", "jitter_us"), COUNTS
        ),
        "transit_changes_us": COUNTS,
    }
)
READINGS = st.lists(st.tuples(st.floats(0, 10), st.lists(ROW, max_size=4)), max_size=6)


@given(READINGS, st.integers(0, 2**62))
def test_any_counters_give_a_message_that_its_schema_allows(
    readings: list[tuple[float, list[Row]]], rtt_us: int
) -> None:
    """Counters that fall, wrap or contradict each other never make a figure that a page would refuse."""
    found, at = History(), 0.0
    for pause, rows in readings:
        at += pause
        found.push(read(streams(*rows), legs({1: rtt_us}), at))
    for leg in (1, 2):
        line = person_stats("p_1", Assessment(leg, found.leg(leg), None, m.Verdict.GOOD, 0.0))
        told = m.decode_server(m.encode_server(m.Stats(people=[line])))
        assert isinstance(told, m.Stats)
        assert told.people[0].up.loss_after_percent <= told.people[0].up.loss_percent
        brief = person_stats("p_1", Assessment(leg, found.leg(leg), None, m.Verdict.GOOD, 0.0), brief=True)
        bare = [msgspec.structs.replace(flow, streams=[]) for flow in (line.up, line.down)]
        assert [brief.up, brief.down] == bare
        assert brief == msgspec.structs.replace(line, up=bare[0], down=bare[1])
