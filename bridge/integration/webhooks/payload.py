"""What is told of an event: ids, roles and words. What is not named here is not told, so names cannot slip out."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from bridge.rooms.events import Event
from bridge.rooms.model import Actor, ByParticipant, Identity

# Of these each is an id, a word out of a list, a flag, a count or a time.
TOLD: Final = (
    "participant",
    "invitation",
    "previous",
    "role",
    "line",
    "host",
    "takes_host",
    "requires",
    "expires_at",
    "max_participants",
    "why",
    "state",
    "locked",
    "muted",
    "may_unmute",
    "on",
    "matter",
    "notice",
)


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """The form that Standard Webhooks 1.0 recommends."""

    type: str
    timestamp: datetime
    data: dict[str, Any]


def type_of(kind: type[Event]) -> str:
    """The word for a kind of event, such as `room.ended` or `room.hand_over`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return f"room.{words.removeprefix('room_')}"


def body(event: Event, revision: int) -> str:
    """The message of an event, as JSON. `revision` counts the room's events from 1: a gap is one that was lost."""
    data: dict[str, Any] = {"room": event.room, "revision": revision, "by": _by(event.by)}
    data |= {name: _plain(value) for name in TOLD if (value := getattr(event, name, None)) is not None}
    identity = getattr(event, "identity", None)
    if isinstance(identity, Identity):
        data |= {"assurance": identity.assurance.value, "provider": identity.provider}
    message = _Message(type=type_of(type(event)), timestamp=event.at.astimezone(UTC), data=data)
    return msgspec.json.encode(message).decode()


def _by(actor: Actor) -> str:
    """The id of a participant, or the word for an office."""
    return actor.participant if isinstance(actor, ByParticipant) else actor.office.value


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value
