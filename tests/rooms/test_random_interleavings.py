"""Random consultations against a packet gate: nobody passes whom no host let in.

`BROTJENESTE_ROOMS_EXAMPLES` sets how many consultations are played (250 without it).
"""

import os
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.rooms import commands as c
from bridge.rooms import events as ev
from bridge.rooms.evolve import replay
from bridge.rooms.model import (
    Actor,
    ByParticipant,
    ConnectionId,
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
    Room,
    StillEnd,
    StillId,
    TextState,
)
from bridge.rooms.refusal import Refusal
from bridge.rooms.views import visible_to, who_may_send
from tests.rooms.oracle import Oracle
from tests.rooms.rig import ADMINISTRATION, BRIDGE, OPERATOR, START, Consultation, iid, pid, resume

EXAMPLES = int(os.environ.get("BROTJENESTE_ROOMS_EXAMPLES", "250"))
HOSTS = ("doctor", "substitute")
GUESTS = {
    "patient": Role.PATIENT,
    "relative": Role.RELATIVE,
    "interpreter": Role.INTERPRETER,
    "specialist": Role.SPECIALIST,
    "assistant": Role.ASSISTANT,
}
NAMES = (*HOSTS, *GUESTS)
NOTICE = NoticeVersion("0123456789ab")
FLAGS = st.booleans()
ANYBODY = st.integers(0, 9)
KINDS = st.integers(0, 9)
LINE = ("anne", "berit", "clara")
names = st.sampled_from(NAMES)
# Half of the acts are tried by whoever is host just then: otherwise hardly anyone would ever be admitted.
actors = st.one_of(st.just("the host"), st.sampled_from((*NAMES, "stranger", "administration", "operator")))


def host_act(by: Actor, target: ParticipantId, kind: int, *, flag: bool, other: bool) -> c.Command:
    """Return one of the acts on others."""
    return (
        c.Admit(by=by, participant=target),
        c.AdmitAll(by=by),
        c.Admit(by=by, participant=target),
        c.Remove(by=by, participant=target),
        c.SendToWaiting(by=by, participant=target),
        c.Refuse(by=by, participant=target),
        c.Mute(by=by, participant=target, muted=flag, may_unmute=other),
        c.HandOver(by=by, participant=target),
        c.Lock(by=by, locked=flag and other),
        c.Delay(by=by, expected_at=START + timedelta(hours=9) if flag else None, invitation=iid("patient")),
    )[kind]


def own_act(by: Actor, kind: int, *, flag: bool) -> c.Command:
    """Return one of the acts on oneself."""
    return (
        c.TakeHost(by=by),
        c.SelfMute(by=by, muted=flag),
        c.Camera(by=by, on=flag),
        c.Sharing(by=by, on=flag),
        c.Consent(by=by, matter=Matter.VIDEO, notice=NOTICE),
        c.WithdrawConsent(by=by, matter=Matter.VIDEO),
    )[kind]


class Interleavings(RuleBasedStateMachine):
    """Two doctors with host links and five guests do anything, in any order, twice and too late."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Consultation()
        self.oracle = Oracle()
        self.past: list[c.Command] = []
        self.old_connections: dict[str, list[ConnectionId]] = {name: [] for name in NAMES}
        self.invited = 0

    def submit(self, command: c.Command) -> ev.Outcome:
        """Try a command; whatever comes of it has to be allowed by the state before it."""
        before = self.room.room
        seen = len(self.room.record)
        outcome = self.room.do(command)
        self.past.append(command)
        for event in self.room.record[seen:]:
            self.check(event, before, command)
            if before is not None:
                self.check_standing(event, before)
            self.oracle.read(event)
        return outcome

    def check(self, event: ev.Event, before: Room | None, command: c.Command) -> None:
        """Hold an event against the acts that may cause it."""
        if isinstance(event, ev.RoomCreated):
            return
        assert before is not None
        assert before.ended_at is None
        acts = (
            *(ev.Dialled, ev.Admitted, ev.Refused, ev.Removed, ev.SentToWaiting, ev.LockChanged, ev.MuteChanged),
            *(ev.IdentityConfirmed, ev.ConfirmationWithdrawn, ev.SeenOff, ev.StillAsked),
        )
        if isinstance(event, ev.LockChanged) and event.automatic:
            assert event.by == BRIDGE
        elif isinstance(event, acts):
            assert before.host is not None
            assert event.by == ByParticipant(before.host)
            assert event.by.participant in {leg[0] for leg in self.oracle.legs_that_may_pass()}
        if isinstance(event, ev.Admitted):
            assert isinstance(command, c.Admit | c.AdmitAll | c.Answer | c.SeeOff)
        if isinstance(command, c.Answer):
            assert before.participants[command.participant].place is Place.CALLED
        if isinstance(event, ev.IdentityConfirmed):
            assert event.participant in self.oracle.admitted - {before.host}
        if isinstance(event, ev.HostEntered):
            link = before.invitations[event.invitation]
            if link.host:
                assert isinstance(command, c.Knock | c.Call)
                assert link.issued_by == ADMINISTRATION
            else:
                assert isinstance(command, c.Knock | c.TakeHost)
                assert link.substitute
                assert event.takes_host

    def check_standing(self, event: ev.Event, before: Room) -> None:
        """Hold that no host is pushed aside or put out, and that admissions fit the room."""
        passing = {leg[0] for leg in self.oracle.legs_that_may_pass()}
        if isinstance(event, ev.HostEntered):
            assert event.takes_host == (before.host not in passing)
        if isinstance(event, ev.HostTaken):
            assert before.host not in passing
            link = before.invitations[self.oracle.bound[event.participant]]
            assert link.host or link.substitute
        if isinstance(event, ev.Removed | ev.SeenOff | ev.SentToWaiting):
            assert event.participant != before.host
        if isinstance(event, ev.SentToWaiting):
            assert not before.invitations[self.oracle.bound[event.participant]].host
        if isinstance(event, ev.Admitted):
            assert len(self.oracle.admitted) < before.max_participants

    def actor(self, name: str) -> Actor:
        """Return the actor whom a rule means."""
        if name == "administration":
            return ADMINISTRATION
        if name == "operator":
            return OPERATOR
        if name == "the host":
            host = self.room.room.host if self.room.room else None
            return ByParticipant(host or pid("doctor"))
        return ByParticipant(pid(name))

    @initialize(
        size=st.integers(2, 9),
        absent=st.sets(names, max_size=3),
        waiting=st.sets(names, max_size=4),
        autolock=FLAGS,
        one_at_a_time=FLAGS,
    )
    def open_the_room(
        self, size: int, absent: set[str], waiting: set[str], *, autolock: bool, one_at_a_time: bool
    ) -> None:
        """Open a room small enough to be full at times, with a link for each; some are in, some wait."""
        self.room.create(size, autolock=autolock, one_at_a_time=one_at_a_time)
        self.room.line_up()
        for name in HOSTS:
            self.room.invite(name, Role.DOCTOR, host=True)
        for name, role in GUESTS.items():
            self.room.invite(name, role)
        for event in self.room.record:
            self.oracle.read(event)
        for name in NAMES:
            if name not in absent:
                self.knock(name, None)
            if name not in absent | waiting:
                self.submit(c.Admit(by=self.actor("the host"), participant=pid(name)))

    def somebody(self, whom: int) -> ParticipantId:
        """Return one of those who have ever come, or one who has not."""
        return [*self.oracle.bound, pid("patient")][whom % (len(self.oracle.bound) + 1)]

    @rule(name=names, wrong=st.sampled_from((None, "another's", "")))
    def knock_without_the_secret(self, name: str, wrong: str | None) -> None:
        """Use a link for the first time, or a copy of it."""
        self.knock(name, None if wrong is None else ResumeHash(wrong))

    @rule(name=names)
    def knock_with_the_secret(self, name: str) -> None:
        """Somebody reloads, comes back, or tries after removal."""
        self.knock(name, resume(name))

    def knock(self, name: str, secret: ResumeHash | None) -> None:
        """Knock on a new connection; a spent link must not open, a wrong secret must not take a place."""
        used = pid(name) in self.oracle.bound
        spent = iid(name) in self.oracle.spent
        command = self.room.knocking(name, secret)
        self.old_connections[name].append(command.connection)
        outcome = self.submit(command)
        if spent or (used and secret != resume(name)):
            assert isinstance(outcome, Refusal)
            assert outcome.code in {"link_blocked", "link_used", "room_ended", "cancelled"}

    @rule(name=names)
    def call_with_the_pin(self, name: str) -> None:
        """Call; a PIN takes no connection's place, and a guest who comes by it waits, whatever was before."""
        up = pid(name) in self.oracle.connection
        spent = iid(name) in self.oracle.spent
        command = self.room.calling(name)
        self.old_connections[name].append(command.connection)
        outcome = self.submit(command)
        if up or spent:
            assert isinstance(outcome, Refusal)
            assert outcome.code in {"link_blocked", "link_used", "room_ended", "cancelled"}
        elif not isinstance(outcome, Refusal) and name in GUESTS:
            assert self.room.place(name) is Place.WAITING

    @rule(name=names, late=st.integers(0, 3))
    def disconnect(self, name: str, late: int) -> None:
        """Lose the last connection, or hear of an older one late, or twice."""
        connections = self.old_connections[name]
        if connections:
            connection = connections[max(0, len(connections) - 1 - late)]
            self.submit(c.Disconnect(participant=pid(name), connection=connection))

    @rule(name=names, late=st.one_of(st.none(), st.integers(0, 2)))
    def leave(self, name: str, late: int | None) -> None:
        """Somebody says goodbye, perhaps from an old page."""
        connections = self.old_connections[name]
        old = None if late is None or late >= len(connections) else connections[-1 - late]
        self.submit(c.Leave(by=ByParticipant(pid(name)), connection=old))

    @rule(by=actors, whom=ANYBODY, kind=KINDS, flag=FLAGS, other=FLAGS)
    def act_on_others(self, by: str, whom: int, kind: int, *, flag: bool, other: bool) -> None:
        """Somebody, rightly or not, acts as host."""
        self.submit(host_act(self.actor(by), self.somebody(whom), kind, flag=flag, other=other))

    @rule(whom=ANYBODY, kind=KINDS, flag=FLAGS, other=FLAGS)
    def act_as_host(self, whom: int, kind: int, *, flag: bool, other: bool) -> None:
        """Act by the host, if any."""
        self.submit(host_act(self.actor("the host"), self.somebody(whom), kind, flag=flag, other=other))

    @rule(whom=ANYBODY)
    def host_admits(self, whom: int) -> None:
        """Let somebody in by the host, if any."""
        self.submit(c.Admit(by=self.actor("the host"), participant=self.somebody(whom)))

    @rule(by=actors, kind=st.integers(0, 5), flag=FLAGS)
    def act_on_oneself(self, by: str, kind: int, *, flag: bool) -> None:
        """Somebody uses their own devices or takes the host role."""
        self.submit(own_act(self.actor(by), kind, flag=flag))

    @rule(late=FLAGS)
    def lose_the_host(self, *, late: bool) -> None:
        """Drop the host's connection; the other doctor, if there, may be quick to take over."""
        host = self.room.room.present_host if self.room.room else None
        if host is not None and host.connection is not None:
            self.submit(c.Disconnect(participant=host.id, connection=host.connection))
        if not late:
            for name in HOSTS:
                self.submit(c.TakeHost(by=ByParticipant(pid(name))))

    @rule(by=actors, role=st.sampled_from(Role), host=FLAGS, minutes=st.integers(-5, 240))
    def invite(self, by: str, role: Role, minutes: int, *, host: bool) -> None:
        """Somebody issues a link, and whoever gets it knocks."""
        self.invited += 1
        invitation = InvitationId(f"i_extra{self.invited}")
        expires_at = self.room.now + timedelta(minutes=minutes)
        outcome = self.submit(
            c.Invite(
                by=self.actor(by),
                invitation=invitation,
                role=role,
                name=Pii("Ekstra"),
                expires_at=expires_at,
                host=host,
            )
        )
        if isinstance(outcome, list):
            self.submit(self.room.knocking(f"extra{self.invited}"))

    @rule(by=actors, taken=FLAGS, meanwhile=st.integers(0, 5), twice=FLAGS)
    def dial(self, by: str, meanwhile: int, *, taken: bool, twice: bool) -> None:
        """Somebody has one more called, who answers or not; meanwhile something else may happen."""
        self.invited += 1
        called = self.room.dialling(self.actor(by), f"called{self.invited}")
        if isinstance(self.submit(called), Refusal):
            return
        whom = called.new_participant
        if meanwhile:
            host = self.actor("the host")
            self.submit(
                (
                    c.Remove(by=host, participant=whom),
                    c.Admit(by=host, participant=whom),
                    c.HandOver(by=host, participant=pid("substitute")),
                    c.Disconnect(participant=whom, connection=called.connection),
                    c.Leave(by=ByParticipant(pid("doctor"))),
                )[meanwhile - 1]
            )
        for _ in range(1 + twice):
            if taken:
                self.submit(c.Answer(participant=whom, connection=called.connection, line=Line.TELEPHONE))
            else:
                self.submit(c.NoteMiss(participant=whom, connection=called.connection, why=Miss.BUSY))

    @rule(name=st.sampled_from(LINE), again=FLAGS)
    def drop_in(self, name: str, *, again: bool) -> None:
        """Come by the link for many, as somebody new or as who was here before."""
        self.invited += 1
        command = self.room.dropping_in(f"{name}{self.invited}", secret=resume(name) if again else None, name=name)
        outcome = self.submit(command)
        if isinstance(outcome, list) and isinstance(outcome[-1], ev.Arrived):
            assert self.room.place(f"{name}{self.invited}") is Place.WAITING

    @rule(by=actors, leaving=st.sets(ANYBODY, max_size=4), whom=st.one_of(st.none(), ANYBODY))
    def see_off(self, by: str, leaving: set[int], whom: int | None) -> None:
        """Somebody ends visits and takes the next in; all of it or nothing."""
        leave = frozenset(self.somebody(one) for one in leaving)
        following = None if whom is None else self.somebody(whom)
        outcome = self.submit(c.SeeOff(by=self.actor(by), leaving=leave, following=following))
        if isinstance(outcome, list) and following is not None:
            assert self.room.room is not None
            assert self.room.room.participants[following].place is Place.ADMITTED

    @rule(by=actors, name=names)
    def appoint(self, by: str, name: str) -> None:
        """Somebody lets another take over while no host is there."""
        self.submit(c.Appoint(by=self.actor(by), invitation=iid(name)))

    @rule(by=actors, name=names, luck=st.integers(0, 4))
    def cancel(self, by: str, name: str, luck: int) -> None:
        """At times, what somebody was invited for is called off."""
        if luck == 2:
            self.submit(c.Cancel(by=self.actor(by), invitation=iid(name)))

    @rule(by=actors, whom=ANYBODY, flag=FLAGS)
    def confirm_identity(self, by: str, whom: int, *, flag: bool) -> None:
        """Somebody says who another is."""
        self.submit(c.ConfirmIdentity(by=self.actor(by), participant=self.somebody(whom), confirmed=flag))

    @rule(by=actors, whom=ANYBODY, number=st.integers(0, 3))
    def ask_for_a_still(self, by: str, whom: int, number: int) -> None:
        """Somebody asks another for a still picture."""
        still = StillId(f"t_{number}")
        self.submit(c.AskStill(by=self.actor(by), still=still, participant=self.somebody(whom)))

    @rule(by=st.one_of(actors, st.just("bridge")), number=st.integers(0, 3), end=st.sampled_from(StillEnd))
    def end_a_still(self, by: str, number: int, end: StillEnd) -> None:
        """Somebody says what has become of one, of which some are long over."""
        actor = BRIDGE if by == "bridge" else self.actor(by)
        self.submit(c.EndStill(by=actor, still=StillId(f"t_{number}"), end=end))

    @rule(by=actors, name=names)
    def revoke(self, by: str, name: str) -> None:
        """Somebody takes a link back."""
        self.submit(c.RevokeInvitation(by=self.actor(by), invitation=iid(name)))

    @rule(by=actors, name=names, minutes=st.sampled_from((5, 90)))
    def move(self, by: str, name: str, minutes: int) -> None:
        """Somebody moves the appointment of one."""
        until = self.room.now + timedelta(minutes=minutes)
        self.submit(c.MoveInvitation(by=self.actor(by), invitation=iid(name), expires_at=until))

    @rule(name=names, state=st.sampled_from(TextState))
    def note_text(self, name: str, state: TextState) -> None:
        """The supplier tells of a text message."""
        self.submit(c.NoteText(by=BRIDGE, invitation=iid(name), state=state))

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def repeat(self, data: Any) -> None:
        """Submit a command from the past again."""
        self.submit(self.past[data.draw(st.integers(0, len(self.past) - 1))])

    @rule(minutes=st.sampled_from((1, 10, 70)))
    def time_passes(self, minutes: int) -> None:
        """Links expire in the course of it."""
        self.room.now += timedelta(minutes=minutes)

    @rule(
        by=st.sampled_from((ADMINISTRATION, OPERATOR, BRIDGE, ByParticipant(pid("doctor")))),
        luck=st.integers(0, 29),
    )
    def end(self, by: Actor, luck: int) -> None:
        """Seldom, the consultation ends; life at the door goes on."""
        if luck == 23:
            self.submit(c.End(by=by))

    @invariant()
    def only_those_let_in_pass(self) -> None:
        """Hold the open legs to be those that the record lets in, each on its newest connection."""
        assert self.room.gate.open == self.oracle.legs_that_may_pass()
        if self.room.room is not None:
            assert who_may_send(self.room.room) == {leg[0] for leg in self.room.gate.open}

    @invariant()
    def patients_are_kept_apart(self) -> None:
        """Hold it after every command."""
        self.oracle.kept_apart()

    @invariant()
    def nobody_sees_more_than_they_may(self) -> None:
        """One who waits sees themselves, one outside nobody, and only the host sees who waits."""
        room = self.room.room
        for person in room.participants.values() if room else ():
            assert room is not None
            seen = visible_to(room, person.id)
            if person.place is Place.WAITING:
                assert seen == (person,)
            elif person.place in (Place.OUTSIDE, Place.CALLED):
                assert seen == ()
            elif person.id != room.host:
                called = {p.id for p in room.at(Place.CALLED)}
                assert {p.id for p in seen} == self.oracle.admitted | called
            else:
                assert {p.id for p in seen} >= self.oracle.admitted

    @invariant()
    def the_room_is_sound(self) -> None:
        """Guests fit the room, the host is admitted, one person shares, and nobody barred has a place."""
        room = self.room.room
        if room is None:
            return
        guests = [p for p in room.at(Place.ADMITTED) if not p.may_host]
        assert len(guests) <= room.max_participants
        assert room.host is None or room.participants[room.host].place is Place.ADMITTED
        assert sum(p.sharing for p in room.participants.values()) <= 1
        assert all(p.present for p in room.participants.values() if p.sharing)
        assert all(p.place is Place.OUTSIDE and not p.connected for p in room.participants.values() if p.barred)
        assert room.revision == len(self.room.record)

    @invariant()
    def a_still_is_between_two_who_are_in(self) -> None:
        """Hold who asked and who is asked for a picture to be in, and each picture to end once."""
        still = self.room.room.still if self.room.room else None
        if still is not None:
            assert {still.asker, still.participant} <= {leg[0] for leg in self.oracle.legs_that_may_pass()}
        asked = sum(isinstance(event, ev.StillAsked) for event in self.room.record)
        over = sum(isinstance(e, ev.StillSent | ev.StillDeclined | ev.StillFailed) for e in self.room.record)
        assert asked - over == int(still is not None)

    def teardown(self) -> None:
        """Store the record, read it again and expect the same room."""
        if self.room.room is not None:
            stored = [ev.decode(ev.encode(event)) for event in self.room.record]
            assert replay(stored) == self.room.room


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
