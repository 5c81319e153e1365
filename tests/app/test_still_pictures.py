"""Still pictures in the use cases: who is told, whose token opens what, and that no more than a piece is kept."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from bridge.app.stills.desk import ANSWER_SECONDS, TRANSFER_SECONDS
from bridge.app.stills.relay import Relay
from bridge.rooms.model import RoomId
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import StoreDown
from tests.app.rig import Page, Rig

KEY = "A" * 87
PIECES = (b"first", b"second piece", b"3")
SIZE = sum(map(len, PIECES))


@dataclass
class Surgery:
    """A doctor and a patient in a room, and a relative who waits."""

    rig: Rig
    room: RoomId
    doctor: Page
    patient: Page
    relative: Page

    async def ask(self) -> m.Still:
        """Let the doctor ask, and give what the patient is told."""
        wish = m.AskStill(participant=self.patient.participant, key=KEY, ref=1)
        assert await self.rig.say(self.doctor, wish) == m.Ok(ref=1)
        return stills(self.patient)[-1]

    async def taken(self) -> tuple[m.Still, m.Still]:
        """Let the patient take it; give what both are told: the patient first."""
        asked = await self.ask()
        answer = m.AnswerStill(still=asked.still, answer=m.StillAnswer.TAKE, size=SIZE, ref=2)
        await self.rig.say(self.patient, answer)
        return stills(self.patient)[-1], stills(self.doctor)[-1]

    async def end(self, page: Page, still: m.Still, end: m.StillOutcome) -> None:
        """Let a page say what has become of it."""
        await self.rig.say(page, m.EndStill(still=still.still, end=end, ref=3))

    async def answer(self, page: Page, still: m.Still, answer: m.StillAnswer) -> None:
        """Let a page answer without a picture."""
        await self.rig.say(page, m.AnswerStill(still=still.still, answer=answer, ref=3))

    def audited(self) -> list[tuple[str, str]]:
        """The acts on record that are about pictures."""
        return [(row.act, row.outcome) for row in self.rig.store.audit if "still" in row.act]


def stills(page: Page) -> list[m.Still]:
    """What a page has been told of pictures."""
    return [message for message in page.connection.sent if isinstance(message, m.Still)]


@pytest.fixture
async def surgery() -> Surgery:
    """Open the room and let the patient in."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    return Surgery(rig, room, doctor, patient, await rig.enter(room, m.Role.RELATIVE))


async def test_a_picture_goes_through_and_is_on_record_without_content(surgery: Surgery) -> None:
    """Asked, taken, piece by piece, shown: both are told each step, and the audit has two lines."""
    up, down = await surgery.taken()
    assert (up.state, up.key, up.size) == (m.StillState.COMING, None, SIZE)
    assert up.token
    assert down.token
    assert up.token != down.token
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(send(surgery, up))
        came = [await surgery.rig.stills.get(down.still, down.token, number) for number in range(len(PIECES))]
        assert not sending.done(), "the last is answered when it is known to have come"
        await surgery.end(surgery.doctor, down, m.StillOutcome.SENT)
    assert tuple(came) == PIECES
    assert [one.state.value for one in stills(surgery.doctor)] == ["asked", "coming", "sent"]
    assert [one.state.value for one in stills(surgery.patient)] == ["asked", "coming", "sent"]
    assert surgery.audited() == [("still_asked", "ok"), ("still_sent", "ok")]
    assert not surgery.rig.live(surgery.room).still


async def send(surgery: Surgery, up: m.Still) -> None:
    """Put all pieces, one after the other."""
    assert up.token is not None
    for number, piece in enumerate(PIECES):
        await surgery.rig.stills.put(up.still, up.token, number, piece)


async def test_the_key_goes_to_who_is_asked_alone_and_others_hear_nothing(surgery: Surgery) -> None:
    """Neither who waits nor the asker is told what they do not need."""
    asked = await surgery.ask()
    assert (asked.state, asked.key, asked.asker) == (m.StillState.ASKED, KEY, surgery.doctor.participant)
    assert stills(surgery.doctor)[-1].key is None
    assert stills(surgery.relative) == []


@pytest.mark.parametrize("answer", [m.StillAnswer.DECLINED, m.StillAnswer.NO_PICTURE])
async def test_no_is_told_and_recorded(surgery: Surgery, answer: m.StillAnswer) -> None:
    """A no is no fault, and a device without a picture is one."""
    await surgery.answer(surgery.patient, await surgery.ask(), answer)
    assert stills(surgery.doctor)[-1].state.value == answer.value
    recorded = {"declined": ("still_declined", "ok"), "no_picture": ("still_failed", "no_picture")}
    assert surgery.audited()[-1] == recorded[answer.value]
    await surgery.ask()


async def test_tokens_open_their_own_end_of_their_own_picture(surgery: Surgery) -> None:
    """The other end's, a made-up one, none, and one of a picture that is over, open nothing."""
    up, down = await surgery.taken()
    relay = surgery.rig.stills
    for token in (down.token or "", "", "token-0", "\udcff"):
        with pytest.raises(Rejected) as refused:
            await relay.put(up.still, token, 0, b"x")
        assert refused.value.code is Code.UNAUTHORIZED
    for still, token in ((up.still, up.token), ("t_other", down.token)):
        with pytest.raises(Rejected) as refused:
            await relay.get(still, token or "", 0)
        assert refused.value.code is Code.UNAUTHORIZED
    await surgery.end(surgery.doctor, down, m.StillOutcome.CANCELLED)
    with pytest.raises(Rejected) as refused:
        await relay.put(up.still, up.token or "", 0, b"x")
    assert refused.value.code is Code.UNAUTHORIZED


async def test_before_it_is_taken_nothing_is_open(surgery: Surgery) -> None:
    """There is no token yet, and an empty one is none."""
    asked = await surgery.ask()
    with pytest.raises(Rejected) as refused:
        await surgery.rig.stills.get(asked.still, "", 0)
    assert refused.value.code is Code.UNAUTHORIZED


@pytest.mark.parametrize("going", ["patient_leaves", "patient_removed", "doctor_leaves", "room_ends"])
async def test_it_ends_for_who_waits_for_a_piece_when_either_goes(surgery: Surgery, going: str) -> None:
    """At once, and on record."""
    up, down = await surgery.taken()
    relay = surgery.rig.stills

    async def wait_for_a_piece() -> None:
        with pytest.raises(Rejected) as refused:
            await relay.get(down.still, down.token or "", 0)
        assert refused.value.code is Code.NOT_FOUND

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wait_for_a_piece())
        await asyncio.sleep(0)
        if going == "patient_removed":
            await surgery.rig.say(surgery.doctor, m.Remove(participant=surgery.patient.participant, ref=1))
        elif going == "room_ends":
            await surgery.rig.say(surgery.doctor, m.End(ref=1))
        else:
            await surgery.rig.say(getattr(surgery, going.partition("_")[0]), m.Leave())
    with pytest.raises(Rejected):
        await relay.put(up.still, up.token or "", 0, b"x")
    assert surgery.audited()[-1] == ("still_failed", "gone")
    told = surgery.doctor if going.startswith("patient") else surgery.patient
    assert stills(told)[-1].state is m.StillState.GONE


async def test_a_question_without_an_answer_ends_and_one_with_an_answer_has_more_time(surgery: Surgery) -> None:
    """The clock of the first stage does not stop the second."""
    await surgery.ask()
    await surgery.rig.pass_time(ANSWER_SECONDS)
    assert stills(surgery.patient)[-1].state is m.StillState.NO_ANSWER
    await surgery.rig.pass_time(60)
    await surgery.taken()
    await surgery.rig.pass_time(ANSWER_SECONDS)
    assert stills(surgery.patient)[-1].state is m.StillState.COMING
    await surgery.rig.pass_time(TRANSFER_SECONDS)
    assert stills(surgery.patient)[-1].state is m.StillState.TOO_SLOW
    assert surgery.audited()[-1] == ("still_failed", "too_slow")


async def test_a_store_that_is_away_does_not_leave_the_room_without_pictures(surgery: Surgery) -> None:
    """The end is written as soon as it can be, and then another can be asked for."""
    await surgery.ask()
    surgery.rig.store.failing = "before"
    with suppress(StoreDown):
        await surgery.rig.pass_time(ANSWER_SECONDS)
    surgery.rig.store.failing = None
    await surgery.rig.service.repair()
    await surgery.rig.pass_time(10)
    assert surgery.audited()[-1] == ("still_failed", "no_answer")
    await surgery.ask()


async def test_a_question_that_only_the_records_know_is_ended(surgery: Surgery) -> None:
    """The store failed after it had written: nobody was asked, and nobody has to wait for it for ever."""
    surgery.rig.store.failing = "after"
    with pytest.raises(StoreDown):
        await surgery.ask()
    surgery.rig.store.failing = None
    await surgery.rig.service.repair()
    assert surgery.rig.recorded(surgery.room).still is not None
    await surgery.rig.pass_time(ANSWER_SECONDS)
    assert surgery.rig.recorded(surgery.room).still is None


async def test_pages_that_come_back_are_told_where_it_is(surgery: Surgery) -> None:
    """With the tokens that hold, to the new connection; what was told on the old one may be lost."""
    up, down = await surgery.taken()
    for page, told in ((surgery.patient, up), (surgery.doctor, down)):
        await surgery.rig.join(page)
        assert stills(page) == [told]
    await surgery.rig.join(surgery.relative)
    assert stills(surgery.relative) == []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send(surgery, up))
        for number, piece in enumerate(PIECES):
            assert await surgery.rig.stills.get(down.still, down.token or "", number) == piece
        await surgery.end(surgery.doctor, down, m.StillOutcome.SENT)


async def test_a_restart_ends_it(surgery: Surgery) -> None:
    """What was on its way is lost, and that is on record."""
    await surgery.taken()
    surgery.rig.start()
    await surgery.rig.join(surgery.doctor)
    await surgery.rig.join(surgery.patient)
    assert surgery.audited()[-1] == ("still_failed", "gone")
    await surgery.ask()


async def test_others_cannot_answer_or_end_it(surgery: Surgery) -> None:
    """Each is refused, and it goes on."""
    asked = await surgery.ask()
    await surgery.rig.say(surgery.doctor, m.Admit(participant=surgery.relative.participant, ref=1))
    take = m.AnswerStill(still=asked.still, answer=m.StillAnswer.TAKE, size=SIZE, ref=1)
    for page, message in (
        (surgery.relative, take),
        (surgery.doctor, take),
        (surgery.relative, m.AnswerStill(still=asked.still, answer=m.StillAnswer.DECLINED, ref=1)),
        (surgery.patient, m.EndStill(still=asked.still, end=m.StillOutcome.SENT, ref=1)),
        (surgery.relative, m.AskStill(participant=surgery.patient.participant, key=KEY, ref=1)),
    ):
        with pytest.raises(Rejected):
            await surgery.rig.say(page, message)
    without = m.AnswerStill(still=asked.still, answer=m.StillAnswer.TAKE, ref=1)
    with pytest.raises(Rejected) as refused:
        await surgery.rig.say(surgery.patient, without)
    assert refused.value.code is Code.BAD_MESSAGE
    await surgery.rig.say(surgery.patient, take)
    with pytest.raises(Rejected) as refused:
        await surgery.rig.say(surgery.patient, take)
    assert refused.value.code is Code.WRONG_STATE


async def test_a_host_that_asks_and_asks_is_slowed_down(surgery: Surgery) -> None:
    """Each question is a dialog before somebody's eyes."""
    for _ in range(6):
        await surgery.answer(surgery.patient, await surgery.ask(), m.StillAnswer.DECLINED)
    with pytest.raises(Rejected) as refused:
        await surgery.ask()
    assert refused.value.code is Code.TOO_MANY
    await surgery.rig.pass_time(10)
    await surgery.ask()


async def refused(step: Awaitable[object]) -> Code:
    """Give the code with which a step is turned down."""
    with pytest.raises(Rejected) as no:
        await step
    return no.value.code


async def test_pieces_go_in_their_order_and_no_more_than_was_said() -> None:
    """One out of turn, a second while one is held, one too many are refused; a lost one can be had again."""
    relay = Relay(size=4)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(relay.put(0, b"ab"))
        await asyncio.sleep(0)
        assert [await refused(relay.put(number, b"c")) for number in (1, 5)] == [Code.WRONG_STATE] * 2
        again = tasks.create_task(relay.put(0, b"ab"))
        assert await relay.get(0) == await relay.get(0) == b"ab"
        assert [await refused(relay.get(number)) for number in (2, 7)] == [Code.WRONG_STATE] * 2
        second = tasks.create_task(relay.get(1))
        await first
        await again
        await relay.put(0, b"ab")
        assert await refused(relay.put(1, b"cde")) is Code.TOO_LARGE
        tasks.create_task(relay.put(1, b"cd"))
        assert await second == b"cd"
        relay.end(complete=True)
    assert await refused(relay.get(2)) is Code.NOT_FOUND


@pytest.mark.parametrize("end", ["put", "get"])
async def test_an_end_that_does_nothing_does_not_hold_the_other_for_ever(end: str) -> None:
    """Whoever waits hears that it is too slow."""
    relay = Relay(size=4, patience_seconds=0.01)
    with pytest.raises(Rejected) as refused:
        await (relay.put(0, b"a") if end == "put" else relay.get(0))
    assert refused.value.code is Code.TOO_SLOW
