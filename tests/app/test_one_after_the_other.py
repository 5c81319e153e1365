"""Several patients of one doctor, on the use cases: what each is told, and that it says nothing of the others."""

from datetime import timedelta

import pytest

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.holding import HOLD_S, Turn
from bridge.rooms.model import RoomId
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.desk import House
from tests.app.fakes import START
from tests.app.rig import Page, Rig


class Surgery(Rig):
    """A room with a doctor in, a standing link, and a link of the doctor's own."""

    async def open(self, **settings: bool) -> None:
        """Open it."""
        made = await self.administration.create_room(m.CreateRoom(name="Rom", **settings))
        self.room = RoomId(made.room)
        self.doctor = await self.enter(self.room, m.Role.DOCTOR, host=True)
        wish = m.CreateInvitation(role=m.Role.PATIENT, name="Drop-in", many=True)
        self.line = (await self.administration.invite(self.room, wish)).link

    async def drop_in(self, name: str) -> Page:
        """Let somebody come by the standing link, with their media."""
        page = Page(self.line, resume=f"a secret of a page's own, long enough: {name}", name=name)
        await self.join(page)
        await self.offer(page)
        return page

    async def do(self, message: m.ClientMessage) -> None:
        """Let the doctor act."""
        await self.say(self.doctor, message)

    async def admit(self, page: Page) -> None:
        """Let somebody in."""
        await self.do(m.Admit(participant=page.participant, ref=1))

    async def next(self, following: Page | None, *leaving: Page) -> None:
        """See some off and take the next in."""
        whom = None if following is None else following.participant
        await self.do(m.SeeOff(leaving=[page.participant for page in leaving], following=whom, ref=1))


async def surgery(**settings: bool) -> Surgery:
    """Return an open one."""
    rig = Surgery()
    await rig.open(**settings)
    return rig


def names(page: Page) -> list[str]:
    """Whom a page shows."""
    return [person.name for person in page.connection.roster.people]


async def test_who_waits_is_told_a_number_and_nothing_of_anybody() -> None:
    """Nor is anything sent to them when something happens that is not theirs: not even that it does."""
    house = await surgery()
    anne, berit = await house.drop_in("Anne"), await house.drop_in("Berit")
    assert (anne.connection.roster.ahead, berit.connection.roster.ahead) == (0, 1)
    assert (names(anne), names(berit)) == (["Anne"], ["Berit"])
    heard = len(berit.connection.sent)
    clara = await house.drop_in("Clara")
    await house.do(m.Camera(on=False, ref=1))
    await house.say(clara, m.Leave())
    assert len(berit.connection.sent) == heard
    await house.admit(anne)
    assert berit.connection.roster.ahead == 0
    assert names(berit) == ["Berit"]
    told = [message.revision for message in berit.connection.sent if isinstance(message, m.Roster)]
    assert told == list(range(1, len(told) + 1))
    for page in (anne, berit):
        said = repr(page.connection.sent)
        assert "Clara" not in said
    assert "Anne" not in repr(berit.connection.sent)


async def test_the_host_sees_the_line_in_its_order() -> None:
    """Who is sent back to wait is at its end, on the host's page as in their own number."""
    house = await surgery()
    anne, berit = await house.drop_in("Anne"), await house.drop_in("Berit")
    await house.admit(anne)
    await house.pass_time(60)
    await house.do(m.ToWaiting(participant=anne.participant, ref=1))
    waiting = [one.name for one in house.doctor.connection.roster.people if one.place is m.Place.WAITING]
    assert waiting == ["Berit", "Anne"]
    assert (berit.connection.roster.ahead, anne.connection.roster.ahead) == (0, 1)


async def test_one_goes_and_the_next_comes_in_one_act() -> None:
    """The first page is told that it is over before the second is told anything; no gate is open for both."""
    house = await surgery()
    anne, berit = await house.drop_in("Anne"), await house.drop_in("Berit")
    await house.admit(anne)
    first, second = house.leg(house.room, anne), house.leg(house.room, berit)
    await house.next(berit, anne)
    assert anne.connection.bye is Code.ENDED
    assert names(berit) == ["Navn", "Berit"]
    assert first not in house.engine.legs or not house.engine.legs[first].gate
    assert house.engine.legs[second].gate
    assert "Berit" not in repr(anne.connection.sent)
    assert "Anne" not in repr(berit.connection.sent)
    with pytest.raises(Rejected) as caught:
        await house.say(anne, m.Camera(on=False, ref=1))
    assert caught.value.code is Code.REPLACED


async def test_a_patient_who_comes_back_waits_and_meets_nobody() -> None:
    """The page of one who was seen off is somebody new in the line, at its end."""
    house = await surgery()
    anne, berit = await house.drop_in("Anne"), await house.drop_in("Berit")
    await house.admit(anne)
    await house.next(berit, anne)
    before = anne.participant
    await house.join(anne)
    assert anne.participant != before
    assert names(anne) == ["Anne"]
    with pytest.raises(Rejected) as caught:
        await house.admit(anne)
    assert caught.value.code is Code.PATIENT_INSIDE


async def test_the_host_reads_on_what_somebody_is_here() -> None:
    """Ground, reference and who asked for them; who is invited and has not come; others read nothing of it."""
    house = await surgery()
    wish = m.CreateInvitation(
        role=m.Role.PATIENT,
        name="Pasient",
        ground=m.Ground.APPOINTMENT,
        reference="time 17",
        expected_at=START + timedelta(minutes=5),
    )
    patient = Page((await house.administration.invite(house.room, wish)).link)
    (line, missing) = house.doctor.connection.roster.expected
    assert line.invited.many
    assert (missing.name, missing.invited.ground, missing.invited.reference) == (
        "Pasient",
        m.Ground.APPOINTMENT,
        "time 17",
    )
    await house.join(patient)
    assert patient.connection.roster.expected_at == START + timedelta(minutes=5)
    assert not patient.connection.roster.late
    await house.admit(patient)
    invited = await house.say(
        patient, m.Invite(role=m.Role.RELATIVE, name="Datter", ground=m.Ground.POWER_OF_ATTORNEY, ref=2)
    )
    assert isinstance(invited, m.Invited)
    by = m.Inviter(name="Pasient", role=m.Role.PATIENT)
    told = house.doctor.connection.roster.expected[-1]
    assert (told.name, told.invited.by, told.invited.ground) == ("Datter", by, m.Ground.PATIENTS_WISH)
    daughter = Page(invited.link)
    await house.join(daughter)
    (seen,) = [one for one in house.doctor.connection.roster.people if one.name == "Datter"]
    assert seen.invited is not None
    assert (seen.invited.by, seen.place) == (by, m.Place.WAITING)
    roster = patient.connection.roster
    assert (roster.expected, {person.invited for person in roster.people}) == ([], {None})


async def test_a_delay_reaches_those_who_wait_and_those_who_come_later() -> None:
    """By the administration or the host, once; it is over when somebody is let in."""
    house = await surgery()
    anne = await house.drop_in("Anne")
    late = START + timedelta(minutes=20)
    await house.administration.delay(house.room, None, m.NewTime(time=late))
    berit = await house.drop_in("Berit")
    for page in (anne, berit):
        assert (page.connection.roster.expected_at, page.connection.roster.late) == (late, True)
    assert house.doctor.connection.roster.expected_at == late
    assert (await house.administration.room(house.room)).expected_at == late
    await house.admit(anne)
    assert not berit.connection.roster.late
    await house.do(m.Delay(expected_at=late, ref=1))
    assert berit.connection.roster.late


async def test_what_is_called_off_is_told_with_the_new_time() -> None:
    """To who waits by that link, who is out then, and to whoever opens it later."""
    house = await surgery()
    wish = m.CreateInvitation(role=m.Role.PATIENT, name="Pasient")
    info = await house.administration.invite(house.room, wish)
    patient, anne = Page(info.link), await house.drop_in("Anne")
    await house.join(patient)
    new = START + timedelta(days=2)
    await house.administration.cancel(house.room, info.invitation, m.NewTime(time=new))
    assert patient.connection.sent[-1] == m.Cancelled(new_time=new)
    assert patient.connection.bye is Code.CANCELLED
    with pytest.raises(Rejected) as caught:
        await house.join(Page(info.link))
    assert caught.value.code is Code.CANCELLED
    await house.administration.cancel(house.room, None, m.NewTime())
    assert (anne.connection.bye, house.doctor.connection.bye) == (Code.CANCELLED, Code.ENDED)


async def test_a_substitute_takes_over_from_the_waiting_room() -> None:
    """When the page says that it may, and not before; the patient waits on, and is let in by the new host."""
    house = await surgery()
    anne = await house.drop_in("Anne")
    wish = m.Invite(role=m.Role.SPECIALIST, name="Vikar", substitute=True, ref=1)
    invited = await house.say(house.doctor, wish)
    assert isinstance(invited, m.Invited)
    substitute = Page(invited.link)
    await house.join(substitute)
    await house.offer(substitute)
    assert not substitute.connection.roster.may_take_over
    await house.say(house.doctor, m.Leave())
    assert substitute.connection.roster.may_take_over
    assert names(substitute) == ["Vikar"]
    await house.say(substitute, m.TakeHost(ref=1))
    assert substitute.connection.roster.host
    await house.say(substitute, m.Admit(participant=anne.participant, ref=1))
    assert house.engine.legs[house.leg(house.room, anne)].gate


async def test_the_host_is_told_who_finds_the_door_closed() -> None:
    """Once a minute for each link; nobody else is told."""
    house = await surgery(autolock=True)
    patient = await house.enter(house.room)
    await house.admit(patient)
    late = await house.page(house.room, m.Role.INTERPRETER)
    for seconds, times in ((0, 1), (30, 1), (31, 2)):
        await house.pass_time(seconds)
        with pytest.raises(Rejected) as caught:
            await house.join(late)
        assert caught.value.code is Code.ROOM_LOCKED
        told = [one for one in house.doctor.connection.sent if isinstance(one, m.TurnedAway)]
        assert told == [m.TurnedAway(name="Navn", role=m.Role.INTERPRETER, why=Code.ROOM_LOCKED)] * times
    assert not [one for one in patient.connection.sent if isinstance(one, m.TurnedAway)]
    line = await house.drop_in("Anne")
    assert line.connection.roster.ahead == 0
    assert (house.doctor.connection.roster.locked, line.connection.roster.locked) == (True, False)


async def test_many_test_the_way_by_one_standing_link() -> None:
    """And nobody is shown what another's test has shown."""
    house = await surgery()
    first = await house.door.test(m.Test(version=1, token=house.line.partition("#")[2], ref=1))
    second = await house.door.test(m.Test(version=1, token=house.line.partition("#")[2], ref=1))
    assert len(house.trials) == 2
    first.end()
    second.end()
    assert len(house.trials) == 0


async def test_callers_hear_whose_turn_it_is() -> None:
    """That they are next, that it takes longer and about how long, and that it is called off."""
    home = House()
    await home.open(m.Role.PATIENT)
    visit = await home.come()
    await home.rig.pass_time(HOLD_S)
    assert home.prompts[-1:] == [Prompt.NEXT]
    await home.say(m.Delay(expected_at=home.rig.clock.now() + timedelta(minutes=20), ref=1))
    assert home.prompts[-1:] == [Prompt.LATE_20]
    for _ in range(16):
        await home.rig.pass_time(HOLD_S)
    assert list(dict.fromkeys(home.prompts[-16:])) == [Prompt.LATE_20, Prompt.LATE_10]
    (caller,) = [one for one in home.doctor.connection.roster.people if one.role is m.Role.PATIENT]
    assert caller.invited is not None
    await home.say(m.Cancel(invitation=caller.invited.invitation, ref=1))
    assert home.prompts[-1:] == [Prompt.CANCELLED]
    assert home.phone.hung_up is not None
    again = await home.call()
    await home.key_in(again, home.pin)
    assert home.prompts[-1:] == [Prompt.CANCELLED]
    assert visit.leg is not None


@pytest.mark.parametrize(
    ("ahead", "minutes", "said"),
    [
        (0, None, Prompt.NEXT),
        (3, None, Prompt.AHEAD_3),
        (5, None, Prompt.AHEAD_MORE),
        (40, None, Prompt.AHEAD_MORE),
        (None, None, Prompt.STILL_WAITING),
        (2, 0, Prompt.LATE),
        (2, 21, Prompt.LATE_20),
        (2, 22, Prompt.LATE_30),
        (2, 65, Prompt.LATE_60),
        (2, 70, Prompt.LATE_MORE),
    ],
)
def test_numbers_are_said_in_words(ahead: int | None, minutes: int | None, said: Prompt) -> None:
    """As people say them."""
    turn = Turn()
    at = None if minutes is None else START + timedelta(minutes=minutes)
    roster = m.Roster(
        revision=1, locked=False, host=False, ahead=ahead, expected_at=at, late=at is not None, people=[]
    )
    assert turn.is_put_off(roster) is (at is not None)
    assert not turn.is_put_off(roster)
    assert turn.prompt(START) is said
