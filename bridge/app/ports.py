"""What the use cases need from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.rooms.events import Event
from bridge.rooms.model import InvitationId, RoomId
from media.api import Command
from media.description import Slot, SlotPlace, Source
from media.sdp import Answer, OfferRoles
from transcode.jobs import Job


class Clock(Protocol):
    """Where time comes from; tests move it by hand."""

    def now(self) -> datetime:
        """The time of day, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds on a scale that never jumps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One line of the audit: who did what to whom, why, and how it ended. Ids and fixed words only.

    `assurance` and `organisation` (nine digits) are what a login has proven of the one who acted.
    """

    at: datetime
    actor: str
    role: str
    act: str
    target: str | None
    outcome: str
    assurance: str | None = None
    organisation: str | None = None
    reason: str | None = None


class RoomListing(Protocol):
    """A room that the store knows."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it is open."""


class Store(Protocol):
    """Events and audit, written together."""

    async def append(
        self,
        room_id: str,
        expected_revision: int,
        events: Sequence[Event],
        audit_rows: Sequence[Audited] = (),
    ) -> int:
        """Write both or neither; give the new revision. Raises Overtaken."""

    async def load(self, room_id: str) -> list[Event]:
        """A room's events in order; none for an unknown one."""

    async def room_of(self, number: str) -> str | None:
        """The room that has, or had, this number to call."""


class Links(Protocol):
    """Links that let one person in."""

    def make(self, room: RoomId, invitation: InvitationId, expires_at: datetime) -> str:
        """The address to open in a browser."""

    def read(self, token: str) -> tuple[RoomId, InvitationId]:
        """What a genuine token names, expired or not. Raises Rejected with `link_invalid`."""


class Pins(Protocol):
    """What callers key in after the room's number."""

    def new(self, *, host: bool) -> str:
        """A new one; a host's is longer."""

    def digest(self, room: str, pin: str) -> str:
        """What may be recorded of it."""

    def digests(self, room: str, pin: str) -> frozenset[str]:
        """What may have been recorded of what was keyed in."""


class Described(Protocol):
    """What was settled for a leg, of a browser or of a call."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """What it sends."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What it takes."""

    @property
    def places(self) -> tuple[SlotPlace, ...]:
        """Where its slots are in the description, those included that are not in use."""

    @property
    def content_slots(self) -> tuple[int, ...]:
        """Those of its slots that are for shared content."""

    def mid_of(self, slot: int) -> str | None:
        """The name of a slot in the description."""


class Legs(Protocol):
    """Media legs (media/legs.py, media/calls.py)."""

    def open(
        self, room: int, offer: str, roles: OfferRoles, *, content_slots: int, now: float
    ) -> tuple[int, Answer]:
        """A new leg, its gate closed."""

    def restart(self, leg: int, offer: str, roles: OfferRoles, *, content_slots: int) -> Answer | None:
        """A further offer on a leg; None when it is another peer connection."""

    def description(self, leg: int) -> Described:
        """What was settled for a leg."""

    def close(self, leg: int) -> None:
        """Forget a leg."""

    def shard_of(self, room: int) -> int:
        """The shard on which a room of this number lives."""


class Gate(Protocol):
    """Commands to the packet engine."""

    def submit(self, command: Command) -> None:
        """Hand one over. Raises EngineError."""


class ConverterPool(Protocol):
    """Worker processes that decode and encode (transcode/pool.py). Jobs are known by their ids."""

    async def start(self, job: Job, /) -> int:
        """Take a job on; give the UDP port of its socket on 127.0.0.1."""

    def change(self, job: Job, /) -> None:
        """Put this job in the place of the one with its id."""

    def set_rate(self, job: int, ssrc: int, bitrate: int, /) -> None:
        """Say what the receivers of an out can take, in bit/s."""

    def say(self, job: int, ssrc: int, sound: bytes, rate: int, /) -> None:
        """Play a recording into an out, in the place of what is being played there."""

    def stop(self, job: int, /) -> None:
        """Give a job up. Of no effect on an unknown one."""


class Counts(Protocol):
    """Where occurrences are counted, under fixed words."""

    def inc(self, name: str, code: str) -> None:
        """Add one."""
