"""A person's own way out of a bad browser: number and PIN by the page's wish, and the call that then comes in."""

import pytest

from bridge.rooms import commands as c
from bridge.rooms.model import (
    ConnectionId,
    Line,
    Office,
    ParticipantId,
    Pii,
    Place,
    ResumeHash,
    RoomId,
    RoomNumber,
    System,
)
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import Pins, token_of
from tests.app.rig import Page, Rig

NUMBER = "47110815"


@pytest.fixture
async def rig() -> Rig:
    """A bridge."""
    return Rig()


async def room_of(rig: Rig, number: str | None = NUMBER) -> RoomId:
    """Open a room that can be called."""
    room = RoomId("r_1")
    by = System(Office.ADMINISTRATION)
    called = None if number is None else RoomNumber(number)
    await rig.service.create(c.CreateRoom(by=by, room=room, name=Pii("Rom"), number=called))
    return room


async def code_of(rig: Rig, page: Page, resume: str | None = None) -> Code:
    """Give the code with which the way by the link is turned down."""
    with pytest.raises(Rejected) as refused:
        await rig.calls.by_link(m.CallInsteadOf(token=token_of(page.link), resume=resume))
    return refused.value.code


async def call(rig: Rig, room: RoomId, pin: str) -> str:
    """Call with a PIN, as a gateway does; give where the caller then is, or the code of the refusal."""
    command = c.Call(
        pins=Pins().digests(room, pin),
        line=Line.TELEPHONE,
        connection=ConnectionId(10**9),
        new_participant=ParticipantId("p_new"),
        new_resume_hash=ResumeHash("nobody has it"),
    )
    try:
        events = await rig.service.act(rig.live(room), command)
    except Rejected as refused:
        return refused.code.value
    return rig.live(room).room.participants[events[0].participant].place.value


async def test_somebody_in_the_room_goes_on_by_telephone(rig: Rig) -> None:
    """The PIN opens nothing while the page is there; once it has left, the caller waits, as the same person."""
    room = await room_of(rig)
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    assert patient.connection.welcome.calls
    way = await rig.say(patient, m.CallInstead(ref=7))
    assert isinstance(way, m.ToCall)
    assert (way.ref, way.number, way.telephone) == (7, NUMBER, f"+4785{NUMBER}")
    assert await call(rig, room, way.pin) == "link_used"
    await rig.say(patient, m.Leave())
    assert await call(rig, room, way.pin) == Place.WAITING.value
    assert rig.live(room).room.participants[patient.participant].line is Line.TELEPHONE
    (line,) = [row for row in rig.store.audit if row.act == "pin_renewed"]
    assert (line.actor, line.outcome) == (patient.participant, "ok")
    assert way.pin not in str(rig.store.audit)


async def test_who_waits_can_ask_too_and_the_last_pin_counts(rig: Rig) -> None:
    """The one before opens nothing any more."""
    room = await room_of(rig)
    patient = await rig.enter(room)
    ways = [await rig.say(patient, m.CallInstead(ref=7)) for _ in range(3)]
    first, *_, last = [way.pin for way in ways if isinstance(way, m.ToCall)]
    await rig.say(patient, m.Leave())
    assert first != last
    assert await call(rig, room, first) == "pin_wrong"
    assert await call(rig, room, last) == Place.WAITING.value
    with pytest.raises(Rejected) as refused:
        await rig.calls.by_link(m.CallInsteadOf(token=token_of(patient.link), resume=patient.resume))
    assert refused.value.code is Code.TOO_MANY


async def test_a_link_gives_the_way_without_a_page(rig: Rig) -> None:
    """Before its first use to whoever holds it, afterwards to the browser that used it alone."""
    room = await room_of(rig)
    page = await rig.page(room)
    way = await rig.calls.by_link(m.CallInsteadOf(token=token_of(page.link)))
    assert (way.number, way.telephone) == (NUMBER, f"+4785{NUMBER}")
    await rig.join(page)
    assert await code_of(rig, page) is Code.LINK_USED
    assert await code_of(rig, page, "a secret that somebody made up") is Code.LINK_USED


async def test_where_nothing_can_be_called_nothing_is_told(rig: Rig) -> None:
    """A room without a number, a link that was taken back or has expired, a forged one, one for many."""
    room = await room_of(rig)
    page = await rig.page(room)
    await rig.pass_time(3 * 86_400)
    assert await code_of(rig, page) is Code.LINK_EXPIRED
    with pytest.raises(Rejected) as refused:
        await rig.calls.by_link(m.CallInsteadOf(token="forged"))  # noqa: S106 - opens nothing
    assert refused.value.code is Code.LINK_INVALID
    other = Rig()
    silent = await room_of(other, None)
    page = await other.page(silent)
    assert await code_of(other, page) is Code.WRONG_STATE
    await other.join(page)
    assert not page.connection.welcome.calls
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    removed = await rig.enter(room)
    await rig.say(doctor, m.Remove(participant=removed.participant, ref=1))
    assert await code_of(rig, removed, removed.resume) is Code.LINK_BLOCKED


def suggested(page: Page) -> list[str]:
    """Who suggested a call to this page, in order."""
    return [one.by for one in page.connection.sent if isinstance(one, m.CallSuggested)]


async def test_the_host_suggests_a_call_to_one_person(rig: Rig) -> None:
    """To who is in and who waits; their pages alone are told, nothing is kept, and not again at once."""
    room = await room_of(rig)
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient, relative = await rig.enter(room), await rig.enter(room, m.Role.RELATIVE)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    kept = len(rig.store.audit), rig.live(room).room.revision
    for other in (patient, relative):
        assert await rig.say(doctor, m.SuggestCall(participant=other.participant, ref=7)) == m.Ok(ref=7)
        assert suggested(other) == [doctor.participant]
    assert suggested(doctor) == []
    assert (len(rig.store.audit), rig.live(room).room.revision) == kept
    await rig.say(doctor, m.SuggestCall(participant=patient.participant, ref=8))
    assert await refusal(rig, doctor, patient.participant) is Code.TOO_MANY
    assert len(suggested(patient)) == 2
    await rig.pass_time(60)
    await rig.say(doctor, m.SuggestCall(participant=patient.participant, ref=9))


async def refusal(rig: Rig, page: Page, other: str) -> Code:
    """Give the code with which a suggestion is turned down."""
    with pytest.raises(Rejected) as refused:
        await rig.say(page, m.SuggestCall(participant=other, ref=7))
    return refused.value.code


async def test_a_call_is_suggested_only_where_it_can_be_made(rig: Rig) -> None:
    """Not by others, to nobody who is not here, to no page that is away, and not where nothing can be called."""
    room = await room_of(rig)
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    assert await refusal(rig, doctor, "p_nobody") is Code.UNKNOWN_PARTICIPANT
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    assert await refusal(rig, patient, doctor.participant) is Code.NOT_HOST
    await rig.lose(patient)
    await rig.pass_time(60)
    assert await refusal(rig, doctor, patient.participant) is Code.WRONG_STATE
    silent = await room_of(other := Rig(), None)
    doctor, patient = await other.enter(silent, m.Role.DOCTOR, host=True), await other.enter(silent)
    assert await refusal(other, doctor, patient.participant) is Code.WRONG_STATE
    assert suggested(patient) == []
    other.live(silent).in_doubt = True
    assert await refusal(other, doctor, patient.participant) is Code.WRONG_STATE
