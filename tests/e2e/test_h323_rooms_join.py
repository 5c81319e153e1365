"""A room system by H.323 in a room with one by SIP and Chromium: it waits, is admitted, and all see and hear all.

No packaged program speaks H.323: the one here is ours (`tests/support/h323_caller.py`). What real ones do is said
in the gateway's README.
"""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from bridge.app.feeds.serving import How, Why
from bridge.rooms.model import Line, ParticipantId
from media.description import CAMERA, MIC
from signalling import messages as m
from signalling.gateways.h323.io.gateway import H323Gateway
from tests.e2e.test_room_systems_show_content import BIG_SCREEN, how_content_goes, shows
from tests.support import baresip
from tests.support.bridge import House, Visitor, eventually
from tests.support.callers import call, dial, sees_and_hears
from tests.support.h323_media import RoomSystem, room_system
from tests.support.h323_values import CONTENT, PICTURES, SOUND

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
]

DOCTOR, WARD, CLINIC, SLIDES = 2, 13, 37, 50
SCREEN = DOCTOR ^ 32


async def test_both_kinds_of_room_systems_with_a_page(
    rooms_house: House, chromium: Browser, tmp_path: Path
) -> None:
    """One calls by H.323, encrypted, another by SIP; the doctor lets both in, and removes the first."""
    house = rooms_house
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with (
        room_system(WARD, shown=SLIDES, encrypts=True) as ward,
        baresip.running(tmp_path / "clinic", CLINIC, encryption="srtp-mand", codec="h264", voice="pcma") as clinic,
    ):
        who = await comes(house, ward)
        assert house.live.room.participants[who].line is Line.H323
        assert house.live.legs[who].gate_open is False
        await doctor.admit("Ward")
        await sees_and_hears(doctor, who, WARD)
        told = f"s.roster.people.find((one) => one.participant === '{who}').encryption"
        await doctor.until(f"{told} !== null")
        assert await doctor.state(told) == {"keys": "unproved", "cipher": "H235_AES_128_CBC"}
        await ward.main.sees(DOCTOR)
        await ward.hears_together({DOCTOR})
        # As soon as the page sends what it takes, nothing is made for it.
        await eventually(lambda: hows(house, who) == {How.MIX, How.FORWARD})
        await ward.main.sees(DOCTOR)
        other = await call(house, clinic, "Clinic")
        await doctor.admit("Clinic")
        await sees_and_hears(doctor, other, CLINIC)
        await ward.sees_together({DOCTOR, CLINIC}, "beside")
        await ward.hears_together({DOCTOR, CLINIC})
        await clinic.sees_together({DOCTOR, WARD}, "beside")
        await clinic.hears_together({DOCTOR, WARD})
        await only_what_has_to_be_is_made(house, await doctor.participant(), (who, other))
        await goes(house, doctor, ward)
        await clinic.command("hangup")
        await is_called(house, doctor, ward)
    await doctor.until("s.roster.people.length === 1")
    await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 1)
    assert house.bridge.service.outside.converters.use.jobs == {}
    assert gateway(house).health().calls == 0
    assert gateway(house).health().counts == {}


async def test_older_room_systems_with_a_page(rooms_house: House, chromium: Browser) -> None:
    """One has H.261 and G.722, the other H.263: pictures are made for each of the three, and come from each.

    The first enters its PIN as RFC 4733 has keys.
    """
    house = rooms_house
    doctor = await house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with room_system(WARD, "h261", "g722") as ward, room_system(CLINIC, "h263") as clinic:
        who = await comes(house, ward, wrong_first=False, by_rtp=True)
        await doctor.admit("Ward")
        await both_have(doctor, ward, who)
        assert ward.main.screen.last.shape == (288, 352)
        assert How.FORWARD not in hows(house, who)
        other = await comes(house, clinic, "Clinic", wrong_first=False)
        await doctor.admit("Clinic")
        await sees_and_hears(doctor, other, CLINIC)
        await ward.sees_together({DOCTOR, CLINIC}, "beside")
        await clinic.sees_together({DOCTOR, WARD}, "beside")
        assert ward.talk is not None
        ward.talk.hang_up()
        await clinic.main.sees(DOCTOR)
        await goes(house, doctor, clinic, "Clinic")


async def comes(
    house: House, ward: RoomSystem, name: str = "Ward", *, wrong_first: bool = True, by_rtp: bool = False
) -> ParticipantId:
    """Call the room, enter a wrong PIN, if that is wanted, and the right one; the participant who then waits."""
    number, pin = await house.invite_by_call(m.Role.SPECIALIST, name)
    door = house.bridge.gateways.running["h323"].door
    there = set(door._visits)
    await ward.dial(gateway(house).port, number)
    (visit,) = door._visits - there
    await eventually(lambda: visit._reception.next_timeout() is not None)
    before = set(house.live.room.participants)
    if wrong_first:
        ward.press("000#")
        await house.logged("command_refused", code="pin_wrong")
    if by_rtp:
        await ward.press_by_rtp(f"{pin}#")
    else:
        ward.press(f"{pin}#")
    await eventually(lambda: set(house.live.room.participants) > before)
    (who,) = set(house.live.room.participants) - before
    return who


async def is_called(house: House, doctor: Visitor, ward: RoomSystem) -> None:
    """The doctor calls it: it is in by that, seen and heard at both ends, shows and is shown, and hangs up."""
    await dial(doctor.page, f"h323:ward@127.0.0.1:{ward.terminal.port}", "specialist", "Office")
    talk = await ward.answer()
    assert talk.keys is not None
    await doctor.until("s.roster.people.some((one) => one.name === 'Office' && one.place === 'admitted')")
    who = await doctor.state("s.roster.people.find((one) => one.name === 'Office').participant")
    await both_have(doctor, ward, ParticipantId(str(who)))
    await content_goes_both_ways(house, doctor, ward, ParticipantId(str(who)))
    await mutes_are_known(doctor, ward)
    await holds_and_is_back(doctor, ward, ParticipantId(str(who)))
    talk.hang_up()


async def both_have(doctor: Visitor, ward: RoomSystem, who: ParticipantId) -> None:
    """Picture and tone of the other, by content."""
    await sees_and_hears(doctor, who, WARD)
    await ward.main.sees(DOCTOR)
    await ward.hears_together({DOCTOR})


async def content_goes_both_ways(house: House, doctor: Visitor, ward: RoomSystem, who: ParticipantId) -> None:
    """Slides of either, one at a time as the token has it, reach the other as they are, in 720 lines."""
    talk, me = ward.talk, await doctor.participant()
    assert talk is not None
    talk.open_channel(CONTENT)
    await talk.until(lambda: CONTENT in talk.ours)
    talk.token.ask()
    await talk.until(lambda: talk.token.ours)
    ward.content.sending = True
    await shows(doctor, who, SLIDES)
    assert how_content_goes(house, me, who) == {How.FORWARD}
    ward.content.sending = False
    talk.token.release()
    talk.close_channel(CONTENT)
    await doctor.until("!s.layout.some((one) => one.source === 'content')")

    await doctor.page.evaluate(BIG_SCREEN)
    await doctor.page.click("#control-share")
    await talk.until(lambda: talk.token.theirs)
    await ward.content.sees(SCREEN, 720)
    assert how_content_goes(house, who, me) == {How.FORWARD}
    talk.token.ask()
    await talk.until(lambda: talk.token.refused == 1)
    await doctor.page.click("#control-share")
    await talk.until(lambda: not talk.token.theirs)


async def mutes_are_known(doctor: Visitor, ward: RoomSystem) -> None:
    """It marks its sound as inactive, which the page shows; of the doctor's mute it knows by its silence."""
    muted = "s.roster.people.find((one) => one.name === 'Office').muted"
    assert ward.talk is not None
    ward.talk.mute(muted=True)
    await doctor.until(muted)
    ward.talk.mute(muted=False)
    await doctor.until(f"!{muted}")
    await doctor.page.click("#control-mic")
    await ward.hears_nothing()
    await doctor.page.click("#control-mic")


async def holds_and_is_back(doctor: Visitor, ward: RoomSystem, who: ParticipantId) -> None:
    """On hold nothing goes to it, by no channel; afterwards all is as it was."""
    talk = ward.talk
    assert talk is not None
    talk.offer_set(hold=True)
    await talk.until(lambda: not talk.theirs)
    await ward.hears_nothing()
    talk.offer_set()
    await talk.until(lambda: {SOUND, PICTURES} <= set(talk.theirs))
    await both_have(doctor, ward, who)


async def goes(house: House, doctor: Visitor, ward: RoomSystem, name: str = "Ward") -> None:
    """Removed: the call is cleared normally."""
    await doctor.do(name, "Remove from call", sure=True)
    assert ward.talk is not None
    release = await ward.talk.hears("releaseComplete")
    assert release["cause"] == 16
    await eventually(lambda: gateway(house).health().calls == 0)


def gateway(house: House) -> H323Gateway:
    """The H.323 gateway of a bridge."""
    running = house.bridge.gateways.running["h323"].gateway
    assert isinstance(running, H323Gateway)
    return running


async def only_what_has_to_be_is_made(house: House, page: str, systems: tuple[ParticipantId, ...]) -> None:
    """Pictures go to the page as they come. Sound does not: pages take Opus alone, room systems have none."""
    assert ways(house, page) == {CAMERA: {(How.FORWARD, Why.FITS)}, MIC: {(How.CONVERT, Why.CODEC)}}
    together = {CAMERA: {(How.COMPOSE, Why.SEVERAL)}, MIC: {(How.MIX, Why.SEVERAL)}}
    # Whoever is told something, as that another has come, hears it in a mix of their own until it has been said.
    await eventually(lambda: [ways(house, one) for one in systems] == [together] * len(systems))
    # One picture for each room system, none for the page; all sound of the room is made in one job.
    assert house.bridge.service.outside.converters.use.jobs == {"picture": len(systems), "mix": 1}


def ways(house: House, who: str) -> dict[int, set[tuple[How, Why]]]:
    """How the slots of somebody are served, and why, by the number of what is in them."""
    found = dict[int, set[tuple[How, Why]]]()
    for (receiver, _), served in house.live.served.items():
        if receiver == house.leg(who):
            key = served.source if served.want is None else served.want.of[0]
            assert key is not None
            found.setdefault(key[1], set()).add((served.how, served.why))
    return found


def hows(house: House, who: ParticipantId) -> set[How]:
    """How the slots of somebody are served."""
    return {served.how for (receiver, _), served in house.live.served.items() if receiver == house.leg(who)}
