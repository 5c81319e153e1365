"""What is looked at after each step of a random consultation over the real packet engine.

Time is virtual, packets are real. The engine's own counters, and the sockets of everybody's page, are held against
the `Ledger`, which reads the records without the domain's code:

- A gate opens only while the records have its owner let in and connected; this is asked at the moment of opening.
- Whoever was never let in gets no packet, and nobody gets one of theirs, whatever fails.
- Unless something failed since the last repair, exactly those gates are open, and a packet that somebody sends
  reaches exactly those whose layout has them; with a closed gate at either end it reaches nobody.
- Each act on record was that of somebody who might, by the records before it (`Openers`).
- An admission that was answered by `ok` is on record and in force. After a restart everybody is where they were,
  and nobody is taken for connected. A lost connection is on record as lost ten seconds later, also where its
  device died without a word.
- Who waits is told of nobody else.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bridge.rooms.model import ParticipantId, RoomId
from media.description import MIC
from signalling import messages as m
from signalling.ports import Seat
from tests.app.fakes import Connection
from tests.app.rig import Page
from tests.proof.engine_rig import EngineRig, Peer, ReadAloud, Rows

GHOST_SECONDS: Final = 10.0
KEPT: Final = 60
LOOKS: Final = 20_000


class Wrong(AssertionError):  # noqa: N818 - named for what it says
    """Something that must not be: with the last steps."""


@dataclass
class Counted:
    """What was done, and how often something was looked at that could have been wrong."""

    steps: int = 0
    rooms: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    """Events, by their names."""
    events: int = 0
    packets: int = 0
    packets_let_through: int = 0
    packets_stopped: int = 0
    openings: int = 0

    def add(self, other: "Counted") -> None:
        """Take in what another has counted."""
        self.acts.update(other.acts)
        self.happened.update(other.happened)
        for name in ("steps", "rooms", "events", "packets", "packets_let_through", "packets_stopped", "openings"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Somebody:
    """One person: the page that they have now, and its end of the media."""

    name: str
    page: Page
    peer: Peer = field(default_factory=Peer)

    def open(self, page: Page) -> None:
        """Go on in another tab, whose media have a socket of their own."""
        self.peer.close()
        self.page, self.peer = page, Peer()


class Watched:
    """A room, the people around it, and what must not be. `room` and `ledger` are there once it is open."""

    room: RoomId
    ledger: ReadAloud

    def __init__(self, rig: EngineRig, chance: Random) -> None:
        self.rig, self.chance = rig, chance
        self.counted = Counted(rooms=1)
        self.people: dict[str, Somebody] = {}
        self.old: list[Page] = []
        self.said: deque[tuple[Page, m.ClientMessage]] = deque(maxlen=KEPT)
        self.unreported: list[Seat] = []
        self.lost_at: dict[tuple[str, int], float] = {}
        self.let_in: set[ParticipantId] = set()
        self.whose: dict[int, ParticipantId] = {}
        self.trouble = False
        self.well_since = 0.0
        self.trace: deque[str] = deque(maxlen=KEPT)

    @property
    def _live(self) -> Any:
        return next((live for live in self.rig.service.rooms if live.room.id == self.room), None)

    def _hold(self, holds: bool, said: str) -> None:  # noqa: FBT001 - what it judges
        if not holds:
            raise Wrong("\n".join([said, *self.trace]))

    def _watch(self) -> None:
        self.rig.engine.opening = self._check_opening

    def _check_opening(self, leg: int) -> None:
        """Hold an opening against what is on record at this moment."""
        self.counted.openings += 1
        live = self._live
        owner = None if live is None else live.owner_of(leg)
        self._hold(owner in self.ledger.now().passing, "a gate opens for somebody who is not let in, or not there")
        self._hold(not self.ledger.wrong, f"a gate opens after what was {self.ledger.wrong}")

    def _look(self) -> None:
        self.rig.deliver()
        self._hear_what_was_told()
        self.let_in |= self.ledger.now().admitted
        self._hold(not self.ledger.wrong, f"{self.ledger.wrong}")
        rows = Rows(self.rig.engine.snapshot())
        self._look_at_gates(rows)
        if not self.trouble:
            self._look_for_ghosts()
        self._send_a_packet(rows)

    def _everybody(self) -> list[Somebody]:
        """All whose packets may come to the engine."""
        return list(self.people.values())

    def _at_the_desk(self) -> set[int]:
        """Legs of calls, whether anybody knows by now who is at the other end or not."""
        return {visit.leg for visit in self.rig.callers._visits if visit.leg is not None}

    def _owners(self) -> dict[int, ParticipantId]:
        live = self._live
        return {} if live is None else {media.leg: owner for owner, media in live.legs.items()}

    def _look_at_gates(self, rows: Rows) -> None:
        """Which gates are open, by the engine's word."""
        owners = self._owners()
        for leg in rows.open & owners.keys():
            self._hold(owners[leg] in self.let_in, "a gate is open of somebody who was never let in")
        if not self.trouble:
            passing = self.ledger.now().passing
            self._hold(
                rows.legs == set(owners) | self._at_the_desk(), "the engine has other legs than people have"
            )
            expected = {leg for leg, owner in owners.items() if owner in passing}
            self._hold(rows.open == expected, "other gates are open than the records say")

    def _look_for_ghosts(self) -> None:
        """Nobody is on record as connected ten seconds after their connection was lost."""
        now = self.rig.clock.seconds
        for who, connection in self.ledger.now().connections.items():
            lost = self.lost_at.get((who, connection))
            if lost is not None:
                self._hold(now - max(lost, self.well_since) < GHOST_SECONDS, "a ghost")

    def _hear_what_was_told(self) -> None:
        live = self._live
        for owner, seated in () if live is None else live.seats.items():
            if not isinstance(seated.connection, Connection):
                continue
            sent = seated.connection.sent
            for told in sent:
                if isinstance(told, m.Roster):
                    own = [person for person in told.people if person.you]
                    if not own or own[0].place is m.Place.WAITING:
                        alone = [person.participant for person in told.people] == ([owner] if own else [])
                        self._hold(alone, "who waits was told of others")
            del sent[:]

    def _send_a_packet(self, rows: Rows) -> None:
        """Somebody sends a packet, and it reaches whom it may."""
        ready = {
            one.peer.leg: one
            for one in self._everybody()
            if one.peer.leg is not None and one.peer.leg in rows and one.page.connection.answers
        }
        if not ready:
            return
        leg = self.chance.choice(list(ready))
        sender = ready[leg]
        for person in ready.values():
            person.peer.heard()
        taken = rows.of(leg, "datagrams_in")
        sender.peer.speak()
        rows = self._after_a_packet(leg, taken)
        heard = {to: person.peer.heard() for to, person in ready.items()}
        self.counted.packets += 1
        any_packet = {self.whose[to] for to, packets in heard.items() if packets.media or packets.reports}
        self._hold(any_packet <= self.let_in, "one who was never let in got a packet")
        got = {to for to, packets in heard.items() if packets.media}
        self._hold(
            not got or self.whose[leg] in self.let_in, "a packet of one who was never let in reached somebody"
        )
        if not self.trouble:
            self._hold(any_packet <= self.ledger.now().passing, "one who is not in got a packet")
            self._check_reached(leg, got, {to for to in heard if rows.of(to, "connected")}, rows)

    def _after_a_packet(self, leg: int, taken: int) -> Rows:
        """The counters once the engine has taken the packet; what it sends on is at its receivers by then."""
        for _ in range(LOOKS):
            rows = Rows(self.rig.engine.snapshot())
            if leg not in rows or rows.of(leg, "datagrams_in") > taken:
                return rows
        raise Wrong("a packet was not taken")

    def _check_reached(self, leg: int, got: set[int], there: set[int], rows: Rows) -> None:
        """Hold what arrived against the records, and against what layouts say of those who are there."""
        live, passing, owners = self._live, self.ledger.now().passing, self._owners()
        if owners.get(leg) not in passing:
            self.counted.packets_stopped += 1
            self._hold(not got, "a packet of one who is not in reached somebody")
            return
        muted = live.room.participants[owners[leg]].muted
        told = {to for (to, _slot), source in live.plan.items() if source == (leg, MIC)} if not muted else set()
        wanted = told & there
        self._hold(
            got == wanted, f"a packet reached {got} instead of {wanted}: {rows.told(leg)}, {rows.told(*wanted)}"
        )
        self.counted.packets_let_through += len(got)
