"""A bridge without sockets: the real use cases, rooms, SDP and legs over a store and an engine that can fail."""

import itertools
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.app.administration import RoomAdministration
from bridge.app.browser import BrowserDoor, BrowserPolicy
from bridge.app.calling_instead import CallingInstead
from bridge.app.duty.desk import DutyDesk, Knowing
from bridge.app.live import LiveRoom
from bridge.app.presence import Patience, Presence
from bridge.app.service import Outside, RoomService
from bridge.app.stills.desk import Stills
from bridge.app.trial import Trials
from bridge.rooms.evolve import replay
from bridge.rooms.model import Identity, ParticipantId, Room, RoomId
from media.api import EngineError, Snapshot
from media.legs import LegPolicy, Legs
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Seat
from tests.app.fakes import (
    START,
    Clock,
    Connection,
    Counts,
    GateModel,
    Later,
    Links,
    MemoryStore,
    Pins,
    RotaList,
    token_of,
)
from tests.media.transport_network import certificate

GRACE = 8.0
LEG_KEPT = 60.0
SLOTS = m.SlotCounts(audio=2, video=2, content=1)
OFFER = (Path(__file__).parent.parent / "vectors" / "sdp" / "chromium.sdp").read_bytes().decode()
SOURCES = m.Sources(mic="0", camera="1", content="2")
_FINGERPRINT = re.compile(r"a=fingerprint:sha-256 [0-9A-F:]+")
_numbers = itertools.count(1)


def offer_of(page: int, attempt: int = 0) -> str:
    """Give Chromium's offer as another page would make it; `attempt` is its ICE restart."""
    fingerprint = ":".join(f"{octet:02X}" for octet in page.to_bytes(32, "big"))
    sdp = _FINGERPRINT.sub(f"a=fingerprint:sha-256 {fingerprint}", OFFER)
    return sdp.replace("a=ice-ufrag:8RnG", f"a=ice-ufrag:u{page}n{attempt}")


async def code_of(work: Awaitable[object]) -> Code:
    """Give the code with which something is rejected."""
    with pytest.raises(Rejected) as caught:
        await work
    return caught.value.code


def nothing_counted() -> Snapshot:
    """Give the counters of an engine that has none."""
    raise EngineError("no_snapshot", "this engine counts nothing")


@dataclass
class Page:
    """Somebody's browser page: what it keeps, and its present socket."""

    link: str
    number: int = field(default_factory=lambda: next(_numbers))
    resume: str | None = None
    name: str | None = None
    login: str | None = None
    """What the browser keeps of a login."""
    seat: Seat | None = None
    connection: Connection = field(default_factory=Connection)
    offers: int = 0

    @property
    def participant(self) -> ParticipantId:
        """Its owner's id."""
        assert self.seat is not None
        return ParticipantId(self.seat.participant)


class Rig:
    """One bridge process over a store that outlives it. `log` has records and engine commands in their order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.clock = Clock()
        self.counted: Callable[[], Snapshot] = nothing_counted
        self.identities: Callable[[str | None], Identity | None] = lambda _: None
        self.rotas = RotaList()
        self.store = MemoryStore(self.log)
        self.counts = Counts()
        self.start()

    def start(self) -> None:
        """Start the process, or start it anew: what was in memory and in the engine is gone."""
        self.engine = self.make_engine()
        self.later = Later(self.clock)
        self.legs = Legs(
            self.engine,
            certificate("server"),
            LegPolicy(candidates=lambda _shard: (("127.0.0.1", 40000),)),
            lambda event: self.service.handle_leg_event(event),  # noqa: PLW0108 - the service comes next
        )
        self.service = RoomService(Outside(self.store, self.engine, self.legs, self.clock, self.counts))
        policy = BrowserPolicy(
            slots=SLOTS,
            link_valid=timedelta(hours=1),
            grace_seconds=GRACE,
            new_secret=lambda: f"secret-{next(_numbers)}",
            hash_secret=lambda secret: f"hash of {secret}",
        )
        self.trials = Trials(self.service, Links(), lambda: self.counted())  # noqa: PLW0108 - a test sets it later
        self.calls = CallingInstead(self.service, Links(), Pins(), policy.hash_secret, "+4785")
        self.stills = Stills(self.service, self.later, lambda: f"token-{next(_numbers)}")
        knowing = Knowing(
            lambda login: self.identities(login),  # noqa: PLW0108 - a test sets it later
            self.rotas,
            lambda invitation: f"resume-of-{invitation}-which-nobody-guesses",
            policy.hash_secret,
        )
        self.duty = DutyDesk(self.service, Links(), knowing)
        self.service.outside = replace(self.service.outside, followed=self.duty.follow)
        self.door = BrowserDoor(
            self.service,
            Links(),
            policy,
            self.later,
            self.trials,
            identities=lambda login: self.identities(login),  # noqa: PLW0108 - a test sets it later
            stills=self.stills,
            calls=self.calls,
            duties=self.duty,
        )
        self.administration = RoomAdministration(
            self.service, Links(), self._listing, rotas=[rota.name for rota in self.rotas.all]
        )
        self.presence = Presence(
            self.service.tell, self.door.silent, self.service.drop_leg, Patience(GRACE, LEG_KEPT)
        )

    def make_engine(self) -> GateModel:
        """The engine that this process drives."""
        return GateModel(self.log)

    async def _listing(self) -> list[object]:
        return []

    async def open_room(self, size: int = 9) -> RoomId:
        """Open a room."""
        made = await self.administration.create_room(m.CreateRoom(name="Rom", max_participants=size))
        return RoomId(made.room)

    async def page(
        self,
        room: RoomId,
        role: m.Role = m.Role.PATIENT,
        *,
        host: bool = False,
        requires: m.Assurance = m.Assurance.NONE,
    ) -> Page:
        """Issue a link and give a page that has it open."""
        wanted = m.CreateInvitation(role=role, name="Navn", host=host, requires=requires)
        return Page((await self.administration.invite(room, wanted)).link)

    async def join(self, page: Page) -> None:
        """Open a socket and join, as a page does at first and after every loss."""
        connection = Connection()
        token = token_of(page.link)
        join = m.Join(version=1, token=token, resume=page.resume, language=m.Language.EN, name=page.name)
        page.seat = await self.door.join(join, connection, page.login)
        page.connection = connection
        page.resume = connection.welcome.resume

    async def offer(self, page: Page, sdp: str | None = None) -> m.Answer:
        """Offer, on the page's one peer connection."""
        page.offers += 1
        answer = await self.say(
            page, m.Offer(sdp=sdp or offer_of(page.number, page.offers), sources=SOURCES, ref=1)
        )
        assert isinstance(answer, m.Answer)
        return answer

    async def say(self, page: Page, message: m.ClientMessage) -> m.ServerMessage | None:
        """Send any message but `join` on the page's present seat."""
        assert page.seat is not None
        return await self.door.handle(page.seat, message)

    async def enter(self, room: RoomId, role: m.Role = m.Role.PATIENT, *, host: bool = False) -> Page:
        """Join and offer on a new link."""
        page = await self.page(room, role, host=host)
        await self.join(page)
        await self.offer(page)
        return page

    async def consultation(self) -> tuple[RoomId, Page, Page]:
        """Open a room with the doctor in and the patient waiting, both with media."""
        room = await self.open_room()
        doctor = await self.enter(room, m.Role.DOCTOR, host=True)
        patient = await self.enter(room)
        self.deliver()
        return room, doctor, patient

    async def let_in(self, doctor: Page, *guests: Page) -> None:
        """Admit by the doctor's page."""
        for guest in guests:
            await self.say(doctor, m.Admit(participant=guest.participant, ref=1))

    async def lose(self, page: Page) -> None:
        """Cut the page's socket."""
        assert page.seat is not None
        page.connection.answers = False
        await self.door.lost(page.seat)

    async def pass_time(self, seconds: float) -> None:
        """Move the clock and do what is due by then."""
        self.clock.seconds += seconds
        for make in self.later.due():
            await make()

    async def look_for(self, seconds: int, came: Mapping[int, int] | None = None) -> None:
        """Let so many seconds pass, with a look each at who is there. `came` has the datagrams of legs."""
        for _ in range(seconds):
            self.clock.seconds += 1
            self.presence.begin(self.clock.monotonic())
            for live in self.service.rooms:
                self.presence.look(live, came or {})
            for make in self.later.due():
                await make()

    def deliver(self) -> None:
        """Hand the engine's events over, and run the timers of legs."""
        while self.engine.events:
            self.legs.handle_event(self.engine.events.pop(0), self.clock.monotonic())
        self.legs.handle_timeout(self.clock.monotonic())

    def live(self, room: RoomId) -> LiveRoom:
        """The room in memory."""
        return next(live for live in self.service.rooms if live.room.id == room)

    def recorded(self, room: RoomId) -> Room:
        """The room by its records alone."""
        return replay(self.store.events(room))

    def leg(self, room: RoomId, page: Page) -> int:
        """The engine's number of a page's leg."""
        return self.live(room).legs[page.participant].leg

    def sees(self, room: RoomId, page: Page) -> set[tuple[ParticipantId, int]]:
        """Whose sources now come out at a page, by the engine."""
        live = self.live(room)
        media = live.legs.get(page.participant)
        found = set() if media is None else self.engine.reaching(media.leg)
        owners = {leg.leg: owner for owner, leg in live.legs.items()}
        return {(owners[leg], source) for leg, source in found}


__all__ = ["GRACE", "LEG_KEPT", "START", "Page", "Rig", "offer_of"]
