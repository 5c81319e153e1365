"""Somebody tries numbers of rooms: what they can learn by that, and how fast.

That a room has a number is no secret: who calls it by mistake hears that a PIN is asked for. All else is one: what
kind of room it is, whether anybody is in it, and whether there ever was a room by a number that leads nowhere.
"""

import pytest

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.callers import CALLS_OF_A_SOURCE
from bridge.app.calls.visitor import Visitor
from signalling import messages as m
from signalling.gateways.interface import Caller, Ending, Line, TurnedAway
from tests.app.desk import House, Phone, house
from tests.app.rig import offer_of

WRONG = "999999"
LINES = (Line.SIP, Line.H323, Line.TELEPHONE)


async def tries(home: House, number: str, line: Line, source: str = "192.0.2.7") -> Visitor | Ending:
    """Call a number as a stranger: the visit at the desk, or why there is none."""
    home.phone = Phone()
    caller = Caller(line=line, number=number, source=source, address="sip:stranger@example.org")
    try:
        visit = await home.door.arrive(caller, home.phone)
    except TurnedAway as error:
        return error.why
    visit.describe(offer_of(500))
    visit.established()
    return visit


async def rooms(home: House) -> dict[str, str]:
    """Numbers of rooms that are as different as rooms can be, by what is so about each."""
    numbers = {"with a doctor, locked": home.number}
    await home.say(m.Lock(locked=True, ref=1))
    full = await home.rig.administration.create_room(m.CreateRoom(name="Fullt", max_participants=2))
    for role, host in ((m.Role.DOCTOR, True), (m.Role.PATIENT, False)):
        await home.rig.enter(full.room, role, host=host)
    empty = await home.rig.administration.create_room(m.CreateRoom(name="Tomt", plain_calls=True))
    waits = await home.rig.administration.create_room(m.CreateRoom(name="En om gangen", one_at_a_time=True))
    await home.rig.enter(waits.room)
    others = {"full": full, "empty, and takes open media": empty, "with one who waits": waits}
    numbers |= {which: room.number or "" for which, room in others.items()}
    assert all(numbers.values())
    return numbers


@pytest.mark.parametrize("line", LINES)
async def test_a_desk_tells_nothing_of_its_room(line: Line) -> None:
    """Empty, full, locked or somebody waits: the same words before a PIN and after wrong ones."""
    home = await house()
    heard = {}
    for which, number in (await rooms(home)).items():
        said = len(home.media.said)
        visit = await tries(home, number, line)
        assert isinstance(visit, Visitor)
        for _ in range(3):
            await home.key_in(visit, WRONG)
        heard[which] = ([prompt for _, prompt in home.media.said[said:]], home.phone.hung_up)
        await home.rig.pass_time(600)
    wrong = [Prompt.PIN_WRONG, Prompt.PIN_WRONG_AGAIN, Prompt.PIN_SPENT]
    assert heard == dict.fromkeys(heard, ([Prompt.ENTER_PIN, *wrong], Ending.WRONG_PIN))


@pytest.mark.parametrize("line", LINES)
async def test_numbers_that_lead_nowhere_are_all_alike(line: Line) -> None:
    """Whether a consultation was held by it, was called off, or there never was one; and so in what is counted."""
    home = await house()
    over = await home.rig.administration.create_room(m.CreateRoom(name="Over"))
    await home.rig.administration.end_room(over.room)
    off = await home.rig.administration.create_room(m.CreateRoom(name="Avlyst"))
    await home.rig.administration.cancel(off.room, None, m.NewTime())
    numbers = [over.number or "", off.number or "", "00000000", "1", "9" * 40, "'; --"]
    before = dict(home.rig.counts.seen)
    assert [await tries(home, number, line) for number in numbers] == [Ending.NO_ROOM] * len(numbers)
    more = {key: number - before.get(key, 0) for key, number in home.rig.counts.seen.items()}
    assert {key: number for key, number in more.items() if number} == {("calls", "no_room"): len(numbers)}


@pytest.mark.parametrize("line", LINES)
async def test_trying_numbers_is_rationed(line: Line) -> None:
    """So many at once, then one every few seconds; beyond that a number that exists is answered like any other."""
    home = await house()
    most, seconds = CALLS_OF_A_SOURCE
    guesser = "2001:db8:1:1::7"
    for number in range(most):
        assert await tries(home, f"{number:08}", line, guesser) is Ending.NO_ROOM
    for number in (home.number, "00000000", home.number):
        # Of IPv6 the network counts, where one who has an address has all.
        assert await tries(home, number, line, "2001:db8:1:1::8") is Ending.TOO_MANY
    assert isinstance(await tries(home, home.number, line, "2001:db8:1:2::7"), Visitor)
    await home.rig.pass_time(seconds)
    assert isinstance(await tries(home, home.number, line, guesser), Visitor)
    assert await tries(home, home.number, line, guesser) is Ending.TOO_MANY
