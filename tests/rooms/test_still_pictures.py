"""Still pictures: who asks whom, who says what became of it, and that it ends when either of them goes."""

from collections.abc import Callable

import pytest

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, Line, Role, Still, StillEnd, StillId
from tests.rooms.rig import ADMINISTRATION, BRIDGE, OPERATOR, Consultation, opened, person, pid

STILL = StillId("t_1")
DOCTOR, PATIENT = person("doctor"), person("patient")


def asking(by: Actor = DOCTOR, whom: str = "patient", still: StillId = STILL) -> c.AskStill:
    """Somebody asks for a picture."""
    return c.AskStill(by=by, still=still, participant=pid(whom))


def ending(by: Actor, end: StillEnd, still: StillId = STILL) -> c.EndStill:
    """Somebody says what has become of it."""
    return c.EndStill(by=by, still=still, end=end)


def running() -> Consultation:
    """Return a consultation in which the doctor has asked the patient, with an interpreter and a specialist in."""
    room = opened()
    room.arrive("specialist", role=Role.SPECIALIST)
    room.admit("patient", "interpreter", "specialist")
    room.happens(asking())
    return room


def still_of(room: Consultation) -> Still | None:
    """The picture that is on its way."""
    assert room.room is not None
    return room.room.still


def test_one_picture_at_a_time_is_asked_for_and_then_another() -> None:
    """Until the first is over the second is refused; its end lets another be asked for."""
    room = running()
    assert room.refused(asking(whom="interpreter", still=StillId("t_2"))) == "wrong_state"
    (event,) = room.happens(ending(DOCTOR, StillEnd.SENT))
    assert isinstance(event, ev.StillSent)
    assert (event.participant, event.by) == (pid("patient"), DOCTOR)
    room.happens(asking(whom="interpreter", still=StillId("t_2")))


@pytest.mark.parametrize(
    ("by", "whom", "code"),
    [
        (PATIENT, "interpreter", "not_host"),
        (person("waiting"), "patient", "not_admitted"),
        (ADMINISTRATION, "patient", "not_host"),
        (DOCTOR, "waiting", "wrong_state"),
        (DOCTOR, "doctor", "wrong_state"),
        (DOCTOR, "away", "wrong_state"),
        (DOCTOR, "caller", "wrong_state"),
        (DOCTOR, "nobody", "unknown_participant"),
    ],
)
def test_only_the_host_asks_and_only_one_who_is_in_by_a_browser(by: Actor, whom: str, code: str) -> None:
    """Not who waits, is away, has no page, or the host itself."""
    room = opened()
    room.arrive("waiting", "away")
    room.invite("caller")
    room.happens(room.calling("caller", Line.TELEPHONE))
    room.admit("patient", "interpreter", "away", "caller")
    room.drop("away")
    assert room.refused(asking(by, whom)) == code


@pytest.mark.parametrize("end", [end for end in StillEnd if end is not StillEnd.GONE])
@pytest.mark.parametrize("by", [DOCTOR, PATIENT, BRIDGE, OPERATOR, ADMINISTRATION, person("interpreter")])
def test_each_end_is_for_one_to_tell(by: Actor, end: StillEnd) -> None:
    """The asker's page knows what came, the person whether they want, the bridge what took too long."""
    knows = {
        DOCTOR: {StillEnd.SENT, StillEnd.CANCELLED, StillEnd.UNREADABLE},
        PATIENT: {StillEnd.DECLINED, StillEnd.NO_PICTURE},
        BRIDGE: {StillEnd.NO_ANSWER, StillEnd.TOO_SLOW},
    }
    room = running()
    if end not in knows.get(by, set()):
        assert room.refused(ending(by, end)) == "wrong_state"
        assert still_of(room) is not None
        return
    (event,) = room.happens(ending(by, end))
    assert still_of(room) is None
    if isinstance(event, ev.StillFailed):
        assert event.why is end
    else:
        assert type(event) is {StillEnd.SENT: ev.StillSent, StillEnd.DECLINED: ev.StillDeclined}[end]


def test_nobody_says_of_themselves_that_they_are_gone() -> None:
    """That is what the room sees by itself."""
    for by in (DOCTOR, PATIENT, BRIDGE):
        assert running().refused(ending(by, StillEnd.GONE)) == "wrong_state"


def test_a_late_or_doubled_end_changes_nothing() -> None:
    """Of one that is over, or of another."""
    room = running()
    assert room.happens(ending(PATIENT, StillEnd.DECLINED, StillId("t_0"))) == []
    room.happens(ending(PATIENT, StillEnd.DECLINED))
    assert room.happens(ending(PATIENT, StillEnd.DECLINED)) == []
    assert room.happens(ending(DOCTOR, StillEnd.SENT)) == []


GOINGS: dict[str, Callable[[Consultation], object]] = {
    "the person leaves": lambda room: room.happens(c.Leave(by=PATIENT)),
    "the person is removed": lambda room: room.happens(c.Remove(by=DOCTOR, participant=pid("patient"))),
    "the person waits again": lambda room: room.happens(c.SendToWaiting(by=DOCTOR, participant=pid("patient"))),
    "the person loses the line": lambda room: room.drop("patient"),
    "the person goes on by a call": lambda room: (room.drop("patient"), room.happens(room.calling("patient"))),
    "the doctor leaves": lambda room: room.happens(c.Leave(by=DOCTOR)),
    "the doctor loses the line": lambda room: room.drop("doctor"),
    "it ends for all": lambda room: room.happens(c.End(by=ADMINISTRATION)),
}


@pytest.mark.parametrize("going", GOINGS, ids=str)
def test_it_ends_when_either_goes(going: str) -> None:
    """On record before the act that ends it, in the bridge's name."""
    room = running()
    seen = len(room.record)
    GOINGS[going](room)
    over, act = room.record[seen : seen + 2]
    assert isinstance(over, ev.StillFailed)
    assert (over.why, over.by, over.participant) == (StillEnd.GONE, BRIDGE, pid("patient"))
    assert not isinstance(act, ev.StillFailed)
    assert still_of(room) is None


def test_a_page_that_comes_back_goes_on_with_it() -> None:
    """On another connection, as after a change of network."""
    room = running()
    room.come_back("patient")
    room.come_back("doctor")
    room.happens(ending(DOCTOR, StillEnd.SENT))


def test_others_come_and_go_without_disturbing_it() -> None:
    """The picture is between two."""
    room = running()
    room.happens(c.Leave(by=person("interpreter")))
    room.arrive("relative")
    room.happens(c.Lock(by=DOCTOR, locked=True))
    assert still_of(room) is not None


def test_it_survives_a_new_host_who_can_call_it_off() -> None:
    """Who asked is still the one to whom it goes."""
    room = running()
    room.happens(c.HandOver(by=DOCTOR, participant=pid("specialist")))
    assert still_of(room) is not None
    assert room.refused(ending(person("specialist"), StillEnd.SENT)) == "wrong_state"
    room.happens(ending(person("specialist"), StillEnd.CANCELLED))
    assert still_of(room) is None
