"""Random consultations notice whoever opens what is not theirs to open: the domain is broken on purpose.

In each case something lets people in, or lets them wait, that must not; and a run of it finds that.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest

from bridge.app.calls.visitor import Visitor
from bridge.rooms import acts, arrivals, dialling, hosting, policy, timing
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, Participant, ParticipantId, Pii, Place, Room, SubjectDigest
from bridge.rooms.refusal import Refusal
from media.api import SetGate
from tests.app.fakes import START
from tests.proof import engine_rig
from tests.proof.breaking import RIGHT, Change, changed, deciders, evolvers
from tests.proof.interleavings import consult
from tests.proof.watching import Wrong

pytestmark = pytest.mark.timeout(600)
STEPS: Final = 6000


def let_in(event: type) -> Change:
    """An event, of whatever kind, lets everybody in who is there."""

    def evolve(room: Room, happened: Any) -> Room:
        room = RIGHT[event](room, happened)
        there = {who: replace(p, place=Place.ADMITTED) for who, p in room.participants.items() if p.connected}
        return replace(room, participants={**room.participants, **there})

    return evolvers(event, evolve)


def a_pin_lets_in(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Who has a PIN needs nobody's word."""
    outcome = arrivals.call(room, asked, now)
    if isinstance(outcome, Refusal):
        return outcome
    came = [event for event in outcome if isinstance(event, ev.Arrived)]
    return [
        *outcome,
        *(ev.Admitted(room=room.id, at=now, by=one.by, participant=one.participant) for one in came),
    ]


def a_link_is_good_for_ever(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Nobody looks at the time; what happens is of the time at which it does."""
    outcome, right = arrivals.knock(room, asked, START), arrivals.knock(room, asked, now)
    if isinstance(outcome, Refusal) or not isinstance(right, Refusal):
        return right
    return [changed(event, at=now) for event in outcome]


def anybody_ends(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Who waits sends everybody home."""
    return [ev.RoomEnded(room=room.id, at=now, by=asked.by)]


def anybody_takes_over(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """The role is anybody's who is in."""
    person = policy.acting_standing(room, asked.by)
    if isinstance(person, Refusal):
        return []
    return [ev.HostTaken(room=room.id, at=now, by=asked.by, participant=person.id, previous=room.host)]


def anybody_appoints(room: Room, asked: Any, now: datetime) -> ev.Outcome:
    """Whose link is to lead in is for all to say."""
    if asked.invitation not in room.invitations:
        return []
    return [ev.SubstituteAppointed(room=room.id, at=now, by=asked.by, invitation=asked.invitation)]


def anybodys_word(room: Room, _by: Actor, who: ParticipantId) -> Participant | Refusal:
    """Whoever asks is taken for the host."""
    return room.participants.get(who) or Refusal("unknown_participant", "There is no such participant.")


WITH_A_STRANGER: Final = replace(
    engine_rig.ROTA, people={**engine_rig.ROTA.people, SubjectDigest("hpr of stranger"): Pii("stranger")}
)
FAULTS: Final[dict[str, tuple[Change, str]]] = {
    "a link that was taken back": ((arrivals, "spent_by_now", lambda *_: None), "Arrived|HostEntered"),
    "a link that has expired": (deciders(c.Knock, a_link_is_good_for_ever), "Arrived|HostEntered"),
    "a PIN": (deciders(c.Call, a_pin_lets_in), "Admitted"),
    "whom the host does not call": ((dialling, "host_standing", policy.acting_standing), "Dialled"),
    "a guest's invitation": ((acts, "may_invite", lambda *_: None), "Invited"),
    "a guest who appoints": (deciders(c.Appoint, anybody_appoints), "SubstituteAppointed"),
    "a guest who delays": ((timing, "_may", lambda *_: None), "Delayed|InvitationCancelled"),
    "a guest who takes links back": ((acts, "is_administration", lambda _by: True), "InvitationRevoked"),
    "a guest who takes over": (deciders(c.TakeHost, anybody_takes_over), "HostTaken"),
    "a guest who ends": (deciders(c.End, anybody_ends), "RoomEnded"),
    "a guest who admits": ((hosting, "target_standing", anybodys_word), "Admitted|Refused|Removed|SentToWaiting"),
    "somebody on no rota": ((engine_rig, "ROTA", WITH_A_STRANGER), "RoomTaken"),
    "a delay": (let_in(ev.Delayed), "not let in|never let in|the records say"),
    "being appointed": (let_in(ev.SubstituteAppointed), "not let in|never let in|the records say"),
    "an invitation": (let_in(ev.Invited), "not let in|never let in|the records say"),
    "a call that is made": (let_in(ev.Dialled), "not let in|never let in|the records say"),
    "a question for a picture": (let_in(ev.StillAsked), "not let in|never let in|the records say"),
    "taking a room": (let_in(ev.RoomTaken), "not let in|never let in|the records say"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("quiet_logs")
async def test_it_opens_nothing_unnoticed(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Within some thousands of steps, and what is said of it names what was done or that somebody is not in."""
    (where, what, how), said = FAULTS[fault]
    monkeypatch.setattr(where, what, how)
    with pytest.raises(Wrong, match=said):
        await consult(7, STEPS)


@pytest.mark.usefixtures("quiet_logs")
async def test_a_call_that_opens_its_own_gate_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a leg at the desk is open before anybody knows who calls."""
    established = Visitor.established

    def open_and_greet(visit: Visitor) -> None:
        if visit.leg is not None:
            visit._desk.service.outside.gate.submit(SetGate(leg=visit.leg, open=True))
        established(visit)

    monkeypatch.setattr(Visitor, "established", open_and_greet)
    with pytest.raises(Wrong, match="a gate opens for somebody"):
        await consult(7, STEPS)
