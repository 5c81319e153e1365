"""A small bridge: real WebSocket and real media, with none of the decisions.

It answers as the real one does (ICE-lite in the answer, DTLS passive), puts identity `HOST` into the robot's
first audio and video slot, and lets the test speak for the deciding side to the robot
that came last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from loadtest.tracks import PictureTrack, ToneTrack
from signalling.errors import Code
from signalling.messages import (
    Answer,
    Bye,
    ClientMessage,
    ErrorMessage,
    Join,
    Layout,
    LayoutSlot,
    Leave,
    Offer,
    Person,
    Place,
    Role,
    Roster,
    ServerMessage,
    SlotCounts,
    SourceName,
    Welcome,
    decode_client,
    encode_server,
)
from transcode.pictures import TestPicture
from transcode.tones import tone_for

HOST = 9
TOKEN = "a-token"  # noqa: S105 - no secret


def person(participant: str, place: Place, *, you: bool) -> Person:
    """One roster line."""
    return Person(
        participant=participant,
        name="Robot",
        role=Role.PATIENT,
        host=False,
        place=place,
        connected=True,
        muted=False,
        may_unmute=True,
        camera=True,
        sharing=False,
        you=you,
    )


class BridgeDouble:
    """What the robot meets. `replies` may be given a function from message to replies, before all else."""

    def __init__(self) -> None:
        self.received: list[ClientMessage] = []
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.slots: list[tuple[str, str]] = []
        self.offer: Offer | None = None
        self.answered = asyncio.Event()
        self.replies: Callable[[ClientMessage], list[ServerMessage] | None] = lambda _: None
        self.limits = SlotCounts(audio=4, video=4, content=1)
        self.answer_as: Callable[[str], str] = lambda sdp: sdp
        self.link = ""
        self._socket: web.WebSocketResponse | None = None
        self._peers: list[RTCPeerConnection] = []

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection."""
        socket = self._socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for raw in socket:
            assert raw.type is WSMsgType.TEXT
            message = decode_client(raw.data)
            self.received.append(message)
            replies = self.replies(message)
            for reply in await self._answer(message) if replies is None else replies:
                # Not `say`: another robot may have connected meanwhile.
                await socket.send_str(encode_server(reply))
                if isinstance(reply, Bye):
                    await socket.close()
        return socket

    async def say(self, message: ServerMessage) -> None:
        """Send one message to the robot."""
        assert self._socket is not None
        await self._socket.send_str(encode_server(message))

    async def cut(self) -> None:
        """Close the socket without a word."""
        assert self._socket is not None
        await self._socket.close()

    async def admit(self) -> None:
        """Tell the robot that it is admitted, and that the host is in its first slots."""
        await self.say(
            Roster(
                revision=2,
                locked=False,
                host=False,
                people=[
                    person("p_robot", Place.ADMITTED, you=True),
                    person("p_host", Place.ADMITTED, you=False),
                ],
            )
        )
        mids = dict(reversed(self.slots))
        await self.say(
            Layout(
                slots=[
                    LayoutSlot(mid=mids["audio"], participant="p_host", source=SourceName.MIC),
                    LayoutSlot(mid=mids["video"], participant="p_host", source=SourceName.CAMERA),
                ]
            )
        )

    async def close(self) -> None:
        """End all media."""
        for peer in self._peers:
            await peer.close()

    async def _answer(self, message: ClientMessage) -> list[ServerMessage]:
        match message:
            case Join(token=token) if token == TOKEN:
                return [self.welcome()]
            case Join():
                return [ErrorMessage(ref=None, code=Code.LINK_INVALID, message="Not made here.")]
            case Offer():
                return [Answer(ref=message.ref, sdp=await self._negotiate(message), leg="7")]
            case Leave():
                return [Bye(code=Code.LEFT, message="Left.")]
        return [ErrorMessage(ref=getattr(message, "ref", None), code=Code.NOT_HOST, message="Not the host.")]

    def welcome(self) -> Welcome:
        """Give the welcome of someone who waits."""
        return Welcome(
            version=1,
            participant="p_robot",
            room_name="A room",
            role=Role.PATIENT,
            host=False,
            place=Place.WAITING,
            resume="a-secret",
            slots=self.limits,
            ice_servers=[],
            leg=None,
        )

    async def _negotiate(self, offer: Offer) -> str:
        # By default aiortc 1.16 leaves the second and later video lines on a transport of their own.
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._peers.append(peer)
        self.offer = offer
        await peer.setRemoteDescription(RTCSessionDescription(sdp=offer.sdp, type="offer"))
        sources = {offer.sources.mic: "mic", offer.sources.camera: "camera"}
        sending: dict[str, MediaStreamTrack] = {
            "audio": ToneTrack(tone_for(HOST)),
            "video": PictureTrack(TestPicture(HOST), 15),
        }
        for line in peer.getTransceivers():
            if line.mid in sources:
                self.tracks[sources[line.mid]] = line.receiver.track
                continue
            self.slots.append((line.kind, str(line.mid)))
            line.direction = "sendonly"
            if line.kind in sending:
                line.sender.replaceTrack(sending.pop(line.kind))
        answer = await peer.createAnswer()
        passive = answer.sdp.replace("a=setup:active", "a=setup:passive")
        await peer.setLocalDescription(RTCSessionDescription(sdp=passive, type="answer"))
        self.answered.set()
        lite = peer.localDescription.sdp.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", 1)
        return self.answer_as(lite)


@asynccontextmanager
async def running(bridge: BridgeDouble) -> AsyncIterator[BridgeDouble]:
    """Serve the double on a free port of loopback and give it its link."""
    app = web.Application()
    app.router.add_get("/api/v1/ws", bridge.handle)
    runner: Any = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bridge.link = f"http://127.0.0.1:{runner.addresses[0][1]}/join#{TOKEN}"
    try:
        yield bridge
    finally:
        await bridge.close()
        await runner.cleanup()
