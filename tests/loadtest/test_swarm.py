"""Robots in numbers: each on its own, told apart, and stopped together."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.errors import BadLink
from loadtest.media_client import MediaOptions
from loadtest.robot import RobotOptions
from loadtest.swarm import Swarm
from signalling.messages import Place
from tests.loadtest.bridge_double import BridgeDouble, running

OPTIONS = RobotOptions(MediaOptions(62, width=160, height=120, fps=5))


async def test_one_failure_leaves_the_others_alone() -> None:
    """A robot with a bad token ends with its code while the others come in, and leave when told."""
    async with running(BridgeDouble()) as bridge, asyncio.timeout(60):
        links = [bridge.link, f"{bridge.link}-forged", bridge.link]
        swarm = Swarm(links, OPTIONS, joins_per_second=50)
        async with asyncio.TaskGroup() as group:
            life = group.create_task(swarm.run())
            for number in (0, 2):
                await swarm.robots[number].wait_for(lambda robot: robot.place is Place.WAITING)
            swarm.stop()
        report = life.result()
        assert report.ends == ("left", "link_invalid", "left")
        assert report.counts == {"left": 2, "link_invalid": 1}


async def test_a_swarm_stopped_at_once_starts_nobody() -> None:
    """Robots whose turn has not come when the swarm stops never open a socket."""
    async with running(BridgeDouble()) as bridge, asyncio.timeout(60):
        swarm = Swarm([bridge.link] * 3, OPTIONS)
        swarm.stop()
        assert (await swarm.run()).ends == ("not_started",) * 3
        assert bridge.received == []


def test_each_robot_has_an_identity_of_its_own() -> None:
    """Identities count up from the first one's, and go round after 63."""
    swarm = Swarm(["https://host/join#a", "https://host/join#b", "https://host/join#c"], OPTIONS)
    assert [robot.options.media.identity for robot in swarm.robots] == [62, 63, 0]


def test_impossible_swarms_are_refused_at_once() -> None:
    """A text that is no link, and a pace of nothing, are errors before anything starts."""
    with pytest.raises(BadLink):
        Swarm(["nonsense"], OPTIONS)
    with pytest.raises(ValueError, match="joins_per_second"):
        Swarm([], OPTIONS, joins_per_second=0)
