"""Rounds of a comparison as plain numbers, and what they come to: medians, spread, ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

MAX_LOSS_PERCENT: Final = 0.1
MIN_CHECKED_PERCENT: Final = 1.0


@dataclass(frozen=True)
class Case:
    """What every subject is put through: one source to so many receivers in each of so many rooms."""

    name: str
    rooms: int
    receivers: int
    pictures_a_second: int
    pacing: Literal["burst", "even"]


@dataclass(frozen=True)
class Round:
    """One subject under load for a while.

    In the `seconds` that are measured: CPU of the whole server process and of the robots', in ns, packets that the
    robots received, and latency from the source's send call to the receiver's kernel. In the whole time that the
    source spoke: packets `expected` (those sent, times the receivers), those of them that never came, what the
    server `said` that it sent, packets `checked` in full, and `wrong`: failed authentication, content or source.
    """

    seconds: float
    cpu_ns: int
    robots_cpu_ns: int
    received: int
    expected: int
    lost: int
    said: int
    checked: int
    wrong: int
    latency_ms_p50: float | None
    latency_ms_p99: float | None

    @property
    def cpu_us_per_packet_out(self) -> float:
        """The figure that all of this is for."""
        return self.cpu_ns / 1000 / self.received if self.received else float("inf")

    @property
    def loss_percent(self) -> float:
        """Packets that never arrived, of those that were to."""
        return 100 * self.lost / self.expected if self.expected else 100.0

    @property
    def counts(self) -> bool:
        """Whether the round says anything: nothing wrong, hardly anything lost, enough looked into."""
        return (
            self.wrong == 0
            and self.loss_percent <= MAX_LOSS_PERCENT
            and self.checked_percent >= MIN_CHECKED_PERCENT
        )

    @property
    def checked_percent(self) -> float:
        """Packets looked into, of those that were to arrive."""
        return 100 * self.checked / self.expected if self.expected else 0.0

    @property
    def said_percent(self) -> float:
        """What the server says it sent, of what was to arrive."""
        return 100 * self.said / self.expected if self.expected else 0.0


FIGURES: Final[Mapping[str, Callable[[Round], float | None]]] = {
    "cpu_us_per_packet_out": lambda one: one.cpu_us_per_packet_out,
    "cpu_percent_of_core": lambda one: one.cpu_ns / 1e7 / one.seconds,
    "robots_cpu_percent_of_core": lambda one: one.robots_cpu_ns / 1e7 / one.seconds,
    "packets_out_per_second": lambda one: one.received / one.seconds,
    "said_by_server_percent": lambda one: one.said_percent,
    "loss_percent": lambda one: one.loss_percent,
    "checked_percent": lambda one: one.checked_percent,
    "latency_ms_p50": lambda one: one.latency_ms_p50,
    "latency_ms_p99": lambda one: one.latency_ms_p99,
}


def summary(rounds: Sequence[Round]) -> dict[str, Any]:
    """Medians and spread of the rounds that count; if none does, of all, and `rounds_counted` says so."""
    good = [one for one in rounds if one.counts]
    figures: dict[str, float] = {}
    spread: dict[str, list[float]] = {}
    for name, read in FIGURES.items():
        values = [value for one in good or rounds if (value := read(one)) is not None]
        if values:
            figures[name] = round(statistics.median(values), 4)
            spread[name] = [round(min(values), 4), round(max(values), 4)]
    figures["packets_wrong"] = sum(one.wrong for one in rounds)
    return {"figures": figures, "spread": spread, "rounds": len(rounds), "rounds_counted": len(good)}


def ratio(ours: Sequence[Round], theirs: Sequence[Round]) -> dict[str, Any] | None:
    """How many times ours theirs costs per packet out: the median over rounds of one number; None without any."""
    pairs = [
        their.cpu_us_per_packet_out / our.cpu_us_per_packet_out
        for our, their in zip(ours, theirs, strict=True)
        if our.counts and their.counts
    ]
    if not pairs:
        return None
    return {
        "figures": {"times_the_cost_of_bridge": round(statistics.median(pairs), 3)},
        "spread": {"times_the_cost_of_bridge": [round(min(pairs), 3), round(max(pairs), 3)]},
    }
