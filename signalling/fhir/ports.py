"""What the FHIR resources need from the side that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from signalling.errors import Code, Rejected
from signalling.fhir.resources import Appointment


@dataclass(frozen=True, slots=True)
class Stored:
    """An appointment as the bridge has it now; `made` says that it is new."""

    resource: Appointment
    id: str
    version: int
    made: bool = False


class AppointmentDesk(Protocol):
    """Rooms for appointments. Every method may raise `Rejected`: `not_found` for an unknown id."""

    async def create(self, wanted: Appointment, unless: tuple[str, str] | None) -> Stored:
        """Open a room for an appointment; `unless` is a system and a value by which one may be there already."""

    async def update(self, appointment: str, wanted: Appointment, version: int | None) -> Stored:
        """Follow what the book has changed; `version` is the one that the book believes in."""

    async def read(self, appointment: str) -> Stored:
        """One appointment: links, and who has arrived."""

    async def search(self, system: str, value: str) -> Stored | None:
        """The appointment with the book's own name."""

    async def start(self, appointment: str, actor: str) -> Stored:
        """Give the clinician of this reference a fresh link."""


class NoAppointments:
    """A bridge that takes no appointments."""

    async def create(self, wanted: Appointment, unless: tuple[str, str] | None) -> Stored:
        """Turn it down."""
        del wanted, unless
        raise Rejected(Code.WRONG_STATE)

    async def update(self, appointment: str, wanted: Appointment, version: int | None) -> Stored:
        """Know of none."""
        del appointment, wanted, version
        raise Rejected(Code.NOT_FOUND)

    async def read(self, appointment: str) -> Stored:
        """Know of none."""
        del appointment
        raise Rejected(Code.NOT_FOUND)

    async def search(self, system: str, value: str) -> Stored | None:
        """Know of none."""
        del system, value
        return None

    async def start(self, appointment: str, actor: str) -> Stored:
        """Know of none."""
        del appointment, actor
        raise Rejected(Code.NOT_FOUND)
