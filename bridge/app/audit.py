"""What is written into the audit of an event or a refusal: ids and fixed words, never a name."""

import re
from datetime import datetime

from bridge.app.ports import Audited
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, ByParticipant, Office, Room, System
from bridge.rooms.refusal import Refusal

# What somebody does to their own camera and microphone is nobody's concern afterwards.
_NOT_AUDITED = (ev.CameraChanged, ev.SelfMuteChanged)


def of_event(event: ev.Event, after: Room) -> Audited | None:
    """The audit line of something that happened."""
    if isinstance(event, _NOT_AUDITED):
        return None
    actor, role = _who(event.by, after)
    return Audited(
        at=event.at,
        actor=actor,
        role=role,
        act=_words(type(event).__name__),
        target=getattr(event, "participant", None) or getattr(event, "invitation", None),
        outcome="ok",
    )


def of_refusal(command: c.Command, refusal: Refusal, room: Room, at: datetime) -> Audited:
    """The audit line of something that was tried and turned down."""
    by = getattr(command, "by", System(Office.BRIDGE))
    actor, role = _who(by, room)
    target = getattr(command, "participant", None) or getattr(command, "invitation", None)
    act = _words(type(command).__name__)
    return Audited(at=at, actor=actor, role=role, act=act, target=target, outcome=refusal.code)


def _who(by: Actor, room: Room) -> tuple[str, str]:
    if isinstance(by, ByParticipant):
        person = room.participants.get(by.participant)
        return by.participant, "unknown" if person is None else person.role.value
    return by.office.value, "system"


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
