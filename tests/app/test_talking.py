"""What people write reaches who is in at that moment, nobody else and nobody later, and is kept nowhere."""

import pytest
from structlog.testing import capture_logs

from bridge.rooms import events as ev
from bridge.rooms.model import RoomId
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import StoreDown
from tests.app.rig import Page, Rig

SECRET = "Hemmelig tekst"  # noqa: S105 - is looked for where it must not be


async def consultation() -> tuple[Rig, RoomId, Page, Page, Page]:
    """A doctor and a patient who are in, and a relative who waits."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    relative = await rig.enter(room, m.Role.RELATIVE)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=2))
    return rig, room, doctor, patient, relative


def read(page: Page) -> list[tuple[str, str, bool]]:
    """What a page was told that others write, in order."""
    told = [one for one in page.connection.sent if isinstance(one, m.Written)]
    return [(one.participant, one.text, one.done) for one in told]


async def write(rig: Rig, page: Page, text: str, *, done: bool = True) -> m.ServerMessage | None:
    """Write a line."""
    return await rig.say(page, m.Write(text=text, done=done, ref=9))


async def refused(rig: Rig, page: Page, text: str = "Hei", *, done: bool = True) -> Code:
    """The code with which a line is turned down."""
    with pytest.raises(Rejected) as caught:
        await write(rig, page, text, done=done)
    return caught.value.code


async def test_a_line_is_told_as_it_grows_and_when_it_is_done() -> None:
    """To the others who are in: not to its writer, and not to who waits."""
    rig, _, doctor, patient, relative = await consultation()
    assert await write(rig, patient, "H", done=False) == m.Ok(ref=9)
    await write(rig, patient, "Hei", done=False)
    await write(rig, patient, "Hei!")
    who = patient.participant
    assert read(doctor) == [(who, "H", False), (who, "Hei", False), (who, "Hei!", True)]
    assert read(patient) == read(relative) == []
    await write(rig, doctor, "God dag")
    assert read(patient) == [(doctor.participant, "God dag", True)]


async def test_who_waits_neither_reads_nor_writes() -> None:
    """Nor who was sent back to wait, from that moment on."""
    rig, _, doctor, patient, relative = await consultation()
    assert await refused(rig, relative) is Code.NOT_ADMITTED
    await rig.say(doctor, m.ToWaiting(participant=patient.participant, ref=3))
    await write(rig, doctor, "Er du der?")
    assert read(patient) == []
    assert await refused(rig, patient) is Code.NOT_ADMITTED
    assert read(doctor) == []


async def test_nothing_is_told_again() -> None:
    """Not to one who is let in later, and not to one who was away, whose own lines are told as before."""
    rig, _, doctor, patient, relative = await consultation()
    await write(rig, doctor, "Før")
    await rig.say(doctor, m.Admit(participant=relative.participant, ref=3))
    assert read(relative) == []
    await rig.lose(patient)
    await write(rig, doctor, "Imens")
    assert read(relative) == [(doctor.participant, "Imens", True)]
    await rig.join(patient)
    assert read(patient) == []
    await write(rig, patient, "Tilbake")
    assert read(relative)[1:] == [(patient.participant, "Tilbake", True)]


async def test_who_is_put_out_is_told_nothing_more() -> None:
    """From the act on, whatever their socket still does."""
    rig, _, doctor, patient, relative = await consultation()
    await rig.say(doctor, m.Admit(participant=relative.participant, ref=3))
    await rig.say(doctor, m.Remove(participant=patient.participant, ref=4))
    await write(rig, relative, "Nå er vi to")
    assert read(patient) == []
    with pytest.raises(Rejected):
        await write(rig, patient, "Jeg også")
    assert read(doctor) == [(relative.participant, "Nå er vi to", True)]


@pytest.mark.parametrize("failing", ["before", "after"])
async def test_while_it_is_in_doubt_who_is_in_nobody_is_told(failing: str) -> None:
    """A removal may be on record whose writing failed on the way back."""
    rig, _, doctor, patient, relative = await consultation()
    await rig.say(doctor, m.Admit(participant=relative.participant, ref=3))
    rig.store.failing = failing
    with pytest.raises(StoreDown):
        await rig.say(doctor, m.Remove(participant=patient.participant, ref=4))
    assert await refused(rig, doctor) is Code.WRONG_STATE
    rig.store.failing = None
    await rig.service.repair()
    await write(rig, doctor, "Hei")
    assert len(read(relative)) == 1
    assert len(read(patient)) == (1 if failing == "before" else 0)


async def test_nothing_of_it_is_kept_or_logged() -> None:
    """Neither in events nor in the audit nor in a log, done or not, told or turned down."""
    rig, room, doctor, patient, relative = await consultation()
    before = len(rig.store.events(room)), len(rig.store.audit)
    with capture_logs() as logs:
        await write(rig, patient, SECRET, done=False)
        await write(rig, patient, SECRET)
        await refused(rig, relative, SECRET)
        for _ in range(10):
            await write(rig, doctor, SECRET)
        with pytest.raises(Rejected) as caught:
            await write(rig, doctor, SECRET)
    assert SECRET not in str(caught.value)
    assert (len(rig.store.events(room)), len(rig.store.audit)) == before
    assert SECRET not in repr(logs) + repr(rig.live(room)) + repr(rig.store.audit) + repr(rig.counts.seen)
    assert SECRET.encode() not in b"".join(ev.encode(one) for one in rig.store.events(room))


async def test_one_writer_is_bounded_and_others_are_not() -> None:
    """Lines and changes each have a ration, which comes again with time."""
    rig, _, doctor, patient, _ = await consultation()
    for done, at_once in ((True, 10), (False, 20)):
        for _ in range(at_once):
            await write(rig, patient, "x", done=done)
        assert await refused(rig, patient, done=done) is Code.TOO_MANY
        assert await refused(rig, patient, done=done) is Code.TOO_MANY
    assert rig.counts.seen["writing_dropped", "line"] == 2
    assert rig.counts.seen["writing_dropped", "change"] == 2
    assert len(read(doctor)) == 30
    await write(rig, doctor, "Rolig")
    rig.clock.seconds += 1.0
    await write(rig, patient, "x")
    await write(rig, patient, "x", done=False)


async def test_a_line_that_is_done_has_something_in_it() -> None:
    """One that is not can be taken back by an empty one."""
    rig, _, doctor, patient, _ = await consultation()
    assert await refused(rig, patient, "  ") is Code.BAD_MESSAGE
    await write(rig, patient, "", done=False)
    assert read(doctor) == [(patient.participant, "", False)]
