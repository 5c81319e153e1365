"""The room that locks by itself: when the first guest is let in, and opens when the last one has gone.

A lock that the host has set or lifted in between stays as it is until then.
"""

from datetime import datetime

from bridge.rooms import events as ev
from bridge.rooms.evolve import evolve
from bridge.rooms.model import Office, Place, Room, System


def locked_by_itself(room: Room, events: list[ev.Event], now: datetime) -> list[ev.Event]:
    """Return what follows for the lock when these events happen in the room; nothing without the setting."""
    if not room.autolock:
        return []
    after = room
    for event in events:
        after = evolve(after, event)
    if after.ended:
        return []
    began = not _guests(room) and _guests(after) and not after.locked
    ended = _guests(room) and not _guests(after) and after.locked_by_itself
    if not began and not ended:
        return []
    by = System(Office.BRIDGE)
    return [ev.LockChanged(room=room.id, at=now, by=by, locked=bool(began), automatic=True)]


def _guests(room: Room) -> bool:
    """Whether anybody is in, connected or not, who came by no host's link and is not the host."""
    return any(not p.may_host and p.id != room.host for p in room.at(Place.ADMITTED))
