"""Who guesses numbers and PINs by H.323 is told nothing and soon turned away, by the bytes of real calls."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.app.calls.reception import TRIES
from signalling import messages as m
from signalling.gateways.h323.io.gateway import H323Gateway
from tests.support.bridge import House, allow_no_more_calls_later, eventually, hush, never_short, running_house
from tests.support.h323_media import RoomSystem, room_system

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(200)]

GUESSES = 40
NOBODY, NO_MORE = ("calledPartyNotRegistered", 0), ("gatewayResources", 0)


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A bridge that takes such calls."""
    async with running_house(tmp_path, gateways={"h323": {"port": 0}}) as house:
        never_short(house)
        hush(house)
        yield house


@pytest_asyncio.fixture
async def guesser() -> AsyncIterator[RoomSystem]:
    """A room system of somebody who has no invitation."""
    async with room_system(13, encrypts=True) as system:
        yield system


async def test_who_guesses_numbers_is_turned_away_and_then_by_the_right_one_too(
    house: House, guesser: RoomSystem
) -> None:
    """A number of nobody is told as that; after so many none is looked up, and no leg was made."""
    most = allow_no_more_calls_later(house, "h323")
    number, _ = await house.invite_by_call(m.Role.SPECIALIST, "Ward")
    told = [await refused(house, guesser, f"{guess:08}") for guess in range(GUESSES)]
    assert told == [NOBODY] * most + [NO_MORE] * (GUESSES - most)
    assert await refused(house, guesser, number) == NO_MORE
    assert len(house.bridge.engine.snapshot().legs) == 0


async def test_who_guesses_pins_has_so_many_tries(house: House, guesser: RoomSystem) -> None:
    """Then the call is over, and nobody has come in."""
    number, _ = await house.invite_by_call(m.Role.SPECIALIST, "Ward")
    talk = await guesser.dial(gateway(house).port, number)
    (visit,) = house.bridge.gateways.running["h323"].door._visits
    await eventually(lambda: visit._reception.next_timeout() is not None)
    for wrong in range(1, TRIES + 1):
        guesser.press("999999#")
        await eventually(lambda wrong=wrong: visit._reception._wrong == wrong)
    assert (await talk.hears("releaseComplete"))["reason"] == ("noPermission", 0)
    await eventually(lambda: len(house.bridge.engine.snapshot().legs) == 0)
    assert not house.live.room.participants


async def refused(house: House, guesser: RoomSystem, number: str) -> object:
    """Why a call was turned away."""
    talk = await guesser.terminal.dial(gateway(house).port, number)
    return (await talk.hears("releaseComplete"))["reason"]


def gateway(house: House) -> H323Gateway:
    """Its gateway."""
    running = house.bridge.gateways.running["h323"].gateway
    assert isinstance(running, H323Gateway)
    return running
