"""Two controls against each other, in every order that streams allow, and what a call goes through in its life."""

import base64
import random
import re

import pytest

from media.description import CAMERA, CONTENT, MIC
from signalling.gateways.h323.control import channels
from signalling.gateways.h323.control import events as e
from signalling.gateways.h323.control.capabilities import PROTOCOL
from signalling.gateways.h323.control.codecs import Codec, Kind
from signalling.gateways.h323.control.content import State
from signalling.gateways.h323.control.description import OurLine
from signalling.gateways.h323.control.medium import Ours, Settled
from signalling.gateways.h323.control.settings import Settings
from signalling.gateways.h323.secret import Secret
from signalling.gateways.h323.wire import asn1
from signalling.gateways.interface import Floor
from tests.gateways.h323.pairs import OFFER, Pair, Side

BOTH_WAYS = {MIC: "sendrecv", CAMERA: "sendrecv", CONTENT: "sendonly"}
EMPTY = ("request", ("terminalCapabilitySet", {"sequenceNumber": 77, "protocolIdentifier": PROTOCOL}))


def directions(side: Side) -> dict[int, str]:
    """Of what was agreed last, as the peer's description says."""
    return {source: line.line.direction for source, line in side.lines.items()}


def codecs(side: Side, source: int) -> list[str]:
    """The formats of a line."""
    return [one.format.codec for one in side.lines[source].agreed]


def nothing_waits(pair: Pair) -> None:
    """Every channel of either side is open, and known to the other."""
    for at, side in enumerate(pair.sides):
        channels = side.control._media.channels
        assert not channels.pending()
        assert not channels.opening()
        others = pair.sides[1 - at].control._media.channels
        assert set(channels.ours) == set(others.theirs)
        assert not side.over


@pytest.mark.parametrize("seed", range(10))
def test_channels_open_whatever_the_order(seed: int) -> None:
    """One codec in both directions, one leg, and each side sends where the other one is."""
    pair = Pair(seed)
    pair.start(*((pair.rng.randrange(2),) if seed % 3 else ()))
    for _ in range(pair.rng.randrange(3)):
        pair.step()
    pair.start()
    pair.run()
    nothing_waits(pair)
    for at, side in enumerate(pair.sides):
        other = pair.sides[1 - at]
        assert directions(side) == BOTH_WAYS
        assert codecs(side, MIC) == ["g722", "telephone-event"]
        assert set(codecs(side, CAMERA)) == {"h264"}
        assert side.lines[MIC].remote.rtp == f"{other.host}:{other.ports}"
        assert side.lines[MIC].remote.rtcp == f"{other.host}:{other.ports + 1}"
        assert side.lines[CAMERA].remote.rtp == f"{other.host}:{other.ports + 2}"
        assert (side.legs, side.names().count("Ready")) == (1, 1)
        assert side.offers <= 5
    masters = [side.control._media.channels.master for side in pair.sides]
    assert sorted(masters) == [False, True]


def test_late_pictures_under_another_number_change_no_port() -> None:
    """Which number a peer's channel has, it says when it opens it."""
    pair = Pair()
    room, peer = pair.sides
    peer.mute_requests = True
    pair.start()
    pair.run()
    assert directions(room)[CAMERA] == "recvonly"
    peer.mute_requests = False
    number = peer.control._media.channels.new_number()
    late = Ours(
        number,
        Kind.PICTURE,
        Settled(Codec("h264", level=31), 109),
        OurLine(("192.0.2.2", 9), ("192.0.2.2", 9)),
        None,
    )
    pair.say(1, channels.asked(late, 2, None))
    pair.run()
    assert pair.heard(1, "openLogicalChannelAck")[-1]["forwardLogicalChannelNumber"] == number
    assert directions(room)[CAMERA] == "sendrecv"
    assert 109 in [one.format.pt for one in room.lines[CAMERA].agreed]
    assert room.legs == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_call_of_ours_has_one_answer_to_the_bridges_offer(seed: int) -> None:
    """And no offer before it; both directions stand in it."""
    pair = Pair(seed)
    caller, called = pair.sides
    caller.host, caller.ports = "192.0.2.99", 50_000
    caller.control.start(pair.now, OFFER)
    called.control.start(pair.now)
    pair.run()
    nothing_waits(pair)
    assert caller.names()[:2] == ["AnswerReceived", "Ready"]
    assert directions(caller) == directions(called) == BOTH_WAYS
    assert called.lines[MIC].remote.rtp == "192.0.2.99:50000"
    assert caller.lines[CAMERA].remote.rtp == f"{called.host}:{called.ports + 2}"
    assert (caller.legs, called.legs) == (1, 1)


@pytest.mark.parametrize("seed", range(2))
def test_channels_of_a_setup_stand_when_control_goes_on(seed: int) -> None:
    """Fast start: media flow before H.245, and H.245 leaves them as they are."""
    pair = Pair(seed)
    caller, called = pair.sides
    caller.host, caller.ports = "192.0.2.99", 50_000
    offered = [asn1.encode(asn1.Kind.CHANNEL, one) for one in caller.control.fast_proposal(OFFER)]
    called.control.fast_start([asn1.decode(asn1.Kind.CHANNEL, one) for one in offered], pair.now)
    pair.collect()
    answers = [one.channels for one in called.told if isinstance(one, e.FastStart)]
    assert [type(one).__name__ for one in called.told] == ["OfferReceived", "FastStart"]
    assert len(answers[0]) == 4
    taken = [asn1.decode(asn1.Kind.CHANNEL, asn1.encode(asn1.Kind.CHANNEL, one)) for one in answers[0]]
    assert caller.control.fast_started(taken, pair.now)
    pair.collect()
    assert caller.names() == ["AnswerReceived"]
    assert directions(caller) == directions(called) == BOTH_WAYS | {CONTENT: "inactive"}
    assert caller.lines[MIC].remote.rtp == f"{called.host}:{called.ports}"
    assert called.lines[CAMERA].remote.rtp == "192.0.2.99:50002"
    channels = [set(side.control._media.channels.ours) for side in pair.sides]
    pair.start()
    pair.run()
    nothing_waits(pair)
    assert [set(side.control._media.channels.ours) for side in pair.sides] == channels
    assert directions(caller) == directions(called) == BOTH_WAYS
    assert (caller.legs, called.legs) == (1, 1)


def test_nothing_is_proposed_in_the_clear_where_that_is_not_taken() -> None:
    """A room that wants everything encrypted: its keys come by H.245."""
    caller = Pair().sides[0]
    assert caller.control.fast_proposal(OFFER.replace("RTP/AVP", "RTP/SAVP")) == []
    assert caller.control.fast_proposal(OFFER)


def test_a_setup_without_anything_for_us_is_no_fast_start() -> None:
    """The call goes on by H.245."""
    pair = Pair()
    caller, called = pair.sides
    offered = caller.control.fast_proposal(OFFER)
    called.control._media._called._settings = Settings(sound=("opus",), pictures=())
    called.control.fast_start(offered, pair.now)
    pair.collect()
    assert called.told == [e.FastStart(())]
    pair.start()
    pair.run()
    nothing_waits(pair)
    assert directions(caller) == directions(called) == BOTH_WAYS


@pytest.mark.parametrize("seed", range(4))
def test_media_of_two_with_a_secret_are_encrypted_under_their_masters_keys(seed: int) -> None:
    """H.235.6: each channel has a key of the master's, and both bridges are told the same two of a medium."""
    pair = Pair(seed)
    secrets = [Secret(), Secret()]
    assert secrets[1].take(secrets[0].tokens())
    assert secrets[0].take(secrets[1].tokens())
    for side, secret in zip(pair.sides, secrets, strict=True):
        side.control.secret, side.obliges = secret, True
    pair.start()
    pair.run()
    nothing_waits(pair)
    for kind in ("audio", "video"):
        (one,), (other,) = (keys(side.sdp, kind)[:1] for side in pair.sides)
        assert one[0] == other[0] == "H235_AES_256_CBC"
        half = len(one[1]) // 2
        assert (one[1][:half], one[1][half:]) == (other[1][half:], other[1][:half])
        assert one[1][:half] != one[1][half:] != bytes(half)
    assert pair.sides[0].sdp.count(" RTP/SAVP ") == 3
    assert "m=audio 20000 RTP/SAVP 120 101" in pair.sides[0].sdp
    a_slave_has_a_new_key(pair)


def a_slave_has_a_new_key(pair: Pair) -> None:
    """It asks for one, and both bridges are told it, with the payload type from which on it counts."""
    slave = next(at for at, side in enumerate(pair.sides) if not side.control._media.channels.master)
    before = [keys(side.sdp, "audio")[0][1] for side in pair.sides]
    sound = next(one for one in pair.sides[slave].control._media.channels.ours.values() if one.kind is Kind.SOUND)
    wish = {"logicalChannelNumber": sound.number, "type": ("encryptionUpdateRequest", {"synchFlag": 99})}
    pair.say(slave, ("command", ("miscellaneousCommand", wish | {"direction": ("slaveToMaster", 0)})))
    pair.run()
    after = [keys(side.sdp, "audio")[0][1] for side in pair.sides]
    half = len(before[0]) // 2
    assert after[slave][half:] == after[1 - slave][:half] != before[slave][half:]
    assert after[slave][:half] == before[slave][:half]
    assert "OUT=99" in pair.sides[slave].sdp
    assert "IN=99" in pair.sides[1 - slave].sdp


def keys(sdp: str, kind: str) -> list[tuple[str, bytes]]:
    """The suite and both keys of each line of a kind."""
    sections = [section for section in sdp.split("m=") if section.startswith(kind)]
    found = [re.search(r"a=crypto:1 (\S+) inline:(\S+)", section) for section in sections]
    return [(one[1], base64.b64decode(one[2])) for one in found if one is not None]


def test_without_protection_a_secret_leaves_no_channel() -> None:
    """Whoever has agreed on one sends nothing in the clear, and takes nothing."""
    pair = Pair()
    secrets = [Secret(), Secret()]
    secrets[1].take(secrets[0].tokens())
    secrets[0].take(secrets[1].tokens())
    pair.sides[0].control.secret, pair.sides[0].obliges = secrets[0], True
    pair.start()
    pair.run()
    assert pair.sides[0].told[-1] == e.Ended(e.Ending.NO_MEDIA)
    assert not any(" RTP/AVP " in one.sdp for one in pair.sides[0].told if isinstance(one, e.OfferReceived))


def test_a_peer_on_hold_is_sent_nothing_until_it_is_back() -> None:
    """The empty set (H.323 section 8.4.6), and a full one later; the bridge's ports stay."""
    pair = Pair()
    room, peer = pair.sides
    pair.start()
    pair.run()
    pair.say(1, EMPTY)
    pair.run()
    assert room.told[-1].hold
    assert directions(room) == {MIC: "sendonly", CAMERA: "sendonly", CONTENT: "inactive"}
    assert not room.control._media.channels.ours
    assert directions(peer)[MIC] == "recvonly"
    peer.control._sets.tell(None, pair.now)
    pair.run()
    nothing_waits(pair)
    assert directions(room) == directions(peer) == BOTH_WAYS
    assert not room.told[-1].hold
    assert (room.legs, peer.legs) == (1, 1)


def test_content_flows_while_its_shower_has_the_floor() -> None:
    """H.239: the bridge decides on the token; the channel is there as long as something is shown."""
    pair = Pair()
    room, peer = pair.sides
    pair.start()
    pair.run()
    peer.control.floor(Floor.TAKEN, pair.now)
    pair.run()
    assert room.told[-1] == e.FloorWanted(wanted=True)
    assert directions(room)[CONTENT] == directions(peer)[CONTENT] == "sendonly"
    room.control.floor(Floor.YOURS, pair.now)
    pair.run()
    assert directions(peer)[CONTENT] == "sendrecv"
    assert peer.lines[CONTENT].remote.rtp == f"{room.host}:{room.ports + 4}"
    assert "content:slides" in peer.sdp
    peer.control.floor(Floor.FREE, pair.now)
    pair.run()
    assert [one.wanted for one in room.told if isinstance(one, e.FloorWanted)] == [True, False]
    assert directions(room)[CONTENT] == directions(peer)[CONTENT] == "sendonly"
    assert (room.legs, peer.legs) == (1, 1)
    nothing_waits(pair)


@pytest.mark.parametrize("floor", [Floor.TAKEN, Floor.FREE])
def test_who_does_not_get_the_floor_shows_nothing(floor: Floor) -> None:
    """The channel is closed again; the next time it is asked anew."""
    pair = Pair()
    room, peer = pair.sides
    pair.start()
    pair.run()
    peer.control.floor(Floor.TAKEN, pair.now)
    pair.run()
    room.control.floor(floor, pair.now)
    pair.run(20)
    assert directions(peer)[CONTENT] == "sendonly"
    assert State.OURS not in (room.control._token.state, peer.control._token.state)
    assert State.THEIRS not in (room.control._token.state, peer.control._token.state)
    nothing_waits(pair)


def test_mute_limits_keys_and_pictures_wanted_are_heard() -> None:
    """What the peer says of its channels and ours, and its keypad."""
    pair = Pair()
    room, peer = pair.sides
    pair.start()
    pair.run()
    sound = next(one for one in peer.control._media.channels.ours.values() if one.kind.value == 1)
    pictures = next(one for one in room.control._media.channels.ours.values() if one.kind.value == 2)
    for said in ("logicalChannelInactive", "logicalChannelActive"):
        indication = {"logicalChannelNumber": sound.number, "type": (said, 0)}
        pair.say(1, ("indication", ("miscellaneousIndication", indication)))
        pair.run()
        assert directions(room)[MIC] == ("recvonly" if said == "logicalChannelInactive" else "sendrecv")
    scope = ("logicalChannelNumber", pictures.number)
    for units, limit, way in ((5120, 512_000, "sendrecv"), (0, None, "sendonly")):
        restriction = ("maximumBitRate", units)
        pair.say(1, ("command", ("flowControlCommand", {"scope": scope, "restriction": restriction})))
        pair.run()
        assert directions(room)[CAMERA] == way
        assert limit is None or room.lines[CAMERA].line.max_bitrate == limit
    for said in (("alphanumeric", "1#x"), ("signal", {"signalType": "7"}), ("signal", {"signalType": "!"})):
        pair.say(1, ("indication", ("userInput", said)))
    pair.run()
    assert [one.key for one in room.told if isinstance(one, e.KeyPressed)] == ["1", "#", "7"]
    peer.control.want_key_frame(pair.now)
    peer.control.want_key_frame(pair.now)
    pair.run()
    assert room.names().count("KeyFrameWanted") == 1


def test_key_frames_that_are_wanted_at_once_are_two() -> None:
    """The first, and one for all that came soon after it, since that may have been lost."""
    pair = Pair()
    room, _ = pair.sides
    pair.start()
    pair.run()
    pictures = next(one for one in room.control._media.channels.ours.values() if one.kind.value == 2)
    wish = {"logicalChannelNumber": pictures.number, "type": ("videoFastUpdatePicture", 0)}
    began, at = pair.now, list[float]()
    for _ in range(3):
        room.control.receive(("command", ("miscellaneousCommand", wish)), began)
    while len(at) < 2:
        at += [pair.now] * [type(one).__name__ for one in room.control.collect()].count("KeyFrameWanted")
        due = room.control.next_timeout()
        assert due is not None
        pair.now = max(due, pair.now)
        room.control.timeout(pair.now)
    assert at == [began, pytest.approx(began + 0.5)]
    room.control.timeout(began + 2)
    assert "KeyFrameWanted" not in [type(one).__name__ for one in room.control.collect()]


def test_a_codec_that_the_peer_turns_down_is_followed_by_another() -> None:
    """As long as the peer itself opens nothing."""
    pair = Pair()
    room, peer = pair.sides
    # It says that it takes G.722, opens nothing, and then does not.
    peer.mute_requests, peer.deaf = True, ("openLogicalChannel",)
    refused = {"cause": ("dataTypeNotSupported", 0)}
    pair.start()
    pair.run(3)
    requests = pair.heard(1, "openLogicalChannel")
    assert requests[0]["forwardLogicalChannelParameters"]["dataType"] == ("audioData", ("g722-64k", 60))
    number = requests[0]["forwardLogicalChannelNumber"]
    pair.say(1, ("response", ("openLogicalChannelReject", {"forwardLogicalChannelNumber": number, **refused})))
    pair.run(3)
    sound = pair.heard(1, "openLogicalChannel")[2:]
    assert sound[0]["forwardLogicalChannelParameters"]["dataType"] == ("audioData", ("g711Alaw64k", 60))
    assert codecs(room, MIC) == ["pcma", "telephone-event"]


def test_two_with_nothing_in_common_part() -> None:
    """At once, and both know."""
    pair = Pair(1, Settings(sound=("pcma",), pictures=("h264",)), Settings(sound=("g722",), pictures=("h261",)))
    pair.start()
    pair.run()
    assert [side.told[-1] for side in pair.sides].count(e.Ended(e.Ending.NO_MEDIA)) >= 1
    assert all(side.over for side in pair.sides)


def test_a_peer_without_pictures_is_a_telephone() -> None:
    """Sound both ways, and no line of pictures."""
    pair = Pair(3, None, Settings(pictures=(), content=False))
    pair.start()
    pair.run()
    nothing_waits(pair)
    assert directions(pair.sides[0]) == {MIC: "sendrecv"}
    assert pair.sides[0].names().count("Ready") == 1


def test_whoever_says_nothing_is_lost() -> None:
    """Before the call has begun, and in the middle of it."""
    pair = Pair()
    pair.start(0)
    pair.sides[0].sent.clear()
    for _ in range(9):
        pair.advance(5, deliver=False)
    assert pair.sides[0].told == [e.Ended(e.Ending.LOST)]
    pair = Pair()
    pair.start()
    pair.run(120)
    assert not any(side.over for side in pair.sides)
    for _ in range(10):
        pair.advance(5, deliver=False)
    assert [side.told[-1] for side in pair.sides] == [e.Ended(e.Ending.LOST)] * 2
    assert [side.control.next_timeout() for side in pair.sides] == [None, None]


@pytest.mark.parametrize("seed", range(10))
def test_owners_that_do_as_they_like_leave_nothing(seed: int) -> None:
    """Whatever they wish for at whatever time, both sides agree on what is open, and the end is the end."""
    pair = Pair(seed)
    rng = random.Random(seed)
    pair.start()
    for _ in range(60):
        side = rng.choice(pair.sides)
        match rng.randrange(9):
            case 0:
                side.control.floor(rng.choice(list(Floor)), pair.now)
            case 1:
                side.control.want_key_frame(pair.now)
            case 2:
                side.control._sets.tell(None, pair.now)
            case 3:
                pair.say(pair.sides.index(side), EMPTY)
                pair.run(0.2)
                side.control._sets.tell(None, pair.now)
            case 4:
                side.refuses = not side.refuses
            case _:
                for _ in range(rng.randrange(8)):
                    pair.step()
    for side in pair.sides:
        side.refuses = False
        side.control.floor(Floor.FREE, pair.now)
        side.control._sets.tell(None, pair.now)
    pair.run(60)
    if not any(side.over for side in pair.sides):
        nothing_waits(pair)
        pair.sides[0].control.end(pair.now)
        pair.run()
    assert pair.sides[1].over
    assert all(side.control.next_timeout() is None for side in pair.sides)
