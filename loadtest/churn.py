"""Robots that come, get media and go again, in room after room: for finding out what they leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from loadtest.errors import MediaFailed
from loadtest.native import Crowd, NativeRobot
from loadtest.target import Office
from signalling.messages import AdmitAll, Place, Remove, Role

# From the first knock until everybody has everybody's media, on a machine that is busy with anything.
_UP_S: Final = 60.0


async def come_and_go(office: Office, crowd: Crowd, *, rooms: int, legs: int, at_once: int) -> int:
    """Open so many rooms, `at_once` of them together, and let `legs` robots into each; give how many came.

    All of them have heard each other before they go: by leaving, by being removed, because the room is ended
    around them, or because their sockets are cut without a word; one room after the other takes the next of these.
    Raises `LoadtestError` when anybody does not get so far.
    """
    few = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with few:
            await _one_room(office, crowd, legs, _WAYS[number % len(_WAYS)])

    async with asyncio.TaskGroup() as group:
        for number in range(rooms):
            group.create_task(one(number))
    return rooms * legs


async def _one_room(office: Office, crowd: Crowd, legs: int, way: _Way) -> None:
    room = await office.open_room("Come and go", max(2, legs))
    links = [await office.invite(room, Role.DOCTOR, "Robot 1", host=True)]
    links += [await office.invite(room, Role.RELATIVE, f"Robot {seat}", host=False) for seat in range(2, legs + 1)]
    robots = [NativeRobot(link, crowd) for link in links]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(robot.run()) for robot in robots]
            try:
                async with asyncio.timeout(_UP_S):
                    await _all_hear_all(robots)
            except TimeoutError:
                raise MediaFailed("not everybody heard everybody in time") from None
            await way(office, room, robots, tasks)
    finally:
        await office.end_room(room)


async def _all_hear_all(robots: list[NativeRobot]) -> None:
    doctor, others = robots[0], len(robots) - 1

    def has_them_all(robot: NativeRobot) -> bool:
        people = robot.roster.people if robot.roster else []
        return sum(one.place is Place.WAITING and one.connected for one in people) == others

    await doctor.wait_for(has_them_all)
    await doctor.request(AdmitAll)
    for robot in robots:
        await robot.wait_for(lambda robot: robot.streams >= others)


_Way = Callable[[Office, str, list[NativeRobot], list[asyncio.Task[str]]], Awaitable[None]]


async def _leave(_office: Office, _room: str, robots: list[NativeRobot], _tasks: list[asyncio.Task[str]]) -> None:
    for robot in robots:
        robot.stop()


async def _be_removed(
    office: Office, room: str, robots: list[NativeRobot], tasks: list[asyncio.Task[str]]
) -> None:
    for participant in [robot.welcome.participant for robot in robots[1:] if robot.welcome]:
        await robots[0].request(Remove, participant=participant)
    await _leave(office, room, robots[:1], tasks)


async def _be_ended(
    office: Office, room: str, _robots: list[NativeRobot], _tasks: list[asyncio.Task[str]]
) -> None:
    await office.end_room(room)


async def _be_cut_off(
    _office: Office, _room: str, _robots: list[NativeRobot], tasks: list[asyncio.Task[str]]
) -> None:
    for task in tasks:
        task.cancel()


_WAYS: Final[tuple[_Way, ...]] = (_leave, _be_removed, _be_ended, _be_cut_off)
