"""The contract between the bridge and its gateways: all that either knows of the other.

A gateway is found by the entry-point group `GROUP`; the entry point names a `Factory`. The bridge calls it with a
`Host` and the settings that the operator wrote for it, and runs what it gives. For each call the gateway has a
`Call`, on which the bridge acts, and the bridge a `Visit`, to which the gateway tells what happens. Who comes to a
room by which right, what callers hear while they wait, and where their media goes is the bridge's business; a
gateway speaks its protocol and passes descriptions of media on, as SDP (RFC 8866).

Everything runs on one asyncio loop. Methods that are not `async` return at once. Whatever a gateway raises ends
its own calls only: the bridge counts it, and begins the gateway anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

GROUP: Final = "brotjeneste.gateways"


class Line(StrEnum):
    """What a caller is connected by."""

    SIP = "sip"
    H323 = "h323"
    TELEPHONE = "telephone"


class Ending(StrEnum):
    """Why the bridge ends a call or does not take it. A gateway says it in its protocol's words."""

    NO_ROOM = "no_room"
    """Nothing is called by that number."""
    NO_MEDIA = "no_media"
    """What the peer offers cannot be used, or not in this room."""
    NO_PLACE = "no_place"
    """The room is full or locked, or the peer's place is taken."""
    NOT_ANSWERED = "not_answered"
    """It was the bridge that called, and it rang for too long."""
    NO_PIN = "no_pin"
    """None was entered in the time for it."""
    WRONG_PIN = "wrong_pin"
    TOO_MANY = "too_many"
    """Too many calls, or too many wrong PINs before this one."""
    TURNED_AWAY = "turned_away"
    """The host said no, or had said so before."""
    REMOVED = "removed"
    ROOM_ENDED = "room_ended"
    REPLACED = "replaced"
    """The same person has come by another way."""
    STOPPING = "stopping"
    """The bridge stops or takes no new calls; another may."""
    FAILED = "failed"


class Miss(StrEnum):
    """Why somebody whom the bridge called did not take the call."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    """There is nobody at that address, or no way there."""
    NO_MEDIA = "no_media"
    """They can use nothing of what the bridge offers."""


class Floor(StrEnum):
    """Who shows content in the room, as one call is told: one at a time does."""

    FREE = "free"
    YOURS = "yours"
    TAKEN = "taken"


class GatewayError(Exception):
    """Base of what the two sides raise on purpose. `code` is a stable word; the text holds nothing of a caller."""

    code: str = "gateway_error"


class TurnedAway(GatewayError):  # noqa: N818 - named for what happened
    """The bridge does not take the call."""

    def __init__(self, why: Ending) -> None:
        self.why = why
        self.code = why.value
        super().__init__(f"the call is not taken: {why.value}")


class MediaRefused(GatewayError):  # noqa: N818 - named for what happened
    """A description of media cannot be used; what was agreed before stands."""

    code = "media_refused"


class SettingsError(GatewayError):
    """The operator's settings for a gateway cannot be used; the text names the key."""

    code = "settings_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as far as a network says: nothing of it is proven."""

    line: Line
    number: str
    """What was called: the digits of a room."""
    source: str = field(repr=False)
    """The network address from which it came, by which callers are rationed."""
    address: str = field(repr=False)
    """The caller's own number, as `+4791234567`, or address, as `ward@hospital.example`; empty if withheld."""
    private: bool = False
    """Whether descriptions come from its next hop encrypted; keys in one that does not can be read on the way."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whom a gateway would call: by what, and the address or number as `Caller` has it."""

    line: Line
    address: str = field(repr=False)


class Call(Protocol):
    """One call, seen from the bridge. Once it is over, every method does nothing."""

    def hang_up(self, why: Ending) -> None:
        """End it. `Visit.ended` does not follow."""

    def want_key_frame(self) -> None:
        """Ask for one in the protocol's own way, where RTCP did not help."""

    def offer(self, description: str) -> None:
        """Offer other media. `Visit.answered` or `Visit.declined` follows."""

    def floor(self, floor: Floor) -> None:
        """Tell the peer who shows content from now on; also the answer to `Visit.wants_floor`."""


class Visit(Protocol):
    """One call, seen from its gateway."""

    def describe(self, offer: str | None) -> str:
        """Answer the peer's offer, or, where it made none, give an offer, to which `answered` follows.

        Also for every later offer of the peer. Raises MediaRefused, and TurnedAway where there is no place for the
        call's media now.
        """

    def answered(self, description: str) -> None:
        """Take the peer's answer to an offer of ours. Raises MediaRefused."""

    def declined(self) -> None:
        """Take note that the peer turned an offer of ours down."""

    def ringing(self) -> None:
        """Take note that a call of the bridge's rings at the other end."""

    def reached(self, source: str, *, private: bool) -> None:
        """Take note where whom the bridge called is, before the first `answered`; as in `Caller`."""

    def missed(self, why: Miss) -> None:
        """Take note that a call of the bridge's was not taken; in place of `ended`, and the last."""

    def established(self) -> None:
        """Take note that the peer knows that the call is up: from now on it can hear what it is told."""

    def pressed(self, key: str) -> None:
        """Take a key of the peer's keypad, `0` to `9`, `*`, `#`, `A` to `D`, that did not come as RTP."""

    def held(self, *, held: bool) -> None:
        """Take note that the peer wants to see and hear nothing, or something again."""

    def wants_key_frame(self) -> None:
        """Pass a wish for a key frame on that did not come by RTCP."""

    def wants_floor(self, *, wanted: bool) -> None:
        """Take note that the peer wants to show content, or no more. To a wish `Call.floor` follows."""

    def ended(self, *, lost: bool) -> None:
        """Take note that the peer hung up, or that it was lost. Called once at most, and the last."""


class Host(Protocol):
    """What a gateway is given."""

    async def arrive(self, caller: Caller, call: Call) -> Visit:
        """Bring a caller to the bridge. Raises TurnedAway."""

    def report(self, error: Exception) -> None:
        """Log and count what went wrong with one call; the others go on."""

    def count(self, what: str) -> None:
        """Count an occurrence under a word from a short fixed list of the gateway's, such as `malformed`."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether calls can come and go; `trouble` is a short fixed word, empty without.

    `counts` is what it has dropped or found out of the ordinary since it began, by words of a short fixed list.
    """

    calls: int
    trouble: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class Gateway(Protocol):
    """One protocol with its sockets."""

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled, and end all calls then. `ready` is called once, when calls can come."""

    @property
    def dials(self) -> bool:
        """Whether the operator lets it call anybody."""

    def reaches(self, address: str) -> Party | None:
        """Whom it would call by an address or number, as a person writes it; None where it may not, or cannot."""

    def dial(self, address: str, visit: Visit) -> Call:
        """Call somebody. Raises GatewayError where `reaches` gives None, or nobody can be called now.

        The offer is `visit.describe(None)`; then come `reached`, `answered` and `established`, perhaps after
        `ringing`, or `missed`.
        """

    def drain(self) -> None:
        """Take no new calls from now on; those that are there go on."""

    def health(self) -> Health:
        """Say how it is."""


Settings = Mapping[str, object]
Factory = Callable[[Host, Settings], Gateway]
"""Makes a gateway; opens nothing yet. Raises SettingsError."""
