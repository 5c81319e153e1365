"""What operators see of rooms: how many, by what, how good; and nothing of who they are."""

import json
from typing import Any

from aiohttp import ClientSession

from bridge.ops.roomlist import presence, room_list
from signalling.messages import Verdict
from tests.ops.duty import PLANTED, Duty, on_duty
from tests.ops.stations import BEARER

# Of everything that is told of a person, only this: anything new has to be looked at before it comes here.
OF_A_LEG = {"leg", "line", "place", "connected", "keys", "cipher", "link"}
OF_A_ROOM = {"room", "opened", "in_call", "waiting", "away", "by_call", "locked", "short", "in_doubt", "faults"}


async def everything(duty: Duty) -> dict[str, str]:
    """Whatever the port tells an operator, by path, found from its own routes."""
    rooms = [live.room.id for live in duty.rig.service.rooms]
    told = {}
    async with ClientSession(duty.address, headers=BEARER) as client:
        for route in duty.app.router.routes():
            path = str(route.resource.canonical) if route.resource is not None else ""
            if route.method != "GET" or path.startswith(("/login", "/static", "/operator")):
                continue
            for one in [path.replace("{room}", room) for room in rooms]:
                async with client.get(one) as answer:
                    told[one] = await answer.text()
    return told


async def test_no_name_number_or_address_is_told() -> None:
    """Names of people and rooms, telephone and national id numbers are planted in the rooms, and found nowhere."""
    async with on_duty(trouble=True) as duty:
        people = [one for live in duty.rig.service.rooms for one in live.room.participants.values()]
        assert all(one.name.reveal() == "Aslaug Nordahl" for one in people)
        told = await everything(duty)
    assert {"/picture", "/drain", "/feeds", "/metrics", "/metrics/legs", "/legs/worst", "/readyz"} <= set(told)
    text = "\n".join(told.values())
    assert sum(path.startswith("/rooms/") for path in told) == 2
    assert [word for word in PLANTED if word in text] == []
    assert [one.id for one in people if one.id in text] == [], "a participant's id would join this with the audit"


async def test_a_picture_has_rooms_legs_and_links() -> None:
    """The figures are those of the rooms, those in trouble first, and legs are told room by room."""
    async with on_duty(trouble=True) as duty:
        told = await everything(duty)
        picture: dict[str, Any] = json.loads(told["/picture"])
        legs = {path: json.loads(text)["legs"] for path, text in told.items() if path.startswith("/rooms/")}
    rooms = picture["rooms"]["rooms"]
    assert all(set(room) == OF_A_ROOM for room in rooms)
    assert [(room["in_call"], room["waiting"], room["by_call"]) for room in rooms] == [(1, 1, 0), (2, 0, 1)]
    assert rooms[0]["faults"] == {"client_cpu": 1, "downlink": 1}
    assert picture["drain"] | {"since": 0} == {
        "active": False, "since": 0, "reason": None, "due": False, "in_call": 3, "waiting": 1, "rooms": 2,
    }  # fmt: skip
    assert all(set(leg) == OF_A_LEG for lines in legs.values() for leg in lines)
    first = legs[f"/rooms/{rooms[0]['room']}"]
    assert [leg["place"] for leg in first] == ["admitted", "waiting"]
    assert first[0]["link"]["up"]["loss_percent"] == 12.0
    assert {line["verdict"] for line in picture["worst"]} == {"uplink", "downlink", "client_cpu"}
    assert all(line["leg"].isdigit() and line["room"].startswith("r_") for line in picture["worst"])
    codes = [one["code"] for one in picture["troubles"]]
    assert codes[:2] == ["check_failing", "rooms_failed"]
    assert {(one["what"], one["code"]): one["number"] for one in picture["happened"]} == {
        ("room_failures", "room"): 1,
        ("gateways", "registration_failed"): 4,
        ("converter_failures", "worker"): 1,
    }


async def test_an_empty_room_is_counted_and_many_are_cut() -> None:
    """Only rooms with somebody in them are listed, and no more than anybody reads."""
    async with on_duty() as duty:
        await duty.rig.open_room()
        listed = room_list(duty.rig.service.rooms, {}, most=1)
        assert (len(listed.rooms), listed.left_out, listed.empty) == (1, 1, 1)
        assert presence(duty.rig.service.rooms) == (3, 1, 2)
        doctor = next(iter(duty.rig.service.rooms[0].legs.values())).leg
        worst = room_list(duty.rig.service.rooms, {doctor: Verdict.BRIDGE}, most=1).rooms[0]
        assert (worst.room, worst.faults) == (duty.rig.service.rooms[0].room.id, {"bridge": 1})


async def test_a_room_that_ended_is_no_more() -> None:
    """Its legs are asked for by a page that has not heard yet."""
    async with on_duty() as duty, ClientSession(duty.address, headers=BEARER) as client:
        for room in ("r_gone", "01017012345"):
            async with client.get(f"/rooms/{room}") as answer:
                assert (answer.status, (await answer.json())["code"]) == (404, "unknown_room")
                assert room not in await answer.text()
