"""Rooms made, moved, ended and started by an appointment book, which is master of the appointment."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

import msgspec

from bridge.app.ids import new_id
from bridge.app.live import LiveRoom
from bridge.app.ports import Links
from bridge.app.service import RoomService
from bridge.app.texts import Text
from bridge.app.turns import ADMINISTRATION
from bridge.integration.appointments import views, wishes
from bridge.integration.appointments.booking import CALLED_OFF, LATE, OVER, SOON, Attendee, Booking, expiry
from bridge.integration.appointments.wishes import Wanted, Wish
from bridge.rooms import commands as c
from bridge.rooms.model import Assurance, Ground, Invitation, InvitationId, Pii, Place, Role, Room, RoomId
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
                booking = await self._follow(live, _booking(wish, []), wish, wish.start)
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
                booking = await self._follow(live, _booking(wish, before.attendees), wish, before.start)
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

    async def enter(
        self,
        name: tuple[str, str],
        wanted: fhir.Appointment,
        doctor: str,
        digest: Callable[[InvitationId], str],
    ) -> tuple[InvitationId, str]:
        """Let a doctor into the room of an appointment, as its host: their invitation and link. Raises Rejected.

        The room is that of the system's own `name` for it, or of one of its identifiers; where there is none, it
        is opened. `digest` is of the secret with which they use a link of theirs: one that was used with another,
        from another page, is replaced.
        """
        record = await self._arranged(name, wanted)
        async with self._turn:
            record = await self._record(record.id)
            before = _read(record)
            live = await self._live(record.room)
            if live.room.ended:
                raise Rejected(Code.ROOM_ENDED)
            attendee = before.attendee(doctor)
            if attendee is None or not attendee.host:
                attendee = await self._invite(live, _substitute(doctor, wanted), before.end)
            elif not _usable(live.room, live.room.invitations[attendee.invitation], digest):
                attendee = await self._replace(live, attendee, before.end)
            others = [one for one in before.attendees if one.reference != doctor]
            booking = msgspec.structs.replace(before, attendees=[*others, attendee])
            if booking != before:
                await self._write(record, booking)
            invitation = live.room.invitations[attendee.invitation]
            await self._move(live, invitation, max(invitation.expires_at, expiry(before.end, self._now())))
            invitation = live.room.invitations[attendee.invitation]
            return invitation.id, self._links.make(live.room.id, invitation.id, invitation.expires_at)

    async def _arranged(self, name: tuple[str, str], wanted: fhir.Appointment) -> AppointmentRecord:
        """The appointment that is known by one of its names, else a new one."""
        own = [(one.system, one.value) for one in wanted.identifier if one.system and one.value]
        for system, value in (name, *own):
            if (record := await self._store.find(_digest(system, value))) is not None:
                return record
        identifier = fhir.Identifier(system=name[0], value=name[1])
        named = msgspec.structs.replace(wanted, identifier=[identifier, *wanted.identifier][: fhir.MAX_REPEATS])
        return await self._record((await self.create(named, name)).id)

    async def _renew(self, live: LiveRoom, attendee: Attendee, end: datetime) -> Attendee:
        """The same link while nobody has used it, else another; whoever is in by the old one stays."""
        invitation = live.room.invitations[attendee.invitation]
        if invitation.participant is None and not invitation.revoked:
            await self._move(live, invitation, expiry(end, self._now()))
            return attendee
        return await self._replace(live, attendee, end)

    async def _replace(self, live: LiveRoom, attendee: Attendee, end: datetime) -> Attendee:
        invitation = live.room.invitations[attendee.invitation]
        await self._withdraw(live, invitation)
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

    async def _follow(self, live: LiveRoom, booking: Booking, wish: Wish, began: datetime) -> Booking:
        """Bring invitations in line with who takes part, when and until when; it `began` at that time so far."""
        kept: list[Attendee] = []
        wanted = {one.reference: one for one in wish.people}
        for attendee in booking.attendees:
            invitation = live.room.invitations[attendee.invitation]
            if _same(attendee, wanted.get(attendee.reference)) and not invitation.revoked:
                if wish.start != began and not attendee.host:
                    await self._tell_time(live, invitation, wish.start)
                await self._move(live, invitation, expiry(wish.end, self._now()))
                kept.append(attendee)
                del wanted[attendee.reference]
            else:
                await self._withdraw(live, invitation)
        made = [await self._invite(live, one, wish.end, wish.start) for one in wanted.values()]
        return msgspec.structs.replace(booking, attendees=[*kept, *made])

    async def _invite(
        self, live: LiveRoom, wanted: Wanted, end: datetime, start: datetime | None = None
    ) -> Attendee:
        requires = self._service.outside.usual.proof(wanted.role, wanted.requires)
        command = c.Invite(
            by=ADMINISTRATION,
            invitation=InvitationId(new_id("i")),
            role=wanted.role,
            name=Pii(wanted.name),
            expires_at=expiry(end, self._now()),
            host=wanted.host,
            requires=requires,
            ground=Ground.APPOINTMENT,
            expected_at=start if start is not None and start > self._now() else None,
        )
        texting = self._service.outside.texting
        if wanted.text_to is not None:
            texting.check(live, wanted.text_to)
        await self._service.act(live, command)
        if wanted.text_to is not None:
            link = self._links.make(live.room.id, command.invitation, command.expires_at)
            texting.send_later(live, wanted.text_to, Text(command.invitation, link, wanted.language))
        return Attendee(
            reference=wanted.reference,
            invitation=command.invitation,
            role=wanted.role,
            host=wanted.host,
            requires=requires,
        )

    async def _move(self, live: LiveRoom, invitation: Invitation, expires_at: datetime) -> None:
        by = c.MoveInvitation(by=ADMINISTRATION, invitation=invitation.id, expires_at=expires_at)
        await self._service.act(live, by)

    async def _tell_time(self, live: LiveRoom, invitation: Invitation, start: datetime) -> None:
        """Let who waits, or comes, see when it is their turn now."""
        if start > self._now() and not invitation.cancelled:
            by = c.Delay(by=ADMINISTRATION, expected_at=start, invitation=invitation.id)
            await self._service.act(live, by)

    async def _withdraw(self, live: LiveRoom, invitation: Invitation) -> None:
        """Take a link back; who is in by it stays, for in the room the host decides."""
        holder = None if invitation.participant is None else live.room.participants[invitation.participant]
        if holder is None or holder.place is Place.OUTSIDE:
            await self._service.act(live, c.RevokeInvitation(by=ADMINISTRATION, invitation=invitation.id))

    async def _end(self, live: LiveRoom, status: str) -> None:
        """End the room; who waits is told so. What has begun is not called off: the room refuses that."""
        if not live.room.ended:
            await self._service.act(live, c.End(by=ADMINISTRATION, cancelled=status in CALLED_OFF))

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


def _usable(room: Room, invitation: Invitation, digest: Callable[[InvitationId], str]) -> bool:
    """Whether somebody with the secret of this digest comes in by a link: it is theirs, or nobody's yet."""
    holder = None if invitation.participant is None else room.participants[invitation.participant]
    if invitation.revoked or invitation.cancelled or (holder is not None and holder.barred):
        return False
    return holder is None or holder.resume_hash == digest(invitation.id)


def _substitute(doctor: str, wanted: fhir.Appointment) -> Wanted:
    """A doctor who is not in the appointment, or in another role: the record system vouches for them."""
    named = (one.actor for one in wanted.participant if one.actor is not None and one.actor.reference == doctor)
    display = next((actor.display for actor in named if actor.display), None)
    return Wanted(
        reference=doctor,
        name=display or Role.DOCTOR.value.capitalize(),
        role=Role.DOCTOR,
        host=True,
        requires=Assurance.NONE,
        text_to=None,
        language=m.Language.NB,
    )


def _same(attendee: Attendee, wanted: Wanted | None) -> bool:
    """Whether somebody keeps their link, as they do where something else is usual by now."""
    if wanted is None or (attendee.role, attendee.host) != (wanted.role, wanted.host):
        return False
    return wanted.requires in {None, attendee.requires}


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
