"""A native robot's connection: what it asks of the engine, held against a real answer and a real handshake."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from loadtest.errors import MediaFailed
from loadtest.native import CAMERA_SENDER, MIC_SENDER, Crowd, NativeMedia, NativeOptions
from loadtest.profiles import Clips
from media.api import EngineError
from media.clients import (
    ANY_SOURCE,
    AddClient,
    AddClip,
    ClientConnected,
    ClientDtls,
    ClientRefused,
    ClientRemoved,
    Clients,
    Command,
    ConsentFailed,
    Expect,
    FirstMedia,
    RemoveClient,
    SendClientDtls,
    SetClientKeys,
    source_id,
)
from media.sdp import Answer, OfferRoles
from media.transport import DtlsCertificate, DtlsServer
from signalling.messages import Layout, LayoutSlot, SlotCounts, SourceName
from tests.media.sdp_offers import answered, transport
from transcode.clips import Clip, ClipFrame

LIMITS = SlotCounts(audio=2, video=2, content=1)
VOICE = Clip("opus", 48_000, (ClipFrame(960, key=True, payloads=(b"sound",)),))
PICTURES = Clip("vp8", 90_000, tuple(ClipFrame(3000, key, (b"picture",)) for key in (True, False, False)))


class Recorder:
    """The engine's place: keeps what it is told, and takes out whom it is told to."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.crowd: Crowd | None = None
        self.busy = False

    def submit(self, command: Command) -> None:
        """Keep it."""
        if self.busy:
            raise EngineError("busy", "Too much at once.")
        self.commands.append(command)
        if isinstance(command, RemoveClient) and self.crowd is not None:
            self.crowd.take(ClientRemoved(client=command.client))

    def of(self, kind: type[Any]) -> list[Any]:
        """What came of one kind."""
        return [command for command in self.commands if isinstance(command, kind)]


class Bridge:
    """The other end: answers offers, and shakes hands."""

    def __init__(self) -> None:
        self.certificate = DtlsCertificate.generate(datetime.now(UTC))

    def answer(self, offer: str) -> Answer:
        """Answer as the bridge does."""
        return answered(offer, OfferRoles(mic="0", camera="1"), local=transport(self.certificate.fingerprint))

    def shake_hands(self, answer: Answer, recorder: Recorder, crowd: Crowd, client: int) -> DtlsServer:
        """Carry datagrams to and fro until nothing is left to say."""
        offered = [(one.algorithm, one.value) for one in answer.remote.fingerprints]
        server = DtlsServer(self.certificate, offered, time.monotonic())
        crowd.take(ClientConnected(client=client))
        carried = 0
        while said := recorder.of(SendClientDtls)[carried:]:
            carried += len(said)
            for datagram in itertools.chain.from_iterable(one.datagrams for one in said):
                server.handle_datagram(datagram, time.monotonic())
            for datagram in server.datagrams_to_send():
                crowd.take(ClientDtls(client=client, data=datagram))
        return server


@pytest.fixture
def recorder() -> Recorder:
    """Give an engine that only listens."""
    return Recorder()


@pytest.fixture
async def crowd(recorder: Recorder) -> AsyncIterator[Crowd]:
    """Give a crowd on it, of which nobody is left at the end."""
    certificate = DtlsCertificate.generate(datetime.now(UTC))
    clips = Clips(VOICE, PICTURES)
    made = Crowd(cast("Clients", recorder), certificate, clips, NativeOptions(check_percent=7), time.monotonic)
    recorder.crowd = made
    yield made
    assert len(made) == 0


async def connected(crowd: Crowd, recorder: Recorder, name: str = "p_a") -> tuple[NativeMedia, Answer, DtlsServer]:
    """Somebody whose handshake is over."""
    media, bridge = NativeMedia(crowd, name, lambda: None), Bridge()
    offer, _ = await media.offer(LIMITS)
    answer = bridge.answer(offer)
    async with asyncio.TaskGroup() as group:
        assert await media.accept(answer.sdp, group) == []
    said = len(recorder.commands)
    server = bridge.shake_hands(answer, recorder, crowd, media.client)
    assert len(recorder.commands) > said
    return media, answer, server


async def test_the_engine_is_told_what_the_answer_says(crowd: Crowd, recorder: Recorder) -> None:
    """Clips come first and once; address, credentials, streams and the share to check follow the answer."""
    media, answer, _ = await connected(crowd, recorder)
    assert [clip.codec for clip in recorder.of(AddClip)] == ["opus", "vp8"]
    (added,) = recorder.of(AddClient)
    assert added.remote == ("127.0.0.1", 4000)
    assert (added.ice.remote_ufrag, added.ice.local_ufrag) == ("bridge01", answer.remote.ufrag)
    assert {one.sender: one.ssrc for one in added.senders} == {
        MIC_SENDER: answer.leg.sources[0].encodings[0].ssrc,
        CAMERA_SENDER: answer.leg.sources[1].encodings[0].ssrc,
    }
    assert [one.ssrc for one in added.receivers] == [slot.ssrc for slot in answer.leg.slots]
    assert [one.kind for one in added.receivers] == ["audio", "audio", "video", "video", "video"]
    assert {one.expects for one in added.receivers} == {None}
    assert added.check_percent == 7
    assert await media.close()


async def test_keys_of_the_handshake_go_to_the_engine(crowd: Crowd, recorder: Recorder) -> None:
    """What one end sends with is what the other receives with, and the robot is connected then."""
    media, _, server = await connected(crowd, recorder)
    (keys,) = recorder.of(SetClientKeys)
    assert server.result is not None
    assert (keys.profile, keys.local, keys.remote) == (
        server.result.profile,
        server.result.remote,
        server.result.local,
    )
    assert media.state == "connected"
    assert crowd.connected == 1
    assert await media.close()
    assert media.state == "closed"


async def test_the_layout_says_whose_media_may_come(crowd: Crowd, recorder: Recorder) -> None:
    """Each slot expects the source that the layout names, any where no robot has it, and else nobody's."""
    media, _, _ = await connected(crowd, recorder)
    other, _, _ = await connected(crowd, recorder, "p_b")
    seats = [
        LayoutSlot(mid="2", participant="p_b", source=SourceName.MIC),
        LayoutSlot(mid="4", participant="p_b", source=SourceName.CAMERA),
        LayoutSlot(mid="5", participant="p_human", source=SourceName.CAMERA),
    ]
    media.assign(Layout(slots=seats))
    media.assign(Layout(slots=seats))
    media.assign(Layout(slots=seats[:1]))
    told = [(one.receiver, one.source) for one in recorder.of(Expect) if one.client == media.client]
    assert told == [
        (0, source_id(other.client, MIC_SENDER)),
        (2, source_id(other.client, CAMERA_SENDER)),
        (3, ANY_SOURCE),
        (2, None),
        (3, None),
    ]
    assert await media.close()
    assert await other.close()


async def test_a_layout_before_the_answer_is_not_lost(crowd: Crowd, recorder: Recorder) -> None:
    """Whoever is already in a slot is expected there from the first packet on."""
    other, _, _ = await connected(crowd, recorder, "p_b")
    media = NativeMedia(crowd, "p_a", lambda: None)
    offer, _ = await media.offer(LIMITS)
    media.assign(Layout(slots=[LayoutSlot(mid="3", participant="p_b", source=SourceName.MIC)]))
    async with asyncio.TaskGroup() as group:
        await media.accept(Bridge().answer(offer).sdp, group)
    added = recorder.of(AddClient)[-1]
    assert [one.expects for one in added.receivers] == [
        None,
        source_id(other.client, MIC_SENDER),
        None,
        None,
        None,
    ]
    assert await media.close()
    assert await other.close()


async def test_the_first_packet_of_each_slot_is_noted_once(crowd: Crowd, recorder: Recorder) -> None:
    """Its time stays, whatever the engine says later."""
    media, _, _ = await connected(crowd, recorder)
    for receiver, at_us in ((1, 50), (0, 40), (1, 60)):
        crowd.take(FirstMedia(client=media.client, receiver=receiver, at_us=at_us))
    assert media.first_us == {1: 50, 0: 40}
    assert await media.close()


async def test_what_ends_a_connection_is_a_failure_with_its_code(crowd: Crowd, recorder: Recorder) -> None:
    """Lost consent, a refusal of the engine, and another certificate than the one signalled."""
    lost, _, _ = await connected(crowd, recorder, "p_a")
    crowd.take(ConsentFailed(client=lost.client))
    assert (lost.state, lost.code) == ("failed", "consent_lost")
    refused = NativeMedia(crowd, "p_b", lambda: None)
    crowd.take(ClientRefused(command="AddClient", client=refused.client, code="bad_address"))
    assert (refused.state, refused.code) == ("failed", "bad_address")
    assert crowd.refusals == {"bad_address": 1}
    assert await refused.close()
    assert not recorder.of(RemoveClient)
    deceived, bridge = NativeMedia(crowd, "p_c", lambda: None), Bridge()
    answer = bridge.answer((await deceived.offer(LIMITS))[0])
    forged = answer.sdp.replace(bridge.certificate.fingerprint, ":".join(["AB"] * 32))
    async with asyncio.TaskGroup() as group:
        await deceived.accept(forged, group)
    bridge.shake_hands(answer, recorder, crowd, deceived.client)
    assert (deceived.state, deceived.code) == ("failed", "dtls_fingerprint")
    for media in (lost, deceived):
        assert await media.close()


async def test_an_engine_without_room_is_counted(crowd: Crowd, recorder: Recorder) -> None:
    """A command that was not taken is among the refusals, which the report calls a fault."""
    recorder.busy = True
    crowd.submit(RemoveClient(client=1))
    assert crowd.refusals == {"busy": 1}


async def test_an_answer_needs_an_address_that_can_be_reached(crowd: Crowd) -> None:
    """A robot that sends from IPv4 cannot use an answer with IPv6 alone."""
    media = NativeMedia(crowd, "p_a", lambda: None)
    answer = Bridge().answer((await media.offer(LIMITS))[0]).sdp
    lines = [line for line in answer.splitlines() if not ("candidate:" in line and "127.0.0.1" in line)]
    async with asyncio.TaskGroup() as group:
        with pytest.raises(MediaFailed, match="address"):
            await media.accept("\r\n".join(lines) + "\r\n", group)
    assert await media.close()
