"""What is written into the audit of an event, a refusal or a failure: ids and fixed words, never a name."""

import re
from datetime import datetime, timedelta
from typing import Final, TypedDict

from bridge.app.ports import Audited
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import (
    Actor,
    ByParticipant,
    Ground,
    Identity,
    Office,
    Pii,
    Relation,
    Role,
    Room,
    RotaName,
    System,
)
from bridge.rooms.refusal import Refusal

# What somebody does to their own camera and microphone is nobody's concern afterwards.
_NOT_AUDITED = (ev.CameraChanged, ev.SelfMuteChanged)

# Reasons. The first: let in although less was proven than the invitation requires (requirements A52).
LESS_PROVEN: Final = "less_proven"
STATED: Final = "stated"
CANCELLED: Final = "cancelled"

DUTY_CHARS: Final = 32
"""128 bits tell those on duty apart, and fit into a line of the audit."""
REFUSALS_AT_ONCE: Final = 20
REFUSAL_EVERY: Final = timedelta(minutes=1)


class RefusalRation:
    """Bounds what the refused can write: each has a few lines at once and then one a minute.

    A blocked link or a page run wild would otherwise fill the disk, since every refusal is a row that is kept for
    years. One belongs to each room, and holds no more than the room's people and invitations.
    """

    def __init__(self) -> None:
        # By the one refused: when the ration would be full again.
        self._full_at: dict[str, datetime] = {}

    def take(self, line: Audited) -> bool:
        """Whether the line may be written; if so, it is counted."""
        # At the door there is no person yet, only the link.
        who = line.target or line.actor if line.role == "system" else line.actor
        full_at = max(self._full_at.get(who, line.at), line.at) + REFUSAL_EVERY
        if full_at - line.at > REFUSALS_AT_ONCE * REFUSAL_EVERY:
            return False
        self._full_at[who] = full_at
        return True


def of_event(event: ev.Event, after: Room) -> Audited | None:
    """The audit line of something that happened."""
    if isinstance(event, _NOT_AUDITED):
        return None
    return Audited(
        at=event.at,
        **_who(event.by, after),
        act=_words(type(event).__name__),
        target=getattr(event, "participant", None) or getattr(event, "invitation", None),
        outcome=event.why.value if isinstance(event, ev.NotReached | ev.StillFailed) else "ok",
        reason=_reason(event),
    )


def of_refusal(command: c.Command, refusal: Refusal, room: Room, at: datetime) -> Audited:
    """The audit line of something that was tried and turned down."""
    by = getattr(command, "by", System(Office.BRIDGE))
    named = getattr(command, "participant", None) or getattr(command, "invitation", None)
    # Only what the room knows: what else a client sends as an id may be anything, a name too.
    target = named if named in room.participants or named in room.invitations else None
    act = _words(type(command).__name__)
    who = _on_duty(command.identity) if isinstance(command, c.TakeRoom) else _who(by, room)
    return Audited(at=at, **who, act=act, target=target, outcome=refusal.code)


def of_room_failure(at: datetime) -> Audited:
    """The audit line of a room whose media failed in the engine and began anew."""
    return Audited(
        at=at,
        actor=Office.BRIDGE.value,
        role="system",
        act="media_failed",
        target=None,
        outcome="restarted",
    )


def of_duty(identity: Identity, act: str, rota: RotaName, at: datetime) -> Audited:
    """The audit line of one of a rota who comes on duty, or goes."""
    return Audited(at=at, **_on_duty(identity), act=act, target=f"rota_{rota}", outcome="ok")


class _Who(TypedDict):
    actor: str
    role: str
    assurance: str | None
    organisation: str | None


def _who(by: Actor, room: Room) -> _Who:
    if not isinstance(by, ByParticipant):
        return _Who(actor=by.office.value, role="system", assurance=None, organisation=None)
    person = room.participants.get(by.participant)
    if person is None:
        return _Who(actor=by.participant, role="unknown", assurance=None, organisation=None)
    return _Who(
        actor=person.id,
        role=person.role.value,
        assurance=person.assurance.value,
        organisation=None if person.identity is None else person.identity.organisation,
    )


def _on_duty(identity: Identity) -> _Who:
    """One of a rota who is in no room: by a name that says nothing, the same for the same person."""
    return _Who(
        actor=f"duty_{identity.subject[:DUTY_CHARS]}",
        role=Role.DOCTOR.value,
        assurance=identity.assurance.value,
        organisation=identity.organisation,
    )


def _reason(event: ev.Event) -> str | None:
    """Why, as a word; what somebody wrote is with the event, since it may name a person."""
    word: str | None = None
    match event:
        case ev.Admitted(reason=Pii()):
            word = LESS_PROVEN
        case ev.Refused(reason=Pii()):
            word = STATED
        case ev.Consented(matter=matter) | ev.ConsentWithdrawn(matter=matter):
            word = matter.value
        case ev.Invited(ground=Ground() as ground):
            word = ground.value
        case ev.Identified(identity=Identity(relation=Relation() as relation)):
            word = relation.value
        case ev.RoomTaken():
            word = Ground.ON_DUTY.value
        case ev.RoomEnded(cancelled=True):
            word = CANCELLED
    return word


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
