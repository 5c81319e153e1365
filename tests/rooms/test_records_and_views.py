"""Events survive storage, names are not printed, faulty records are noticed, each sees whom they may."""

import copy
import logging
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.decide import DECIDERS
from bridge.rooms.evolve import EVOLVERS, evolve, replay
from bridge.rooms.model import (
    Assurance,
    Identity,
    Line,
    Matter,
    Miss,
    NoticeVersion,
    ParticipantId,
    Pii,
    PinDigest,
    Role,
    RoomId,
    StillEnd,
    StillId,
    SubjectDigest,
    TextState,
)
from bridge.rooms.refusal import HistoryError
from bridge.rooms.views import visible_to, who_may_send
from tests.rooms.rig import ADMINISTRATION, BRIDGE, NORD, START, Consultation, iid, opened, person, pid, resume

DOCTOR = person("doctor")


def eventful() -> Consultation:
    """Return a consultation in whose record every kind of event occurs."""
    room = opened(rota=NORD)
    room.arrive("specialist", role=Role.SPECIALIST)
    room.line_up("one", "other")
    room.invite("relative", Role.RELATIVE)
    later = START + timedelta(days=1)
    room.happens(c.MoveInvitation(by=ADMINISTRATION, invitation=iid("relative"), expires_at=later))
    room.happens(c.NoteText(by=BRIDGE, invitation=iid("relative"), state=TextState.SENT))
    room.happens(c.RevokeInvitation(by=DOCTOR, invitation=iid("relative")))
    room.admit("patient", "interpreter", "specialist")
    room.come_back("patient")
    room.drop("patient")
    room.come_back("patient")
    proven = Identity(
        assurance=Assurance.HIGH, provider="idporten", subject=SubjectDigest("x"), organisation="998877665"
    )
    room.happens(replace(room.knocking("patient", resume("patient")), identity=proven))
    room.happens(c.Lock(by=DOCTOR, locked=True))
    room.happens(c.Mute(by=DOCTOR, participant=pid("patient"), muted=True))
    room.happens(c.SelfMute(by=person("patient"), muted=False))
    for confirmed in (True, False):
        room.happens(c.ConfirmIdentity(by=DOCTOR, participant=pid("patient"), confirmed=confirmed))
    called = room.dialling(DOCTOR, "called")
    room.happens(called)
    renewed = c.RenewPin(invitation=iid("patient"), resume_hash=resume("patient"), new_pin=PinDigest("another"))
    room.happens(renewed)
    room.happens(c.NoteMiss(participant=pid("called"), connection=called.connection, why=Miss.BUSY))
    room.happens(c.Camera(by=DOCTOR, on=False))
    room.happens(c.Sharing(by=DOCTOR, on=True))
    room.happens(c.Consent(by=DOCTOR, matter=Matter.VIDEO, notice=NoticeVersion("0123456789ab")))
    room.happens(c.WithdrawConsent(by=DOCTOR, matter=Matter.VIDEO))
    for end, by in (
        (StillEnd.SENT, DOCTOR),
        (StillEnd.DECLINED, person("patient")),
        (StillEnd.NO_PICTURE, person("patient")),
    ):
        room.happens(c.AskStill(by=DOCTOR, still=StillId("t_1"), participant=pid("patient")))
        room.happens(c.EndStill(by=by, still=StillId("t_1"), end=end))
    room.happens(c.SendToWaiting(by=DOCTOR, participant=pid("patient")))
    room.happens(c.Refuse(by=DOCTOR, participant=pid("patient"), reason=Pii("Ring heller")))
    room.happens(c.Remove(by=DOCTOR, participant=pid("interpreter")))
    room.happens(c.HandOver(by=DOCTOR, participant=pid("specialist")))
    room.happens(c.Leave(by=person("specialist")))
    room.happens(c.Delay(by=ADMINISTRATION, expected_at=room.now + timedelta(minutes=10)))
    room.happens(c.Cancel(by=ADMINISTRATION, invitation=iid("line"), new_time=room.now + timedelta(days=1)))
    room.happens(c.Appoint(by=ADMINISTRATION, invitation=iid("specialist")))
    room.happens(c.TakeHost(by=DOCTOR))
    room.happens(c.Lock(by=DOCTOR, locked=False))
    room.drop("doctor")
    room.arrive("nurse", role=Role.ASSISTANT)
    room.happens(room.taking("on_duty"))
    room.come_back("doctor")
    room.arrive("last")
    room.admit("last")
    room.happens(c.SeeOff(by=DOCTOR, leaving=frozenset({pid("last")})))
    room.happens(c.End(by=ADMINISTRATION))
    return room


def test_every_event_survives_storage() -> None:
    """Decoding what was encoded gives the same event, and replaying those gives the same room."""
    room = eventful()
    assert {type(e) for e in room.record} == set(get_args(ev.Event))
    stored = [ev.decode(ev.encode(e)) for e in room.record]
    assert stored == room.record
    assert replay(stored) == room.room


def test_the_stored_form_is_plain_json() -> None:
    """The form is permanent, so one example of it is written out here."""
    room = opened()
    assert ev.encode(room.record[1]) == (
        b'{"type":"Invited","room":"r_1","at":"2026-03-02T08:00:00Z",'
        b'"by":{"type":"system","office":"administration"},"invitation":"i_doctor","role":"doctor",'
        b'"name":"doctor","host":true,"expires_at":"2026-03-02T10:00:00Z","pin":"pin of doctor",'
        b'"requires":"none","person":null,"many":false,"substitute":false,"ground":null,"reference":null,"expected_at":null}'
    )


def test_records_of_before_there_were_calls_are_read() -> None:
    """What a field was not there for, it does not say."""
    by = b'"room":"r_1","at":"2026-03-02T08:00:00Z","by":{"type":"system","office":"administration"}'
    room = replay(
        map(
            ev.decode,
            (
                b'{"type":"RoomCreated",' + by + b',"name":"Rom","max_participants":9}',
                b'{"type":"Invited",' + by + b',"invitation":"i_1","role":"patient","name":"Navn","host":false,'
                b'"expires_at":"2026-03-02T10:00:00Z"}',
                b'{"type":"Arrived",' + by + b',"participant":"p_1","invitation":"i_1","connection":1,'
                b'"resume_hash":"x"}',
            ),
        )
    )
    (participant,) = room.participants.values()
    (invitation,) = room.invitations.values()
    assert (room.number, room.plain_calls) == (None, False)
    assert (invitation.pin, participant.line) == (None, Line.BROWSER)


def test_every_command_and_event_is_handled() -> None:
    """The tables of `decide` and `evolve` have no gap."""
    assert set(DECIDERS) == set(get_args(c.Command)) - {c.CreateRoom}
    assert set(EVOLVERS) == set(get_args(ev.Event)) - {ev.RoomCreated}


def test_the_revision_counts_the_events() -> None:
    """Each event moves it by one."""
    room = eventful()
    assert room.room is not None
    assert room.room.revision == len(room.record)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"type":"Bribed"}',
        b"\xff\xfe",
        b'{"type":"RoomEnded","room":"r_1"}',
        (
            b'{"type":"RoomCreated","room":"r","at":"2026-03-02T08:00:00Z",'
            b'"by":{"type":"system","office":"bridge"},"name":17,"max_participants":9}'
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_a_fault(data: bytes) -> None:
    """The error says so without quoting the record, which may hold names."""
    with pytest.raises(HistoryError) as caught:
        ev.decode(data)
    assert caught.value.code == "internal"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_only_domain_values_are_encoded() -> None:
    """A foreign object in an event is a mistake to be noticed."""
    with pytest.raises(NotImplementedError):
        ev.encode(ev.RoomEnded(room=RoomId("r"), at=START, by=object()))


def test_impossible_records_are_faults() -> None:
    """A room is created once and first, and events name what it knows and nothing of other rooms."""
    room = opened()
    ended = ev.RoomEnded(room=RoomId("r_1"), at=START, by=ADMINISTRATION)
    stranger = ev.Admitted(room=RoomId("r_1"), at=START, by=DOCTOR, participant=ParticipantId("p_x"))
    for state, event in (
        (room.room, room.record[0]),
        (None, ended),
        (room.room, ev.RoomEnded(room=RoomId("r_2"), at=START, by=ADMINISTRATION)),
        (room.room, stranger),
        (
            room.room,
            ev.HostTaken(room=RoomId("r_1"), at=START, by=DOCTOR, participant=pid("x"), previous=None),
        ),
    ):
        with pytest.raises(HistoryError):
            evolve(state, event)
    with pytest.raises(HistoryError):
        replay([])


def test_names_are_not_printed(caplog: pytest.LogCaptureFixture) -> None:
    """Rooms, people, commands and events show no name, reason or resume digest in any printed form."""
    name = Pii("Kari Nordmann")
    assert f"{name} {name!r} {name!s} {name:>12}" == "[redacted] [redacted] [redacted]   [redacted]"
    assert name.reveal() == "Kari Nordmann"
    logging.getLogger("test").warning("%s %r", name, [name])
    assert "Kari" not in caplog.text
    room = opened()
    assert room.room is not None
    printed = repr(room.room) + repr(room.room.participants)
    assert "Rom 1" not in printed
    assert "resume of" not in printed
    assert "Pii" not in repr(replace(room.of("patient"), name=name))
    assert "Kari" not in repr(replace(room.of("patient"), name=name))


def test_names_compare_by_what_they_say() -> None:
    """Equal texts are equal names, a name is not its text, and a copy is the same name."""
    assert Pii("a") == Pii("a")
    assert Pii("a") != Pii("b")
    assert Pii("a") != "a"
    assert len({Pii("a"), Pii("a"), Pii("b")}) == 2
    assert copy.deepcopy(Pii("a")) == Pii("a")


def seen(room: Consultation, name: str) -> list[str]:
    """Return the ids of those whom `name` sees."""
    assert room.room is not None
    return [p.id for p in visible_to(room.room, pid(name))]


def test_each_sees_whom_they_may() -> None:
    """The host all in the house, the admitted each other, one who waits themselves, one outside nobody."""
    room = opened()
    room.arrive("relative", role=Role.RELATIVE)
    room.admit("patient")
    room.happens(c.Refuse(by=DOCTOR, participant=pid("relative")))
    assert seen(room, "doctor") == [pid("doctor"), pid("patient"), pid("interpreter")]
    assert seen(room, "patient") == [pid("doctor"), pid("patient")]
    assert seen(room, "interpreter") == [pid("interpreter")]
    assert seen(room, "relative") == []
    assert seen(room, "stranger") == []


def test_a_substitute_beside_the_host_sees_the_admitted() -> None:
    """The waiting room is for the host's eyes, until the role is taken."""
    room = opened()
    room.enter_host("substitute")
    assert seen(room, "substitute") == [pid("doctor"), pid("substitute")]
    room.drop("doctor")
    room.happens(c.TakeHost(by=person("substitute")))
    assert pid("patient") in seen(room, "substitute")


def test_those_who_may_send_are_admitted_and_connected() -> None:
    """A reconnect changes nothing, the end of the room everything."""
    room = opened()
    room.admit("patient")
    room.come_back("patient")
    assert room.room is not None
    assert who_may_send(room.room) == {pid("doctor"), pid("patient")}
    room.happens(c.End(by=DOCTOR))
    assert who_may_send(room.room) == frozenset()
