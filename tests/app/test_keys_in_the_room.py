"""What callers do by keys once they are in: everybody for themselves, and hosts for the room."""

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.keys import PAUSE_S
from bridge.app.calls.visitor import ACTS_OF_A_CALL, Visitor
from signalling import messages as m
from signalling.gateways.interface import Line as CallerLine
from tests.app.desk import House, house


async def test_a_host_by_call_is_in_at_once() -> None:
    """The administration let the holder of a host link in, by whatever way."""
    home = await house(host=True)
    visit = await home.come()
    assert home.gate(visit)
    assert home.prompts == [Prompt.ENTER_PIN, Prompt.ADMITTED]


async def test_a_host_at_a_room_system_lets_the_next_in_and_locks() -> None:
    """By keys, with the rules and the records of pages; each act is said."""
    home = await house(host=True)
    await home.rig.say(home.doctor, m.Leave())
    visit = await home.come()
    first, second = [await home.rig.enter(home.room) for _ in range(2)]
    for keys in ("1", "*2", "5", "*"):
        await press(home, visit, keys)
    await home.rig.pass_time(PAUSE_S + 1)
    await press(home, visit, "1")
    assert home.prompts == [Prompt.ENTER_PIN, Prompt.ADMITTED, *[Prompt.SOMEBODY_WAITS] * 2]
    await press(home, visit, "*1")
    assert [page.connection.roster.people[-1].place for page in (first, second)] == [
        m.Place.ADMITTED,
        m.Place.WAITING,
    ]
    for keys, said in (
        ("*5", Prompt.LOCKED),
        ("*5", Prompt.UNLOCKED),
        ("*1", Prompt.LET_IN),
        ("*1", Prompt.NOBODY_WAITS),
    ):
        await press(home, visit, keys)
        assert home.prompts[-1] is said
    assert {line.act for line in home.rig.store.audit} >= {"admitted", "lock_changed"}


async def test_only_the_hosts_keys_do_anything_in_the_room() -> None:
    """A specialist who was let in decides nothing."""
    home = await house()
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    await home.rig.enter(home.room)
    await press(home, visit, "*1*5")
    assert not home.rig.recorded(home.room).locked
    assert home.prompts[-1] is Prompt.ADMITTED


async def test_a_caller_sees_one_or_all_as_they_like() -> None:
    """Anybody's own picture is theirs to lay out; it stays so when the call gets another leg."""
    home = await house()
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    legs = home.rig.live(home.room).legs
    (who,) = (owner for owner, media in legs.items() if media.leg == visit.leg)
    assert legs[who].together
    await press(home, visit, "*2")
    assert not legs[who].together
    visit._use(
        visit._desk.media.describe(
            None, home.rig.live(home.room).number, None, "192.0.2.7", plain=False, line=CallerLine.SIP
        )[0]
    )
    assert not legs[who].together
    await press(home, visit, "2*2")
    assert legs[who].together
    assert not any(media.together for owner, media in legs.items() if owner != who)


async def test_keys_that_do_something_are_rationed() -> None:
    """Each may begin a conversion; what is too much is counted, and does nothing."""
    home = await house()
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    live = home.rig.live(home.room)
    await press(home, visit, "*2" * (ACTS_OF_A_CALL[0] + 3))
    (media,) = (one for one in live.legs.values() if one.leg == visit.leg)
    assert media.together is (ACTS_OF_A_CALL[0] % 2 == 0)
    assert home.rig.counts.seen["calls", "too_many"] == 3


async def press(home: House, visit: Visitor, keys: str) -> None:
    """Press keys and let what follows happen."""
    for key in keys:
        visit.pressed(key)
    await home.rig.pass_time(0)
