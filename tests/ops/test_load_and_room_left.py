"""How full a node is: shares over the last seconds, what a leg costs, and where that is unknown."""

from types import SimpleNamespace

import pytest

from bridge.ops.load import ASSUMED_SHARE, FULL, Load
from tests.ops.snapshots import snapshot_of


def shards(*rows: dict[str, int]) -> SimpleNamespace:
    """A snapshot with these shards."""
    return snapshot_of(shards=[{"shard": number} | row for number, row in enumerate(rows)])


def test_nothing_is_said_before_two_readings() -> None:
    """No shares of work, and the room left is what a node of this many shards is assumed to have."""
    load = Load()
    assert load.shards() == []
    load.observe(1.0, shards({"cpu_us": 5_000_000}), 3.0)
    (one,) = load.shards()
    assert (one.cpu, one.packets_per_s, load.deciding) == (0.0, 0.0, 0.0)
    assert load.capacity().legs_left == int(FULL / ASSUMED_SHARE)
    assert not load.capacity().measured


def test_shares_are_of_the_last_ten_seconds() -> None:
    """What was before them does not count, nor does a long time between two readings."""
    load = Load()
    for second in range(31):
        busy = 900_000 * min(second, 10) + 300_000 * max(second - 10, 0)
        socket = {"datagrams_out": 100 * second, "datagrams_in": 40 * second, "receive_drops": 2 * second}
        load.observe(float(second), shards({"cpu_us": busy, **socket}), 0.1 * second)
    (one,) = load.shards()
    assert one.read_per_s == pytest.approx(40)
    assert one.missed == 20
    assert one.cpu == pytest.approx(0.3)
    assert one.packets_per_s == pytest.approx(100)
    assert load.deciding == pytest.approx(0.1)


def test_the_room_left_follows_from_what_legs_cost() -> None:
    """A hundred legs take 40 % of two cores together: there is room for three hundred more."""
    load = Load()
    for second in (0, 10):
        one = {"cpu_us": 200_000 * second, "legs": 50}
        load.observe(float(second), shards(one, one), 0.0)
    assert load.capacity().legs_left == pytest.approx(300, abs=1)
    assert load.capacity().measured


def test_the_thread_that_decides_can_be_full_first() -> None:
    """It takes 60 % of a core for a hundred legs, so a third more fill it, whatever the shards have left."""
    load = Load()
    for second in (0, 10):
        load.observe(float(second), shards({"cpu_us": 100_000 * second, "legs": 100}), 0.6 * second)
    assert load.capacity().legs_left == pytest.approx(33, abs=1)


def test_a_stopped_or_full_shard_has_no_room() -> None:
    """One has ended and one is at its limit: nobody more fits."""
    load = Load()
    for second in (0, 10):
        full = {"cpu_us": 850_000 * second, "legs": 400}
        load.observe(float(second), shards(full, {"stopped": 1}), 0.0)
    assert load.capacity().legs_left == 0
    assert [one.stopped for one in load.shards()] == [False, True]
    load.observe(20.0, shards({"cpu_us": 0}), 0.0)  # an engine with fewer shards is another
    assert len(load.shards()) == 1
