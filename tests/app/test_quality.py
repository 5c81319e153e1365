"""Figures of a person's link from two readings of the engine's counters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bridge.app.quality import person_stats, read
from signalling import messages as m

STREAMS = np.dtype([(n, "<u8") for n in ("leg", "direction", "bytes", "lost", "expected", "jitter_us")])
LEGS = np.dtype([(n, "<u8") for n in ("leg", "rtt_us")])
NOBODY = np.array([], LEGS)


def rows(*streams: tuple[int, ...]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Streams as the engine's snapshot holds them."""
    return np.array(list(streams), STREAMS)


def test_two_streams_of_a_leg_are_summed_over_the_interval() -> None:
    """Loss is a share of what was expected since the last reading, the rate that of the interval in kbit/s."""
    before = read(rows((7, 0, 1000, 1, 100, 5), (7, 0, 1000, 0, 100, 5)), NOBODY, 10.0)
    now = read(
        rows((7, 0, 26_000, 6, 150, 2500), (7, 0, 26_000, 0, 150, 900)), np.array([(7, 41_500)], LEGS), 12.0
    )
    assert person_stats("p_1", 7, now, before) == m.PersonStats(
        participant="p_1",
        up=m.Flow(loss_percent=5.0, jitter_ms=2.5, bitrate_kbps=200.0),
        down=m.Flow(loss_percent=0.0, jitter_ms=0.0, bitrate_kbps=0.0),
        rtt_ms=41.5,
    )


def test_directions_and_legs_are_kept_apart() -> None:
    """What the bridge sends to a leg is its `down`; another leg's streams do not count."""
    before = read(rows((7, 1, 0, 0, 0, 0), (8, 1, 0, 0, 0, 0)), NOBODY, 0.0)
    now = read(rows((7, 1, 1000, 1, 10, 0), (8, 1, 9000, 9, 10, 0)), NOBODY, 1.0)
    stats = person_stats("p_1", 7, now, before)
    assert (stats.down.loss_percent, stats.down.bitrate_kbps) == (10.0, 8.0)
    assert (stats.up.bitrate_kbps, stats.rtt_ms) == (0.0, None)


def test_a_leg_that_is_not_known_yet_has_zeros() -> None:
    """Nothing measured is no loss, no rate, and no round trip."""
    nothing = read(rows(), NOBODY, 0.0)
    still = m.Flow(loss_percent=0.0, jitter_ms=0.0, bitrate_kbps=0.0)
    assert person_stats("p_1", 7, nothing, nothing) == m.PersonStats(
        participant="p_1", up=still, down=still, rtt_ms=None
    )


COUNTS = st.integers(0, 2**64 - 1)
ROWS = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 1), COUNTS, COUNTS, COUNTS, COUNTS), max_size=4)


@given(ROWS, ROWS, st.floats(0, 1e6), st.floats(0, 1e6))
def test_any_counters_give_a_message_that_its_schema_allows(
    first: list[tuple[int, ...]], second: list[tuple[int, ...]], start: float, end: float
) -> None:
    """Counters that fall, wrap or contradict each other never make a figure that a page would refuse."""
    before, now = read(rows(*first), NOBODY, start), read(rows(*second), NOBODY, end)
    for leg in (1, 2):
        stats = person_stats("p_1", leg, now, before)
        told = m.decode_server(m.encode_server(m.Stats(people=[stats])))
        assert isinstance(told, m.Stats)
