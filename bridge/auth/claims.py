"""What a join link says, once its signature has been checked."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LinkClaims:
    """What a genuine link says; `expires_at` is aware, UTC, in whole seconds."""

    room: str
    invitation: str
    expires_at: datetime
