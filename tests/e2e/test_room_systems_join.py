"""Room systems by SIP in a room with Chromium and aiortc: they wait, are admitted, and all see and hear all."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from bridge.app.feeds.serving import How
from bridge.rooms.model import Line, ParticipantId
from loadtest.media_client import MediaOptions
from loadtest.robot import Robot
from media.description import CAMERA
from signalling import messages as m
from tests.support import baresip
from tests.support.bridge import House, Visitor, eventually, robots
from tests.support.callers import call, gateway, sees_and_hears
from transcode.tones import identity_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
]

DOCTOR, CLIENT, WARD, CLINIC, OFFICE = 2, 21, 13, 37, 50
AIORTC = MediaOptions(0, width=320, height=180, fps=8, codec="H264", audio_slots=3, video_slots=3)
ENCODINGS = "s.pc.getSenders()[1].getParameters().encodings.map((one) => one.rid ?? '')"
SCREEN = 1
"""A room system's slot for pictures."""
VP8, H264 = 6, 8  # in the engine's snapshot, see media/engine/core/src/stats.rs


async def test_room_systems_of_three_kinds_with_a_page_and_a_client(
    sip_house: House, chromium: Browser, tmp_path: Path
) -> None:
    """One after the other, the last two together: by content, at all ends."""
    doctor = await sip_house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with robots(sip_house, range(CLIENT, CLIENT + 1), AIORTC) as (client,):
        await doctor.admit(f"Robot {CLIENT}")
        await over_tls(sip_house, doctor, client, tmp_path / "ward")
        await by_handshake(sip_house, doctor, client, tmp_path)
    await doctor.until("s.roster.people.length === 1")
    await eventually(lambda: len(sip_house.bridge.engine.snapshot().legs) == 1)
    assert sip_house.bridge.service.outside.converters.use.jobs == {}
    assert gateway(sip_house).health().calls == 0
    assert await doctor.offers() == 1


async def over_tls(house: House, doctor: Visitor, client: Robot, folder: Path) -> None:
    """Journey D2: SIP over TLS, H.264 and G.722, a waiting room, everybody in one picture, muted and put out."""
    me, several = await doctor.participant(), await doctor.state(ENCODINGS)
    async with baresip.running(folder, WARD, encryption="srtp-mand", codec="h264", voice="g722") as ward:
        who = await call(house, ward, "Ward", transport="TLS")
        assert house.live.room.participants[who].line is Line.SIP
        assert house.live.legs[who].gate_open is False
        assert codec_of(house, house.leg(me)) == VP8
        await doctor.admit("Ward")
        await ward.sees_together({DOCTOR, CLIENT}, "beside")
        assert hows(house, who) == {How.MIX, How.COMPOSE}
        await everybody_has(doctor, client, who, WARD)
        assert await keys_of(doctor, who) == "signalled"
        await sees_only_the_doctor(house, client, ward, who)
        assert codec_of(house, house.leg(me)) == H264
        assert await doctor.state(ENCODINGS) == several
        await ward.hears_together({DOCTOR, CLIENT})
        await doctor.do("Ward", "Turn mic off")
        await doctor.hears_no_more(who)
        await doctor.do("Ward", "Remove from call", sure=True)
        await ward.hears_of("CALL_CLOSED")
    await eventually(lambda: codec_of(house, house.leg(me)) == VP8)


async def sees_only_the_doctor(house: House, client: Robot, ward: baresip.Baresip, who: ParticipantId) -> None:
    """One picture is wanted, of who speaks: it is sent what the page sends, byte for byte, and nothing is made."""
    await client.request(m.SelfMute, muted=True)
    await ward.press("*2")
    await ward.sees({DOCTOR})
    assert hows(house, who) == {How.MIX, How.FORWARD}
    await eventually(lambda: "picture" not in house.bridge.service.outside.converters.use.jobs)
    assert codec_of(house, house.leg(who), direction=1) == H264
    await comes_as_it_is(house, who)
    await ward.press("*2")
    await client.request(m.SelfMute, muted=False)
    await ward.sees_together({DOCTOR, CLIENT}, "beside")


async def comes_as_it_is(house: House, who: ParticipantId) -> None:
    """Wait until a hundred packets to somebody had the payload of as many of one encoding of who is shown."""
    (source,) = {feed.source for feed in house.live.feeds if feed.leg == house.leg(who) and feed.slot == SCREEN}
    since: tuple[int, ...] = ()

    def has_come() -> bool:
        nonlocal since
        shown = row(house, house.leg(who), SCREEN, direction=1)
        sent = row(house, source.leg, source.source, encoding=max(int(shown["layer"]), 1) - 1)
        now = tuple(int(one[name]) for one in (shown, sent) for name in ("layer_switches", "packets", "bytes"))
        if not since or now[0] != since[0]:
            since = now
        more = [now[at] - since[at] for at in range(6)]
        return more[1] >= 100 and more[1:3] == more[4:6]

    await eventually(has_come)


async def by_handshake(house: House, doctor: Visitor, client: Robot, folder: Path) -> None:
    """DTLS-SRTP with H.264 and a PIN that is wrong at first; with VP8, ICE and ports of its own for RTCP."""
    async with (
        baresip.running(folder / "clinic", CLINIC, encryption="dtls_srtp", codec="h264", voice="pcma") as clinic,
        baresip.running(folder / "office", OFFICE, encryption="dtls_srtp", mux=False, ice=True) as office,
    ):
        first = await call(house, clinic, "Clinic", wrong_first=True)
        await doctor.admit("Clinic")
        await everybody_has(doctor, client, first, CLINIC)
        second = await call(house, office, "Office", transport="TCP")
        await doctor.admit("Office")
        await everybody_has(doctor, client, second, OFFICE)
        assert {await keys_of(doctor, one) for one in (first, second)} == {"handshake"}
        lines = house.bridge.engine.snapshot().lines
        assert not lines[lines["leg"] == house.leg(first)]["checks"].any()
        assert lines[lines["leg"] == house.leg(second)]["checks"].all(), "it finds its way by ICE"
        await office.sees_together({DOCTOR, CLIENT, CLINIC}, "speaker")
        await clinic.sees_together({DOCTOR, CLIENT, OFFICE}, "speaker")
        await office.hears_together({DOCTOR, CLIENT, CLINIC})
        await doctor.do("Office", "Remove from call", sure=True)
        await office.hears_of("CALL_CLOSED")
        await clinic.sees_together({DOCTOR, CLIENT}, "beside")
        await clinic.hears_together({DOCTOR, CLIENT})
        await clinic.command("hangup")


async def everybody_has(doctor: Visitor, client: Robot, who: ParticipantId, identity: int) -> None:
    """Chromium and aiortc decode somebody's picture and tone."""
    await sees_and_hears(doctor, who, identity)

    def has(client: Robot) -> bool:
        seen = client.seen().get(who)
        return (
            seen is not None and seen.identity == identity and identity_of(client.heard().get(who, 0)) == identity
        )

    await client.wait_for(has)


async def keys_of(doctor: Visitor, who: ParticipantId) -> str:
    """How somebody's keys came about, by the doctor's roster, where that soon says so."""
    encryption = f"s.roster.people.find((one) => one.participant === '{who}').encryption"
    await doctor.until(f"{encryption} !== null")
    return str(await doctor.state(f"{encryption}.keys"))


def hows(house: House, who: ParticipantId) -> set[How]:
    """How the slots of somebody are served."""
    return {served.how for (receiver, _), served in house.live.served.items() if receiver == house.leg(who)}


def row(house: House, leg: int, index: int, *, direction: int = 0, encoding: int = 0) -> Any:
    """The engine's counters of one encoding of a source, or of a slot."""
    rows = house.bridge.engine.snapshot().streams
    rows = rows[(rows["leg"] == leg) & (rows["direction"] == direction)]
    return rows[(rows["index"] == index) & (rows["encoding"] == encoding)][0]


def codec_of(house: House, leg: int, *, direction: int = 0) -> int:
    """The codec in which somebody's camera comes now, or what they are shown goes, by the engine's number."""
    return int(row(house, leg, SCREEN if direction else CAMERA, direction=direction)["codec"])


async def test_what_nothing_encrypts_is_turned_down(sip_house: House, tmp_path: Path) -> None:
    """Unless the operator says otherwise."""
    number, _ = await sip_house.invite_by_call(m.Role.SPECIALIST, "Ward")
    async with baresip.running(tmp_path / "ward", WARD, encryption="") as ward:
        await ward.command("dial", f"sip:{number}@127.0.0.1:{gateway(sip_house).ports['UDP']}")
        closed = await ward.hears_of("CALL_CLOSED")
    assert "488" in str(closed)
