"""Callers ask for the floor: the room's rule for sharing decides, and each is told what came of it."""

import pytest

from bridge.app.calls.visitor import Visitor
from signalling import messages as m
from signalling.errors import Rejected
from signalling.gateways.interface import Floor
from tests.app.desk import House, house
from tests.app.fakes import StoreDown


async def showing(home: House) -> Visitor:
    """A room system with a line for content, admitted."""
    home.media.content = "2"
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    return visit


async def wish(home: House, visit: Visitor, *, wanted: bool) -> list[Floor]:
    """Want the floor, or no more; give what was told since."""
    before = len(home.phone.floors)
    visit.wants_floor(wanted=wanted)
    await home.rig.pass_time(0)
    return home.phone.floors[before:]


async def test_a_caller_gets_the_floor_and_gives_it_back() -> None:
    """The room sees who shares, as it does of pages."""
    home = await house()
    visit = await showing(home)
    assert await wish(home, visit, wanted=True) == [Floor.YOURS]
    assert home.caller().sharing
    assert await wish(home, visit, wanted=False) == [Floor.FREE]
    assert not home.caller().sharing
    assert await wish(home, visit, wanted=False) == []


async def test_one_shows_at_a_time() -> None:
    """Whoever came first; the other is told no, and when the floor is free."""
    home = await house()
    visit = await showing(home)
    await home.say(m.Sharing(on=True, ref=2))
    assert home.phone.floors == [Floor.TAKEN]
    assert await wish(home, visit, wanted=True) == [Floor.TAKEN]
    await home.say(m.Sharing(on=False, ref=3))
    assert home.phone.floors[2:] == [Floor.FREE]
    assert await wish(home, visit, wanted=True) == [Floor.YOURS]
    with pytest.raises(Rejected):
        await home.say(m.Sharing(on=True, ref=4))
    assert home.caller().sharing
    assert home.phone.floors[-1] is Floor.YOURS


async def test_who_is_sent_back_to_wait_shows_no_more() -> None:
    """And gets no floor while waiting."""
    home = await house()
    visit = await showing(home)
    await wish(home, visit, wanted=True)
    await home.say(m.ToWaiting(participant=home.caller().participant, ref=2))
    assert home.phone.floors[-1] is Floor.FREE
    assert await wish(home, visit, wanted=True) == [Floor.FREE]


@pytest.mark.parametrize("lost", [False, True])
async def test_the_floor_goes_with_the_call(*, lost: bool) -> None:
    """Whether it is ended or lost."""
    home = await house()
    visit = await showing(home)
    await wish(home, visit, wanted=True)
    visit.ended(lost=lost)
    await home.rig.pass_time(0)
    assert not any(person.sharing for person in home.rig.recorded(home.room).participants.values())
    assert await wish(home, visit, wanted=True) == []


async def test_at_the_desk_and_without_a_line_for_content_there_is_no_floor() -> None:
    """The answer is no all the same."""
    home = await house()
    visit = await home.call()
    assert await wish(home, visit, wanted=True) == [Floor.FREE]
    await home.key_in(visit, home.pin)
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    assert await wish(home, visit, wanted=True) == [Floor.FREE]


async def test_a_wish_that_fails_is_answered() -> None:
    """The store may be away; the peer does not wait for ever."""
    home = await house()
    visit = await showing(home)
    home.rig.store.failing = "before"
    with pytest.raises(StoreDown):
        await wish(home, visit, wanted=True)
    assert home.phone.floors == [Floor.FREE]


async def test_a_wish_given_up_at_once_leaves_nobody_sharing() -> None:
    """In the order in which they came."""
    home = await house()
    visit = await showing(home)
    visit.wants_floor(wanted=True)
    assert await wish(home, visit, wanted=False) == [Floor.YOURS, Floor.FREE]
    assert not home.caller().sharing
