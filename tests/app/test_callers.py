"""Callers come to the desk of a room, wait like everyone, and go: through the real door, rooms and legs."""

from dataclasses import replace

import pytest

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.callers import AT_THE_DESK, CALLS_OF_A_SOURCE, WRONG_PINS_OF_A_SOURCE, CallerDoor
from bridge.app.calls.holding import HOLD_S
from bridge.app.calls.reception import TRIES
from bridge.app.calls.visitor import FAREWELL_S
from bridge.rooms.model import Line, Place
from signalling import messages as m
from signalling.gateways.interface import Caller, Ending, MediaRefused, TurnedAway
from signalling.gateways.interface import Line as CallerLine
from tests.app.desk import house
from tests.app.fakes import StoreDown


async def test_a_caller_enters_a_pin_waits_and_is_admitted() -> None:
    """The gate opens by the host's act and not before, and each step is said."""
    home = await house()
    visit = await home.call()
    assert home.prompts == [Prompt.ENTER_PIN]
    await home.key_in(visit, home.pin)
    assert home.caller().place is m.Place.WAITING
    assert not home.gate(visit)
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    assert home.gate(visit)
    assert home.prompts == [Prompt.ENTER_PIN, Prompt.WAITING, Prompt.NOTICE, Prompt.ADMITTED]
    (person,) = (p for p in home.rig.recorded(home.room).participants.values() if p.line is Line.SIP)
    assert person.place is Place.ADMITTED


async def test_nothing_passes_at_the_desk() -> None:
    """Until a PIN is right, the room knows of nobody and the gate is closed."""
    home = await house()
    visit = await home.call()
    assert len(home.rig.recorded(home.room).participants) == 1
    assert not home.gate(visit)
    assert home.rig.engine.reaching(visit.leg or 0) == set()


@pytest.mark.parametrize("number", ["00000000", "", "nothing"])
async def test_numbers_of_no_room_are_turned_away(number: str) -> None:
    """As is that of a room that has ended."""
    home = await house()
    with pytest.raises(TurnedAway) as caught:
        await home.call(number or "x")
    assert caught.value.why is Ending.NO_ROOM
    await home.rig.administration.end_room(home.room)
    with pytest.raises(TurnedAway):
        await home.call()


async def test_three_wrong_pins_end_the_call_and_are_all_on_record() -> None:
    """The leg goes with it, and nobody has come in."""
    home = await house()
    visit = await home.call()
    for _ in range(3):
        await home.key_in(visit, "999999")
    assert home.phone.hung_up is Ending.WRONG_PIN
    assert visit.leg not in home.rig.engine.legs
    assert len(home.rig.recorded(home.room).participants) == 1
    assert [line.outcome for line in home.rig.store.audit if line.act == "call"] == ["pin_wrong"] * 3
    assert len(home.door) == 0


async def test_guessing_is_rationed() -> None:
    """A source has so many tries, the room so many wrong ones from all; then even the right PIN is not tried."""
    home = await house()
    for number in range(4):
        visit = await home.call(source=f"192.0.2.{number}")
        for _ in range(3):
            await home.key_in(visit, "999999")
    assert home.phone.hung_up is Ending.TOO_MANY
    visit = await home.call(source="198.51.100.1")
    await home.key_in(visit, home.pin)
    assert home.phone.hung_up is Ending.TOO_MANY
    assert home.rig.counts.seen["calls", "pin_wrong"] == 10
    await home.rig.pass_time(60)
    visit = await home.call(source="198.51.100.1")
    await home.key_in(visit, home.pin)
    assert home.caller().place is m.Place.WAITING


async def test_a_source_has_so_many_wrong_pins_and_any_number_of_right_ones() -> None:
    """A hospital's room systems come by one trunk; whoever guesses from there is stopped, and then all are."""
    home = await house()
    for _ in range(WRONG_PINS_OF_A_SOURCE[0] + 1):
        await home.rig.pass_time(CALLS_OF_A_SOURCE[1])
        await home.come()
        assert home.phone.hung_up is None
        await home.invite(m.Role.SPECIALIST)
    for count in range(WRONG_PINS_OF_A_SOURCE[0]):
        if count % TRIES == 0:
            visit = await home.call()
        await home.key_in(visit, "999999")
    guesser = home.phone
    visit = await home.call()
    await home.key_in(visit, home.pin)
    assert (guesser.hung_up, home.phone.hung_up) == (Ending.WRONG_PIN, Ending.TOO_MANY)


async def test_a_bridge_that_is_emptied_takes_calls_only_to_rooms_where_somebody_is() -> None:
    """A specialist who is late gets in; a consultation that has not begun is for another bridge."""
    home = await house()
    home.door = CallerDoor(home.rig.service, home.media, home.policy, home.rig.later, lambda: True)
    await home.come()
    assert home.caller().place is m.Place.WAITING
    empty = await home.rig.administration.create_room(m.CreateRoom(name="Tomt"))
    with pytest.raises(TurnedAway) as caught:
        await home.call(empty.number)
    assert caught.value.why is Ending.STOPPING


async def test_a_desk_holds_so_many() -> None:
    """Calls without a PIN cannot pile up."""
    home = await house()
    for _ in range(AT_THE_DESK):
        await home.call()
    with pytest.raises(TurnedAway) as caught:
        await home.call()
    assert caught.value.why is Ending.TOO_MANY


async def test_who_enters_nothing_is_let_go() -> None:
    """Time alone ends the call."""
    home = await house()
    await home.call()
    for _ in range(100):
        await home.rig.pass_time(1)
    assert home.phone.hung_up is Ending.NO_PIN
    await home.rig.pass_time(FAREWELL_S)
    assert home.rig.later.waiting == []


@pytest.mark.parametrize(("lost", "place"), [(False, Place.OUTSIDE), (True, Place.ADMITTED)])
async def test_a_call_that_ends_leaves_and_one_that_is_lost_keeps_its_place(place: Place, *, lost: bool) -> None:
    """In both cases no media passes any more, and the leg is gone."""
    home = await house()
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    visit.ended(lost=lost)
    await home.rig.pass_time(0)
    people = home.rig.recorded(home.room).participants.values()
    (person,) = (p for p in people if p.line is Line.SIP)
    assert (person.place, person.connected) == (place, False)
    assert visit.leg not in home.rig.engine.legs
    assert home.phone.hung_up is None
    assert len(home.door) == 0


async def test_who_was_lost_calls_again_and_waits() -> None:
    """With the same PIN, as the same person; admitted once more, they are in."""
    home = await house()
    first = await home.come()
    who = home.caller().participant
    await home.say(m.Admit(participant=who, ref=1))
    first.ended(lost=True)
    await home.rig.pass_time(0)
    second = await home.come()
    assert (home.caller().participant, home.caller().place) == (who, m.Place.WAITING)
    assert not home.gate(second)
    await home.say(m.Admit(participant=who, ref=1))
    assert home.gate(second)


async def test_a_second_call_with_the_same_pin_is_turned_away() -> None:
    """And the first goes on."""
    home = await house()
    first = await home.come()
    await home.come()
    assert home.phone.hung_up is Ending.NO_PLACE
    assert len(home.door) == 1
    assert first.leg in home.rig.engine.legs


@pytest.mark.parametrize(
    ("act", "why", "said"),
    [
        (lambda who: m.Remove(participant=who, ref=1), Ending.REMOVED, Prompt.REMOVED),
        (lambda _who: m.End(ref=1), Ending.ROOM_ENDED, Prompt.ENDED),
    ],
)
async def test_who_is_put_out_is_told_and_hears_nobody_meanwhile(act: object, why: Ending, said: Prompt) -> None:
    """The gate closes at once; the call ends when that has been said, or has had its time."""
    home = await house()
    home.media.says = False
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    await home.say(act(home.caller().participant))  # type: ignore[operator]
    assert home.prompts[-1] is said
    assert not home.gate(visit)
    assert home.rig.engine.reaching(visit.leg or 0) == set()
    assert home.phone.hung_up is None
    await home.rig.pass_time(FAREWELL_S)
    assert home.phone.hung_up is why
    assert visit.leg not in home.rig.engine.legs


async def test_who_is_refused_while_waiting_is_told() -> None:
    """And cannot come back with that PIN."""
    home = await house()
    await home.come()
    await home.say(m.Refuse(participant=home.caller().participant, reason=None, ref=1))
    await home.rig.pass_time(FAREWELL_S)
    assert home.phone.hung_up is Ending.TURNED_AWAY
    await home.come()
    assert home.phone.hung_up is Ending.TURNED_AWAY


async def test_back_to_the_waiting_room_is_said() -> None:
    """The call goes on, with a closed gate."""
    home = await house()
    visit = await home.come()
    who = home.caller().participant
    await home.say(m.Admit(participant=who, ref=1))
    await home.say(m.ToWaiting(participant=who, ref=1))
    assert home.prompts[-1] is Prompt.WAITING_AGAIN
    assert not home.gate(visit)


@pytest.mark.parametrize("plain", [True, False])
async def test_the_room_says_whether_media_may_be_open(plain: bool) -> None:  # noqa: FBT001 - a parameter
    """For every offer anew."""
    home = await house()
    visit = await home.come()
    visit.live.room = replace(visit.live.room, plain_calls=plain)
    visit.describe("other")
    assert home.media.plain is plain


async def test_media_that_cannot_be_used_are_said_to_be() -> None:
    """What was agreed before stands, and the call may go on."""
    home = await house()
    visit = await home.come()
    home.media.refusing = True
    with pytest.raises(MediaRefused):
        visit.describe("other")
    assert visit.leg in home.rig.engine.legs


async def test_hold_keys_and_key_frames_reach_media_only_during_the_call() -> None:
    """After its end nothing of it does anything."""
    home = await house()
    visit = await home.come()
    visit.held(held=True)
    visit.wants_key_frame()
    home.door.key_frame_wanted(visit.leg or 0)
    assert home.phone.key_frames == 1
    visit.answered("v=0")
    visit.declined()
    leg = visit.leg
    home.door.pressed(leg or 0, "1")
    visit.ended(lost=False)
    visit.held(held=False)
    visit.wants_key_frame()
    visit.answered("v=0")
    visit.established()
    visit.want_key_frame()
    visit.pressed("1")
    visit.ended(lost=True)
    assert home.phone.key_frames == 1
    with pytest.raises(MediaRefused):
        visit.describe("v=0")
    assert (home.media.wanted, home.media.answers) == ([leg], ["v=0"])


async def test_a_peer_that_is_silent_is_lost_and_hung_up_on() -> None:
    """Whatever its signalling says: nobody hears it, and what is sent to it may reach a stranger."""
    home = await house()
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    home.door.silent(12345)
    home.door.silent(visit.leg or 0)
    await home.rig.pass_time(0)
    assert home.phone.hung_up is Ending.FAILED
    assert visit.leg not in home.rig.engine.legs
    assert not home.caller().connected


async def test_hanging_up_while_the_pin_is_looked_at_leaves_nothing() -> None:
    """The place that the PIN then opened is given up."""
    home = await house()
    visit = await home.call()
    for key in f"{home.pin}#":
        visit.pressed(key)
    visit.ended(lost=False)
    await home.rig.pass_time(0)
    await home.rig.pass_time(0)
    people = home.rig.recorded(home.room).participants.values()
    assert [p.place for p in people if p.line is Line.SIP] in ([], [Place.OUTSIDE])
    assert visit.leg not in home.rig.engine.legs


async def test_leaving_is_tried_until_it_is_on_record() -> None:
    """A store that is away keeps nobody in the room for good."""
    home = await house()
    visit = await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    home.rig.store.failing = "before"
    visit.ended(lost=False)
    with pytest.raises(StoreDown):
        await home.rig.pass_time(0)
    home.rig.store.failing = None
    await home.rig.pass_time(10)
    await home.rig.service.repair()
    (person,) = (p for p in home.rig.recorded(home.room).participants.values() if p.line is Line.SIP)
    assert person.place is Place.OUTSIDE
    assert visit.leg not in home.rig.engine.legs


async def test_a_store_that_is_away_at_the_desk_ends_the_call() -> None:
    """The caller calls again; nobody is left half way in."""
    home = await house()
    visit = await home.call()
    home.rig.store.failing = "before"
    for key in f"{home.pin}#":
        visit.pressed(key)
    with pytest.raises(StoreDown):
        await home.rig.pass_time(0)
    assert home.phone.hung_up is Ending.FAILED
    assert visit.leg not in home.rig.engine.legs


async def test_a_failed_gateway_loses_its_calls_and_a_drained_one_takes_no_more() -> None:
    """People keep their places, and come back when it is there again."""
    home = await house()
    visit = await home.come()
    home.door.lose_all()
    await home.rig.pass_time(0)
    assert len(home.door) == 0
    assert visit.leg not in home.rig.engine.legs
    assert not home.caller().connected
    home.door.drain()
    with pytest.raises(TurnedAway) as caught:
        await home.call()
    assert caught.value.why is Ending.STOPPING


async def test_a_room_whose_media_fail_ends_its_calls() -> None:
    """Unlike a page, a call cannot come back by itself."""
    home = await house()
    await home.come()
    live = home.rig.live(home.room)
    home.rig.service._begin_anew(live)
    assert home.phone.hung_up is Ending.STOPPING
    await home.rig.pass_time(0)
    (person,) = (p for p in home.rig.recorded(home.room).participants.values() if p.line is Line.SIP)
    assert not person.connected


async def test_a_leg_that_went_with_the_rooms_media_takes_no_place() -> None:
    """Whoever was at the desk then is hung up on, and calls again."""
    home = await house()
    visit = await home.call()
    home.rig.service._begin_anew(home.rig.live(home.room))
    await home.key_in(visit, home.pin)
    assert home.phone.hung_up is Ending.STOPPING
    await home.come()
    (person,) = (p for p in home.rig.recorded(home.room).participants.values() if p.line is Line.SIP)
    assert person.place is Place.WAITING


async def test_callers_and_pins_are_in_no_text() -> None:
    """What is printed of a caller is what a log may hold."""
    caller = Caller(line=CallerLine.TELEPHONE, number="12345678", source="192.0.2.7", address="+4799999999")
    assert "4799999999" not in repr(caller)
    assert "192.0.2.7" not in repr(caller)


async def test_who_is_let_in_while_they_are_told_is_not_told_more() -> None:
    """The notice is for who waits; over the voices of others it would be a disturbance. It was given by nobody."""
    home = await house()
    home.media.says = False
    await home.come()
    await home.say(m.Admit(participant=home.caller().participant, ref=1))
    assert home.prompts[-1] is Prompt.ADMITTED
    home.media.then()
    assert home.prompts[-1] is Prompt.ADMITTED
    assert home.caller().consents == []


async def test_who_waits_is_told_so_again_and_again() -> None:
    """Every so often, from the last time on; not at the desk, nor in the room, nor after the call."""
    home = await house()
    visit = await home.come()
    who = home.caller().participant
    for _ in range(2):
        assert home.prompts[-1] is not Prompt.ADMITTED
        await home.rig.pass_time(HOLD_S - 1)
        said = len(home.prompts)
        await home.rig.pass_time(1)
        assert home.prompts[said:] == [Prompt.STILL_WAITING]
    await home.say(m.Admit(participant=who, ref=1))
    said = len(home.prompts)
    await home.rig.pass_time(2 * HOLD_S)
    assert home.prompts[said:] == []
    await home.say(m.ToWaiting(participant=who, ref=1))
    assert home.prompts[said:] == [Prompt.WAITING_AGAIN]
    await home.rig.pass_time(HOLD_S)
    assert home.prompts[said:] == [Prompt.WAITING_AGAIN, Prompt.STILL_WAITING]
    visit.ended(lost=False)
    await home.rig.pass_time(2 * HOLD_S)
    assert len(home.prompts) == said + 2


async def test_a_call_ends_as_soon_as_the_caller_has_been_told_why() -> None:
    """Not before, and not much later than it could have been said."""
    home = await house()
    home.media.says = False
    visit = await home.call()
    for _ in range(TRIES):
        await home.key_in(visit, "999999")
    assert home.prompts[-1] is Prompt.PIN_SPENT
    assert home.phone.hung_up is None
    home.media.then()
    assert home.phone.hung_up is Ending.WRONG_PIN
    home.media.then()
    await home.rig.pass_time(FAREWELL_S)
    assert len(home.door) == 0
