"""Two agents that do whatever comes to their owners' minds, on networks that lose, double, delay and reorder.

Whatever happens: every call ends once on either side, nothing is told of it afterwards, what both hold to be
agreed is the same once the dust has settled, and nothing stays in any table.
"""

import random
from collections import Counter

import pytest

from signalling.gateways.sip import events as e
from signalling.gateways.sip.call import Call
from signalling.gateways.sip.errors import CommandError
from signalling.gateways.sip.offers import Turn
from tests.gateways.sip.network import Party, Weather, World

FAIR = Weather(loss=0.1, least=0.005, most=0.2, twice=0.05)
FOUL = Weather(loss=0.35, least=0.005, most=1.5, twice=0.2)
BREAKING = Weather(loss=0.05)


class Whim:
    """An owner that decides by chance, in its own time."""

    def __init__(self, world: World, rng: random.Random, refuses: float) -> None:
        self.world = world
        self.rng = rng
        self.patience = 3.0
        self.refuses = refuses
        self._serial = 0

    def sdp(self, party: Party) -> bytes:
        """A description that is like no other."""
        self._serial += 1
        return f"{party.host} {self._serial}".encode()

    def react(self, party: Party, event: e.Event) -> None:
        """Answer after a while what asks for an answer, mostly with yes."""
        later = self.world.now + self.rng.uniform(0, self.patience)
        match event:
            case e.IncomingCall():
                if self.rng.random() < 0.7:
                    early = self.sdp(party) if event.sdp and self.rng.random() < 0.3 else None
                    self.world.at(self.world.now, lambda: self.attempt(party, "ring", event.call, early))
                self.world.at(later, lambda: self.decide(party, event, later))
            case e.OfferReceived() | e.OfferWanted():
                self.world.at(later, lambda: self.answer(party, event.call))

    def decide(self, party: Party, event: e.IncomingCall, now: float) -> None:
        """Take a call or not."""
        del now
        if self.rng.random() < 0.15:
            self.attempt(party, "reject", event.call)
            return
        call = party.agent._core.owners.get(event.call)
        settled = isinstance(call, Call) and call.offers.complete
        self.attempt(party, "accept", event.call, None if settled else self.sdp(party))

    def answer(self, party: Party, call: e.CallId) -> None:
        """Answer an offer or refuse it."""
        if self.rng.random() < self.refuses:
            self.attempt(party, "refuse", call)
        else:
            self.attempt(party, "answer", call, self.sdp(party))

    def attempt(self, party: Party, what: str, call: e.CallId, *sdp: bytes | None) -> None:
        """Give a command that may have come too late."""
        now, agent = self.world.now, party.agent
        try:
            # `ring` has its description last, since it may have none.
            rest = (now, *sdp) if what == "ring" else (*sdp, now)
            actions = getattr(agent, what)(call, *rest)
        except CommandError:
            return
        party.do(actions)


def _live(party: Party) -> list[e.CallId]:
    return [e.CallId(owner.id) for owner in party.agent._core.owners.values() if not owner.over]  # type: ignore[attr-defined]


def _play(seed: int, weather: Weather, transport: str = "UDP") -> tuple[World, Party, Party]:
    """A minute of calls, changes and hanging up by chance."""
    world = World(seed, weather)
    rng = random.Random(seed * 7919)
    hosts = ("192.0.2.1", "192.0.2.2")
    anna, room = (world.party(host, transport, session_seconds=90, ring_seconds=40.0) for host in hosts)
    # Who has taken an offer, but could not say so, must not refuse it when it is made again.
    whim = Whim(world, rng, refuses=0.1 if transport == "UDP" else 0.0)
    anna.react = room.react = whim.react

    def act() -> None:
        party, other = (anna, room) if rng.random() < 0.5 else (room, anna)
        what = rng.choice(["invite", "reinvite", "reinvite", "update", "want_key_frame", "hang_up"])
        if what == "invite":
            party.invite(other, whim.sdp(party) if rng.random() < 0.8 else None)
        elif calls := _live(party):
            sdp = [whim.sdp(party)] if what in ("reinvite", "update") else []
            whim.attempt(party, what, rng.choice(calls), *sdp)

    world.at(0.0, lambda: anna.invite(room, whim.sdp(anna)))
    for _ in range(12):
        world.at(rng.uniform(0, 30), act)
    world.run(60.0)
    return world, anna, room


def _settle(world: World, *parties: Party) -> None:
    """Good weather until nothing is under way, then hang up."""
    world.weather = Weather()
    world.run(world.now + 45)
    _agree(*parties)
    for party in parties:
        for call in _live(party):
            party.do(party.agent.hang_up(call, world.now))
    world.run(world.now + 200)


def _agree(*parties: Party) -> None:
    """Both ends of each call that stands hold the same to be agreed."""
    ends: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
    for party in parties:
        for owner in party.agent._core.owners.values():
            if isinstance(owner, Call) and owner.up and not owner.over:
                assert owner.offers.turn is Turn.NOBODY
                ends.setdefault(owner.dialog.id.call_id, []).append((owner.offers.local, owner.offers.remote))
    for one, other in ends.values():
        assert one == other[::-1]


def _check(world: World, *parties: Party) -> None:
    assert world.empty()
    for party in parties:
        ended = Counter(event.call for event in party.of(e.Ended))
        assert set(ended.values()) <= {1}
        over = set()
        for event in party.heard:
            assert getattr(event, "call", None) not in over
            if isinstance(event, e.Ended):
                over.add(event.call)
        assert {event.call for event in party.of(e.IncomingCall)} <= over


@pytest.mark.parametrize("seed", range(40))
def test_whatever_owners_do_on_a_fair_network(seed: int) -> None:
    """A tenth lost, which no session may expire of."""
    world, anna, room = _play(seed, FAIR)
    _settle(world, anna, room)
    _check(world, anna, room)
    assert "expired" not in anna.endings() + room.endings()


@pytest.mark.parametrize("seed", range(15))
def test_whatever_owners_do_on_a_foul_network(seed: int) -> None:
    """A third lost, a fifth doubled, more than a second late."""
    world, anna, room = _play(seed, FOUL)
    _settle(world, anna, room)
    _check(world, anna, room)


@pytest.mark.parametrize("seed", range(15))
def test_whatever_owners_do_on_connections_that_break(seed: int) -> None:
    """One message in twenty goes down with its connection."""
    world, anna, room = _play(seed, BREAKING, "TCP")
    _settle(world, anna, room)
    _check(world, anna, room)
