"""What can go wrong in signalling: one base class, and one list of codes for WebSocket and REST alike."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Machine-readable reason of an error, a `bye` or a closed socket. Pages translate by it."""

    LINK_INVALID = "link_invalid"
    LINK_EXPIRED = "link_expired"
    LINK_USED = "link_used"
    LINK_BLOCKED = "link_blocked"
    ROOM_LOCKED = "room_locked"
    ROOM_ENDED = "room_ended"
    ROOM_FULL = "room_full"
    NOT_HOST = "not_host"
    NOT_ADMITTED = "not_admitted"
    WRONG_STATE = "wrong_state"
    UNKNOWN_PARTICIPANT = "unknown_participant"
    BAD_MESSAGE = "bad_message"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNSUPPORTED_VERSION = "unsupported_version"
    SDP_INVALID = "sdp_invalid"
    SDP_UNUSABLE = "sdp_unusable"
    INTERNAL = "internal"
    # Why a socket ends. `removed`, `refused`, `ended`, `left` and `replaced` are no faults.
    REMOVED = "removed"
    REFUSED = "refused"
    ENDED = "ended"
    LEFT = "left"
    REPLACED = "replaced"
    JOIN_TIMEOUT = "join_timeout"
    TOO_SLOW = "too_slow"
    RESTARTING = "restarting"
    # Of a login.
    LOGIN_FAILED = "login_failed"
    LOGIN_UNAVAILABLE = "login_unavailable"
    LOGIN_REFUSED = "login_refused"
    LOGIN_STALE = "login_stale"
    LOGIN_REJECTED = "login_rejected"
    LOGIN_TOO_WEAK = "login_too_weak"
    LOGIN_NEEDED = "login_needed"
    OTHER_PERSON = "other_person"
    REASON_NEEDED = "reason_needed"
    # Of several who see the same doctor one after the other, and of what does not take place.
    NAME_NEEDED = "name_needed"
    PATIENT_INSIDE = "patient_inside"
    CANCELLED = "cancelled"
    # Before a socket is open, and in REST.
    ORIGIN_REFUSED = "origin_refused"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN_ROOM = "unknown_room"
    UNKNOWN_ROTA = "unknown_rota"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # In place of a test.
    TEST_BUSY = "test_busy"
    # To one who has somebody called.
    NOT_DIALABLE = "not_dialable"
    # To one who has a link sent.
    NOT_TEXTABLE = "not_textable"
    # Of rooms whose doctor comes from a rota.
    NOT_ON_ROTA = "not_on_rota"
    TAKEN = "taken"
    # Of a resource that several change.
    STALE = "stale"
    # In a call by SIP, H.323 or telephone.
    PIN_WRONG = "pin_wrong"

    @property
    def sentence(self) -> str:
        """Plain English for developers; a person sees the page's own translation of the code."""
        return _SENTENCES[self]


_SENTENCES: Final[dict[Code, str]] = {
    Code.LINK_INVALID: "The link is not one that this bridge has made.",
    Code.LINK_EXPIRED: "The link was valid once and its time has run out.",
    Code.LINK_USED: "The link is already in use from another browser.",
    Code.LINK_BLOCKED: "The person of this link was refused or removed and cannot come back with it.",
    Code.ROOM_LOCKED: "The room is locked, and nobody new can come in.",
    Code.ROOM_ENDED: "The consultation has ended.",
    Code.ROOM_FULL: "The room has no place left.",
    Code.NOT_HOST: "Only the host may do this.",
    Code.NOT_ADMITTED: "Only someone who is admitted may do this.",
    Code.WRONG_STATE: "The message does not fit the state of this connection.",
    Code.UNKNOWN_PARTICIPANT: "Nobody in this room has that participant id.",
    Code.BAD_MESSAGE: "The message does not follow the schema.",
    Code.TOO_LARGE: "The message is larger than the limit.",
    Code.TOO_MANY: "Messages came faster than the limit.",
    Code.UNSUPPORTED_VERSION: "The bridge does not speak this version of the protocol.",
    Code.SDP_INVALID: "The session description cannot be parsed.",
    Code.SDP_UNUSABLE: "The session description offers nothing that the bridge can use.",
    Code.INTERNAL: "The bridge failed at this; the fault is on its side.",
    Code.REMOVED: "The host removed this participant from the room.",
    Code.REFUSED: "The host refused this participant.",
    Code.ENDED: "The host ended the consultation for everyone.",
    Code.LEFT: "The participant left.",
    Code.REPLACED: "The same participant has connected anew, and this connection gives way.",
    Code.JOIN_TIMEOUT: "No join message came within the time allowed, or a test took longer.",
    Code.TOO_SLOW: "The client does not read its messages fast enough.",
    Code.RESTARTING: "The bridge is shutting down; connect again in a moment.",
    Code.LOGIN_FAILED: "The login failed.",
    Code.LOGIN_UNAVAILABLE: "The provider of this login cannot be reached, or does not do what it must.",
    Code.LOGIN_REFUSED: "The login was given up, or its provider did not let the person in.",
    Code.LOGIN_STALE: "No login of this browser is under way, or it took too long.",
    Code.LOGIN_REJECTED: "What the provider said of the login is not what was asked for.",
    Code.LOGIN_TOO_WEAK: "The login proves less than this bridge asks for.",
    Code.LOGIN_NEEDED: "The holder of this link has to log in before coming in.",
    Code.REASON_NEEDED: "Less is proven of this person than is required; give a reason for letting them in.",
    Code.NAME_NEEDED: "The link is for many; say in `join` who comes.",
    Code.PATIENT_INSIDE: "Another patient is in, or company of theirs; see them off first.",
    Code.CANCELLED: "What this link was for has been called off.",
    Code.OTHER_PERSON: "Somebody else has come by this link, by what their login said.",
    Code.ORIGIN_REFUSED: "A page of another site may not open this connection.",
    Code.UNAUTHORIZED: "A valid bearer token is needed.",
    Code.UNKNOWN_ROOM: "There is no room with that id.",
    Code.UNKNOWN_ROTA: "The configuration names no such rota.",
    Code.NOT_FOUND: "There is nothing at this address.",
    Code.METHOD_NOT_ALLOWED: "This address does not take that method.",
    Code.NOT_DIALABLE: "The operator's number plan does not let this be called, or nobody can be called now.",
    Code.NOT_TEXTABLE: "The operator lets no text messages be sent to this number, or none at all.",
    Code.NOT_ON_ROTA: "The login in this browser is of nobody on a rota of this bridge.",
    Code.TAKEN: "Somebody on the rota has taken the room.",
    Code.STALE: "The resource has been changed since it was read.",
    Code.PIN_WRONG: "Nobody in this room was given that PIN.",
    Code.TEST_BUSY: "As many tests as may be are going on, or one of this link is; try again in a minute.",
}


class SignallingError(Exception):
    """Base of every error that this package raises on purpose.

    `code` goes on the wire. `message` is an English sentence that holds nothing of the input, and no names.
    """

    def __init__(self, code: Code, message: str | None = None) -> None:
        self.code = code
        self.message = message or code.sentence
        super().__init__(f"{code.value}: {self.message}")


class Rejected(SignallingError):  # noqa: N818 - named for what happened
    """The deciding side says no to a join, an act or a REST request."""


class BadMessage(SignallingError):  # noqa: N818 - named for what happened
    """The text is not JSON, not a known message, or breaks its schema."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(Code.BAD_MESSAGE, message)


class TooLarge(SignallingError):  # noqa: N818 - named for what happened
    """The message or body is over its limit, and was not parsed."""

    def __init__(self, limit: int) -> None:
        super().__init__(Code.TOO_LARGE, f"The message is larger than the limit of {limit} bytes.")
