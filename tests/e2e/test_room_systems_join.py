"""Room systems by SIP in a room with Chromium: they wait, are admitted, and each sees and hears the other."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from bridge.rooms.model import Line, ParticipantId
from media.description import CAMERA
from signalling import messages as m
from tests.support import baresip
from tests.support.bridge import House, Visitor, eventually
from tests.support.callers import call, sees_and_hears

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

DOCTOR, WARD, CLINIC = 2, 13, 37
ENCODINGS = "s.pc.getSenders()[1].getParameters().encodings.map((one) => one.rid ?? '')"
VP8, H264 = 6, 8  # in the engine's snapshot, see media/engine/core/src/stats.rs


async def test_two_room_systems_and_a_doctor(
    sip_house: House, chromium: Browser, sip: int, tmp_path: Path
) -> None:
    """One has keys in its description, the other shakes hands, finds its way by ICE, and has ports for RTCP."""
    doctor = await sip_house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with (
        baresip.running(tmp_path / "ward", WARD, encryption="srtp-mand") as ward,
        baresip.running(tmp_path / "clinic", CLINIC, encryption="dtls_srtp", mux=False, ice=True) as clinic,
    ):
        first = await call(sip_house, ward, "Ward", sip)
        assert sip_house.live.room.participants[first].line is Line.SIP
        assert sip_house.live.legs[first].gate_open is False
        await doctor.admit("Ward")
        await ward.sees({DOCTOR})
        await sees_and_hears(doctor, first, WARD)
        assert await keys_of(doctor, first) == "exposed", "its keys came by UDP"

        second = await call(sip_house, clinic, "Clinic", sip, wrong_first=True)
        await doctor.admit("Clinic")
        await sees_and_hears(doctor, second, CLINIC)
        assert await keys_of(doctor, second) == "handshake"
        await clinic.sees_together({DOCTOR, WARD}, "beside")
        await ward.sees_together({DOCTOR, CLINIC}, "beside")

        await doctor.do("Ward", "Remove from call", sure=True)
        assert await ward.heard_together() == {DOCTOR, CLINIC}
        await clinic.command("hangup")
        await doctor.until("s.roster.people.length === 1")
        assert await clinic.heard() == DOCTOR
    await eventually(lambda: len(sip_house.bridge.engine.snapshot().legs) == 1)
    assert sip_house.bridge.gateways.running["sip"].health().calls == 0


async def keys_of(doctor: Visitor, who: ParticipantId) -> str:
    """How somebody's keys came about, by the doctor's roster, where that soon says so."""
    encryption = f"s.roster.people.find((one) => one.participant === '{who}').encryption"
    await doctor.until(f"{encryption} !== null")
    return str(await doctor.state(f"{encryption}.keys"))


async def test_pages_send_h264_as_long_as_a_room_system_needs_it(
    sip_house: House, chromium: Browser, sip: int, tmp_path: Path
) -> None:
    """Both ways are forwarded, in packetization mode 0 and without an offer; afterwards pages are free again."""
    doctor = await sip_house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with baresip.running(tmp_path / "ward", WARD, encryption="srtp-mand", codec="h264") as ward:
        me, several = await doctor.participant(), await doctor.state(ENCODINGS)
        who = await call(sip_house, ward, "Ward", sip)
        await eventually(lambda: sent_by(sip_house, me) == VP8)
        await doctor.admit("Ward")
        await ward.sees({DOCTOR})
        await doctor.sees(who, WARD)
        assert sent_by(sip_house, me) == H264
        assert await doctor.state(ENCODINGS) == several
        await doctor.do("Ward", "Remove from call", sure=True)
        await eventually(lambda: sent_by(sip_house, me) == VP8)
    assert await doctor.offers() == 1


def sent_by(house: House, participant: str) -> int:
    """The codec in which somebody's camera comes now, by the engine's number; the smallest one never rests."""
    streams = house.bridge.engine.snapshot().streams
    own = streams[
        (streams["leg"] == house.leg(participant)) & (streams["direction"] == 0) & (streams["kind"] == 1)
    ]
    return int(own[(own["index"] == CAMERA) & (own["encoding"] == 0)]["codec"][0])


async def test_what_nothing_encrypts_is_turned_down(sip_house: House, sip: int, tmp_path: Path) -> None:
    """Unless the operator says otherwise."""
    number, _ = await sip_house.invite_by_call(m.Role.SPECIALIST, "Ward")
    async with baresip.running(tmp_path / "ward", WARD, encryption="") as ward:
        await ward.command("dial", f"sip:{number}@127.0.0.1:{sip}")
        closed = await ward.hears_of("CALL_CLOSED")
    assert "488" in str(closed)
