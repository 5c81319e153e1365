"""The least sound that is concealed on a link that becomes thin, where it can be told by hand."""

import pytest

from loadtest.network.floor import Stream, least_concealed_ms

CALL = Stream(pictures_bps=1_000_000, sound_bps=60_000, round_trip_ms=40, held_ms=0)


def test_a_link_that_stays_wide_conceals_nothing() -> None:
    """A packet of pictures takes half a millisecond of it, which is less than a receiver holds."""
    held = Stream(pictures_bps=1_000_000, sound_bps=60_000, held_ms=27)
    assert least_concealed_ms(held, 20_000_000, 300) == 0


def test_sound_alone_is_known_to_fit() -> None:
    """Each packet waits for nothing but its own 150 bytes."""
    assert least_concealed_ms(Stream(0, 60_000, held_ms=0), 300_000, 300) == pytest.approx(150 * 8 / 300)


def test_it_is_what_is_sent_in_a_round_trip() -> None:
    """At 300 kbit/s, of 1 Mbit/s for 40 ms and up to the first packet: 5 to 8 kB less what is carried."""
    assert 85 <= least_concealed_ms(CALL, 300_000, 1_000) <= 150


@pytest.mark.parametrize("queue_ms", [150, 200])
def test_no_more_than_the_queue_holds_less_what_the_receiver_held(queue_ms: int) -> None:
    """What does not fit is dropped, and delays nobody."""
    full = least_concealed_ms(CALL, 200_000, queue_ms)
    held = Stream(CALL.pictures_bps, CALL.sound_bps, CALL.round_trip_ms, held_ms=27)
    assert full <= queue_ms
    assert least_concealed_ms(held, 200_000, queue_ms) == pytest.approx(full - 27)


def test_reports_by_the_receivers_clock_cost_what_is_sent_meanwhile() -> None:
    """Half of 62.5 ms on the average, of 1 Mbit/s on a link of 300."""
    at_once, by_clock = (least_concealed_ms(CALL, 300_000, 1_000, every) for every in (0, 62.5))
    assert 60 <= by_clock - at_once <= 130
