"""What the process knows of a room beside its records: who is connected, with which legs, and what was told."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from bridge.app.announcing.lobby import Lobby, Told
from bridge.app.audit import RefusalRation
from bridge.app.feeds.planner import NO_PLAN, Plan
from bridge.app.feeds.planner import Place as SlotOf
from bridge.app.feeds.serving import Served
from bridge.app.quality.hints import Hints
from bridge.app.quality.strain import Strain
from bridge.app.stills.way import Way
from bridge.rooms.model import ConnectionId, InvitationId, ParticipantId, Room
from media.api import Feed
from signalling.messages import Codec, Demand, Encryption, Layout, Place, PoorLine, Roster, TrialVerdict
from signalling.ports import Connection, Line


@dataclass(slots=True)
class Signs:
    """What was last seen of somebody that shows that they are there, and since how many seconds that is all."""

    seen: tuple[int, int] = (0, 0)
    quiet: float = 0.0
    given_up: bool = False


@dataclass(slots=True)
class Seated:
    """Somebody's present connection, and what was told on it last. Callers have no `line`: their media are all."""

    id: ConnectionId
    connection: Connection
    line: Line | None = None
    told: Roster | None = None
    signs: Signs = field(default_factory=Signs)
    poor: bool = False
    """Whether it was told that a telephone would do better than its owner's line."""
    shows_details: bool = False
    """Whether its page shows figures of single sources, whatever becomes of its media."""

    def tell_strain(self, *, poor: bool) -> None:
        """Send whether a telephone would do better, if that is new."""
        if poor is not self.poor:
            self.poor = poor
            self.connection.send(PoorLine(poor=poor))

    def tell(self, roster: Roster, layout: Layout) -> None:
        """Send what is new. Rosters are numbered for each connection by itself.

        Who waits is sent nothing that is as it was: how much goes on in the room is not theirs to know, nor when.
        """
        before = self.told
        waits = any(person.you and person.place is Place.WAITING for person in roster.people)
        if waits and before is not None and replace(roster, revision=before.revision) == before:
            return
        self.told = replace(roster, revision=1 if before is None else before.revision + 1)
        self.connection.send(self.told)
        self.connection.send(layout)


@dataclass(slots=True)
class MediaLeg:
    """A leg in the engine and what was last asked of it; None where nothing was asked yet.

    `demands` is what the engine last wanted of each source, for a page that was away when it was told.
    """

    leg: int
    gate_open: bool | None = None
    muted: bool | None = None
    lingers: bool = False
    """Whether its owner closes it: a caller is told on it why the call ends."""
    signalled_openly: bool = False
    """Whether keys that its description holds could be read on the way here."""
    encryption: Encryption | None = None
    """What protects it, as the engine told last; None while there are no keys."""
    demands: dict[int, Demand] = field(default_factory=dict)
    returns: bool = False
    """Whether its owner may come back to it after having counted as gone, as pages do whose computer slept."""
    alone: float = 0.0
    """For how many seconds its owner has had no seat."""
    together: bool = False
    """Whether its owner, who has room for one picture, wants everybody in it."""
    switches: bool = False
    """Whether its page can be asked for another codec of what it sends."""
    codecs: dict[int, Codec] = field(default_factory=dict)
    """What it was asked for, for each source of which anything was."""
    hints: Hints = field(default_factory=Hints)
    """What the page says of its media on this leg."""
    sending: dict[int, str] = field(default_factory=dict)
    """In which codec each of its sources comes, as the engine last saw it."""


@dataclass(slots=True)
class LiveRoom:
    """A room in memory. Records are the truth about people; this is the truth about sockets and legs.

    Everything that changes `room` holds `lock` from reading it to having recorded the change.
    """

    room: Room
    number: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    seats: dict[ParticipantId, Seated] = field(default_factory=dict)
    legs: dict[ParticipantId, MediaLeg] = field(default_factory=dict)
    pins: dict[ParticipantId, ParticipantId] = field(default_factory=dict)
    viewports: dict[ParticipantId, dict[str, int]] = field(default_factory=dict)
    """Lines of picture that tiles can show, by the mid of their slots."""
    speakers: list[int] = field(default_factory=list)
    plan: Plan = field(default_factory=lambda: NO_PLAN)
    served: Mapping[SlotOf, Served] = field(default_factory=dict)
    """How each filled slot is served, and why."""
    feeds: tuple[Feed, ...] = ()
    wishes: dict[tuple[int, int], int] = field(default_factory=dict)
    """The payload type in which a source, of a leg and a number, is best sent; of others what they like best."""
    asked: dict[tuple[int, int], str] = field(default_factory=dict)
    """The codecs of these."""
    unheeded: dict[tuple[int, int], int] = field(default_factory=dict)
    """How often it was looked, and the source still came in another codec."""
    plan_known: bool = False
    """Whether the engine has `feeds`, which is `plan` in its words, as far as we know."""
    in_doubt: bool = False
    """Whether the records may hold more than `room`: a write failed or was cut short."""
    lobbies: dict[int, Lobby] = field(default_factory=dict)
    """Of callers' legs, from the first thing on that they are told; one who is let in leaves it."""
    told: dict[int, Told] = field(default_factory=dict)
    """What legs that are in are told just now."""
    numbers: dict[ParticipantId, str] = field(default_factory=dict, repr=False)
    """Whence those came who have no page, or whom the bridge called: never on record."""
    ringing: set[ParticipantId] = field(default_factory=set)
    """Of those who are called, at whose end it rings."""
    short: bool = False
    """Whether hosts were told that processors are short."""
    tested: dict[InvitationId, TrialVerdict] = field(default_factory=dict)
    """What the last test with each link showed."""
    strains: dict[ParticipantId, Strain] = field(default_factory=dict)
    """How long everybody's own line has not done."""
    still: Way | None = None
    """The picture that somebody is asked for, or that is on its way."""
    refusals: RefusalRation = field(default_factory=RefusalRation)
    turned_away: dict[InvitationId, float] = field(default_factory=dict)
    """When the host was told last that the holder of a link found the door closed."""

    def owner_of(self, leg: int) -> ParticipantId | None:
        """Whose leg this is."""
        return next((owner for owner, media in self.legs.items() if media.leg == leg), None)
