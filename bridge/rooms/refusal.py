"""The two ways in which a room says no: a Refusal is an answer, a HistoryError is a fault in the records."""

from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "bad_message",
    "cancelled",
    "link_blocked",
    "link_expired",
    "link_invalid",
    "link_used",
    "login_needed",
    "name_needed",
    "not_admitted",
    "not_host",
    "not_on_rota",
    "other_person",
    "patient_inside",
    "pin_wrong",
    "reason_needed",
    "room_ended",
    "room_full",
    "room_locked",
    "taken",
    "too_many",
    "unknown_participant",
    "wrong_state",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that was understood and turned down, with nothing changed.

    `code` is the wire's word; `sentence` is English for developers and holds no personal data.
    """

    code: Code
    sentence: str


class HistoryError(Exception):
    """Recorded events that no room can have produced. `code` is what the wire may learn of it."""

    code = "internal"
