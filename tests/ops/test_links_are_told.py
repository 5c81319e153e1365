"""Figures of links for Prometheus, and the list of the worst legs."""

import json

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.ops.links import LinkCollector
from signalling.messages import Verdict
from tests.ops.assessments import assessment


def _scrape(collector: LinkCollector) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    text = generate_latest(registry).decode()
    families = text_string_to_metric_families(text)
    return {s.name + str(sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_each_stream_is_one_observation_a_second() -> None:
    """Loss before and after repair, jitter, round trip and opinion score, in cumulative buckets."""
    links = LinkCollector()
    links.observe(1.0, [assessment(1, lost=10), assessment(2)])
    links.observe(2.0, [assessment(1, lost=10), assessment(2)])
    series = _scrape(links)
    assert series["brotjeneste_link_loss_ratio_count['audio', 'before', 'in']"] == 4
    assert series["brotjeneste_link_loss_ratio_bucket['0.05', 'audio', 'before', 'in']"] == 2
    assert series["brotjeneste_link_loss_ratio_bucket['0.1', 'audio', 'before', 'in']"] == 4
    assert series["brotjeneste_link_loss_ratio_bucket['0.05', 'after', 'audio', 'in']"] == 4
    assert series["brotjeneste_link_jitter_seconds_bucket['0.003', 'in', 'video']"] == 4
    assert series["brotjeneste_link_rtt_seconds_sum[]"] == 0.16
    assert series["brotjeneste_sound_mos_count['in']"] == 4
    assert 3 < series["brotjeneste_sound_mos_sum['in']"] / 4 < 4.4


def test_verdicts_are_counted_when_they_are_named() -> None:
    """A gauge of what holds now, and a counter of how often each fault was named."""
    links = LinkCollector()
    for second, verdict in enumerate([Verdict.GOOD, Verdict.UPLINK, Verdict.UPLINK, Verdict.GOOD, Verdict.UPLINK]):
        links.observe(float(second), [assessment(1, verdict), assessment(2)])
    series = _scrape(links)
    assert series["brotjeneste_links['uplink']"] == 1
    assert series["brotjeneste_links['good']"] == 1
    assert series["brotjeneste_links['bridge']"] == 0
    assert series["brotjeneste_verdicts_total['uplink']"] == 2
    assert series["brotjeneste_verdicts_total['bridge']"] == 0


def test_freezes_never_fall_when_a_leg_goes() -> None:
    """What a leg counted stays in the sum; one that begins anew under another number counts from nothing."""
    links = LinkCollector()
    links.observe(1.0, [assessment(1, freezes=(2, 1.5))])
    links.observe(2.0, [assessment(1, freezes=(3, 2.5)), assessment(2, freezes=(1, 0.5))])
    links.observe(3.0, [assessment(2, freezes=(0, 0.0))])
    links.observe(4.0, [])
    series = _scrape(links)
    assert series["brotjeneste_picture_freezes_total[]"] == 4
    assert series["brotjeneste_picture_frozen_seconds_total[]"] == 3.0


def test_the_worst_legs_come_first_and_nothing_names_anybody() -> None:
    """A fault comes before none, the heavier before the lighter; numbers and fixed words only."""
    links = LinkCollector()
    links.observe(
        9.0, [assessment(1, lost=1), assessment(2, Verdict.CLIENT_CPU), assessment(3, Verdict.UPLINK, lost=20)]
    )
    worst = msgspec.to_builtins(links.worst(2))
    assert [line["leg"] for line in worst] == [3, 2]
    assert worst[0]["verdict"] == "uplink"
    assert worst[0]["for_s"] == 8.0
    assert (worst[0]["up"]["loss_percent"], worst[0]["up"]["packets"]) == (20.0, 200)
    assert worst[0]["up"]["loss_after_percent"] == 10.0
    json.dumps(worst)
    figures = {"rtt_ms", "up", "down", "down_carries_kbit_per_s", "frozen_percent"}
    assert set(worst[0]) == {"leg", "verdict", "for_s"} | figures
