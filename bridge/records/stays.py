"""Who was where and when: the stays of a room, folded from its events by what each of them changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from bridge.rooms import events as ev
from bridge.rooms.evolve import evolve
from bridge.rooms.model import Identity, InvitationId, Line, Participant, ParticipantId, Place, Role, Room

_IN_THE_HOUSE = (Place.WAITING, Place.ADMITTED)


@dataclass(frozen=True, slots=True)
class Period:
    """A time of being present, that is admitted and connected; `end` is None while it lasts."""

    start: datetime
    end: datetime | None

    def overlaps(self, other: "Period") -> bool:
        """Whether the two had a moment in common; touching is none."""
        return (other.end is None or self.start < other.end) and (self.end is None or other.start < self.end)


@dataclass(slots=True, kw_only=True)
class Stay:
    """From coming to the door to going, by one line: who goes on by another has proven nothing there.

    `admitted` is when they were first let in, None for those who only waited. `left` is None while they hold a
    place; for those who lost the connection and did not come back it is the time of the loss.
    """

    participant: ParticipantId
    invitation: InvitationId
    role: Role
    line: Line
    came: datetime
    admitted: datetime | None = None
    left: datetime | None = None
    identity: Identity | None = None
    confirmed: bool = False
    """Whether the host noted that somebody had told who this is."""
    present: list[Period] = field(default_factory=list)
    _lost: datetime | None = None

    def follow(self, person: Participant, at: datetime) -> None:
        """Take note of how things are from now on."""
        if person.place is Place.ADMITTED and self.admitted is None:
            self.admitted = at
        self.identity = person.identity or self.identity
        self.confirmed = self.confirmed or person.confirmed
        self._lost = None if person.connected else self._lost or at
        if person.present and not self._is_present:
            self.present.append(Period(at, None))
        elif not person.present:
            self._be_absent(at)

    def close(self, at: datetime) -> None:
        """Take note that they went, or went on by another line."""
        self.left = self._lost or at
        self._be_absent(at)

    def ended_periods(self) -> list[tuple[datetime, datetime]]:
        """Give the times of being present that are over."""
        return [(period.start, period.end) for period in self.present if period.end is not None]

    @property
    def _is_present(self) -> bool:
        return bool(self.present) and self.present[-1].end is None

    def _be_absent(self, at: datetime) -> None:
        if self._is_present:
            self.present[-1] = Period(self.present[-1].start, at)


def stays(events: Iterable[ev.Event]) -> list[Stay]:
    """Give all stays in the order in which people came. Raises HistoryError for events that no room can have."""
    room: Room | None = None
    found: list[Stay] = []
    now_in: dict[ParticipantId, Stay] = {}
    for event in events:
        before = {} if room is None else room.participants
        room = evolve(room, event)
        for person in room.participants.values():
            if before.get(person.id) is not person:
                _follow(person, event.at, now_in, found)
    return found


def _follow(person: Participant, at: datetime, now_in: dict[ParticipantId, Stay], found: list[Stay]) -> None:
    stay = now_in.get(person.id)
    if stay is not None and (person.place not in _IN_THE_HOUSE or person.line is not stay.line):
        stay.close(at)
        del now_in[person.id]
        stay = None
    if person.place not in _IN_THE_HOUSE:
        return
    if stay is None:
        stay = now_in[person.id] = Stay(
            participant=person.id, invitation=person.invitation, role=person.role, line=person.line, came=at
        )
        found.append(stay)
    stay.follow(person, at)
