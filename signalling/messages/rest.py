"""Bodies of REST requests and answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from signalling.errors import Code
from signalling.messages.words import (
    Assurance,
    Count,
    Digits,
    Ground,
    Id,
    Instant,
    Language,
    Name,
    NationalNumber,
    NoticeVersion,
    Part,
    Phone,
    Reference,
    Role,
    Rota,
    Secret,
    TextState,
    Token,
)


class CreateRoom(Part, frozen=True, kw_only=True):
    """A new consultation. The name is shown to its participants; leave a patient's name out of it.

    With `plain_calls` room systems and telephones may come in whose media nothing encrypts, where the bridge's
    configuration takes such at all. With `autolock` the room locks when the first guest is let in and opens when
    the last one has gone; with `one_at_a_time` two patients are never in together. With a `rota`, which the
    configuration names, its doctor is whoever of that rota takes it.
    """

    name: Name
    max_participants: Annotated[int, Meta(ge=2, le=50)] = 9
    plain_calls: bool = False
    autolock: bool = False
    one_at_a_time: bool = False
    rota: Rota | None = None


class RoomInfo(Part, frozen=True, kw_only=True):
    """A room as an administrator sees it: counts, no people."""

    room: Id
    name: str
    created_at: Instant
    locked: bool
    ended: bool
    max_participants: int
    number: Digits | None = None
    plain_calls: bool
    autolock: bool = False
    one_at_a_time: bool = False
    rota: Rota | None = None
    expected_at: Instant | None = None
    waiting: Count
    admitted: Count


class Rooms(Part, frozen=True, kw_only=True):
    """Every room that the bridge keeps."""

    rooms: list[RoomInfo]


class CreateInvitation(Part, frozen=True, kw_only=True):
    """A link for one person; `host` lets its holder decide who comes in, `pin` is for those who may call.

    `requires` is how sure it has to be who comes, null for what is usual here: a host has to log in so; a guest
    without it is let in for a reason only. A link for `many` is a standing one: each who opens it gives a name
    and is a person of their own, and patients who come by it never meet. `substitute`: a clinician who may take
    over while no host is there. `ground` and `reference` (the number of an appointment, say) are on what the
    invitation rests, for the host to see and for the record; `expected_at` is when it is the person's turn. The
    link is sent to `text_to` by text message, in a `language`; the number is kept nowhere. `person` is their
    national identity number, of which no more is kept than what tells whether a login is theirs: anybody else's
    does not come in.
    """

    role: Role
    name: Name
    host: bool = False
    pin: bool = False
    requires: Assurance | None = None
    person: NationalNumber | None = None
    many: bool = False
    substitute: bool = False
    ground: Ground | None = None
    reference: Reference | None = None
    expected_at: Instant | None = None
    text_to: Phone | None = None
    language: Language = Language.NB
    valid_minutes: Annotated[int, Meta(ge=1, le=60 * 24 * 31)] = 60 * 24

    def __repr__(self) -> str:
        """Leave out who it is for."""
        return f"CreateInvitation({self.role})"


class LoginProvider(Part, frozen=True, kw_only=True):
    """By whom somebody can log in; `title` is what people know it by."""

    name: Name
    title: Name


class Logins(Part, frozen=True, kw_only=True):
    """Which logins there are, and how sure it is by one in this browser who is at it."""

    providers: list[LoginProvider]
    assurance: Assurance


class Launch(Part, frozen=True, kw_only=True):
    """From a portal where somebody is logged in: who they are, signed, for one use."""

    launch: Annotated[str, Meta(min_length=1, max_length=2_500)]


class Notice(Part, frozen=True, kw_only=True):
    """What people are told before they enter, beside the pages' own words: who answers, and where more is said.

    `version` changes with every word of it.
    """

    version: NoticeVersion
    responsible: str | None = None
    operator: str | None = None
    more: str | None = None


class InvitationInfo(Part, frozen=True, kw_only=True):
    """The link to give to the person, and how long it works; where asked for, the number to call and the PIN.

    `text` is what became of the text message, as far as it is known yet.
    """

    invitation: Id
    room: Id
    role: Role
    host: bool
    link: str
    expires_at: Instant
    number: Digits | None = None
    pin: Digits | None = None
    text: TextState | None = None


class LaunchQuery(Part, frozen=True, kw_only=True):
    """With what a record system sends a browser (SMART App Launch 2.2); without, it is led to the page's words."""

    iss: str = ""
    launch: str = ""


class LoginQuery(Part, frozen=True, kw_only=True):
    """How a login goes on: `quiet` asks nothing, `duty` leads to that page. Their values do not count."""

    quiet: str | None = None
    duty: str | None = None


class LoginAnswer(Part, frozen=True, kw_only=True):
    """What a provider has the browser bring back: OpenID Connect Core section 3.1.2.5, RFC 9207 for `iss`."""

    state: str | None = None
    code: str | None = None
    iss: str | None = None
    error: str | None = None


class NewTime(Part, frozen=True, kw_only=True):
    """When it is now their turn: to come, within a year.

    Null says of a delay that there is none, of a cancellation that no time is known.
    """

    time: Instant | None = None


class CallInsteadOf(Part, frozen=True, kw_only=True):
    """Whoever holds a link wants to call. `resume` is its secret, as in `join`, once it has been used."""

    token: Token
    resume: Secret | None = None


class WayToCall(Part, frozen=True, kw_only=True):
    """What to call, and the PIN to key in, told once; `telephone` is for telephones, where any leads here."""

    number: Digits
    pin: Digits
    telephone: Phone | None = None


class ErrorInfo(Part, frozen=True, kw_only=True):
    """Body of every REST error."""

    code: Code
    message: str


class TextWord(StrEnum):
    """What a supplier of text messages tells."""

    DELIVERED = "sms.delivered"
    FAILED = "sms.failed"


class TextFate(Part, frozen=True, kw_only=True):
    """Which message it is about, by the reference that came with it."""

    reference: Annotated[str, Meta(min_length=1, max_length=160)]


class TextReceipt(Part, frozen=True, kw_only=True):
    """What became of a text message, told by the operator's supplier and signed as Standard Webhooks has it."""

    type: TextWord
    timestamp: Instant
    data: TextFate


class Health(Part, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["ok"] = "ok"
