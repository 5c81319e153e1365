"""An agent against peers that a test plays: forks, proxies, strangers, challenges, and noise."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.guard import MAX_SOURCES, Guard
from signalling.gateways.sip import events as e
from signalling.gateways.sip.digest import Account, Asked, Verifier, authorize, choose
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request, Response
from signalling.gateways.sip.parsing import parse
from signalling.gateways.sip.values import NameAddr
from tests.gateways.sip.network import World, obliging
from tests.gateways.sip.scripted import PEER, ROOM, Scripted, asks, says
from tests.gateways.sip.torture import REFUSED, TAKEN

ACCOUNTS = {"ward.example": Account("bridge", "secret")}


def test_every_fork_but_the_first_to_accept_is_ended() -> None:
    """RFC 3261 section 13.2.2.4: each 2xx is acknowledged each time, and the later ones get a BYE."""
    peer = Scripted()
    call = peer.invite()
    invite = peer.last("INVITE")
    for tag in ("one", "two"):
        peer.hear(says(invite, 180, tag))
    for tag in ("two", "one", "one", "three", "two"):
        peer.hear(says(invite, 200, tag, b"answer"))
    acks = [item.to.tag for item in peer.sent if isinstance(item, Request) and item.method == "ACK"]
    byes = [item for item in peer.sent if isinstance(item, Request) and item.method == "BYE"]
    assert acks == ["two", "one", "one", "three", "two"]
    assert [bye.to.tag for bye in byes] == ["one", "three"]
    assert str(byes[0].uri) == "sip:one@192.0.2.9"
    assert peer.told[-1] == e.Accepted(call, b"answer")
    for bye in byes:
        peer.hear(says(bye, 200, "x"))
    peer.run(40.0)
    assert peer.agent.sizes["dialogs"] == 1
    peer.do(peer.agent.hang_up(call, peer.now))
    assert peer.last("BYE").to.tag == "two"
    peer.run(90.0)
    assert peer.empty()


def test_what_one_fork_answers_is_no_answer_of_another() -> None:
    """Early media from one, accepted by another: each has an exchange of its own (RFC 6337 section 3.3)."""
    peer = Scripted()
    call = peer.invite()
    invite = peer.last("INVITE")
    peer.hear(says(invite, 183, "one", b"early", ("Require", "100rel"), ("RSeq", "7")))
    peer.hear(says(invite, 200, "two", b"answer"))
    assert peer.told == [e.Progress(call, 183, b"early"), e.Accepted(call, b"answer")]


def test_a_call_that_was_given_up_is_not_tried_again() -> None:
    """Neither with credentials nor on another way."""
    for status in (401, 503):
        peer = Scripted()
        call = peer.invite(PEER, Flow("UDP", "192.0.2.10", 5060), accounts=ACCOUNTS)
        peer.do(peer.agent.hang_up(call, 0.0))
        challenge = ("WWW-Authenticate", 'Digest realm="ward.example", nonce="n"')
        peer.hear(says(peer.last("INVITE"), status, "x", None, challenge))
        assert [type(item) for item in peer.sent] == [Request, Request]
        assert peer.sent[1].method == "ACK"


def test_a_cancel_waits_for_the_transaction_that_it_means() -> None:
    """The 100 to the INVITE without credentials says nothing of the one with them."""
    peer = Scripted()
    call = peer.invite(accounts=ACCOUNTS)
    peer.hear(says(peer.last("INVITE"), 100, "x"))
    challenge = ("WWW-Authenticate", 'Digest realm="ward.example", nonce="n"')
    peer.hear(says(peer.last("INVITE"), 401, "x", None, challenge))
    peer.do(peer.agent.hang_up(call, 0.0))
    assert peer.sent[-1].method == "INVITE"
    peer.hear(says(peer.last("INVITE"), 100, "x"))
    assert peer.last("CANCEL").via.branch == peer.last("INVITE").via.branch


def test_a_fork_that_accepts_after_the_caller_gave_up_is_ended() -> None:
    """RFC 3261 section 9.1."""
    peer = Scripted()
    call = peer.invite()
    invite = peer.last("INVITE")
    peer.hear(says(invite, 180, "one"))
    peer.do(peer.agent.hang_up(call, 0.0))
    assert peer.last("CANCEL").via.branch == invite.via.branch
    peer.hear(says(invite, 200, "one", b"answer"))
    assert peer.last("BYE").to.tag == "one"
    assert [event for event in peer.told if isinstance(event, e.Ended)] == [e.Ended(call, e.Ending.HUNG_UP_HERE)]
    peer.run(90.0)
    assert peer.empty()


def test_what_is_said_to_a_fork_that_is_ended_goes_on_in_its_order() -> None:
    """The BYE comes after the PRACK that the same fork has had, not with the same number."""
    peer = Scripted()
    call = peer.invite()
    invite = peer.last("INVITE")
    peer.hear(says(invite, 183, "one", b"early", ("Require", "100rel"), ("RSeq", "7")))
    peer.do(peer.agent.hang_up(call, 0.0))
    peer.hear(says(invite, 200, "one"))
    assert peer.last("BYE").cseq.number == peer.last("PRACK").cseq.number + 1


def test_a_cancel_is_answered_with_the_tag_of_its_invite() -> None:
    """RFC 3261 section 9.2; before and after the INVITE has been answered."""
    for accepts in (False, True):
        peer = Scripted()
        peer.hear(asks("INVITE", "a"))
        if accepts:
            peer.do(peer.agent.accept(peer.told[0].call, b"offer", 0.0))
        peer.hear(asks("CANCEL", "a"))
        tags = {item.to.tag for item in peer.sent if isinstance(item, Response) and item.status > 100}
        assert len(tags) == 1
        assert peer.statuses() == [100, *([200, 200] if accepts else [200, 487])]


def test_reliable_responses_are_acknowledged_once_and_in_order() -> None:
    """RFC 3262 section 4, for each fork by itself."""
    peer = Scripted()
    peer.invite()
    invite = peer.last("INVITE")
    for tag, rseq in (("one", 7), ("one", 7), ("one", 9), ("two", 40), ("one", 8)):
        peer.hear(says(invite, 180, tag, None, ("Require", "100rel"), ("RSeq", str(rseq))))
    pracks = [str(item.rack) for item in peer.sent if isinstance(item, Request) and item.method == "PRACK"]
    number = invite.cseq.number
    assert pracks == [f"7 {number} INVITE", f"40 {number} INVITE", f"8 {number} INVITE"]


def test_requests_inside_follow_the_recorded_route() -> None:
    """RFC 3261 section 12.2.1.1: loose routes stand in Route; a strict one takes the URI's place."""
    peer = Scripted()
    for record, uri, routes in (
        (
            "<sip:p2.example;lr>, <sip:p1.example;lr>",
            "sip:one@192.0.2.9",
            ["<sip:p1.example;lr>", "<sip:p2.example;lr>"],
        ),
        (
            "<sip:p2.example;lr>, <sip:p1.example>",
            "sip:p1.example",
            ["<sip:p2.example;lr>", "<sip:one@192.0.2.9>"],
        ),
    ):
        peer.invite()
        peer.hear(says(peer.last("INVITE"), 200, "one", b"answer", ("Record-Route", record)))
        ack = peer.last("ACK")
        assert str(ack.uri) == uri
        assert ack.headers.items("Route") == routes


def test_what_goes_to_a_fork_before_it_accepts_follows_its_route() -> None:
    """The route set of a response is the Record-Route backwards (RFC 3261 section 12.1.2)."""
    peer = Scripted()
    peer.invite()
    record = ("Record-Route", "<sip:p2.example;lr>, <sip:p1.example;lr>")
    peer.hear(says(peer.last("INVITE"), 180, "one", None, ("Require", "100rel"), ("RSeq", "1"), record))
    assert peer.last("PRACK").headers.items("Route") == ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]


@pytest.mark.parametrize(
    ("contact", "port"),
    [("192.0.2.9:5080", 5080), ("192.0.2.9", 5060), ("10.0.0.7:5080", 40_000), ("ward.example:5080", 40_000)],
)
def test_requests_on_udp_go_to_the_port_of_the_contact_unless_it_is_behind_a_nat(contact: str, port: int) -> None:
    """An address from which nothing came is none that can be reached."""
    peer = Scripted()
    data = asks("INVITE", "a;rport").replace(
        b"Contact: <sip:anna@192.0.2.9>", f"Contact: <sip:anna@{contact}>".encode()
    )
    source = Flow("UDP", "192.0.2.9", 40_000)
    peer.hear(data, source)
    peer.do(peer.agent.accept(peer.told[0].call, b"offer", 0.0))
    assert peer.flows[-1] == source
    # It lacks the answer to our offer, so that a BYE follows.
    peer.hear(asks("ACK", "b", to=str(peer.sent[-1].to)), source)
    assert peer.last("BYE").to.tag == "anna"
    assert peer.flows[-1] == Flow("UDP", "192.0.2.9", port)


def test_a_call_goes_on_to_the_next_way() -> None:
    """RFC 3263 section 4.3: after a timeout, a broken connection or 503, with another branch."""
    peer = Scripted()
    ways = (Flow("TCP", "192.0.2.9", 5060), Flow("UDP", "192.0.2.10", 5060), Flow("UDP", "192.0.2.11", 5060))
    call = peer.invite(*ways)
    peer.do(peer.agent.broken(ways[0], 0.0))
    peer.run(33.0)
    peer.hear(says(peer.last("INVITE"), 503, "x"))
    assert list(dict.fromkeys(peer.flows)) == [ways[0], ways[1], ways[2]]
    invites = [item for item in peer.sent if isinstance(item, Request) and item.method == "INVITE"]
    assert len({invite.via.branch for invite in invites}) == 3
    assert [invite.via.transport for invite in invites][:2] == ["TCP", "UDP"]
    assert len({invite.cseq.number for invite in invites}) == 3
    assert peer.last("ACK").cseq.number == peer.last("INVITE").cseq.number
    peer.hear(says(peer.last("INVITE"), 503, "x"))
    peer.run(100.0)
    assert peer.told == [e.Ended(call, e.Ending.REJECTED_THERE, 503)]
    assert peer.empty()


def test_redirects_are_not_followed() -> None:
    """A 302 could send a call with patients' pictures anywhere."""
    peer = Scripted()
    call = peer.invite()
    peer.hear(says(peer.last("INVITE"), 302, "x"))
    assert peer.told == [e.Ended(call, e.Ending.REJECTED_THERE, 302)]


@pytest.mark.parametrize(
    ("status", "asks_by", "answers_by"),
    [
        (401, "WWW-Authenticate", "Authorization"),
        (407, "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_a_challenge_is_answered_once(status: int, asks_by: str, answers_by: str) -> None:
    """RFC 3261 section 22: the next number, the same call; and a password that is not liked is not sent again."""
    peer = Scripted()
    call = peer.invite(accounts=ACCOUNTS)
    first = peer.last("INVITE")
    verifier = Verifier("ward.example", b"key", {"bridge": "secret"}.get)
    challenge = [(asks_by, line) for line in verifier.challenges(0.0)]
    peer.hear(says(first, status, "x", None, *challenge))
    second = peer.last("INVITE")
    assert (second.cseq.number, second.call_id) == (first.cseq.number + 1, first.call_id)
    asked = Asked("INVITE", str(second.uri), second.body)
    assert verifier.verify(second.headers.lines(answers_by), asked, 1.0)[1] == "bridge"
    peer.hear(says(second, 200, "one", b"answer"))
    assert peer.last("ACK").headers.lines(answers_by) == second.headers.lines(answers_by)
    assert peer.last("ACK").cseq.number == second.cseq.number
    peer.invite(accounts=ACCOUNTS)
    for _ in range(2):
        peer.hear(says(peer.last("INVITE"), status, "x", None, *challenge))
    assert isinstance(peer.told[-1], e.Ended)
    assert peer.told[-1].status == status
    assert peer.told[-1].call != call


def test_an_account_is_for_those_whom_it_is_with() -> None:
    """A stranger who calls, or whom we call, and names the realm of our trunk gets no digest to guess at."""
    peer = Scripted()
    trunk = peer.invite(accounts=ACCOUNTS)
    peer.hear(says(peer.last("INVITE"), 200, "one", b"answer"))
    challenge = ("WWW-Authenticate", 'Digest realm="ward.example", nonce="n"')
    peer.do(peer.agent.want_key_frame(trunk, 0.0))
    peer.hear(says(peer.last("INFO"), 401, "x", None, challenge))
    assert "Authorization" in peer.last("INFO").headers
    stranger = peer.invite()
    peer.hear(says(peer.last("INVITE"), 401, "x", None, challenge))
    assert "Authorization" not in peer.last("INVITE").headers
    assert peer.told[-1] == e.Ended(stranger, e.Ending.REJECTED_THERE, 401)


def test_strangers_hear_nothing() -> None:
    """Requests for nobody here are dropped and counted, whatever their method; no state is kept of them."""
    peer = Scripted(serves=lambda uri: uri.user == "other")
    for method in ("INVITE", "OPTIONS", "REGISTER", "MESSAGE", "CANCEL"):
        peer.hear(asks(method, method))
    peer.hear(REFUSED["clerr"].data)
    assert peer.sent == []
    assert peer.empty()
    assert peer.agent.counts == {"unknown_address": 5, "malformed": 1}


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("OPTIONS", (), 200),
        ("REGISTER", (), 405),
        ("SUBSCRIBE", (), 501),
        ("BYE", (), 481),
        ("CANCEL", (), 481),
        ("UPDATE", (), 481),
        ("INVITE", ("Require: replaces",), 420),
        ("INVITE", ("Content-Type: text/plain", "Content-Length: 0"), 100),
        ("INVITE", ("Content-Encoding: gzip",), 415),
        ("INVITE", ("Session-Expires: 60", "Supported: timer"), 422),
        ("INVITE", ("Contact: <sip:two@192.0.2.9>",), 400),
    ],
)
def test_requests_outside_calls_are_answered_as_they_deserve(
    method: str, more: tuple[str, ...], status: int
) -> None:
    """RFC 3261 section 8.2."""
    peer = Scripted()
    peer.hear(asks(method, "x", *more))
    assert peer.statuses() == [status]
    response = peer.sent[0]
    assert (response.headers.get("Unsupported") == "replaces") == (status == 420)
    assert (response.headers.get("Min-SE") == "90") == (status == 422)
    assert ("Allow" in response.headers) == (status in (200, 405))


def test_what_is_asked_inside_no_call() -> None:
    """A tag that is not ours: 481, and an ACK is only counted."""
    peer = Scripted()
    peer.hear(asks("INFO", "x", to="<sip:room@bridge.example>;tag=gone"))
    peer.hear(asks("ACK", "y", to="<sip:room@bridge.example>;tag=gone"))
    assert peer.statuses() == [481]
    assert peer.agent.counts == {"stray_ack": 1}


def test_an_old_number_inside_a_call_is_refused() -> None:
    """RFC 3261 section 12.2.2."""
    peer = Scripted()
    peer.hear(asks("INVITE", "a", number=5))
    call = peer.told[0].call
    peer.do(peer.agent.accept(call, b"offer", 0.0))
    to = str(peer.sent[-1].to)
    peer.hear(asks("ACK", "b", "Content-Type: application/sdp", to=to, number=5))
    peer.hear(asks("INFO", "c", to=to, number=4))
    assert peer.statuses()[-1] == 500


@pytest.mark.parametrize(("end", "after"), [("reject", [487, 603]), ("cancel", [200, 487]), ("ring", [200, 480])])
def test_an_update_that_waits_is_answered_before_the_call_is(end: str, after: list[int]) -> None:
    """RFC 3311 allows an offer once the first is answered, in a reliable response."""
    peer = Scripted()
    offer = ("Content-Type: application/sdp", "Content-Length: 5", "", "offer")
    peer.hear(asks("INVITE", "a", "Supported: 100rel", *offer).removesuffix(b"\r\n\r\n"))
    call = peer.told[0].call
    peer.do(peer.agent.ring(call, 0.0, b"early"))
    to, rseq = str(peer.sent[-1].to), peer.sent[-1].rseq
    peer.hear(asks("PRACK", "b", f"RAck: {rseq} 1 INVITE", to=to, number=2))
    peer.hear(asks("UPDATE", "c", *offer, to=to, number=3).removesuffix(b"\r\n\r\n"))
    assert isinstance(peer.told[-1], e.OfferReceived)
    if end == "reject":
        peer.do(peer.agent.reject(call, 0.0))
    elif end == "cancel":
        peer.hear(asks("CANCEL", "a"))
    peer.run(10.0 if end == "ring" else 1.0)
    if end == "ring":
        peer.do(peer.agent.answer(call, b"new", peer.now))
    peer.run(400.0)
    # A refusal is sent again, since nobody acknowledges it here.
    assert list(dict.fromkeys(peer.statuses()[3:])) == after
    assert peer.empty()


def test_calls_must_authenticate_where_that_is_asked() -> None:
    """A 401 for everybody, the name for who knows the password; nothing is kept of who does not."""
    verifier = Verifier("bridge.example", b"key", {"anna": "secret"}.get)
    peer = Scripted(verifier=verifier)
    peer.hear(asks("INVITE", "a"))
    challenge = choose(peer.sent[0].headers.lines("WWW-Authenticate"))
    assert challenge is not None
    told = authorize(challenge, Account("anna", "secret"), Asked("INVITE", str(ROOM)), "c")
    wrong = authorize(challenge, Account("anna", "guess"), Asked("INVITE", str(ROOM)), "c")
    peer.hear(asks("INVITE", "b", f"Authorization: {wrong}", number=2))
    assert peer.statuses() == [401, 401]
    assert peer.agent.counts == {"bad_credentials": 1}
    assert peer.told == []
    peer.hear(asks("INVITE", "c", f"Authorization: {told}", number=3))
    assert peer.told[0].user == "anna"


def test_there_are_not_more_calls_than_allowed() -> None:
    """503 with Retry-After."""
    peer = Scripted(max_calls=1)
    peer.invite()
    peer.hear(asks("INVITE", "a"))
    assert peer.statuses() == [503]
    assert peer.sent[-1].headers.get("Retry-After") == "10"


def test_a_flood_from_one_address_is_cut_short() -> None:
    """Beyond its burst a source begins so many things in a second; others, and calls that stand, do not suffer."""
    peer = Scripted(begin_rate=2.0, begin_burst=5.0)
    for number in range(20):
        peer.hear(asks("OPTIONS", f"a{number}", f"X: {number}").replace(b"one@", b"%d@" % number))
    assert peer.statuses() == [200] * 5
    assert peer.agent.counts == {"flood": 15}
    peer.hear(asks("OPTIONS", "b").replace(b"one@", b"other@"), Flow("UDP", "192.0.2.77", 5060))
    peer.hear(asks("INFO", "c", to="<sip:room@bridge.example>;tag=gone"))
    peer.now = 1.0
    for number in range(3):
        peer.hear(asks("OPTIONS", f"d{number}").replace(b"one@", b"%d-@" % number))
    assert peer.statuses()[5:] == [200, 481, 200, 200]


def test_of_many_sources_the_last_are_remembered() -> None:
    """An address that floods is not forgotten for the sake of some others."""
    guard = Guard(1.0, 2.0)
    for number in range(3 * MAX_SOURCES):
        guard.allows(f"source {number}", 0.0)
        assert guard.allows("flood", 0.0) == (number < 2)
    assert len(guard._sources) == MAX_SOURCES


def test_of_ipv6_a_network_is_one_source() -> None:
    """Who has one address of it has them all."""
    guard = Guard(1.0, 2.0)
    allowed = [guard.allows(f"2001:db8:0:1::{host:x}", 0.0) for host in range(1, 5)]
    assert allowed == [True, True, False, False]
    assert guard.allows("2001:db8:0:2::1", 0.0)
    assert guard.allows("fe80::1%eth0", 0.0)


def test_a_ping_is_answered_or_not() -> None:
    """OPTIONS as a client."""
    peer = Scripted()
    token, actions = peer.agent.ping(ROOM, PEER, 0.0)
    peer.do(actions)
    peer.hear(says(peer.last("OPTIONS"), 200, "x"))
    other, actions = peer.agent.ping(ROOM, PEER, 0.0)
    peer.do(actions)
    peer.run(40.0)
    assert peer.told == [e.Pinged(token, 200), e.Pinged(other, 408)]
    assert peer.empty()


def test_a_peer_that_only_invites_leaves_nothing() -> None:
    """A hundred INVITEs without ACK, taken or rejected; all is gone at last."""
    peer = Scripted()
    rng = random.Random(3)
    for number in range(100):
        data = asks("INVITE", f"flood{number}").replace(b"one@ward", b"%d@ward" % number)
        peer.hear(data)
        call = peer.told[-1].call
        if rng.random() < 0.5:
            peer.do(peer.agent.accept(call, b"offer", peer.now))
        elif rng.random() < 0.5:
            peer.do(peer.agent.reject(call, peer.now))
    assert peer.agent.sizes["transactions"] == 100
    peer.run(400.0)
    assert peer.empty()


def test_torture_gets_an_answer_or_silence_and_leaves_nothing() -> None:
    """RFC 4475 as a whole."""
    peer = Scripted()
    for case in (*TAKEN.values(), *REFUSED.values()):
        peer.hear(case.data)
    for message in list(peer.sent):
        assert isinstance(message, Response)
    peer.run(400.0)
    assert peer.empty()
    assert peer.agent.counts["malformed"] == len(REFUSED)


def _recorded() -> list[tuple[str, bytes]]:
    """What is said in a call with a change, to whom."""
    world, said = World(), []
    anna, room = world.party("192.0.2.1"), world.party("192.0.2.2")
    anna.react = room.react = obliging()
    carry = world.carry
    world.carry = lambda sender, send: (said.append((send.flow.host, send.data)), carry(sender, send))
    call = anna.invite(room)
    world.run(1.0)
    anna.do(anna.agent.reinvite(call, b"again", world.now))
    anna.do(anna.agent.want_key_frame(call, world.now))
    world.run(2.0)
    return said


RECORDED = _recorded()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_spoilt_messages_inside_a_call_do_no_harm(data: st.DataObject) -> None:
    """The words of a call, some changed, put into the same call: no exception, and all ends without a trace."""
    world = World()
    anna, room = world.party("192.0.2.1"), world.party("192.0.2.2")
    anna.react = room.react = obliging()
    call = anna.invite(room)
    world.run(1.0)
    assert call
    for _ in range(data.draw(st.integers(1, 6))):
        host, words = data.draw(st.sampled_from(RECORDED))
        spoilt = bytearray(words)
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(spoilt) - 1))
            spoilt[at : at + 1] = data.draw(
                st.sampled_from([b"", b"\r\n", b"0", b"9", b"<", b";", b"BYE", b"\xff"])
            )
        party = world.parties[host]
        party.do(party.agent.receive(bytes(spoilt), PEER, world.now))
        world.run(world.now + 0.3)
    for party in (anna, room):
        for owner in list(party.agent._core.owners.values()):
            if not owner.over:  # type: ignore[attr-defined]
                party.do(party.agent.hang_up(e.CallId(owner.id), world.now))
    world.run(world.now + 300)
    assert world.empty()


def test_names_are_shown_as_they_were_written() -> None:
    """The caller's name reaches the owner whole."""
    peer = Scripted()
    peer.hear(asks("INVITE", "a").replace(b"From: <", 'From: "Dr. Bl\u00e5" <'.encode()))
    assert peer.told[0].caller == NameAddr.parse('"Dr. Bl\u00e5" <sip:anna@ward.example>;tag=anna')
    assert parse(peer.sent[0].encode()).from_.name == "Dr. Bl\u00e5"
