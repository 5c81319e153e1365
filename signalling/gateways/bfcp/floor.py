"""The floor control server of one call: one floor, which is who shows content (RFC 8855 section 13). Pure.

Bytes and wishes go in, bytes to send and events come out; `now` is in seconds of a clock that never goes back. Who
gets the floor is not decided here: a request waits until `decide`, and `take_back` ends what was granted. On UDP
every request is answered once and the answer kept for a while for the peer that asks again, and what the server
tells of its own accord is repeated until it is acknowledged (section 8.3).
"""

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from signalling.gateways.bfcp.codec import (
    RELIABLE,
    UNRELIABLE,
    Attribute,
    BfcpError,
    Fault,
    Kind,
    Message,
    Primitive,
    Status,
    parse,
    write,
)

T1_S: Final = 0.5
"""Before a message of ours goes again, doubled each time (section 8.3.1)."""
TRIES: Final = 4
T2_S: Final = 10.0
"""For so long an answer is kept (section 8.3.2)."""
MOST_KEPT: Final = 32
OTHERS: Final = 0xFFFF
"""The number of everybody else as a user, and of their request."""
_ACKS: Final = frozenset({Primitive.FLOOR_STATUS_ACK, Primitive.FLOOR_REQUEST_STATUS_ACK})
_KINDS: Final = frozenset(Kind)
_KNOWN: Final = (
    Primitive.FLOOR_REQUEST,
    Primitive.FLOOR_RELEASE,
    Primitive.FLOOR_REQUEST_QUERY,
    Primitive.FLOOR_REQUEST_STATUS,
    Primitive.FLOOR_QUERY,
    Primitive.FLOOR_STATUS,
    Primitive.HELLO,
    Primitive.HELLO_ACK,
    Primitive.ERROR,
    Primitive.FLOOR_REQUEST_STATUS_ACK,
    Primitive.FLOOR_STATUS_ACK,
    Primitive.GOODBYE,
    Primitive.GOODBYE_ACK,
)


class Told(Enum):
    """What the peer has brought about."""

    WANTED = "wanted"
    """It asks for the floor; `decide` follows, at once or later."""
    RELEASED = "released"
    """It gives the floor back, or its request up."""
    GONE = "gone"
    """It has said goodbye, or acknowledges nothing any more."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers that the description gave (RFC 8856): of the conference, of this peer, and of the floor."""

    conference: int
    user: int
    floor: int
    version: int = UNRELIABLE
    """UNRELIABLE on UDP, even where a peer writes the other one into its messages, as before RFC 8855 some did."""


@dataclass(slots=True)
class _Open:
    """A message of ours that is not acknowledged yet."""

    data: bytes
    due: float
    tries: int = 1


@dataclass(slots=True)
class FloorServer:
    """One peer's side of the floor. `held_by_others` is whether somebody else shows content."""

    settings: Settings
    outbox: list[bytes] = field(default_factory=list)
    malformed: int = 0
    _request: int = 0
    _status: Status | None = None
    _held_by_others: bool = False
    _asked: bool = False
    """Whether the peer has asked to be told of the floor."""
    _next: int = 1
    _spoken: int = 0
    """The version that the peer has written last."""
    _waiting: dict[int, _Open] = field(default_factory=dict)
    _kept: deque[tuple[float, bytes, list[bytes]]] = field(default_factory=deque)

    @property
    def has_floor(self) -> bool:
        """Whether the peer may show."""
        return self._status is Status.GRANTED

    @property
    def wants_floor(self) -> bool:
        """Whether it has the floor or waits for it."""
        return self._status in (Status.PENDING, Status.GRANTED)

    def receive(self, data: bytes, now: float) -> list[Told]:
        """Take one message. Any bytes will do."""
        while self._kept and (self._kept[0][0] <= now or len(self._kept) > MOST_KEPT):
            self._kept.popleft()
        for _, known, answers in self._kept:
            if known == data:
                self.outbox += answers
                return []
        before, told = len(self.outbox), self._take(data)
        if self.settings.version == UNRELIABLE and len(self.outbox) > before:
            self._kept.append((now + T2_S, data, self.outbox[before:]))
        return told

    def _take(self, data: bytes) -> list[Told]:
        try:
            message = parse(data)
        except BfcpError as error:
            self.malformed += 1
            if error.fault is not None and error.header is not None and not error.header.response:
                self._fail(error.header, error.fault)
            return []
        if self._acknowledges(message):
            # Of no consequence but that it came; an Error from the peer is one, too.
            self._waiting.pop(message.transaction, None)
            return []
        self._spoken = message.version
        if (fault := self._fault(message)) is not None:
            self._fail(message, fault)
            return []
        return self._obey(message)

    def _acknowledges(self, message: Message) -> bool:
        """Whether it is an answer. In drafts, and so in room systems, FloorStatusAck had the number of Goodbye."""
        is_draft = message.version == RELIABLE and message.primitive == Primitive.GOODBYE
        is_answer = message.response or message.primitive in _ACKS
        return is_answer or (is_draft and message.transaction in self._waiting)

    def _fault(self, message: Message) -> Fault | None:
        if message.conference != self.settings.conference:
            return Fault.NO_CONFERENCE
        if message.user != self.settings.user:
            return Fault.NO_USER
        if message.primitive not in _KNOWN:
            return Fault.UNKNOWN_PRIMITIVE
        if any(one.mandatory and one.kind not in _KINDS for one in message.attributes):
            return Fault.UNKNOWN_ATTRIBUTE
        floors = message.numbers(Kind.FLOOR_ID)
        wants_floor = message.primitive == Primitive.FLOOR_REQUEST
        if any(floor != self.settings.floor for floor in floors) or (wants_floor and not floors):
            return Fault.NO_FLOOR
        names_request = message.primitive in (Primitive.FLOOR_RELEASE, Primitive.FLOOR_REQUEST_QUERY)
        is_known = message.numbers(Kind.FLOOR_REQUEST_ID) == [self._request or -1]
        return Fault.NO_REQUEST if names_request and not is_known else None

    def _obey(self, message: Message) -> list[Told]:
        match message.primitive:
            case Primitive.HELLO:
                self._answer(message, Primitive.HELLO_ACK, _supported())
            case Primitive.FLOOR_REQUEST:
                return self._requested(message)
            case Primitive.FLOOR_RELEASE:
                return self._released(message)
            case Primitive.FLOOR_REQUEST_QUERY:
                self._answer(message, Primitive.FLOOR_REQUEST_STATUS, (self._information(),))
            case Primitive.FLOOR_QUERY:
                self._asked = bool(message.numbers(Kind.FLOOR_ID))
                self._answer(message, Primitive.FLOOR_STATUS, self._floor())
            case Primitive.GOODBYE:
                self._answer(message, Primitive.GOODBYE_ACK, ())
                return self._gone()
        return []

    def _requested(self, message: Message) -> list[Told]:
        if self.wants_floor:
            self._fail(message, Fault.TOO_MANY)
            return []
        self._request = self._request % (OTHERS - 1) + 1
        self._status = Status.PENDING
        self._answer(message, Primitive.FLOOR_REQUEST_STATUS, (self._information(),))
        return [Told.WANTED]

    def _released(self, message: Message) -> list[Told]:
        open_before = self.wants_floor
        self._status = Status.CANCELLED if self._status is Status.PENDING else Status.RELEASED
        self._answer(message, Primitive.FLOOR_REQUEST_STATUS, (self._information(),))
        return [Told.RELEASED] if open_before else []

    def _gone(self) -> list[Told]:
        self._status, self._asked = None, False
        self._waiting.clear()
        return [Told.GONE]

    # What the room decides.

    def decide(self, now: float, *, granted: bool) -> None:
        """Grant a request that waits, or deny it. Of no effect without one."""
        if self._status is Status.PENDING:
            self._settle(Status.GRANTED if granted else Status.DENIED, now)

    def take_back(self, now: float) -> None:
        """Let the peer show no longer. Of no effect on one that does not."""
        if self._status is Status.GRANTED:
            self._settle(Status.REVOKED, now)

    def held_by_others(self, now: float, *, held: bool) -> None:
        """Tell a peer that has asked for it that somebody else shows, or nobody any more."""
        if self._held_by_others != held:
            self._held_by_others = held
            if self._asked:
                self._tell(Primitive.FLOOR_STATUS, self._floor(), now)

    def _settle(self, status: Status, now: float) -> None:
        self._status = status
        self._tell(Primitive.FLOOR_REQUEST_STATUS, (self._information(),), now)

    # Time.

    def next_timeout(self) -> float | None:
        """When `timeout` has something to do."""
        return min((one.due for one in self._waiting.values()), default=None)

    def timeout(self, now: float) -> list[Told]:
        """Send again what was not acknowledged, until it is of no use."""
        for one in self._waiting.values():
            if one.due > now:
                continue
            if one.tries == TRIES:
                return self._gone()
            self.outbox.append(one.data)
            one.due, one.tries = now + T1_S * 2**one.tries, one.tries + 1
        return []

    # Messages.

    def _answer(self, to: Message, primitive: Primitive, attributes: tuple[Attribute, ...]) -> None:
        answer = replace(
            to,
            primitive=primitive,
            attributes=attributes,
            response=self.settings.version == UNRELIABLE,
            version=self._version(),
        )
        self.outbox.append(write(answer))

    def _fail(self, message: Message, fault: Fault) -> None:
        detail = b""
        if fault is Fault.UNKNOWN_ATTRIBUTE:
            strange = (one.kind for one in message.attributes if one.mandatory and one.kind not in _KINDS)
            detail = bytes(kind << 1 for kind in strange)
        self._answer(message, Primitive.ERROR, (Attribute(Kind.ERROR_CODE, bytes((fault,)) + detail),))

    def _tell(self, primitive: Primitive, attributes: tuple[Attribute, ...], now: float) -> None:
        reliable = self.settings.version == RELIABLE
        number = 0 if reliable else self._next
        message = Message(
            primitive=primitive,
            conference=self.settings.conference,
            transaction=number,
            user=self.settings.user,
            attributes=attributes,
            version=self._version(),
        )
        data = write(message)
        self.outbox.append(data)
        if not reliable:
            self._next = self._next % 0xFFFF + 1
            self._waiting[number] = _Open(data, now + T1_S)

    def _version(self) -> int:
        return self._spoken or self.settings.version

    def _information(self) -> Attribute:
        return self._of_request(self._request, self._status or Status.RELEASED)

    def _of_request(self, request: int, is_now: Status, *more: Attribute) -> Attribute:
        status = Attribute(Kind.REQUEST_STATUS, bytes((is_now, 0)))
        number = request.to_bytes(2, "big")
        overall = Attribute(Kind.OVERALL_REQUEST_STATUS, number, (status,))
        floor = Attribute(Kind.FLOOR_REQUEST_STATUS, self.settings.floor.to_bytes(2, "big"), (status,))
        return Attribute(Kind.FLOOR_REQUEST_INFORMATION, number, (overall, floor, *more))

    def _floor(self) -> tuple[Attribute, ...]:
        """Who has the floor; of others that they have it, and not who they are."""
        floor = Attribute(Kind.FLOOR_ID, self.settings.floor.to_bytes(2, "big"))
        if self.wants_floor:
            return (floor, self._information())
        if not self._held_by_others:
            return (floor,)
        somebody = Attribute(Kind.BENEFICIARY_INFORMATION, OTHERS.to_bytes(2, "big"))
        return (floor, self._of_request(OTHERS, Status.GRANTED, somebody))


def _supported() -> tuple[Attribute, ...]:
    return (
        Attribute(Kind.SUPPORTED_PRIMITIVES, bytes(_KNOWN)),
        Attribute(Kind.SUPPORTED_ATTRIBUTES, bytes(kind << 1 for kind in Kind)),
    )
