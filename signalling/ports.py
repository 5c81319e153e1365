"""What signalling needs from the side that decides, and what it gives it. `bridge` implements these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from signalling.errors import Code, Rejected
from signalling.messages import (
    Answer,
    Assurance,
    Attendance,
    AttendanceQuery,
    AuditBundle,
    AuditQuery,
    CallInsteadOf,
    ClientMessage,
    CreateInvitation,
    CreateRoom,
    Duty,
    InvitationInfo,
    Join,
    Leave,
    Logins,
    NewTime,
    Offer,
    RoomInfo,
    ServerMessage,
    Take,
    Taken,
    Test,
    Tested,
    Testing,
    TestReport,
    Usage,
    UsageQuery,
    WayToCall,
)

Clock = Callable[[], float]
"""Seconds on a monotonic scale of any origin."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits on a connection. `connection_id` tells a participant's old connection from the new one."""

    room: str
    participant: str
    connection_id: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What a browser keeps for the bridge, and for how many seconds; it can neither read nor change it."""

    sealed: str = field(repr=False)
    seconds: int


class Connection(Protocol):
    """One client, seen from the deciding side. Both methods return at once and never raise."""

    def send(self, message: ServerMessage) -> None:
        """Queue a message. A client that lets its queue run full is cut off, and counted as `too_slow`."""

    def close(self, code: Code, message: str | None = None) -> None:
        """Queue a `bye` and close after it. Later calls of either method do nothing."""


class Line(Connection, Protocol):
    """A connection whose other end can be asked whether it is still there. No method raises."""

    def signs(self) -> int:
        """Grows with whatever comes on it, and while something that came is dealt with: nothing is read then."""

    def probe(self) -> None:
        """Ask for a sign of life."""

    def cut(self) -> None:
        """End it without a word, since nobody is there to hear one."""


class Trial(Protocol):
    """A test of the way to the bridge, apart from every room."""

    @property
    def opening(self) -> Testing:
        """The reply to `Test`."""

    def handle(self, message: Offer | TestReport | Leave) -> Answer | Tested | None:
        """Do what the message asks and return the reply. May raise `Rejected`."""

    def end(self) -> None:
        """Forget it, now. Called once at least, however the connection ended."""


class Watch(Protocol):
    """Somebody on duty, who is told of the queue on their connection until it ends."""

    async def take(self, take: Take) -> Taken:
        """Take a room, or say who has it. May raise `Rejected`."""

    def end(self) -> None:
        """Forget it, now. Called once, however the connection ended."""


class Consultations(Protocol):
    """The live side of rooms. Any method but `lost` may raise `Rejected`; the client then hears its code."""

    async def join(self, join: Join, connection: Line, identity: str | None = None) -> Seat:
        """Check the link, seat the person, and send `Welcome` on the connection before returning.

        `identity` is what the browser keeps of a login.
        """

    async def handle(self, seat: Seat, message: ClientMessage) -> ServerMessage | None:
        """Do what the message asks and return the reply: `Answer`, `Ok`, `Invited`; None for `Leave`, `Report`.

        Never called for `Join`, and never twice at a time for one seat.
        """

    async def test(self, test: Test) -> Trial:
        """Check the link and begin a test, of which nobody in the room learns."""

    async def duty(self, duty: Duty, connection: Connection, identity: str | None = None) -> Watch:
        """Check who is at the browser, and send `OnDuty` and a first `Queue` before returning."""

    async def lost(self, seat: Seat) -> None:
        """Take note that the connection is gone. Called exactly once for each seat, however it ended."""


class Turns(Protocol):
    """Whose turn it is, and when. Every method may raise `Rejected`: `link_invalid` for an unknown invitation."""

    async def delay(self, room: str, invitation: str | None, new: NewTime) -> None:
        """Put off the turn of one link's holder, or of all who wait and will come."""

    async def cancel(self, room: str, invitation: str | None, new: NewTime) -> None:
        """Call off what one link was for, or the whole consultation, before it has begun."""

    async def appoint(self, room: str, invitation: str) -> None:
        """Let the holder of a link take over while no host is there."""

    async def withdraw(self, room: str, invitation: str) -> None:
        """Take a link back."""


class Administration(Turns, Protocol):
    """The REST side of rooms. Every method may raise `Rejected`: `unknown_room` for an unknown id."""

    async def create_room(self, request: CreateRoom) -> RoomInfo:
        """Open a room."""

    async def rooms(self) -> list[RoomInfo]:
        """Every room that is kept."""

    async def room(self, room: str) -> RoomInfo:
        """One room."""

    async def end_room(self, room: str) -> None:
        """End the consultation for everyone in it."""

    async def invite(self, room: str, request: CreateInvitation) -> InvitationInfo:
        """Make a link for one person."""


class Records(Protocol):
    """What is told of consultations afterwards. Raises `Rejected` with `unknown_room` for an unknown id."""

    async def audit(self, query: AuditQuery) -> AuditBundle:
        """Rows of the audit."""

    async def attendance(self, room: str, query: AttendanceQuery) -> Attendance:
        """Who came and went, for each organisation that took part."""

    async def room_usage(self, room: str) -> Usage:
        """The conferences of a room that are over."""

    async def usage(self, query: UsageQuery) -> Usage:
        """The conferences of all rooms that ended within a time."""


class NoRecords:
    """A bridge that tells nothing afterwards."""

    async def audit(self, query: AuditQuery) -> AuditBundle:
        """Turn it down."""
        del query
        raise Rejected(Code.NOT_FOUND)

    async def attendance(self, room: str, query: AttendanceQuery) -> Attendance:
        """Turn it down."""
        del room, query
        raise Rejected(Code.NOT_FOUND)

    async def room_usage(self, room: str) -> Usage:
        """Turn it down."""
        del room
        raise Rejected(Code.NOT_FOUND)

    async def usage(self, query: UsageQuery) -> Usage:
        """Turn it down."""
        del query
        raise Rejected(Code.NOT_FOUND)


class LoginAsksFirst(Rejected):
    """A quiet login came to nothing, since its provider would have to ask; begin it anew, aloud."""

    def __init__(self, provider: str) -> None:
        super().__init__(Code.LOGIN_REFUSED)
        self.provider = provider


@dataclass(frozen=True, slots=True)
class Launch:
    """Somebody whom a record system sends: the link by which they come, what their browser keeps of them."""

    link: str = field(repr=False)
    identity: Kept


class LaunchDesk(Protocol):
    """Launches from record systems (SMART App Launch). Both methods may raise `Rejected`."""

    async def begin(self, iss: str, launch: str) -> tuple[str, Kept]:
        """Begin one: the address to which the browser goes, and what it keeps until it is back."""

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Launch:
        """Finish the launch that the browser keeps, by the answer that it brings."""


class NoLaunches:
    """A bridge that no record system sends anybody to."""

    async def begin(self, iss: str, launch: str) -> tuple[str, Kept]:
        """Turn it down."""
        del iss, launch
        raise Rejected(Code.LOGIN_REFUSED)

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Launch:
        """Turn it down."""
        del attempt, answer
        raise Rejected(Code.LOGIN_STALE)


class LoginDesk(Protocol):
    """Logins by providers that the operator trusts. All but `offered` may raise `Rejected`."""

    def offered(self, identity: str | None) -> Logins:
        """Which there are, and how sure it is already who is at this browser."""

    async def begin(self, provider: str, *, quiet: bool = False) -> tuple[str, Kept]:
        """Begin a login: the address to which the browser goes, and what it keeps until it is back.

        A `quiet` one asks nobody, and ends with `LoginAsksFirst` where it would have to.
        """

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Kept:
        """Finish the login that the browser keeps, by the answer that it brings; what it keeps from then on."""

    def launch(self, token: str) -> Kept:
        """Take over from a portal who is at this browser; what it keeps from then on."""


class NoLogins:
    """A bridge that knows no provider."""

    def offered(self, identity: str | None) -> Logins:
        """Say that there are none."""
        del identity
        return Logins(providers=[], assurance=Assurance.NONE)

    async def begin(self, provider: str, *, quiet: bool = False) -> tuple[str, Kept]:
        """Turn it down."""
        del provider, quiet
        raise Rejected(Code.NOT_FOUND)

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> Kept:
        """Turn it down."""
        del attempt, answer
        raise Rejected(Code.LOGIN_STALE)

    def launch(self, token: str) -> Kept:
        """Turn it down."""
        del token
        raise Rejected(Code.LOGIN_REJECTED)


class CallDesk(Protocol):
    """Another way in, for those whose browser does not do."""

    async def by_link(self, wish: CallInsteadOf) -> WayToCall:
        """Give whoever holds a link a number and a new PIN. May raise `Rejected`."""


class NoCalls:
    """A bridge that nobody calls."""

    async def by_link(self, wish: CallInsteadOf) -> WayToCall:
        """Turn it down."""
        del wish
        raise Rejected(Code.WRONG_STATE)


class StillRelay(Protocol):
    """Still pictures on their way from one page to another, in pieces, of which one is kept at a time.

    Both methods may raise `Rejected`: `unauthorized` unless the token is that of this still and this end of it,
    `wrong_state` for a piece out of turn, `not_found` when the picture is over meanwhile.
    """

    async def put(self, still: str, token: str, number: int, piece: bytes) -> None:
        """Take a piece, and return when it has come to the other page."""

    async def get(self, still: str, token: str, number: int) -> bytes:
        """Wait for a piece; to ask for the next says that this one has come."""


class NoStills:
    """A server in front of nothing that relays pictures."""

    async def put(self, still: str, token: str, number: int, piece: bytes) -> None:
        """Turn it down."""
        del still, token, number, piece
        raise Rejected(Code.UNAUTHORIZED)

    async def get(self, still: str, token: str, number: int) -> bytes:
        """Turn it down."""
        del still, token, number
        raise Rejected(Code.UNAUTHORIZED)


class ReceiptDesk(Protocol):
    """Takes what the operator's supplier of text messages tells of them."""

    async def receipt(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take one. Raises `Rejected`: `unauthorized` for one that is not signed, and `bad_message`."""


class NoReceipts:
    """A bridge that sends no text messages."""

    async def receipt(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take it for forged."""
        del headers, body
        raise Rejected(Code.UNAUTHORIZED)


class Counters(Protocol):
    """Where signalling counts. `name` and `code` come from short fixed lists, fit for labels."""

    def inc(self, name: str, code: str) -> None:
        """Add one."""


class NoCounters:
    """Counts nothing."""

    def inc(self, name: str, code: str) -> None:
        """Do nothing."""
