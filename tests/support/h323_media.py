"""The media of `h323_caller`: a tone as G.711, a moving picture, and what comes back, decoded."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tests.support.baresip import read_parts, tones_in
from tests.support.bridge import PATIENCE_S, eventually
from tests.support.h323_caller import Talk, Terminal, terminal
from tests.support.h323_secret import seal, unseal
from tests.support.h323_values import HOST, PICTURES, SOUND, Ports, older_capability
from tests.transcode.peers import PICTURES as TYPES
from tests.transcode.peers import Camera, Loudspeaker, Microphone, Screen
from transcode import rtp
from transcode.errors import Undecodable
from transcode.jobs import Layout, PictureCodec
from transcode.tones import tone_for

PCMA: Final = 8
SOUND_EVERY_S: Final = 0.02
PICTURE_EVERY_S: Final = 0.1
HEARD_PACKETS: Final = 25
"""Half a second."""
RATE: Final = 48_000


class _Socket(asyncio.DatagramProtocol):
    """Hands on what comes."""

    def __init__(self, take: Any) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Hand it on."""
        del addr
        self._take(data)


@dataclass
class RoomSystem:
    """A terminal with a screen, a camera, a loudspeaker and a microphone, all of one identity."""

    identity: int
    terminal: Terminal
    codec: PictureCodec = "h264"
    speaker: Loudspeaker = field(default_factory=lambda: Loudspeaker("pcma"))
    talk: Talk | None = None
    _sockets: dict[tuple[int, bool], asyncio.DatagramTransport] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.screen = Screen(self.codec)
        width, height, bitrate = (640, 360, 1_000_000) if self.codec == "h264" else (352, 288, 300_000)
        self._camera = Camera(self.identity, secrets.randbits(31) + 1, self.codec, width, height, bitrate=bitrate)
        self._microphone = Microphone(tone_for(self.identity), secrets.randbits(31) + 1, "pcma")

    async def open(self) -> None:
        """Take ports."""
        loop = asyncio.get_running_loop()
        for session, take in ((SOUND, self._hear), (PICTURES, self._see)):
            for control in (False, True):
                made, _ = await loop.create_datagram_endpoint(
                    lambda take=take, control=control: _Socket(self._report if control else take),
                    local_addr=(HOST, 0),
                )
                self._sockets[session, control] = made

    @property
    def ports(self) -> Ports:
        """Of each session, for RTP and RTCP."""
        numbers = {key: made.get_extra_info("sockname")[1] for key, made in self._sockets.items()}
        return {session: (numbers[session, False], numbers[session, True]) for session in (SOUND, PICTURES)}

    async def dial(self, port: int, number: str) -> Talk:
        """Call a room, and wait until there is sound both ways."""
        talk = await self.terminal.dial(port, number)
        await self.attach(talk)
        return talk

    async def answer(self) -> Talk:
        """Take a call that comes, and wait until there is sound both ways."""
        talk = await self.terminal.incoming.get()
        await self.terminal.accept(talk)
        await self.attach(talk)
        return talk

    async def attach(self, talk: Talk) -> None:
        """Be at this call's end, and wait until there is sound both ways."""
        # Each call's streams are numbered anew, and might pass for late packets of the one before.
        self.screen, self.speaker = Screen(self.codec), Loudspeaker("pcma")
        self.talk = talk
        talk.on_key_frame = self._begin_anew
        await talk.until(lambda: SOUND in talk.ours and SOUND in talk.theirs)

    def press(self, keys: str) -> None:
        """Press keys."""
        assert self.talk is not None
        for key in keys:
            self.talk.press(key)

    def _begin_anew(self) -> None:
        self._camera.key = True

    def _hear(self, data: bytes) -> None:
        packet = self._read(SOUND, PCMA, data)
        if packet is not None:
            self.speaker.take(packet)
            del self.speaker.heard[:-HEARD_PACKETS], self.speaker.packets[:-HEARD_PACKETS]

    def _see(self, data: bytes) -> None:
        packet = self._read(PICTURES, self.terminal.payload_type, data)
        if packet is None:
            return
        try:
            self.screen.take(packet._replace(pt=TYPES[self.codec]))
        except Undecodable:
            if self.talk is not None:
                self.talk.want_key_frame()
        del self.screen.packets[:-HEARD_PACKETS]

    def _read(self, session: int, payload_type: int, data: bytes) -> rtp.Packet | None:
        """A packet of a session; where that has a key, one of it."""
        keys = None if self.talk is None else self.talk.keys
        if keys is not None:
            if session not in keys.incoming:
                return None
            payload_type, key = keys.incoming[session]
            data = unseal(data, key) if data[1] & 0x7F == payload_type else b""
        packet = rtp.parse_rtp(data)
        return packet if packet is not None and packet.pt == payload_type else None

    def _report(self, data: bytes) -> None:
        with suppress(ValueError):
            if rtp.is_rtcp(data) and rtp.key_frames_asked(data):
                self._begin_anew()

    async def speak(self) -> None:
        """Send the tone until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._send(SOUND, self._microphone.packet())
            due = max(due + SOUND_EVERY_S, loop.time() - 1)
            await asyncio.sleep(due - loop.time())

    async def show(self) -> None:
        """Send pictures until cancelled."""
        while True:
            if self.talk is not None and PICTURES in self.talk.ours:
                for packet in await asyncio.to_thread(self._camera.packets):
                    marked = packet[1] & 0x80 | self.terminal.payload_type
                    self._send(PICTURES, packet[:1] + bytes((marked,)) + packet[2:])
            await asyncio.sleep(PICTURE_EVERY_S)

    def _send(self, session: int, data: bytes) -> None:
        to = None if self.talk is None or self.talk.ended else self.talk.ours.get(session)
        if to is None:
            return
        if self.talk is not None and self.talk.keys is not None:
            data = seal(data, *self.talk.keys.outgoing[session])
        self._sockets[session, False].sendto(data, to)

    async def sees(self, identity: int) -> None:
        """Wait for a moving picture of somebody."""
        self.screen.readings.clear()

        def seen() -> bool:
            found = [one for one in self.screen.readings if one is not None and one.identity == identity]
            return len({one.counter for one in found}) > 1

        await eventually(seen)

    async def sees_together(self, wanted: set[int], layout: Layout) -> None:
        """Wait until its picture has all these identities in it, each in a place of its own."""
        await eventually(lambda: read_parts(self.screen.last, layout, len(wanted)) == wanted)

    async def hears_together(self, wanted: set[int]) -> None:
        """Wait until it hears the tones of these identities at once, and no others."""
        found = set[int]()
        async with asyncio.timeout(PATIENCE_S):
            while found != wanted:
                await asyncio.sleep(0.1)
                last = self.speaker.samples(HEARD_PACKETS)
                found = tones_in(last, RATE) if len(last) and np.abs(last).max() > RATE // 480 else set()

    def close(self) -> None:
        """Give the ports back."""
        for made in self._sockets.values():
            made.close()


@asynccontextmanager
async def room_system(identity: int, codec: PictureCodec = "h264", **wanted: Any) -> AsyncIterator[RoomSystem]:
    """One with the picture and tone of an identity and one codec; `wanted` as `terminal` takes it."""
    if codec != "h264":
        wanted |= {"pictures": older_capability(codec), "payload_type": TYPES[codec]}
    async with terminal(**wanted) as made, asyncio.TaskGroup() as group:
        system = RoomSystem(identity, made, codec)
        await system.open()
        made.ports = system.ports
        tasks = [group.create_task(system.speak()), group.create_task(system.show())]
        try:
            yield system
        finally:
            for task in tasks:
                task.cancel()
            system.close()
