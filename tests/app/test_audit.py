"""What is written down of acts and refusals, and how much of it."""

from dataclasses import replace

import pytest

from bridge.app.audit import REFUSAL_EVERY, REFUSALS_AT_ONCE, RefusalRation, of_event, of_refusal
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.evolve import replay
from bridge.rooms.model import (
    Assurance,
    ByParticipant,
    Ground,
    Identity,
    Office,
    ParticipantId,
    Pii,
    Relation,
    Role,
    SubjectDigest,
    System,
)
from bridge.rooms.refusal import Refusal
from bridge.store.audit import Head, chain
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import START, Connection, token_of
from tests.app.rig import Rig
from tests.rooms.rig import Consultation, iid, opened, person, pid

NO = Refusal("not_host", "No.")
DOCTOR = Identity(
    assurance=Assurance.HIGH, provider="helseid", subject=SubjectDigest("digest"), organisation="987654321"
)
FOR_A_CHILD = Identity(
    assurance=Assurance.HIGH,
    provider="helsenorge",
    subject=SubjectDigest("digest"),
    represents=SubjectDigest("another digest"),
    relation=Relation.PARENT,
)


def test_every_event_but_ones_own_devices_makes_an_opaque_line() -> None:
    """Each event is audited with its actor's role, as ids and plain words that the chain accepts."""
    room = opened()
    room.admit("patient")
    room.happens(c.Camera(by=person("patient"), on=False))
    room.happens(c.SelfMute(by=person("patient"), muted=True))
    room.happens(c.Remove(by=person("doctor"), participant=pid("patient")))
    assert room.room is not None
    lines = {type(event): of_event(event, room.room) for event in room.record}
    assert lines[ev.CameraChanged] is None
    assert lines[ev.SelfMuteChanged] is None
    kept = [line for line in lines.values() if line is not None]
    assert len(kept) == len(lines) - 2
    assert len(list(chain(Head(), room.room.id, kept))) == len(kept)
    removed = lines[ev.Removed]
    assert removed is not None
    assert (removed.actor, removed.role, removed.act) == ("p_doctor", "doctor", "removed")
    assert (removed.target, removed.outcome, removed.at) == ("p_patient", "ok", START)


def test_a_line_tells_how_surely_who_acted_is_known_and_for_whom() -> None:
    """Assurance and organisation are those of the actor at the time; offices have none."""
    room = Consultation()
    room.create()
    room.invite("doctor", Role.DOCTOR, host=True)
    room.happens(replace(room.knocking("doctor"), identity=DOCTOR))
    room.arrive("patient")
    room.admit("patient")
    lines = {}
    for number, event in enumerate(room.record, 1):
        lines[type(event)] = of_event(event, replay(room.record[:number]))
    proven = {kind: (line.assurance, line.organisation) for kind, line in lines.items() if line is not None}
    assert proven[ev.RoomCreated] == (None, None)
    assert proven[ev.HostEntered] == ("none", None)
    assert proven[ev.Identified] == proven[ev.Admitted] == ("high", "987654321")
    assert proven[ev.Arrived] == ("none", None)
    assert room.room is not None
    refused = of_refusal(c.Lock(by=person("doctor"), locked=True), NO, room.room, START)
    assert (refused.assurance, refused.organisation) == ("high", "987654321")


def test_a_reason_is_a_word_and_its_text_stays_with_the_event() -> None:
    """The chain holds that there was one, and of what kind; what somebody wrote may name a person."""
    room = opened().room
    assert room is not None
    given = {"room": room.id, "at": START, "by": person("doctor"), "participant": pid("patient")}
    text = Pii("Kari is known to me")
    invited = {
        "room": room.id,
        "at": START,
        "by": person("doctor"),
        "invitation": iid("kari"),
        "role": Role.RELATIVE,
    }
    invited |= {"name": Pii("Kari"), "host": False, "expires_at": START}
    for event, word in (
        (ev.Admitted(**given, reason=text), "less_proven"),
        (ev.Admitted(**given), None),
        (ev.Refused(**given, reason=text), "stated"),
        (ev.Refused(**given), None),
        (ev.Invited(**invited, ground=Ground.POWER_OF_ATTORNEY, reference=text), "power_of_attorney"),
        (ev.Invited(**invited), None),
        (ev.RoomEnded(room=room.id, at=START, by=person("doctor"), cancelled=True), "cancelled"),
        (ev.Identified(**given, identity=FOR_A_CHILD), "parent"),
        (ev.Identified(**given, identity=DOCTOR), None),
    ):
        line = of_event(event, room)
        assert line is not None
        assert line.reason == word
        assert "Kari" not in repr(line)


def test_a_refusal_names_who_tried_what_on_whom() -> None:
    """Actor, act, target and the refusal's code are on the line."""
    room = opened().room
    assert room is not None
    line = of_refusal(c.Admit(by=person("patient"), participant=pid("interpreter")), NO, room, START)
    assert (line.actor, line.role, line.act) == ("p_patient", "patient", "admit")
    assert (line.target, line.outcome) == ("p_interpreter", "not_host")


def test_what_a_client_makes_up_as_an_id_is_not_written_down() -> None:
    """A target unknown to the room may be a name, so the line leaves it out; an unknown actor has no role."""
    room = opened().room
    assert room is not None
    made_up = ParticipantId("Kari-Nordmann")
    line = of_refusal(c.Admit(by=person("doctor"), participant=made_up), NO, room, START)
    assert line.target is None
    stranger = of_refusal(c.AdmitAll(by=ByParticipant(ParticipantId("p_x"))), NO, room, START)
    assert stranger.role == "unknown"
    office = of_refusal(c.End(by=System(Office.OPERATOR)), NO, room, START)
    assert (office.actor, office.role) == ("operator", "system")


def test_a_flood_of_refusals_is_cut_for_the_one_who_makes_it() -> None:
    """A person has one ration, at whomever they aim, and others have their own."""
    room = opened().room
    assert room is not None
    ration = RefusalRation()
    targets = [pid("patient"), pid("interpreter"), ParticipantId("other")]
    tries = [
        ration.take(of_refusal(c.Admit(by=person("patient"), participant=target), NO, room, START))
        for target in targets * 20
    ]
    assert tries.count(True) == REFUSALS_AT_ONCE
    assert ration.take(of_refusal(c.AdmitAll(by=person("interpreter")), NO, room, START))


def test_a_ration_comes_back_with_time() -> None:
    """After a flood there is one line a minute."""
    room = opened().room
    assert room is not None
    ration = RefusalRation()

    def tried(minutes: float) -> int:
        at = START + minutes * REFUSAL_EVERY
        line = of_refusal(c.AdmitAll(by=person("patient")), NO, room, at)
        return sum(ration.take(line) for _ in range(100))

    assert tried(0) == REFUSALS_AT_ONCE
    assert tried(0.5) == 0
    assert tried(3) == 3
    assert tried(1000) == REFUSALS_AT_ONCE


@pytest.fixture
def rig() -> Rig:
    """A bridge."""
    return Rig()


async def test_a_removed_person_who_knocks_for_ever_fills_no_disk(rig: Rig) -> None:
    """Thousands of knocks with a blocked link leave a bounded number of lines; all are counted."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    patient = await rig.enter(room)
    await rig.say(doctor, m.Remove(participant=patient.participant, ref=1))
    before = len(rig.store.audit)
    join = m.Join(version=1, token=token_of(patient.link), resume=patient.resume, language=m.Language.NB)
    for _ in range(1000):
        with pytest.raises(Rejected) as caught:
            await rig.door.join(join, Connection())
        assert caught.value.code is Code.LINK_BLOCKED
    assert len(rig.store.audit) - before == REFUSALS_AT_ONCE
    assert rig.counts.seen["refusals", "link_blocked"] == 1000
    assert rig.counts.seen["refusals_not_audited", "link_blocked"] == 1000 - REFUSALS_AT_ONCE


async def test_an_id_that_looks_like_a_name_gets_the_refusal_it_deserves(rig: Rig) -> None:
    """The chain refuses lines that could name somebody; a client's invention must not become our fault."""
    room = await rig.open_room()
    doctor = await rig.enter(room, m.Role.DOCTOR, host=True)
    with pytest.raises(Rejected) as caught:
        await rig.say(doctor, m.Admit(participant="Kari-Nordmann", ref=1))
    assert caught.value.code is Code.UNKNOWN_PARTICIPANT
    assert (rig.store.audit[-1].target, rig.store.audit[-1].outcome) == (None, "unknown_participant")
