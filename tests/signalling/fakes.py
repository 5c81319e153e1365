"""A small deciding side behind the real server: what the ports look like to someone who implements them."""

# ruff: noqa: D102, S105 - the ports say what the methods do; tokens here open nothing
from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.ports import Connection, Line, Seat

INSTANT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = "a-bearer-token"
PERSON = "Kari Nordmann"


class Clock:
    """A clock that moves when it is told to, and knows who looks at it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._looked = asyncio.Event()

    def __call__(self) -> float:
        self._looked.set()
        return self.now

    async def looked_at(self, times: int) -> None:
        """Wait until it has been asked for the time so many turns of the loop from now on."""
        for _ in range(times):
            self._looked.clear()
            await self._looked.wait()


class Counts:
    """Counters in a dictionary."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()

    def inc(self, name: str, code: str) -> None:
        self.seen[name, code] += 1


def welcome(place: m.Place = m.Place.ADMITTED) -> m.Welcome:
    """Make a welcome for participant p_1."""
    return m.Welcome(
        version=1,
        participant="p_1",
        room_name="Room",
        role=m.Role.DOCTOR,
        host=True,
        place=place,
        resume="secret",
        slots=m.SlotCounts(audio=3, video=8, content=1),
        ice_servers=[m.IceServer(urls=["stun:localhost"])],
        leg=None,
    )


def roster(place: m.Place, name: str = "A") -> m.Roster:
    """Make a roster with the receiver alone."""
    person = m.Person(
        participant="p_1",
        name=name,
        role=m.Role.PATIENT,
        host=False,
        place=place,
        connected=True,
        muted=False,
        may_unmute=True,
        camera=True,
        sharing=False,
        you=True,
    )
    return m.Roster(revision=1, locked=False, host=False, people=[person])


class Trial:
    """Answers everything; a report of no pictures makes it crash."""

    def __init__(self, ref: int) -> None:
        self.opening = m.Testing(ref=ref, seconds=1.0, ice_servers=[])
        self.ended = asyncio.Event()

    def handle(self, message: m.Offer | m.TestReport | m.Leave) -> m.Answer | m.Tested | None:
        match message:
            case m.Offer(ref=ref):
                return m.Answer(ref=ref, sdp="v=0", leg="7")
            case m.TestReport(ref=ref, frames=frames):
                if frames == 0:
                    raise RuntimeError(PERSON)
                flow = m.Flow(loss_percent=0.0, jitter_ms=0.0, bitrate_kbps=0.0)
                return m.Tested(ref=ref, verdict=m.TrialVerdict.GOOD, reasons=[], up=flow, down=flow)
        return None

    def end(self) -> None:
        self.ended.set()


class Watch:
    """Knows two rooms: `r_1` is to be had, `r_2` somebody else's."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def take(self, take: m.Take) -> m.Taken:
        if take.room not in {"r_1", "r_2"}:
            raise Rejected(Code.UNKNOWN_ROOM)
        link = "https://localhost/join#x" if take.room == "r_1" else None
        return m.Taken(ref=take.ref, room=take.room, by="Dr. Berg", link=link)

    def end(self) -> None:
        self.ended.set()


class Consultations:
    """Seats everyone; the token says what happens at the door, the message what happens inside."""

    def __init__(self) -> None:
        self.handled: list[m.ClientMessage] = []
        self.connections: list[Line] = []
        self.lost_seats: list[Seat] = []
        self.all_lost = asyncio.Event()
        self.fail_lost = False
        self.trials: list[Trial] = []
        self.watches: list[Watch] = []
        self.identities: list[str | None] = []

    async def test(self, test: m.Test) -> Trial:
        if test.token == "forged":
            raise Rejected(Code.LINK_INVALID)
        self.trials.append(Trial(test.ref))
        return self.trials[-1]

    async def duty(self, duty: m.Duty, connection: Connection, identity: str | None = None) -> Watch:
        self.identities.append(identity)
        if identity is None:
            raise Rejected(Code.LOGIN_NEEDED)
        self.watches.append(Watch())
        connection.send(m.OnDuty(ref=duty.ref, name="Dr. Berg", rotas=[]))
        connection.send(m.Queue(now=INSTANT, rooms=[]))
        return self.watches[-1]

    async def join(self, join: m.Join, connection: Line, identity: str | None = None) -> Seat:
        self.identities.append(identity)
        if join.token == "forged":
            raise Rejected(Code.LINK_INVALID)
        if join.token == "crash":
            raise RuntimeError(PERSON)
        self.connections.append(connection)
        connection.send(welcome(m.Place.WAITING if join.token == "guest" else m.Place.ADMITTED))
        return Seat("r_1", "p_1", len(self.connections))

    async def handle(self, seat: Seat, message: m.ClientMessage) -> m.ServerMessage | None:
        self.handled.append(message)
        connection = self.connections[seat.connection_id - 1]
        match message:
            case m.Offer(ref=ref):
                return m.Answer(ref=ref, sdp="v=0", leg="7")
            case m.Invite(ref=ref):
                return m.Invited(ref=ref, link="https://localhost/join#x", expires_at=INSTANT)
            case m.Admit():
                raise Rejected(Code.UNKNOWN_PARTICIPANT)
            case m.HandOver():
                raise RuntimeError(PERSON)
            case m.AdmitAll(ref=ref):
                await self._pour(connection)
                return m.Ok(ref=ref)
            case m.End():
                for each in self.connections:
                    each.close(Code.ENDED)
            case m.Leave():
                return None
        return m.Ok(ref=message.ref)

    async def _pour(self, connection: Line) -> None:
        """Send far more than the sockets' buffers hold, letting the writer run in between."""
        big = roster(m.Place.ADMITTED, "x" * 100_000)
        for _ in range(2000):
            connection.send(big)
            await asyncio.sleep(0)

    async def lost(self, seat: Seat) -> None:
        self.lost_seats.append(seat)
        self.all_lost.set()
        if self.fail_lost:
            raise RuntimeError(PERSON)


class Administration:
    """Knows the room r_1, and fails at a room named `crash`."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.turns: list[tuple[str, str | None, datetime | None]] = []

    def _info(self, name: str = "Room") -> m.RoomInfo:
        return m.RoomInfo(
            room="r_1",
            name=name,
            created_at=INSTANT,
            locked=False,
            ended=bool(self.ended),
            max_participants=9,
            plain_calls=False,
            waiting=0,
            admitted=0,
        )

    async def create_room(self, request: m.CreateRoom) -> m.RoomInfo:
        if request.name == "crash":
            raise RuntimeError(PERSON)
        return self._info(request.name)

    async def rooms(self) -> list[m.RoomInfo]:
        return [self._info()]

    async def room(self, room: str) -> m.RoomInfo:
        self._known(room)
        return self._info()

    async def end_room(self, room: str) -> None:
        self._known(room)
        if self.ended:
            raise Rejected(Code.ROOM_ENDED)
        self.ended.append(room)

    async def invite(self, room: str, request: m.CreateInvitation) -> m.InvitationInfo:
        self._known(room)
        return m.InvitationInfo(
            invitation="i_1",
            room=room,
            role=request.role,
            host=request.host,
            link="https://localhost/join#x",
            expires_at=INSTANT,
        )

    async def delay(self, room: str, invitation: str | None, new: m.NewTime) -> None:
        self._known(room)
        self.turns.append(("delay", invitation, new.time))

    async def cancel(self, room: str, invitation: str | None, new: m.NewTime) -> None:
        self._known(room)
        self.turns.append(("cancel", invitation, new.time))

    async def appoint(self, room: str, invitation: str) -> None:
        self._known(room)
        self.turns.append(("appoint", invitation, None))

    async def withdraw(self, room: str, invitation: str) -> None:
        self._known(room)
        self.turns.append(("withdraw", invitation, None))

    def _known(self, room: str) -> None:
        if room != "r_1":
            raise Rejected(Code.UNKNOWN_ROOM)


class Records:
    """Has one row, one organisation and one conference, of the room r_1; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def audit(self, query: m.AuditQuery) -> m.AuditBundle:
        self.asked.append(query)
        self._known(query.room or "r_1")
        resource = {"resourceType": "AuditEvent", "id": "audit-1"}
        return m.AuditBundle(
            link=[m.BundleLink(relation="self", url="https://localhost/api/v1/audit")],
            entry=[m.BundleEntry(full_url="https://localhost/fhir/AuditEvent/audit-1", resource=resource)],
        )

    async def attendance(self, room: str, query: m.AttendanceQuery) -> m.Attendance:
        self.asked.append(query)
        self._known(room)
        part = m.OrganisationAttendance(organisation="987654321", people=[], others=[m.Role.PATIENT])
        return m.Attendance(room=room, organisations=[part])

    async def room_usage(self, room: str) -> m.Usage:
        self._known(room)
        return m.Usage(conferences=[self._conference(room)])

    async def usage(self, query: m.UsageQuery) -> m.Usage:
        self.asked.append(query)
        return m.Usage(conferences=[self._conference("r_1")], next="r_1")

    def _conference(self, room: str) -> m.Conference:
        lines = [m.LineUsage(line=m.Line.BROWSER, participants=2, minutes=2)]
        end = INSTANT.replace(minute=1)
        return m.Conference(
            room=room, number=1, start=INSTANT, end=end, minutes=1, participants=2, most=2, lines=lines
        )

    def _known(self, room: str) -> None:
        if room != "r_1":
            raise Rejected(Code.UNKNOWN_ROOM)


class Calls:
    """Gives the same way to everybody."""

    async def by_link(self, wish: m.CallInsteadOf) -> m.WayToCall:
        if wish.token == "forged":
            raise Rejected(Code.LINK_INVALID)
        return m.WayToCall(number="47110815", pin="123456")
