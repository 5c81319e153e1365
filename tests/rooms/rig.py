"""A consultation under test: submits commands, applies events, keeps the record and the packet gates."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.decide import decide
from bridge.rooms.evolve import evolve
from bridge.rooms.model import (
    Actor,
    Assurance,
    ByParticipant,
    ConnectionId,
    Identity,
    InvitationId,
    Line,
    Office,
    Participant,
    ParticipantId,
    Pii,
    PinDigest,
    Place,
    ResumeHash,
    Role,
    Room,
    RoomId,
    RoomNumber,
    RotaName,
    SubjectDigest,
    System,
)
from bridge.rooms.refusal import Refusal
from bridge.rooms.views import who_may_send

ADMINISTRATION = System(Office.ADMINISTRATION)
OPERATOR = System(Office.OPERATOR)
BRIDGE = System(Office.BRIDGE)
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LINK_LIFE = timedelta(hours=2)
NORD = RotaName("nord")


def person(name: str) -> ByParticipant:
    """Return the actor for the participant who uses the link called `name`."""
    return ByParticipant(pid(name))


def pid(name: str) -> ParticipantId:
    """Return the id of the participant who uses the link called `name`."""
    return ParticipantId(f"p_{name}")


def iid(name: str) -> InvitationId:
    """Return the id of the link called `name`."""
    return InvitationId(f"i_{name}")


def resume(name: str) -> ResumeHash:
    """Return the digest that the page of `name` can present after its first visit."""
    return ResumeHash(f"resume of {name}")


def pin(name: str) -> PinDigest:
    """Return the digest of the PIN that goes with the link called `name`."""
    return PinDigest(f"pin of {name}")


class PacketGate:
    """Stands in for the engine: legs by (participant, connection), open for those who may send by the records."""

    def __init__(self) -> None:
        self.open: set[tuple[ParticipantId, ConnectionId | None]] = set()

    def follow(self, after: Room) -> None:
        """Bring the gates in line as the application does once an event is recorded."""
        self.open = {(who, after.participants[who].connection) for who in who_may_send(after)}

    def passes(self, name: str) -> bool:
        """Whether any leg of `name` is open."""
        return any(leg[0] == pid(name) for leg in self.open)


@dataclass
class Consultation:
    """One room with its record; `now` moves only when a test moves it."""

    now: datetime = START
    room: Room | None = None
    record: list[ev.Event] = field(default_factory=list)
    gate: PacketGate = field(default_factory=PacketGate)
    connections: int = 0

    def do(self, command: c.Command) -> ev.Outcome:
        """Decide, record, apply, move the gates; return what `decide` said."""
        outcome = decide(self.room, command, self.now)
        for event in [] if isinstance(outcome, Refusal) else outcome:
            self.room = evolve(self.room, event)
            self.record.append(event)
            self.gate.follow(self.room)
        return outcome

    def refused(self, command: c.Command) -> str:
        """Return the code with which the command is turned down; nothing may have changed."""
        before = self.room
        outcome = self.do(command)
        assert isinstance(outcome, Refusal), outcome
        assert outcome.sentence.endswith(".")
        assert self.room is before
        return outcome.code

    def happens(self, command: c.Command) -> list[ev.Event]:
        """Return the events of a command that must not be refused."""
        outcome = self.do(command)
        assert not isinstance(outcome, Refusal), outcome
        return outcome

    def create(self, max_participants: int = 9, rota: RotaName | None = None, **settings: bool) -> None:
        """Open the room."""
        self.happens(
            c.CreateRoom(
                by=ADMINISTRATION,
                room=RoomId("r_1"),
                name=Pii("Rom 1"),
                max_participants=max_participants,
                number=RoomNumber("47110815"),
                rota=rota,
                **settings,
            )
        )

    def invite(self, name: str, role: Role = Role.PATIENT, *, host: bool = False) -> None:
        """Issue a link from the administration."""
        self.happens(self.inviting(name, role, host=host))

    def inviting(self, name: str, role: Role = Role.PATIENT, *, host: bool = False) -> c.Invite:
        """The administration's wish for a link."""
        return c.Invite(
            by=ADMINISTRATION,
            invitation=iid(name),
            role=role,
            name=Pii(name),
            expires_at=self.now + LINK_LIFE,
            host=host,
            pin=pin(name),
        )

    def calling(self, name: str, line: Line = Line.SIP) -> c.Call:
        """Return a new call with the PIN of `name`, which has a digest under an older key too."""
        self.connections += 1
        return c.Call(
            pins=frozenset({pin(name), PinDigest(f"older pin of {name}")}),
            line=line,
            connection=ConnectionId(self.connections),
            new_participant=pid(name),
            new_resume_hash=resume(name),
        )

    def dialling(self, by: Actor, name: str) -> c.Dial:
        """Return that somebody has `name` called."""
        self.connections += 1
        return c.Dial(
            by=by,
            invitation=iid(name),
            new_participant=pid(name),
            role=Role.RELATIVE,
            name=Pii(name),
            expires_at=self.now + LINK_LIFE,
            line=Line.SIP,
            connection=ConnectionId(self.connections),
            new_resume_hash=resume(name),
        )

    def answers(self, name: str, line: Line = Line.TELEPHONE) -> list[ev.Event]:
        """Let who is called take the call; return the events."""
        assert self.room is not None
        connection = self.room.participants[pid(name)].connection
        assert connection is not None
        return self.happens(c.Answer(participant=pid(name), connection=connection, line=line))

    def knocking(self, name: str, secret: ResumeHash | None = None) -> c.Knock:
        """Return a knock on a new connection with the link called `name`."""
        self.connections += 1
        return c.Knock(
            invitation=iid(name),
            connection=ConnectionId(self.connections),
            resume_hash=secret,
            new_participant=pid(name),
            new_resume_hash=resume(name),
        )

    def line_up(self, *names: str) -> None:
        """Issue the link for many, and let patients come by it."""
        self.happens(
            c.Invite(
                by=ADMINISTRATION,
                invitation=iid("line"),
                role=Role.PATIENT,
                name=Pii("Drop-in"),
                expires_at=self.now + LINK_LIFE,
                many=True,
            )
        )
        for name in names:
            self.happens(self.dropping_in(name))

    def dropping_in(
        self,
        who: str,
        *,
        link: str = "line",
        secret: ResumeHash | None = None,
        new: str | None = None,
        name: str | None = None,
        identity: Identity | None = None,
    ) -> c.Knock:
        """Return a knock with a link for many, of somebody called `name` whom the bridge will know as `who`."""
        self.connections += 1
        return c.Knock(
            invitation=iid(link),
            connection=ConnectionId(self.connections),
            resume_hash=secret,
            new_participant=pid(new or who),
            new_resume_hash=secret or resume(who),
            name=Pii(who if name is None else name),
            identity=identity,
        )

    def taking(self, name: str, *, assurance: Assurance = Assurance.HIGH, link: str | None = None) -> c.TakeRoom:
        """Return that `name`, of the rota, takes the room, and gets the link called `link`, else as they are."""
        return c.TakeRoom(
            rota=NORD,
            identity=login(name, assurance),
            name=Pii(name),
            requires=Assurance.SUBSTANTIAL,
            invitation=iid(link or name),
            new_participant=pid(link or name),
            new_resume_hash=resume(link or name),
            expires_at=self.now + LINK_LIFE,
        )

    def come_on_duty(self, name: str, login_of: str | None = None) -> list[ev.Event]:
        """Let who has taken the room come in by the link called `name`."""
        knock = replace(self.knocking(name, resume(name)), identity=login(login_of or name))
        return self.happens(knock)

    def arrive(self, *names: str, role: Role = Role.PATIENT) -> None:
        """Invite guests and let them knock."""
        for name in names:
            self.invite(name, role)
            self.happens(self.knocking(name))

    def come_back(self, name: str) -> list[ev.Event]:
        """Let somebody knock again with the right secret."""
        return self.happens(self.knocking(name, resume(name)))

    def enter_host(self, name: str, role: Role = Role.DOCTOR) -> None:
        """Issue a host link and let its holder in."""
        self.invite(name, role, host=True)
        self.happens(self.knocking(name))

    def admit(self, *names: str) -> None:
        """Let guests in by the host."""
        for name in names:
            assert self.room is not None
            assert self.room.host is not None
            self.happens(c.Admit(by=ByParticipant(self.room.host), participant=pid(name)))

    def drop(self, name: str) -> list[ev.Event]:
        """Lose the present connection of `name`."""
        connection = self.of(name).connection
        assert connection is not None
        return self.happens(c.Disconnect(participant=pid(name), connection=connection))

    def of(self, name: str) -> Participant:
        """Return the participant who used the link called `name`."""
        assert self.room is not None
        return self.room.participants[pid(name)]

    def place(self, name: str) -> Place:
        """Return where `name` is."""
        return self.of(name).place


def login(name: str, assurance: Assurance = Assurance.HIGH) -> Identity:
    """Return what the login of somebody in the register of health personnel proved."""
    return Identity(
        assurance=assurance,
        provider="helseid",
        subject=SubjectDigest(f"subject of {name}"),
        organisation="983658725",
        health_personnel=True,
        hpr=SubjectDigest(f"hpr of {name}"),
    )


def standing(*waiting: str) -> Consultation:
    """Return a room of the rota in which these wait, by the standing link, and nobody hosts."""
    consultation = Consultation()
    consultation.create(rota=NORD)
    consultation.line_up(*waiting)
    return consultation


def opened(max_participants: int = 9, rota: RotaName | None = None, **settings: bool) -> Consultation:
    """Return a consultation with the doctor in and two guests waiting: a patient and an interpreter."""
    consultation = Consultation()
    consultation.create(max_participants, rota, **settings)
    consultation.enter_host("doctor")
    consultation.arrive("patient")
    consultation.arrive("interpreter", role=Role.INTERPRETER)
    return consultation
