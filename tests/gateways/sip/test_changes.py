"""Offers inside a call: re-INVITE and UPDATE, glare, hold, and session timers."""

import pytest

from signalling.gateways.sip import core
from signalling.gateways.sip import events as e
from signalling.gateways.sip.hold import is_hold
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.offers import Turn
from signalling.gateways.sip.session_timer import SessionTimer
from tests.gateways.sip.network import Party, World, obliging


def _up(**settings: object) -> tuple[World, Party, Party]:
    """A call between two parties that take everything; it begins at 1 s."""
    world = World()
    anna, room = world.party("192.0.2.1", **settings), world.party("192.0.2.2", **settings)
    room.react = obliging(b"room 1")
    anna.invite(room, b"anna 1")
    world.run(1.0)
    anna.react, room.react = obliging(b"anna 2"), obliging(b"room 2")
    return world, anna, room


def _call(party: Party) -> e.CallId:
    event = (party.of(e.Accepted) or party.of(e.IncomingCall))[0]
    assert isinstance(event, e.Accepted | e.IncomingCall)
    return event.call


def _agreed(party: Party) -> tuple[bytes | None, bytes | None]:
    """What is in force: our description and the peer's."""
    offers = party.agent._core.owners[_call(party)].offers  # type: ignore[attr-defined]
    assert offers.turn is Turn.NOBODY
    return offers.local, offers.remote


def _end(world: World, party: Party) -> None:
    party.do(party.agent.hang_up(_call(party), world.now))
    world.run(world.now + 90)
    assert world.empty()


@pytest.mark.parametrize("caller_first", [True, False])
def test_either_side_offers_something_else(caller_first: bool) -> None:  # noqa: FBT001
    """RFC 3261 section 14, and hold is told (RFC 3665 has it in its section on hold)."""
    world, anna, room = _up()
    one, other = (anna, room) if caller_first else (room, anna)
    hold = b"v=0\r\nm=audio 1 RTP/AVP 0\r\na=sendonly\r\n"
    one.do(one.agent.reinvite(_call(one), hold, world.now))
    world.run(2.0)
    assert other.of(e.OfferReceived) == [e.OfferReceived(_call(other), hold, hold=True)]
    assert len(one.of(e.AnswerReceived)) == 1
    assert _agreed(one) == _agreed(other)[::-1]
    assert _agreed(one)[0] == hold
    _end(world, one)


def test_a_change_without_an_offer_asks_for_one() -> None:
    """The offer is in the 200, the answer in the ACK."""
    world, anna, room = _up()
    anna.do(anna.agent.reinvite(_call(anna), None, world.now))
    world.run(2.0)
    assert room.of(e.OfferWanted) == [e.OfferWanted(_call(room))]
    assert _agreed(anna) == (b"anna 2", b"room 2")
    assert _agreed(room) == (b"room 2", b"anna 2")
    _end(world, anna)


def test_an_update_changes_without_an_ack() -> None:
    """RFC 3311."""
    world, anna, room = _up()
    room.do(room.agent.update(_call(room), b"room 3", world.now))
    world.run(2.0)
    assert world.sent(room.host)[-1] == "UPDATE"
    assert _agreed(room) == (b"room 3", b"anna 2")
    assert _agreed(anna) == (b"anna 2", b"room 3")
    _end(world, anna)


def test_a_change_that_is_refused_leaves_what_was() -> None:
    """488, and the call goes on (RFC 3261 section 14.1)."""
    world, anna, room = _up()
    room.react = lambda _party, _event: None
    anna.do(anna.agent.reinvite(_call(anna), b"anna 3", world.now))
    world.run(1.5)
    room.do(room.agent.refuse(_call(room), world.now))
    world.run(2.0)
    assert anna.heard[-1] == e.OfferRefused(_call(anna), 488)
    assert _agreed(anna) == (b"anna 1", b"room 1")
    assert _agreed(room) == (b"room 1", b"anna 1")
    _end(world, room)


def test_an_offer_that_the_owner_does_not_answer_is_refused() -> None:
    """504 after a while; the call goes on."""
    world, anna, room = _up()
    room.react = lambda _party, _event: None
    anna.do(anna.agent.reinvite(_call(anna), b"anna 3", world.now))
    world.run(30.0)
    assert anna.heard[-1] == e.OfferRefused(_call(anna), 504)
    _end(world, room)


@pytest.mark.parametrize("method", ["reinvite", "update"])
def test_changes_that_cross_come_about_one_after_the_other(method: str) -> None:
    """Glare (RFC 3261 section 14.1, RFC 3311 section 5.2): both get 491, and the callee tries again first."""
    world, anna, room = _up()
    anna.do(getattr(anna.agent, method)(_call(anna), b"anna 3", world.now))
    room.do(getattr(room.agent, method)(_call(room), b"room 3", world.now))
    world.run(8.0)
    assert world.sent(anna.host).count("491") == 1
    assert world.sent(room.host).count("491") == 1
    assert _wait(world, room, method) <= 2.1
    assert 2.1 <= _wait(world, anna, method) <= 4.1
    # The callee's change came about first, the caller's last.
    assert _agreed(anna) == (b"anna 3", b"room 2")
    assert _agreed(room) == (b"room 2", b"anna 3")
    assert not anna.of(e.OfferRefused)
    assert not room.of(e.OfferRefused)
    _end(world, anna)


def _wait(world: World, party: Party, method: str) -> float:
    """How long somebody waited before trying again."""
    name = {"reinvite": "INVITE sip:bridge", "update": "UPDATE"}[method]
    first, second = (when for when, host, _, line in world.log if host == party.host and line.startswith(name))
    return second - first


@pytest.mark.parametrize("sdp", [None, b"anna 3"])
def test_an_offer_that_meets_a_change_of_ours_waits(sdp: bytes | None) -> None:
    """Also when ours is an INVITE that asks for the peer's offer: two answers in one would be one too many."""
    world, anna, room = _up()
    anna.do(anna.agent.reinvite(_call(anna), sdp, world.now))
    room.do(room.agent.update(_call(room), b"room 3", world.now))
    world.run(10.0)
    assert "491" in world.sent(anna.host)
    assert _agreed(anna) == _agreed(room)[::-1]
    _end(world, room)


def test_a_change_waits_for_the_one_under_way() -> None:
    """Of those that wait, the newest counts."""
    world, anna, room = _up()
    for sdp in (b"anna 3", b"anna 4", b"anna 5"):
        anna.do(anna.agent.reinvite(_call(anna), sdp, world.now))
    world.run(3.0)
    assert [event.sdp for event in room.of(e.OfferReceived)] == [b"anna 3", b"anna 5"]
    _end(world, anna)


def test_hanging_up_answers_what_is_open() -> None:
    """An INVITE of the peer's that waits for an answer gets 487 before the BYE."""
    world, anna, room = _up()
    room.react = lambda _party, _event: None
    anna.do(anna.agent.reinvite(_call(anna), b"anna 3", world.now))
    world.run(1.5)
    room.do(room.agent.hang_up(_call(room), world.now))
    world.run(90.0)
    assert world.sent(room.host)[-2:] == ["487", "BYE"]
    assert world.empty()


def _loses(method: str) -> object:
    return lambda message: isinstance(message, Request) and message.method == method


def test_a_lost_ack_of_a_change_comes_again() -> None:
    """The 2xx of a re-INVITE is sent until then; another INVITE shows, too, that it arrived."""
    world, anna, room = _up()
    room.deaf = _loses("ACK")
    anna.do(anna.agent.reinvite(_call(anna), b"anna 3", world.now))
    world.run(1.2)
    anna.do(anna.agent.reinvite(_call(anna), b"anna 4", world.now))
    world.run(1.4)
    room.deaf = lambda _message: False
    world.run(10.0)
    assert _agreed(room)[1] == b"anna 4"
    _end(world, anna)


def test_who_sends_another_invite_has_had_the_answer_to_the_last() -> None:
    """Its ACK was lost; the call must not end for want of it, though the second change is refused."""
    world, anna, room = _up()
    room.deaf = _loses("ACK")
    anna.do(anna.agent.reinvite(_call(anna), b"anna 3", world.now))
    world.run(1.1)
    room.react = lambda _party, _event: None
    anna.do(anna.agent.reinvite(_call(anna), b"anna 4", world.now))
    world.run(1.2)
    room.do(room.agent.refuse(_call(room), world.now))
    room.deaf = lambda _message: False
    before = world.sent(room.host).count("200")
    world.run(60.0)
    assert world.sent(room.host).count("200") == before
    assert not room.endings()
    _end(world, anna)


def test_a_change_whose_answer_got_lost_with_the_call_leaves_nothing() -> None:
    """The peer said 100 to our INVITE, then BYE; what it answered the INVITE never came."""
    world, anna, room = _up()
    room.react = lambda _party, _event: None
    anna.do(anna.agent.reinvite(_call(anna), b"anna 3", world.now))
    world.run(1.5)
    anna.deaf = lambda message: isinstance(message, Response) and message.cseq.method == "INVITE"
    room.do(room.agent.hang_up(_call(room), world.now))
    world.run(2.0)
    assert anna.endings() == ["hung_up_there"]
    world.run(90.0)
    assert world.empty()


@pytest.mark.parametrize("knows_update", [True, False])
def test_the_session_is_refreshed_at_half_time(monkeypatch: pytest.MonkeyPatch, knows_update: bool) -> None:  # noqa: FBT001
    """RFC 4028: by UPDATE without a body, or by INVITE with the description in force."""
    if not knows_update:
        monkeypatch.setattr(core, "METHODS", tuple(method for method in core.METHODS if method != "UPDATE"))
    world, anna, _ = _up(session_seconds=100, min_session_seconds=90)
    world.run(400.0)
    refreshes = [(round(when, 1), line.split(" ")[0]) for when, host, _, line in world.log if host == anna.host][
        2:
    ]
    wanted = "UPDATE" if knows_update else "INVITE"
    assert [method for _, method in refreshes if method != "ACK"] == [wanted] * 7
    assert not anna.endings()
    _end(world, anna)


def test_a_refresh_that_meets_a_change_comes_later() -> None:
    """The change is refused, and so refreshes nothing."""
    world, anna, room = _up(session_seconds=100, min_session_seconds=90)
    anna.react = lambda _party, _event: None
    world.run(50.0)
    room.do(room.agent.reinvite(_call(room), b"room 3", world.now))
    world.run(55.0)
    assert world.sent(anna.host)[-1] == "100"
    anna.do(anna.agent.refuse(_call(anna), world.now))
    world.run(62.0)
    assert world.sent(anna.host)[-2:] == ["488", "UPDATE"]
    assert not anna.endings()


def test_a_session_that_nobody_refreshes_ends() -> None:
    """The refresher has vanished: the other ends the call before the interval is over, for want of a refresh."""
    world, anna, room = _up(session_seconds=100, min_session_seconds=90)
    anna.agent.timeout = lambda _now: []
    anna.agent.next_timeout = lambda: None
    world.run(75.0)
    assert room.endings() == ["expired"]


def test_a_refresh_that_is_not_answered_ends_the_call() -> None:
    """408 to a request inside (RFC 4028 section 10)."""
    world, anna, room = _up(session_seconds=200, min_session_seconds=90)
    room.deaf = lambda _message: True
    world.run(150.0)
    assert anna.endings() == ["lost"]


def test_an_interval_that_is_too_small_is_raised() -> None:
    """422 with Min-SE, and the call comes about with it (RFC 4028 section 6)."""
    world = World()
    anna = world.party("192.0.2.1", session_seconds=90)
    room = world.party("192.0.2.2", session_seconds=300, min_session_seconds=300)
    room.react = obliging()
    anna.invite(room)
    world.run(1.0)
    assert world.sent(room.host)[:2] == ["422", "100"]
    timer = anna.agent._core.owners[_call(anna)].refreshing._timer  # type: ignore[attr-defined]
    assert timer == SessionTimer(300, ours=True)
    _end(world, anna)


@pytest.mark.parametrize(
    ("sdp", "held"),
    [
        (b"v=0\r\nm=audio 5 RTP/AVP 0\r\n", False),
        (b"v=0\r\na=sendonly\r\nm=audio 5 RTP/AVP 0\r\n", True),
        (b"v=0\r\na=inactive\r\nm=audio 5 RTP/AVP 0\r\na=sendrecv\r\n", False),
        (b"v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 5 RTP/AVP 0\r\n", True),
        (b"v=0\r\nm=audio 5 RTP/AVP 0\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\n", True),
        (b"v=0\r\nm=audio 5 RTP/AVP 0\r\na=inactive\r\nm=video 6 RTP/AVP 96\r\n", False),
        (b"v=0\r\n", False),
        (b"", False),
    ],
)
def test_what_is_a_hold(sdp: bytes, held: bool) -> None:  # noqa: FBT001
    """No line in use on which anything is wanted."""
    assert is_hold(sdp) is held
