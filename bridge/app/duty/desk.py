"""The duty desk: whoever is on a rota is told which rooms wait, and takes one of them.

It holds nothing that is not also on record or with the pages: what waits is read from the rooms in memory after
every change of theirs, who is on duty from the login in their browser at each look and each act.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bridge.app.audit import of_duty
from bridge.app.duty.presence import Presence
from bridge.app.duty.queue import Waiting, in_order, waiting
from bridge.app.duty.rotas import Doctor, Rota, Rotas
from bridge.app.ids import new_id
from bridge.app.live import LiveRoom
from bridge.app.ports import Links
from bridge.app.service import RoomService
from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.duty import taker
from bridge.rooms.model import Identity, InvitationId, ParticipantId, Pii, ResumeHash, Room, RoomId
from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Connection

LOG: Final = structlog.get_logger("bridge.duty")
EVERY_S: Final = 5.0
LINK_LIFE: Final = timedelta(minutes=15)
THE_BRIDGE: Final = "bridge"
"""In the audit, in the place of a room, where an act is on none."""


@dataclass(frozen=True, slots=True)
class Knowing:
    """How the desk knows people: `identity` reads what a browser keeps of a login, None for one that has lapsed.

    `resume` makes the secret of a link that somebody gets by taking a room, the same for whichever of their
    browsers; `digest` what may be recorded of it.
    """

    identity: Callable[[str | None], Identity | None]
    rotas: Rotas
    resume: Callable[[InvitationId], str]
    digest: Callable[[str], str]

    def doctor(self, kept: str | None) -> Doctor:
        """Who is at a browser. Raises Rejected where that is nobody on a rota, or not any more."""
        identity = self.identity(kept)
        if identity is None:
            raise Rejected(Code.LOGIN_NEEDED, "Whoever is on duty has logged in, and the login still counts.")
        rotas = self.rotas.of(identity)
        if not rotas:
            raise Rejected(Code.NOT_ON_ROTA)
        return Doctor(identity, tuple(rotas))


class DutyDesk:
    """Everybody who is on duty at this bridge, and every room here that waits for one of them."""

    def __init__(self, service: RoomService, links: Links, knowing: Knowing) -> None:
        self._service = service
        self._links = links
        self._knowing = knowing
        self._watches: set[Watch] = set()
        self._waiting: dict[RoomId, Waiting] = {}
        self._presence = Presence()

    async def begin(self, duty: m.Duty, connection: Connection, kept: str | None) -> "Watch":
        """Let somebody be on duty by this connection. Raises Rejected."""
        doctor = self._knowing.doctor(kept)
        if not self._presence.has(doctor):
            await self._note(doctor, "on_duty")
        self._presence.come(doctor)
        rotas = [m.RotaInfo(rota=one.name, title=one.title) for one in doctor.rotas]
        connection.send(m.OnDuty(ref=duty.ref, name=doctor.name.reveal(), rotas=rotas))
        watch = Watch(self, connection, kept, doctor)
        self._watches.add(watch)
        self._look()
        self._tell(watch)
        return watch

    def end(self, watch: "Watch") -> None:
        """A page is gone."""
        if watch in self._watches:
            self._watches.discard(watch)
            self._presence.go(watch.doctor, self._service.outside.clock.monotonic())

    def follow(self, live: LiveRoom) -> None:
        """Take over how a room is now, and tell those of its rota where that is news to them."""
        if live.room.rota is None:
            return
        before = self._waiting.get(live.room.id)
        after = waiting(live.room, self._service.outside.clock.now())
        if after == before:
            return
        if after is None:
            del self._waiting[live.room.id]
        else:
            self._waiting[live.room.id] = after
        for watch in tuple(self._watches):
            if watch.doctor.on(live.room.rota) is not None:
                self._tell(watch)

    def _look(self) -> None:
        """Look at every room anew, since time alone changes what is told of them."""
        for live in self._service.rooms:
            self.follow(live)

    def _tell(self, watch: "Watch") -> None:
        who = watch.doctor.identity.subject
        mine = (one for one in self._waiting.values() if watch.doctor.on(one.rota) is not None)
        watch.tell(in_order([one.told_to(who) for one in mine]), self._service.outside.clock.now())

    async def take(self, watch: "Watch", take: m.Take) -> m.Taken:
        """Take a room for somebody, or tell who has it. Raises Rejected."""
        self._check(watch)
        live = next((live for live in self._service.rooms if live.room.id == take.room), None)
        place = None if live is None else watch.doctor.on(live.room.rota)
        if live is None or place is None:
            # The same to whoever guesses rooms of others.
            raise Rejected(Code.UNKNOWN_ROOM)
        command = self._command(watch.doctor, *place)
        try:
            events = await self._service.act(live, command)
        except Rejected as error:
            if error.code is not Code.TAKEN:
                raise
            return m.Taken(ref=take.ref, room=live.room.id, by=self._who_has(live.room))
        return m.Taken(
            ref=take.ref, room=live.room.id, by=command.name.reveal(), link=self._link(live.room, events)
        )

    def _command(self, doctor: Doctor, rota: Rota, name: Pii) -> c.TakeRoom:
        invitation = InvitationId(new_id("i"))
        return c.TakeRoom(
            rota=rota.name,
            identity=doctor.identity,
            name=name,
            requires=rota.least,
            invitation=invitation,
            new_participant=ParticipantId(new_id("p")),
            new_resume_hash=ResumeHash(self._knowing.digest(self._knowing.resume(invitation))),
            expires_at=self._service.outside.clock.now() + LINK_LIFE,
        )

    def _who_has(self, room: Room) -> str:
        who = taker(room, self._service.outside.clock.now())
        return "" if who is None else who.name.reveal()

    def _link(self, room: Room, events: list[ev.Event]) -> str:
        """The link that came of taking the room, just now or by a click before."""
        made = next((event.participant for event in events if isinstance(event, ev.RoomTaken)), None)
        who = made if made is not None else None if room.taken is None else room.taken.participant
        if who is None:
            raise Rejected(Code.WRONG_STATE, "The room is not as it was just now.")
        invitation = room.invitations[room.participants[who].invitation]
        link = self._links.make(room.id, invitation.id, invitation.expires_at)
        return f"{link}&resume={self._knowing.resume(invitation.id)}"

    def _check(self, watch: "Watch") -> None:
        """See that somebody is on duty still; else their page is told and closed. Raises Rejected."""
        try:
            watch.doctor = self._knowing.doctor(watch.kept)
        except Rejected as error:
            self.end(watch)
            watch.close(error.code)
            raise

    async def serve(self) -> None:
        """Do what nobody asks for, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await asyncio.to_thread(self._knowing.rotas.refresh)
                await self.turn()
            except Exception as error:
                # A desk that stopped would ring for nobody.
                LOG.exception("duty_turn_failed", error=type(error).__name__)

    async def turn(self) -> None:
        """Part with those who are on duty no more, and tell what time has changed."""
        for watch in tuple(self._watches):
            try:
                self._check(watch)
            except Rejected as error:
                LOG.info("off_duty", code=error.code.value)
        known = {live.room.id for live in self._service.rooms}
        for room in self._waiting.keys() - known:
            del self._waiting[room]
        self._look()
        for watch in tuple(self._watches):
            self._tell(watch)
        for doctor in self._presence.off(self._service.outside.clock.monotonic()):
            await self._note(doctor, "off_duty")

    async def _note(self, doctor: Doctor, act: str) -> None:
        outside = self._service.outside
        lines = [of_duty(doctor.identity, act, rota.name, outside.clock.now()) for rota in doctor.rotas]
        await outside.store.append(THE_BRIDGE, 0, [], lines)


class Watch:
    """One page of somebody on duty: see `signalling.ports.Watch`."""

    def __init__(self, desk: DutyDesk, connection: Connection, kept: str | None, doctor: Doctor) -> None:
        self.kept = kept
        self.doctor = doctor
        self._desk = desk
        self._connection = connection
        self._told: list[m.QueuedRoom] | None = None

    async def take(self, take: m.Take) -> m.Taken:
        """Take a room, or say who has it. Raises Rejected."""
        return await self._desk.take(self, take)

    def end(self) -> None:
        """The page is gone."""
        self._desk.end(self)

    def tell(self, rooms: list[m.QueuedRoom], now: datetime) -> None:
        """Send the queue, where it is news."""
        if rooms != self._told:
            self._told = rooms
            self._connection.send(m.Queue(now=now, rooms=rooms))

    def close(self, code: Code) -> None:
        """Say why they are on duty no more."""
        self._connection.close(code)
