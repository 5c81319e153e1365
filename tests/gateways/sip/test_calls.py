"""Calls between two agents, after the flows of RFC 3665: what is sent, what is told, and that nothing stays."""

import pytest

from signalling.gateways.sip import events as e
from signalling.gateways.sip.errors import CommandError
from signalling.gateways.sip.message import Message, Request, Response
from tests.gateways.sip.network import Party, World, obliging


def _pair(**settings: object) -> tuple[World, Party, Party]:
    world = World()
    return world, world.party("192.0.2.1", **settings), world.party("192.0.2.2", **settings)


def _method(name: str) -> object:
    return lambda message: isinstance(message, Request) and message.method == name


def _status(status: int) -> object:
    return lambda message: isinstance(message, Response) and message.status == status


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_call_is_set_up_and_ended(transport: str) -> None:
    """RFC 3665 section 3.1, with the offer in the INVITE."""
    world = World()
    anna, room = world.party("192.0.2.1", transport), world.party("192.0.2.2", transport)
    room.react = obliging()
    call = anna.invite(room)
    world.run(1.0)
    assert [type(event) for event in anna.heard] == [e.Progress, e.Accepted]
    assert anna.heard[-1] == e.Accepted(call, b"answer")
    assert [type(event) for event in room.heard] == [e.IncomingCall, e.Confirmed]
    anna.do(anna.agent.hang_up(call, world.now))
    world.run(40.0)
    assert world.sent(anna.host) == ["INVITE", "ACK", "BYE"]
    assert world.sent(room.host) == ["100", "180", "200", "200"]
    assert (anna.endings(), room.endings()) == (["hung_up_here"], ["hung_up_there"])
    assert world.empty()


def test_a_call_without_an_offer() -> None:
    """The offer is in the 2xx, the answer in the ACK, which waits for the caller's owner."""
    world, anna, room = _pair()
    room.react = obliging(b"offer")
    call = anna.invite(room, None)
    world.run(1.0)
    assert anna.heard[-2:] == [e.Accepted(call), e.OfferReceived(call, b"offer", hold=False)]
    assert world.sent(anna.host) == ["INVITE"]
    anna.do(anna.agent.answer(call, b"answer", world.now))
    world.run(2.0)
    assert room.heard[-2:] == [e.AnswerReceived(room.last_call(), b"answer"), e.Confirmed(room.last_call())]
    room.do(room.agent.hang_up(room.last_call(), world.now))
    world.run(40.0)
    assert world.empty()


def test_an_ack_without_the_answer_that_is_due_ends_the_call() -> None:
    """RFC 3261 section 13.2.1: the first offer is in the 2xx, so the ACK has to answer it."""
    world, anna, room = _pair()
    room.react = obliging(b"offer")
    call = anna.invite(room, None)
    world.run(1.0)
    anna.do(anna.agent.refuse(call, world.now))
    world.run(40.0)
    assert room.endings() == ["bad_answer"]
    assert anna.endings() == ["hung_up_here"]
    assert world.empty()


def test_an_owner_that_never_answers_an_offer_ends_its_call() -> None:
    """The offer of a 2xx is not left open for ever."""
    world, anna, room = _pair()
    room.react = obliging(b"offer")
    anna.invite(room, None)
    world.run(90.0)
    assert anna.endings() == ["hung_up_here"]
    assert world.empty()


@pytest.mark.parametrize("status", [486, 603, 404])
def test_a_call_is_rejected(status: int) -> None:
    """RFC 3665 section 3.6 and others."""
    world, anna, room = _pair()
    call = anna.invite(room)
    world.run(0.5)
    room.do(room.agent.reject(room.last_call(), world.now, status))
    world.run(40.0)
    assert anna.heard[-1] == e.Ended(call, e.Ending.REJECTED_THERE, status)
    assert room.endings() == ["rejected_here"]
    assert world.empty()


def test_a_call_is_cancelled_while_it_rings() -> None:
    """RFC 3665 section 3.8."""
    world, anna, room = _pair()
    call = anna.invite(room)
    world.run(0.5)
    room.do(room.agent.ring(room.last_call(), world.now))
    world.run(1.0)
    anna.do(anna.agent.hang_up(call, world.now))
    world.run(40.0)
    assert world.sent(anna.host) == ["INVITE", "CANCEL", "ACK"]
    assert world.sent(room.host) == ["100", "180", "200", "487"]
    assert (anna.endings(), room.endings()) == (["hung_up_here"], ["cancelled"])
    assert world.empty()


def test_a_cancel_waits_for_a_provisional_response() -> None:
    """RFC 3261 section 9.1: hung up at once, the CANCEL follows the 100."""
    world, anna, room = _pair()
    call = anna.invite(room)
    anna.do(anna.agent.hang_up(call, world.now))
    assert world.sent(anna.host) == ["INVITE"]
    world.run(40.0)
    assert world.sent(anna.host) == ["INVITE", "CANCEL", "ACK"]
    assert world.empty()


def test_a_cancel_that_crosses_the_answer_becomes_a_bye() -> None:
    """RFC 3261 section 9.1: the 2xx won, so it is acknowledged and ended."""
    world, anna, room = _pair()
    call = anna.invite(room)
    world.run(0.5)
    room.do(room.agent.accept(room.last_call(), b"answer", world.now))
    anna.do(anna.agent.hang_up(call, world.now))
    world.run(40.0)
    assert world.sent(anna.host) == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert (anna.endings(), room.endings()) == (["hung_up_here"], ["hung_up_there"])
    assert world.empty()


def test_nobody_there() -> None:
    """408 of our own after timer B; a peer that only ever says 100 is cancelled after a while."""
    world, anna, room = _pair()
    room.deaf = _method("INVITE")
    anna.invite(room)
    world.run(40.0)
    assert anna.heard[-1].status == 408
    assert world.empty()
    room.deaf = lambda _: False
    anna.invite(room)
    world.run(400.0)
    assert anna.endings()[-1] == "not_answered"
    assert room.endings()[-1] in ("cancelled", "not_answered")
    assert world.empty()


def test_an_ack_that_never_comes() -> None:
    """RFC 3261 section 13.3.1.4: the 2xx goes out for 32 s, then BYE."""
    world, anna, room = _pair()
    room.react, room.deaf = obliging(), _method("ACK")
    anna.invite(room)
    world.run(100.0)
    assert world.sent(room.host).count("200") == 11
    assert world.sent(anna.host).count("ACK") == 11
    assert (anna.endings(), room.endings()) == (["hung_up_there"], ["no_ack"])
    assert world.empty()


def test_who_hangs_up_before_the_ack_says_bye_after_it() -> None:
    """RFC 3261 section 15: no BYE before the caller can know of the call."""
    world, anna, room = _pair()
    anna.invite(room)
    world.run(0.5)
    call = room.last_call()
    room.do(room.agent.accept(call, b"answer", world.now))
    room.do(room.agent.hang_up(call, world.now))
    assert world.sent(room.host)[-1] == "200"
    world.run(40.0)
    assert world.sent(room.host)[-1] == "BYE"
    assert (anna.endings(), room.endings()) == (["hung_up_there"], ["hung_up_here"])
    assert world.empty()


def test_a_bye_that_is_not_answered() -> None:
    """The call is forgotten after timer F."""
    world, anna, room = _pair()
    room.react = obliging()
    call = anna.invite(room)
    world.run(1.0)
    room.deaf = lambda _: True
    anna.do(anna.agent.hang_up(call, world.now))
    world.run(40.0)
    assert not any(anna.agent.sizes.values())


def test_both_hang_up_at_once() -> None:
    """Each BYE is answered."""
    world, anna, room = _pair()
    room.react = obliging()
    call = anna.invite(room)
    world.run(1.0)
    anna.do(anna.agent.hang_up(call, world.now))
    room.do(room.agent.hang_up(room.last_call(), world.now))
    world.run(40.0)
    assert (anna.endings(), room.endings()) == (["hung_up_here"], ["hung_up_here"])
    assert world.empty()


def test_early_media_goes_reliably_to_who_knows_how() -> None:
    """RFC 3262: the 183 is sent until its PRACK comes; its description is the answer, so the 2xx has none."""
    world, anna, room = _pair()
    room.deaf = _method("PRACK")
    call = anna.invite(room)
    world.run(0.1)
    room.do(room.agent.ring(room.last_call(), world.now, b"early"))
    room.do(room.agent.accept(room.last_call(), None, world.now))
    world.run(3.0)
    assert world.sent(room.host).count("183") == 3
    assert "200" not in world.sent(room.host)
    room.deaf = lambda _: False
    world.run(10.0)
    assert anna.of(e.Progress) == [e.Progress(call, 183, b"early")]
    assert anna.heard[-1] == e.Accepted(call, None)
    assert world.sent(room.host).count("200") == 2
    anna.do(anna.agent.hang_up(call, world.now))
    world.run(50.0)
    assert world.empty()


def test_a_reliable_response_without_prack_ends_the_call() -> None:
    """RFC 3262 section 3: 64 T1, then the INVITE is refused."""
    world, anna, room = _pair()
    room.deaf = _method("PRACK")
    anna.invite(room)
    world.run(0.1)
    room.do(room.agent.ring(room.last_call(), world.now, b"early"))
    world.run(100.0)
    assert room.endings() == ["no_ack"]
    assert anna.heard[-1].status == 504
    assert world.empty()


def test_two_reliable_responses_go_one_after_the_other() -> None:
    """RFC 3262 section 3: the second waits for the first one's PRACK, and the 200 for that of the second."""
    world, anna, room = _pair()
    anna.invite(room)
    world.run(0.1)
    call = room.last_call()
    room.do(room.agent.ring(call, world.now, b"early"))
    room.do(room.agent.ring(call, world.now))
    room.do(room.agent.accept(call, None, world.now))
    world.run(1.0)
    assert world.sent(room.host) == ["100", "183", "200", "180", "200"]
    anna.do(anna.agent.hang_up(anna.of(e.Accepted)[0].call, world.now))
    world.run(40.0)
    assert world.empty()


def test_commands_that_do_not_fit_are_refused_and_change_nothing() -> None:
    """Each raises CommandError."""
    world, anna, room = _pair()
    call = anna.invite(room)
    world.run(0.1)
    there = room.last_call()
    for command in (
        lambda: anna.agent.accept(call, b"x", world.now),
        lambda: anna.agent.reinvite(call, b"x", world.now),
        lambda: room.agent.accept(there, None, world.now),
        lambda: room.agent.answer(there, b"x", world.now),
        lambda: room.agent.hang_up(e.CallId(99), world.now),
        lambda: room.agent.unregister(e.RegistrationId(there), world.now),
    ):
        with pytest.raises(CommandError):
            command()
    room.do(room.agent.accept(there, b"answer", world.now))
    world.run(0.2)
    with pytest.raises(CommandError):
        room.agent.accept(there, b"answer", world.now)
    assert anna.heard[-1] == e.Accepted(call, b"answer")


def test_key_frames_and_keys_by_info() -> None:
    """RFC 5168, and DTMF relay; bodies of other types are refused."""
    world, anna, room = _pair()
    room.react = obliging()
    call = anna.invite(room)
    world.run(1.0)
    anna.do(anna.agent.want_key_frame(call, world.now))
    anna.do(anna.agent.inform(call, "application/dtmf-relay", b"Signal= #\r\nDuration= 160\r\n", world.now))
    anna.do(anna.agent.inform(call, "application/x-unknown", b"?", world.now))
    world.run(2.0)
    there = room.last_call()
    assert room.heard[-2:] == [e.KeyFrameWanted(there), e.KeyPressed(there, "#", 160)]
    assert world.sent(room.host)[-3:] == ["200", "200", "415"]


def test_a_peer_that_knows_the_call_no_more() -> None:
    """481 to a request inside ends the call here, too."""
    world, anna, room = _pair()
    room.react = obliging()
    call = anna.invite(room)
    world.run(1.0)
    room.agent._core.dialogs.clear()
    anna.do(anna.agent.want_key_frame(call, world.now))
    world.run(40.0)
    assert anna.endings() == ["lost"]
    assert not any(anna.agent.sizes.values())


def test_secrets_and_people_are_not_in_what_is_printed() -> None:
    """Events may end up in logs."""
    world, anna, room = _pair()
    anna.invite(room, b"v=0 secret")
    world.run(0.1)
    shown = repr(room.heard[0])
    assert "secret" not in shown
    assert "me" not in shown.split("address")[0].replace("IncomingCall", "")


def _lost(first: int) -> object:
    """Loses the first so many messages."""
    left = [first]

    def deaf(_message: Message) -> bool:
        left[0] -= 1
        return left[0] >= 0

    return deaf


@pytest.mark.parametrize("lost", range(1, 5))
def test_a_two_hundred_or_an_ack_that_is_lost_comes_again(lost: int) -> None:
    """Whatever is lost first, the call comes about and ends without a trace."""
    world, anna, room = _pair()
    room.react = obliging()
    anna.deaf, room.deaf = _lost(lost), _lost(lost // 2)
    call = anna.invite(room)
    world.run(20.0)
    assert anna.of(e.Accepted) == [e.Accepted(call, b"answer")]
    assert len(room.of(e.Confirmed)) == 1
    anna.do(anna.agent.hang_up(call, world.now))
    world.run(90.0)
    assert world.empty()
