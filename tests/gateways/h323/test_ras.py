"""An endpoint of a gatekeeper's: discovery, registration, admission, and whatever else comes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gateways.h323.errors import CommandError
from signalling.gateways.h323.messages import place
from signalling.gateways.h323.ras.events import (
    Admitted,
    Datagram,
    Dropped,
    NotAdmitted,
    NotRegistered,
    Registered,
    Unregistered,
)
from signalling.gateways.h323.ras.tokens import Tokens
from signalling.gateways.h323.wire.asn1 import Kind, decode, encode
from tests.gateways.h323.captured import packets
from tests.gateways.h323.gatekeepers import (
    HERE,
    NOW_BY_THE_WALL,
    OTHER,
    ROUTED,
    SIGNALLING,
    THERE,
    identity,
    incoming,
    outgoing,
    scene,
)

SECRET = "correct horse"  # noqa: S105
ALTERNATE = {"rasAddress": place(*OTHER), "needToRegister": True, "priority": 1}


def test_it_is_found_registered_with_and_kept() -> None:
    """Renewed before its time by a short request."""
    it = scene()
    it.endpoint.register(it.now)
    asked = it.heard("gatekeeperRequest")
    assert asked["endpointAlias"] == [("h323-ID", "bridge"), ("dialledDigits", "1001")]
    it.confirm_discovery(asked["requestSeqNum"])
    asked = it.heard("registrationRequest")
    assert (asked["keepAlive"], asked["gatekeeperIdentifier"]) == (False, "gk")
    assert asked["callSignalAddress"] == [place(*SIGNALLING)]
    assert asked["rasAddress"] == [place(*HERE)]
    assert asked["terminalAlias"] == [("h323-ID", "bridge"), ("dialledDigits", "1001")]
    it.confirm_registration(asked["requestSeqNum"])
    assert it.events() == [Registered(60)]
    assert (it.endpoint.registered, it.endpoint.endpoint) == (True, "17_endp")
    assert it.endpoint.hosts == {THERE[0]}
    for _ in range(3):
        assert 30 < it.wait() < 45
        asked = it.heard("registrationRequest")
        assert (asked["keepAlive"], asked["endpointIdentifier"]) == (True, "17_endp")
        assert "terminalAlias" not in asked
        it.confirm_registration(asked["requestSeqNum"])
        assert it.events() == [Registered(60)]
    assert it.endpoint.sizes == (0, 0)


def test_with_prefixes_it_is_a_gateway() -> None:
    """To which the gatekeeper gives all numbers that begin so."""
    it = scene(prefixes=("88",))
    it.endpoint.register(it.now)
    ((_, protocol),) = it.heard("gatekeeperRequest")["endpointType"]["gateway"]["protocol"]
    assert protocol["supportedPrefixes"] == [{"prefix": ("dialledDigits", "88")}]


def test_it_asks_again_and_rests_longer_each_time() -> None:
    """The same question under the same number."""
    it = scene()
    it.endpoint.register(it.now)
    rests = []
    for _ in range(8):
        first = it.heard("gatekeeperRequest")
        for _ in range(2):
            assert it.wait() == pytest.approx(3)
            assert it.heard("gatekeeperRequest") == first
        it.wait()
        (failed,) = it.events()
        assert isinstance(failed, NotRegistered)
        assert failed.reason == "noAnswer"
        assert it.wait() == pytest.approx(failed.after)
        rests.append(failed.after)
    assert 7.5 <= rests[0] <= 15
    assert all(150 <= rest <= 300 for rest in rests[5:])


def test_a_question_in_progress_is_waited_for() -> None:
    """As long as it says, and not for ever."""
    it = scene()
    it.endpoint.register(it.now)
    number = it.heard("gatekeeperRequest")["requestSeqNum"]
    for _ in range(12):
        it.say("requestInProgress", requestSeqNum=number, delay=20_000)
    assert it.endpoint.counts["unexpected"] == 2
    assert it.wait() == pytest.approx(20)
    it.heard("gatekeeperRequest")


def test_another_gatekeeper_is_asked_where_one_is_named() -> None:
    """By one that refuses, and by one that is gone later."""
    it = scene()
    it.endpoint.register(it.now)
    number = it.heard("gatekeeperRequest")["requestSeqNum"]
    refusal = {"protocolIdentifier": (0, 0, 8, 2250, 0, 4), "rejectReason": ("resourceUnavailable", 0)}
    info = {"alternateGatekeeper": [ALTERNATE], "altGKisPermanent": False}
    it.say("gatekeeperReject", requestSeqNum=number, **refusal, altGKInfo=info)
    it.gather()
    assert it.said[0][2] == OTHER
    # The first has nothing to say any more.
    number = it.heard("gatekeeperRequest")["requestSeqNum"]
    it.confirm_discovery(number, THERE)
    assert it.endpoint.counts == {"stranger": 1}
    it.confirm_discovery(number, OTHER)
    number = it.heard("registrationRequest")["requestSeqNum"]
    named = [{"rasAddress": place(*THERE), "needToRegister": True, "priority": 0}]
    it.confirm_registration(number, OTHER, alternateGatekeeper=named)
    assert it.events() == [Registered(60)]
    it.wait()
    for _ in range(2):
        it.heard("registrationRequest")
        it.wait()
    it.heard("registrationRequest")
    it.wait()
    assert it.events() == [NotRegistered("noAnswer", 0.0)]
    assert it.said[0][2] == THERE


def test_gatekeepers_that_name_each_other_end_the_search() -> None:
    """Not their own hunt."""
    it = scene()
    it.endpoint.register(it.now)
    at, other = THERE, OTHER
    for _ in range(8):
        number = it.heard("gatekeeperRequest")["requestSeqNum"]
        info = {"alternateGatekeeper": [ALTERNATE | {"rasAddress": place(*other)}], "altGKisPermanent": False}
        refusal = {"protocolIdentifier": (0, 0, 8, 2250, 0, 4), "rejectReason": ("terminalExcluded", 0)}
        it.say("gatekeeperReject", at, requestSeqNum=number, **refusal, altGKInfo=info)
        at, other = other, at
    (failed,) = it.events()
    assert failed.reason == "terminalExcluded"
    assert it.said == []


@pytest.mark.parametrize(
    ("why", "question"),
    [("fullRegistrationRequired", "registrationRequest"), ("discoveryRequired", "gatekeeperRequest")],
)
def test_a_gatekeeper_that_has_forgotten_us_gets_all_anew(why: str, question: str) -> None:
    """As it is told when its registration is renewed."""
    it = scene()
    it.register()
    it.wait()
    number = it.heard("registrationRequest")["requestSeqNum"]
    refusal = {"protocolIdentifier": (0, 0, 8, 2250, 0, 4), "rejectReason": (why, 0)}
    it.say("registrationReject", requestSeqNum=number, **refusal)
    assert it.events() == [NotRegistered(why, 0.0)]
    asked = it.heard(question)
    if question == "registrationRequest":
        assert not asked["keepAlive"]
        it.confirm_registration(asked["requestSeqNum"])
        assert it.events() == [Registered(60)]


def test_the_gatekeeper_unregisters_us() -> None:
    """Answered, also when asked again; registered anew after a moment."""
    it = scene()
    it.register()
    for _ in range(2):
        it.say(
            "unregistrationRequest",
            requestSeqNum=5,
            callSignalAddress=[place(*SIGNALLING)],
            reason=("reregistrationRequired", 0),
        )
        assert it.heard("unregistrationConfirm") == {"requestSeqNum": 5}
    (told,) = it.events()
    assert told.reason == "reregistrationRequired"
    assert not it.endpoint.registered
    assert it.wait() == pytest.approx(told.after)
    it.heard("gatekeeperRequest")


def test_we_leave() -> None:
    """Whether the gatekeeper takes note or not."""
    for answers in (True, False):
        it = scene()
        it.register()
        it.endpoint.unregister(it.now)
        asked = it.heard("unregistrationRequest")
        assert asked["endpointIdentifier"] == "17_endp"
        if answers:
            it.say("unregistrationConfirm", requestSeqNum=asked["requestSeqNum"])
        while it.endpoint.next_timeout() is not None:
            it.wait()
        assert it.events() == [Unregistered()]
        assert not it.endpoint.registered
        assert it.endpoint.sizes == (0, 0)


def test_a_call_of_ours_goes_where_the_gatekeeper_says() -> None:
    """And its end is told."""
    it = scene()
    it.register()
    it.endpoint.admit(outgoing(), it.now)
    asked = it.heard("admissionRequest")
    assert asked["destinationInfo"] == [("dialledDigits", "4711")]
    assert asked["srcInfo"] == [("h323-ID", "bridge"), ("dialledDigits", "1001")]
    assert (asked["answerCall"], asked["bandWidth"]) == (False, 20_000)
    assert asked["callIdentifier"]["guid"] == identity().call
    mapped = [("h323-ID", "ward7")]
    it.confirm_admission(asked["requestSeqNum"], destinationInfo=mapped)
    assert it.events() == [Admitted(identity().call, ROUTED, "ward7", "17_endp")]
    it.endpoint.disengage(identity().call, it.now)
    asked = it.heard("disengageRequest")
    assert (asked["endpointIdentifier"], asked["answeredCall"]) == ("17_endp", False)
    it.say("disengageConfirm", requestSeqNum=asked["requestSeqNum"])
    assert it.events() == []
    assert it.endpoint.sizes == (0, 0)


def test_a_call_to_us_is_answered_by_its_leave() -> None:
    """Or not."""
    it = scene()
    it.register()
    it.endpoint.admit(incoming(), it.now)
    asked = it.heard("admissionRequest")
    assert (asked["answerCall"], asked["srcInfo"]) == (True, [("h323-ID", "Ward 7")])
    assert asked["srcCallSignalAddress"] == place(*ROUTED)
    it.confirm_admission(asked["requestSeqNum"], destCallSignalAddress=place(*SIGNALLING))
    assert it.events() == [Admitted(identity().call, None, "", "17_endp")]
    it.endpoint.admit(incoming(2), it.now)
    number = it.heard("admissionRequest")["requestSeqNum"]
    it.say("admissionReject", requestSeqNum=number, rejectReason=("routeCallToGatekeeper", 0))
    assert it.events() == [NotAdmitted(identity(2).call, "routeCallToGatekeeper")]
    assert it.endpoint.sizes == (0, 1)


def test_without_a_registration_or_an_answer_there_is_no_call() -> None:
    """And a gatekeeper that does not answer is looked at."""
    it = scene()
    it.endpoint.admit(outgoing(), it.now)
    assert it.events() == [NotAdmitted(identity().call, "notRegistered")]
    it.register()
    it.endpoint.admit(outgoing(), it.now)
    for _ in range(3):
        it.heard("admissionRequest")
        it.wait()
    assert it.events() == [NotAdmitted(identity().call, "noAnswer")]
    assert it.heard("registrationRequest")["keepAlive"]


def test_a_call_that_is_over_before_it_is_admitted_is_given_back() -> None:
    """The gatekeeper counts it until then."""
    it = scene()
    it.register()
    it.endpoint.admit(outgoing(), it.now)
    number = it.heard("admissionRequest")["requestSeqNum"]
    it.endpoint.disengage(identity().call, it.now)
    assert it.events() == []
    it.confirm_admission(number)
    it.heard("disengageRequest")
    assert it.events() == []


def test_two_calls_with_one_identifier_are_not_mixed_up() -> None:
    """The caller chooses it: the first has it, before it is admitted and after."""
    it = scene()
    it.register()
    it.endpoint.admit(incoming(), it.now)
    number = it.heard("admissionRequest")["requestSeqNum"]
    with pytest.raises(CommandError):
        it.endpoint.admit(incoming(), it.now)
    it.confirm_admission(number)
    with pytest.raises(CommandError):
        it.endpoint.admit(incoming(), it.now)
    assert it.events() == [Admitted(identity().call, None, "", "17_endp")]
    assert it.endpoint.sizes == (0, 1)


def test_calls_that_are_granted_beforehand_are_not_asked_for() -> None:
    """Out by the gatekeeper, in from nobody else."""
    it = scene()
    granted = {
        "makeCall": True,
        "useGKCallSignalAddressToMakeCall": True,
        "answerCall": True,
        "useGKCallSignalAddressToAnswer": True,
    }
    it.register(preGrantedARQ=granted)
    it.endpoint.admit(outgoing(1), it.now)
    it.endpoint.admit(incoming(2), it.now)
    it.endpoint.admit(incoming(3, peer=("192.0.2.66", 4000)), it.now)
    assert it.events() == [
        Admitted(identity(1).call, ROUTED, "", "17_endp"),
        Admitted(identity(2).call, None, "", "17_endp"),
        NotAdmitted(identity(3).call, "routeCallToGatekeeper"),
    ]
    it.endpoint.disengage(identity(1).call, it.now)
    assert (it.events(), it.said) == ([], [])


def test_the_gatekeeper_ends_a_call() -> None:
    """One that is ours."""
    it = scene()
    it.register()
    it.endpoint.admit(outgoing(), it.now)
    it.confirm_admission(it.heard("admissionRequest")["requestSeqNum"])
    it.events()
    for number, other, answer in (
        (3, 1, "disengageConfirm"),
        (3, 1, "disengageConfirm"),
        (4, 2, "disengageReject"),
    ):
        about = identity(other)
        it.say(
            "disengageRequest",
            requestSeqNum=number,
            endpointIdentifier="17_endp",
            conferenceID=about.conference,
            callReferenceValue=about.reference,
            callIdentifier={"guid": about.call},
            disengageReason=("forcedDrop", 0),
        )
        it.heard(answer)
    assert it.events() == [Dropped(identity().call)]
    it.endpoint.disengage(identity().call, it.now)
    assert it.said == []


def test_the_gatekeeper_asks_about_calls() -> None:
    """About all, about one, and about one that is not."""
    it = scene()
    it.register()
    for number in (1, 2):
        it.endpoint.admit(incoming(number), it.now)
        it.confirm_admission(it.heard("admissionRequest")["requestSeqNum"], irrFrequency=30)
    it.events()
    for reference, about, status in ((0, {1, 2}, "complete"), (2, {2}, "complete"), (3, set(), "invalidCall")):
        it.say("infoRequest", requestSeqNum=9, callReferenceValue=reference)
        told = it.heard("infoRequestResponse")
        assert told["requestSeqNum"] == 9
        assert told["irrStatus"] == (status, 0)
        assert {one["callReferenceValue"] for one in told.get("perCallInfo", ())} == about
    # And it wants to know every 30 s.
    it.wait()
    it.gather()
    assert [name for name, _, _ in it.said] == ["infoRequestResponse"] * 2
    assert all(body["unsolicited"] for _, body, _ in it.said)


def test_bandwidth_is_changed_by_no_word_that_is_not_kept() -> None:
    """More is taken, less is not."""
    it = scene()
    it.register()
    it.endpoint.admit(outgoing(), it.now)
    it.confirm_admission(it.heard("admissionRequest")["requestSeqNum"])
    about = identity()
    for units, answer in ((30_000, "bandwidthConfirm"), (10_000, "bandwidthReject")):
        it.say(
            "bandwidthRequest",
            requestSeqNum=units,
            endpointIdentifier="17_endp",
            conferenceID=about.conference,
            callReferenceValue=about.reference,
            callIdentifier={"guid": about.call},
            bandWidth=units,
        )
        it.heard(answer)


def test_what_a_captured_gatekeeper_said_is_understood() -> None:
    """Discovery, registration and admission, with the numbers of our questions."""
    it = scene()
    said = {
        decode(Kind.RAS, one.data)[0]: decode(Kind.RAS, one.data)[1] for one in packets("gk") if one.kind == "ras"
    }
    it.endpoint.register(it.now)
    number = it.heard("gatekeeperRequest")["requestSeqNum"]
    it.say(
        "gatekeeperConfirm", **said["gatekeeperConfirm"] | {"requestSeqNum": number, "rasAddress": place(*THERE)}
    )
    asked = it.heard("registrationRequest")
    assert asked["gatekeeperIdentifier"] == "brotjeneste-test"
    it.say("registrationConfirm", **said["registrationConfirm"] | {"requestSeqNum": asked["requestSeqNum"]})
    assert it.events() == [Registered(19)]
    it.say("serviceControlIndication", **said["serviceControlIndication"])
    it.heard("serviceControlResponse")
    it.endpoint.admit(outgoing(), it.now)
    number = it.heard("admissionRequest")["requestSeqNum"]
    it.say("admissionConfirm", **said["admissionConfirm"] | {"requestSeqNum": number})
    (admitted,) = it.events()
    assert admitted.place == ("127.0.0.1", 1721)


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


def _captured(name: str) -> bytes:
    return next(one.data for one in packets("gk") if one.kind == "ras" and decode(Kind.RAS, one.data)[0] == name)
