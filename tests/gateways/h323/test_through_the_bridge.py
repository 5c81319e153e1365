"""Calls by leave of a gatekeeper through the whole bridge: in by prefix and number of a room, out by a name.

The gatekeeper is a double and the room systems are ours; what real ones do is said in the gateway's README.
"""

from pathlib import Path

import pytest

from bridge.rooms.model import ParticipantId
from signalling import messages as m
from signalling.gateways.h323.io.gateway import H323Gateway
from tests.support.bridge import House, eventually, hush, never_short, running_house
from tests.support.h323_caller import Talk
from tests.support.h323_gatekeeper import ENDPOINT, GatekeeperDouble, gatekeeper
from tests.support.h323_media import RoomSystem, room_system
from tests.support.h323_values import HOST

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(200)]

PREFIX, OFFICE = "88", "office"
WARD_IDENTITY, OFFICE_IDENTITY = 13, 37


async def test_a_room_is_reached_by_its_prefix_and_calls_by_name(tmp_path: Path) -> None:
    """A host comes by call and calls another room system: they see and hear each other, encrypted, and both go."""
    async with (
        gatekeeper() as keeper,
        room_system(WARD_IDENTITY, encrypts=True) as ward,
        room_system(OFFICE_IDENTITY, encrypts=True) as office,
        running_house(tmp_path, gateways={"h323": settings(keeper)}) as house,
    ):
        never_short(house)
        hush(house)
        await keeper.hears("registrationRequest")
        await eventually(lambda: not gateway(house).health().trouble)
        keeper.refuses = "requestDenied"
        await is_turned_down(house, keeper, ward)
        keeper.refuses, keeper.leads_to = "", office.terminal.port
        talk = await comes(house, keeper, ward)
        assert house.live.room.host is not None
        called = await is_called(house, keeper, office, house.live.room.host)
        for system, identity in ((ward, OFFICE_IDENTITY), (office, WARD_IDENTITY)):
            await system.main.sees(identity)
            await system.hears_together({identity})
        assert None not in (talk.keys, called.keys)
        for call in (called, talk):
            call.hang_up()
            ended = await keeper.hears("disengageRequest")
            assert (ended["callIdentifier"]["guid"], ended["endpointIdentifier"]) == (call.guid, ENDPOINT)
        await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 0)
        assert gateway(house).health().calls == 0
    assert (await keeper.hears("unregistrationRequest"))["endpointIdentifier"] == ENDPOINT


def settings(keeper: GatekeeperDouble) -> dict[str, object]:
    """What the operator writes."""
    ours = {"gatekeeper": HOST, "gatekeeper_port": keeper.port, "gatekeeper_local_port": 0}
    return {"port": 0, **ours, "prefix": PREFIX, "dial_names": [OFFICE]}


async def is_turned_down(house: House, keeper: GatekeeperDouble, ward: RoomSystem) -> None:
    """Without leave nobody comes to the room."""
    number, _ = await house.invite_by_call(m.Role.SPECIALIST, "Ward")
    talk = await ward.terminal.dial(gateway(house).port, f"{PREFIX}{number}")
    assert (await talk.hears("releaseComplete"))["reason"] == ("noPermission", 0)
    await keeper.hears("admissionRequest")
    assert not house.bridge.gateways.running["h323"].door._visits


async def comes(house: House, keeper: GatekeeperDouble, ward: RoomSystem) -> Talk:
    """Call the room by prefix and number, and enter the PIN of a host, by which the room is open."""
    wanted = m.CreateInvitation(role=m.Role.DOCTOR, name="Host", host=True, pin=True)
    made = await house.bridge.administration.invite(house.room_id, wanted)
    talk = await ward.dial(gateway(house).port, f"{PREFIX}{made.number}")
    asked = await keeper.hears("admissionRequest")
    assert (asked["answerCall"], asked["destinationInfo"]) == (True, [("dialledDigits", f"{PREFIX}{made.number}")])
    (visit,) = house.bridge.gateways.running["h323"].door._visits
    await eventually(lambda: visit._reception.next_timeout() is not None)
    ward.press(f"{made.pin}#")
    await eventually(lambda: house.live.room.host is not None)
    return talk


async def is_called(house: House, keeper: GatekeeperDouble, office: RoomSystem, host: ParticipantId) -> Talk:
    """Call somebody by a name that only the gatekeeper knows."""
    wish = m.Dial(address=OFFICE, role=m.Role.SPECIALIST, name="Office", ref=1)
    await house.bridge.gateways.dial(house.live, host, wish)
    asked = await keeper.hears("admissionRequest")
    assert (asked["answerCall"], asked["destinationInfo"]) == (False, [("h323-ID", OFFICE)])
    return await office.answer()


def gateway(house: House) -> H323Gateway:
    """The H.323 gateway of a bridge."""
    running = house.bridge.gateways.running["h323"].gateway
    assert isinstance(running, H323Gateway)
    return running
