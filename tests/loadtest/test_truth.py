"""What is told is held against what is true: on counters of a link that is known, told rightly and wrongly."""

from dataclasses import replace
from typing import Any

import pytest

from loadtest.network.faults import CALM, EVERY_WAY, FAULTS, TRUTH, Fault, chosen
from loadtest.network.truth import Look, Streams, Watched, figures, samples
from signalling.messages import Verdict

SOUND, PICTURE, REPAIR = 1, 2, 3
STREAMS = Streams(frozenset({SOUND}), frozenset({SOUND, PICTURE}))
BEGUN, ENDED = 10.0, 25.0


def way(seconds: float, loss: float, jitter_ms: float, longer: float = 1) -> dict[str, Any]:
    """Counters after so many seconds of two hundred packets, half of them sound; repair is lost without end.

    Media take 30 ms, and 50 reports a second 20, times so many.
    """
    packets = seconds * 100
    stream = {"pushed": packets, "lost": packets * loss, "arrived": packets * (1 - loss), "own_steps_us": 0.0}
    taken = {"steps_us": stream["arrived"] * jitter_ms * 1000, "delay_sum_us": stream["arrived"] * longer * 30_000}
    rows = [{"ssrc": ssrc} | stream | taken for ssrc in (SOUND, PICTURE)]
    rows.append({"ssrc": REPAIR} | stream | taken | {"lost": packets})
    media, reports = sum(row["arrived"] for row in rows), seconds * 50
    delays = {"count": media + reports, "sum_us": longer * (media * 30_000 + reports * 20_000)}
    return {"streams": rows, "delays": delays}


def line(
    loss: float, jitter: float, verdict: str = "good", rtt: float = 55.0, packets: int = 200
) -> dict[str, Any]:
    """What the bridge says of a leg."""
    flow = {"packets": packets, "loss_percent": loss, "jitter_ms": jitter, "kbit_per_s": 100.0}
    return {"up": flow, "down": flow, "rtt_ms": rtt, "verdict": verdict, "down_carries_kbit_per_s": None}


def watched(
    told: float, *, late_s: float = 0.3, true: float = 10.0, spared_s: float = 0.0, **fault: Any
) -> Watched:
    """A fault of 10 % loss on every way, not at first where spared, of which so much is told after so long."""
    looks = []
    for tenth in range(int(10 * (ENDED + 2))):
        at = tenth / 10
        bad_s = min(max(at - BEGUN - spared_s, 0.0), ENDED - BEGUN)
        down, up = (way(at, true / 100 * bad_s / max(at, 0.1), 2.0, longer) for longer in (1, 1.25))
        second = int(at)
        share = min(max((second - late_s - BEGUN) / 2, 0.0), 1.0)
        # A count that differs from second to second, so that each turn is a new one.
        said = line(round(told * share + 0.0001 * second, 4), 2.0)
        looks.append(
            Look(
                at,
                {"receiver": {"down": down, "up": up}, "sender": {"down": down, "up": up}},
                {"receiver": said, "sender": said},
            )
        )
    of = Fault("loss", "10 % lost", replace(CALM, loss=0.1), **fault)
    return Watched(of, BEGUN, ENDED, dict.fromkeys(EVERY_WAY, STREAMS), looks)


def test_what_is_told_rightly_is_not_wrong() -> None:
    """Repair does not count, and the age of the figures is found."""
    found, wrong = figures(watched(10.0))
    assert wrong == []
    assert found["receiver_down_loss_percent_true"] == pytest.approx(10.0, abs=0.2)
    assert found["receiver_down_loss_percent_seen_s"] == pytest.approx(1.0, abs=0.1)
    assert found["sender_rtt_ms_told"] == 55.0
    assert found["sender_rtt_ms_true"] == pytest.approx(55.0), "media down and reports up"


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (watched(9.0), "loss_percent 9.00 told, 10.00 true"),
        (watched(10.0, late_s=3.0), "seen after"),
        (watched(10.0, spared_s=3.0), "before there was any"),
        (watched(10.0, verdicts={"receiver": Verdict.DOWNLINK}), "should be downlink"),
    ],
    ids=["too little", "too late", "too early", "nobody is blamed"],
)
def test_what_is_told_wrongly_is_named(of: Watched, words: str) -> None:
    """Each in words for whoever reads the report."""
    _, wrong = figures(of)
    assert any(words in one for one in wrong), wrong


def test_what_is_left_of_the_fault_before_is_not_this_one() -> None:
    """A figure that never came down would be seen at once, and is from before it began."""
    of = watched(10.0)
    for look in of.looks:
        said = line(10.0 + 0.0001 * int(look.at), 2.0)
        look.lines.update({"receiver": said, "sender": said})
    _, wrong = figures(of)
    assert any("receiver_down_loss_percent: told" in one and "before" in one for one in wrong), wrong


def test_what_chance_has_spared_is_not_late() -> None:
    """Loss in bursts may begin late: who tells of it has as long from then on."""
    found, wrong = figures(watched(10.0, spared_s=1.5, late_s=1.8))
    assert not [one for one in wrong if "seen" in one]
    assert found["receiver_down_loss_percent_seen_s"] == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(("true", "looked_for"), [(3.5, False), (4.5, True)])
def test_loss_is_looked_for_that_can_be_seen(true: float, *, looked_for: bool) -> None:
    """Of two hundred packets a second 4 % are four in half a second."""
    found, _ = figures(watched(true, true=true))
    assert ("receiver_down_loss_percent_seen_s" in found) == looked_for


def test_a_share_of_more_packets_counts_for_more() -> None:
    """A window that tells of two seconds and of as many packets from before them is of twice as many."""
    of = watched(10.0)
    for look in of.looks:
        twice = int(look.at) % 4 == 1
        said = line(12.0 if twice else 6.0, 2.0 + 0.0001 * int(look.at), packets=400 if twice else 200)
        look.lines.update({"receiver": said, "sender": said})
    found, _ = figures(of)
    # Four windows of 400 packets and three of 200.
    assert found["receiver_down_loss_percent_told"] == pytest.approx(100 * (4 * 48 + 3 * 12) / 2200, abs=0.01)


def test_turns_are_there_to_be_drawn() -> None:
    """One a second, with both figures."""
    found = samples(watched(10.0))
    assert len(found) > ENDED - BEGUN
    last = [one for one in found if float(one["at_s"] or 0) < ENDED - BEGUN][-1]
    assert last["receiver_down_loss_percent_told"] == pytest.approx(10.0, abs=0.1)
    assert last["receiver_down_loss_percent_true"] == pytest.approx(10.0, abs=0.1)


def test_faults_have_names_of_their_own_and_bad_ways_only_where_they_say() -> None:
    """One that is not known is an error."""
    assert len({one.name for one in (*TRUTH, *FAULTS)}) == len(TRUTH) + len(FAULTS)
    (fault,) = chosen(["sender-up-loss"])
    assert fault.link("receiver") == (CALM, CALM)
    assert fault.link("sender") == (CALM, fault.profile)
    with pytest.raises(KeyError):
        chosen(["no-such"])
