"""Registration as a client: granted, refreshed, refused, challenged, taken back."""

import pytest

from signalling.gateways.sip import events as e
from signalling.gateways.sip.digest import Account, Accounts, Verifier
from signalling.gateways.sip.flows import Flow
from signalling.gateways.sip.message import Request
from signalling.gateways.sip.registration import Membership
from signalling.gateways.sip.values import NameAddr, Uri
from tests.gateways.sip.scripted import PEER, Scripted, says

REGISTRAR = Uri("sip", "trunk.example")
ADDRESS = NameAddr(Uri("sip", "trunk.example", user="bridge"))


def _register(peer: Scripted, *flows: Flow, accounts: Accounts | None = None) -> e.RegistrationId:
    membership = Membership(REGISTRAR, ADDRESS, flows or (PEER,), 600, accounts or {})
    handle, actions = peer.agent.register(membership, peer.now)
    peer.do(actions)
    return handle


def _count(peer: Scripted) -> int:
    return len([item for item in peer.sent if isinstance(item, Request)])


def test_it_is_refreshed_before_its_time_is_up() -> None:
    """RFC 3261 section 10.2.4: the same Call-ID, the next number, at some 75 to 90 % of what was granted."""
    peer = Scripted()
    handle = _register(peer)
    first = peer.last("REGISTER")
    assert (str(first.uri), first.headers.get("Expires")) == ("sip:trunk.example", "600")
    contact = first.headers.get("Contact")
    peer.hear(
        says(first, 200, "x", None, ("Contact", "<sip:other@192.0.2.7>;expires=9, " + f"{contact};expires=100"))
    )
    assert peer.told == [e.Registered(handle, 100)]
    peer.run(74.9)
    assert _count(peer) == 1
    peer.run(90.1)
    second = peer.last("REGISTER")
    assert second.call_id == first.call_id
    assert second.cseq.number == first.cseq.number + 1
    assert second.from_.tag == first.from_.tag


def test_a_challenge_is_answered() -> None:
    """401 is no failure where the account is known."""
    peer = Scripted()
    _register(peer, accounts={"trunk.example": Account("bridge", "secret")})
    verifier = Verifier("trunk.example", b"key", {}.get)
    lines = [("WWW-Authenticate", line) for line in verifier.challenges(0.0)]
    peer.hear(says(peer.last("REGISTER"), 401, "x", None, *lines))
    assert "Authorization" in peer.last("REGISTER").headers
    assert peer.told == []


def test_the_registrar_may_want_it_longer() -> None:
    """423 with Min-Expires; a registrar that goes on so is a failure."""
    peer = Scripted()
    _register(peer)
    peer.hear(says(peer.last("REGISTER"), 423, "x", None, ("Min-Expires", "1800")))
    assert peer.last("REGISTER").headers.get("Expires") == "1800"
    peer.hear(says(peer.last("REGISTER"), 423, "x", None, ("Min-Expires", "1800")))
    assert isinstance(peer.told[-1], e.RegistrationFailed)


@pytest.mark.parametrize("status", [403, 500, None])
def test_it_is_tried_again_ever_less_often(status: int | None) -> None:
    """RFC 5626 section 4.5: between half and whole of 30 s, 60 s and so on, up to half an hour."""
    peer = Scripted()
    handle = _register(peer)
    for _ in range(12):
        if status is None:
            peer.run(peer.now + 33)
        else:
            peer.hear(says(peer.last("REGISTER"), status, "x"))
        peer.run(peer.now + 1801)
    retries = [event.retry for event in peer.told if isinstance(event, e.RegistrationFailed)]
    assert 15 <= retries[0] <= 30
    assert all(900 <= retry <= 1800 for retry in retries[7:])
    assert all(event.registration == handle for event in peer.told)


def test_a_connection_that_is_gone_is_opened_again() -> None:
    """The registrar would send calls into nothing until the next refresh."""
    peer = Scripted()
    flow = Flow("TCP", "192.0.2.9", 5060)
    _register(peer, flow)
    peer.do(peer.agent.broken(Flow("TCP", "192.0.2.8", 5060), 0.0))
    peer.hear(says(peer.last("REGISTER"), 200, "x"))
    peer.do(peer.agent.broken(flow, 0.0))
    assert _count(peer) == 1
    peer.run(5.0)
    assert _count(peer) == 2


def test_it_is_taken_back() -> None:
    """Expires 0; what was under way is waited for, and nothing stays even if nobody answers."""
    for answered in (True, False):
        peer = Scripted()
        handle = _register(peer)
        peer.do(peer.agent.unregister(handle, 0.0))
        assert _count(peer) == 1
        peer.hear(says(peer.last("REGISTER"), 200, "x"))
        assert peer.last("REGISTER").headers.get("Expires") == "0"
        if answered:
            peer.hear(says(peer.last("REGISTER"), 200, "x"))
        peer.run(100.0)
        assert peer.told == [e.Unregistered(handle)]
        assert peer.empty()
