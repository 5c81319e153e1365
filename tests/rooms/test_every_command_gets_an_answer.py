"""`decide` answers any command on any room, and an answer that refuses or does nothing leaves no trace."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.decide import decide
from bridge.rooms.evolve import evolve
from bridge.rooms.model import (
    Assurance,
    ByParticipant,
    Ground,
    Identity,
    Line,
    Matter,
    Miss,
    Office,
    Pii,
    Role,
    Room,
    RotaName,
    StillEnd,
    StillId,
    SubjectDigest,
    System,
    TextState,
)
from bridge.rooms.refusal import Refusal
from tests.rooms.rig import START, iid, opened, person, pid, pin, resume, standing

people = st.sampled_from([*map(pid, ("doctor", "patient", "interpreter", "new", "one", "other")), ""])
links = st.sampled_from([*map(iid, ("doctor", "patient", "interpreter", "new", "line")), ""])
secrets = st.sampled_from([*map(resume, ("doctor", "patient", "interpreter")), ""])
connections = st.integers(-1, 5)
actors = st.one_of(st.builds(ByParticipant, people), st.builds(System, st.sampled_from(Office)))
texts = st.builds(Pii, st.text(max_size=250))
times = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), None])
)
identities = st.builds(
    Identity,
    assurance=st.sampled_from(Assurance),
    provider=st.just("helseid"),
    subject=st.sampled_from(["one", "other"]),
)
FIELDS = {
    "by": actors,
    "room": st.sampled_from(["r_1", ""]),
    "name": texts,
    "reason": st.one_of(st.none(), texts),
    "max_participants": st.integers(-1, 10**9),
    "role": st.sampled_from(Role),
    "expires_at": times,
    "host": st.booleans(),
    "invitation": links,
    "participant": people,
    "connection": connections,
    "resume_hash": st.one_of(st.none(), secrets),
    "new_participant": people,
    "new_resume_hash": secrets,
    "muted": st.booleans(),
    "may_unmute": st.booleans(),
    "on": st.booleans(),
    "locked": st.booleans(),
    "number": st.sampled_from([None, "47110815", "", "12 34", "\u0661\u0662\u0663\u0664"]),
    "pin": st.sampled_from([None, *map(pin, ("doctor", "patient", "interpreter", "new"))]),
    "pins": st.frozensets(st.sampled_from([*map(pin, ("doctor", "patient", "interpreter", "new")), ""])),
    "line": st.sampled_from(Line),
    "why": st.sampled_from(Miss),
    "confirmed": st.booleans(),
    "requires": st.sampled_from(Assurance),
    "person": st.none() | st.sampled_from(["of the patient", "of another"]).map(SubjectDigest),
    "identity": st.none() | identities,
    "rota": st.sampled_from([None, *map(RotaName, ("nord", "sor"))]),
    "plain_calls": st.booleans(),
    "autolock": st.booleans(),
    "one_at_a_time": st.booleans(),
    "many": st.booleans(),
    "substitute": st.booleans(),
    "ground": st.one_of(st.none(), st.sampled_from(Ground)),
    "reference": st.one_of(st.none(), texts),
    "expected_at": st.one_of(st.none(), times),
    "new_time": st.one_of(st.none(), times),
    "leaving": st.frozensets(people),
    "following": st.one_of(st.none(), people),
    "cancelled": st.booleans(),
    "matter": st.sampled_from(Matter),
    "notice": st.sampled_from(["0123456789ab", "ba9876543210"]),
    "state": st.sampled_from(TextState),
    "new_pin": st.sampled_from([*map(pin, ("doctor", "patient", "new"))]),
    "still": st.sampled_from(["t_1", "t_2"]),
    "end": st.sampled_from(StillEnd),
}
OF_COMMAND = {
    (c.Knock, "name"): st.one_of(st.none(), texts),
    (c.Delay, "invitation"): st.one_of(st.none(), links),
    (c.TakeRoom, "identity"): identities,
}
commands: st.SearchStrategy[c.Command] = st.one_of(
    *(
        st.builds(
            kind, **{field: OF_COMMAND.get((kind, field), FIELDS[field]) for field in kind.__dataclass_fields__}
        )
        for kind in c.Command.__args__
    )
)


def before_anything() -> Room | None:
    """Return no room."""
    return None


def with_people_waiting() -> Room | None:
    """Return a room with a host and two who wait."""
    return opened().room


def in_full_swing() -> Room | None:
    """Return a room with all admitted, the host absent and one person gone."""
    consultation = opened()
    consultation.admit("patient", "interpreter")
    consultation.happens(consultation.dialling(person("doctor"), "new"))
    consultation.drop("doctor")
    consultation.happens(c.Leave(by=person("interpreter")))
    return consultation.room


def with_a_line() -> Room | None:
    """Return a room that locks itself, with a standing link, one of whose holders is in and one waits."""
    consultation = opened(autolock=True)
    consultation.invite("new", Role.SPECIALIST)
    consultation.happens(c.Appoint(by=person("doctor"), invitation=iid("new")))
    consultation.line_up("one", "other")
    consultation.admit("one")
    return consultation.room


def with_a_picture_on_its_way() -> Room | None:
    """Return a room in which the host has asked the patient for a still picture."""
    consultation = opened()
    consultation.admit("patient", "interpreter")
    consultation.happens(c.AskStill(by=person("doctor"), still=StillId("t_1"), participant=pid("patient")))
    return consultation.room


def with_a_doctor_on_the_way() -> Room | None:
    """Return a room of a rota that one of it has taken, while a patient waits."""
    consultation = standing("patient")
    consultation.happens(consultation.taking("new"))
    return consultation.room


def over() -> Room | None:
    """Return a room that has ended."""
    consultation = opened()
    consultation.happens(c.End(by=person("doctor")))
    return consultation.room


@settings(max_examples=600, deadline=None)
@given(
    start=st.sampled_from(
        [
            before_anything,
            with_people_waiting,
            in_full_swing,
            with_a_line,
            with_a_picture_on_its_way,
            with_a_doctor_on_the_way,
            over,
        ]
    ),
    asked=st.lists(commands, min_size=1, max_size=5),
    now=st.one_of(st.just(START), times),
)
def test_any_command_on_any_room_is_answered(
    start: Callable[[], Room | None], asked: list[c.Command], now: datetime
) -> None:
    """Events that apply, or a refusal with a sentence; never an exception."""
    room = start()
    for command in asked:
        outcome = decide(room, command, now)
        if isinstance(outcome, Refusal):
            assert outcome.sentence.endswith(".")
            continue
        for event in outcome:
            assert event.at == now
            assert ev.decode(ev.encode(event)) == event
            room = evolve(room, event)
            assert event.room == room.id
