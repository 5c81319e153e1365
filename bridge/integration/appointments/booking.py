"""What is kept of an appointment: times, the book's references, and whose invitation is whose. No names."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.rooms.model import Assurance, InvitationId, Role

LATE: Final = timedelta(hours=1)
"""Consultations begin late, and people come back to them: so long after the end links are good for."""
SOON: Final = timedelta(minutes=15)
"""A link that is made is good for so long at least."""

OVER: Final = frozenset({"fulfilled", "cancelled", "noshow", "entered-in-error"})
CALLED_OFF: Final = OVER - {"fulfilled"}


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A name that the book has for the appointment."""

    system: str
    value: str


class Attendee(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has a link. `reference` is the book's, such as `Patient/123`."""

    reference: str
    invitation: InvitationId
    role: Role
    host: bool
    requires: Assurance = Assurance.NONE


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A participant as the book has them, in its order: also those who get no link, such as a place."""

    reference: str | None
    types: list[tuple[str | None, str | None]]
    acceptance: str


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """An appointment."""

    status: str
    start: datetime
    end: datetime
    names: list[Named] = []
    standing: list[Standing] = []
    attendees: list[Attendee] = []

    def attendee(self, reference: str) -> Attendee | None:
        """Who has this reference."""
        return next((one for one in self.attendees if one.reference == reference), None)


def expiry(end: datetime, now: datetime) -> datetime:
    """Until when links are good for."""
    return max(end + LATE, now + SOON)
