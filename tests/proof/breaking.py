"""Breaks the domain on purpose, one line at a time: whoever holds it to rules has to find that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bridge.rooms import decide as deciding
from bridge.rooms import events as ev
from bridge.rooms import evolve as evolving
from bridge.rooms.model import Room
from bridge.rooms.refusal import Refusal

RIGHT: Final = dict(evolving.EVOLVERS)
"""What events really do."""
Change = tuple[Any, str, Any]


def deciders(command: type, decide: Callable[[Room, Any, datetime], ev.Outcome]) -> Change:
    """Another answer to a command."""
    return deciding, "DECIDERS", {**deciding.DECIDERS, command: decide}


def evolvers(event: type, evolve: Callable[[Room, Any], Room]) -> Change:
    """Another effect of an event."""
    return evolving, "EVOLVERS", {**evolving.EVOLVERS, event: evolve}


def changed(event: Any, **changes: Any) -> Any:
    """An event with other fields."""
    return type(event)(**({name: getattr(event, name) for name in event.__struct_fields__} | changes))


def tampered(command: type, change: Callable[[Room, Any, ev.Event], ev.Event]) -> Change:
    """The right events of a command, each changed."""
    right = deciding.DECIDERS[command]

    def decide(room: Room, asked: Any, now: datetime) -> ev.Outcome:
        outcome = right(room, asked, now)
        return outcome if isinstance(outcome, Refusal) else [change(room, asked, event) for event in outcome]

    return deciders(command, decide)


def always(event: type, command: type, **more: Callable[[Room, Any], object]) -> Change:
    """An event about whoever the command names, without a look at anything else."""

    def decide(room: Room, asked: Any, now: datetime) -> ev.Outcome:
        who = getattr(asked, "participant", None) or getattr(getattr(asked, "by", None), "participant", None)
        if who not in room.participants:
            return []
        fields = {name: make(room, asked) for name, make in more.items()}
        return [event(room=room.id, at=now, participant=who, **{"by": getattr(asked, "by", None)} | fields)]

    return deciders(command, decide)


def unless_locked(command: type) -> Change:
    """Nothing comes of a command while the room is locked."""
    right = deciding.DECIDERS[command]
    return deciders(
        command,
        lambda room, asked, now: Refusal("room_locked", "No.") if room.locked else right(room, asked, now),
    )


def everybody(room: Room, **changes: Any) -> Room:
    """A room in which all have changed."""
    return replace(room, participants={who: replace(one, **changes) for who, one in room.participants.items()})


def one(room: Room, event: Any, **changes: Any) -> Room:
    """A room in which the one whom an event is about has changed."""
    return evolving._change(room, event.participant, **changes)
