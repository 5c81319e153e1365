"""Health as data: whether the process is alive, and whether a load balancer should send new people here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from signalling import messages as m

PROBE_SECONDS: Final = 2.0
# How long a drain waits before the operator chooses between waiting on and moving (requirements C9, D6).
DRAIN_PATIENCE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must work; `probe` returns when it does, and raises when it does not."""

    name: str
    probe: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the checks found: "ok", "failing" or "slow" by name, and nothing of the errors' texts."""

    checks: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Tell whether new rooms are welcome here."""
        return not self.draining and all(state == "ok" for state in self.checks.values())


class Alive(m.Part, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class GatewayCalls(m.Part, frozen=True, kw_only=True):
    """What one gateway has; `trouble` is empty without."""

    calls: int
    trouble: str


class Ready(m.Part, frozen=True, kw_only=True):
    """Whether new people are welcome here, and why not; gateways by their names."""

    ready: bool
    draining: bool
    checks: dict[str, str]
    gateways: dict[str, GatewayCalls]


class DrainReason(StrEnum):
    """Why a bridge is emptied: fixed words, since they stand in the audit, and nothing that people write does."""

    UPGRADE = "upgrade"
    MAINTENANCE = "maintenance"
    FAULT = "fault"
    OVERLOAD = "overload"
    EXERCISE = "exercise"


@dataclass(slots=True)
class Drain:
    """A bridge that is to be emptied: no new rooms, while late joiners still get into those that are open."""

    since: datetime | None = None
    reason: DrainReason | None = None

    def start(self, now: datetime, reason: DrainReason) -> None:
        """Begin; if begun already, go on for this reason."""
        self.since, self.reason = self.since or now, reason

    def stop(self) -> None:
        """Take new rooms again."""
        self.since = self.reason = None

    @property
    def active(self) -> bool:
        """Tell whether new rooms are to be refused."""
        return self.since is not None

    def decision_due(self, now: datetime) -> bool:
        """Tell whether it has lasted so long that the operator chooses: wait on, or move the rooms."""
        return self.since is not None and now - self.since >= DRAIN_PATIENCE


async def readiness(checks: Sequence[Check], *, draining: bool, seconds: float = PROBE_SECONDS) -> Readiness:
    """Run all checks at once, each with `seconds` of time; none of their errors gets out."""
    async with asyncio.TaskGroup() as group:
        tasks = {check.name: group.create_task(_state(check, seconds)) for check in checks}
    return Readiness({name: task.result() for name, task in tasks.items()}, draining)


async def _state(check: Check, seconds: float) -> str:
    try:
        async with asyncio.timeout(seconds):
            await check.probe()
    except TimeoutError:
        return "slow"
    except Exception:  # noqa: BLE001 - whatever a probe raises, the answer is that it fails
        return "failing"
    return "ok"
