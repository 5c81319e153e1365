"""Latency at shares of what the bridge can carry: first roughly how much that is, then a run at each share.

Capacity is estimated from CPU: what a shard's thread uses grows with the rooms until it has a core to itself. A
second, larger run corrects the first, because packets get cheaper when more of them come at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from loadtest.errors import NoCapacity
from loadtest.report import Figures, Verdict, figures, verdict
from loadtest.runner import Outcome
from loadtest.scenario import MAX_ROOMS, Scenario

CALIBRATION_S: Final = 10.0
# Large enough to be like the runs that follow, small enough to be carried whatever the first run's error.
_SECOND_SHARE: Final = 0.4

RunOne = Callable[[Scenario], Awaitable[Outcome]]


@dataclass(frozen=True)
class Step:
    """One run at a share of the capacity."""

    percent: float
    scenario: Scenario
    figures: Figures
    verdict: Verdict


@dataclass(frozen=True)
class Measured:
    """All runs; `capacity_rooms` is an estimate."""

    capacity_rooms: float
    steps: tuple[Step, ...]

    @property
    def passed(self) -> bool:
        """Whether every run did."""
        return all(step.verdict.passed for step in self.steps)

    def scenarios(self) -> list[dict[str, Any]]:
        """Entries for a report."""
        return [
            {
                "name": f"{step.scenario.profile}-at-{step.percent:g}-percent",
                "subject": "bridge",
                "figures": {"capacity_rooms": round(self.capacity_rooms, 1), "rooms": step.scenario.rooms}
                | step.figures,
                "spread": {},
                "faults": list(step.verdict.faults),
            }
            for step in self.steps
        ]


def capacity_rooms(rooms: int, shards_cpu_percent: float | None, shards: int) -> float:
    """How many rooms would keep all shards busy all the time. Raises `NoCapacity` where no CPU was seen."""
    if not shards_cpu_percent:
        raise NoCapacity("the CPU of the bridge's shards is not known, so neither is what it can carry")
    return rooms * shards * 100 / shards_cpu_percent


def at_share(scenario: Scenario, capacity: float, percent: float) -> Scenario:
    """Give the scenario with so many rooms, at least one."""
    return replace(scenario, rooms=min(MAX_ROOMS, max(1, round(capacity * percent / 100))))


async def measure(
    scenario: Scenario, percents: Sequence[float], shards: int, told_to_stop: asyncio.Event, run_one: RunOne
) -> Measured:
    """Run everything; told to stop, give the runs that were finished."""
    first = replace(scenario, steady_s=CALIBRATION_S)
    capacity = await _capacity(first, shards, run_one)
    if not told_to_stop.is_set():
        capacity = await _capacity(at_share(first, capacity, 100 * _SECOND_SHARE), shards, run_one)
    steps: list[Step] = []
    for percent in percents:
        if told_to_stop.is_set():
            break
        wanted = at_share(scenario, capacity, percent)
        outcome = await run_one(wanted)
        found = figures(outcome)
        steps.append(Step(percent, wanted, found, verdict(outcome, found)))
    return Measured(capacity, tuple(steps))


async def _capacity(scenario: Scenario, shards: int, run_one: RunOne) -> float:
    found = figures(await run_one(scenario))
    return capacity_rooms(scenario.rooms, found.get("shards_cpu_percent"), shards)
