"""Room systems and telephones that cannot take what pages send: everybody sees and hears everybody."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from bridge.app.serving import How
from signalling import messages as m
from tests.support import baresip
from tests.support.bridge import House, eventually
from tests.support.callers import call, sees_and_hears

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

DOCTOR, PATIENT, WARD = 2, 13, 37


def hows(house: House, leg: int) -> set[How]:
    """How the slots of a leg are served."""
    return {served.how for (receiver, _), served in house.live.served.items() if receiver == leg}


async def test_a_room_system_with_h264_and_telephone_sound(
    sip_house: House, chromium: Browser, sip: int, tmp_path: Path
) -> None:
    """It sees both pages in one picture and hears both, itself not; they see and hear it."""
    doctor = await sip_house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    patient = await sip_house.bring(chromium, m.Role.PATIENT, PATIENT)
    await doctor.admit("Patient")
    async with baresip.running(
        tmp_path / "ward", WARD, encryption="srtp-mand", codec="h264", voice="pcma"
    ) as ward:
        who = await call(sip_house, ward, "Ward", sip)
        assert not sip_house.leg_row(who)["rtp_out"]
        await doctor.admit("Ward")
        await ward.sees_together({DOCTOR, PATIENT}, "beside")
        await sees_and_hears(doctor, who, WARD)
        await sees_and_hears(patient, who, WARD)
        assert hows(sip_house, sip_house.leg(who)) == {How.MIX, How.COMPOSE}
        assert (await doctor.participant()) in sip_house.live.room.participants

        await doctor.do("Ward", "Remove from call", sure=True)
        assert await ward.heard_together() == {DOCTOR, PATIENT}
    await eventually(lambda: len(sip_house.bridge.engine.snapshot().legs) == 2)
    assert sip_house.bridge.service.outside.converters.use.jobs == {}
