"""A station with nothing behind it, and who may come to it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.app.allowance import Allowance
from bridge.app.feeds.converters import Use
from bridge.app.ports import Audited
from bridge.auth.secrets import ApiToken
from bridge.ops.converting import Converting
from bridge.ops.guard import Guard, OperatorDesk
from bridge.ops.health import Check, Drain
from bridge.ops.links import LinkCollector
from bridge.ops.recording import LinkRecorder
from bridge.ops.sessions import Sessions
from bridge.ops.station import Node, Station
from tests.app.fakes import Clock

TOKEN = "operators-token-of-tests"  # noqa: S105 - opens nothing
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STARTED = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def station(clock: Clock | None = None, *, checks: Sequence[Check] = (), **parts: Any) -> Station:
    """Make one; `parts` are fields of the station that matter."""
    nothing = Converting(lambda: Use({}, {}, {}, 0), tuple, lambda _name: {})
    clock = clock or Clock()
    parts = {"converting": nothing, "drain": Drain(), "links": LinkCollector()} | parts
    parts = {"recorder": LinkRecorder(lambda _command: None, clock)} | parts
    return Station(Node("node-1", "0.1.0", STARTED, 1), clock, checks=checks, **parts)


class Audit:
    """Keeps what was recorded; `failing` makes it raise."""

    def __init__(self) -> None:
        self.lines: list[Audited] = []
        self.failing = False

    async def record(self, line: Audited) -> None:
        """Keep a line."""
        if self.failing:
            raise RuntimeError("the database of Kari Nordmann is away")
        self.lines.append(line)


def guard(
    audit: Audit | None = None, clock: Clock | None = None, desk: OperatorDesk | None = None, **more: Any
) -> Guard:
    """Make one that knows `TOKEN`."""
    numbers = iter(range(10_000))
    new_secret: Callable[[], str] = lambda: f"secret-{next(numbers)}"  # noqa: E731 - one line, used once
    sessions = Sessions(timedelta(hours=8), new_secret)
    tries = Allowance(3, 60.0)
    record = (audit or Audit()).record
    return Guard(ApiToken(TOKEN), sessions, clock or Clock(), record, desk, tries=tries, **more)
