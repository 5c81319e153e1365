"""The sans-IO session: states, rate, version, and the reply that names the message at fault."""

# ruff: noqa: S106 - tokens here open nothing
from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling import messages as m
from signalling.errors import Code, Rejected
from signalling.session import Bucket, Close, Deliver, Effect, Limits, Reply, Session, State
from tests.signalling.conftest import joining
from tests.signalling.fakes import roster, welcome


def codes(effects: list[Effect]) -> list[str]:
    """Errors and closes, in short: `not_host`, `close:too_many`."""
    found: list[str] = []
    for effect in effects:
        if isinstance(effect, Reply) and isinstance(effect.message, m.ErrorMessage):
            found.append(effect.message.code)
        elif isinstance(effect, Close):
            found.append(f"close:{effect.code}")
    return found


def joined(place: m.Place = m.Place.ADMITTED, limits: Limits | None = None) -> Session:
    """Make a session that has joined."""
    session = Session(0.0, limits)
    assert isinstance(session.handle_text(joining(), 0.0)[0], Deliver)
    session.handle_outgoing(welcome(place))
    return session


LOCK = m.encode_client(m.Lock(locked=True, ref=7))


def test_join_must_be_first() -> None:
    """Another message before join is told so, and ends the connection."""
    session = Session(0.0)
    effects = session.handle_text(LOCK, 0.0)
    assert codes(effects) == ["wrong_state", "close:wrong_state"]
    assert effects[0].message.ref == 7
    assert session.handle_text(joining(), 0.0) == []


def test_join_twice_is_refused() -> None:
    """A second join on one connection is a fault without further effect."""
    session = joined()
    assert codes(session.handle_text(joining(), 0.0)) == ["wrong_state"]
    assert session.state is State.ADMITTED


def test_nothing_is_delivered_until_the_join_is_done() -> None:
    """Between join and welcome, acts are refused."""
    session = Session(0.0)
    session.handle_text(joining(), 0.0)
    assert codes(session.handle_text(LOCK, 0.0)) == ["wrong_state"]
    assert codes(session.handle_text('{"type":"leave"}', 0.0)) == ["wrong_state"]


def test_join_has_a_deadline() -> None:
    """Without a join within the time allowed, the session closes; after a join there is no deadline."""
    session = Session(5.0)
    assert session.poll_timeout() == 15.0
    assert session.handle_timeout(14.9) == []
    assert session.handle_timeout(15.0) == [Close(Code.JOIN_TIMEOUT)]
    assert session.poll_timeout() is None
    late = joined()
    assert late.poll_timeout() is None
    assert late.handle_timeout(1e9) == []


@pytest.mark.parametrize("extra", [{}, {"capabilities": ["new"]}])
def test_another_version_is_told_which_one_to_speak(extra: dict[str, object]) -> None:
    """A join of an unknown version hears `unsupported_version`, even with fields unknown here."""
    join = {"type": "join", "version": 2, "token": "t", "language": "nb"} | extra
    effects = Session(0.0).handle_text(json.dumps(join), 0.0)
    assert codes(effects) == ["unsupported_version", "close:unsupported_version"]
    assert effects[0].message.message.endswith("these versions: 1.")


def test_who_waits_may_prepare_and_leave_only() -> None:
    """Someone who waits may offer media, set mic and camera and leave; the rest is `not_admitted`."""
    session = joined(m.Place.WAITING)
    offer = m.Offer(sdp="v=0", sources=m.Sources(), ref=1)
    for message in (offer, m.SelfMute(muted=True, ref=2), m.Camera(on=False, ref=3)):
        assert session.handle_text(m.encode_client(message), 0.0) == [Deliver(message)]
    for message in (
        m.Admit(participant="p", ref=4),
        m.Pin(participant=None, ref=5),
        m.Viewport(slots=[], ref=8),
        m.Sharing(on=True, ref=6),
    ):
        effects = session.handle_text(m.encode_client(message), 0.0)
        assert codes(effects) == ["not_admitted"]
        assert effects[0].message.ref == message.ref
    assert session.handle_text('{"type":"leave"}', 0.0) == [Deliver(m.Leave()), Close(Code.LEFT)]


def test_the_roster_moves_a_session_between_places() -> None:
    """Being admitted, and being sent back to wait, is learned from one's own line of the roster."""
    session = joined(m.Place.WAITING)
    session.handle_outgoing(roster(m.Place.ADMITTED))
    assert session.handle_text(LOCK, 0.0) == [Deliver(m.Lock(locked=True, ref=7))]
    session.handle_outgoing(roster(m.Place.WAITING))
    assert codes(session.handle_text(LOCK, 0.0)) == ["not_admitted"]


@pytest.mark.parametrize("place", list(m.Place))
def test_a_ping_is_answered_here_and_reaches_nobody(place: m.Place) -> None:
    """Who waits and who is admitted may ask whether the line carries anything."""
    ping = m.encode_client(m.Ping(ref=4))
    assert joined(place).handle_text(ping, 0.0) == [Reply(m.Pong(ref=4))]


def test_a_ping_is_no_first_message_and_none_of_a_test() -> None:
    """It keeps no stranger's connection open, and prolongs no test."""
    ping = m.encode_client(m.Ping(ref=4))
    assert codes(Session(0.0).handle_text(ping, 0.0)) == ["wrong_state", "close:wrong_state"]
    session = Session(0.0)
    session.handle_text(m.encode_client(m.Test(version=1, token="t", ref=1)), 0.0)
    assert codes(session.handle_text(ping, 0.0)) == ["wrong_state"]


def test_after_bye_nothing_has_effect() -> None:
    """A session that has said bye answers nothing, and no late roster revives it."""
    session = joined()
    session.handle_outgoing(m.Bye(code=Code.REMOVED, message="x"))
    session.handle_outgoing(roster(m.Place.ADMITTED))
    assert session.state is State.CLOSED
    assert session.handle_text(LOCK, 0.0) == []
    assert session.handle_binary(0.0) == []
    assert session.handle_rejected(m.Leave(), Rejected(Code.INTERNAL)) == []


def test_a_refused_join_closes_and_a_refused_act_does_not() -> None:
    """The reply to a refused act carries its ref; a refused join is the end."""
    session = joined()
    effects = session.handle_rejected(m.Lock(locked=True, ref=9), Rejected(Code.NOT_HOST))
    assert effects == [Reply(m.ErrorMessage(ref=9, code=Code.NOT_HOST, message=Code.NOT_HOST.sentence))]
    door = Session(0.0)
    door.handle_text(joining(), 0.0)
    join = m.Join(version=1, token="t", language=m.Language.EN)
    assert codes(door.handle_rejected(join, Rejected(Code.LINK_USED))) == ["link_used", "close:link_used"]


def test_bad_messages_are_answered_with_their_ref_and_cost_more() -> None:
    """A member hears of a bad message and stays, until it sends too many of them."""
    session = joined(limits=Limits(burst=21, messages_per_second=0, bad_message_cost=10))
    effects = session.handle_text('{"type":"lock","locked":3,"ref":12}', 0.0)
    assert codes(effects) == ["bad_message"]
    assert effects[0].message.ref == 12
    assert codes(session.handle_binary(0.0)) == ["bad_message"]
    assert codes(session.handle_text("{", 0.0)) == ["too_many", "close:too_many"]


def test_a_bad_message_that_cannot_be_paid_for_is_still_named() -> None:
    """The last bad message hears what was wrong before the connection ends."""
    session = joined(limits=Limits(burst=5, messages_per_second=0, bad_message_cost=10))
    assert codes(session.handle_text("{", 0.0)) == ["bad_message", "too_many", "close:too_many"]


def test_a_stranger_gets_no_second_try() -> None:
    """A bad message before the join ends the connection."""
    assert codes(Session(0.0).handle_text("{", 0.0)) == ["bad_message", "close:bad_message"]
    assert codes(Session(0.0).handle_binary(0.0)) == ["bad_message", "close:bad_message"]
    large = " " * (m.MAX_MESSAGE_BYTES + 1)
    assert codes(Session(0.0).handle_text(large, 0.0)) == ["too_large", "close:too_large"]


def test_flood_is_cut_off_and_a_steady_rate_is_not() -> None:
    """Twenty messages a second go on for ever; a burst over sixty ends the connection."""
    session = joined()
    for i in range(1000):
        assert codes(session.handle_text(LOCK, 1.0 + i / 20)) == []
    flood = [codes(session.handle_text(LOCK, 100.0)) for _ in range(61)]
    assert flood[:60] == [[]] * 60
    assert flood[60] == ["too_many", "close:too_many"]


def test_switching_without_end_is_turned_down() -> None:
    """Each time would be kept for years and told to everybody; what else is said goes on."""
    session = joined()
    switch = [
        codes(session.handle_text(f'{{"type":"camera","on":{on},"ref":{ref}}}', 1.0))
        for ref, on in enumerate(["true", "false"] * 20)
    ]
    assert switch == [[]] * 30 + [["too_many"]] * 10
    assert codes(session.handle_text(LOCK, 1.0)) == []
    assert codes(session.handle_text('{"type":"camera","on":true,"ref":1}', 2.0)) == []


def test_long_messages_cost_more() -> None:
    """An offer of 256 kB is work for sixteen, and twenty of them a second are a flood."""
    offer = m.encode_client(m.Offer(sdp="v" * m.MAX_SDP_CHARS, sources=m.Sources(), ref=1))
    session = joined()
    heard = [codes(session.handle_text(offer, 0.0)) for _ in range(4)]
    assert heard == [[], [], [], ["too_many", "close:too_many"]]


def test_binary_flood_is_cut_off() -> None:
    """Binary frames are counted too."""
    session = joined(limits=Limits(burst=1, messages_per_second=0))
    assert codes(session.handle_binary(0.0)) == ["too_many", "close:too_many"]


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 5)), max_size=50))
def test_bucket_never_gives_more_than_its_rate(steps: list[tuple[float, int]]) -> None:
    """Over any run of a clock that may step back, the tokens given stay within burst and rate."""
    bucket, now, top, given_out = Bucket(2.0, 10.0, 0.0), 0.0, 0.0, 0
    for step, tokens in steps:
        now += step
        top = max(top, now)
        given_out += tokens if bucket.take(tokens, now) else 0
        assert given_out <= 10.0 + 2.0 * top + 1e-6


@given(st.lists(st.text(max_size=20) | st.sampled_from([joining(), LOCK, '{"type":"leave"}']), max_size=30))
def test_any_texts_leave_a_session_sound(texts: list[str]) -> None:
    """Whatever texts come in whatever order, the effects are well-formed, and none follows a close."""
    session = Session(0.0)
    for text in texts:
        before = session.state
        effects = session.handle_text(text, 0.0)
        assert not (before is State.CLOSED and effects)
        assert all(not isinstance(effect, Close) for effect in effects[:-1])
        assert (session.state is State.CLOSED) == (before is State.CLOSED or isinstance(effects[-1], Close))
        if any(isinstance(effect, Deliver) and isinstance(effect.message, m.Join) for effect in effects):
            session.handle_outgoing(welcome())


TEST = '{"type":"test","version":1,"token":"t","ref":3}'
OFFER = m.encode_client(m.Offer(sdp="v=0", sources=m.Sources(), ref=4))
REPORT = m.encode_client(m.TestReport(sent_kbps=1.0, frames=0, sound=False, ref=5))


def in_test(limits: Limits | None = None, now: float = 0.0) -> Session:
    """Make a session in a test."""
    session = Session(0.0, limits)
    assert isinstance(session.handle_text(TEST, now)[0], Deliver)
    return session


def test_a_test_takes_offers_and_one_report_and_is_over() -> None:
    """The report is delivered and closes, whatever becomes of it."""
    session = in_test()
    assert session.state is State.TESTING
    assert codes(session.handle_text(OFFER, 0.0)) == []
    effects = session.handle_text(REPORT, 0.0)
    assert isinstance(effects[0], Deliver)
    assert effects[1:] == [Close(Code.LEFT)]
    assert session.handle_text(REPORT, 0.0) == []


@pytest.mark.parametrize("text", [TEST, joining(), LOCK])
def test_no_way_leads_from_a_test_into_the_room(text: str) -> None:
    """A second test, a join and an act are refused, and the test goes on."""
    session = in_test()
    assert codes(session.handle_text(text, 0.0)) == ["wrong_state"]
    session.handle_text(OFFER, 0.0)
    assert session.state is State.TESTING


def test_somebody_who_has_joined_has_no_test_on_that_connection() -> None:
    """Neither admitted nor waiting nor while joining."""
    for place in m.Place:
        session = joined(place)
        assert codes(session.handle_text(TEST, 0.0)) == ["wrong_state"]
        assert codes(session.handle_text(REPORT, 0.0)) == ["wrong_state"]
    assert codes(Session(0.0).handle_text(REPORT, 0.0)) == ["wrong_state", "close:wrong_state"]


def test_a_test_without_end_is_ended() -> None:
    """It has its time from when it began, however busy it is."""
    session = in_test(Limits(join_seconds=10, test_seconds=30), now=9.0)
    assert session.poll_timeout() == 39.0
    session.handle_text(OFFER, 38.0)
    assert session.handle_timeout(38.9) == []
    assert session.handle_timeout(39.0) == [Close(Code.JOIN_TIMEOUT)]
    assert session.handle_text(OFFER, 39.0) == []


def test_a_test_of_another_version_and_a_refused_one_end_the_connection() -> None:
    """As with a join."""
    newer = '{"type":"test","version":9,"token":"t","ref":3,"new":true}'
    assert codes(Session(0.0).handle_text(newer, 0.0)) == ["unsupported_version", "close:unsupported_version"]
    test = m.Test(version=1, token="t", ref=3)
    effects = in_test().handle_rejected(test, Rejected(Code.TEST_BUSY))
    assert codes(effects) == ["test_busy", "close:test_busy"]
    assert effects[0].message.ref == 3


@pytest.mark.parametrize(
    "field",
    ['"sent_kbps":-1', '"frames":1e3', '"sound":1', '"rtt_ms":1e999', '"down":{"loss_percent":101}', '"x":1'],
)
def test_a_garbled_report_is_a_bad_message_and_may_be_made_again(field: str) -> None:
    """It costs what bad messages cost, and not the test."""
    session = in_test()
    garbled = f"{REPORT[:-1]},{field}}}"
    assert codes(session.handle_text(garbled, 0.0)) == ["bad_message"]
    assert isinstance(session.handle_text(REPORT, 0.0)[0], Deliver)


def on_duty() -> Session:
    """Make a session of somebody on duty."""
    session = Session(0.0)
    assert isinstance(session.handle_text(m.encode_client(m.Duty(version=1, ref=1)), 0.0)[0], Deliver)
    return session


TAKE = m.encode_client(m.Take(room="r_1", ref=3))


def test_on_duty_one_takes_rooms_for_as_long_as_one_likes() -> None:
    """No deadline, pings answered here, and a goodbye ends it."""
    session = on_duty()
    assert session.state is State.ON_DUTY
    assert session.poll_timeout() is None
    assert session.handle_text(TAKE, 90_000.0) == [Deliver(m.Take(room="r_1", ref=3))]
    assert session.handle_text(m.encode_client(m.Ping(ref=4)), 90_000.0) == [Reply(m.Pong(ref=4))]
    assert codes(session.handle_text(m.encode_client(m.Leave()), 90_000.0)) == ["close:left"]


@pytest.mark.parametrize("text", [LOCK, joining(), m.encode_client(m.Duty(version=1, ref=1))])
def test_no_way_leads_from_being_on_duty_into_a_room(text: str) -> None:
    """It takes a link, on another connection."""
    session = on_duty()
    assert codes(session.handle_text(text, 0.0)) == ["wrong_state"]
    assert session.state is State.ON_DUTY


def test_nobody_takes_a_room_from_inside_one() -> None:
    """Nor is on duty by the connection of a visit, or before anything."""
    session = joined()
    assert codes(session.handle_text(TAKE, 0.0)) == ["wrong_state"]
    assert codes(session.handle_text(m.encode_client(m.Duty(version=1, ref=1)), 0.0)) == ["wrong_state"]
    assert codes(Session(0.0).handle_text(TAKE, 0.0)) == ["wrong_state", "close:wrong_state"]


def test_who_is_not_let_on_duty_is_told_and_closed() -> None:
    """A room that cannot be taken ends nothing."""
    session, duty = on_duty(), m.Duty(version=1, ref=1)
    refused = session.handle_rejected(m.Take(room="r_1", ref=3), Rejected(Code.UNKNOWN_ROOM))
    assert codes(refused) == ["unknown_room"]
    assert codes(session.handle_rejected(duty, Rejected(Code.NOT_ON_ROTA))) == ["not_on_rota", "close:not_on_rota"]
