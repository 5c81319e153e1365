"""What was seen and heard in one call, as it was noted, before it becomes figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Shown(NamedTuple):
    """One picture as a page noted it: ms of the machine's clock, `counter` -1 where it could not be read."""

    at_ms: float
    noted_ms: float
    presented: int
    width: int
    height: int
    counter: int


@dataclass(frozen=True)
class Stats:
    """The statistics of a page's connection at one time: `getStats` rows by type."""

    at_ms: float
    rows: Sequence[dict[str, Any]]

    def total(self, kind: str, what: str, name: str) -> float:
        """The sum of one number over all rows of a type (`inbound-rtp`) and kind of media (`audio`)."""
        return float(sum(row.get(name, 0) for row in self.rows if row["type"] == what and row.get("kind") == kind))


@dataclass
class Recording:
    """A call from the clean time before to the time after. Times in ms of the machine's clock.

    `bad` is when the link went bad and when it was as before again; `cpu_s` is seconds of processor in that time,
    by whose; `link` the emulator's counters at both ends of it.
    """

    clean_ms: float
    bad: tuple[float, float]
    end_ms: float
    sent: list[Shown] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    receiver: list[Stats] = field(default_factory=list)
    sender: list[Stats] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    link: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
