"""Calls in and out, on a virtual clock: what is said when, and that nothing is left in the end."""

from typing import Any

import pytest

from signalling.gateways.h323 import causes
from signalling.gateways.h323 import events as e
from signalling.gateways.h323.control import events as c
from signalling.gateways.h323.outgoing import Invitation
from signalling.gateways.h323.settings import Settings
from signalling.gateways.h323.wire import q931
from signalling.gateways.h323.wire.q931 import Element, Kind
from signalling.gateways.interface import Ending, Miss
from tests.gateways.h323.scripted import END, GUID, INFO, PEER, ROUND_TRIP, World, during, setup

CONTROL_PLACE = ("ipAddress", {"ip": bytes((192, 0, 2, 7)), "port": 3000})
UNKNOWN = ("unknown", 0)
ELSEWHERE = ("ipAddress", {"ip": bytes((192, 0, 2, 99)), "port": 3000})


def names(world: World, line: e.LineId) -> list[str]:
    """What the agent said, by names."""
    return [one.name for one in world.heard(line)]


def ended(world: World) -> e.Ended:
    """The last word on a call."""
    over = [one for one in world.events if isinstance(one, e.Ended)]
    assert len(over) == 1
    assert world.events[-1] is over[0]
    return over[0]


def test_a_tunnelled_call_comes_and_is_hung_up_on() -> None:
    """As capture c1: H.245 rides in Connect and in Facility, and the end of it in ReleaseComplete."""
    world = World()
    line, call = world.called()
    assert (call.numbers, call.caller, call.host) == (("47110815",), "Ward 7", PEER)
    assert call.identity == e.Identity(GUID, GUID, 7)
    world.do(world.agent.ring(call.call, world.now))
    world.do(world.agent.accept(call.call, world.now))
    proceeding, alerting, connect = world.heard(line)
    assert [proceeding.kind, alerting.kind, connect.kind] == [Kind.CALL_PROCEEDING, Kind.ALERTING, Kind.CONNECT]
    assert connect.message.from_called
    assert connect.message.reference == 7
    assert connect.body["callIdentifier"]["guid"] == connect.body["conferenceID"] == GUID
    assert connect.control == [ROUND_TRIP]
    assert all(one.pdu["h245Tunnelling"] for one in (proceeding, alerting, connect))
    world.say(line, Kind.FACILITY, "empty", control=(ROUND_TRIP,))
    assert world.control.told == [("start", None), "roundTripDelayRequest"]
    world.control.out.append(c.Ready())
    world.control.out.append(c.Send(ROUND_TRIP))
    world.do(
        world.agent.want_key_frame(call.call, world.now) if False else world.agent.refuse(call.call, world.now)
    )
    (facility,) = world.heard(line)
    assert (facility.name, facility.control) == ("empty", [ROUND_TRIP])
    assert isinstance(world.events[-1], e.Ready)
    world.say(line, Kind.RELEASE_COMPLETE, "releaseComplete", {}, elements={Element.CAUSE: q931.cause(16)})
    assert ended(world) == e.Ended(call.call, e.Ending.HUNG_UP_THERE, 16)
    assert world.wishes[-1] == e.Close(line)
    assert world.is_empty()


def test_we_hang_up() -> None:
    """With the end of H.245, the cause and the reason; the peer is given a moment to close."""
    world = World()
    line, call = world.called()
    world.do(world.agent.accept(call.call, world.now))
    world.heard(line)
    world.do(world.agent.hang_up(call.call, world.now, *causes.RELEASES[Ending.STOPPING]))
    (release,) = world.heard(line)
    assert release.control == [END]
    assert (release.message.cause, release.body["reason"]) == (41, ("gatewayResources", 0))
    world.say(line, Kind.FACILITY, "empty", control=(ROUND_TRIP,))
    assert world.heard(line) == []
    assert ended(world).why is e.Ending.HUNG_UP_HERE
    assert e.Close(line) not in world.wishes
    world.wait(5)
    assert world.wishes[-1] == e.Close(line)
    assert world.is_empty()


def test_the_end_of_the_session_ends_the_call() -> None:
    """Also where the peer says nothing else."""
    world = World()
    line, call = world.called()
    world.do(world.agent.accept(call.call, world.now))
    world.say(line, Kind.FACILITY, "empty", control=(END,))
    assert ended(world).why is e.Ending.HUNG_UP_THERE
    assert world.heard(line)[-1].name == "releaseComplete"


def test_messages_from_before_the_call_is_taken_are_kept() -> None:
    """In Setup, beside a fast start, and in Facility."""
    world = World()
    line, call = world.called(control=(ROUND_TRIP,))
    world.say(line, Kind.FACILITY, "empty", control=(ROUND_TRIP,))
    assert world.control.told == []
    world.do(world.agent.accept(call.call, world.now))
    assert world.control.told == [("start", None), "roundTripDelayRequest", "roundTripDelayRequest"]


def test_h245_apart_is_on_a_port_that_connect_tells() -> None:
    """As capture c2."""
    world = World()
    line, call = world.called(tunnels=False)
    world.do(world.agent.accept(call.call, world.now))
    (listen,) = world.wishes
    assert isinstance(listen, e.Listen)
    assert listen.host == PEER
    assert names(world, line) == ["callProceeding"]
    world.do(world.agent.listens(listen.line, 5555, world.now))
    (connect,) = world.heard(line)
    assert connect.body["h245Address"] == ("ipAddress", {"ip": bytes((127, 0, 0, 1)), "port": 5555})
    assert not connect.pdu["h245Tunnelling"]
    world.do(world.agent.opened(listen.line, world.now))
    assert world.heard_control(listen.line) == [ROUND_TRIP]
    world.do(world.agent.hang_up(call.call, world.now))
    assert world.heard_control(listen.line) == [END]
    assert e.Close(listen.line) in world.wishes
    assert world.heard(line)[0].control == []
    world.wait(5)
    assert world.is_empty()


def test_we_connect_for_h245_to_whom_calls_and_to_nobody_else() -> None:
    """A caller must not have us knock at other doors; it is told where we are instead."""
    for place, connects in ((CONTROL_PLACE, True), (ELSEWHERE, False)):
        world = World()
        line, call = world.called(tunnels=False, body={"h245Address": place})
        world.do(world.agent.accept(call.call, world.now))
        assert "connect" in names(world, line)
        (wish,) = world.wishes
        assert isinstance(wish, e.Open if connects else e.Listen)
        if isinstance(wish, e.Open):
            assert (wish.host, wish.port) == (PEER, 3000)
        else:
            world.do(world.agent.listens(wish.line, 5555, world.now))
            assert [one.body["reason"] for one in world.heard(line)] == [("startH245", 0)]


def test_who_cannot_be_connected_to_is_told_where_we_are() -> None:
    """Once."""
    world = World()
    line, call = world.called(tunnels=False, body={"h245Address": CONTROL_PLACE})
    world.do(world.agent.accept(call.call, world.now))
    opening = world.wishes[-1]
    assert isinstance(opening, e.Open)
    world.do(world.agent.broken(opening.line, world.now))
    listen = world.wishes[-1]
    assert isinstance(listen, e.Listen)
    world.do(world.agent.listens(listen.line, 5555, world.now))
    assert names(world, line)[-1] == "facility"
    world.wait(30)
    assert ended(world).why is e.Ending.NO_CONTROL
    assert world.is_empty()


def test_both_that_wait_for_the_other_do_not_wait_long() -> None:
    """We listen, and the peer says where it does: we go there."""
    world = World()
    line, call = world.called(tunnels=False)
    world.do(world.agent.accept(call.call, world.now))
    listen = world.wishes[-1]
    assert isinstance(listen, e.Listen)
    world.do(world.agent.listens(listen.line, 5555, world.now))
    body = {"reason": ("startH245", 0), "h245Address": CONTROL_PLACE, "conferenceID": GUID}
    world.say(line, Kind.FACILITY, "facility", during(**body) | {"destinationInfo": INFO}, tunnels=False)
    assert world.wishes[-2] == e.Close(listen.line)
    assert isinstance(world.wishes[-1], e.Open)


def test_a_call_of_ours_is_taken() -> None:
    """Setup, proceeding, ringing, Connect, H.245 with what we offer."""
    world = World()
    line, call = world.calls()
    (sent,) = world.heard(line)
    assert sent.message.called is not None
    assert sent.message.called.digits == "47110815"
    assert sent.body["destinationAddress"] == [("dialledDigits", "47110815")]
    assert not sent.message.from_called
    more = {"reference": sent.message.reference, "from_called": True}
    world.say(line, Kind.CALL_PROCEEDING, "callProceeding", during(), **more)
    world.say(line, Kind.ALERTING, "alerting", during(), **more)
    world.say(line, Kind.ALERTING, "alerting", during(), **more)
    world.say(line, Kind.CONNECT, "connect", during(conferenceID=GUID), control=(ROUND_TRIP,), **more)
    assert world.events == [e.Ringing(call), e.Accepted(call, PEER)]
    assert world.control.told == [("start", "v=0\r\n"), "roundTripDelayRequest"]
    (facility,) = world.heard(line)
    assert facility.control == [ROUND_TRIP]
    world.do(world.agent.broken(line, world.now))
    assert ended(world).why is e.Ending.LOST
    assert world.is_empty()


def test_a_call_of_ours_to_one_that_does_not_tunnel() -> None:
    """It says where its H.245 is, or we say where ours is."""
    for where in (CONTROL_PLACE, None):
        world = World()
        line, _ = world.calls()
        (sent,) = world.heard(line)
        more = {"reference": sent.message.reference, "from_called": True, "tunnels": False}
        body = during(conferenceID=GUID) | ({} if where is None else {"h245Address": where})
        world.say(line, Kind.CONNECT, "connect", body, **more)
        wish = world.wishes[-1]
        if where is None:
            assert isinstance(wish, e.Listen)
            world.do(world.agent.listens(wish.line, 5555, world.now))
            assert [one.body["reason"] for one in world.heard(line)] == [("startH245", 0)]
        else:
            assert isinstance(wish, e.Open)
        world.do(world.agent.opened(wish.line, world.now))
        assert world.heard_control(wish.line) == [ROUND_TRIP]
        assert world.control.told == [("start", "v=0\r\n")]


def test_a_gatekeepers_word_on_tunnelling_is_not_the_peers() -> None:
    """provisionalRespToH245Tunnelling."""
    world = World()
    line, _ = world.calls()
    (sent,) = world.heard(line)
    more = {"reference": sent.message.reference, "from_called": True}
    world.say(line, Kind.CALL_PROCEEDING, "callProceeding", during(), **more)
    world.say(line, Kind.CONNECT, "connect", during(conferenceID=GUID), tunnels=None, **more)
    assert isinstance(world.wishes[-1], e.Listen), "a peer of the first version says nothing of it"


@pytest.mark.parametrize(
    ("steps", "seconds", "why"),
    [
        ((), 8, e.Ending.LOST),
        ((Kind.CALL_PROCEEDING,), 30, e.Ending.NOT_ANSWERED),
        ((Kind.CALL_PROCEEDING, Kind.ALERTING), 180, e.Ending.NOT_ANSWERED),
        ((Kind.CONNECT,), 20, e.Ending.NO_CONTROL),
    ],
)
def test_every_stage_has_its_time(steps: tuple[Kind, ...], seconds: float, why: e.Ending) -> None:
    """And a release with a cause at its end."""
    world = World()
    line, _ = world.calls()
    (sent,) = world.heard(line)
    bodies: dict[Kind, tuple[str, Any]] = {
        Kind.CALL_PROCEEDING: ("callProceeding", during()),
        Kind.ALERTING: ("alerting", during()),
        Kind.CONNECT: ("connect", during(conferenceID=GUID)),
    }
    for kind in steps:
        world.say(line, kind, *bodies[kind], reference=sent.message.reference, from_called=True)
    world.heard(line)
    world.wait(seconds - 0.5)
    assert not any(isinstance(one, e.Ended) for one in world.events)
    world.wait(1)
    assert ended(world).why is why
    (release,) = world.heard(line)
    assert release.message.cause in (88, causes.TIMER)
    world.wait(5)
    assert world.is_empty()


def test_a_call_whose_connection_never_comes() -> None:
    """Is lost, or taken back without a word."""
    world = World()
    for act in ("broken", "hang_up"):
        call, actions = world.agent.invite(_invitation(world), world.now)
        world.do(actions)
        opening = world.wishes[-1]
        assert isinstance(opening, e.Open)
        if act == "broken":
            world.do(world.agent.broken(opening.line, world.now))
        else:
            world.do(world.agent.hang_up(call, world.now))
            assert world.wishes[-1] == e.Close(opening.line)
            assert world.agent.opened(opening.line, world.now) == [e.Close(opening.line)]
        assert isinstance(world.events[-1], e.Ended)
        assert world.sent == {}
        assert world.is_empty()


def _invitation(world: World) -> Any:
    return Invitation(PEER, 1720, "ward", "v=0\r\n", world.agent.identity())


def test_questions_and_keys() -> None:
    """A StatusEnquiry is answered with the state, and INFORMATION brings keys (as of a peer without H.245)."""
    world = World()
    line, call = world.called()
    world.say(line, Kind.STATUS_ENQUIRY, "empty")
    world.do(world.agent.accept(call.call, world.now))
    world.say(line, Kind.STATUS_ENQUIRY, "empty")
    states = [one for one in world.heard(line) if one.kind == Kind.STATUS]
    assert [one.message.elements[Element.CALL_STATE] for one in states] == [b"\x09", b"\x0a"]
    assert [one.message.cause for one in states] == [30, 30]
    body = {"protocolIdentifier": (0, 0, 8, 2250, 0, 4)}
    world.say(line, Kind.INFORMATION, "information", body, elements={Element.KEYPAD: b"1a!#"})
    assert [one.key for one in world.events if isinstance(one, e.KeyPressed)] == ["1", "A", "#"]


def test_a_second_call_on_a_connection_is_told_to_come_on_its_own() -> None:
    """And does not disturb the first."""
    world = World()
    line, call = world.called()
    world.heard(line)
    world.say(line, Kind.SETUP, "setup", setup(), reference=8)
    (release,) = world.heard(line)
    assert release.message.reference == 8
    assert release.body["reason"] == ("newConnectionNeeded", 0)
    world.do(world.agent.accept(call.call, world.now))
    assert names(world, line) == ["connect"]


def test_what_is_no_call_is_turned_down() -> None:
    """Supplementary services without one, and one more than there may be."""
    world = World(Settings(encrypts=False, max_calls=1))
    line = world.connect()
    goal = ("callIndependentSupplementaryService", 0)
    world.say(line, Kind.SETUP, "setup", setup(conferenceGoal=goal))
    assert [one.message.cause for one in world.heard(line)] == [29]
    world.called()
    other = world.connect()
    world.say(other, Kind.SETUP, "setup", setup())
    (release,) = world.heard(other)
    assert (release.message.cause, release.body["reason"]) == (42, ("gatewayResources", 0))
    assert world.agent.counts["too_many_calls"] == 1


@pytest.mark.parametrize(
    ("aliases", "elements", "numbers"),
    [
        ([("h323-ID", "47110815")], {}, ("47110815",)),
        ([("url-ID", "h323:47110815@bridge.example")], {}, ("47110815",)),
        ([("email-ID", "47110815@bridge.example")], {}, ("47110815",)),
        ([("h323-ID", "Room"), ("dialledDigits", "4711")], {}, ("Room", "4711")),
        ([("dialledDigits", "4711")], {Element.CALLED_NUMBER: q931.number("47110815")}, ("47110815", "4711")),
        ([("transportID", CONTROL_PLACE)], {}, ()),
        (
            [
                (
                    "partyNumber",
                    ("e164Number", {"publicTypeOfNumber": ("unknown", 0), "publicNumberDigits": "47110815"}),
                )
            ],
            {},
            ("47110815",),
        ),
        (
            [
                (
                    "partyNumber",
                    ("privateNumber", {"privateTypeOfNumber": UNKNOWN, "privateNumberDigits": "4711"}),
                )
            ],
            {},
            ("4711",),
        ),
    ],
)
def test_who_is_called(aliases: list[Any], elements: dict[int, bytes], numbers: tuple[str, ...]) -> None:
    """By a number, a name, a URL."""
    _, call = World().called(body={"destinationAddress": aliases}, elements=elements)
    assert call.numbers == numbers


@pytest.mark.parametrize(
    ("body", "elements", "shown"),
    [
        ({}, {}, "Ward 7"),
        ({"sourceAddress": [("h323-ID", "Ward"), ("dialledDigits", "60123")]}, {}, "60123"),
        ({}, {Element.CALLING_NUMBER: q931.number("+4722334455")}, "+4722334455"),
        ({}, {Element.CALLING_NUMBER: bytes((0x11, 0xA0)) + b"4722334455"}, ""),
        ({"presentationIndicator": ("presentationRestricted", 0)}, {}, ""),
        ({"sourceAddress": [("h323-ID", "\u202e7 draw")]}, {}, ""),
        ({"sourceAddress": [("h323-ID", "W" * 256)]}, {}, ""),
    ],
)
def test_who_calls(body: dict[str, Any], elements: dict[int, bytes], shown: str) -> None:
    """A number before a name, and nothing of one who withholds it, or writes what no name has."""
    _, call = World().called(body=body, elements=elements)
    assert call.caller == shown
    assert not shown or shown not in repr(call)


@pytest.mark.parametrize(
    ("cause", "reason", "why"),
    [
        (17, "", Miss.BUSY),
        (None, "inConf", Miss.BUSY),
        (19, "", Miss.NO_ANSWER),
        (16, "", Miss.DECLINED),
        (31, "destinationRejection", Miss.DECLINED),
        (88, "", Miss.NO_MEDIA),
        (31, "securityDenied", Miss.NO_MEDIA),
        (1, "", Miss.UNREACHABLE),
        (None, "", Miss.UNREACHABLE),
        (None, "_ext_3", Miss.UNREACHABLE),
    ],
)
def test_why_a_call_was_not_taken_is_told_in_a_word(cause: int | None, reason: str, why: Miss) -> None:
    """Of the many that H.323 has for it."""
    assert causes.miss(cause, reason) is why
    world = World()
    line, call = world.calls()
    (sent,) = world.heard(line)
    body = {"reason": (reason, 0)} if reason and not reason.startswith("_") else {}
    elements = {} if cause is None else {Element.CAUSE: q931.cause(cause)}
    more = {"reference": sent.message.reference, "from_called": True, "elements": elements}
    world.say(line, Kind.RELEASE_COMPLETE, "releaseComplete", body, **more)
    assert ended(world) == e.Ended(call, e.Ending.HUNG_UP_THERE, cause, body.get("reason", ("",))[0])


def test_every_ending_of_the_bridges_has_a_cause() -> None:
    """And a reason that H.225.0 knows, or none."""
    for why in Ending:
        world = World()
        line, call = world.called()
        world.heard(line)
        world.do(world.agent.hang_up(call.call, world.now, *causes.RELEASES[why]))
        (release,) = world.heard(line)
        assert release.message.cause == causes.RELEASES[why][0]
