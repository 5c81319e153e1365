"""Capacity is estimated from CPU, corrected once, and then measured at its shares."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from loadtest.capacity import CALIBRATION_S, at_share, capacity_rooms, measure
from loadtest.errors import NoCapacity
from loadtest.runner import Outcome
from loadtest.scenario import MAX_ROOMS, Scenario
from tests.loadtest.test_report import look, outcome, totals

SCENARIO = Scenario(rooms=10, legs=3, steady_s=60)
NOTHING = (0, 0, 0, 0)


def of_cpu(scenario: Scenario, shard_percent: float) -> Outcome:
    """A run of ten seconds in which the shard used that much of a core."""
    used = round(2 * shard_percent / 100 * 10 * 1e9)
    steady = (look(0.0, totals(0, NOTHING), 0, 0), look(10.0, totals(1000, (10, 0, 0, 0)), used, 0))
    return replace(outcome(), scenario=scenario, steady=steady, streams_flowing=scenario.people * 4)


async def test_a_larger_run_corrects_the_estimate_and_the_shares_follow() -> None:
    """10 rooms at 20 % say 50; 20 rooms at 25 % say 80; a half of that is 40."""
    asked: list[Scenario] = []
    cpu = {10: 20.0, 20: 25.0}

    async def run_one(scenario: Scenario) -> Outcome:
        asked.append(scenario)
        return of_cpu(scenario, cpu.get(scenario.rooms, 50.0))

    measured = await measure(SCENARIO, (10, 50), 1, asyncio.Event(), run_one)
    assert measured.capacity_rooms == pytest.approx(80)
    assert [(one.rooms, one.steady_s) for one in asked] == [
        (10, CALIBRATION_S),
        (20, CALIBRATION_S),
        (8, 60),
        (40, 60),
    ]
    assert measured.passed
    assert [one["name"] for one in measured.scenarios()] == [
        "consultation-at-10-percent",
        "consultation-at-50-percent",
    ]
    assert measured.scenarios()[1]["figures"]["rooms"] == 40


async def test_told_to_stop_it_gives_what_there_is() -> None:
    """No run begins after that."""
    told = asyncio.Event()

    async def run_one(scenario: Scenario) -> Outcome:
        told.set()
        return of_cpu(scenario, 20.0)

    assert (await measure(SCENARIO, (10, 50), 1, told, run_one)).steps == ()


def test_without_cpu_there_is_no_capacity() -> None:
    """A bridge that nobody accounts for cannot be judged."""
    for unknown in (None, 0.0):
        with pytest.raises(NoCapacity):
            capacity_rooms(10, unknown, 1)


def test_shares_stay_within_bounds() -> None:
    """At least one room, and no more than a scenario may have."""
    assert at_share(SCENARIO, 3.0, 10).rooms == 1
    assert at_share(SCENARIO, 1e6, 100).rooms == MAX_ROOMS
    assert capacity_rooms(10, 50.0, 2) == 40
