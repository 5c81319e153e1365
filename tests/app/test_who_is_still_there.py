"""Who dies without a word is told of as away and gone within ten seconds; nobody is who gives a sign of life."""

import pytest

from bridge.app.live import Seated
from bridge.app.presence import AWAY_AFTER, CALL_AWAY_AFTER, Patience, Presence
from bridge.app.telling import leg_name
from bridge.rooms.model import ConnectionId, Place, RoomId
from signalling import messages as m
from tests.app.fakes import Connection, StoreDown
from tests.app.rig import GRACE, LEG_KEPT, Page, Rig

GHOST_SECONDS = 10
SHORT_OUTAGE_S = 5


class Call:
    """A doctor and a patient who is in."""

    def __init__(self) -> None:
        self.rig = Rig()

    async def begin(self, *, media: bool = True) -> "Call":
        """Let both in."""
        self.room: RoomId = await self.rig.open_room()
        self.doctor = await self.rig.enter(self.room, m.Role.DOCTOR, host=True)
        self.patient = await self.rig.page(self.room)
        await self.rig.join(self.patient)
        if media:
            await self.rig.offer(self.patient)
        await self.rig.say(self.doctor, m.Admit(participant=self.patient.participant, ref=1))
        return self

    def told(self, of: Page | None = None) -> bool:
        """Whether the doctor is told that the patient is there."""
        who = (of or self.patient).participant
        return next(one.connected for one in self.doctor.connection.roster.people if one.participant == who)

    def recorded(self) -> bool:
        """Whether the patient is connected by the records."""
        person = self.rig.recorded(self.room).participants[self.patient.participant]
        assert person.place is Place.ADMITTED
        return person.connected


async def test_who_dies_without_a_word_is_away_and_then_gone() -> None:
    """First told, then on record with the gate shut, within ten seconds; nobody else is."""
    call = await Call().begin()
    rig, patient = call.rig, call.patient
    leg = rig.leg(call.room, patient)
    await rig.look_for(3, {leg: 100})
    patient.connection.answers = False
    seen = []
    for second in range(1, GHOST_SECONDS + 1):
        await rig.look_for(1, {leg: 100})
        seen.append((call.told(), call.recorded()))
        assert call.told() == (second <= AWAY_AFTER)
    assert [told for told, recorded in seen if not recorded] == [False] * 2
    assert patient.connection.was_cut
    assert not call.doctor.connection.was_cut
    assert leg not in rig.engine.open_legs()


async def test_who_comes_back_finds_the_place() -> None:
    """By a new socket, admitted, with nobody asked."""
    call = await Call().begin()
    call.patient.connection.answers = False
    await call.rig.look_for(GHOST_SECONDS)
    assert not call.recorded()
    await call.rig.join(call.patient)
    assert call.patient.connection.welcome.place is m.Place.ADMITTED
    await call.rig.look_for(GHOST_SECONDS)
    assert call.told()
    assert call.recorded()


async def test_who_was_gone_for_less_than_a_minute_goes_on_with_the_leg() -> None:
    """Nothing passes while they are gone; then the connection that their page has is as good as before."""
    call = await Call().begin()
    rig, patient = call.rig, call.patient
    leg, other = rig.leg(call.room, patient), rig.leg(call.room, call.doctor)
    for seconds in (GHOST_SECONDS, int(GRACE + LEG_KEPT) - 2):
        patient.connection.answers = False
        await rig.look_for(seconds, {leg: 100, other: 100})
        assert not call.recorded()
        assert not rig.engine.reaching(leg)
        assert not rig.engine.reaching(other)
        await rig.join(patient)
        assert patient.connection.welcome.leg == leg_name(leg)
        assert rig.engine.open_legs() == {leg, other}
        assert {sender for sender, _ in rig.engine.reaching(other)} == {leg}


async def test_after_a_minute_the_leg_is_gone() -> None:
    """The place is not; nor is the leg of anybody who is there."""
    call = await Call().begin()
    rig, patient = call.rig, call.patient
    leg, other = rig.leg(call.room, patient), rig.leg(call.room, call.doctor)
    patient.connection.answers = False
    await rig.look_for(GHOST_SECONDS)
    told = call.doctor.connection.roster.revision
    await rig.look_for(int(LEG_KEPT))
    assert call.doctor.connection.roster.revision > told, "what protected it is no more"
    assert set(rig.engine.legs) == {other}
    await rig.join(patient)
    assert patient.connection.welcome.leg is None
    await rig.offer(patient)
    assert {sender for sender, _ in rig.engine.reaching(other)} == {rig.leg(call.room, patient)} != {leg}


async def test_who_is_put_out_while_gone_has_no_leg() -> None:
    """It goes at once, and not only when the minute is over."""
    call = await Call().begin()
    leg = call.rig.leg(call.room, call.patient)
    call.patient.connection.answers = False
    await call.rig.look_for(GHOST_SECONDS)
    assert leg in call.rig.engine.legs
    await call.rig.say(call.doctor, m.Remove(participant=call.patient.participant, ref=2))
    assert leg not in call.rig.engine.legs


@pytest.mark.parametrize("media", [True, False])
async def test_an_outage_of_five_seconds_puts_nobody_out(media: bool) -> None:  # noqa: FBT001 - two cases
    """At most they are away for a moment; the records say nothing of it."""
    call = await Call().begin(media=media)
    revision = call.rig.recorded(call.room).revision
    for _ in range(3):
        call.patient.connection.answers = False
        await call.rig.look_for(SHORT_OUTAGE_S)
        call.patient.connection.answers = True
        await call.rig.look_for(2)
        assert call.told()
    assert call.rig.recorded(call.room).revision == revision
    assert not call.patient.connection.was_cut


async def test_media_are_signs_of_life_and_spare_the_line() -> None:
    """A line that hangs while sound and picture come makes nobody a ghost, and is not probed."""
    call = await Call().begin()
    leg = call.rig.leg(call.room, call.patient)
    call.patient.connection.answers = False
    for second in range(30):
        await call.rig.look_for(1, {leg: 100 + second})
        assert call.told()
    assert call.patient.connection.probes == 0
    assert call.recorded()


async def test_a_process_that_stands_still_puts_nobody_out() -> None:
    """A look that comes a minute late is as if it came in time: nothing has been read meanwhile."""
    call = await Call().begin()
    call.patient.connection.answers = False
    await call.rig.look_for(2)
    call.rig.clock.seconds += 60
    await call.rig.look_for(1)
    assert call.told()
    assert call.recorded()


async def test_who_waits_is_away_too_and_keeps_the_turn() -> None:
    """The host learns of it; the place in the queue stays, and who comes back is where they were."""
    call = await Call().begin()
    rig = call.rig
    first, second = await rig.enter(call.room), await rig.enter(call.room)
    first.connection.answers = False
    await rig.look_for(GHOST_SECONDS)
    assert (call.told(first), call.told(second)) == (False, True)
    await rig.join(first)
    waiting = [one.id for one in rig.recorded(call.room).at(Place.WAITING)]
    assert waiting == [first.participant, second.participant]


async def test_the_store_fails_and_the_gate_shuts_when_it_is_back() -> None:
    """What could not be recorded is tried again until it is."""
    call = await Call().begin()
    call.patient.connection.answers = False
    await call.rig.look_for(7)
    call.rig.store.failing = "before"
    with pytest.raises(StoreDown):
        await call.rig.look_for(2)
    call.rig.store.failing = None
    await call.rig.service.repair()
    await call.rig.look_for(GHOST_SECONDS)
    assert not call.recorded()


async def test_a_call_that_sends_nothing_is_told_of_as_away() -> None:
    """Later than a page, since reports come more seldom; whose phone rings has sent nothing yet, and is not."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    live, tells = rig.live(room), []
    presence = Presence(
        lambda _: tells.append(1), lambda _: None, rig.service.drop_leg, Patience(GHOST_SECONDS, LEG_KEPT)
    )
    live.seats[doctor.participant] = Seated(ConnectionId(7), Connection())
    leg = rig.leg(room, doctor)
    for packets, seconds, told in ((0, 60, 0), (5, CALL_AWAY_AFTER, 0), (5, 2, 1), (6, 1, 2)):
        for _ in range(int(seconds)):
            rig.clock.seconds += 1
            presence.begin(rig.clock.seconds)
            presence.look(live, {leg: packets})
        assert len(tells) == told
