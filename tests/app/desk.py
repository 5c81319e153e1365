"""A room with a desk for callers: the real door, rooms and legs; doubles of the gateway and of calls' media."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.app.announcing.prompts import Prompt
from bridge.app.calls.callers import CallerDoor
from bridge.app.calls.desk import CallerPolicy
from bridge.app.calls.visitor import Visitor
from bridge.app.live import LiveRoom
from bridge.rooms.model import RoomId
from media.sdp import OfferRoles
from signalling import messages as m
from signalling.gateways.interface import Caller, Ending, Floor, MediaRefused
from signalling.gateways.interface import Line as CallerLine
from tests.app.fakes import Pins
from tests.app.rig import Page, Rig, offer_of


@dataclass
class Phone:
    """The gateway's side of a call."""

    hung_up: Ending | None = None
    key_frames: int = 0
    floors: list[Floor] = field(default_factory=list)

    def hang_up(self, why: Ending) -> None:
        """Remember why."""
        assert self.hung_up is None
        self.hung_up = why

    def want_key_frame(self) -> None:
        """Count it."""
        self.key_frames += 1

    def floor(self, floor: Floor) -> None:
        """Remember it."""
        self.floors.append(floor)

    def offer(self, description: str) -> None:
        """Nobody does yet."""
        raise AssertionError(description)


def _nothing() -> None:
    pass


@dataclass
class MediaModel:
    """Real legs, by a browser's offer: what a room system's is made of does not matter here."""

    rig: Rig
    said: list[tuple[int, Prompt]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    refusing: bool = False
    says: bool = True
    """Whether what is to be said has been said at once."""
    then: Callable[[], None] = _nothing
    """What was to be called when the last prompt was said."""
    content: str | None = None
    """On which line of the offer callers send content."""
    answers: list[str] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    plain: bool | None = None
    """Whether the room takes what nothing encrypts."""
    line: CallerLine | None = None
    """Whether the offer is for a telephone."""

    def describe(
        self, leg: int | None, room: int, offer: str | None, seen_at: str, *, plain: bool, line: CallerLine
    ) -> tuple[int, str]:
        """Answer with a leg of the rig's."""
        assert seen_at or offer is None
        self.plain, self.line = plain, line
        if self.refusing:
            raise MediaRefused("not this")
        if leg is not None:
            return leg, "the same"
        now = self.rig.clock.monotonic()
        roles = OfferRoles(mic="0", camera="1", content=self.content)
        offer = offer or offer_of(900 + len(self.rig.engine.legs))
        leg, answer = self.rig.legs.open(room, offer, roles, content_slots=1, now=now)
        return leg, answer.sdp

    def answered(self, leg: int, description: str, seen_at: str) -> None:
        """Remember it."""
        assert seen_at
        del leg
        self.answers.append(description)

    def close(self, leg: int) -> None:
        """Close the leg."""
        self.closed.append(leg)
        self.rig.legs.close(leg)

    def want_key_frame(self, leg: int) -> None:
        """Remember it."""
        self.wanted.append(leg)

    def say(self, live: LiveRoom, leg: int, prompt: Prompt, then: Callable[[], None] | None) -> None:
        """Remember it; there has to be a leg to say it on."""
        assert leg in self.rig.engine.legs
        assert self.rig.service.rooms == [] or live in self.rig.service.rooms or live.room.ended
        self.said.append((leg, prompt))
        self.then = then or _nothing
        if self.says:
            self.then()


class House:
    """A bridge with a doctor in a room that can be called, and an invitation with a PIN."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.rig.administration._pins = Pins()
        self.media = MediaModel(self.rig)
        self.policy = CallerPolicy(
            pins=Pins(), new_secret=lambda: "secret", hash_secret=lambda secret: f"hash of {secret}"
        )
        self.door = CallerDoor(self.rig.service, self.media, self.policy, self.rig.later)
        self.phone = Phone()
        self.room = RoomId("")
        self.number = self.pin = ""

    async def open(self, role: m.Role = m.Role.SPECIALIST, *, host: bool = False) -> None:
        """Open the room, let the doctor in, and invite somebody who calls."""
        self.room = await self.rig.open_room()
        self.doctor = await self.rig.enter(self.room, m.Role.DOCTOR, host=True)
        await self.invite(role, host=host)

    async def invite(self, role: m.Role, *, host: bool = False) -> None:
        """Issue a PIN."""
        wish = m.CreateInvitation(role=role, name="Navn", host=host, pin=True)
        info = await self.rig.administration.invite(self.room, wish)
        assert info.number is not None
        assert info.pin is not None
        self.number, self.pin = info.number, info.pin

    async def call(self, number: str | None = None, source: str = "192.0.2.7") -> Visitor:
        """Call, and have it answered."""
        self.phone = Phone()
        caller = Caller(
            line=CallerLine.SIP, number=number or self.number, source=source, address="sip:someone@example.org"
        )
        visit = await self.door.arrive(caller, self.phone)
        visit.describe(offer_of(500))
        visit.established()
        return visit

    async def key_in(self, visit: Visitor, pin: str) -> None:
        """Press the keys of a PIN and let what follows happen."""
        for key in f"{pin}#":
            visit.pressed(key)
        await self.rig.pass_time(0)

    async def come(self) -> Visitor:
        """Call and enter the PIN."""
        visit = await self.call()
        await self.key_in(visit, self.pin)
        return visit

    def caller(self) -> m.Person:
        """The caller, in the doctor's roster."""
        return next(p for p in self.doctor.connection.roster.people if p.role is m.Role.SPECIALIST)

    async def say(self, message: m.ClientMessage, page: Page | None = None) -> None:
        """Let the doctor act."""
        await self.rig.say(page or self.doctor, message)

    @property
    def prompts(self) -> list[Prompt]:
        """What was said so far."""
        return [prompt for _, prompt in self.media.said]

    def gate(self, visit: Visitor) -> bool:
        """Whether the engine lets media of the call through."""
        assert visit.leg is not None
        return self.rig.engine.legs[visit.leg].gate


async def house(role: m.Role = m.Role.SPECIALIST, *, host: bool = False) -> House:
    """Return a house with an open room."""
    made = House()
    await made.open(role, host=host)
    return made
