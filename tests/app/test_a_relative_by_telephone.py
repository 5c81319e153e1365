"""Journey D3 of the requirements: a relative joins by telephone, and is what can be known of them and no more."""

from dataclasses import replace

import pytest

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.visitor import Visitor
from bridge.app.feeds.converters import NoConverters
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.gateways.interface import Caller, Line
from tests.app.desk import House, Phone, house
from tests.app.fakes import Pins
from tests.app.rig import Page, offer_of

NUMBER = "+4791234545"


async def test_the_doctor_invites_somebody_to_call_from_her_page() -> None:
    """Number and PIN are told with the link, once; where nobody can call, the wish is turned down."""
    home = await house()
    wish = m.Invite(role=m.Role.RELATIVE, name="Kari", pin=True, ref=7)
    with pytest.raises(Rejected) as caught:
        await home.rig.say(home.doctor, wish)
    assert caught.value.code is Code.WRONG_STATE
    home.rig.door._pins = Pins()
    told = await home.rig.say(home.doctor, wish)
    assert isinstance(told, m.Invited)
    assert told.number == home.doctor.connection.roster.number == home.number
    assert told.pin is not None
    home.pin = told.pin
    await call(home, NUMBER)
    assert relative(home.doctor).place is m.Place.WAITING


async def call(home: House, address: str) -> Visitor:
    """Call the room as a trunk passes telephones on, and enter the PIN."""
    caller = Caller(line=Line.TELEPHONE, number=home.number, source="192.0.2.7", address=address)
    visit = await home.door.arrive(caller, Phone())
    visit.describe(offer_of(500))
    visit.established()
    await home.key_in(visit, home.pin)
    return visit


def relative(page: Page) -> m.Person:
    """The relative, in somebody's roster."""
    return next(one for one in page.connection.roster.people if one.role is m.Role.RELATIVE)


async def consultation() -> tuple[House, Page]:
    """A doctor in her house, with an invitation for a relative, and a patient."""
    home = await house(m.Role.RELATIVE)
    patient = await home.rig.enter(home.room)
    await home.say(m.Admit(participant=patient.participant, ref=1))
    return home, patient


async def test_a_relative_joins_by_telephone() -> None:
    """Waits, is unknown, shows the whole number to the doctor alone, is let in, and is confirmed orally."""
    home, patient = await consultation()
    visit = await call(home, NUMBER)
    waiting = relative(home.doctor)
    assert (waiting.place, waiting.line, waiting.number) == (m.Place.WAITING, m.Line.TELEPHONE, NUMBER)
    assert (waiting.assurance, waiting.confirmed) == (m.Assurance.NONE, False)
    with pytest.raises(StopIteration):
        relative(patient)
    await home.say(m.Admit(participant=waiting.participant, ref=2))
    assert home.gate(visit)
    assert home.prompts == [Prompt.ENTER_PIN, Prompt.WAITING, Prompt.NOTICE, Prompt.ADMITTED]
    assert relative(patient).number == "+47 \u2022\u2022\u2022 45"
    await home.say(m.ConfirmIdentity(participant=waiting.participant, confirmed=True, ref=3))
    for page in (home.doctor, patient):
        assert (relative(page).confirmed, relative(page).assurance) == (True, m.Assurance.NONE)
    (line,) = (one for one in home.rig.store.audit if one.act == "identity_confirmed")
    assert (line.role, line.actor, line.target) == ("doctor", home.doctor.participant, waiting.participant)
    assert "91234545" not in repr(home.rig.store.audit) + repr(home.rig.store._events) + repr(home.rig.counts.seen)
    visit.ended(lost=True)
    await home.rig.pass_time(0)
    again = await call(home, "")
    assert not relative(home.doctor).confirmed, "whoever calls now may be another"
    assert relative(home.doctor).number is None, "and gives no number"
    assert not home.gate(again)


async def test_a_host_who_hands_over_sees_whole_numbers_no_more() -> None:
    """They go with the role."""
    home, _ = await consultation()
    await call(home, NUMBER)
    await home.say(m.Admit(participant=relative(home.doctor).participant, ref=2))
    other = await home.rig.enter(home.room, m.Role.SPECIALIST)
    await home.say(m.Admit(participant=other.participant, ref=3))
    assert relative(other).number != NUMBER
    await home.say(m.HandOver(participant=other.participant, ref=4))
    assert (relative(other).number, relative(home.doctor).number) == (NUMBER, "+47 \u2022\u2022\u2022 45")


class ShortOfProcessors(NoConverters):
    """Converters that do less."""

    short = True

    def is_short(self, room: int) -> bool:
        """As a test says."""
        del room
        return self.short


async def test_the_host_is_told_when_processors_are_short_and_when_they_are_not() -> None:
    """At once, and nobody else."""
    home, patient = await consultation()
    service, converters = home.rig.service, ShortOfProcessors()
    service.outside = replace(service.outside, converters=converters)
    number = home.rig.live(home.room).number
    service.plan_anew(number)
    assert (home.doctor.connection.roster.short, patient.connection.roster.short) == (True, False)
    told = len(home.doctor.connection.sent)
    service.plan_anew(number)
    assert len(home.doctor.connection.sent) == told, "once"
    converters.short = False
    service.plan_anew(number)
    assert not home.doctor.connection.roster.short
