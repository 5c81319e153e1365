"""Rooms and links by REST, on the real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.app.administration import RoomAdministration
from bridge.app.service import Outside, RoomService
from bridge.ops.health import Drain, DrainReason
from bridge.store import EventStore, open_store
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import Clock, Counts, GateModel, Links, Pins
from tests.app.rig import Rig

GUEST = m.CreateInvitation(role=m.Role.PATIENT, name="Navn", valid_minutes=30)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    """A store in a file."""
    async with open_store(f"sqlite:///{tmp_path / 'bridge.db'}") as opened:
        yield opened


def administration(store: EventStore, clock: Clock | None = None, pins: Pins | None = None) -> RoomAdministration:
    """A bridge's administration over a store."""
    outside = Outside(store, GateModel([]), Rig().legs, clock or Clock(), Counts())
    return RoomAdministration(RoomService(outside), Links(), store.rooms, pins)


async def test_a_room_is_made_listed_and_ended(store: EventStore) -> None:
    """A room that has ended is no longer listed, and is known all the same."""
    clock = Clock()
    desk = administration(store, clock)
    made = await desk.create_room(m.CreateRoom(name="Kontroll", max_participants=4))
    clock.seconds += 1
    other = await desk.create_room(m.CreateRoom(name="Annet", plain_calls=True))
    assert (made.plain_calls, other.plain_calls) == (False, True)
    assert (made.name, made.max_participants, made.ended, made.waiting, made.admitted) == (
        "Kontroll",
        4,
        False,
        0,
        0,
    )
    assert await desk.rooms() == [made, other]
    await desk.end_room(made.room)
    assert await desk.rooms() == [other]
    assert (await desk.room(made.room)).ended
    await desk.end_room(made.room)
    assert await store.verify_audit() is None


async def test_a_bridge_that_is_emptied_opens_no_rooms(store: EventStore) -> None:
    """Those that there are go on, and people are still invited to them."""
    outside = Outside(store, GateModel([]), Rig().legs, Clock(), Counts())
    drain = Drain()
    desk = RoomAdministration(RoomService(outside), Links(), store.rooms, None, lambda: drain.active)
    made = await desk.create_room(m.CreateRoom(name="Kontroll"))
    drain.start(Clock().now(), DrainReason.UPGRADE)
    with pytest.raises(Rejected) as refused:
        await desk.create_room(m.CreateRoom(name="Annet"))
    assert refused.value.code is Code.RESTARTING
    assert (await desk.invite(made.room, GUEST)).link
    drain.stop()
    await desk.create_room(m.CreateRoom(name="Annet"))


async def test_a_link_lasts_as_long_as_was_asked(store: EventStore) -> None:
    """The invitation expires after the minutes of the request, and the link names it."""
    desk = administration(store)
    made = await desk.create_room(m.CreateRoom(name="Kontroll"))
    invitation = await desk.invite(made.room, GUEST)
    assert (invitation.expires_at - Clock().now()).total_seconds() == 30 * 60
    assert invitation.link.endswith(f"#{made.room}.{invitation.invitation}")
    assert "Navn" not in invitation.link


async def test_rooms_are_found_after_a_restart(store: EventStore) -> None:
    """Another process on the same store knows the same rooms."""
    made = await administration(store).create_room(m.CreateRoom(name="Kontroll"))
    later = administration(store)
    assert await later.rooms() == [made]
    assert (await later.invite(made.room, GUEST)).room == made.room


async def test_unknown_rooms_are_unknown_whatever_is_asked(store: EventStore) -> None:
    """Every question about a room that is not there has one code."""
    desk = administration(store)
    for asked in (desk.room("r_x"), desk.end_room("r_x"), desk.invite("r_x", GUEST)):
        with pytest.raises(Rejected) as caught:
            await asked
        assert caught.value.code is Code.UNKNOWN_ROOM


async def test_what_the_rules_forbid_is_refused_and_audited(store: EventStore) -> None:
    """A patient cannot get a host link, an ended room takes no invitation."""
    desk = administration(store)
    made = await desk.create_room(m.CreateRoom(name="Kontroll"))
    host = m.CreateInvitation(role=m.Role.PATIENT, name="Navn", host=True)
    with pytest.raises(Rejected) as caught:
        await desk.invite(made.room, host)
    assert caught.value.code is Code.BAD_MESSAGE
    lines = await store.audit(made.room)
    assert (lines[-1].act, lines[-1].actor, lines[-1].outcome) == ("invite", "administration", "bad_message")
    await desk.end_room(made.room)
    with pytest.raises(Rejected) as caught:
        await desk.invite(made.room, GUEST)
    assert caught.value.code is Code.ROOM_ENDED


CALLER = m.CreateInvitation(role=m.Role.SPECIALIST, name="Navn", pin=True)


async def test_rooms_that_can_be_called_have_numbers_and_pins(store: EventStore) -> None:
    """No two of either are the same, and a PIN is told once, to the one who asked for it."""
    desk = administration(store, pins=Pins())
    rooms = [await desk.create_room(m.CreateRoom(name="Rom")) for _ in range(20)]
    numbers = {room.number for room in rooms}
    assert len(numbers) == 20
    assert all(number and len(number) == 8 and number[0] != "0" and number.isdigit() for number in numbers)
    invited = [await desk.invite(rooms[0].room, CALLER) for _ in range(5)]
    assert len({one.pin for one in invited}) == 5
    assert {(one.number, len(one.pin or "")) for one in invited} == {(rooms[0].number, 6)}
    assert (await desk.invite(rooms[0].room, GUEST)).pin is None
    host = m.CreateInvitation(role=m.Role.DOCTOR, name="Navn", host=True, pin=True)
    assert len((await desk.invite(rooms[0].room, host)).pin or "") == 10


async def test_without_gateways_there_is_nothing_to_call(store: EventStore) -> None:
    """Then rooms have no number, and asking for a PIN says so."""
    desk = administration(store)
    made = await desk.create_room(m.CreateRoom(name="Rom"))
    assert made.number is None
    with pytest.raises(Rejected) as caught:
        await desk.invite(made.room, CALLER)
    assert caught.value.code is Code.WRONG_STATE
    assert (await administration(store, pins=Pins()).room(made.room)).number is None
