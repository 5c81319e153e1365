"""What is written into the audit of an event, a refusal or a failure: ids and fixed words, never a name."""

import re
from datetime import datetime, timedelta
from typing import Final

from bridge.app.ports import Audited
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.model import Actor, ByParticipant, Office, Room, System
from bridge.rooms.refusal import Refusal

# What somebody does to their own camera and microphone is nobody's concern afterwards.
_NOT_AUDITED = (ev.CameraChanged, ev.SelfMuteChanged)

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
    actor, role = _who(event.by, after)
    return Audited(
        at=event.at,
        actor=actor,
        role=role,
        act=_words(type(event).__name__),
        target=getattr(event, "participant", None) or getattr(event, "invitation", None),
        outcome=event.why.value if isinstance(event, ev.NotReached | ev.StillFailed) else "ok",
    )


def of_refusal(command: c.Command, refusal: Refusal, room: Room, at: datetime) -> Audited:
    """The audit line of something that was tried and turned down."""
    by = getattr(command, "by", System(Office.BRIDGE))
    actor, role = _who(by, room)
    named = getattr(command, "participant", None) or getattr(command, "invitation", None)
    # Only what the room knows: what else a client sends as an id may be anything, a name too.
    target = named if named in room.participants or named in room.invitations else None
    act = _words(type(command).__name__)
    return Audited(at=at, actor=actor, role=role, act=act, target=target, outcome=refusal.code)


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


def _who(by: Actor, room: Room) -> tuple[str, str]:
    if isinstance(by, ByParticipant):
        person = room.participants.get(by.participant)
        return by.participant, "unknown" if person is None else person.role.value
    return by.office.value, "system"


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
