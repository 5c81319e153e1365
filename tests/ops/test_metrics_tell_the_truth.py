"""Metrics: sums that never fall, quantiles over what was measured, and no label that names anybody."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.ops import table
from bridge.ops.errors import SnapshotMismatch
from bridge.ops.metrics import BridgeCollector, Facts, GatewayState, LegCollector, make_registry
from bridge.ops.table import Row
from bridge.ops.totals import Totals
from media.lines import Cipher
from tests.ops.snapshots import delays

Make = Callable[..., SimpleNamespace]
MIC = {"leg": 1, "direction": 0, "index": 0, "kind": 0, "codec": 1}
CAMERA = {"leg": 1, "direction": 0, "index": 1, "kind": 1, "codec": 6}


def _scrape(collector: BridgeCollector | LegCollector) -> dict[str, float]:
    """Give what Prometheus would read: series with their labels, and values."""
    registry = CollectorRegistry()
    registry.register(collector)
    text = generate_latest(registry).decode()
    return {
        sample.name + str(sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _collector(taken: SimpleNamespace, facts: Facts | None = None) -> BridgeCollector:
    return BridgeCollector(lambda: taken, lambda: facts or Facts())


def test_every_engine_column_in_the_table_exists(snapshot: Make) -> None:
    """The engine's own source has each column that the table reads, the optional ones as well."""
    taken = snapshot()
    for rows, array in (
        (table.STREAM_COUNTERS + table.STREAM_VALUES, taken.streams),
        (table.LEG_COUNTERS + table.LEG_STATES + table.LEG_VALUES, taken.legs),
        (table.SHARD_COUNTERS, taken.shards),
    ):
        assert {row.column for row in rows} <= set(array.dtype.names)


def test_streams_are_summed_by_direction_kind_and_codec(snapshot: Make) -> None:
    """Two microphones of one codec make one series, a camera another."""
    taken = snapshot(
        streams=[MIC | {"packets": 10, "lost": 1}, MIC | {"leg": 2, "packets": 5}, CAMERA | {"packets": 7}]
    )
    series = _scrape(_collector(taken))
    assert series["brotjeneste_rtp_packets_total['audio', 'in', 'opus']"] == 15
    assert series["brotjeneste_rtp_packets_total['in', 'video', 'vp8']"] == 7
    assert series["brotjeneste_rtp_packets_lost_total['audio', 'in', 'opus']"] == 1


def test_counters_keep_what_departed_legs_counted(snapshot: Make) -> None:
    """When a leg ends, its packets stay in the sum, and a new leg's are added."""
    states = [
        snapshot(streams=[MIC | {"packets": 10}, MIC | {"leg": 2, "packets": 4}]),
        snapshot(streams=[MIC | {"leg": 2, "packets": 6}]),
        snapshot(streams=[]),
        snapshot(streams=[MIC | {"leg": 3, "packets": 1}]),
    ]
    collector = BridgeCollector(lambda: states[0], Facts)
    found = []
    while states:
        found.append(_scrape(collector)["brotjeneste_rtp_packets_total['audio', 'in', 'opus']"])
        states.pop(0)
    assert found == [14, 16, 16, 17]


def test_a_slot_that_changes_codec_counts_on_under_the_new_one(snapshot: Make) -> None:
    """Packets stay with the codec that they were sent in."""
    states = [
        snapshot(streams=[CAMERA | {"direction": 1, "packets": 10}]),
        snapshot(streams=[CAMERA | {"direction": 1, "codec": 8, "packets": 13}]),
    ]
    collector = _collector(states[1])
    collector.observe(states[0])
    series = _scrape(collector)
    assert series["brotjeneste_rtp_packets_total['out', 'video', 'vp8']"] == 10
    assert series["brotjeneste_rtp_packets_total['h264', 'out', 'video']"] == 3


STATES = st.lists(
    st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 1)), st.integers(0, 50), max_size=6),
    max_size=8,
)


@given(STATES)
def test_totals_are_the_sum_of_each_rows_highest_count(states: list[dict[tuple[int, int], int]]) -> None:
    """However rows come, go, rise and fall, sums never fall, and present rows are counted exactly once."""
    totals = Totals(("leg", "index"), ("index",), [Row("n", "n", "n")])
    expected: dict[int, int] = {}
    last: dict[tuple[int, int], int] = {}
    for state in states:
        array = np.array([(*key, count) for key, count in state.items()], "<u8,<u8,<u8")
        array.dtype.names = ("leg", "index", "n")
        for key, count in state.items():
            peak = max(count, last.get(key, 0))
            expected[key[1]] = expected.get(key[1], 0) + peak - last.get(key, 0)
            state[key] = peak
        last = state
        totals.observe(array)
        assert {group[0]: sums["n"] for group, sums in totals.sums.items()} == expected


# So few that the same ones often follow on each other, in the same order or in another one.
FEW = st.lists(
    st.dictionaries(st.sampled_from([(1, 0), (2, 0), (1, 1)]), st.tuples(st.integers(0, 2), st.integers(0, 50))),
    max_size=8,
)


@given(FEW)
def test_totals_stay_with_the_group_in_which_they_were_counted(
    states: list[dict[tuple[int, int], tuple[int, int]]],
) -> None:
    """Rows that stay, and change their group meanwhile, are told apart as those that come and go are."""
    totals = Totals(("leg", "index"), ("index", "codec"), [Row("n", "n", "n")])
    expected: dict[tuple[int, int], int] = {}
    last: dict[tuple[int, int], int] = {}
    for state in states:
        rows = [(*key, codec, count) for key, (codec, count) in state.items()]
        array = np.array(rows, [(name, "<u8") for name in ("leg", "index", "codec", "n")])
        peaks = {key: max(count, last.get(key, 0)) for key, (_, count) in state.items()}
        for key, (codec, _) in state.items():
            group = key[1], codec
            expected[group] = expected.get(group, 0) + peaks[key] - last.get(key, 0)
        last = peaks
        totals.observe(array)
        assert {group: sums["n"] for group, sums in totals.sums.items()} == expected


def test_quantiles_are_of_measured_streams_only(snapshot: Make) -> None:
    """A stream without a packet and a leg without a round trip do not pull the quantiles to 0."""
    quiet = [MIC | {"leg": leg, "jitter_us": 0} for leg in range(10, 20)]
    talking = [MIC | {"leg": leg, "packets": 1, "jitter_us": 1000 * leg} for leg in (1, 2, 3)]
    legs = [{"leg": 1, "rtt_us": 40_000}, {"leg": 2, "rtt_us": 0}]
    series = _scrape(_collector(snapshot(legs, quiet + talking)))
    assert series["brotjeneste_rtp_jitter_seconds['0.5', 'audio', 'in']"] == pytest.approx(0.002)
    assert series["brotjeneste_rtp_jitter_seconds['1', 'audio', 'in']"] == pytest.approx(0.003)
    assert series["brotjeneste_rtt_seconds['0.5']"] == pytest.approx(0.04)
    assert not any("jitter" in name and "video" in name for name in series)


def test_loss_is_a_ratio(snapshot: Make) -> None:
    """The engine's 256ths become a ratio from 0 to 1."""
    series = _scrape(_collector(snapshot(streams=[CAMERA | {"packets": 9, "fraction_lost": 64}])))
    assert series["brotjeneste_rtp_loss_ratio['1', 'in', 'video']"] == 0.25


def test_forwarding_delay_is_a_histogram(snapshot: Make) -> None:
    """Buckets are cumulative and of all shards, with sum and count; a shard that stops takes nothing back."""
    states = [
        snapshot(latency=delays([1, 2, 3, 4, 5, 6], [10, 0, 0, 0, 0, 0], impossible=2)),
        snapshot(latency=delays([2, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0])),
    ]
    collector = BridgeCollector(lambda: states[0], Facts)
    series = _scrape(collector)
    name = "brotjeneste_forwarding_delay_seconds"
    assert series[f"{name}_bucket['6.4e-05']"] == 13
    assert series[f"{name}_bucket['0.000128']"] == 20
    assert series[f"{name}_bucket['0.524288']"] == 20
    assert series[f"{name}_bucket['1.048576']"] == 25
    assert series[f"{name}_bucket['+Inf']"] == series[f"{name}_count[]"] == 31
    assert series[f"{name}_sum[]"] == pytest.approx(31 * 50e-6)
    assert series["brotjeneste_forwarding_delay_unknown_total[]"] == 4
    states[0] = states[1]
    assert _scrape(collector)[f"{name}_count[]"] == 32


def test_faults_of_our_own_are_counted(snapshot: Make) -> None:
    """Caught panics by shard, shards that have stopped, and rooms that failed, which are there from the start."""
    taken = snapshot(shards=[{"shard": 0, "panics": 2}, {"shard": 1, "stopped": 1}])
    series = _scrape(_collector(taken, Facts(room_failures={"room": 2})))
    assert series["brotjeneste_engine_panics_total['0']"] == 2
    assert (series["brotjeneste_shard_stopped['0']"], series["brotjeneste_shard_stopped['1']"]) == (0, 1)
    assert series["brotjeneste_room_failures_total['room']"] == 2
    assert series["brotjeneste_room_failures_total['shard']"] == 0


def test_tests_before_entry_are_counted_by_verdict(snapshot: Make) -> None:
    """How many patients come with a weak network is for the operator to know."""
    series = _scrape(_collector(snapshot(), Facts(tests={"good": 5, "weak": 2})))
    assert (series["brotjeneste_tests_total['good']"], series["brotjeneste_tests_total['weak']"]) == (5, 2)


def test_logins_are_counted_by_what_came_of_them(snapshot: Make) -> None:
    """A provider that is down shows, as do logins that are too weak."""
    series = _scrape(_collector(snapshot(), Facts(logins={"ok": 5, "login_unavailable": 2})))
    assert series["brotjeneste_logins_total['ok']"] == 5
    assert series["brotjeneste_logins_total['login_unavailable']"] == 2


def test_gates_and_shards_are_counted(snapshot: Make) -> None:
    """Packets at a closed gate count by direction, refused datagrams by shard and reason."""
    taken = snapshot(
        legs=[
            {"leg": 1, "gate_open": 1, "connected": 1},
            {"leg": 2, "gate_drops_in": 8, "gate_drops_out": 3},
        ],
        shards=[
            {"shard": 0, "stun_malformed": 2, "receive_drops": 4},
            {
                "shard": 1,
                "event_drops": 5,
                "uplink_falls": 6,
                "cpu_us": 1_500_000,
                "pictures_resting": 7,
                "pictures_rested_us": 2_500_000,
            },
        ],
    )
    series = _scrape(_collector(taken))
    assert series["brotjeneste_gate_drops_total['in']"] == 8
    assert series["brotjeneste_gate_drops_total['out']"] == 3
    assert (series["brotjeneste_legs[]"], series["brotjeneste_legs_admitted[]"]) == (2, 1)
    assert series["brotjeneste_datagrams_refused_total['0', 'stun_malformed']"] == 2
    assert series["brotjeneste_engine_event_drops_total['1']"] == 5
    assert series["brotjeneste_receive_drops_total['0']"] == 4
    assert series["brotjeneste_uplink_falls_total['1']"] == 6
    assert series["brotjeneste_engine_cpu_seconds_total['1']"] == 1.5
    assert series["brotjeneste_pictures_resting['1']"] == 7
    assert series["brotjeneste_pictures_rested_seconds_total['1']"] == 2.5


def test_calls_and_gateways_are_told(snapshot: Make) -> None:
    """How calls ended, how each gateway is, what encrypts legs, and what came to the ports of calls by mistake."""
    taken = snapshot(
        legs=[{"leg": 1, "cipher_in": 6, "cipher_out": 6}, {"leg": 2, "cipher_in": 1, "cipher_out": 1}],
        lines=[{"leg": 2, "line": 0, "wrong_source": 3}, {"leg": 2, "line": 1, "wrong_source": 1, "misplaced": 2}],
    )
    states = [GatewayState("sip", 2), GatewayState("h323", 0, "not_serving")]
    facts = Facts(calls={"pin_wrong": 4}, gateways={"failed": 1}, gateway_states=states)
    series = _scrape(_collector(taken, facts))
    assert series["brotjeneste_calls_total['pin_wrong']"] == 4
    assert series["brotjeneste_gateway_events_total['failed']"] == 1
    assert [series[f"brotjeneste_gateway_{name}['sip']"] for name in ("up", "calls")] == [1, 2]
    assert series["brotjeneste_gateway_up['h323']"] == 0
    for direction in ("in", "out"):
        words = ("aead_aes_128_gcm", "plain", "no_keys")
        assert [series[f"brotjeneste_legs_encrypted{sorted([word, direction])}"] for word in words] == [1, 1, 0]
    assert series["brotjeneste_line_datagrams_refused_total['wrong_source']"] == 4
    assert series["brotjeneste_line_datagrams_refused_total['misplaced']"] == 2


def test_the_words_for_ciphers_are_the_engines() -> None:
    """In the order of its numbers."""
    assert list(table.CIPHERS[2:]) == [cipher.name.lower() for cipher in Cipher][2:]
    assert (Cipher.NOT_YET, Cipher.PLAIN, len(table.CIPHERS)) == (0, 1, len(Cipher))


def test_the_bridges_own_facts_are_there(snapshot: Make) -> None:
    """Rooms, people by place, refusals and bad messages by code, drops by queue, and the drain."""
    facts = Facts(
        2, {"waiting": 1, "admitted": 3}, {"not_host": 4}, {"too_large": 5}, {"socket": 6}, draining=True
    )
    series = _scrape(_collector(snapshot(), facts))
    assert series["brotjeneste_rooms[]"] == 2
    assert series["brotjeneste_participants['waiting']"] == 1
    assert series["brotjeneste_refusals_total['not_host']"] == 4
    assert series["brotjeneste_bad_messages_total['too_large']"] == 5
    assert series["brotjeneste_queue_drops_total['socket']"] == 6
    assert series["brotjeneste_draining[]"] == 1


def test_a_missing_column_is_an_error_unless_the_table_calls_it_optional(snapshot: Make) -> None:
    """A renamed column is named in the error; an optional one is left out and nothing else changes."""
    taken = snapshot(streams=[MIC | {"packets": 1}])

    def without(column: str) -> SimpleNamespace:
        names = [name for name in taken.streams.dtype.names if name != column]
        streams = taken.streams[names]
        return SimpleNamespace(
            legs=taken.legs, streams=streams, shards=taken.shards, lines=taken.lines, latency=taken.latency
        )

    with pytest.raises(SnapshotMismatch, match="packets"):
        _scrape(_collector(without("packets")))
    series = _scrape(_collector(without("keyframes")))
    assert not any("rtp_keyframes_total" in name for name in series)
    assert series["brotjeneste_rtp_packets_total['audio', 'in', 'opus']"] == 1


def test_a_codec_that_the_table_does_not_know_is_shown_by_number(snapshot: Make) -> None:
    """A newer engine's codec is counted, not lost and not taken for another."""
    series = _scrape(_collector(snapshot(streams=[MIC | {"codec": 42, "packets": 3}])))
    assert series["brotjeneste_rtp_packets_total['42', 'audio', 'in']"] == 3


def test_single_legs_have_series_of_their_own_name(snapshot: Make) -> None:
    """The legs' endpoint shows each leg and stream, under names that no sum of the others includes."""
    taken = snapshot([{"leg": 7, "gate_drops_in": 2, "rtt_us": 5000}], [MIC | {"leg": 7, "packets": 3}])
    series = _scrape(LegCollector(lambda: taken))
    assert series["brotjeneste_leg_gate_drops_total['7', 'in']"] == 2
    assert series["brotjeneste_leg_rtt_seconds['7']"] == pytest.approx(0.005)
    assert series["brotjeneste_leg_rtp_packets_total['0', '0', '7', 'audio', 'in', 'opus']"] == 3
    aggregated = {name.split("[")[0] for name in _scrape(_collector(taken))}
    assert not aggregated & {name.split("[")[0] for name in series}


def test_labels_are_fixed_words_and_numbers(snapshot: Make) -> None:
    """No label can hold a name, an id of a room or an address."""
    taken = snapshot([{"leg": 7, "room": 9}], [MIC, CAMERA])
    for collector in (_collector(taken), LegCollector(lambda: taken)):
        for family in collector.collect():
            for sample in family.samples:
                assert set(sample.labels) <= {
                    *("direction", "kind", "codec", "quantile", "shard", "reason", "protocol"),
                    *("leg", "index", "encoding", "place", "code", "queue", "le", "cipher", "gateway"),
                }
                assert all(re.fullmatch(r"[a-z0-9_.-]+|\+Inf", value) for value in sample.labels.values())


def test_registries_do_not_share_anything(snapshot: Make) -> None:
    """Two bridges in one process have two registries, each with the process's own figures."""
    texts = [generate_latest(make_registry(_collector(snapshot()))).decode() for _ in range(2)]
    assert all("process_cpu_seconds_total" in text and "brotjeneste_rooms 0.0" in text for text in texts)
