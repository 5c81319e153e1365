"""Legs of calls against an engine that only writes down what it is told."""

from typing import TypeVar

import pytest

from media.api import Command, EngineError, LineConnected, LineDtls, RemoveLeg, RoomFailed, ShardStopped
from media.calls import Calls
from media.legs import LegDelayed, LegEvent, LegFailed, LegSecured
from media.lines import AddLines, Dtls, Sdes, SendLineDtls, SetLineKeys, SetRemote, WantKeyFrame
from media.sdp import SdpError
from media.sdp.calls import CallPolicy
from media.sdp.codecs import Capabilities
from media.transport import DtlsClient
from tests.media.call_offers import KEY, PRINT, by_handshake, softphone, with_ice
from tests.media.transport_network import certificate

Kind = TypeVar("Kind")
ROOM, SEEN = 5, "192.0.2.10"
OTHER_KEY = "/" + KEY[1:]


class EngineDouble:
    """Writes commands down; `fails` is the error of the next ones of a kind."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.open: set[int] = set()
        self.most = 10
        self.fails: dict[type, str] = {}
        self._next = 42_000

    def submit(self, command: Command) -> None:
        """Take a command."""
        if type(command) in self.fails:
            raise EngineError(self.fails[type(command)], "as told")
        self.commands.append(command)

    def open_ports(self, room: int) -> int:
        """Open two."""
        assert room == ROOM
        if len(self.open) == self.most:
            raise EngineError("no_ports", "as told")
        self._next += 2
        self.open.add(self._next)
        return self._next

    def close_ports(self, room: int, first: int) -> None:
        """Close two."""
        assert room == ROOM
        self.open.remove(first)

    def shard_of(self, room: int) -> int:
        """One shard has them all."""
        return room % 1

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The commands of one kind."""
        return [one for one in self.commands if isinstance(one, kind)]


class House:
    """Calls on that engine."""

    def __init__(self, *, allow_plain: bool = False) -> None:
        self.engine = EngineDouble()
        self.told: list[LegEvent] = []
        policy = CallPolicy(Capabilities(audio=("opus", "telephone-event")), allow_plain=allow_plain)
        self.calls = Calls(
            self.engine,
            certificate("server"),
            policy,
            "198.51.100.1",
            self.told.append,
        )

    def offer(self, text: str, leg: int | None = None, *, plain: bool = False) -> tuple[int, str]:
        """Have an offer answered."""
        return self.calls.describe(leg, ROOM, text, SEEN, 0.0, plain=plain)


def test_a_leg_has_what_was_agreed() -> None:
    """Ports of its own for each line, keys of both directions, and nothing is sent before."""
    home = House()
    leg, answer = home.offer(softphone())
    (made,) = home.engine.of(AddLines)
    assert (made.leg, made.room, made.allow_plain) == (leg, ROOM, False)
    sound, pictures = made.lines
    assert {sound.ports.rtp, pictures.ports.rtp} == home.engine.open
    assert (sound.ports.rtcp, pictures.ports.rtcp) == (None, None)
    assert isinstance(sound.protection, Sdes)
    assert sound.protection.remote.master == bytes(range(1, 31))
    assert sound.protection.local.master != sound.protection.remote.master
    assert f"m=audio {sound.ports.rtp} RTP/SAVPF 96 101" in answer
    described = home.calls.description(leg)
    assert [source.source for source in described.sources] == [0, 1]
    assert [slot.slot for slot in described.slots] == [0, 1]
    assert [described.mid_of(number) for number in (0, 1, 2)] == ["0", "1", None]
    assert described.content_slots == ()
    assert leg in home.calls
    assert len(home.calls) == 1


def test_without_ports_or_an_engine_nothing_is_left() -> None:
    """What was opened is closed again."""
    home = House()
    home.engine.most = 1
    with pytest.raises(EngineError):
        home.offer(softphone())
    home.engine.most, home.engine.fails = 10, {AddLines: "busy"}
    with pytest.raises(EngineError):
        home.offer(softphone())
    assert home.engine.open == set()
    assert len(home.calls) == 0


def test_a_telephone_is_offered_sound_alone() -> None:
    """Trunks differ in what they make of more; one pair of ports is enough."""
    home = House()
    leg, offered = home.calls.offer(None, ROOM, plain=False, sound_only=True)
    assert [line[:8] for line in offered.split("\r\n") if line.startswith("m=")] == ["m=audio "]
    assert len(home.engine.open) == 1
    home.calls.answered(leg, ANSWER[: ANSWER.index("m=video")], SEEN, 0.0)
    (made,) = home.engine.of(AddLines)
    assert [source.kind for line in made.lines for source in line.sources] == ["audio"]


@pytest.mark.parametrize("bridge", [True, False])
@pytest.mark.parametrize("room", [True, False])
def test_what_nothing_encrypts_is_taken_where_bridge_and_room_allow_it(bridge: bool, room: bool) -> None:  # noqa: FBT001
    """In answers and in offers of ours alike."""
    home = House(allow_plain=bridge)
    leg, offered = home.calls.offer(None, ROOM, plain=room)
    open_answer = "\r\n".join(
        line for line in ANSWER.replace("RTP/SAVP", "RTP/AVP").split("\r\n") if "crypto" not in line
    )
    if bridge and room:
        home.offer(softphone("RTP/AVP", ""), plain=room)
        home.calls.answered(leg, open_answer, SEEN, 0.0)
        assert [made.allow_plain for made in home.engine.of(AddLines)] == [True, True]
        assert "RTP/AVP" in offered
        return
    with pytest.raises(SdpError):
        home.offer(softphone("RTP/AVP", ""), plain=room)
    with pytest.raises(SdpError):
        home.calls.answered(leg, open_answer, SEEN, 0.0)
    assert home.engine.of(AddLines) == []
    assert "RTP/AVP" not in offered
    home.calls.close(leg)
    assert home.engine.open == set()


def test_hold_changes_what_is_wanted_and_not_the_leg() -> None:
    """The version of the answer grows, the keys and ports stay."""
    home = House()
    leg, first = home.offer(softphone())
    again, second = home.offer(softphone().replace("a=sendrecv", "a=sendonly"), leg)
    assert again == leg
    assert home.calls.description(leg).slots == ()
    assert len(home.calls.description(leg).sources) == 2
    assert home.engine.of(SetRemote) == []
    assert second == first.replace(" 1 IN IP4", " 2 IN IP4", 1).replace("a=sendrecv", "a=recvonly")
    home.offer(softphone(), leg)
    assert len(home.calls.description(leg).slots) == 2


def test_another_place_or_key_is_told() -> None:
    """The line that it is of, and nothing else."""
    home = House()
    leg, _ = home.offer(softphone())
    home.offer(softphone().replace("m=video 5006", "m=video 6006"), leg)
    (moved,) = home.engine.of(SetRemote)
    assert (moved.line, moved.remote.rtp, moved.keys) == (1, "192.0.2.10:6006", None)
    _, answer = home.offer(softphone().replace("m=video 5006", "m=video 6006").replace(KEY, OTHER_KEY, 1), leg)
    _, keyed = home.engine.of(SetRemote)
    assert keyed.line == 0
    assert keyed.keys is not None
    assert keyed.keys.master[0] != 1
    assert answer.count("a=crypto:1 ") == 2


def test_another_limit_of_pictures_is_told() -> None:
    """By a further offer on the same leg, and taken back by one without."""
    home = House()
    leg, _ = home.offer(softphone())
    section = softphone().index("m=video")
    end = softphone().index("\r\n", section) + 2
    limited = f"{softphone()[:end]}b=TIAS:384000\r\n{softphone()[end:]}"
    assert home.offer(limited, leg)[0] == leg
    home.offer(softphone(), leg)
    assert [(one.line, one.max_bitrate, one.keys) for one in home.engine.of(SetRemote)] == [
        (1, 384_000, None),
        (1, None, None),
    ]


def test_who_checks_gets_credentials_and_new_ones_when_it_begins_anew() -> None:
    """On each line those of its own; whatever else changes leaves them as they are (RFC 8839 section 4.4)."""
    home = House()
    leg, answer = home.offer(with_ice())
    (made,) = home.engine.of(AddLines)
    first, second = (line.ice for line in made.lines)
    assert first is not None
    assert second is not None
    assert first != second
    assert f"a=ice-pwd:{first.local_pwd}\r\n" in answer
    assert first.local_pwd not in repr(made)
    again, held = home.offer(with_ice().replace("a=sendrecv", "a=sendonly"), leg)
    assert again == leg
    assert home.engine.of(SetRemote) == []
    assert held == answer.replace(" 1 IN IP4", " 2 IN IP4", 1).replace("a=sendrecv", "a=recvonly")
    assert f"a=ice-pwd:{second.local_pwd}\r\n" in held
    _, restarted = home.offer(with_ice("anew"), leg)
    told = home.engine.of(SetRemote)
    assert [one.line for one in told] == [0, 1]
    for one in told:
        assert one.ice is not None
        assert one.ice not in (first, second)
        assert f"a=ice-pwd:{one.ice.local_pwd}\r\n" in restarted


@pytest.mark.parametrize(
    "change",
    [
        with_ice(),
        softphone().replace("m=video 5006", "m=video 0"),
        softphone().replace("96 0 101", "96 0"),
        softphone().replace("a=rtcp-mux\r\n", ""),
        by_handshake(),
    ],
)
def test_other_media_get_a_new_leg_of_the_same_session(change: str) -> None:
    """The old one is there until it is closed; to the peer it is one call."""
    home = House()
    leg, first = home.offer(softphone())
    other, second = home.offer(change, leg)
    assert other != leg
    assert {leg, other} == {made.leg for made in home.engine.of(AddLines)}
    assert second.split()[1:4] == ["o=-", first.split()[2], "2"]
    home.calls.close(leg)
    assert home.engine.of(RemoveLeg) == [RemoveLeg(leg=leg)]
    home.calls.close(leg)
    assert len(home.engine.of(RemoveLeg)) == 1


def test_an_offer_that_cannot_be_used_changes_nothing() -> None:
    """Nor does one that is none."""
    home = House()
    leg, _ = home.offer(softphone())
    before = home.calls.description(leg)
    for bad in ("v=0", softphone("RTP/AVP", "")):
        with pytest.raises(SdpError):
            home.offer(bad, leg)
    assert home.calls.description(leg) == before
    assert len(home.engine.commands) == 1


def shake(home: House, leg: int, line: int, client: DtlsClient) -> None:
    """Carry datagrams between a client and a line until nothing more comes."""
    seen = len(home.engine.of(SendLineDtls))
    while datagrams := client.datagrams_to_send():
        for data in datagrams:
            home.calls.handle_event(LineDtls(leg=leg, line=line, data=data), 0.0)
        sent = home.engine.of(SendLineDtls)[seen:]
        seen += len(sent)
        for command in sent:
            assert (command.leg, command.line) == (leg, line)
            for data in command.datagrams:
                client.handle_datagram(data, 0.0)


def client_for() -> tuple[DtlsClient, str]:
    """A peer's end, and its offer."""
    mine = certificate("client")
    server = [("sha-256", certificate("server").fingerprint)]
    offer = by_handshake().replace(":".join(["AB"] * 32), mine.fingerprint)
    client = DtlsClient(mine, server, 0.0)
    client.handle_timeout(0.0)
    return client, offer


def test_a_handshake_gives_each_line_its_keys() -> None:
    """And is told once for each."""
    home = House()
    client, offer = client_for()
    leg, answer = home.offer(offer)
    (made,) = home.engine.of(AddLines)
    assert all(isinstance(line.protection, Dtls) for line in made.lines)
    assert certificate("server").fingerprint in answer
    home.engine.fails = {SetLineKeys: "busy"}
    shake(home, leg, 1, client)
    assert client.result is not None
    assert home.engine.of(SetLineKeys) == []
    home.engine.fails = {}
    home.calls.handle_event(LineConnected(leg=leg, line=1), 0.0)
    home.calls.handle_timeout(0.1)
    home.calls.handle_timeout(0.2)
    (keyed,) = home.engine.of(SetLineKeys)
    assert (keyed.line, keyed.local.master, keyed.remote.master) == (1, client.result.remote, client.result.local)
    assert [event for event in home.told if isinstance(event, LegSecured)] == [LegSecured(leg)]
    assert any(isinstance(event, LegDelayed) for event in home.told)


def test_a_handshake_with_another_certificate_fails() -> None:
    """It is not the one that the description names."""
    home = House()
    client, _ = client_for()
    leg, _ = home.offer(by_handshake())
    shake(home, leg, 0, client)
    assert any(isinstance(event, LegFailed) for event in home.told)
    assert home.engine.of(SetLineKeys) == []


def test_wishes_for_key_frames_are_of_pictures() -> None:
    """One for each slot of them that is wanted."""
    home = House()
    leg, _ = home.offer(softphone())
    home.calls.want_key_frame(leg)
    home.calls.want_key_frame(leg + 1)
    assert home.engine.of(WantKeyFrame) == [WantKeyFrame(leg=leg, slot=1)]


def test_what_the_engine_lost_is_forgotten() -> None:
    """A room that failed, a shard that stopped; a leg that was not taken back is tried again."""
    home = House()
    legs = [home.offer(softphone())[0] for _ in range(3)]
    home.calls.handle_event(RoomFailed(room=ROOM, legs=legs[:1], place="here"), 0.0)
    assert [leg in home.calls for leg in legs] == [False, True, True]
    home.engine.fails = {RemoveLeg: "busy"}
    home.calls.close(legs[1])
    home.engine.fails = {}
    home.calls.handle_timeout(0.0)
    assert home.engine.of(RemoveLeg) == [RemoveLeg(leg=legs[1])]
    home.calls.handle_event(ShardStopped(shard=0, place="here"), 0.0)
    assert len(home.calls) == 0


ANSWER = (
    "v=0\r\no=- 3 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    f"m=audio 7000 RTP/SAVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
    f"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=rtcp-mux\r\n"
    f"m=video 7002 RTP/SAVP 98\r\na=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f\r\n"
    f"a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
)


def test_an_offer_of_ours_is_of_all_that_we_take() -> None:
    """The leg is made with what the answer takes of it: its keys are those of the tags, and spare ports go."""
    home = House()
    leg, offered = home.calls.offer(None, ROOM, plain=False)
    assert home.engine.commands == []
    assert len(home.engine.open) == 3
    assert leg in home.calls
    assert home.calls.description(leg).slots == ()
    assert offered.count("a=crypto:") == 12
    assert "RTP/AVP" not in offered
    home.calls.answered(leg, ANSWER, SEEN, 0.0)
    (made,) = home.engine.of(AddLines)
    sound, pictures = made.lines
    assert {sound.ports.rtp, pictures.ports.rtp} == home.engine.open
    assert (sound.ports.rtcp, pictures.ports.rtcp) == (None, pictures.ports.rtp + 1)
    assert isinstance(sound.protection, Sdes)
    assert (sound.protection.local.profile, sound.protection.remote.master) == (
        "AES_CM_128_HMAC_SHA1_80",
        bytes(range(1, 31)),
    )
    assert [form.packetization_mode for form in pictures.slots[0].formats] == [0]
    _, again = home.calls.offer(leg, ROOM, plain=False)
    assert again.split()[3] == "2"
    home.calls.answered(leg, ANSWER.replace("RTP/SAVP 98", "RTP/SAVP 98\r\na=sendonly"), SEEN, 0.0)
    assert [slot.kind for slot in home.calls.description(leg).slots] == ["audio"]


def test_an_answer_without_pictures_gives_their_ports_back() -> None:
    """A telephone's, if it had Opus."""
    home = House()
    leg, _ = home.calls.offer(None, ROOM, plain=False)
    home.calls.answered(leg, ANSWER.replace("m=video 7002", "m=video 0"), SEEN, 0.0)
    (made,) = home.engine.of(AddLines)
    assert home.engine.open == {made.lines[0].ports.rtp}


@pytest.mark.parametrize(
    "bad",
    [
        "v=0",
        ANSWER.replace("crypto:3", "crypto:4"),
        ANSWER.replace("crypto:", "nothing:"),
        ANSWER.replace("m=audio 7000", "m=audio 0").replace("m=video 7002", "m=video 0"),
    ],
)
def test_answers_that_fit_no_offer_make_no_leg(bad: str) -> None:
    """Whether they cannot be read, or take what was not offered."""
    home = House()
    leg, _ = home.calls.offer(None, ROOM, plain=False)
    with pytest.raises(SdpError):
        home.calls.answered(leg, bad, SEEN, 0.0)
    home.calls.close(leg)
    assert home.engine.open == set()
    assert home.engine.commands == []
    with pytest.raises(SdpError):
        home.calls.answered(leg, ANSWER, SEEN, 0.0)


def test_an_offer_that_nobody_answers_is_closed() -> None:
    """With its ports, and nothing to take back."""
    home = House()
    leg, _ = home.calls.offer(None, ROOM, plain=False)
    home.calls.close(leg)
    assert (home.engine.open, home.engine.commands, len(home.calls)) == (set(), [], 0)
    home.engine.most = 1
    with pytest.raises(EngineError):
        home.calls.offer(None, ROOM, plain=False)
    assert home.engine.open == set()


BEYOND = (
    ANSWER.replace("m=audio 7000", "m=audio 0").replace("m=video 7002", "m=video 0")
    + "m=video 0 RTP/SAVP 98\r\nm=audio 7004 {} 96\r\na=rtpmap:96 opus/48000/2\r\n"
)


@pytest.mark.parametrize(
    "bad",
    [
        BEYOND.format("RTP/SAVP") + f"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n",
        BEYOND.format("UDP/TLS/RTP/SAVP") + f"a=setup:active\r\na=fingerprint:sha-256 {PRINT}\r\n",
        ANSWER.replace("RTP/SAVP 96", "UDP/TLS/RTP/SAVP 96").replace(
            "t=0 0\r\n", f"t=0 0\r\na=setup:active\r\na=fingerprint:sha-256 {PRINT}\r\n"
        ),
    ],
)
def test_answers_with_lines_or_handshakes_that_were_not_offered_leave_no_port_open(bad: str) -> None:
    """They are turned down like any that cannot be used."""
    home = House()
    leg, _ = home.calls.offer(None, ROOM, plain=False)
    with pytest.raises(SdpError):
        home.calls.answered(leg, bad, SEEN, 0.0)
    home.calls.close(leg)
    assert (home.engine.open, home.engine.commands) == (set(), [])
