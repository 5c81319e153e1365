"""Figures of a call over a bad link, from recordings whose truth is known."""

from collections.abc import Iterable
from typing import Any

import pytest

from loadtest.network.figures import (
    back_s,
    delays,
    figures,
    gaps_between,
    least_concealed_percent,
    samples,
    times_between,
)
from loadtest.network.page import page
from loadtest.network.profile import Profile
from loadtest.network.recording import Recording, Shown, Stats
from loadtest.network.rounds import together
from loadtest.network.scenarios import BAD_S, SCENARIOS, named

START = 1_000_000.0
PERIOD = 40.0


def shown(numbers: Iterable[int], *, late_ms: float = 0.0) -> list[Shown]:
    """Pictures of these numbers, each at its time and as late; the browser counts those that it showed."""
    rows = []
    for presented, number in enumerate(numbers, 1):
        at = START + number * PERIOD + late_ms
        rows.append(Shown(at, at, presented, 640, 360, number % 257 if number % 257 < 256 else 0))
    return rows


def stats(at_ms: float, **numbers: float) -> Stats:
    """One look at the receiver's counters of sound."""
    return Stats(at_ms, [{"type": "inbound-rtp", "kind": "audio", **numbers}])


def counters(**more: int) -> dict[str, Any]:
    """The emulator's account."""
    way = {"pushed": 0, "lost_random": 0, "lost_burst": 0, "lost_queue": 0, "lost_outage": 0}
    return {"down": {**way, **more}, "up": dict(way), "late_us_max": 400}


def recording(pictures: list[Shown]) -> Recording:
    """8 s of clean call, 30 s of bad one, 6 s after it."""
    bad = START + 8_000
    found = Recording(START, (bad, bad + 30_000), bad + 36_000, sent=shown(range(50)), shown=pictures)
    found.receiver = [
        stats(bad, concealedSamples=100, silentConcealedSamples=0, totalSamplesReceived=480_000),
        stats(bad + 30_000, concealedSamples=14_500, silentConcealedSamples=7_200, totalSamplesReceived=1_920_000),
    ]
    found.sender = found.receiver
    found.cpu_s = {"bridge": 3.0}
    found.link = (counters(), counters(pushed=1_000, lost_random=100))
    return found


def test_a_whole_call_has_no_gap() -> None:
    """25 pictures a second, nothing frozen, no delay added."""
    found = figures(recording(shown(range(1_100), late_ms=90)))
    assert found["fps_mean"] == pytest.approx(25)
    assert found["frozen_percent"] == 0
    assert found["longest_freeze_ms"] == pytest.approx(PERIOD)
    assert found["delay_added_ms_p50"] == pytest.approx(0)
    assert found["delay_ms_p50"] == pytest.approx(90)
    assert found["back_s"] == 0
    assert found["bridge_cpu_percent"] == pytest.approx(10)


def test_gaps_of_a_fifth_of_a_second_are_frozen_and_shorter_ones_are_not() -> None:
    """Three gaps of 240 ms and one of 160 ms in 30 s."""
    left_out = {400, 401, 402, 403, 404, 500, 501, 502, 503, 504, 600, 601, 602, 603, 604, 700, 701, 702}
    found = figures(recording(shown(number for number in range(1_100) if number not in left_out)))
    assert found["freezes"] == 3
    assert found["frozen_percent"] == pytest.approx(100 * 3 * 240 / 30_000)
    assert found["longest_freeze_ms"] == pytest.approx(240)


def test_a_call_that_stops_is_frozen_to_the_end_and_comes_back() -> None:
    """No picture from 1 s after the link went bad until 2 s after it was well again."""
    found = recording(shown([*range(225), *range(1_000, 1_100)]))
    told = figures(found)
    assert told["frozen_percent"] == pytest.approx(100 * 29 / 30, abs=0.2)
    assert told["back_s"] == pytest.approx(2.0)
    assert back_s(recording(shown(range(225)))) is None


def test_delay_is_that_of_the_marked_picture_over_many_loops() -> None:
    """Pictures that come 60 ms later while the link is bad are told so, whichever loop of the camera they are."""
    pictures = [*shown(range(200), late_ms=100), *shown(range(200, 950), late_ms=160)]
    found = recording(pictures)
    told = figures(found)
    assert told["clean_delay_ms_p50"] == pytest.approx(100)
    assert told["delay_added_ms_p50"] == pytest.approx(60)
    # The picture that the camera shows twice is a picture late the second time; nothing is off by a loop.
    assert all(60 <= delay <= 200 for _, delay in delays(found))


def test_sound_and_loss_are_shares() -> None:
    """14,400 of 1,440,000 samples were made up, half of them silent; a tenth of the packets was lost."""
    found = figures(recording(shown(range(1_100))))
    assert found["audio_concealed_percent"] == pytest.approx(1.0)
    assert found["audio_concealed_heard_percent"] == pytest.approx(0.5)
    assert found["down_lost_percent"] == pytest.approx(10.0)
    assert found["up_lost_percent"] is None


def test_pictures_that_the_page_missed_are_no_freeze() -> None:
    """The browser showed four pictures between two that the page noted: they are put between them."""
    rows = [Shown(START, START, 10, 640, 360, 0), Shown(START + 250, START + 250, 15, 640, 360, 5)]
    assert times_between(rows, START, START + 300) == [START + step * 50 for step in range(6)]
    assert max(gaps_between(rows, START, START + 300)) == pytest.approx(50)


def test_the_page_has_every_call_with_its_goals() -> None:
    """A goal that is missed is marked by a sign, not by colour alone."""
    entry = {
        "name": "loss-2",
        "subject": "bridge",
        "sentence": "2 % lost",
        "figures": figures(recording(shown(range(1_100)))),
        "samples": samples(recording(shown(range(1_100)))),
    }
    worse = {**entry, "subject": "bridge-without-nack", "rounds": 3}
    direct = {**entry, "subject": "direct"}
    machine = {"cores": 2, "cpu": "some", "kernel": "6"}
    text = page({"scenarios": [entry, worse, direct], "machine": machine, "commit": "abc"})
    assert "1 (0.2) ✗" in text
    assert "0 (0)</td>" in text
    assert "loss-2, without nack, median of 3 calls" in text
    assert "loss-2, direct</th>" in text
    assert text.count("✗") - text.count("is missed") == 1
    assert text.count("<svg") >= 3


def test_scenarios_have_names_of_their_own_and_end_in_time() -> None:
    """Each change lies within the bad time, in order."""
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        times = [step.at_s for step in scenario.steps]
        assert times == sorted(times)
        assert times[0] == 0
        assert times[-1] < BAD_S
    assert [one.name for one in named(["step"])] == ["step"]
    with pytest.raises(KeyError):
        named(["nonsense"])


def test_a_profile_is_told_in_the_emulators_words() -> None:
    """As `media/engine/netem/tests` reads them."""
    told = Profile(delay_ms=20, loss=0.05, burst=4, rate_bps=300_000, jitter_ms=30).as_json()
    assert told["loss"] == {"bursts": {"share": 0.05, "mean": 4}}
    assert told["jitter"] == {"uniform_us": 30_000}
    assert told["queue"] == {"millis": 300}
    assert Profile(loss=0.1).as_json()["loss"] == {"random": 0.1}
    assert Profile().as_json()["loss"] == "off"


def test_the_bound_of_a_call_is_of_what_it_received_before() -> None:
    """1 Mbit/s of pictures in the clean time, then 300 kbit/s: a part of the queue's 300 ms, of 30 s."""
    call = recording(shown(range(1_100)))
    rows = [
        [
            {"type": "inbound-rtp", "kind": "video", "bytesReceived": 125_000 * at, "packetsReceived": 100 * at},
            {"type": "inbound-rtp", "kind": "audio", "bytesReceived": 4_000 * at, "packetsReceived": 50 * at},
        ]
        for at in (0, 8)
    ]
    call.receiver = [Stats(START + 8_000 * at, rows[at]) for at in (0, 1)]
    thin = Profile(delay_ms=20, rate_bps=300_000)
    assert 0.4 < (least_concealed_percent(call, thin) or 0) < 1.0
    assert least_concealed_percent(call, Profile(delay_ms=20)) is None


def call(fps: float, **more: float | None) -> dict[str, Any]:
    """One call's entry, whose samples tell which it was."""
    return {"name": "loss-10", "subject": "bridge", "figures": {"fps_mean": fps, **more}, "samples": [fps]}


def test_of_several_calls_medians_are_told_and_the_most_usual_is_drawn() -> None:
    """A figure that a call lacks is that of the others."""
    found = together([call(24.8, back_s=None), call(19.0, back_s=2.0), call(24.4, back_s=3.0)])
    assert found["figures"] == {"fps_mean": 24.4, "back_s": 2.5}
    assert found["spread"] == {"fps_mean": [19.0, 24.8], "back_s": [2.0, 3.0]}
    assert (found["rounds"], found["samples"], found["name"]) == (3, [24.4], "loss-10")


def test_one_call_is_its_own_median() -> None:
    """And there is no spread to tell."""
    found = together([call(24.8, back_s=None)])
    assert (found["figures"], found["spread"]) == ({"fps_mean": 24.8, "back_s": None}, {})
