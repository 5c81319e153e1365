"""What those on duty are told of a room in which somebody waits: where, how long, who it is by role. Pure.

No name of anybody who waits, and nothing of who is invited: the doctor who comes in as host reads that there. The
room's own name is told, so it has to be that of a place.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from bridge.rooms.duty import taker, who_waits
from bridge.rooms.model import Room, RotaName, SubjectDigest
from signalling import messages as m


@dataclass(frozen=True, slots=True)
class Waiting:
    """A room of a rota that waits for a doctor; `by` is who has taken it just now."""

    rota: RotaName
    told: m.QueuedRoom
    by: SubjectDigest | None = None

    def told_to(self, who: SubjectDigest) -> m.QueuedRoom:
        """What one of the rota is told of it."""
        taken = self.told.taken
        if taken is None or self.by != who:
            return self.told
        return replace(self.told, taken=replace(taken, yours=True))


def waiting(room: Room, now: datetime) -> Waiting | None:
    """What is told of a room now; None of one that waits for nobody."""
    people = who_waits(room, now)
    if not people or room.rota is None:
        return None
    who, taking = taker(room, now), None
    if who is not None and room.taken is not None:
        taking = m.Taking(by=who.name.reveal(), at=room.taken.at, yours=False)
    told = m.QueuedRoom(
        room=room.id,
        name=room.name.reveal(),
        rota=room.rota,
        people=[
            m.Waiter(
                role=m.Role(one.role.value),
                assurance=m.Assurance(one.assurance.value),
                since=one.since,
                connected=one.connected,
            )
            for one in people
        ],
        taken=taking,
    )
    return Waiting(room.rota, told, None if who is None or who.identity is None else who.identity.subject)


def in_order(rooms: list[m.QueuedRoom]) -> list[m.QueuedRoom]:
    """The rooms with the longest waiting first."""
    return sorted(rooms, key=lambda room: (room.people[0].since, room.room))
