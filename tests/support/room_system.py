"""A scripted room system: two pictures, each on an m-line of its own, and BFCP for the second one.

No packaged SIP endpoint has that, so this one is ours: it does what a test tells it to. Its signalling is the
project's user agent and its messages of BFCP are written by the project's codec, so it does not vouch for either
(`tests/gateways` does). Its SRTP is libsrtp's and its pictures are real H.264, coded and decoded by FFmpeg.
"""

import asyncio
import base64
import os
import random
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from pylibsrtp import Error, Policy, Session

from signalling.gateways.sip import events as e
from signalling.gateways.sip.agent import UserAgent
from signalling.gateways.sip.flows import Flow, Transport
from signalling.gateways.sip.io.endpoint import Endpoint
from signalling.gateways.sip.outgoing import Invitation
from signalling.gateways.sip.settings import Settings
from signalling.gateways.sip.values import NameAddr, Uri
from tests.gateways.bfcp.client import FloorClient
from tests.support.bridge import eventually
from tests.transcode.peers import PICTURES, Camera, Screen
from transcode import rtp
from transcode.errors import Undecodable
from transcode.layout import fit, places
from transcode.pictures import read_picture

HOST: Final = "127.0.0.1"
EVERY_S: Final = 0.1
H264: Final = PICTURES["h264"]
_KEY_BYTES: Final = 30


def _session(master: bytes, kind: int) -> Session:
    profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    return Session(Policy(key=master, ssrc_type=kind, srtp_profile=profile))


class Picture(asyncio.DatagramProtocol):
    """One m-line of pictures. It sends while `sending`, and decodes what comes."""

    def __init__(self, identity: int, width: int, height: int) -> None:
        """Be somebody's picture of this size."""
        self.key = os.urandom(_KEY_BYTES)
        self.payload_type = H264
        self.sending = False
        self.screen = Screen("h264")
        self._camera = Camera(identity, secrets.randbits(31) + 1, "h264", width, height, bitrate=1_500_000)
        self._out = _session(self.key, Policy.SSRC_ANY_OUTBOUND)
        self._in: Session | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: tuple[str, int] | None = None

    async def open(self) -> int:
        """Give the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        return int(self._transport.get_extra_info("sockname")[1])

    def connect(self, port: int, master: bytes) -> None:
        """Learn where the other side is, and its key."""
        self._peer, self._in = (HOST, port), _session(master, Policy.SSRC_ANY_INBOUND)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Decode a picture, or begin anew where that is asked for."""
        del addr
        if self._in is None:
            return
        with suppress(Error):
            if rtp.is_rtcp(data):
                if rtp.key_frames_asked(self._in.unprotect_rtcp(data)):
                    self._camera.key = True
                return
            packet = rtp.parse_rtp(self._in.unprotect(data))
            if packet is not None and packet.pt == self.payload_type:
                self._show(packet._replace(pt=H264))

    def _show(self, packet: rtp.Packet) -> None:
        try:
            self.screen.take(packet)
        except Undecodable:
            self._send(self._out.protect_rtcp(rtp.pli(self._camera.ssrc, packet.ssrc)))

    async def send(self) -> None:
        """Send the next picture, if it is to be sent."""
        if self.sending:
            for packet in await asyncio.to_thread(self._camera.packets):
                marked = packet[1] & 0x80 | self.payload_type
                self._send(self._out.protect(packet[:1] + bytes((marked,)) + packet[2:]))

    def _send(self, data: bytes) -> None:
        if self._transport is not None and self._peer is not None:
            self._transport.sendto(data, self._peer)

    async def sees(self, identity: int, height: int | None = None) -> None:
        """Wait for a moving picture of somebody, of so many lines if that is said."""
        self.screen.readings.clear()

        def seen() -> bool:
            found = [one for one in self.screen.readings if one is not None and one.identity == identity]
            return len({one.counter for one in found}) > 1 and height in (None, len(self.screen.last))

        await eventually(seen)

    async def sees_large(self, identity: int) -> None:
        """Wait until somebody's content of 16 to 9 is large in a picture of two."""

        def seen() -> bool:
            height, width = self.screen.last.shape
            at = fit((16, 9), places("content", 2, width, height)[0])
            part = np.ascontiguousarray(self.screen.last[at.y : at.y + at.height, at.x : at.x + at.width])
            found = read_picture(part)
            return found is not None and found.identity == identity

        await eventually(seen)

    def close(self) -> None:
        """Give the port back."""
        if self._transport is not None:
            self._transport.close()


@dataclass
class RoomSystem:
    """The whole. `main` and `content` are its pictures."""

    endpoint: Endpoint
    main: Picture
    content: Picture | None
    floor: FloorClient = field(default_factory=FloorClient)
    told: list[e.Event] = field(default_factory=list)
    call: e.CallId | None = None
    _ports: tuple[int, ...] = ()

    @property
    def pictures(self) -> list[Picture]:
        """Those that there are."""
        return [one for one in (self.main, self.content) if one is not None]

    def do(self, command: Callable[[UserAgent, e.CallId, float], list[e.Action]]) -> None:
        """Give a command of the call."""
        call = self.call
        assert call is not None
        self.endpoint.do(lambda agent, now: command(agent, call, now))

    async def dial(self, number: str, sip: int, *, offers: bool = True) -> None:
        """Call a room, with an offer or without, and wait until both know the media of the other."""
        self._ports = tuple([await one.open() for one in self.pictures])
        floor = await self.floor.open()
        sdp = self._described(floor).encode()
        flow, me = Flow("UDP", HOST, sip), NameAddr(Uri("sip", HOST, user="ward"))
        wanted = Invitation(Uri("sip", HOST, sip, number), me, (flow,), sdp if offers else None)
        self.call = self.endpoint.start(lambda agent, now: agent.invite(wanted, now))
        kind = e.Accepted if offers else e.OfferReceived
        await eventually(lambda: any(isinstance(one, kind) for one in self.told))
        theirs = next(one.sdp for one in self.told if isinstance(one, kind))
        assert theirs is not None
        self._connect(theirs.decode())
        if not offers:
            sdp = self._described(floor).encode()
            self.do(lambda agent, call, now: agent.answer(call, sdp, now))

    def _described(self, floor: int) -> str:
        """Sound that is not used, then what there is, in the order in which our offers have it."""
        lines = ["v=0", "o=- 7 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 0 RTP/SAVP 0"]
        uses = ("a=content:main", "a=content:slides")
        for content, picture, port in zip(uses, self.pictures, self._ports, strict=False):
            pt = picture.payload_type
            lines += [
                f"m=video {port} RTP/SAVP {pt}",
                f"a=rtpmap:{pt} H264/90000",
                f"a=fmtp:{pt} packetization-mode=1;profile-level-id=42e01f",
                f"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(picture.key).decode()}",
                f"a=rtcp-fb:{pt} nack pli",
                "a=rtcp-mux",
                content,
            ]
        if self.content is not None:
            lines += [f"m=application {floor} UDP/BFCP *", "a=floorctrl:c-s"]
        else:
            lines += [f"m=video 0 RTP/SAVP {H264}", "m=application 0 UDP/BFCP *"]
        return "\r\n".join([*lines, ""])

    def _connect(self, theirs: str) -> None:
        sections = theirs.split("\r\nm=")[1:]
        pictures = [one for one in sections if one.startswith("video")]
        for picture, section in zip(self.pictures, pictures, strict=False):
            form = re.search("a=fmtp:([0-9]+) [^\r]*packetization-mode=1", section)
            key = re.search("AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)", section)
            assert form is not None, section
            assert key is not None, section
            picture.payload_type = int(form[1])
            picture.connect(int(section.split()[1]), base64.b64decode(key[1]))
        self.main.sending = True
        if self.content is None:
            return
        (floor,) = (one for one in sections if one.startswith("application"))
        assert "a=floorctrl:s-only" in floor
        label = re.search(r"a=label:(\S+)", pictures[1])
        assert label is not None
        assert f"a=floorid:1 mstrm:{label[1]}" in floor
        conference, user = (re.search(rf"a={name}:([0-9]+)", floor) for name in ("confid", "userid"))
        assert conference is not None
        assert user is not None
        self.floor.begin(int(floor.split()[1]), int(conference[1]), int(user[1]))

    def press(self, keys: str) -> None:
        """Press keys, by INFO."""
        for key in keys:
            body = f"Signal={key}\r\nDuration=160\r\n".encode()
            self.do(lambda agent, call, now, body=body: agent.inform(call, "application/dtmf-relay", body, now))

    async def ended(self) -> None:
        """Wait for the end of the call."""
        await eventually(lambda: any(isinstance(one, e.Ended) for one in self.told))

    async def run(self) -> None:
        """Send pictures until cancelled."""
        while True:
            for picture in self.pictures:
                await picture.send()
            await asyncio.sleep(EVERY_S)

    def close(self) -> None:
        """Give all ports back."""
        for one in self.pictures:
            one.close()
        self.floor.close()


@asynccontextmanager
async def room_system(identity: int, shown: int | None = None) -> AsyncIterator[RoomSystem]:
    """One with these identities in its main picture and, where there is a second one, in its slides at 720p."""
    places: dict[Transport, tuple[str, int]] = {}
    told: list[e.Event] = []
    agent = UserAgent(Settings(places=places), random.Random(identity))
    async with Endpoint(agent, told.append) as endpoint:
        places["UDP"] = (HOST, await endpoint.network.bind(HOST, 0))
        content = None if shown is None else Picture(shown, 1280, 720)
        made = RoomSystem(endpoint, Picture(identity, 320, 240), content, told=told)
        sending: asyncio.Task[Any] = asyncio.get_running_loop().create_task(made.run())
        try:
            yield made
        finally:
            sending.cancel()
            made.close()
