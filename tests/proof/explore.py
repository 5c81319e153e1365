"""Walks through every state that a room can come to: breadth first, each act of a world tried in each.

Two rooms are one state when they differ in nothing that a rule reads: connections are known only as the present
one and others, times only by who has waited longer and whether links have expired, and people on links of one
kind may change places. That this loses nothing is looked at as well: now and then a room that came to a known
state by another way is taken a step further in every direction, and has to come to the same states as the first.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Protocol

from bridge.rooms import commands as c
from bridge.rooms import decide as deciding
from bridge.rooms import events as ev
from bridge.rooms import evolve as evolving
from bridge.rooms.arrivals import GIVEN_UP
from bridge.rooms.duty import TAKEN_FOR
from bridge.rooms.model import Identity, InvitationId, Participant, Place, Room
from bridge.rooms.refusal import Refusal
from tests.proof.ledger import Ledger
from tests.rooms.rig import START

LINKS_EXPIRE_AT: Final = START + timedelta(days=1)
AFTER_EXPIRY: Final = timedelta(days=2)
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class TimePasses:
    """All links expire that were not moved."""


Move = c.Command | TimePasses


@dataclass(frozen=True, slots=True)
class State:
    """A room, what its records say to somebody else, and how far from the beginning it is."""

    room: Room
    ledger: Ledger
    depth: int = 0
    expired: bool = False

    @property
    def now(self) -> datetime:
        """Later in each state than in the one before."""
        return _moment(self.depth, self.expired)


@cache
def _moment(depth: int, expired: bool) -> datetime:  # noqa: FBT001 - as a state has it
    return START + timedelta(seconds=depth) + (AFTER_EXPIRY if expired else timedelta())


@dataclass(frozen=True, slots=True)
class Step:
    """A command in a state, and what came of it. Of several events `rooms` has the room before each."""

    before: State
    command: c.Command
    outcome: ev.Outcome
    after: State
    rooms: Sequence[Room] = ()

    @property
    def events(self) -> list[ev.Event]:
        """What happened; nothing where the command was turned down."""
        return [] if isinstance(self.outcome, Refusal) else self.outcome


class World(Protocol):
    """Who there is, and all that is tried."""

    name: str
    kinds: Sequence[Sequence[InvitationId]]
    """Links, in groups of which each is as good as another."""
    seen: tuple[str, ...]
    """What of a participant tells states apart, beside place, connection, rank, host and being barred."""

    def start(self) -> Iterable[c.Command]:
        """What is done before anything is tried."""

    def moves(self, state: State) -> Iterable[Move]:
        """All that is tried in a state."""


class Holds(Protocol):
    """What has to hold."""

    def state(self, state: State) -> None:
        """Raise Broken unless all is well with a state."""

    def step(self, step: Step) -> None:
        """Raise Broken unless a step may be so."""


class Broken(Exception):  # noqa: N818 - named for what happened
    """A rule does not hold: which, and by what acts one comes there."""

    def __init__(self, rule: str, said: str = "") -> None:
        super().__init__(rule, said)
        self.rule = rule
        self.path: list[Move] = []

    def __str__(self) -> str:
        """The rule and the way."""
        way = "\n".join(f"  {number}. {move}" for number, move in enumerate(self.path, start=1))
        return f"{self.rule}: {self.args[1]}\n{way}"


@dataclass
class Found:
    """How far it is around a world."""

    states: int = 0
    transitions: int = 0
    changes: int = 0
    depth: int = 0
    twins: int = 0
    """Rooms of known states that were taken a step further."""
    tried: Counter[type] = field(default_factory=Counter)
    happened: Counter[type] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def explore(world: World, holds: Holds, *, each_twin: int = 0, most: int | None = None) -> Found:
    """Go everywhere. `each_twin`: of so many rooms that come to a known state one is compared; 0 none.

    With `most`, stop after so many states, for tests of rules that are broken. Raises Broken.
    """
    return _Walk(world, holds, each_twin).run(most)


class _Walk:
    def __init__(self, world: World, holds: Holds, each_twin: int) -> None:
        self._world, self._holds, self._each_twin = world, holds, each_twin
        self._found = Found()
        # Each state with the one before it and the move from there, for the way to a broken rule.
        self._from: dict[Key, tuple[Key, Move] | None] = {}
        self._queue: deque[tuple[Key, State]] = deque()
        self._known = 0

    def run(self, most: int | None) -> Found:
        start = self._begin()
        self._holds.state(start)
        key = key_of(start, self._world)
        self._from[key] = None
        self._queue.append((key, start))
        while self._queue and (most is None or self._found.states < most):
            key, state = self._queue.popleft()
            self._visit(key, state)
        return self._found

    def _begin(self) -> State:
        room, ledger = None, Ledger()
        for command in self._world.start():
            outcome = deciding.decide(room, command, START)
            assert not isinstance(outcome, Refusal), (command, outcome)
            for event in outcome:
                room, ledger = evolving.evolve(room, event), ledger.after(event)
        assert room is not None
        return State(room, ledger)

    def _visit(self, key: Key, state: State) -> None:
        found = self._found
        found.states += 1
        found.depth = max(found.depth, state.depth)
        move: Move | None = None
        try:
            for move in self._world.moves(state):
                found.transitions += 1
                after = self._go(state, move)
                if after is not state:
                    self._note(key, move, after)
        except Broken as broken:
            broken.path = [*self._way(key), *([] if move is None else [move])]
            raise

    def _go(self, state: State, move: Move) -> State:
        if isinstance(move, TimePasses):
            return State(state.room, state.ledger, state.depth + 1, expired=True)
        step = take(state, move)
        self._found.tried[type(move)] += 1
        if isinstance(step.outcome, Refusal):
            self._found.refused[step.outcome.code] += 1
        else:
            self._found.happened.update(map(type, step.outcome))
        self._holds.step(step)
        return step.after

    def _note(self, key: Key, move: Move, after: State) -> None:
        self._found.changes += 1
        # Also where the state is known: what the records say may differ.
        self._holds.state(after)
        come_to = key_of(after, self._world)
        if come_to not in self._from:
            self._from[come_to] = key, move
            self._queue.append((come_to, after))
            return
        self._known += 1
        if self._each_twin and (self._known - 1) % self._each_twin == 0:
            self._compare(come_to, after)

    def _compare(self, key: Key, twin: State) -> None:
        """Hold a room against the one that first came to its state, by the ways that lead on."""
        self._found.twins += 1
        if self._leads_to(twin) != self._leads_to(self._first(key)):
            raise Broken("states_are_told_apart", "the same state leads to others, by another way to it")

    def _leads_to(self, state: State) -> Counter[object]:
        return Counter(self._end_of(state, move) for move in self._world.moves(state))

    def _end_of(self, state: State, move: Move) -> object:
        if isinstance(move, TimePasses):
            return key_of(State(state.room, state.ledger, state.depth + 1, expired=True), self._world)
        step = take(state, move)
        code = step.outcome.code if isinstance(step.outcome, Refusal) else None
        return type(move), code, key_of(step.after, self._world)

    def _first(self, key: Key) -> State:
        state = self._begin()
        for move in self._way(key):
            if isinstance(move, TimePasses):
                state = State(state.room, state.ledger, state.depth + 1, expired=True)
            else:
                state = take(state, move).after
        return state

    def _way(self, key: Key) -> list[Move]:
        way: list[Move] = []
        while (come := self._from[key]) is not None:
            key, move = come
            way.append(move)
        return way[::-1]


def take(state: State, command: c.Command) -> Step:
    """Decide, and apply what happened; the state itself where nothing did."""
    outcome = deciding.decide(state.room, command, state.now)
    if isinstance(outcome, Refusal) or not outcome:
        return Step(state, command, outcome, state)
    room, ledger, rooms = state.room, state.ledger, []
    for event in outcome:
        rooms.append(room)
        room, ledger = evolving.evolve(room, event), ledger.after(event)
    return Step(state, command, outcome, State(room, ledger, state.depth + 1, state.expired), rooms)


def key_of(state: State, world: World) -> Key:
    """What tells a state from others."""
    room = state.room
    ranks = {person.id: rank for rank, person in enumerate(room.at(Place.WAITING))}
    groups = [_once(*sorted(_link(state, link, world.seen, ranks) for link in kind)) for kind in world.kinds]
    lock = (room.locked, room.locked_by_itself)
    taken = room.taken is not None and state.now - room.taken.at < TAKEN_FOR
    return (*lock, taken, room.ended, state.expired, str(room.expected_at), *groups)


@cache
def _once(*group: object) -> Key:
    """The same tuple for the same people: there are few of these, and they stand in the keys of many states."""
    return group


def _link(state: State, link: InvitationId, seen: tuple[str, ...], ranks: dict[str, int]) -> tuple[object, ...]:
    """A link and whoever uses it; a tuple that can be put in order."""
    room, invitation = state.room, state.room.invitations.get(link)
    if invitation is None:
        return ("",)
    flags = (invitation.host, invitation.substitute, invitation.revoked, invitation.cancelled, invitation.delayed)
    words = (invitation.issued_by, invitation.role, invitation.ground, invitation.text, invitation.pin)
    times = (invitation.expires_at, invitation.expected_at)
    made = (*flags, state.now < invitation.expires_at, *_said(*words, *times))
    if invitation.many:
        mine = (one for one in room.participants.values() if one.invitation == link)
        return (*made, "many", *sorted(_of_many(state, one, seen, ranks) for one in mine))
    if invitation.participant is None:
        return (*made, "new")
    return (*made, "used", *_person(room, room.participants[invitation.participant], seen, ranks))


@cache
def _said(*words: object) -> tuple[str, ...]:
    return tuple(map(str, words))


def _of_many(
    state: State, person: Participant, seen: tuple[str, ...], ranks: dict[str, int]
) -> tuple[object, ...]:
    """One of those who came by a link for many: known by the secret, and given up when away for long."""
    away = person.lost_at is not None and state.now - person.lost_at >= GIVEN_UP
    return (person.resume_hash, away, *_person(state.room, person, seen, ranks))


def _person(room: Room, person: Participant, seen: tuple[str, ...], ranks: dict[str, int]) -> tuple[object, ...]:
    plain = (person.place.value, person.connected, ranks.get(person.id, -1), room.host == person.id, person.barred)
    still = () if room.still is None else (room.still.asker == person.id, room.still.participant == person.id)
    return (*plain, *still, *(_plain(person, name) for name in seen))


def _plain(person: Participant, name: str) -> str:
    value = getattr(person, name)
    # An identity does not print whose it is.
    return f"{value} {value.subject}" if isinstance(value, Identity) else str(value)
