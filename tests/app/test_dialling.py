"""The host has people called: through the real door, rooms and legs, with a double of the gateway."""

from dataclasses import dataclass, field, replace

import pytest

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.called import RING_S
from bridge.app.calls.gateways import Gateways
from bridge.app.calls.visitor import RETRY_S, Visitor
from bridge.app.dialling import CALLS_OF_A_ROOM, Dialling
from bridge.rooms.model import Line, Place
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.interface import Call, Ending, GatewayError, MediaRefused, Miss, Party
from signalling.gateways.interface import Line as CallerLine
from tests.app.desk import House, Phone, house
from tests.app.fakes import StoreDown
from tests.app.rig import Page

NUMBER = "+4722334455"
PREMIUM = "+4782012345"


@dataclass
class Exchange:
    """A gateway that calls numbers of one country; a test plays whoever is called."""

    log: list[str]
    dialled: list[tuple[str, Visitor]] = field(default_factory=list)
    phone: Phone = field(default_factory=Phone)
    dials: bool = True
    broken: bool = False

    def reaches(self, address: str) -> Party | None:
        """Only numbers, and not those that cost."""
        digits = address.replace(" ", "")
        return Party(CallerLine.TELEPHONE, digits) if digits.startswith("+472") else None

    def dial(self, address: str, visit: Visitor) -> Call:
        """Note it."""
        if self.broken:
            raise GatewayError("not now")
        self.dialled.append((address, visit))
        self.log.append("call goes out")
        self.phone = Phone()
        return self.phone


class Office:
    """A doctor and a patient in a room, and an exchange."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.exchange = Exchange(home.rig.log)
        gateways = Gateways({"sip": lambda *_: self.exchange}, {}, lambda _: home.door)
        gateways.running["sip"].ready = True
        rig = home.rig
        rig.service.outside = replace(rig.service.outside, dialling=Dialling(lambda: gateways, rig.clock))

    async def open(self) -> None:
        """Let the patient in."""
        self.patient = await self.home.rig.enter(self.home.room)
        await self.home.say(m.Admit(participant=self.patient.participant, ref=1))

    async def dial(self, address: str = NUMBER, page: Page | None = None) -> None:
        """Have somebody called."""
        await self.home.say(m.Dial(address=address, role=m.Role.RELATIVE, name="Kari", ref=2), page)

    async def ring(self) -> Visitor:
        """Have somebody called, and let it ring there."""
        await self.dial()
        _, visit = self.exchange.dialled[-1]
        visit.describe(None)
        visit.ringing()
        return visit

    @staticmethod
    def take(visit: Visitor) -> None:
        """Take the call; what follows from it comes later."""
        visit.reached("198.51.100.7", private=False)
        visit.answered("v=0")
        visit.established()

    async def answer(self, visit: Visitor) -> None:
        """Take the call, and let what follows happen."""
        self.take(visit)
        await self.home.rig.pass_time(0)

    def shown(self, page: Page | None = None) -> m.Person:
        """Who is called, in the doctor's roster or in another's."""
        people = (page or self.home.doctor).connection.roster.people
        return next(person for person in people if person.role is m.Role.RELATIVE)

    @property
    def missed(self) -> list[m.Missed]:
        """What the doctor was told of those who were not reached."""
        return [told for told in self.home.doctor.connection.sent if isinstance(told, m.Missed)]

    def audited(self) -> list[tuple[str, str, str]]:
        """Role, act and outcome of what has to do with being called."""
        lines = [(one.role, one.act, one.outcome) for one in self.home.rig.store.audit]
        return lines[[act for _, act, _ in lines].index("dialled") :]


@pytest.fixture
async def office() -> Office:
    """Return it open."""
    made = Office(await house())
    await made.open()
    return made


async def test_who_is_called_rings_for_all_to_see_and_is_in_when_they_answer(office: Office) -> None:
    """By the host's act, which is on record before anybody is called; nothing passes while it rings."""
    home = office.home
    visit = await office.ring()
    for page in (home.doctor, office.patient):
        person = office.shown(page)
        assert (person.place, person.ringing, person.line) == (m.Place.CALLED, True, m.Line.TELEPHONE)
        assert person.encryption is None
    told = len(home.doctor.connection.sent)
    visit.ringing()
    assert len(home.doctor.connection.sent) == told, "it is told once, however often it is said"
    assert visit.leg is not None
    assert not home.gate(visit)
    assert visit.leg not in {media.leg for media in home.rig.live(home.room).legs.values()}
    await office.answer(visit)
    person = office.shown(office.patient)
    assert (person.place, person.ringing, person.connected) == (m.Place.ADMITTED, False, True)
    assert person.line is m.Line.TELEPHONE
    assert home.media.line is CallerLine.TELEPHONE
    assert home.gate(visit)
    assert home.prompts == [Prompt.CALLED_IN]
    assert [line[:2] for line in office.audited()] == [
        ("doctor", "dialled"),
        ("relative", "arrived"),
        ("doctor", "admitted"),
    ]
    assert home.rig.log.index("record Dialled") < home.rig.log.index("call goes out")


async def test_the_number_is_the_hosts_alone_and_on_no_record(office: Office) -> None:
    """Others see its end; nothing of it is written down."""
    visit = await office.ring()
    for _ in ("ringing", "in"):
        assert office.shown().number == NUMBER
        assert office.shown(office.patient).number == "+47 \u2022\u2022\u2022 55"
        assert office.shown().assurance is m.Assurance.NONE
        await office.answer(visit)
    rig = office.home.rig
    written = repr(rig.store._events) + repr(rig.store.audit) + repr(rig.log) + repr(rig.counts.seen)
    assert "22334455" not in written
    visit.ended(lost=False)
    await rig.pass_time(0)
    assert rig.live(office.home.room).numbers == {}


async def test_who_is_lost_has_left(office: Office) -> None:
    """They have no PIN and no secret to come back by, and would hold a place for ever."""
    visit = await office.ring()
    await office.answer(visit)
    visit.ended(lost=True)
    await office.home.rig.pass_time(0)
    with pytest.raises(StopIteration):
        office.shown()
    assert office.audited()[-1][:2] == ("relative", "left")


@pytest.mark.parametrize("why", list(Miss))
async def test_why_nobody_came_is_told_in_a_word(office: Office, why: Miss) -> None:
    """To the host, once; who was called is gone from all rosters, and nothing is left."""
    visit = await office.ring()
    visit.missed(why)
    await office.home.rig.pass_time(0)
    ((told),) = office.missed
    assert (told.name, told.why.value) == ("Kari", why.value)
    with pytest.raises(StopIteration):
        office.shown()
    assert office.audited() == [("doctor", "dialled", "ok"), ("system", "not_reached", why.value)]
    assert len(office.home.door) == 0
    assert visit.leg not in office.home.rig.engine.legs
    live = office.home.rig.live(office.home.room)
    assert (live.ringing, live.numbers) == (set(), {})
    await office.home.rig.pass_time(RING_S + RETRY_S)
    assert len(office.missed) == 1


async def test_a_call_that_nobody_takes_ends(office: Office) -> None:
    """After as long as telephones ring."""
    await office.ring()
    await office.home.rig.pass_time(RING_S)
    await office.home.rig.pass_time(0)
    assert office.exchange.phone.hung_up is Ending.NOT_ANSWERED
    assert [told.why for told in office.missed] == [m.Miss.NO_ANSWER]


async def test_the_host_takes_a_call_back(office: Office) -> None:
    """By removing who is called; an answer at that moment is too late, and no miss is told."""
    visit = await office.ring()
    phone = office.exchange.phone
    await office.home.say(m.Remove(participant=office.shown().participant, ref=3))
    assert phone.hung_up is Ending.REMOVED
    await office.answer(visit)
    await office.home.rig.pass_time(RING_S)
    assert office.missed == []
    assert office.home.prompts == []
    assert len(office.home.door) == 0


async def test_an_answer_and_a_removal_at_once_leave_nobody_in(office: Office) -> None:
    """The answer waits for its turn, and finds that it is too late."""
    visit = await office.ring()
    office.take(visit)
    await office.home.say(m.Remove(participant=office.shown().participant, ref=3))
    await office.home.rig.pass_time(0)
    assert not visit.leg or visit.leg not in office.home.rig.engine.legs
    assert office.exchange.phone.hung_up is Ending.REMOVED


async def test_the_end_of_a_consultation_ends_calls(office: Office) -> None:
    """Nobody rings for a room that is over."""
    await office.ring()
    await office.home.say(m.End(ref=3))
    assert office.exchange.phone.hung_up is Ending.ROOM_ENDED
    assert len(office.home.door) == 0


async def test_a_room_whose_media_fail_calls_nobody_any_more(office: Office) -> None:
    """The leg that would be answered went with the others."""
    await office.ring()
    office.home.rig.service._begin_anew(office.home.rig.live(office.home.room))
    assert office.exchange.phone.hung_up is Ending.STOPPING
    await office.home.rig.pass_time(0)
    people = office.home.rig.recorded(office.home.room).participants.values()
    assert Place.CALLED not in {person.place for person in people}


async def test_who_answers_when_the_host_is_gone_waits(office: Office) -> None:
    """They are told so; nobody admits in the host's absence."""
    visit = await office.ring()
    await office.home.rig.lose(office.home.doctor)
    await office.home.rig.pass_time(10)
    await office.answer(visit)
    assert not office.home.gate(visit)
    assert office.home.prompts == [Prompt.WAITING, Prompt.NOTICE]


async def test_only_the_host_calls_and_only_whom_the_operator_lets_be_called(office: Office) -> None:
    """A patient is turned down on record, and learns nothing of the plan."""
    for address in (NUMBER, PREMIUM):
        with pytest.raises(Rejected) as caught:
            await office.dial(address, office.patient)
        assert caught.value.code is Code.NOT_HOST
    assert [line.outcome for line in office.home.rig.store.audit if line.act == "dial"] == ["not_host"] * 2
    with pytest.raises(Rejected) as caught:
        await office.dial(PREMIUM)
    assert caught.value.code is Code.NOT_DIALABLE
    assert office.exchange.dialled == []
    assert len(office.home.door) == 0
    assert office.home.doctor.connection.roster.dials
    assert not office.patient.connection.roster.dials


async def test_without_a_plan_nobody_is_called() -> None:
    """The page is told so, and a client that asks all the same."""
    home = await house()
    assert not home.doctor.connection.roster.dials
    with pytest.raises(Rejected) as caught:
        await home.say(m.Dial(address=NUMBER, role=m.Role.RELATIVE, name="Kari", ref=2))
    assert caught.value.code is Code.NOT_DIALABLE


async def test_calls_are_rationed(office: Office) -> None:
    """Whoever has got hold of a host's page does not run up a bill."""
    for _ in range(CALLS_OF_A_ROOM[0]):
        visit = await office.ring()
        visit.missed(Miss.BUSY)
        await office.home.rig.pass_time(0)
    with pytest.raises(Rejected) as caught:
        await office.dial()
    assert caught.value.code is Code.TOO_MANY
    await office.home.rig.pass_time(CALLS_OF_A_ROOM[1])
    await office.dial()


async def test_a_gateway_that_cannot_call_now_is_told_as_a_miss(office: Office) -> None:
    """It is on record that it was tried."""
    office.exchange.broken = True
    await office.dial()
    await office.home.rig.pass_time(0)
    assert [told.why for told in office.missed] == [m.Miss.UNREACHABLE]


async def test_nobody_is_called_off_the_record(office: Office) -> None:
    """The store is away: no call goes out; where it wrote after all, the records are put right."""
    rig = office.home.rig
    for failing in ("before", "after"):
        rig.store.failing = failing
        with pytest.raises(StoreDown):
            await office.dial()
        assert office.exchange.dialled == []
        assert len(office.home.door) == 0
        rig.store.failing = None
        await rig.service.repair()
        assert Place.CALLED not in {
            person.place for person in rig.recorded(office.home.room).participants.values()
        }


async def test_an_answer_that_cannot_be_recorded_lets_nobody_in(office: Office) -> None:
    """The call ends, and the records do not keep a ghost, whatever the store wrote."""
    rig = office.home.rig
    for failing in ("before", "after"):
        visit = await office.ring()
        rig.store.failing = failing
        office.take(visit)
        with pytest.raises(StoreDown):
            await rig.pass_time(0)
        assert office.exchange.phone.hung_up is Ending.FAILED
        rig.store.failing = None
        await rig.service.repair()
        await rig.pass_time(RETRY_S)
        people = rig.recorded(office.home.room).participants.values()
        assert not [person for person in people if person.line is not Line.BROWSER and person.connected]
        assert visit.leg not in rig.engine.legs


async def test_media_that_do_not_fit_are_the_gateways_to_tell(office: Office) -> None:
    """What the bridge refuses in an answer ends the call; the host hears why."""
    await office.dial()
    _, visit = office.exchange.dialled[-1]
    office.home.media.refusing = True
    with pytest.raises(MediaRefused):
        visit.describe(None)
    visit.missed(Miss.NO_MEDIA)
    await office.home.rig.pass_time(0)
    assert [told.why for told in office.missed] == [m.Miss.NO_MEDIA]


async def test_who_was_called_is_a_caller_like_any_other(office: Office) -> None:
    """Sent to wait, let in, removed: each is said, and the host has the same power."""
    visit = await office.ring()
    await office.answer(visit)
    who = office.shown().participant
    await office.home.say(m.ToWaiting(participant=who, ref=3))
    assert not office.home.gate(visit)
    await office.home.say(m.Admit(participant=who, ref=4))
    assert office.home.gate(visit)
    await office.home.say(m.ConfirmIdentity(participant=who, confirmed=True, ref=5))
    assert office.shown(office.patient).confirmed
    assert office.shown().assurance is m.Assurance.NONE
    await office.home.say(m.Remove(participant=who, ref=6))
    assert office.home.prompts == [
        Prompt.CALLED_IN,
        Prompt.WAITING_AGAIN,
        Prompt.NOTICE,
        Prompt.ADMITTED,
        Prompt.REMOVED,
    ]
