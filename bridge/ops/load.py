"""How much of the machine is used, and how many more legs it would carry. Pure.

A shard forwards on one thread, and its delay grows from `FULL` of a core on. What a leg costs is what those that
are there cost now; while they are too few to tell, it is a leg's in a room of four as measured (README, "What a
packet costs": 3 us for each of some 450 packets a second out). The thread that decides is looked at likewise, and
counts where it would be full first. All of it is an estimate: the next room may be of nine people, or of two.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

FULL: Final = 0.8
"""Of a core; the alert ShardBusy has the same."""
ASSUMED_SHARE: Final = 0.0014
"""Of a core, for one leg."""
ENOUGH_LEGS: Final = 20
READINGS: Final = 11
"""One a second: shares are of the last ten."""


class Snapshot(Protocol):
    """What is read of the engine's snapshot."""

    @property
    def shards(self) -> np.ndarray:
        """A row a shard."""


@dataclass(frozen=True, slots=True)
class ShardLoad:
    """One shard over the last ten seconds: `cpu` is a share of a core.

    `packets_per_s` are those that went out, `drops` those of them that the socket did not take; `read_per_s` are
    those that came in, `missed` those beside them that the kernel dropped, since nobody read them in time;
    `resting` are the pictures that the shard leaves out now, since it does not keep up.
    """

    shard: int
    cpu: float
    legs: int
    rooms: int
    stopped: bool
    packets_per_s: float
    drops: int
    read_per_s: float
    missed: int
    resting: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many more legs there is room for; `measured` where those that are there tell what one costs."""

    legs_left: int
    measured: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    shards: np.ndarray
    deciding_s: float


class Load:
    """Readings of the last seconds. `deciding_s` is the CPU time of the thread that decides, since its start."""

    def __init__(self) -> None:
        self._readings: deque[_Reading] = deque(maxlen=READINGS)

    def observe(self, now: float, snapshot: Snapshot, deciding_s: float) -> None:
        """Take a second's reading; `now` in seconds rises."""
        if self._readings and len(self._readings[-1].shards) != len(snapshot.shards):
            self._readings.clear()
        self._readings.append(_Reading(now, snapshot.shards, deciding_s))

    @property
    def deciding_s(self) -> float:
        """The CPU time that the thread that decides has taken since its start."""
        return self._readings[-1].deciding_s if self._readings else 0.0

    @property
    def deciding(self) -> float:
        """The share of a core that the thread that decides takes."""
        seconds = self._seconds()
        return (self._readings[-1].deciding_s - self._readings[0].deciding_s) / seconds if seconds else 0.0

    def shards(self) -> list[ShardLoad]:
        """Every shard; with nothing said of their work until there are two readings."""
        if not self._readings:
            return []
        seconds, first, last = self._seconds(), self._readings[0].shards, self._readings[-1].shards
        return [
            ShardLoad(
                shard=int(now["shard"]),
                cpu=_more(now, before, "cpu_us") / 1e6 / seconds if seconds else 0.0,
                legs=int(now["legs"]),
                rooms=int(now["rooms"]),
                stopped=bool(now["stopped"]),
                packets_per_s=_more(now, before, "datagrams_out") / seconds if seconds else 0.0,
                drops=_more(now, before, "send_drops"),
                read_per_s=_more(now, before, "datagrams_in") / seconds if seconds else 0.0,
                missed=_more(now, before, "receive_drops"),
                resting=int(now["pictures_resting"]),
            )
            for now, before in zip(last, first, strict=True)
        ]

    def capacity(self) -> Capacity:
        """How many legs more there is room for, until the first of shards and deciding thread is full."""
        shards = [one for one in self.shards() if not one.stopped]
        legs = sum(one.legs for one in shards)
        measured = legs >= ENOUGH_LEGS and self._seconds() > 0
        used = sum(one.cpu for one in shards)
        share = max(used / legs, ASSUMED_SHARE / 10) if measured else ASSUMED_SHARE
        left = sum(max(FULL - one.cpu, 0.0) for one in shards) / share
        if measured and self.deciding > 0:
            left = min(left, max(FULL - self.deciding, 0.0) / (self.deciding / legs))
        return Capacity(int(left), measured)

    def _seconds(self) -> float:
        return self._readings[-1].at - self._readings[0].at if self._readings else 0.0


def _more(now: np.void, before: np.void, column: str) -> int:
    return max(int(now[column]) - int(before[column]), 0)
