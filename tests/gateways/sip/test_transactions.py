"""The four state machines on a virtual clock: what is sent when, what is delivered, and that nothing stays."""

import random

import pytest

from signalling.gateways.alarms import Alarms
from signalling.gateways.sip.flows import Flow, stamp, way_back
from signalling.gateways.sip.message import Request, Response, answer
from signalling.gateways.sip.timers import Timers
from signalling.gateways.sip.transactions import Failure, Incoming, Key, Transactions
from tests.gateways.sip.samples import TCP, UDP, reply, request


class Clock:
    """A table and the time at which each message left it."""

    def __init__(self, limit: int = 100) -> None:
        self.table = Transactions(Timers(), limit)
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []

    def run(self, until: float) -> None:
        """Let time pass."""
        self.collect()
        while (when := self.table.next_timeout()) is not None and when <= until:
            self.now = when
            self.table.timeout(when)
            self.collect()
        self.now = until

    def collect(self) -> None:
        """Write down what is to be sent."""
        for outgoing in self.table.outbox:
            message = outgoing.message
            self.sent.append((self.now, message.method if isinstance(message, Request) else str(message.status)))  # type: ignore[attr-defined]
        self.table.outbox.clear()

    def times(self, what: str) -> list[float]:
        """When this was sent."""
        return [when for when, message in self.sent if message == what]

    def receive(self, message: Request | Response, flow: Flow = UDP) -> None:
        """Take a message now."""
        self.table.receive(message, flow, self.now)
        self.collect()

    def heard(self) -> list[str]:
        """What the table's user had to see."""
        seen = []
        for item in self.table.inbox:
            if isinstance(item, Failure):
                seen.append("transport" if item.transport else "timeout")
            else:
                message = item.message
                seen.append(message.method if isinstance(message, Request) else str(message.status))
        self.table.inbox.clear()
        return seen

    def opened(self) -> Key:
        """The transaction of the request that came last."""
        incoming = self.table.inbox.pop()
        assert isinstance(incoming, Incoming)
        assert incoming.key is not None
        return incoming.key


def test_an_invite_that_nobody_answers_is_sent_seven_times() -> None:
    """Timers A and B (RFC 3261 section 17.1.1.2)."""
    clock = Clock()
    clock.table.request(request("INVITE"), UDP, 0.0)
    clock.run(100)
    assert clock.times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert clock.heard() == ["timeout"]
    assert len(clock.table) == 0


def test_a_request_that_nobody_answers_is_sent_every_four_seconds_at_last() -> None:
    """Timers E and F (section 17.1.2.2)."""
    clock = Clock()
    clock.table.request(request("OPTIONS"), UDP, 0.0)
    clock.run(100)
    assert clock.times("OPTIONS") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert clock.heard() == ["timeout"]
    assert len(clock.table) == 0


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nothing_is_sent_again_on_connections(method: str) -> None:
    """Only timer B or F runs there."""
    clock = Clock()
    clock.table.request(request(method, transport="TCP"), TCP, 0.0)
    clock.run(100)
    assert clock.times(method) == [0]
    assert clock.heard() == ["timeout"]


def test_a_provisional_response_stops_the_invites_and_slows_the_others() -> None:
    """An INVITE rings on without limit; another request goes on every T2."""
    clock = Clock()
    invite, options = request("INVITE"), request("OPTIONS", "z9hG4bKtwo")
    clock.table.request(invite, UDP, 0.0)
    clock.table.request(options, UDP, 0.0)
    clock.run(0.2)
    clock.receive(reply(180, invite))
    clock.receive(reply(100, options))
    clock.run(300)
    assert clock.times("INVITE") == [0]
    assert clock.times("OPTIONS") == [0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert clock.heard() == ["180", "100", "timeout"]
    assert len(clock.table) == 1


def test_a_refusal_is_acknowledged_each_time_that_it_comes() -> None:
    """Timer D (section 17.1.1.2): the refusal is delivered once, its repetitions are acknowledged for 32 s."""
    clock = Clock()
    invite = request("INVITE", "z9hG4bKone", "Route: <sip:proxy.example;lr>")
    clock.table.request(invite, UDP, 0.0)
    for _ in range(3):
        clock.receive(reply(486, invite))
    clock.run(31)
    assert clock.times("ACK") == [0, 0, 0]
    assert clock.heard() == ["486"]
    clock.run(33)
    assert len(clock.table) == 0


def test_every_fork_that_accepts_is_heard() -> None:
    """Timer M (RFC 6026): 2xx of other forks and repeated 2xx are delivered for 32 s; no ACK is of this layer."""
    clock = Clock()
    invite = request("INVITE")
    clock.table.request(invite, UDP, 0.0)
    clock.receive(reply(200, invite, "room"))
    clock.receive(reply(200, invite, "other"))
    clock.receive(reply(180, invite))
    clock.receive(reply(486, invite))
    clock.run(31)
    assert clock.heard() == ["200", "200"]
    assert clock.times("ACK") == []
    clock.run(33)
    assert len(clock.table) == 0
    clock.receive(reply(200, invite, "late"))
    assert clock.heard() == []
    assert clock.table.counts["stray_response"] == 1


def test_a_refused_invite_is_told_again_until_it_is_acknowledged() -> None:
    """Timers G, H and I (section 17.2.1)."""
    clock = Clock()
    clock.receive(request("INVITE"))
    clock.table.respond(clock.opened(), answer(request("INVITE"), 486, "room"), 0.0)
    clock.run(8)
    assert clock.times("486") == [0, 0.5, 1.5, 3.5, 7.5]
    clock.receive(request("ACK"))
    clock.receive(request("ACK"))
    clock.run(12.9)
    assert clock.times("486") == [0, 0.5, 1.5, 3.5, 7.5]
    assert len(clock.table) == 1
    clock.run(13.1)
    assert len(clock.table) == 0
    assert clock.heard() == []


def test_a_refusal_that_is_never_acknowledged_ends_all_the_same() -> None:
    """Timer H, on either kind of transport."""
    for flow in (UDP, TCP):
        clock = Clock()
        clock.receive(request("INVITE", transport=flow.transport), flow)
        clock.table.respond(clock.opened(), answer(request("INVITE"), 486, "room"), 0.0)
        clock.run(100)
        assert len(clock.times("486")) == (11 if flow is UDP else 1)
        assert clock.heard() == ["timeout"]
        assert len(clock.table) == 0


def test_an_invite_that_comes_again_hears_what_was_last_said() -> None:
    """The provisional response before the final one, silence after a 2xx (RFC 6026 section 7.1)."""
    clock = Clock()
    clock.receive(request("INVITE"))
    key = clock.opened()
    clock.receive(request("INVITE"))
    assert clock.sent == []
    clock.table.respond(key, answer(request("INVITE"), 180, "room"), 0.0)
    clock.receive(request("INVITE"))
    assert len(clock.times("180")) == 2
    clock.table.respond(key, answer(request("INVITE"), 200, "room"), 0.0)
    clock.receive(request("INVITE"))
    clock.table.respond(key, answer(request("INVITE"), 200, "room"), 0.0)
    clock.table.respond(key, answer(request("INVITE"), 486, "room"), 0.0)
    clock.collect()
    assert len(clock.times("200")) == 2
    assert clock.times("486") == []
    clock.run(33)
    assert len(clock.table) == 0
    assert clock.heard() == []


def test_another_request_that_comes_again_hears_the_same_answer() -> None:
    """Timer J (section 17.2.2)."""
    clock = Clock()
    clock.receive(request("OPTIONS"))
    key = clock.opened()
    clock.receive(request("OPTIONS"))
    assert clock.sent == []
    clock.table.respond(key, answer(request("OPTIONS"), 200, "room"), 0.0)
    clock.run(31)
    clock.receive(request("OPTIONS"))
    assert clock.times("200") == [0, 31]
    clock.run(33)
    assert len(clock.table) == 0


def test_a_cancel_finds_the_invite_that_has_no_answer() -> None:
    """Section 9.2: by branch and sent-by, and only while nothing final was said."""
    clock = Clock()
    clock.receive(request("INVITE"))
    key = clock.opened()
    assert clock.table.cancelled(request("CANCEL"))
    assert not clock.table.cancelled(request("CANCEL", "z9hG4bKother"))
    clock.table.respond(key, answer(request("INVITE"), 200, "room"), 0.0)
    assert not clock.table.cancelled(request("CANCEL"))
    assert clock.table.knows_invite(request("CANCEL"))


def test_a_cancelled_invite_does_not_wait_for_ever() -> None:
    """Section 9.1: 64 T1 after the CANCEL the client takes it that nothing will come."""
    clock = Clock()
    invite = request("INVITE")
    key = clock.table.request(invite, UDP, 0.0)
    clock.receive(reply(180, invite))
    clock.table.give_up(key, 32.0)
    clock.receive(reply(180, invite))
    clock.run(33)
    assert clock.heard() == ["180", "180", "timeout"]
    assert len(clock.table) == 0


def test_peers_older_than_rfc_3261_are_told_apart_by_call_and_number() -> None:
    """Without a branch, the ACK still finds its INVITE (section 17.2.3)."""
    clock = Clock()
    clock.receive(request("INVITE", "1"))
    clock.table.respond(clock.opened(), answer(request("INVITE", "1"), 486, "room"), 0.0)
    clock.receive(request("ACK", "1", to_tag=";tag=room"))
    assert clock.heard() == []
    clock.run(6)
    assert len(clock.table) == 0


def test_the_same_request_on_two_ways_is_taken_once() -> None:
    """Section 8.2.2.2: 482 for the second, until the first is over."""
    clock = Clock()
    clock.receive(request("INVITE"))
    clock.receive(request("INVITE", "z9hG4bKtwo"))
    assert clock.heard() == ["INVITE"]
    assert [what for _, what in clock.sent] == ["482"]
    assert clock.table.counts["merged"] == 1


def test_a_full_table_drops_and_counts_but_goes_on_with_what_it_has() -> None:
    """Requests of our own are never refused: a full bridge must be able to hang up."""
    clock = Clock(limit=3)
    for number in range(5):
        clock.receive(request("OPTIONS", f"z9hG4bK{number}", f"X: {number}"))
    assert clock.table.counts["overflow"] == 2
    clock.table.request(request("BYE", "z9hG4bKbye"), UDP, 0.0)
    assert len(clock.table) == 4


def test_a_broken_connection_fails_what_waits_on_it() -> None:
    """Section 17.1.4; what was answered, and what went another way, goes on."""
    clock = Clock()
    other = Flow("TCP", "192.0.2.9", 40_001, 8)
    clock.table.request(request("INVITE", transport="TCP"), TCP, 0.0)
    clock.table.request(request("OPTIONS", "z9hG4bKtwo", transport="TCP"), other, 0.0)
    clock.table.broken(TCP)
    assert clock.heard() == ["transport"]
    assert len(clock.table) == 1


def test_responses_go_where_the_via_and_the_packet_say() -> None:
    """RFC 3261 section 18.2.2 and RFC 3581."""
    source = Flow("UDP", "198.51.100.7", 62_000)
    plain, asked = request("OPTIONS"), request("OPTIONS", "z9hG4bKtwo;rport")
    stamp(plain, source)
    stamp(asked, source)
    assert plain.via.params["received"] == "198.51.100.7"
    assert way_back(plain.via, source) == Flow("UDP", "198.51.100.7", 5060)
    assert asked.via.params["rport"] == "62000"
    assert way_back(asked.via, source) == source
    assert way_back(request("OPTIONS", transport="TCP").via, TCP) == TCP
    honest = request("OPTIONS")
    stamp(honest, UDP)
    assert "received" not in honest.via.params


def test_alarms_ring_in_order_and_forget_what_was_set_anew() -> None:
    """Against a plain dictionary, over random settings; the heap does not grow with what is set again."""
    rng = random.Random(7)
    alarms: Alarms[int] = Alarms()
    model: dict[int, float] = {}
    for _ in range(2000):
        key = rng.randrange(20)
        when = rng.choice([None, rng.random() * 100])
        alarms.set(key, when)
        model.pop(key, None)
        if when is not None:
            model[key] = when
        assert alarms.next() == min(model.values(), default=None)
    assert len(alarms._heap) <= 2 * 20 + 64
    while model:
        soonest = min(model.values())
        key = alarms.pop(1000.0)
        assert key is not None
        assert model.pop(key) == soonest
    assert alarms.pop(1000.0) is None
