"""A small room, and what can be tried in one: a function for each part of a consultation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Final

from bridge.rooms import commands as c
from bridge.rooms.model import (
    Actor,
    Assurance,
    ByParticipant,
    ConnectionId,
    Identity,
    InvitationId,
    Line,
    Matter,
    Miss,
    NoticeVersion,
    ParticipantId,
    Pii,
    Place,
    ResumeHash,
    Role,
    RoomId,
    RoomNumber,
    RotaName,
    StillEnd,
    StillId,
    TextState,
)
from tests.proof.explore import LINKS_EXPIRE_AT, Move, State, TimePasses
from tests.rooms.rig import ADMINISTRATION, BRIDGE, OPERATOR, iid, person, pid, pin, resume

NOTICE: Final = NoticeVersion("v1")
LATER: Final = LINKS_EXPIRE_AT + timedelta(days=9)
ANOTHER_ROTA: Final = RotaName("sor")
PICTURE: Final = StillId("s_1")
STALE: Final = ConnectionId(0)
STRANGER: Final = person("stranger")
NOBODYS: Final = ResumeHash("somebody else's")
NOBODYS_YET: Final = ResumeHash("of a secret that nobody has")
Moves = Callable[["SmallRoom", State], Iterator[Move]]


@dataclass(frozen=True)
class Link:
    """A link of the administration's."""

    name: str
    role: Role
    host: bool = False
    requires: Assurance = Assurance.NONE
    many: bool = False
    substitute: bool = False


@dataclass(frozen=True)
class SmallRoom:
    """A world: links, what is tried by whom, and what of people tells states apart."""

    name: str
    links: Sequence[Link]
    tries: Sequence[Moves]
    size: int = 9
    seen: tuple[str, ...] = ()
    logins: Mapping[str, Sequence[Identity | None]] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    """Links that are made on the way, by somebody whom it may matter to be; so nobody changes places here."""
    autolock: bool = False
    one_at_a_time: bool = False
    rota: RotaName | None = None
    crowd: int = 0
    """How many may ever come by links for many."""

    @cached_property
    def kinds(self) -> Sequence[Sequence[InvitationId]]:
        """See `World`."""
        later = [[iid(name)] for name in self.later]
        if self.later:
            return [[iid(link.name)] for link in self.links] + later
        groups: dict[object, list[InvitationId]] = {}
        for link in self.links:
            groups.setdefault(replace(link, name=""), []).append(iid(link.name))
        return [*groups.values(), *later]

    @cached_property
    def names(self) -> list[str]:
        """Everybody who may come by a link of their own."""
        return [*(link.name for link in self.links if not link.many), *self.later]

    @cached_property
    def every_link(self) -> list[str]:
        """All links."""
        return [*(link.name for link in self.links), *self.later]

    def people(self, state: State) -> list[ParticipantId]:
        """Everybody who has come or may come by a link of their own, and those who came by one for many."""
        own = [pid(name) for name in self.names]
        return [*own, *(who for who in state.room.participants if who not in own)]

    def actors(self, state: State) -> Sequence[Actor]:
        """Everybody who may try to decide, rightly or not."""
        return [*(ByParticipant(who) for who in self.people(state)), STRANGER, OPERATOR]

    def start(self) -> Iterable[c.Command]:
        """See `World`."""
        yield c.CreateRoom(
            by=ADMINISTRATION,
            room=RoomId("r_1"),
            name=Pii("Rom"),
            max_participants=self.size,
            number=RoomNumber("47110815"),
            autolock=self.autolock,
            one_at_a_time=self.one_at_a_time,
            rota=self.rota,
        )
        for link in self.links:
            made = invitation(link.name, link.role, ADMINISTRATION, host=link.host, requires=link.requires)
            if link.many:
                made = replace(made, many=True, pin=None, expires_at=LATER)
            yield replace(made, substitute=link.substitute)

    def moves(self, state: State) -> Iterator[Move]:
        """See `World`."""
        for tries in self.tries:
            yield from tries(self, state)


def invitation(
    name: str, role: Role, by: Actor, *, host: bool = False, requires: Assurance = Assurance.NONE
) -> c.Invite:
    """That somebody makes a link, with a PIN where its holder may call."""
    return c.Invite(
        by=by,
        invitation=iid(name),
        role=role,
        name=Pii(name),
        expires_at=LINKS_EXPIRE_AT,
        host=host,
        requires=requires,
        pin=None if host and requires is not Assurance.NONE else pin(name),
    )


def _new(state: State) -> ConnectionId:
    """A connection that nobody has had."""
    return ConnectionId(state.depth + 1)


def _here(state: State, name: str) -> ConnectionId:
    """Somebody's present connection, or one that is none."""
    return state.ledger.connections.get(pid(name), STALE)


def _knock(state: State, name: str, secret: ResumeHash | None, identity: Identity | None = None) -> c.Knock:
    return c.Knock(
        invitation=iid(name),
        connection=_new(state),
        resume_hash=secret,
        new_participant=pid(name),
        new_resume_hash=resume(name),
        identity=identity,
    )


# --- what is tried ----------------------------------------------------------------------------


def coming(world: SmallRoom, state: State) -> Iterator[Move]:
    """Knock: for the first time, with the secret, with a wrong one, without."""
    for name in world.names:
        for identity in world.logins.get(name, (None,)):
            yield _knock(state, name, None, identity)
            yield _knock(state, name, resume(name), identity)
        yield _knock(state, name, NOBODYS)


def coming_with_consent(world: SmallRoom, state: State) -> Iterator[Move]:
    """Knock, and say yes to the notice."""
    for name in world.names:
        for secret in (None, resume(name)):
            yield replace(_knock(state, name, secret), notice=NOTICE)


def calling(world: SmallRoom, state: State) -> Iterator[Move]:
    """Come by number and PIN."""
    for name in world.names:
        yield c.Call(
            pins=frozenset({pin(name)}),
            line=Line.SIP,
            connection=_new(state),
            new_participant=pid(name),
            new_resume_hash=resume(name),
        )


def calling_instead(world: SmallRoom, state: State) -> Iterator[Move]:
    """Ask for a PIN, with the secret, with a wrong one and without, and call by it."""
    for name in world.names:
        for secret in (None, resume(name), NOBODYS):
            yield c.RenewPin(invitation=iid(name), resume_hash=secret, new_pin=pin(f"{name} anew"))
        yield c.Call(
            pins=frozenset({pin(f"{name} anew")}),
            line=Line.TELEPHONE,
            connection=_new(state),
            new_participant=pid(name),
            new_resume_hash=resume(name),
        )


def going(world: SmallRoom, state: State) -> Iterator[Move]:
    """Lose the present connection, hear late of an old one, leave on either or on none."""
    for who in world.people(state):
        here = state.ledger.connections.get(who, STALE)
        for connection in dict.fromkeys((here, STALE)):
            yield c.Disconnect(participant=who, connection=connection)
            yield c.Leave(by=ByParticipant(who), connection=connection)
        yield c.Leave(by=ByParticipant(who))


def deciding(world: SmallRoom, state: State) -> Iterator[Move]:
    """Every act of a host's, by everybody, on everybody."""
    for by in world.actors(state):
        yield c.AdmitAll(by=by)
        for who in world.people(state):
            yield c.Admit(by=by, participant=who)
            yield c.Refuse(by=by, participant=who)
            yield c.Remove(by=by, participant=who)
            yield c.SendToWaiting(by=by, participant=who)


def giving(world: SmallRoom, state: State) -> Iterator[Move]:
    """Hand the host's role over, or take it."""
    for by in world.actors(state):
        yield c.TakeHost(by=by)
        for who in world.people(state):
            yield c.HandOver(by=by, participant=who)


def locking(world: SmallRoom, state: State) -> Iterator[Move]:
    """Close and open the door."""
    for by in world.actors(state):
        yield c.Lock(by=by, locked=True)
        yield c.Lock(by=by, locked=False)


def ending(world: SmallRoom, state: State) -> Iterator[Move]:
    """End it for all."""
    for by in (*world.actors(state), ADMINISTRATION):
        yield c.End(by=by)


def reasons(world: SmallRoom, state: State) -> Iterator[Move]:
    """Let somebody in and say why, or say nothing in many words."""
    for by in world.actors(state):
        for who in world.people(state):
            for reason in (None, Pii("kjent"), Pii("   ")):
                yield c.Admit(by=by, participant=who, reason=reason)
        yield c.AdmitAll(by=by)


def dropping_in(world: SmallRoom, state: State) -> Iterator[Move]:
    """Come by a link for many, as somebody new or with the secret of somebody who came before."""
    for link in (one.name for one in world.links if one.many):
        came = len([who for who, mine in state.ledger.bound.items() if mine == iid(link)])
        for name in ("anne", "berit")[: world.crowd]:
            # Secrets are drawn by chance: nobody gets one that is there already.
            *drawn, fresh = (resume(f"{name}{at}") for at in range(came + 1))
            for secret, called in _drops_in(world, state, came, drawn):
                yield replace(
                    _knock(state, link, secret),
                    new_participant=ParticipantId(f"p_{name}{came}"),
                    new_resume_hash=fresh,
                    name=Pii(name) if called else None,
                )


def _drops_in(
    world: SmallRoom, state: State, came: int, drawn: Sequence[ResumeHash]
) -> Iterator[tuple[ResumeHash | None, bool]]:
    """With which secrets somebody may come, and whether they say their name."""
    if came < world.crowd:
        yield None, True
    for one in state.room.participants.values():
        # Whoever has gone is somebody new when they come again: that has an end here.
        ends = came >= world.crowd and one.place is Place.OUTSIDE and not one.barred
        if one.resume_hash in drawn and not ends:
            yield one.resume_hash, True
            yield one.resume_hash, False


def seeing_off(world: SmallRoom, state: State) -> Iterator[Move]:
    """End visits, of nobody, of one or of all, and take the next one in, or nobody."""
    people = world.people(state)
    for by in world.actors(state):
        for leaving in (frozenset[ParticipantId](), *(frozenset({who}) for who in people), frozenset(people[1:])):
            for following in (None, *people):
                yield c.SeeOff(by=by, leaving=leaving, following=following)


def appointing(world: SmallRoom, state: State) -> Iterator[Move]:
    """Let others take over while no host is there."""
    for by in (*world.actors(state), ADMINISTRATION, BRIDGE):
        for name in world.every_link:
            yield c.Appoint(by=by, invitation=iid(name))


def taking(world: SmallRoom, _state: State) -> Iterator[Move]:
    """Take the room, as one of its rota or of another, as surely known as is asked for and less."""
    for name in world.later:
        for identity in world.logins.get(name, ()):
            for rota in (world.rota, ANOTHER_ROTA):
                if identity is None or rota is None:
                    continue
                yield c.TakeRoom(
                    rota=rota,
                    identity=identity,
                    name=Pii(name),
                    requires=Assurance.SUBSTANTIAL,
                    invitation=iid(name),
                    new_participant=pid(name),
                    new_resume_hash=resume(name),
                    expires_at=LATER,
                )


def putting_off(world: SmallRoom, state: State) -> Iterator[Move]:
    """Delay turns, of a guest or of all, and call them off."""
    for by in (*world.actors(state), ADMINISTRATION, BRIDGE):
        for expected_at in (None, LATER):
            yield c.Delay(by=by, expected_at=expected_at)
            for name in world.every_link[1:]:
                yield c.Delay(by=by, expected_at=expected_at, invitation=iid(name))
        for name in world.every_link[1:]:
            yield c.Cancel(by=by, invitation=iid(name))
        yield c.End(by=by, cancelled=True)


def growing_old(_world: SmallRoom, state: State) -> Iterator[Move]:
    """Let the links expire."""
    if not state.expired:
        yield TimePasses()


def revoking(world: SmallRoom, state: State) -> Iterator[Move]:
    """Take links back."""
    for by in (*world.actors(state), ADMINISTRATION, BRIDGE):
        for name in world.every_link:
            yield c.RevokeInvitation(by=by, invitation=iid(name))


def moving(world: SmallRoom, state: State) -> Iterator[Move]:
    """Let links be good until later, or until the time that they had."""
    for by in (*world.actors(state), ADMINISTRATION, BRIDGE):
        for name in world.every_link:
            for expires_at in (LINKS_EXPIRE_AT, LATER):
                yield c.MoveInvitation(by=by, invitation=iid(name), expires_at=expires_at)


def texting(world: SmallRoom, state: State) -> Iterator[Move]:
    """Note what became of text messages."""
    for by in (*world.actors(state), ADMINISTRATION, BRIDGE):
        for name in world.names:
            for told in TextState:
                yield c.NoteText(by=by, invitation=iid(name), state=told)


def muting(world: SmallRoom, state: State) -> Iterator[Move]:
    """Shut and open microphones, one's own and others'."""
    for by in world.actors(state):
        yield c.SelfMute(by=by, muted=True)
        yield c.SelfMute(by=by, muted=False)
        for who in world.people(state):
            for muted, may_unmute in ((True, True), (True, False), (False, True), (False, False)):
                yield c.Mute(by=by, participant=who, muted=muted, may_unmute=may_unmute)


def consenting(world: SmallRoom, state: State) -> Iterator[Move]:
    """Say yes, and take it back."""
    for by in (*world.actors(state), BRIDGE):
        for matter in Matter:
            yield c.Consent(by=by, matter=matter, notice=NOTICE)
            yield c.WithdrawConsent(by=by, matter=matter)


def filming(world: SmallRoom, state: State) -> Iterator[Move]:
    """Turn cameras on and off."""
    for by in world.actors(state):
        for flag in (True, False):
            yield c.Camera(by=by, on=flag)


def showing(world: SmallRoom, state: State) -> Iterator[Move]:
    """Share, and say who is known by sight."""
    for by in world.actors(state):
        for flag in (True, False):
            yield c.Sharing(by=by, on=flag)
            for who in world.people(state):
                yield c.ConfirmIdentity(by=by, participant=who, confirmed=flag)


def asking_for_pictures(world: SmallRoom, state: State) -> Iterator[Move]:
    """Ask for a still picture, and say what became of one, whether one was asked for or not."""
    for by in (*world.actors(state), BRIDGE):
        for who in world.people(state):
            yield c.AskStill(by=by, participant=who, still=PICTURE)
        for end in StillEnd:
            yield c.EndStill(by=by, still=PICTURE, end=end)


def dialling(world: SmallRoom, state: State) -> Iterator[Move]:
    """Have people called, who answer or are not reached; on the right connection or another."""
    for name in world.later:
        for by in world.actors(state):
            yield c.Dial(
                by=by,
                invitation=iid(name),
                new_participant=pid(name),
                role=Role.RELATIVE,
                name=Pii(name),
                expires_at=LINKS_EXPIRE_AT,
                line=Line.SIP,
                connection=_new(state),
                new_resume_hash=NOBODYS_YET,
            )
        for connection in dict.fromkeys((_here(state, name), STALE)):
            yield c.Answer(participant=pid(name), connection=connection, line=Line.TELEPHONE)
            yield c.NoteMiss(participant=pid(name), connection=connection, why=Miss.BUSY)


def inviting_company(world: SmallRoom, state: State) -> Iterator[Move]:
    """Bring somebody along."""
    for name in world.later:
        for by in world.actors(state):
            yield invitation(name, Role.RELATIVE, by)


def inviting(world: SmallRoom, state: State) -> Iterator[Move]:
    """Make further links, for everybody and by everybody."""
    for name in world.later:
        for by in (*world.actors(state), ADMINISTRATION):
            for role in (Role.PATIENT, Role.RELATIVE, Role.SPECIALIST, Role.OPERATOR):
                yield invitation(name, role, by)
            yield invitation(name, Role.DOCTOR, by, host=True)
