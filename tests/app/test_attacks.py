"""Who attacks a room is turned away and counted, and nobody in it notices: no message, no event, no lost place."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from bridge.rooms.model import RoomId
from bridge.rooms.policy import MAX_WAITING
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.session import Deliver, Reply, Session
from tests.app.fakes import Connection, token_of
from tests.app.rig import Page, Rig

KNOCKS = 10_000
PROTOCOL = Path(__file__).parents[2] / "signalling" / "PROTOCOL.md"
# A message of the protocol that is the host's says so in the first words about it.
HOSTS = re.compile(r"^### `(\w+)`\n\n\*Host\.\*", re.MULTILINE)


class Call:
    """A doctor and a patient who talk, one who waits, and what each of them has heard by now."""

    def __init__(self, rig: Rig, room: RoomId, people: list[Page]) -> None:
        self.rig, self.room, self.people = rig, room, people
        self.doctor, self.patient, self.waiting = people
        self._before = self._seen()

    def _seen(self) -> object:
        heard = [(len(page.connection.sent), page.connection.bye) for page in self.people]
        return heard, len(self.rig.store.events(self.room)), self.rig.engine.open_legs(), set(self.rig.engine.legs)

    def nobody_noticed(self) -> None:
        """Check that all is as it was."""
        assert self._seen() == self._before

    def refused(self, code: Code) -> int:
        """How many were turned away with a code."""
        return self.rig.counts.seen.get(("refusals", code.value), 0)


@pytest.fixture
async def call() -> Call:
    """Under attack from here on."""
    rig = Rig()
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Admit(participant=patient.participant, ref=1))
    waiting = await rig.enter(room, m.Role.RELATIVE)
    rig.deliver()
    return Call(rig, room, [doctor, patient, waiting])


async def knock(call: Call, page: Page, resume: str | None = None) -> tuple[Code | None, Connection]:
    """Come with somebody's link; give with what one was turned away."""
    connection = Connection()
    join = m.Join(version=1, token=token_of(page.link), resume=resume, language=m.Language.NB, name="Navn")
    try:
        await call.rig.door.join(join, connection)
    except Rejected as rejected:
        return rejected.code, connection
    return None, connection


async def test_ten_thousand_knocks_with_a_copied_link(call: Call) -> None:
    """Each is refused and counted; on record are the first few, and the disk does not fill."""
    rows = len(call.rig.store.audit)
    for number in range(KNOCKS):
        code, connection = await knock(call, call.patient, None if number % 2 else f"guess {number:040}")
        assert (code, connection.sent) == (Code.LINK_USED, [])
    assert call.refused(Code.LINK_USED) == KNOCKS
    assert call.rig.counts.seen["refusals_not_audited", "link_used"] > KNOCKS * 0.99
    assert len(call.rig.store.audit) - rows < KNOCKS / 100
    call.nobody_noticed()


async def test_ten_thousand_knocks_with_a_link_for_many(call: Call) -> None:
    """The queue takes as many as it takes; the rest is refused and counted, and those who talk go on."""
    wanted = m.CreateInvitation(role=m.Role.PATIENT, name="Drop-in", many=True)
    page = Page((await call.rig.administration.invite(call.room, wanted)).link)
    codes = [(await knock(call, page))[0] for _ in range(KNOCKS)]
    full = MAX_WAITING - 1
    assert codes == [None] * full + [Code.ROOM_FULL] * (KNOCKS - full)
    assert call.refused(Code.ROOM_FULL) == KNOCKS - full
    told = len(call.doctor.connection.sent)
    await knock(call, page)
    assert len(call.doctor.connection.sent) == told
    assert len(call.doctor.connection.roster.people) <= MAX_WAITING + 2
    assert len(call.patient.connection.roster.people) == 2
    assert call.rig.sees(call.room, call.doctor)


async def test_a_removed_person_in_a_new_tab(call: Call) -> None:
    """With the secret or without, for a test or to come in: the link is blocked, and nobody hears of it."""
    secret = call.patient.resume
    await call.rig.say(call.doctor, m.Remove(participant=call.patient.participant, ref=1))
    call.rig.deliver()
    now = Call(call.rig, call.room, call.people)
    for resume in (secret, None, "x" * 40):
        code, connection = await knock(now, now.patient, resume)
        assert (code, connection.sent) == (Code.LINK_BLOCKED, [])
    with pytest.raises(Rejected) as tried:
        await now.rig.door.test(m.Test(version=1, token=token_of(now.patient.link), ref=1))
    assert tried.value.code is Code.LINK_BLOCKED
    with pytest.raises(Rejected):
        await now.rig.offer(now.patient)
    assert now.refused(Code.LINK_BLOCKED) == 4
    now.nobody_noticed()


def hosts_messages(target: str) -> dict[str, m.ClientMessage]:
    """Every message that is the host's, about somebody."""
    made = (
        *(m.Admit(participant=target, ref=1), m.AdmitAll(ref=1), m.Refuse(participant=target, ref=1)),
        *(m.Remove(participant=target, ref=1), m.ToWaiting(participant=target, ref=1), m.Lock(locked=True, ref=1)),
        m.SeeOff(leaving=[target], following=None, ref=1),
        m.Mute(participant=target, muted=True, may_unmute=False, ref=1),
        m.HandOver(participant=target, ref=1),
        m.Invite(role=m.Role.DOCTOR, name="Lege", ref=1),
        m.Dial(address="+47 22 33 44 55", role=m.Role.RELATIVE, name="Navn", ref=1),
        m.ConfirmIdentity(participant=target, confirmed=True, ref=1),
        m.Delay(expected_at=None, ref=1),
        m.SuggestCall(participant=target, ref=1),
        *(
            m.Appoint(invitation="i_1", ref=1),
            m.Withdraw(invitation="i_1", ref=1),
            m.Cancel(invitation="i_1", ref=1),
        ),
        m.End(ref=1),
    )
    return {msgspec.to_builtins(one)["type"]: one for one in made}


def marked_in_the_protocol() -> set[str]:
    """What the protocol's text says is the host's."""
    known = {one.__struct_config__.tag for one in get_args(m.ClientMessage)}
    return set(HOSTS.findall(PROTOCOL.read_text("utf-8"))) & known


async def test_a_participant_sends_what_is_the_hosts(call: Call) -> None:
    """All of it, on everybody: refused, counted, told to nobody; who waits does not even get so far."""
    sent = 0
    join = m.Join(version=1, token=token_of(call.waiting.link), language=m.Language.NB)
    for target in call.people:
        for message in hosts_messages(target.participant).values():
            with pytest.raises(Rejected) as refused:
                await call.rig.say(call.patient, message)
            assert refused.value.code in {Code.NOT_HOST, Code.NOT_DIALABLE}, message
            sent += refused.value.code is Code.NOT_HOST
            session = Session(0.0)
            session.handle_text(m.encode_client(join), 0.0)
            session.handle_outgoing(call.waiting.connection.welcome)
            effects = session.handle_text(m.encode_client(message), 1.0)
            assert not any(isinstance(effect, Deliver) for effect in effects)
            assert isinstance(effects[0], Reply)
    assert call.refused(Code.NOT_HOST) == sent
    call.nobody_noticed()


def test_the_messages_tried_are_those_that_the_protocol_marks() -> None:
    """Beside those that ask for pictures or write, which have tests of their own, none is left out."""
    elsewhere = {"ask_still"}
    assert marked_in_the_protocol() - elsewhere <= set(hosts_messages("p"))
