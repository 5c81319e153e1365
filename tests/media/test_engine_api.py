"""Python and the compiled engine speak one schema: every command, every event, every column."""

import re
import socket
from pathlib import Path
from types import UnionType
from typing import get_args

import msgspec
import numpy as np
import pytest

from media import api
from media.api import (
    AddLeg,
    CommandRefused,
    Engine,
    EngineError,
    Feed,
    GateChanged,
    LegRemoved,
    Panic,
    RecordLink,
    RemoveLeg,
    RestartIce,
    RoomFailed,
    SendDtls,
    SetFeeds,
    SetGate,
    SetKeys,
    SetMuted,
    ShardStopped,
    SourceRef,
)
from media.description import CAMERA, MIC, Encoding, Extensions, Format, IceParams, Slot, Source
from media.lines import (
    ChannelKey,
    Keys,
    Remote,
    SendLineDtls,
    SetChannelKeys,
    SetLineKeys,
    SetRemote,
    WantKeyFrame,
)
from tests.media.engine_peer import running_engine

CORE = Path(__file__).parents[2] / "media" / "engine" / "core" / "src"
ICE = IceParams(local_ufrag="here", local_pwd="a-password-of-22-chars")  # noqa: S106 - of a test
OPUS = Format(pt=111, codec="opus", clock_rate=48_000)
VP8 = Format(pt=96, codec="vp8", clock_rate=90_000, rtx_pt=97, nack=True, pli=True)


def leg(number: int, room: int = 1) -> AddLeg:
    """A leg with sound and picture both ways, using every optional field."""
    return AddLeg(
        leg=number,
        room=room,
        ice=IceParams(local_ufrag=f"here{number}", local_pwd=ICE.local_pwd),
        sources=(
            Source(source=MIC, kind="audio", mid="0", encodings=(Encoding(),), formats=(OPUS,)),
            Source(
                source=CAMERA,
                kind="video",
                mid="1",
                encodings=(Encoding(rid="q", ssrc=11, rtx_ssrc=12),),
                formats=(VP8,),
            ),
        ),
        slots=(
            Slot(slot=0, kind="audio", ssrc=number * 10 + 1, rtx_ssrc=None, formats=(OPUS,)),
            Slot(slot=1, kind="video", ssrc=number * 10 + 2, rtx_ssrc=number * 10 + 3, formats=(VP8,)),
        ),
        extensions=Extensions(mid=4, audio_level=None),
        cname="cname",
    )


FEEDS = SetFeeds(
    room=1,
    feeds=(Feed(leg=1, slot=0, source=SourceRef(leg=2, source=MIC)), Feed(leg=2, slot=0, source=None)),
)
KEYS = SetKeys(leg=9, profile="AEAD_AES_128_GCM", local=bytes(28), remote=bytes(range(28)))
REMOTE = Remote(rtp="192.0.2.7:5004", rtcp="[2001:db8::7]:5005", learn=True)
SDES_KEYS = Keys(profile="AES_CM_128_HMAC_SHA1_32", master=bytes(30))
CHANNEL_KEY = ChannelKey(profile="H235_AES_128_CBC", key=bytes(16), payload_type=121)
ON_UNKNOWN = [
    KEYS,
    SendDtls(leg=9, datagrams=[b"\x16", b""]),
    SetGate(leg=9, open=True),
    SetMuted(leg=9, source=MIC, muted=True),
    RestartIce(leg=9, ice=ICE),
    RemoveLeg(leg=9),
    RecordLink(leg=9, seconds=5),
    SetRemote(leg=9, line=0, remote=REMOTE, keys=SDES_KEYS),
    SetLineKeys(leg=9, line=0, local=SDES_KEYS, remote=SDES_KEYS),
    SetChannelKeys(leg=9, line=0, local=CHANNEL_KEY, remote=None),
    SendLineDtls(leg=9, line=0, datagrams=[b"\x16"]),
    WantKeyFrame(leg=9, slot=0),
]


def variants(rust: str, enum: str) -> dict[str, set[str]]:
    """The variants of a Rust enum with their fields, from its source; some have a struct of that name."""
    body = re.split(rf"pub enum {enum} {{", rust)[1].split("\n}")[0]
    found = re.findall(r"^    (\w+) \{\n(.*?)^    \}", body, re.MULTILINE | re.DOTALL)
    named = {name: set(re.findall(r"^        (\w+):", fields, re.MULTILINE)) for name, fields in found}
    return named | {name: fields_of(name) for name in re.findall(r"^    (\w+)\(\1\),", body, re.MULTILINE)}


def fields_of(struct: str) -> set[str]:
    """The fields of a struct of the lines' schema."""
    body = (CORE / "line" / "api.rs").read_text("utf-8").split(f"pub struct {struct} {{")[1].split("\n}")[0]
    return set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "enum", "union"), [("api.rs", "Command", api.Command), ("events.rs", "Event", api.Event)]
)
def test_python_and_rust_name_the_same_messages_and_fields(file: str, enum: str, union: UnionType) -> None:
    """Each variant of the Rust enum is a struct here, with the same fields, and there is no other."""
    rust = variants((CORE / file).read_text("utf-8"), enum)
    python = {
        kind.__name__: {field.encode_name for field in msgspec.structs.fields(kind)} for kind in get_args(union)
    }
    assert python == rust
    assert len(rust) >= 7


@pytest.mark.parametrize("command", ON_UNKNOWN, ids=lambda command: type(command).__name__)
async def test_a_command_on_an_unknown_leg_is_refused_by_name(command: api.Command) -> None:
    """The engine understands each command and answers with an event that names it, the leg and the reason."""
    async with running_engine() as (engine, ears):
        engine.submit(command)
        refused = await ears.of(CommandRefused)
        assert refused == CommandRefused(command=type(command).__name__, leg=9, code="unknown_leg")


async def test_the_life_of_a_leg_round_trips() -> None:
    """Every command that succeeds does what it says, and gates and removal are told with their times."""
    async with running_engine() as (engine, ears):
        for command in (leg(1), leg(2), FEEDS, SetMuted(leg=2, source=CAMERA, muted=True)):
            engine.submit(command)
        engine.submit(RestartIce(leg=1, ice=ICE))
        engine.submit(SetKeys(leg=1, profile=KEYS.profile, local=KEYS.local, remote=KEYS.remote))
        engine.submit(SetGate(leg=1, open=True))
        engine.submit(RemoveLeg(leg=2))
        removed = await ears.of(LegRemoved)
        gate, *_ = ears.events
        assert isinstance(gate, GateChanged)
        assert (gate.leg, gate.open, gate.last_out_us) == (1, True, 0)
        assert isinstance(removed, LegRemoved)
        assert (removed.leg, removed.last_in_us, removed.last_out_us) == (2, 0, 0)
        assert removed.at_us >= gate.at_us > 1_600_000_000_000_000
        legs = engine.snapshot().legs
        assert legs[["leg", "room", "gate_open", "secured"]].tolist() == [(1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        ([leg(1), leg(1)], "duplicate_leg"),
        ([leg(1), SetMuted(leg=1, source=7, muted=True)], "bad_description"),
        (
            [leg(1), SetFeeds(room=1, feeds=(Feed(leg=1, slot=0, source=SourceRef(leg=1, source=MIC)),))],
            "bad_description",
        ),
        ([leg(9), SetKeys(leg=9, profile="NONE", local=b"", remote=b"")], "bad_keys"),
        ([leg(9), KEYS, KEYS], "already_keyed"),
        ([leg(1), Panic(room=1)], "not_allowed"),
        ([leg(1), RecordLink(leg=1, seconds=61)], "bad_description"),
        ([leg(1), RecordLink(leg=1, seconds=60)], "nothing_to_record"),
        ([leg(1), SetGate(leg=1, open=True), RecordLink(leg=1, seconds=1)], "nothing_to_record"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_its_reason(commands: list[api.Command], code: str) -> None:
    """The reason of a refusal is a word that this side can count."""
    async with running_engine() as (engine, ears):
        for command in commands:
            engine.submit(command)
        refused = await ears.of(CommandRefused)
        assert isinstance(refused, CommandRefused)
        assert (refused.code, refused.command) == (code, type(commands[-1]).__name__)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"type": "IceConnected", "leg": 2**64 - 1}, api.IceConnected),
        ({"type": "Dtls", "leg": 1, "data": b"\x16"}, api.Dtls),
        ({"type": "ConsentLost", "leg": 1}, api.ConsentLost),
        ({"type": "LineConnected", "leg": 1, "line": 1}, api.LineConnected),
        ({"type": "KeyFrameWanted", "leg": 1, "source": 1}, api.KeyFrameWanted),
        ({"type": "Digit", "leg": 1, "key": "#", "duration_ms": 100}, api.Digit),
        ({"type": "LineDtls", "leg": 1, "line": 0, "data": b"\x16"}, api.LineDtls),
        ({"type": "GateChanged", "leg": 1, "open": True, "at_us": 1, "last_out_us": 0}, api.GateChanged),
        ({"type": "Speakers", "room": 1, "legs": [1, 2]}, api.Speakers),
        (
            {"type": "Demand", "leg": 1, "source": 1, "encodings": [{"active": True, "max_bitrate": None}]},
            api.Demand,
        ),
        ({"type": "LinkRecorded", "leg": 1, "trace": "b 0 400000 0\n"}, api.LinkRecorded),
        ({"type": "LegRemoved", "leg": 1, "at_us": 1, "last_in_us": 0, "last_out_us": 0}, api.LegRemoved),
        ({"type": "RoomFailed", "room": 1, "legs": [1, 2], "place": "core/src/a.rs:7"}, api.RoomFailed),
        ({"type": "ShardStopped", "shard": 1, "place": ""}, api.ShardStopped),
        ({"type": "CommandRefused", "command": "SetGate", "leg": 1, "code": "unknown_leg"}, api.CommandRefused),
    ],
)
def test_each_event_decodes_from_a_map(data: dict[str, object], kind: type) -> None:
    """Every event that the engine writes as a map tagged by `type` becomes its struct."""
    event = msgspec.msgpack.decode(msgspec.msgpack.encode(data), type=api.Event)
    assert type(event) is kind
    assert msgspec.to_builtins(event, builtin_types=(bytes,)) == data


async def test_a_snapshot_has_the_columns_that_the_engine_documents() -> None:
    """Three arrays of unsigned 64-bit columns, named as in the engine's source; a row a leg, stream, shard."""
    rust = (CORE / "stats.rs").read_text("utf-8") + (CORE / "line" / "rows.rs").read_text("utf-8")
    async with running_engine(shards=2) as (engine, _ears):
        engine.submit(leg(1))
        engine.submit(leg(2, room=2))
        snapshot = engine.snapshot()
    arrays = {
        "LegRow": snapshot.legs,
        "StreamRow": snapshot.streams,
        "ShardRow": snapshot.shards,
        "LineRow": snapshot.lines,
    }
    for name, array in arrays.items():
        body = rust.split(f"{name} {{")[1].split("\n    }")[0]
        assert list(array.dtype.names or ()) == re.findall(r"^        (\w+),", body, re.MULTILINE)
        assert {array.dtype[column] for column in array.dtype.names or ()} == {np.dtype("<u8")}
    assert sorted(snapshot.legs["leg"].tolist()) == [1, 2]
    assert sorted(zip(snapshot.streams["leg"].tolist(), snapshot.streams["direction"].tolist(), strict=True)) == [
        (number, direction) for number in (1, 2) for direction in (0, 0, 1, 1)
    ]
    assert snapshot.shards["shard"].tolist() == [0, 1]
    assert snapshot.shards["legs"].tolist() == [1, 1]


async def test_a_snapshot_has_the_delays_of_every_shard() -> None:
    """A row a shard and a column a bucket, whose bounds grow without end; nothing was forwarded yet."""
    async with running_engine(shards=2) as (engine, _ears):
        latency = engine.snapshot().latency
    assert latency.counts.shape == (2, len(latency.bounds_us))
    assert latency.counts.sum() == latency.sum_us.sum() == latency.impossible.sum() == 0
    assert (np.diff(latency.bounds_us.astype(float)) > 0).all()
    assert latency.bounds_us[[0, -2, -1]].tolist() == [1, 2**20, 2**64 - 1]


async def test_rooms_are_spread_over_shards_with_an_address_each() -> None:
    """A room's shard is one that listens, and different rooms use both."""
    async with running_engine(shards=2) as (engine, _ears):
        assert len(set(engine.addresses)) == 2
        assert {engine.shard_of(room) for room in range(10)} == {0, 1}


def test_a_port_that_is_taken_is_an_error_with_a_code() -> None:
    """A second engine on the port is refused as `socket`, and a range past the last port as `config`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(EngineError) as caught:
            Engine("127.0.0.1", taken.getsockname()[1], 1)
    assert caught.value.code == "socket"
    with pytest.raises(EngineError) as caught:
        Engine("127.0.0.1", 65_535, 2)
    assert caught.value.code == "config"


def test_a_stopped_engine_says_so_and_stops_twice() -> None:
    """After `stop` commands and snapshots raise `stopped`, and stopping again does no harm."""
    engine = Engine("127.0.0.1", 0, 1)
    engine.stop()
    engine.stop()
    with pytest.raises(EngineError) as caught:
        engine.submit(RemoveLeg(leg=1))
    assert caught.value.code == "stopped"
    with pytest.raises(EngineError) as caught:
        engine.snapshot()
    assert caught.value.code == "stopped"


def test_a_flood_of_commands_finds_a_full_queue_and_no_crash() -> None:
    """Faster than the shard can carry them out, commands are refused as `busy`; the shard goes on."""
    engine = Engine("127.0.0.1", 0, 1)
    try:
        for number in range(1, 1001):
            engine.submit(leg(number))
        slow = SetFeeds(room=1, feeds=())
        with pytest.raises(EngineError) as caught:  # noqa: PT012 - one of many raises
            for _ in range(200_000):
                engine.submit(slow)
        assert caught.value.code == "busy"
    finally:
        engine.stop()


async def test_events_come_in_order_however_many() -> None:
    """More events than one read takes arrive complete and in the order in which they happened."""
    async with running_engine() as (engine, ears):
        engine.submit(leg(1))
        for number in range(5000):
            engine.submit(SetGate(leg=1, open=number % 2 == 0))
        engine.submit(RemoveLeg(leg=1))
        await ears.of(LegRemoved)
        gates = [event.open for event in ears.events if isinstance(event, GateChanged)]
        assert gates == [number % 2 == 0 for number in range(5000)]


def h264(mode: int | None, profile: int | None, *, asymmetry: bool = False) -> Format:
    """A variant of H.264."""
    return Format(
        pt=102,
        codec="h264",
        clock_rate=90_000,
        packetization_mode=mode,
        profile=profile,
        level_asymmetry=asymmetry,
    )


@pytest.mark.parametrize(
    ("to", "sent", "fits"),
    [
        (h264(1, 0x42E01F), h264(1, 0x42E01F), True),
        (h264(1, 0x42E01F), h264(1, 0x4D801F), True),
        (h264(1, 0x42E01F), h264(1, 0x58C01F), True),
        (h264(1, 0x42E01F), h264(1, 0x42001F), False),
        (h264(0, 0x42E01F), h264(1, 0x42E01F), False),
        (h264(1, 0x640C1F), h264(1, 0x64001F), False),
        (h264(1, 0x42E01F), h264(1, 0x42E034), False),
        (h264(1, 0x42E034), h264(1, 0x42E01F), True),
        (h264(1, 0x42E01F, asymmetry=True), h264(1, 0x42E034), True),
        (h264(None, None), h264(0, 0x42000A), True),
        (h264(None, None), h264(0, 0x42E00A), True),
        (h264(1, 0x42E01F), h264(0, 0x42E01F), True),
        (h264(1, 0x42801F), h264(1, 0x42001F), True),
        (h264(1, 0x42801F), h264(1, 0x42E01F), True),
        (h264(1, 0x4D401F), h264(1, 0x4D001F), True),
        (h264(1, 0x64001F), h264(1, 0x42E01F), True),
        (h264(1, 0x58001F), h264(1, 0x42E01F), False),
        (h264(1, 0x4D001F), h264(1, 0x42001F), False),
        (VP8, h264(1, 0x42E01F), False),
    ],
)
async def test_python_and_rust_agree_on_what_a_slot_takes(to: Format, sent: Format, fits: bool) -> None:  # noqa: FBT001
    """The planner's question has the engine's answer, or the engine would refuse the plan."""
    assert to.takes(sent) is fits
    source = Source(source=CAMERA, kind="video", mid="1", encodings=(Encoding(ssrc=11),), formats=(sent,))
    slot = Slot(slot=1, kind="video", ssrc=22, rtx_ssrc=None, formats=(to,))
    feed = Feed(leg=1, slot=1, source=SourceRef(leg=2, source=CAMERA))
    async with running_engine() as (engine, ears):
        engine.submit(msgspec.structs.replace(leg(1), slots=(slot,)))
        engine.submit(msgspec.structs.replace(leg(2), sources=(source,)))
        engine.submit(SetFeeds(room=1, feeds=(feed,)))
        engine.submit(RemoveLeg(leg=1))
        await ears.of(LegRemoved)
        assert (not any(isinstance(event, CommandRefused) for event in ears.events)) is fits


async def test_a_room_that_fails_takes_no_other_with_it() -> None:
    """The shipped build ends a room in which it fails, says where, and refuses what is asked of its legs later."""
    async with running_engine(drills=True) as (engine, ears):
        for command in (leg(1, room=1), leg(2, room=1), leg(3, room=2), Panic(room=1)):
            engine.submit(command)
        failed = await ears.of(RoomFailed)
        assert isinstance(failed, RoomFailed)
        assert (failed.room, failed.legs) == (1, [1, 2])
        assert re.fullmatch(r"core/src/\w+\.rs:\d+", failed.place)
        engine.submit(SetGate(leg=1, open=True))
        refused = await ears.of(CommandRefused)
        assert refused == CommandRefused(command="SetGate", leg=1, code="unknown_leg")
        snapshot = engine.snapshot()
        assert snapshot.legs["leg"].tolist() == [3]
        assert snapshot.shards["panics"].tolist() == [1]


async def test_a_thread_that_ends_shows() -> None:
    """A shard that has stopped is told, and its row says so, while the other one goes on."""
    async with running_engine(shards=2, drills=True) as (engine, ears):
        for command in (leg(1, room=1), leg(2, room=2), Panic(room=2, at="shard")):
            engine.submit(command)
        stopped = await ears.of(ShardStopped)
        assert isinstance(stopped, ShardStopped)
        assert stopped.shard == engine.shard_of(2) == 0
        snapshot = engine.snapshot()
        assert snapshot.shards["stopped"].tolist() == [1, 0]
        assert snapshot.legs["leg"].tolist() == [1]
        with pytest.raises(EngineError) as caught:
            engine.submit(leg(3, room=4))
        assert caught.value.code == "stopped"


async def test_what_is_not_a_command_is_refused_at_once() -> None:
    """A codec that the engine does not know breaks the schema, and nothing of the leg is kept."""
    strange = Format(pt=96, codec="theora", clock_rate=90_000)
    source = Source(source=CAMERA, kind="video", mid="1", encodings=(Encoding(ssrc=1),), formats=(strange,))
    async with running_engine() as (engine, _ears):
        wrong = msgspec.structs.replace(leg(1), sources=(source,))
        with pytest.raises(EngineError) as caught:
            engine.submit(wrong)
        assert caught.value.code == "schema"
        assert len(engine.snapshot().legs) == 0
