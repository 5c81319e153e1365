"""An outcome as figures: one scenario in the form of all the project's benchmarks, units in the names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from loadtest.profiles import PROFILES
from loadtest.runner import Life, Outcome
from loadtest.scrape import Scrape
from loadtest.statistics import Histogram, percentile
from loadtest.watch import Look, Sample

PERCENTS: Final = ((50, "p50"), (95, "p95"), (99, "p99"))
LATENCY_PERCENTS: Final = ((50, "p50"), (99, "p99"), (99.9, "p999"))
_SHARD: Final = "shard-"
_RESTED: Final = "brotjeneste_pictures_rested_seconds_total"
_MILESTONES: Final = ("welcome", "connected", "admitted", "first_packet")

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Verdict:
    """Whether the run passed; each fault is a sentence."""

    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No fault was found."""
        return not self.faults


def figures(outcome: Outcome) -> Figures:
    """Give all figures of the run; None stands for what could not be measured."""
    found: Figures = {
        "robots": outcome.scenario.people,
        "robots_ended_unexpectedly": outcome.unexpected_ends,
        "participants_left_over": outcome.left_over,
        "connections_left_open": outcome.crowd_left_over,
        "streams_expected": outcome.scenario.people * outcome.scenario.streams_each,
        "streams_flowing": outcome.streams_flowing,
        "robots_with_early_media": outcome.early_packets,
        "robots_engine_unanswered": outcome.unanswered,
    }
    found |= _join_figures(outcome.lives)
    found |= _check_figures(outcome)
    if outcome.steady is not None:
        first, last = outcome.steady
        found |= _steady_figures(first, last) | _bridge_figures(outcome, first, last)
    return {name: _rounded(value) for name, value in found.items()}


def verdict(outcome: Outcome, found: Mapping[str, float | None]) -> Verdict:
    """Judge the run: everybody stayed, everything arrived that was looked for, and nothing else did."""
    value = {name: 0 if number is None else number for name, number in found.items()}
    rules = [
        (value["robots_ended_unexpectedly"], "robots ended unexpectedly"),
        (value["auth_failures"], "packets failed authentication"),
        (value["content_failures"], "pictures or packets of sound had the wrong content"),
        (value["wrong_source"], "came from somebody else than the layout says"),
        (value["unexpected_packets"], "packets came into slots that the layout says are empty"),
        (value["robots_with_early_media"], "robots had media before a doctor admitted them"),
        (value["connections_left_open"], "connections were left open by the robots"),
        (sum(outcome.refusals.values()), "commands were refused by the robots' engine"),
    ]
    faults = [f"{number:g} {text}" for number, text in rules if number]
    faults += _faults_of_an_end(value)
    if not outcome.interrupted:
        faults += _faults_of_a_whole_run(outcome, value)
    return Verdict(tuple(faults))


def _faults_of_an_end(value: Mapping[str, float]) -> list[str]:
    if value["participants_left_over"] < 0:
        return ["the bridge did not answer at the end"]
    left = value["participants_left_over"]
    return [f"{left:g} participants were still in a room after everyone had left"] if left else []


def _faults_of_a_whole_run(outcome: Outcome, value: Mapping[str, float]) -> list[str]:
    faults = []
    if outcome.steady is None:
        return ["the steady time was never reached"]
    if missing := value["streams_expected"] - value["streams_flowing"]:
        faults.append(f"{missing:g} of {value['streams_expected']:g} streams did not flow")
    if not value["checked_packets"]:
        faults.append("nothing that arrived was checked")
    if (rested := value.get("pictures_rested_percent", 0.0)) > outcome.scenario.max_loss_percent:
        faults.append(f"{rested:.3g} % of the pictures were left out, since the bridge did not keep up")
    if value["loss_percent"] > outcome.scenario.max_loss_percent:
        limit = outcome.scenario.max_loss_percent
        faults.append(f"{value['loss_percent']:g} % of the packets were lost, and {limit:g} % are allowed")
    return faults


def report(outcome: Outcome, *, target: str, measured_on: Mapping[str, Any], commit: str) -> dict[str, Any]:
    """Give the whole report as plain data."""
    found = figures(outcome)
    judged = verdict(outcome, found)
    scenario = outcome.scenario
    profile = PROFILES[scenario.profile]
    return {
        "benchmark": "loadtest",
        "commit": commit,
        "machine": dict(measured_on),
        "rounds": 1,
        "passed": judged.passed,
        "faults": list(judged.faults),
        "interrupted": outcome.interrupted,
        "target": target,
        "profile": profile.sentence,
        "settings": {key: value for key, value in asdict(scenario).items() if key not in ("native", "profile")}
        | asdict(scenario.native),
        "ends": outcome.ends,
        "scenarios": [
            {
                "name": f"{scenario.profile}-{scenario.rooms}x{scenario.legs}",
                "subject": "bridge",
                "figures": found,
                "spread": _spread(outcome.samples),
            }
        ],
        "joins": [_join(life) for life in outcome.lives if life.started_us is not None],
        "samples": [_finite(asdict(sample)) for sample in outcome.samples],
    }


def _join_figures(lives: Iterable[Life]) -> Figures:
    """From the start of the join; for the first packet without doctors, who come to an empty room."""
    found: Figures = {}
    for milestone in _MILESTONES:
        of = [life for life in lives if milestone != "first_packet" or life.arrival.seat]
        times = [life.since_start_ms(getattr(life, f"{milestone}_us")) for life in of]
        reached = [time for time in times if time is not None]
        for percent, name in PERCENTS:
            found[f"join_to_{milestone}_ms_{name}"] = percentile(reached, percent)
    return found


def _check_figures(outcome: Outcome) -> Figures:
    received = outcome.after.received
    return {
        "checked_packets": received["checked"],
        "checked_share_percent": 100 * received["checked"] / received["packets"] if received["packets"] else 0.0,
        "auth_failures": received["auth_failures"],
        "content_failures": received["content_failures"],
        "wrong_source": received["wrong_source"],
        "unexpected_packets": received["unexpected"],
    }


def _steady_figures(first: Look, last: Look) -> Figures:
    seconds, grown = last.at - first.at, last.totals.since(first.totals)
    received, sent = grown.received, grown.sent
    found: Figures = {
        "steady_seconds": seconds,
        "packets_received": received["packets"],
        "packets_received_per_second": received["packets"] / seconds,
        "packets_sent_per_second": sent["packets"] / seconds,
        "received_mbit_per_second": received["bytes"] * 8 / seconds / 1e6,
        "packets_expected": received["expected"],
        "packets_lost": received["lost"],
        "packets_repaired": received["repaired"],
        "packets_duplicated": received["duplicates"],
        "packets_reordered": received["reordered"],
        "packets_not_sent_by_robots": sent["send_drops"],
        "robots_late_resets": sent["late_resets"],
        "keyframe_requests": sent["keyframe_requests"],
        "loss_percent": grown.loss_percent,
    }
    for kind, histogram in (("", grown.all_latency), *((f"{k}_", h) for k, h in grown.latency.items())):
        found |= _latency(f"{kind}latency_ms", histogram)
    return found


def _latency(prefix: str, histogram: Histogram) -> Figures:
    found: Figures = {}
    for percent, name in LATENCY_PERCENTS:
        value = histogram.percentile_us(percent)
        found[f"{prefix}_{name}"] = None if value is None else value / 1000
    return found


def _bridge_figures(outcome: Outcome, first: Look, last: Look) -> Figures:
    """What the bridge's process used in the steady time, as the operating system accounts it."""
    own = _used(first, last, "own")
    found: Figures = {"robots_cpu_percent": own}
    if first.bridge is None or last.bridge is None:
        return found
    seconds, packets = last.at - first.at, last.totals.since(first.totals).received["packets"]
    used_us = (last.bridge.total_ns - first.bridge.total_ns) / 1000
    shards_us = sum(
        (used - first.bridge.threads_ns.get(name, 0)) / 1000
        for name, used in last.bridge.threads_ns.items()
        if name.startswith(_SHARD)
    )
    found |= {
        "bridge_cpu_percent": used_us / seconds / 1e4,
        "shards_cpu_percent": shards_us / seconds / 1e4,
        "cpu_us_per_packet_out": used_us / packets if packets else None,
        "shards_cpu_us_per_packet_out": shards_us / packets if packets else None,
        "bridge_memory_bytes": last.bridge.memory_bytes,
    }
    if outcome.before.bridge is not None:
        grown = last.bridge.memory_bytes - outcome.before.bridge.memory_bytes
        found["memory_bytes_per_leg"] = grown / outcome.scenario.people
    return found | _inside_figures(*outcome.metrics) | _rested_figures(outcome, seconds)


def _inside_figures(before: Scrape, after: Scrape) -> Figures:
    """What the bridge says of itself."""

    def grown(name: str) -> float:
        return after.sums.get(name, 0.0) - before.sums.get(name, 0.0)

    found: Figures = {}
    if sends := grown("brotjeneste_sends_total"):
        found["datagrams_per_send"] = grown("brotjeneste_datagrams_out_total") / sends
        found["bridge_send_drops"] = grown("brotjeneste_send_drops_total")
        found["bridge_receive_drops"] = grown("brotjeneste_receive_drops_total")
    if before.delay is not None and after.delay is not None:
        found |= _latency("inside_latency_ms", after.delay.since(before.delay))
    return found


def _rested_figures(outcome: Outcome, seconds: float) -> Figures:
    """The share of all pictures, for all who see them, that the bridge left out since it did not keep up."""
    before, after = (scrape.sums.get(_RESTED) for scrape in outcome.metrics)
    pictures = outcome.scenario.people * outcome.scenario.pictures_each
    if before is None or after is None or not pictures:
        return {}
    return {"pictures_rested_percent": 100 * (after - before) / (pictures * seconds)}


def _used(first: Look, last: Look, which: str) -> float | None:
    before, after = getattr(first, which), getattr(last, which)
    if before is None or after is None:
        return None
    return float((after.total_ns - before.total_ns) / (last.at - first.at) / 1e7)


def _spread(samples: Iterable[Sample]) -> dict[str, list[float]]:
    """Least and most of a second in the steady time."""
    steady = [sample for sample in samples if sample.phase == "steady"]
    found = {}
    for name in ("packets_per_s", "loss_percent", "latency_ms_p50", "latency_ms_p99", "robots_cpu_percent"):
        values = [
            value for sample in steady if (value := getattr(sample, name)) is not None and math.isfinite(value)
        ]
        if values:
            found[name] = [round(min(values), 4), round(max(values), 4)]
    return found


def _join(life: Life) -> dict[str, Any]:
    return {
        "at_s": round(life.arrival.at_s, 3),
        "room": life.arrival.room + 1,
        "seat": life.arrival.seat + 1,
        "end": life.end,
    } | {f"{one}_ms": _rounded(life.since_start_ms(getattr(life, f"{one}_us"))) for one in _MILESTONES}


def _rounded(value: float | None) -> float | None:
    """Four digits behind the point are more than anything here is measured to; JSON knows no infinity."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 4)


def _finite(sample: dict[str, Any]) -> dict[str, Any]:
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in sample.items()}
