"""A robot is a whole participant: it joins, waits, sends, sees, hears, asks, and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import get_args

import pytest

from loadtest.errors import LoadtestError, MediaFailed, ProtocolBroken, Rejected, TooManyRequests, Unreachable
from loadtest.media_client import MediaOptions
from loadtest.robot import Robot, RobotOptions
from signalling import messages as m
from signalling.errors import Code
from signalling.messages import (
    AdmitAll,
    Bye,
    ErrorMessage,
    Invite,
    Invited,
    Join,
    Layout,
    Leave,
    Ok,
    Place,
    Role,
    Roster,
    Welcome,
    decode_server,
)
from tests.loadtest.bridge_double import HOST, BridgeDouble, person, running
from tests.signalling.test_protocol_document_is_true import chapter, examples, sections, tag
from tests.support.media_checks import read_track_tone, read_track_video
from transcode.tones import identity_of

pytestmark = pytest.mark.timeout(120)

IDENTITY = 33
SILENT = RobotOptions(MediaOptions(IDENTITY))
# What comes once at the beginning or the end, and what is said to pages that a robot is not.
NOT_UNASKED = (m.Welcome, m.Answer, m.Bye, m.Pong, m.ToCall, m.Testing, m.Tested, m.OnDuty, m.Queue, m.Taken)
LOOKING = RobotOptions(MediaOptions(IDENTITY, audio_slots=2, video_slots=2))


@pytest.fixture
async def bridge() -> AsyncIterator[BridgeDouble]:
    """Give a running double of the bridge."""
    async with running(BridgeDouble()) as double:
        yield double


async def test_a_robot_is_seen_and_sees_is_heard_and_hears(bridge: BridgeDouble) -> None:
    """Real VP8 and Opus arrive both ways, and each side reads the other's identity, motion and tone."""
    robot = Robot(bridge.link, LOOKING)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(robot.run())
        await bridge.answered.wait()
        assert robot.place == "waiting"
        assert robot.seen() == {}
        picture = await read_track_video(bridge.tracks["camera"], timeout_s=15, distinct=3)
        assert picture.identity == IDENTITY
        assert identity_of(await read_track_tone(bridge.tracks["mic"], timeout_s=15)) == IDENTITY
        await bridge.admit()
        await robot.wait_for(lambda robot: {"p_host"} == robot.seen().keys() == robot.heard().keys())
        assert robot.place == "admitted"
        assert robot.seen()["p_host"].identity == HOST
        assert identity_of(robot.heard()["p_host"]) == HOST
        first = robot.seen()["p_host"].counter
        await robot.wait_for(lambda robot: robot.seen()["p_host"].counter != first)
        assert robot.media_state == "connected"
        assert robot.counters().frames_received > 0
        await bridge.say(Layout(slots=[]))
        await robot.wait_for(lambda robot: not robot.seen() and not robot.heard())
        robot.stop()
    assert life.result() == "left"
    assert isinstance(bridge.received[-1], Leave)


async def test_h264_is_sent_when_asked_for(bridge: BridgeDouble) -> None:
    """A robot told to use H.264 offers that alone for its camera, and its picture arrives in it."""
    robot = Robot(bridge.link, RobotOptions(MediaOptions(IDENTITY, codec="H264")))
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        assert (await read_track_video(bridge.tracks["camera"], timeout_s=15)).identity == IDENTITY
        robot.stop()
    assert bridge.offer is not None
    assert "H264" in bridge.offer.sdp
    assert "VP8" not in bridge.offer.sdp


async def test_the_offer_has_the_order_that_the_protocol_wants(bridge: BridgeDouble) -> None:
    """Microphone, camera, then audio, video and content slots, on one transport, none of them both ways."""
    robot = Robot(bridge.link, LOOKING)
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        robot.stop()
    assert bridge.offer is not None
    lines = bridge.offer.sdp.split("m=")[1:]
    directions = ["sendonly" if "a=sendonly" in line else "recvonly" for line in lines]
    kinds = [line.split()[0] for line in lines]
    assert kinds == ["audio", "video", "audio", "audio", "video", "video", "video"]
    assert directions == ["sendonly"] * 2 + ["recvonly"] * 5
    assert "a=sendrecv" not in bridge.offer.sdp
    assert (bridge.offer.sources.mic, bridge.offer.sources.camera) == ("0", "1")
    assert len({line.split("a=ice-ufrag:")[1].split()[0] for line in lines}) == 1


async def test_the_slots_of_the_welcome_are_the_upper_bound(bridge: BridgeDouble) -> None:
    """A robot that would take more than the bridge gives asks for what it gives."""
    bridge.limits = type(bridge.limits)(audio=1, video=1, content=0)
    robot = Robot(bridge.link, LOOKING)
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        robot.stop()
    assert [kind for kind, _ in bridge.slots] == ["audio", "video"]


async def test_the_place_follows_the_roster(bridge: BridgeDouble) -> None:
    """The robot knows where it is from welcome and roster, and goes back to waiting when sent there."""
    robot = Robot(bridge.link, SILENT)
    assert robot.place is None
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await robot.wait_for(lambda robot: robot.place is Place.WAITING)
        for revision, place in enumerate((Place.ADMITTED, Place.WAITING)):
            people = [person("p_robot", place, you=True)]
            await bridge.say(Roster(revision=revision, locked=False, host=False, people=people))
            await robot.wait_for(lambda robot, place=place: robot.place is place)
        robot.stop()


@pytest.mark.parametrize("code", [Code.REMOVED, Code.REFUSED, Code.ENDED])
async def test_a_goodbye_ends_the_robot_with_its_code(bridge: BridgeDouble, code: Code) -> None:
    """The code of the bridge's last message is how the robot ended."""
    robot = Robot(bridge.link, SILENT)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(robot.run())
        await bridge.answered.wait()
        await bridge.say(Bye(code=code, message="Over."))
    assert life.result() == code
    assert robot.media_state == "closed"


async def test_a_socket_that_closes_without_a_word_is_lost(bridge: BridgeDouble) -> None:
    """A robot whose socket is cut says so, and ends."""
    robot = Robot(bridge.link, SILENT)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(robot.run())
        await bridge.answered.wait()
        await bridge.cut()
    assert life.result() == "lost"


async def test_a_cancelled_robot_cleans_up(bridge: BridgeDouble) -> None:
    """Cancelling the task closes media and socket, and is seen as a cancellation."""
    robot = Robot(bridge.link, LOOKING)
    async with asyncio.TaskGroup() as group:
        life = group.create_task(robot.run())
        await robot.wait_for(lambda robot: robot.media_state == "connected")
        life.cancel()
    assert life.cancelled()
    assert robot.media_state == "closed"
    assert robot.counters().unclean_closes == 0


async def test_requests_get_their_own_replies(bridge: BridgeDouble) -> None:
    """Acknowledgement, invitation and refusal each reach the request that they answer."""
    invited = b'{"type":"invited","ref":%d,"link":"https://x/join#t","expires_at":"2030-01-01T00:00:00Z"}'
    bridge.replies = lambda message: (
        [Ok(ref=message.ref)]
        if isinstance(message, AdmitAll)
        else [decode_server(invited % message.ref)]
        if isinstance(message, Invite) and message.role is Role.PATIENT
        else None
    )
    robot = Robot(bridge.link, SILENT)
    with pytest.raises(Rejected, match="wrong_state"):
        await robot.request(AdmitAll)
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        both = await asyncio.gather(robot.request(Invite, role=Role.PATIENT, name="A"), robot.request(AdmitAll))
        assert [type(reply) for reply in both] == [Invited, Ok]
        with pytest.raises(Rejected) as caught:
            await robot.request(Invite, role=Role.DOCTOR, name="B")
        assert caught.value.code == "not_host"
        robot.stop()


async def test_a_refused_link_is_an_error_with_the_bridges_code(bridge: BridgeDouble) -> None:
    """When the bridge says no to the join, the robot fails with the same code."""
    with pytest.raises(Rejected) as caught:
        await Robot(f"{bridge.link}-forged", SILENT).run()
    assert caught.value.code == "link_invalid"


async def test_an_unusable_answer_is_a_failure_of_media(bridge: BridgeDouble) -> None:
    """An answer that is no session description, or a refusal of the offer, ends the robot clearly."""
    bridge.answer_as = lambda _: "nonsense"
    with pytest.raises(MediaFailed):
        await Robot(bridge.link, SILENT).run()
    refusal = ErrorMessage(ref=0, code=Code.SDP_UNUSABLE, message="No.")
    bridge.replies = lambda message: None if isinstance(message, Join) else [refusal]
    with pytest.raises(MediaFailed, match="sdp_unusable"):
        await Robot(bridge.link, SILENT).run()


async def test_media_that_the_bridge_has_closed_is_a_failure(bridge: BridgeDouble) -> None:
    """Where the bridge ends DTLS and says nothing over the socket, the robot does not stay there deaf."""
    robot = Robot(bridge.link, LOOKING)

    async def hang_up() -> None:
        await robot.wait_for(lambda robot: robot.media_state == "connected")
        await bridge.close()

    with pytest.raises(MediaFailed, match="closed"):
        await asyncio.gather(robot.run(), hang_up())


async def test_a_bridge_that_breaks_the_protocol_is_named(bridge: BridgeDouble) -> None:
    """A second welcome ends the robot with an error of the protocol."""
    bridge.replies = lambda _: [bridge.welcome(), bridge.welcome()]
    with pytest.raises(ProtocolBroken):
        await Robot(bridge.link, SILENT).run()


async def test_what_people_are_told_does_not_end_a_robot(bridge: BridgeDouble) -> None:
    """Whatever a bridge may say unasked, by its example in the protocol's document, the robot stays."""
    described = sections(chapter(4))
    robot = Robot(bridge.link, SILENT)
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        for kind in get_args(m.ServerMessage):
            if kind not in NOT_UNASKED:
                await bridge.say(decode_server(examples(described[tag(kind)])[0][1]))
        last = Roster(revision=3, locked=False, host=False, people=[])
        await bridge.say(last)
        await robot.wait_for(lambda robot: robot.roster == last)
        robot.stop()


async def test_faults_without_a_request_are_kept_up_to_a_bound(bridge: BridgeDouble) -> None:
    """Errors that answer nothing are kept, the oldest are dropped, and the drops are counted."""
    robot = Robot(bridge.link, SILENT)
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        for _ in range(35):
            await bridge.say(ErrorMessage(ref=None, code=Code.TOO_MANY, message="Slower."))
        await robot.wait_for(lambda robot: robot.counters().faults_dropped == 3)
        assert list(robot.faults) == ["too_many"] * 32
        robot.stop()


async def test_no_server_is_unreachable_and_the_token_stays_secret() -> None:
    """A host that does not answer is an error that holds neither address nor token."""
    with pytest.raises(Unreachable) as caught:
        await Robot("http://127.0.0.1:9/join#secret-token", SILENT).run()
    assert isinstance(caught.value, LoadtestError)
    assert "secret-token" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


async def test_what_the_robot_keeps_lets_it_come_back(bridge: BridgeDouble) -> None:
    """The resume secret of the welcome is there after the end, and is sent when given."""
    first = Robot(bridge.link, SILENT)
    first.stop()
    assert await first.run() == "left"
    first.welcome = first.welcome or bridge.welcome()
    assert isinstance(first.welcome, Welcome)
    second = Robot(bridge.link, RobotOptions(MediaOptions(1), resume=first.welcome.resume))
    second.stop()
    await second.run()
    joins = [message for message in bridge.received if isinstance(message, Join)]
    assert len(joins[0].resume or "") == 43
    assert joins[1].resume == "a-secret"


async def test_a_bridge_that_stays_silent_does_not_hold_a_robot(bridge: BridgeDouble) -> None:
    """A robot that never got a word still leaves when told, after a short grace."""
    bridge.replies = lambda _: []
    robot = Robot(bridge.link, SILENT)
    robot.stop()
    assert await robot.run() == "left"
    assert robot.welcome is None


async def test_requests_without_a_reply_are_bounded(bridge: BridgeDouble) -> None:
    """The 65th open request is refused at once, and the others end when the robot does."""
    note = ErrorMessage(ref=None, code=Code.TOO_MANY, message="Slower.")
    bridge.replies = lambda message: [note] if isinstance(message, AdmitAll) else None
    robot = Robot(bridge.link, SILENT)
    async with asyncio.TaskGroup() as group:
        group.create_task(robot.run())
        await bridge.answered.wait()
        replies = asyncio.gather(*(robot.request(AdmitAll) for _ in range(64)), return_exceptions=True)
        await robot.wait_for(lambda _: sum(isinstance(m, AdmitAll) for m in bridge.received) == 64)
        with pytest.raises(TooManyRequests):
            await robot.request(AdmitAll)
        robot.stop()
    assert {type(end) for end in await replies} == {Rejected}
