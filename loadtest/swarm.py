"""Many robots at once: one for each link, started at an even pace, each failing on its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from loadtest.errors import LoadtestError
from loadtest.robot import Robot, RobotOptions
from transcode.pictures import IDENTITIES


@dataclass(frozen=True)
class SwarmReport:
    """How the robots ended: each robot's end or error code in the order of links, and how many of each."""

    ends: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many robots ended in each way."""
        return dict(Counter(self.ends))


class Swarm:
    """Robots for `links`. Robot n has the identity of `options` plus n (modulo 64), so each is told apart.

    `joins_per_second` spaces their starts. A link that is no link raises `BadLink` at once.
    """

    def __init__(self, links: Sequence[str], options: RobotOptions, *, joins_per_second: float = 5.0) -> None:
        if joins_per_second <= 0:
            raise ValueError("joins_per_second must be above 0")
        self.robots = [Robot(link, _numbered(options, number)) for number, link in enumerate(links)]
        self._interval_s = 1 / joins_per_second
        self._stopping = asyncio.Event()

    async def run(self) -> SwarmReport:
        """Run all robots until each has ended or `stop` makes them leave; one that fails ends only itself."""
        async with asyncio.TaskGroup() as group:
            lives = [
                group.create_task(self._live(robot, number * self._interval_s))
                for number, robot in enumerate(self.robots)
            ]
        return SwarmReport(tuple(life.result() for life in lives))

    def stop(self) -> None:
        """Make every robot leave; those that have not started never do."""
        self._stopping.set()
        for robot in self.robots:
            robot.stop()

    async def _live(self, robot: Robot, delay_s: float) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        if self._stopping.is_set():
            return "not_started"
        try:
            return await robot.run()
        except LoadtestError as error:
            return error.code


def _numbered(options: RobotOptions, number: int) -> RobotOptions:
    identity = (options.media.identity + number) % IDENTITIES
    return replace(options, media=replace(options.media, identity=identity))
