"""People of tests that bring rooms in line: to rooms a participant, to legs what the planner is told of them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bridge.app.feeds.planner import Present
from bridge.rooms.model import (
    ConnectionId,
    InvitationId,
    Participant,
    ParticipantId,
    Pii,
    Place,
    ResumeHash,
    Role,
    Room,
    RoomId,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class Described:
    """What a planner's leg is to the rest."""

    leg: Present
    places: tuple[()] = ()

    @property
    def sources(self) -> object:
        """What it sends."""
        return self.leg.sources

    @property
    def slots(self) -> object:
        """What it takes."""
        return self.leg.slots

    @property
    def content_slots(self) -> frozenset[int]:
        """For content."""
        return self.leg.content_slots


def empty_room() -> Room:
    """A room with nobody in it."""
    return Room(id=RoomId("r"), name=Pii("r"), created_at=NOW, max_participants=50, revision=1)


def participant(leg: int, place: Place, *, connected: bool, **more: Any) -> Participant:
    """Whoever has this leg; `more` are fields of theirs that matter."""
    person = Participant(
        id=ParticipantId(str(leg)),
        invitation=InvitationId(str(leg)),
        role=Role.PATIENT,
        name=Pii(f"Person {leg}"),
        since=NOW,
        resume_hash=ResumeHash(""),
        place=place,
        connection=ConnectionId(leg) if connected else None,
    )
    return replace(person, **more)
