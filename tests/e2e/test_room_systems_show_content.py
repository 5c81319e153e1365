"""A scripted room system and a page show each other content; one without a second line has it in its picture."""

import pytest
from playwright.async_api import Browser

from bridge.app.feeds.serving import How
from bridge.rooms.model import ParticipantId
from media.description import CONTENT
from signalling import messages as m
from signalling.gateways.bfcp.codec import Primitive, Status
from tests.gateways.bfcp.client import FLOOR
from tests.support.bridge import PATIENCE_S, House, Visitor, eventually
from tests.support.media_checks import read_page_video
from tests.support.room_system import RoomSystem, room_system

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

DOCTOR, WARD, SLIDES = 2, 13, 50
SCREEN = DOCTOR ^ 32
TILE = "document.querySelector('#stage .tile.content video')"
BIG_SCREEN = "window.__pictureSize = { width: 1280, height: 720 }; window.__pictureRate = 5;"


async def come(house: House, ward: RoomSystem, sip: int, **how: bool) -> ParticipantId:
    """Dial, enter the PIN, wait."""
    number, pin = await house.invite_by_call(m.Role.SPECIALIST, "Ward")
    before = set(house.live.room.participants)
    await ward.dial(number, sip, **how)
    ward.press(f"{pin}#")
    await eventually(lambda: set(house.live.room.participants) > before)
    (who,) = set(house.live.room.participants) - before
    return who


async def shows(doctor: Visitor, who: str, identity: int) -> None:
    """Check by content what is shown on the stage, and that no line of it was lost."""
    await doctor.shown(who, "content")
    await doctor.until(f"{TILE}?.videoHeight === 720")
    picture = await read_page_video(doctor.page, TILE, timeout_s=PATIENCE_S, distinct=2)
    assert picture is not None, doctor.console[-5:]
    assert picture.identity == identity


def how_content_goes(house: House, receiver: str, sender: str) -> set[How]:
    """How somebody's content reaches somebody else."""
    plan, to, of = house.live.plan, house.leg(receiver), house.leg(sender)
    return {house.live.served[place].how for place, key in plan.items() if place[0] == to and key == (of, CONTENT)}


async def test_content_both_ways(sip_house: House, chromium: Browser, sip: int) -> None:
    """One shows at a time; slides of either side reach the other as they are, in 720 lines.

    It is called without an offer, as call managers do, so that content and floor are of our offer.
    """
    doctor = await sip_house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with room_system(WARD, SLIDES) as ward:
        assert ward.content is not None
        who = await come(sip_house, ward, sip, offers=False)
        ward.floor.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await ward.floor.comes_to(Status.DENIED)
        await doctor.admit("Ward")
        await doctor.sees(who, WARD)

        ward.floor.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await ward.floor.comes_to(Status.GRANTED)
        ward.content.sending = True
        await shows(doctor, who, SLIDES)
        assert how_content_goes(sip_house, await doctor.participant(), who) == {How.FORWARD}
        ward.floor.release()
        await ward.floor.comes_to(Status.RELEASED)
        # What is sent without the floor is shown to nobody.
        await doctor.until("!s.layout.some((one) => one.source === 'content')")

        await doctor.page.evaluate(BIG_SCREEN)
        await doctor.page.click("#control-share")
        await ward.floor.until(lambda: ward.floor.taken)
        await ward.content.sees(SCREEN, 720)
        assert how_content_goes(sip_house, who, await doctor.participant()) == {How.FORWARD}
        ward.floor.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await ward.floor.comes_to(Status.DENIED)
        await doctor.page.click("#control-share")
        await ward.floor.until(lambda: not ward.floor.taken)

        ward.floor.ask(Primitive.FLOOR_REQUEST, *FLOOR)
        await ward.floor.comes_to(Status.GRANTED)
        await shows(doctor, who, SLIDES)
        await doctor.do("Ward", "Remove from call", sure=True)
        await ward.ended()
    await eventually(lambda: len(sip_house.bridge.engine.snapshot().legs) == 1)
    assert not any(person.sharing for person in sip_house.live.room.participants.values())


async def test_without_a_second_line_content_is_in_the_one_picture(
    sip_house: House, chromium: Browser, sip: int
) -> None:
    """Large, beside who shows it."""
    doctor = await sip_house.bring(chromium, m.Role.DOCTOR, DOCTOR)
    async with room_system(WARD) as ward:
        await come(sip_house, ward, sip)
        await doctor.admit("Ward")
        await ward.main.sees(DOCTOR)
        await doctor.page.evaluate(BIG_SCREEN)
        await doctor.page.click("#control-share")
        await eventually(lambda: any(one.how is How.COMPOSE for one in sip_house.live.served.values()))
        await ward.main.sees_large(SCREEN)
