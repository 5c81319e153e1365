"""Native robots against the real engine on loopback: they connect, media flows, and what is wrong is seen."""

import asyncio
import re
from pathlib import Path
from types import UnionType
from typing import get_args

import msgspec
import numpy as np
import pytest

from media import clients
from media.api import EngineError
from media.clients import (
    AddClip,
    ClientRefused,
    ClientRemoved,
    Clients,
    Expect,
    FirstMedia,
    Frame,
    Play,
    RemoveClient,
    SetClientKeys,
    latency_bounds_us,
    source_id,
)
from tests.media.engine_peer import Ears
from tests.media.robot_call import Call, running_call

ROBOT = Path(__file__).parents[2] / "media" / "engine" / "robot" / "src"


async def test_three_robots_see_and_hear_each_other() -> None:
    """Every receiver gets its source whole: nothing is lost, corrupt, of another source, or unexpected."""
    async with running_call(3) as call:
        call.open_gates()
        call.connect()
        seen = await call.until(lambda seen: len(seen.receivers) == 12 and (seen.receivers["checked"] >= 60).all())
        rows = seen.receivers
        for fault in ("auth_failures", "content_failures", "wrong_source", "unexpected", "lost", "duplicates"):
            assert (rows[fault] == 0).all(), fault
        assert (rows["packets"] == rows["expected"]).all()
        assert {int(row["source"]) for row in rows} == {source_id(n, s) for n in (1, 2, 3) for s in (0, 1)}
        assert (rows["keyframes"][rows["kind"] == 1] >= 1).all()
        assert (seen.senders["packets"] > 0).all()
        for event in (e for e in call.ears.events if isinstance(e, FirstMedia)):
            row = rows[(rows["client"] == event.client) & (rows["receiver"] == event.receiver)][0]
            assert row["first_us"] == event.at_us
        for kind in ("audio", "video"):
            assert seen.latency[kind].sum() >= 6 * 60
            # On loopback nothing takes a second; the buckets say where it was.
            slow = np.array(latency_bounds_us(), dtype=np.uint64) > 1_000_000
            assert seen.latency[kind][slow].sum() == 0
        call.robots.reset_latency()
        assert call.robots.snapshot().latency["audio"].sum() < seen.latency["audio"].sum()


async def test_media_of_the_wrong_person_is_seen() -> None:
    """A feed that crosses two sources is counted as wrong at both receivers, and only there."""
    async with running_call(3) as call:
        call.open_gates()
        feeds = call.expected_feeds()
        crossed = [(1, 0, 3, 0), (1, 2, 2, 0)]
        call.connect([feed for feed in feeds if feed[:2] not in {(1, 0), (1, 2)}] + crossed)
        seen = await call.until(lambda seen: len(seen.receivers) == 12 and (seen.receivers["checked"] >= 20).all())
        rows = seen.receivers
        crossed_rows = (rows["client"] == 1) & (rows["kind"] == 0)
        assert (rows["wrong_source"][crossed_rows] == rows["checked"][crossed_rows]).all()
        assert (rows["wrong_source"][~crossed_rows] == 0).all()
        assert (rows["content_failures"] == 0).all()


async def test_media_where_nobody_may_be_is_seen() -> None:
    """A receiver at which nobody is expected counts every packet that comes, without decrypting one."""
    async with running_call(2, check_percent=0) as call:
        call.robots.submit(Expect(client=1, receiver=0, source=None))
        call.open_gates()
        call.connect()
        seen = await call.until(lambda seen: (seen.receivers["packets"] >= 30).sum() == 4)
        rows = seen.receivers
        leak = (rows["client"] == 1) & (rows["receiver"] == 0)
        assert rows["unexpected"][leak] == rows["packets"][leak]
        assert (rows["unexpected"][~leak] == 0).all()
        assert (rows["checked"] == 0).all()


async def test_nothing_arrives_behind_a_closed_gate() -> None:
    """Robots whose gates are closed connect, shake hands and send, and get nothing at all."""
    async with running_call(2) as call:
        call.connect()
        seen = await call.until(lambda seen: len(seen.senders) == 4 and (seen.senders["pictures"] >= 30).all())
        assert (seen.receivers["packets"] == 0).all()
        assert (seen.clients["connected"] == 1).all()
        assert (seen.clients["secured"] == 1).all()
        assert call.engine.snapshot().legs["gate_drops_in"].min() >= 30


async def test_a_pause_is_a_pause_and_removal_ends() -> None:
    """A paused sender's receiver gets no more; a robot that is removed has no rows."""
    async with running_call(2) as call:
        call.open_gates()
        call.connect()
        await call.until(lambda seen: len(seen.receivers) == 4 and (seen.receivers["packets"] >= 10).all())
        call.robots.submit(Play(client=1, sender=0, on=False))
        paused, other = (sent_by(call, client) for client in (1, 2))
        await call.until(lambda _: sent_by(call, 2) >= other + 20)
        assert sent_by(call, 1) <= paused + 1
        call.robots.submit(RemoveClient(client=1))
        await call.ears.of(ClientRemoved)
        assert {int(row["client"]) for row in call.robots.snapshot().senders} == {2}


def sent_by(call: Call, client: int) -> int:
    """How many packets of sound a robot has sent."""
    senders = call.robots.snapshot().senders
    return int(senders["packets"][(senders["client"] == client) & (senders["sender"] == 0)][0])


def variants(rust: str, enum: str) -> dict[str, set[str]]:
    """The variants of a Rust enum with their fields, read from its source."""
    body = re.split(rf"pub enum {enum} {{", rust)[1].split("\n}")[0]
    found = re.findall(r"^    (\w+) \{\n(.*?)^    \}", body, re.MULTILINE | re.DOTALL)
    return {name: set(re.findall(r"^        (\w+):", fields, re.MULTILINE)) for name, fields in found}


def fields(rust: str, struct: str) -> set[str]:
    """The fields of a Rust struct, read from its source."""
    body = re.split(rf"pub struct {struct} {{", rust)[1].split("\n}")[0]
    return set(re.findall(r"^    pub (\w+):", body, re.MULTILINE))


@pytest.mark.parametrize(("enum", "union"), [("Command", clients.Command), ("Event", clients.Event)])
def test_python_and_rust_name_the_same_messages_and_fields(enum: str, union: UnionType) -> None:
    """Each variant of the Rust enum is a struct here, with the same fields, and there is no other."""
    rust = (ROBOT / "api.rs").read_text("utf-8")
    named = variants(rust, enum)
    if enum == "Command":
        named["AddClient"] = fields(rust, "ClientSpec")
    assert {kind.__name__: set(kind.__struct_fields__) for kind in get_args(union)} == named


@pytest.mark.parametrize(
    ("python", "rust"),
    [("Frame", "Frame"), ("Sender", "SenderSpec"), ("Receiver", "ReceiverSpec"), ("ClientIce", "ClientIce")],
)
def test_parts_of_commands_have_the_same_fields(python: str, rust: str) -> None:
    """What commands are made of has the same fields on both sides."""
    source = (ROBOT / "api.rs").read_text("utf-8")
    named = {field.name for field in msgspec.structs.fields(getattr(clients, python))}
    assert named == fields(source, rust)


async def test_what_cannot_be_carried_out_is_refused_by_name() -> None:
    """Commands on robots and clips that are not there, or make no sense, are answered with the reason."""
    robots, ears = Clients(2), Ears()
    try:
        robots.listen(asyncio.get_running_loop(), ears.take)
        no_key = Frame(ticks=3000, key=False, payloads=[b"\x90\x80\x01\x11"])
        for command, code in (
            (AddClip(clip=1, codec="vp8", clock_rate=90_000, frames=[no_key]), "bad_clip"),
            (RemoveClient(client=7), "unknown_client"),
            (Play(client=7, sender=0, on=True), "unknown_client"),
            (
                SetClientKeys(client=7, profile="AEAD_AES_128_GCM", local=bytes(28), remote=bytes(28)),
                "unknown_client",
            ),
        ):
            robots.submit(command)
            name = type(command).__name__
            number = 0 if name == "AddClip" else 7
            refusal = ClientRefused(command=name, client=number, code=code)
            await ears.wait_for(lambda event, wanted=refusal: event == wanted)
    finally:
        robots.stop()


def test_stopped_robots_say_so() -> None:
    """After `stop` commands and snapshots raise `stopped`; no threads is a mistake."""
    robots = Clients(1)
    robots.stop()
    robots.stop()
    for call in (lambda: robots.submit(RemoveClient(client=1)), robots.snapshot, robots.reset_latency):
        with pytest.raises(EngineError) as caught:
            call()
        assert caught.value.code == "stopped"
    with pytest.raises(EngineError) as caught:
        Clients(0)
    assert caught.value.code == "config"
