"""An endpoint of a gatekeeper's: calls by its leave, their end, and what it asks about them."""

import pytest

from signalling.gateways.h323.errors import CommandError
from signalling.gateways.h323.messages import place
from signalling.gateways.h323.ras.events import Admitted, Dropped, NotAdmitted, Registered
from signalling.gateways.h323.wire.asn1 import Kind, decode
from tests.gateways.h323.captured import packets
from tests.gateways.h323.gatekeepers import ROUTED, SIGNALLING, THERE, identity, incoming, outgoing, scene


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
