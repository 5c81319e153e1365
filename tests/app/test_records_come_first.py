"""Examples of load, decide, record, act, tell: what is on record when, and what each failure leaves behind."""

import asyncio
from typing import Any

import pytest

from bridge.rooms.events import Admitted
from bridge.rooms.model import ParticipantId
from media.api import Speakers
from media.description import CAMERA, MIC
from signalling import messages as m
from signalling.errors import Code
from tests.app.fakes import StoreDown
from tests.app.rig import GRACE, Page, Rig, code_of, offer_of


@pytest.fixture
def rig() -> Rig:
    """A bridge."""
    return Rig()


async def test_an_admission_is_on_record_before_the_gate_opens(rig: Rig) -> None:
    """The store has the event before the engine hears of feeds and gates, in this order."""
    _room, doctor, patient = await rig.consultation()
    rig.log.clear()
    await rig.let_in(doctor, patient)
    assert rig.log == ["record Admitted", "SetFeeds", "SetGate"]


async def test_a_removal_shuts_the_gate_before_anything_else_has_a_turn(rig: Rig) -> None:
    """Between the word of the store and the closed gate nothing waits, whatever else the bridge has to do."""
    _room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    rig.log.clear()
    append, loop = rig.store.append, asyncio.get_running_loop()

    async def append_and_mark(*given: Any) -> int:
        revision = await append(*given)
        loop.call_soon(rig.log.append, "next turn")
        return revision

    rig.store.append = append_and_mark
    await rig.say(doctor, m.Remove(participant=patient.participant, ref=1))
    await asyncio.sleep(0)
    assert rig.log[:2] == ["record Removed", "SetGate"]
    assert rig.log[-1] == "next turn"


async def test_admission_lets_packets_through_both_ways_and_not_before(rig: Rig) -> None:
    """Before it nothing reaches either; after it each has the other's sound and picture, and is told so."""
    room, doctor, patient = await rig.consultation()
    assert rig.sees(room, doctor) == rig.sees(room, patient) == set()
    assert patient.connection.layout.slots == []
    await rig.let_in(doctor, patient)
    both = {MIC, CAMERA}
    assert rig.sees(room, patient) == {(doctor.participant, source) for source in both}
    assert rig.sees(room, doctor) == {(patient.participant, source) for source in both}
    assert {slot.participant for slot in patient.connection.layout.slots} == {doctor.participant}


@pytest.mark.parametrize("failing", ["before", "after"])
async def test_a_store_that_fails_opens_nothing(rig: Rig, failing: str) -> None:
    """The act raises, and no gate moves before the store has told that the admission is on record."""
    room, doctor, patient = await rig.consultation()
    rig.store.failing = failing
    with pytest.raises(StoreDown):
        await rig.let_in(doctor, patient)
    await rig.service.repair()
    assert rig.leg(room, patient) not in rig.engine.open_legs()
    rig.store.failing = None
    await rig.service.repair()
    recorded = any(isinstance(event, Admitted) for event in rig.store.events(room))
    assert recorded == (failing == "after")
    assert (rig.leg(room, patient) in rig.engine.open_legs()) == recorded


async def test_a_removal_cut_short_after_its_record_still_happens(rig: Rig) -> None:
    """When the task is cancelled between record and act, repair puts the person out and says goodbye."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(rig.say(doctor, m.Remove(participant=patient.participant, ref=1)))
        while rig.log[-1] != "record Removed":  # noqa: ASYNC110 - it is the very turn of the loop that matters
            await asyncio.sleep(0)
        task.cancel()
    assert leg in rig.engine.open_legs()
    await rig.service.repair()
    assert leg not in rig.engine.legs
    assert patient.connection.bye is Code.REMOVED
    await rig.say(doctor, m.Lock(locked=True, ref=2))
    assert rig.recorded(room) == rig.live(room).room


async def test_a_join_cut_short_after_its_record_leaves_no_ghost(rig: Rig) -> None:
    """Somebody recorded as arrived whose socket never got its seat is recorded as gone by the next repair."""
    room = await rig.open_room()
    page = await rig.page(room)
    rig.store.failing = "after"
    with pytest.raises(StoreDown):
        await rig.join(page)
    rig.store.failing = None
    await rig.service.repair()
    assert [person.connected for person in rig.recorded(room).participants.values()] == [False]


async def test_a_ghost_is_gone_after_the_grace_and_not_before(rig: Rig) -> None:
    """Media goes on while the owner of a lost connection may come back, then the gate shuts."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    await rig.lose(patient)
    await rig.pass_time(GRACE - 1)
    assert rig.sees(room, doctor) == {(patient.participant, MIC), (patient.participant, CAMERA)}
    await rig.pass_time(1)
    assert leg not in rig.engine.open_legs()
    assert doctor.connection.layout.slots == []
    told = {person.participant: person.connected for person in doctor.connection.roster.people}
    assert told == {doctor.participant: True, patient.participant: False}


async def test_a_ghost_whose_gate_could_not_be_shut_keeps_no_leg(rig: Rig) -> None:
    """A leg is kept for who may come back only where nothing passes it meanwhile."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    await rig.lose(patient)
    rig.engine.dead = True
    await rig.pass_time(GRACE)
    assert not rig.recorded(room).participants[patient.participant].connected
    rig.engine.dead = False
    rig.deliver()
    assert leg not in rig.engine.legs


async def test_who_is_back_by_the_records_alone_is_let_nothing_through(rig: Rig) -> None:
    """A page that comes back to its leg and whose socket gets no seat: the gate stays shut until it has one."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    await rig.lose(patient)
    await rig.pass_time(GRACE)
    opened: list[int] = []
    rig.engine.opening = opened.append
    rig.store.failing = "after"
    with pytest.raises(StoreDown):
        await rig.join(patient)
    rig.store.failing = None
    await rig.service.repair()
    assert leg in rig.engine.legs
    assert leg not in opened
    await rig.join(patient)
    assert leg in opened


async def test_a_ghost_is_tried_again_when_the_store_was_away(rig: Rig) -> None:
    """A disconnection that could not be recorded is recorded later, so that no gate stays open for nobody."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    await rig.lose(patient)
    rig.store.failing = "before"
    with pytest.raises(StoreDown):
        await rig.pass_time(GRACE)
    rig.store.failing = None
    await rig.pass_time(GRACE)
    assert rig.engine.open_legs() == {rig.leg(room, doctor)}


async def test_coming_back_within_the_grace_keeps_place_and_leg(rig: Rig) -> None:
    """A new socket of the same page goes on with its leg; the old socket's end changes nothing."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    await rig.lose(patient)
    await rig.join(patient)
    await rig.offer(patient)
    await rig.pass_time(GRACE + 1)
    assert rig.leg(room, patient) == leg
    assert rig.sees(room, patient)
    assert patient.connection.welcome.place is m.Place.ADMITTED


async def test_a_second_page_replaces_the_first(rig: Rig) -> None:
    """The old socket hears `replaced`, its late messages are refused, and its leg ends with the new offer."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    old_leg, old_seat, old_socket = rig.leg(room, patient), patient.seat, patient.connection
    second = Page(patient.link, resume=patient.resume)
    await rig.join(second)
    assert old_socket.bye is Code.REPLACED
    assert old_seat is not None
    assert await code_of(rig.door.handle(old_seat, m.SelfMute(muted=True, ref=1))) is Code.REPLACED
    await rig.offer(second)
    assert old_leg not in rig.engine.legs
    assert rig.sees(room, second)
    await rig.door.lost(old_seat)
    await rig.pass_time(GRACE)
    assert rig.recorded(room).participants[second.participant].connected


async def test_an_offer_that_waited_while_its_page_was_replaced_is_refused(rig: Rig) -> None:
    """The leg of the newer page is not taken away by the older page's late offer."""
    room, _doctor, patient = await rig.consultation()
    second = Page(patient.link, resume=patient.resume)
    late = Page(patient.link, seat=patient.seat)
    async with asyncio.TaskGroup() as group:
        joining = group.create_task(rig.join(second))
        await asyncio.sleep(0)
        assert rig.live(room).lock.locked()
        offering = group.create_task(code_of(rig.offer(late)))
    assert joining.exception() is None
    assert offering.result() is Code.REPLACED


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (lambda who: m.Remove(participant=who, ref=1), Code.REMOVED),
        (lambda who: m.Refuse(participant=who, ref=1), Code.REFUSED),
        (lambda _who: m.End(ref=1), Code.ENDED),
    ],
)
async def test_whoever_is_put_out_hears_why(rig: Rig, message: object, code: Code) -> None:
    """The socket ends with the code of the act, and the leg goes with it."""
    room, doctor, patient = await rig.consultation()
    leg = rig.leg(room, patient)
    await rig.say(doctor, message(patient.participant))  # type: ignore[operator]
    assert patient.connection.bye is code
    assert leg not in rig.engine.legs


async def test_leaving_ends_with_left_and_leads_back_to_the_waiting_room(rig: Rig) -> None:
    """Who leaves gives the place up, and the same link waits again."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    await rig.say(patient, m.Leave())
    assert patient.connection.bye is Code.LEFT
    await rig.join(patient)
    assert patient.connection.welcome.place is m.Place.WAITING
    await rig.offer(patient)
    assert rig.engine.open_legs() == {rig.leg(room, doctor)}


async def test_being_sent_to_wait_stops_media_and_keeps_the_leg_warm(rig: Rig) -> None:
    """The gate shuts, the roster shrinks to oneself, and a new admission needs no new offer."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    leg = rig.leg(room, patient)
    await rig.say(doctor, m.ToWaiting(participant=patient.participant, ref=1))
    assert rig.engine.open_legs() == {rig.leg(room, doctor)}
    assert [person.participant for person in patient.connection.roster.people] == [patient.participant]
    assert patient.connection.layout.slots == []
    await rig.let_in(doctor, patient)
    assert rig.leg(room, patient) == leg
    assert rig.sees(room, patient)


async def test_an_ended_room_leaves_memory_and_takes_nobody(rig: Rig) -> None:
    """Its legs are gone, acts on it are refused as ended, links too, and nothing of that is written down."""
    _room, doctor, patient = await rig.consultation()
    await rig.say(doctor, m.End(ref=1))
    assert rig.service.rooms == []
    assert rig.engine.legs == {}
    lines = len(rig.store.audit)
    assert await code_of(rig.say(doctor, m.Lock(locked=True, ref=2))) is Code.ROOM_ENDED
    assert await code_of(rig.join(patient)) is Code.ROOM_ENDED
    await rig.lose(patient)
    await rig.pass_time(GRACE)
    assert len(rig.store.audit) == lines
    assert rig.service.rooms == []


async def test_a_room_that_ends_as_somebodys_time_runs_out_takes_their_leg(rig: Rig) -> None:
    """Whoever lost their seat a moment before the end, and is not on record as gone yet, leaves no leg behind."""
    room = await rig.open_room()
    await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.lose(patient)
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.administration.end_room(str(room)))
        group.create_task(rig.pass_time(GRACE))
    rig.deliver()
    assert len(rig.legs) == 0
    assert rig.engine.legs == {}
    assert rig.later.waiting == []


async def test_joining_while_the_room_ends_is_refused(rig: Rig) -> None:
    """A knock that waits for the room's lock while the host ends it finds it ended."""
    room, doctor, _patient = await rig.consultation()
    late = await rig.page(room)
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(rig.say(doctor, m.End(ref=1)))
        joining = group.create_task(code_of(rig.join(late)))
    assert isinstance(ending.result(), m.Ok)
    assert joining.result() is Code.ROOM_ENDED


async def test_two_who_ask_for_a_room_at_once_get_the_same_one(rig: Rig) -> None:
    """After a restart, many sockets come back in one moment; there must be one room with one lock."""
    room, _doctor, _patient = await rig.consultation()
    rig.start()
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(rig.service.find(room)) for _ in range(5)]
    assert len({id(task.result()) for task in found}) == 1
    assert not any(person.connected for person in rig.recorded(room).participants.values())


async def test_a_room_that_could_not_be_cleaned_after_a_restart_is_tried_again(rig: Rig) -> None:
    """While the store is away nobody gets a room with ghosts in it; afterwards it is loaded in full."""
    room, _doctor, _patient = await rig.consultation()
    rig.start()
    rig.store.failing = "before"
    with pytest.raises(StoreDown):
        await rig.service.find(room)
    assert rig.service.rooms == []
    rig.store.failing = None
    assert await rig.service.find(room) is not None
    assert not any(person.connected for person in rig.recorded(room).participants.values())


async def test_a_restart_keeps_places(rig: Rig) -> None:
    """The admitted come back admitted, with new legs that open; the waiting come back waiting."""
    room, doctor, patient = await rig.consultation()
    other = await rig.enter(room)
    await rig.let_in(doctor, patient)
    rig.start()
    for page in (doctor, patient, other):
        await rig.join(page)
        await rig.offer(page)
    assert rig.sees(room, patient) == {(doctor.participant, MIC), (doctor.participant, CAMERA)}
    assert rig.sees(room, other) == set()


async def test_pinning_shows_nobody_whom_one_may_not_know_of(rig: Rig) -> None:
    """A guest cannot learn by pinning who waits; the host can pin the waiting."""
    room, doctor, patient = await rig.consultation()
    waiting = await rig.enter(room)
    await rig.let_in(doctor, patient)
    pin = m.Pin(participant=waiting.participant, ref=1)
    assert await code_of(rig.say(patient, pin)) is Code.UNKNOWN_PARTICIPANT
    assert await rig.say(doctor, pin) == m.Ok(ref=1)
    assert await rig.say(doctor, m.Pin(participant=None, ref=2)) == m.Ok(ref=2)
    assert rig.live(room).pins == {}


async def test_a_host_link_takes_over_once_the_host_is_gone(rig: Rig) -> None:
    """The second doctor takes the role once the first is gone, and then admits."""
    room, doctor, patient = await rig.consultation()
    second = await rig.enter(room, m.Role.DOCTOR, host=True)
    take = m.TakeHost(ref=1)
    assert await code_of(rig.say(second, take)) is Code.WRONG_STATE
    await rig.lose(doctor)
    await rig.pass_time(GRACE)
    assert await rig.say(second, take) == m.Ok(ref=1)
    await rig.let_in(second, patient)
    assert rig.sees(room, patient)
    assert rig.recorded(room).host == ParticipantId(second.participant)


async def test_a_host_invites_from_the_page(rig: Rig) -> None:
    """The link lasts as long as the policy says, and lets a guest wait."""
    room, doctor, _patient = await rig.consultation()
    invited = await rig.say(doctor, m.Invite(role=m.Role.RELATIVE, name="Navn", ref=5))
    assert isinstance(invited, m.Invited)
    assert (invited.ref, (invited.expires_at - rig.clock.now()).total_seconds()) == (5, 3600)
    guest = Page(invited.link)
    await rig.join(guest)
    assert guest.connection.welcome.place is m.Place.WAITING
    assert rig.recorded(room).participants[guest.participant].role.value == "relative"


async def test_joining_twice_on_one_connection_is_a_wrong_state(rig: Rig) -> None:
    """The session refuses it before; the door does not rely on that."""
    _room, doctor, _patient = await rig.consultation()
    join = m.Join(version=1, token="t", language=m.Language.NB)  # noqa: S106 - opens nothing
    assert await code_of(rig.say(doctor, join)) is Code.WRONG_STATE


async def test_a_speaker_takes_a_slot_and_everyone_is_told(rig: Rig) -> None:
    """With two slots and three others, who speaks is shown in the place of who spoke least."""
    room, doctor, patient = await rig.consultation()
    others = [await rig.enter(room) for _ in range(2)]
    await rig.let_in(doctor, patient, *others)
    shown = {slot.participant for slot in doctor.connection.layout.slots}
    unseen = next(page for page in (patient, *others) if page.participant not in shown)
    live = rig.live(room)
    rig.engine.events.append(Speakers(room=live.number, legs=[rig.leg(room, unseen)]))
    rig.deliver()
    assert unseen.participant in {slot.participant for slot in doctor.connection.layout.slots}
    assert (unseen.participant, CAMERA) in rig.sees(room, doctor)


async def test_nothing_opens_while_it_is_in_doubt_what_is_on_record(rig: Rig) -> None:
    """Sent to wait, with the store's answer lost: a new page's leg must not open by what was true before."""
    room, doctor, patient = await rig.consultation()
    await rig.let_in(doctor, patient)
    rig.store.failing = "after"
    with pytest.raises(StoreDown):
        await rig.say(doctor, m.ToWaiting(participant=patient.participant, ref=1))
    await rig.offer(patient, offer_of(9999))
    assert rig.leg(room, patient) not in rig.engine.open_legs()
    rig.store.failing = None
    await rig.service.repair()
    assert rig.engine.open_legs() == {rig.leg(room, doctor)}
