"""An endpoint of a gatekeeper's: how it is found, registered with, kept, changed and left."""

import pytest

from signalling.gateways.h323.messages import place
from signalling.gateways.h323.ras.events import NotRegistered, Registered, Unregistered
from tests.gateways.h323.gatekeepers import HERE, OTHER, SIGNALLING, THERE, scene

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
