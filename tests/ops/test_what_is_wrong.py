"""One list of troubles: what is well says nothing, and each thing that is wrong has its word."""

import json
from dataclasses import replace

import pytest

from bridge.ops import history
from bridge.ops.history import History, Look
from bridge.ops.load import Capacity, ShardLoad
from bridge.ops.metrics import GatewayState
from bridge.ops.page import FILES
from bridge.ops.recent import MINUTES, Recent
from bridge.ops.wellness import Seen, judge
from signalling.messages import Verdict

SHARD = ShardLoad(
    shard=0,
    cpu=0.3,
    legs=40,
    rooms=10,
    stopped=False,
    packets_per_s=20_000,
    drops=0,
    read_per_s=7_000,
    missed=0,
    resting=0,
)
WELL = Seen(
    checks={"store": "ok", "engine": "ok"},
    shards=[SHARD],
    gateways=[GatewayState("sip", 3)],
    verdicts={Verdict.GOOD: 30, Verdict.UPLINK: 3, Verdict.UNKNOWN: 1},
    lately={
        ("refusals", "not_host"): 7,
        ("converter_failures", "start"): 3,
        ("engine", "send_drops"): 9,
        ("engine", "receive_drops"): 9,
        ("webhooks", "failed"): 5,
    },
)
WRONG = {
    "check_failing": (replace(WELL, checks={"store": "slow"}), True),
    "shard_stopped": (replace(WELL, shards=[replace(SHARD, stopped=True)]), True),
    "gateway_not_serving": (replace(WELL, gateways=[GatewayState("sip", 0, "not_serving")]), True),
    "gateway_not_registered": (replace(WELL, gateways=[GatewayState("h323", 0, "not_registered")]), False),
    "shard_busy": (replace(WELL, shards=[replace(SHARD, cpu=0.81)]), False),
    "not_sent": (replace(WELL, shards=[replace(SHARD, drops=201)]), False),
    "not_read": (replace(WELL, shards=[replace(SHARD, missed=71)]), False),
    "pictures_rest": (replace(WELL, shards=[replace(SHARD, resting=1)]), True),
    "full": (replace(WELL, capacity=Capacity(19, measured=True)), False),
    "short": (replace(WELL, short=1), False),
    "drain_due": (replace(WELL, drain_due=True), False),
    "bridge_blamed": (replace(WELL, verdicts={Verdict.BRIDGE: 1}), True),
    "many_bad_links": (replace(WELL, verdicts={Verdict.GOOD: 7, Verdict.UPLINK: 2, Verdict.DOWNLINK: 2}), True),
    "events_dropped": (replace(WELL, lately={("engine", "event_drops"): 1}), True),
    "rooms_failed": (replace(WELL, lately={("room_failures", "shard"): 1}), True),
    "engine_fault": (replace(WELL, lately={("engine", "panics"): 1}), False),
    "converters_fail": (replace(WELL, lately={("converter_failures", "worker"): 4}), False),
    "gateway_failed": (replace(WELL, lately={("gateways", "failed"): 1}), False),
    "trunk_lost": (replace(WELL, lately={("gateways", "registration_failed"): 3}), False),
    "webhooks_given_up": (replace(WELL, lately={("webhooks", "given_up"): 1}), False),
    "internal_errors": (replace(WELL, lately={("errors", "internal"): 1}), False),
}


def test_what_is_well_has_no_trouble() -> None:
    """A few refusals, a few bad links and one who is not measured yet are every day's; so is a drain."""
    assert judge(WELL) == []
    assert judge(Seen()) == []
    assert judge(replace(WELL, gateways=[GatewayState("sip", 3, "draining")])) == []


@pytest.mark.parametrize("code", WRONG)
def test_each_trouble_is_told_by_its_word(code: str) -> None:
    """It, and nothing else, as grave as it is; and the page has words for it in every language."""
    seen, grave = WRONG[code]
    (found,) = judge(seen)
    assert (found.code, found.grave) == (code, grave)
    for path in sorted((FILES / "i18n").glob("*.json")):
        assert f"trouble.{code}" in json.loads(path.read_text("utf-8")), path.name


def test_what_is_grave_comes_first_and_no_room_at_all_is_grave() -> None:
    """Whoever reads one line reads the worst."""
    seen = replace(WELL, short=2, capacity=Capacity(0, measured=True), checks={"engine": "failing"})
    assert [one.code for one in judge(seen)] == ["check_failing", "full", "short"]


def test_faults_in_answers_of_every_kind_count_together() -> None:
    """To commands, to messages and to requests."""
    lately = {("refusals", "internal"): 1, ("errors", "internal"): 2, ("http_errors", "internal"): 4}
    (found,) = judge(replace(WELL, lately=lately | {("http_errors", "too_large"): 8}))
    assert (found.code, found.number) == ("internal_errors", 7)


def test_the_last_hour_is_counted_by_minutes() -> None:
    """What rose is counted, what a counter had before it was known too, and after an hour it is gone."""
    recent = Recent()
    key, other = ("room_failures", "room"), ("refusals", "not_host")
    recent.observe(0.0, {key: 2})
    recent.observe(30.0, {key: 2, other: 1})
    recent.observe(90.0, {key: 3, other: 1})
    assert recent.within(90.0) == {key: 3, other: 1}
    assert recent.within(90.0, 1) == {key: 1}
    assert recent.ago(100.0, key) == 10.0
    assert recent.ago(100.0, ("tests", "good")) is None
    assert recent.within(60.0 * MINUTES) == {key: 1}
    assert recent.within(60.0 * (MINUTES + 1)) == {}
    for minute in range(3 * MINUTES):
        recent.observe(60.0 * minute, {key: 10 + minute})
    assert len(recent._minutes) == MINUTES


def test_the_last_hour_keeps_the_highest_of_each_minute() -> None:
    """Oldest first, with gaps where nobody looked, and no more than an hour."""
    kept = History()
    assert kept.series(0.0) == {name: [None] * history.MINUTES for name in Look._fields}
    for now, look in ((0.0, Look(3, 0.5, 0)), (59.0, Look(2, 0.7, 1)), (180.0, Look(9, 0.1, 0))):
        kept.observe(now, look)
    series = kept.series(200.0)
    assert series["in_call"][-4:] == [3, None, None, 9]
    assert series["busiest"][-4:] == [0.7, None, None, 0.1]
    assert series["bad"][-4:] == [1, None, None, 0]
    assert kept.series(60.0 * 60)["in_call"][:4] == [None, None, 9, None]
    for minute in range(200):
        kept.observe(60.0 * minute, Look(minute, 0.0, 0))
    assert kept.series(60.0 * 199)["in_call"] == list(range(140, 200))
