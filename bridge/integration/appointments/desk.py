"""Rooms made, moved, ended and started by an appointment book, which is master of the appointment."""

import asyncio
import hashlib
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

import msgspec

from bridge.app.ids import new_id
from bridge.app.live import LiveRoom
from bridge.app.ports import Links
from bridge.app.service import RoomService
from bridge.app.turns import ADMINISTRATION
from bridge.integration.appointments import views, wishes
from bridge.integration.appointments.booking import CALLED_OFF, LATE, OVER, SOON, Attendee, Booking, expiry
from bridge.integration.appointments.wishes import Wanted, Wish
from bridge.rooms import commands as c
from bridge.rooms.model import Invitation, InvitationId, Pii, Place, Room, RoomId
from bridge.store import AppointmentRecord, ConcurrentChange
from signalling import messages as m
from signalling.errors import BadMessage, Code, Rejected
from signalling.fhir import resources as fhir
from signalling.fhir.ports import Stored

ROOM_NAME: Final = "Videokonsultasjon"
ID_BYTES: Final = 12


class Store(Protocol):
    """Where bookings are kept."""

    async def get(self, appointment: str) -> AppointmentRecord | None:
        """One by its id."""

    async def find(self, identifier: str) -> AppointmentRecord | None:
        """One by the digest of the book's name."""

    async def put(self, record: AppointmentRecord) -> None:
        """Write a version. Raises ConcurrentChange."""


class Opener(Protocol):
    """Who opens rooms."""

    async def create_room(self, request: m.CreateRoom) -> m.RoomInfo:
        """Open one. Raises Rejected."""


class Appointments:
    """The `AppointmentDesk` of signalling."""

    def __init__(self, service: RoomService, opener: Opener, links: Links, store: Store, page: str) -> None:
        self._service = service
        self._opener = opener
        self._links = links
        self._store = store
        self._page = page
        # A book sends little; one after another, a change cannot come between reading and writing here.
        self._turn = asyncio.Lock()

    async def create(self, wanted: fhir.Appointment, unless: tuple[str, str] | None) -> Stored:
        """Open a room and invite. Raises Rejected."""
        wish = wishes.read(wanted, self._now())
        if wish.status in OVER:
            raise BadMessage("An appointment that is over needs no room.")
        _in_time(wish, self._now())
        async with self._turn:
            digest = _digest(*unless) if unless else _first_digest(wish)
            if digest is not None and (known := await self._store.find(digest)) is not None:
                if unless is None:
                    raise Rejected(Code.WRONG_STATE, "There is an appointment with this identifier.")
                return await self._stored(known)
            made = await self._opener.create_room(m.CreateRoom(name=ROOM_NAME))
            live = await self._live(made.room)
            try:
                booking = await self._follow(live, _booking(wish, []), wish)
                record = AppointmentRecord(secrets.token_hex(ID_BYTES), made.room, digest, 1, _payload(booking))
                await self._put(record)
            except BaseException:
                # Nobody would know of the room.
                await self._service.act(live, c.End(by=ADMINISTRATION))
                raise
            return replace(await self._stored(record), made=True)

    async def update(self, appointment: str, wanted: fhir.Appointment, version: int | None) -> Stored:
        """Follow the book: times, people, and whether it takes place. Raises Rejected."""
        wish = wishes.read(wanted, self._now())
        async with self._turn:
            record = await self._record(appointment)
            if version is not None and version != record.version:
                raise Rejected(Code.STALE)
            before = _read(record)
            live = await self._live(record.room)
            if wish.status in OVER:
                await self._end(live, wish.status)
                booking = _booking(wish, before.attendees)
            elif live.room.ended:
                raise Rejected(Code.ROOM_ENDED)
            else:
                _in_time(wish, self._now())
                booking = await self._follow(live, _booking(wish, before.attendees), wish)
            return await self._write(record, booking)

    async def read(self, appointment: str) -> Stored:
        """One appointment. Raises Rejected."""
        return await self._stored(await self._record(appointment))

    async def search(self, system: str, value: str) -> Stored | None:
        """One by the book's name for it."""
        record = await self._store.find(_digest(system, value))
        return None if record is None else await self._stored(record)

    async def start(self, appointment: str, actor: str) -> Stored:
        """Give a doctor of the appointment a link that nobody has used. Raises Rejected."""
        async with self._turn:
            record = await self._record(appointment)
            before = _read(record)
            live = await self._live(record.room)
            attendee = before.attendee(actor)
            if attendee is None or not attendee.host:
                raise Rejected(Code.NOT_FOUND, "Nobody with this reference is a doctor of the appointment.")
            if live.room.ended:
                raise Rejected(Code.ROOM_ENDED)
            fresh = await self._renew(live, attendee, before.end)
            if fresh is attendee:
                return await self._stored(record)
            attendees = [fresh if one is attendee else one for one in before.attendees]
            return await self._write(record, msgspec.structs.replace(before, attendees=attendees))

    async def _renew(self, live: LiveRoom, attendee: Attendee, end: datetime) -> Attendee:
        """The same link while nobody has used it, else another; whoever is in by the old one stays."""
        invitation = live.room.invitations[attendee.invitation]
        if invitation.participant is None and not invitation.revoked:
            await self._move(live, invitation, expiry(end, self._now()))
            return attendee
        holder = None if invitation.participant is None else live.room.participants[invitation.participant]
        if holder is not None and holder.place is Place.OUTSIDE and not invitation.revoked:
            await self._service.act(live, c.RevokeInvitation(by=ADMINISTRATION, invitation=invitation.id))
        again = Wanted(
            reference=attendee.reference,
            name=invitation.name.reveal(),
            role=attendee.role,
            host=True,
            requires=attendee.requires,
            text_to=None,
            language=m.Language.NB,
        )
        return await self._invite(live, again, end)

    async def _follow(self, live: LiveRoom, booking: Booking, wish: Wish) -> Booking:
        """Bring invitations in line with who takes part, and until when."""
        kept: list[Attendee] = []
        wanted = {one.reference: one for one in wish.people}
        for attendee in booking.attendees:
            invitation = live.room.invitations[attendee.invitation]
            if _same(attendee, wanted.get(attendee.reference)) and not invitation.revoked:
                await self._move(live, invitation, expiry(wish.end, self._now()))
                kept.append(attendee)
                del wanted[attendee.reference]
            else:
                await self._withdraw(live, invitation)
        made = [await self._invite(live, one, wish.end) for one in wanted.values()]
        return msgspec.structs.replace(booking, attendees=[*kept, *made])

    async def _invite(self, live: LiveRoom, wanted: Wanted, end: datetime) -> Attendee:
        command = c.Invite(
            by=ADMINISTRATION,
            invitation=InvitationId(new_id("i")),
            role=wanted.role,
            name=Pii(wanted.name),
            expires_at=expiry(end, self._now()),
            host=wanted.host,
            requires=wanted.requires,
        )
        await self._service.act(live, command)
        return Attendee(
            reference=wanted.reference,
            invitation=command.invitation,
            role=wanted.role,
            host=wanted.host,
            requires=wanted.requires,
        )

    async def _move(self, live: LiveRoom, invitation: Invitation, expires_at: datetime) -> None:
        by = c.MoveInvitation(by=ADMINISTRATION, invitation=invitation.id, expires_at=expires_at)
        await self._service.act(live, by)

    async def _withdraw(self, live: LiveRoom, invitation: Invitation) -> None:
        """Take a link back; who is in by it stays, for in the room the host decides."""
        holder = None if invitation.participant is None else live.room.participants[invitation.participant]
        if holder is None or holder.place is Place.OUTSIDE:
            await self._service.act(live, c.RevokeInvitation(by=ADMINISTRATION, invitation=invitation.id))

    async def _end(self, live: LiveRoom, status: str) -> None:
        """End the room. An appointment is not called off from under those who talk already."""
        if status in CALLED_OFF and _talking(live.room):
            raise Rejected(Code.WRONG_STATE, "The consultation is under way; who holds it ends it.")
        if not live.room.ended:
            await self._service.act(live, c.End(by=ADMINISTRATION))

    async def _record(self, appointment: str) -> AppointmentRecord:
        record = await self._store.get(appointment)
        if record is None:
            raise Rejected(Code.NOT_FOUND, "There is no such appointment.")
        return record

    async def _live(self, room: str) -> LiveRoom:
        live = await self._service.find(RoomId(room))
        if live is None:
            raise Rejected(Code.UNKNOWN_ROOM)
        return live

    async def _write(self, record: AppointmentRecord, booking: Booking) -> Stored:
        following = replace(record, version=record.version + 1, payload=_payload(booking))
        await self._put(following)
        return await self._stored(following)

    async def _put(self, record: AppointmentRecord) -> None:
        try:
            await self._store.put(record)
        except ConcurrentChange as error:
            raise Rejected(Code.STALE) from error

    async def _stored(self, record: AppointmentRecord) -> Stored:
        room = (await self._live(record.room)).room

        def link(invitation: Invitation) -> str:
            return self._links.make(room.id, invitation.id, invitation.expires_at)

        shown = views.resource(record.id, record.version, _read(record), room, views.Ways(self._page, link))
        return Stored(shown, record.id, record.version)

    def _now(self) -> datetime:
        return self._service.outside.clock.now()


def _same(attendee: Attendee, wanted: Wanted | None) -> bool:
    return wanted is not None and (attendee.role, attendee.host, attendee.requires) == (
        wanted.role,
        wanted.host,
        wanted.requires,
    )


def _talking(room: Room) -> bool:
    """Whether the host is in, and somebody else."""
    present = [person for person in room.participants.values() if person.present]
    return room.present_host is not None and len(present) > 1


def _booking(wish: Wish, attendees: list[Attendee]) -> Booking:
    return Booking(
        status=wish.status,
        start=wish.start,
        end=wish.end,
        names=wish.names,
        standing=wish.standing,
        attendees=attendees,
    )


def _in_time(wish: Wish, now: datetime) -> None:
    if now + SOON > wish.end + LATE:
        raise BadMessage("The appointment is over.")


def _payload(booking: Booking) -> str:
    return msgspec.json.encode(booking).decode()


def _read(record: AppointmentRecord) -> Booking:
    return msgspec.json.decode(record.payload, type=Booking)


def _first_digest(wish: Wish) -> str | None:
    return _digest(wish.names[0].system, wish.names[0].value) if wish.names else None


def _digest(system: str, value: str) -> str:
    return hashlib.sha256(f"{system}\0{value}".encode()).hexdigest()
