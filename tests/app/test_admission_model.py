"""Random consultations through the real door, rooms, SDP and legs, against a model of the packet engine.

Two doctors and four guests do anything in any order, at once and too late, while store and engine fail and the
process restarts. What holds after every step:

- A gate opens only while the records, as they then are, have its owner admitted and connected (checked inside the
  engine model, at the moment of opening). So whoever was never admitted gives and gets nothing, whatever fails.
- With an engine and a store that took everything since the last repair, exactly those open gates are open that the
  records say, and layouts tell exactly whose packets arrive.
- A closing that the engine did not take cannot hold at once: that gate may stay open until the next repair that
  succeeds, and no longer.
- Tests before entry begin and end among all this, with the same links: each reaches itself and nobody else, nobody
  reaches it, and its legs are the only ones whose gates open without the records.
- Who waits is told of nobody else. The records replay to the room in memory.
- What somebody writes is told when they write it, to who is in by the records then, and never again.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from bridge.app import telling
from bridge.app.telling import SOURCE_NAMES
from bridge.app.trial import Trial
from bridge.rooms.events import Admitted, HostEntered
from bridge.rooms.model import ParticipantId, Place
from bridge.rooms.views import who_may_send
from media.api import Speakers
from signalling import messages as m
from signalling.errors import Code, Rejected
from tests.app.fakes import Connection, StoreDown, token_of
from tests.app.rig import GRACE, LEG_KEPT, SOURCES, Page, Rig, offer_of

HOSTS = ("doctor", "substitute")
GUESTS = {
    "patient": m.Role.PATIENT,
    "relative": m.Role.RELATIVE,
    "interpreter": m.Role.INTERPRETER,
    "specialist": m.Role.SPECIALIST,
}
NAMES = (*HOSTS, *GUESTS)
names = st.sampled_from(NAMES)
actors = st.one_of(st.just("the host"), names)
FLAGS = st.booleans()

HOST_ACTS: dict[str, Callable[[str, bool], m.ClientMessage]] = {
    "admit": lambda who, _: m.Admit(participant=who, ref=1),
    "admit all": lambda _who, _: m.AdmitAll(ref=1),
    "refuse": lambda who, _: m.Refuse(participant=who, ref=1),
    "remove": lambda who, _: m.Remove(participant=who, ref=1),
    "to waiting": lambda who, _: m.ToWaiting(participant=who, ref=1),
    "mute": lambda who, flag: m.Mute(participant=who, muted=flag, may_unmute=not flag, ref=1),
    "hand over": lambda who, _: m.HandOver(participant=who, ref=1),
    "lock": lambda _who, flag: m.Lock(locked=flag, ref=1),
    "pin": lambda who, flag: m.Pin(participant=who if flag else None, ref=1),
}
OWN_ACTS: dict[str, Callable[[bool], m.ClientMessage]] = {
    "mute": lambda flag: m.SelfMute(muted=flag, ref=1),
    "camera": lambda flag: m.Camera(on=flag, ref=1),
    "sharing": lambda flag: m.Sharing(on=flag, ref=1),
}
# Weighted: admissions are what all else hangs on, and rare ends let consultations last.
acts = st.sampled_from([*["admit"] * 4, *HOST_ACTS])


class Consultations(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.rig = Rig()
        self.pages: dict[str, Page] = {}
        self.old: list[Page] = []
        self.unreported: list[tuple[Page, Any]] = []
        self.trouble = False
        self.trials: dict[str, Trial] = {}
        self.test_rooms: set[int] = set()
        self.connections = itertools.count(1_000_000)
        self.rig.engine.opening = self.check_opening
        self.read: dict[int, int] = {}
        """By connection: how many lines it was told of, as far as that was right."""

    def teardown(self) -> None:
        """Close the loop."""
        self.runner.close()

    def run(self, *works: Coroutine[Any, Any, object]) -> list[object]:
        """Do things, at once if there are several. To be refused is an answer; a failing store is no surprise."""

        async def all_of_it() -> list[object]:
            return await asyncio.gather(*works, return_exceptions=True)

        outcomes = self.runner.run(all_of_it())
        for outcome in outcomes:
            if isinstance(outcome, StoreDown):
                self.trouble = True
            elif isinstance(outcome, BaseException) and not isinstance(outcome, Rejected):
                raise outcome
            elif isinstance(outcome, Rejected) and outcome.code is Code.INTERNAL:
                assert self.rig.engine.failures
        return outcomes

    def check_opening(self, leg: int) -> None:
        """Hold an opening against what is on record at this moment."""
        owners = (live.owner_of(leg) for live in self.rig.service.rooms)
        owner = next((owner for owner in owners if owner is not None), None)
        if owner is None:
            assert leg in self.legs_of_tests()
            return
        assert owner in who_may_send(self.rig.recorded(self.room))

    @initialize(size=st.integers(2, 6), absent=st.sets(names, max_size=3), waiting=st.sets(names, max_size=2))
    def open_the_room(self, size: int, absent: set[str], waiting: set[str]) -> None:
        """Open a room, often too small, with a link for each; some are in already, some wait."""
        self.room = self.runner.run(self.rig.open_room(size))
        for name in NAMES:
            host, role = name in HOSTS, GUESTS.get(name, m.Role.DOCTOR)
            self.pages[name] = self.runner.run(self.rig.page(self.room, role, host=host))
        for name in NAMES:
            if name in absent:
                continue
            self.run(self.rig.join(self.pages[name]))
            self.run(self.offering(name))
            if name not in waiting:
                self.run(self.saying("the host", self.act("admit", name, flag=True)))

    # --- what people do -------------------------------------------------------------------------------------

    def page_of(self, name: str) -> Page:
        """The page of a name; for "the host" that of whoever is host by the records."""
        if name != "the host":
            return self.pages[name]
        host = self.rig.recorded(self.room).host
        seated = (page for page in self.pages.values() if page.seat is not None and page.seat.participant == host)
        return next(seated, self.pages["doctor"])

    def act(self, kind: str, target: str, *, flag: bool) -> m.ClientMessage:
        """One of the acts on others; on somebody who never came, it names an unknown participant."""
        seat = self.pages[target].seat
        return HOST_ACTS[kind]("p_unknown" if seat is None else seat.participant, flag)

    async def saying(self, name: str, message: m.ClientMessage) -> None:
        """Say something on somebody's present seat, if they ever had one."""
        page = self.page_of(name)
        if page.seat is not None:
            await self.rig.say(page, message)

    async def offering(self, name: str) -> None:
        """Offer on somebody's present seat."""
        if self.pages[name].seat is not None:
            await self.rig.offer(self.pages[name])

    async def leaving(self, name: str) -> None:
        """Leave, as the session does it: the message first, then the socket's end."""
        await self.saying(name, m.Leave())

    @rule(name=names, reload=FLAGS)
    def come(self, name: str, reload: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Join for the first time or again; a reload makes a new page, whose old socket ends some time later."""
        page = self.pages[name]
        if page.seat is not None:
            self.unreported.append((page, page.seat))
            self.old.append(Page(page.link, number=page.number, seat=page.seat, offers=100 + page.offers))
            if reload:
                self.pages[name] = Page(page.link, resume=page.resume, seat=page.seat)
        self.run(self.rig.join(self.pages[name]))

    @rule(name=names, offers=st.integers(0, 2))
    def begin_a_test(self, name: str, offers: int) -> None:
        """Try the way with somebody's link, as far as so many offers; it goes on until it is ended."""
        test = m.Test(version=1, token=token_of(self.pages[name].link), ref=1)
        begun = self.run(self.rig.door.test(test))[0]
        if not isinstance(begun, Trial):
            return
        self.trials[name] = begun
        self.test_rooms.add(begun.number)
        for sources in (SOURCES, m.Sources())[:offers]:
            self.run(self.offering_in_a_test(begun, sources))

    async def offering_in_a_test(self, trial: Trial, sources: m.Sources) -> None:
        """Offer on a peer connection of its own."""
        trial.handle(m.Offer(sdp=offer_of(next(self.connections)), sources=sources, ref=1))

    @rule(name=names)
    def end_a_test(self, name: str) -> None:
        """Its socket goes."""
        if (trial := self.trials.pop(name, None)) is not None:
            trial.end()

    @rule(name=names)
    def offer(self, name: str) -> None:
        """Set media up, or restart ICE."""
        self.run(self.offering(name))

    @rule(name=names, secret=st.sampled_from([None, "guessed", "guessed" * 9]))
    def copy_a_link(self, name: str, secret: str | None) -> None:
        """Use somebody's link from another browser; once it is used, that must not work."""
        if self.pages[name].seat is None:
            return
        token = token_of(self.pages[name].link)
        join = m.Join(version=1, token=token, resume=secret, language=m.Language.NN)
        connection = Connection()
        self.run(self.rig.door.join(join, connection))
        assert connection.sent == []

    @rule(actor=actors, kind=acts, whom=names, flag=FLAGS)
    def act_on_another(self, actor: str, kind: str, whom: str, flag: bool) -> None:  # noqa: FBT001 - drawn
        """Admit, remove and the like, by the host or by somebody who may not."""
        self.run(self.saying(actor, self.act(kind, whom, flag=flag)))

    @rule(name=names, kind=st.sampled_from(sorted(OWN_ACTS)), flag=FLAGS)
    def act_on_oneself(self, name: str, kind: str, flag: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Mute, camera, sharing."""
        self.run(self.saying(name, OWN_ACTS[kind](flag)))

    @rule(name=names, done=FLAGS)
    def write_a_line(self, name: str, done: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        """Only from and to who is in by the records."""
        self.run(self.saying(name, m.Write(text="Hei", done=done, ref=1)))
        for live in self.rig.service.rooms:
            present = who_may_send(self.rig.recorded(live.room.id))
            for owner, seated in live.seats.items():
                lines = lines_of(seated.connection)
                if lines > self.read.get(seated.id, 0):
                    writer = self.pages[name].seat
                    assert writer is not None
                    assert {owner, writer.participant} <= present
                    assert owner != writer.participant
                    self.read[seated.id] = lines

    @rule(one=names, kinds=st.lists(st.tuples(acts, names, FLAGS), min_size=2, max_size=4), gone=FLAGS)
    def all_at_once(self, one: str, kinds: list[tuple[str, str, bool]], gone: bool) -> None:  # noqa: FBT001 - drawn
        """Several acts of the host, an offer, a goodbye: all in flight together."""
        works = [self.saying("the host", self.act(kind, target, flag=flag)) for kind, target, flag in kinds]
        self.run(*works, self.leaving(one) if gone else self.offering(one))

    @rule(actor=actors, kind=acts, whom=names)
    def act_twice(self, actor: str, kind: str, whom: str) -> None:
        """A double click."""
        message = self.act(kind, whom, flag=True)
        self.run(self.saying(actor, message), self.saying(actor, message))

    @rule(which=st.integers(0, 9), kind=acts, whom=names)
    def speak_from_a_replaced_seat(self, which: int, kind: str, whom: str) -> None:
        """A command or an offer that comes late, on a connection that has been replaced."""
        if not self.old:
            return
        page = self.old[which % len(self.old)]
        late = m.Offer(sdp=offer_of(page.number, 99), sources=m.Sources(mic="0"), ref=1)
        said = self.run(
            self.rig.say(page, late),
            self.rig.say(page, self.act(kind, whom, flag=True)),
            self.rig.say(page, m.Pin(participant=None, ref=1)),
        )
        if all(page.seat != now.seat for now in self.pages.values()):
            assert all(isinstance(outcome, Rejected | StoreDown) for outcome in said)

    @rule(name=names)
    def leave(self, name: str) -> None:
        """Go out."""
        self.run(self.leaving(name))

    @rule(name=names)
    def lose_the_socket(self, name: str) -> None:
        """The network goes; the bridge notices at once or, with `notice_ends`, later."""
        page = self.pages[name]
        if page.seat is not None:
            self.unreported.append((page, page.seat))

    @rule(name=names, seconds=st.sampled_from([GRACE / 2, GRACE]))
    def go_away(self, name: str, seconds: float) -> None:
        """The socket is gone, the bridge knows, and some time passes: for the grace, or less."""
        self.lose_the_socket(name)
        self.notice_ends()
        self.time_passes(seconds)

    @rule()
    def more_than_a_minute_passes(self) -> None:
        """Whoever is still away then has no leg any more."""
        self.run(self.rig.look_for(int(GRACE + LEG_KEPT) + 1))
        if not self.trouble:
            assert all(who in live.seats for live in self.rig.service.rooms for who in live.legs)

    @rule()
    def end_for_all(self) -> None:
        """The host ends it; rarely, as it is the end of the test too."""
        if len(self.rig.store.events(self.room)) > 40:
            self.run(self.saying("the host", m.End(ref=1)))

    def spared(self) -> bool:
        """Whether there has been no trouble for some events: most of the strict properties need such times."""
        return not self.trouble and len(self.rig.store.events(self.room)) % 3 == 0

    # --- what happens to the bridge -------------------------------------------------------------------------

    @rule()
    def notice_ends(self) -> None:
        """Sockets that are gone are reported, each once."""
        gone, self.unreported = self.unreported, []
        self.run(*(self.rig.door.lost(seat) for _page, seat in gone))

    @rule(seconds=st.sampled_from([0.5, GRACE, 3 * GRACE]))
    def time_passes(self, seconds: float) -> None:
        """What was put off is done when it is due."""
        self.rig.clock.seconds += seconds
        self.run(*(make() for make in self.rig.later.due()))

    @rule(order=st.lists(names, max_size=4))
    def speak(self, order: list[str]) -> None:
        """The engine tells who spoke, also of legs that are gone."""
        live = next(iter(self.rig.service.rooms), None)
        if live is not None:
            seats = (self.pages[name].seat for name in order)
            owners = [ParticipantId(seat.participant) for seat in seats if seat is not None]
            legs = [live.legs[owner].leg for owner in owners if owner in live.legs]
            self.rig.engine.events.append(Speakers(room=live.number, legs=[*legs, 7]))

    @precondition(lambda self: self.spared())
    @rule(commands=st.integers(1, 6))
    def engine_is_busy(self, commands: int) -> None:
        """The next commands find a full queue."""
        self.rig.engine.busy = commands
        self.trouble = True

    @precondition(lambda self: self.spared())
    @rule(how=st.sampled_from(["before", "after"]))
    def store_fails(self, how: str) -> None:
        """Writes fail from now on until a repair; some have been written all the same."""
        self.rig.store.failing = how
        self.trouble = True

    @rule()
    def repair(self) -> None:
        """Store and engine are well again, and the second's repair runs."""
        self.rig.engine.busy, self.rig.store.failing = 0, None
        self.rig.deliver()
        self.run(self.rig.service.repair())
        self.trouble = False

    @rule()
    def repair_while_failing(self) -> None:
        """The second's repair runs in the middle of the trouble."""
        self.run(self.rig.service.repair())

    @rule()
    def restart(self) -> None:
        """The process dies and comes back: no socket, no leg, no memory, the same records."""
        self.rig.store.failing = None
        self.rig.start()
        self.rig.engine.opening = self.check_opening
        self.unreported.clear()
        self.trials.clear()
        self.trouble = False
        self.run(self.rig.service.find(self.room))

    # --- what holds -----------------------------------------------------------------------------------------

    def legs_of_tests(self) -> set[int]:
        """The legs that tests have in the engine."""
        return {number for number, leg in self.rig.engine.legs.items() if leg.room in self.test_rooms}

    @invariant()
    def tests_stay_apart(self) -> None:
        """Whatever fails: a test is reached by itself alone and reaches nobody else; one that is over is gone."""
        legs, of_tests = self.rig.engine.legs, self.legs_of_tests()
        for number, leg in legs.items():
            senders = {sender for sender, _source in self.rig.engine.reaching(number)}
            assert {legs[sender].room for sender in senders} <= {leg.room}
        assert not self.test_rooms & {live.number for live in self.rig.service.rooms}
        assert all(live.owner_of(number) is None for number in of_tests for live in self.rig.service.rooms)
        if not self.trouble:
            assert {legs[number].room for number in of_tests} <= {trial.number for trial in self.trials.values()}

    @invariant()
    def the_engine_is_heard(self) -> None:
        """Events are delivered between steps."""
        self.rig.deliver()

    @invariant()
    def nobody_passes_who_was_never_admitted(self) -> None:
        """Whatever fails: an open gate belongs to somebody who was let in at some time."""
        if not hasattr(self, "room"):
            return
        let_in = {e.participant for e in self.rig.store.events(self.room) if isinstance(e, Admitted | HostEntered)}
        for live in self.rig.service.rooms:
            for owner, media in live.legs.items():
                if media.leg in self.rig.engine.open_legs():
                    assert owner in let_in
                for sender, _source in self.rig.engine.reaching(media.leg):
                    assert owner in let_in
                    assert live.owner_of(sender) in let_in or self.trouble

    @invariant()
    def the_engine_does_what_the_records_say(self) -> None:
        """Unless something failed since the last repair, gates, legs, mutes and memory follow the records."""
        if self.trouble or not hasattr(self, "room"):
            return
        recorded = self.rig.recorded(self.room)
        lives = {live.room.id: live for live in self.rig.service.rooms}
        if recorded.ended:
            assert lives == {}
            assert set(self.rig.engine.legs) == self.legs_of_tests()
            return
        live = lives[self.room]
        assert live.room == recorded
        assert all(recorded.participants[owner].place is not Place.OUTSIDE for owner in live.legs)
        assert all(recorded.participants[owner].connected or media.returns for owner, media in live.legs.items())
        assert {media.leg for media in live.legs.values()} == set(self.rig.engine.legs) - self.legs_of_tests()
        may = who_may_send(recorded)
        in_the_room = self.rig.engine.open_legs() - self.legs_of_tests()
        assert in_the_room == {media.leg for owner, media in live.legs.items() if owner in may}
        for owner, media in live.legs.items():
            assert self.rig.engine.is_muted(media.leg) == recorded.participants[owner].muted

    @invariant()
    def people_are_told_the_truth(self) -> None:
        """Who waits is told of nobody else; unless something failed, layouts name exactly whose packets arrive."""
        for live in self.rig.service.rooms:
            for owner, seated in live.seats.items():
                connection = seated.connection
                assert isinstance(connection, Connection)
                for told in connection.sent:
                    self.check_roster(owner, told)
                if self.trouble or owner not in live.legs:
                    continue
                reaching = self.rig.engine.reaching(live.legs[owner].leg)
                arriving = {(live.owner_of(leg), SOURCE_NAMES[source]) for leg, source in reaching}
                assert {(slot.participant, slot.source) for slot in connection.layout.slots} == arriving
                self.check_is_new(connection.roster, telling.roster(live.room, owner))

    @invariant()
    def nothing_that_was_written_is_told_again(self) -> None:
        """Not to who comes, comes back or is let in."""
        for live in self.rig.service.rooms:
            for seated in live.seats.values():
                assert lines_of(seated.connection) == self.read.get(seated.id, 0)

    def check_is_new(self, told: m.Roster, wanted: m.Roster) -> None:
        """Hold the last roster to be what there is to be told now, but for what is not on record."""
        beside = {"number": None, "ringing": False, "encryption": None, "tested": None}
        assert [replace(person, **beside) for person in told.people] == wanted.people
        assert (told.host, told.locked, told.ahead) == (wanted.host, wanted.locked, wanted.ahead)

    def check_roster(self, owner: ParticipantId, told: m.ServerMessage) -> None:
        """Hold one roster against its reader's place."""
        if isinstance(told, m.Roster):
            own = [person for person in told.people if person.you]
            if not own or own[0].place is m.Place.WAITING:
                assert [person.participant for person in told.people] == ([owner] if own else [])
            assert all(
                person.place is m.Place.ADMITTED for person in told.people if not told.host and not person.you
            )


def lines_of(connection: object) -> int:
    """How many lines a connection was told of."""
    assert isinstance(connection, Connection)
    return sum(isinstance(told, m.Written) for told in connection.sent)


TestConsultations = Consultations.TestCase
TestConsultations.settings = settings(
    settings.default, max_examples=settings.default.max_examples, stateful_step_count=50
)
