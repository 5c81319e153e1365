"""A robot's media: one aiortc peer connection that offers in the protocol's order and watches its slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError

from loadtest.errors import MediaFailed, NoNetwork
from loadtest.slots import Slot
from loadtest.tracks import PictureTrack, ToneTrack
from signalling.messages import IceServer, Layout, SlotCounts, Sources
from transcode.pictures import TestPicture
from transcode.tones import tone_for

_CLOSE_S: Final = 5.0
_ANSWER_FAULTS: Final = (
    ValueError,
    LookupError,
    AssertionError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


@dataclass(frozen=True)
class MediaOptions:
    """What a robot sends and how much it takes in. Sizes in pixels; slots are upper bounds."""

    identity: int
    width: int = 320
    height: int = 240
    fps: int = 15
    codec: Literal["VP8", "H264"] = "VP8"
    audio_slots: int = 0
    video_slots: int = 0


class MediaClient:
    """Sends the test picture and tone of an identity, and keeps samples of what comes into the slots."""

    def __init__(self, options: MediaOptions, ice_servers: list[IceServer], changed: Callable[[], None]) -> None:
        self.slots: dict[str, Slot] = {}
        self.picture_track = PictureTrack(
            TestPicture(options.identity, options.width, options.height), options.fps
        )
        self.tone_track = ToneTrack(tone_for(options.identity))
        self._options = options
        self._changed = changed
        self._peer = RTCPeerConnection(
            RTCConfiguration(
                iceServers=[RTCIceServer(s.urls, s.username, s.credential) for s in ice_servers],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self._peer.on("connectionstatechange", changed)
        self._receivers: list[tuple[Slot, RTCRtpReceiver]] = []

    @property
    def state(self) -> str:
        """State of ICE and DTLS together, in WebRTC's words (`new`, `connected`, `failed`, ...)."""
        return str(self._peer.connectionState)

    async def offer(self, limits: SlotCounts) -> tuple[str, Sources]:
        """SDP with microphone, camera and the slots; content slots come last, and only along with video ones.

        Raises `NoNetwork`.
        """
        mic = self._peer.addTransceiver(self.tone_track, direction="sendonly")
        camera = self._peer.addTransceiver(self.picture_track, direction="sendonly")
        wanted = {f"video/{self._options.codec}".lower(), "video/rtx"}
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        camera.setCodecPreferences([codec for codec in capabilities if codec.mimeType.lower() in wanted])
        video = min(self._options.video_slots, limits.video)
        kinds = ["audio"] * min(self._options.audio_slots, limits.audio)
        # The bridge takes the last video lines for content, so as many as it says must be there.
        kinds += ["video"] * (video + limits.content if video else 0)
        receiving = [self._peer.addTransceiver(kind, direction="recvonly") for kind in kinds]
        await self._peer.setLocalDescription(await self._peer.createOffer())
        sdp = self._peer.localDescription.sdp
        if "a=candidate:" not in sdp:
            raise NoNetwork("there is no address but loopback to send from")
        self._receivers = [(Slot(str(line.mid)), line.receiver) for line in receiving]
        self.slots = {slot.mid: slot for slot, _ in self._receivers}
        return sdp, Sources(mic=mic.mid, camera=camera.mid)

    async def accept(self, sdp: str, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Take the bridge's answer and start watching the slots; raises `MediaFailed` when it is unusable."""
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
        except _ANSWER_FAULTS as error:
            raise MediaFailed(f"the answer cannot be used ({type(error).__name__})") from None
        return [
            group.create_task(self._watch(slot, receiver.track))
            for slot, receiver in self._receivers
            if receiver.track is not None
        ]

    def assign(self, layout: Layout) -> None:
        """Learn who is in each slot."""
        occupants = {occupant.mid: occupant for occupant in layout.slots}
        for mid, slot in self.slots.items():
            slot.assign(occupants.get(mid))

    async def close(self) -> bool:
        """Stop sending and receiving; False when that took longer than five seconds."""
        self.picture_track.stop()
        self.tone_track.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._peer.close()
                return True
        return False

    async def _watch(self, slot: Slot, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                slot.take(await track.recv())
                self._changed()
