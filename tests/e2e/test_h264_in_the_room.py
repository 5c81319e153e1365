"""H.264 beside VP8: a slot forwards whichever the source sends, also one after the other."""

from dataclasses import replace
from typing import Final

import pytest
from playwright.async_api import Browser

from loadtest.media_client import MediaOptions
from loadtest.robot import Robot
from signalling import messages as m
from tests.support.bridge import House, robots

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]

DOCTOR, H264_ROBOT, VP8_ROBOT = 2, 25, 33
H264: Final = MediaOptions(0, width=320, height=240, fps=10, codec="H264")
H264_NUMBER: Final = 8  # in the engine's snapshot, see media/engine/core/src/stats.rs


async def test_a_slot_carries_h264_and_after_it_vp8(house: House, chromium: Browser) -> None:
    """Chromium decodes a guest's H.264, and in the same slot the next guest's VP8, through one offer."""
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with robots(house, range(H264_ROBOT, H264_ROBOT + 1), H264) as (first,):
        await doctor.admit(f"Robot {H264_ROBOT}")
        await doctor.sees(_name(first), H264_ROBOT)
        await doctor.hears(_name(first), H264_ROBOT)
        streams = house.bridge.engine.snapshot().streams
        assert H264_NUMBER in streams[streams["leg"] == house.leg(_name(first))]["codec"].tolist()
        slot = await doctor.state("s.layout.find((one) => one.source === 'camera').mid")
    await doctor.until("s.layout.length === 0")
    async with robots(house, range(VP8_ROBOT, VP8_ROBOT + 1), replace(H264, codec="VP8")) as (second,):
        await doctor.admit(f"Robot {VP8_ROBOT}")
        await doctor.sees(_name(second), VP8_ROBOT)
        assert await doctor.state("s.layout.find((one) => one.source === 'camera').mid") == slot
    assert await doctor.offers() == 1


def _name(robot: Robot) -> str:
    assert robot.welcome is not None
    return robot.welcome.participant
