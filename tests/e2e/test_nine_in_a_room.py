"""A full room: nine legs with real encoders, each picture read by content, and nobody's slot moves for another."""

import asyncio
from typing import Final

import pytest
from playwright.async_api import Browser

from loadtest.media_client import MediaOptions
from loadtest.robot import Robot
from signalling import messages as m
from tests.support.bridge import House, Visitor, robots

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, PATIENT, FIRST_ROBOT, NEWCOMER = 1, 11, 20, 40
# Seven of them share two cores with two pages that decode eight pictures each.
LIGHT: Final = MediaOptions(0, width=160, height=120, fps=5)
SMALL_CAMERA: Final = "window.__pictureSize = { width: 160, height: 120 }; window.__pictureRate = 5;"
# Chromium offers every codec it has on every m-line, unless the page says otherwise.
OFFER_CHARS_MAX: Final = m.MAX_SDP_CHARS * 3 // 4


async def test_nine_are_seen_through_one_offer_and_keep_their_slots(house: House, chromium: Browser) -> None:
    """Eight pictures and tones reach a page; when one goes and another comes, the seven stay where they are."""
    async with robots(house, range(FIRST_ROBOT, FIRST_ROBOT + 7), LIGHT) as guests:
        doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR, SMALL_CAMERA)
        patient = await house.bring(chromium, m.Role.PATIENT, PATIENT, SMALL_CAMERA)
        assert await doctor.state("s.pc.localDescription.sdp.length") < OFFER_CHARS_MAX
        await doctor.until("s.roster.people.length === 9")
        await doctor.page.click("#admit-all")
        people = {await patient.participant(): PATIENT, **{name(robot): number(robot) for robot in guests}}
        await all_tiles_are_right(doctor, people)
        for who, identity in people.items():
            await doctor.hears(who, identity)
        await patient.sees_and_hears(doctor)

        before = await slots(doctor)
        assert len(before) == 16
        leaver = guests[3]
        leaver.stop()
        await doctor.until(f"s.layout.every((one) => one.participant !== '{name(leaver)}')")
        stay = {mid: who for mid, who in before.items() if who[0] != name(leaver)}
        assert await slots(doctor) == stay
        async with robots(house, range(NEWCOMER, NEWCOMER + 1), LIGHT) as (newcomer,):
            await doctor.admit(f"Robot {NEWCOMER}")
            await doctor.shown(name(newcomer))
            after = await slots(doctor)
            assert {mid: who for mid, who in after.items() if mid in stay} == stay
            assert {mid for mid in after if mid not in stay} == before.keys() - stay.keys()
            people = {who: one for who, one in people.items() if who != name(leaver)}
            await doctor.comes_to_see(name(newcomer), NEWCOMER, number(leaver))
            await all_tiles_are_right(doctor, {**people, name(newcomer): NEWCOMER})
            await doctor.hears(name(newcomer), NEWCOMER)
        assert await doctor.offers() == 1
        assert await patient.offers() == 1


async def all_tiles_are_right(viewer: Visitor, people: dict[str, int]) -> None:
    """Check that the tile of each of these people shows a moving picture of theirs, and that there are no more."""
    async with asyncio.TaskGroup() as group:
        for who, identity in people.items():
            group.create_task(viewer.sees(who, identity))
    tiles = viewer.page.locator("#stage .tile[data-participant]:has(button.pin)")
    assert await tiles.count() == len(people)
    for who, identity in people.items():
        await viewer.tile_shows(who, identity)


async def slots(viewer: Visitor) -> dict[str, tuple[str, str]]:
    """Who is in each slot: participant and source by mid."""
    rows = await viewer.state("s.layout.map((one) => [one.mid, one.participant, one.source])")
    return {mid: (participant, source) for mid, participant, source in rows}


def name(robot: Robot) -> str:
    """A robot's id in the room."""
    assert robot.welcome is not None
    return robot.welcome.participant


def number(robot: Robot) -> int:
    """The identity that a robot's picture and tone carry."""
    return robot.options.media.identity
