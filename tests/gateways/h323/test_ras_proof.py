"""An endpoint of a gatekeeper's: whom it believes, and what becomes of all other datagrams."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.h323.messages import place
from signalling.gateways.h323.ras.events import Admitted, Datagram, NotAdmitted, Unregistered
from signalling.gateways.h323.ras.tokens import Tokens
from signalling.gateways.h323.wire.asn1 import Kind, decode, encode
from tests.gateways.h323.captured import packets
from tests.gateways.h323.gatekeepers import (
    NOW_BY_THE_WALL,
    OTHER,
    ROUTED,
    THERE,
    identity,
    incoming,
    outgoing,
    scene,
)

SECRET = "correct horse"  # noqa: S105


def test_with_a_password_both_sides_prove_themselves() -> None:
    """Each message, to each other, once."""
    it = scene(password=SECRET)
    theirs = Tokens(SECRET, random.Random(8), lambda: NOW_BY_THE_WALL + 30)
    it.endpoint.register(it.now)
    asked = it.heard("gatekeeperRequest")
    assert asked["algorithmOIDs"] == [(0, 0, 8, 235, 0, 2, 6)]
    it.confirm_discovery(asked["requestSeqNum"])
    (request,) = [one for one in it.endpoint.collect() if isinstance(one, Datagram)]
    body = decode(Kind.RAS, request.data)[1]
    assert theirs.proven(request.data, body, ("gk",))
    assert not theirs.proven(request.data, body, ("another",))
    for at in range(0, len(request.data), 7):
        changed = bytearray(request.data)
        changed[at] ^= 1
        assert not theirs.proven(bytes(changed), body, ("gk",))
    assert not Tokens("wrong", random.Random(8), lambda: NOW_BY_THE_WALL).proven(request.data, body, ("gk",))
    assert not Tokens(SECRET, random.Random(8), lambda: NOW_BY_THE_WALL + 700).proven(request.data, body, ("gk",))
    # An answer that proves nothing counts for nothing.
    it.confirm_registration(body["requestSeqNum"])
    assert (it.endpoint.counts["unproven"], it.endpoint.registered) == (1, False)
    confirm = {
        "protocolIdentifier": (0, 0, 8, 2250, 0, 6),
        "callSignalAddress": [place(*ROUTED)],
        "endpointIdentifier": "17_endp",
        "requestSeqNum": body["requestSeqNum"],
    }
    # One for another endpoint with the same password neither; one for whom it makes us does.
    for receiver, registered in (("18_endp", False), ("17_endp", True)):
        it.endpoint.receive(theirs.sign("registrationConfirm", confirm, "gk", receiver), THERE, it.now)
        assert it.endpoint.registered == registered
    # When asked again it is signed again: one token serves once.
    it.events()
    it.wait()
    first, second = (it.endpoint.collect(), it.wait(), it.endpoint.collect())[::2]
    assert first[0].data != second[0].data


def test_a_wrong_password_looks_like_no_answer_and_is_told_apart() -> None:
    """Since who does not have it cannot refuse us in a way that counts."""
    it = scene(password=SECRET)
    it.endpoint.register(it.now)
    it.confirm_discovery(it.heard("gatekeeperRequest")["requestSeqNum"])
    for _ in range(3):
        number = it.heard("registrationRequest")["requestSeqNum"]
        refusal = {"protocolIdentifier": (0, 0, 8, 2250, 0, 4), "rejectReason": ("securityDenial", 0)}
        it.say("registrationReject", requestSeqNum=number, **refusal)
        it.wait()
    (told,) = it.events()
    assert told.reason == "securityDenial"
    assert it.endpoint.counts == {"unproven": 3}


def test_what_cannot_be_read_or_is_not_asked_for_is_counted() -> None:
    """And otherwise of no account."""
    it = scene()
    it.register()
    it.endpoint.receive(b"\xff" * 20, THERE, it.now)
    it.endpoint.receive(bytes(9000), THERE, it.now)
    it.endpoint.receive(b"", OTHER, it.now)
    it.confirm_admission(77)
    it.say("locationReject", requestSeqNum=1, rejectReason=("notRegistered", 0))
    assert it.endpoint.counts == {"malformed": 2, "stranger": 1, "unexpected": 1, "unknown": 1}
    it.say("admissionRequest", **decode(Kind.RAS, _captured("admissionRequest"))[1])
    assert it.heard("unknownMessageResponse")["messageNotUnderstood"]
    assert it.events() == []


@settings(max_examples=80)
@given(st.data())
def test_any_datagrams(data: st.DataObject) -> None:
    """None raises, all is over in the end, and the tables are empty."""
    it = scene()
    it.register()
    it.endpoint.admit(outgoing(1), it.now)
    it.endpoint.admit(incoming(2), it.now)
    it.gather()
    numbers = [body["requestSeqNum"] for _, body, _ in it.said]
    captured = [one.data for one in packets("gk") if one.kind == "ras"]
    for _ in range(data.draw(st.integers(1, 12))):
        message = data.draw(st.sampled_from(captured))
        if data.draw(st.booleans()):
            name, body = decode(Kind.RAS, message)
            message = encode(Kind.RAS, (name, body | {"requestSeqNum": data.draw(st.sampled_from(numbers))}))
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(message) - 1))
            message = message[:at] + data.draw(st.binary(min_size=1, max_size=3)) + message[at + 1 :]
        it.endpoint.receive(message, data.draw(st.sampled_from((THERE, OTHER))), it.now)
        if data.draw(st.booleans()) and it.endpoint.next_timeout() is not None:
            it.wait()
        it.gather()
    it.endpoint.unregister(it.now)
    for _ in range(50):
        if it.endpoint.next_timeout() is None:
            break
        it.wait()
    it.gather()
    assert it.endpoint.sizes == (0, 0)
    assert it.told[-1] == Unregistered()
    over = [one.call for one in it.told if isinstance(one, NotAdmitted)]
    admitted = [one.call for one in it.told if isinstance(one, Admitted)]
    assert sorted(over + admitted) == sorted({identity(1).call, identity(2).call})


def _captured(name: str) -> bytes:
    return next(one.data for one in packets("gk") if one.kind == "ras" and decode(Kind.RAS, one.data)[0] == name)
