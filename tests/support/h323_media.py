"""The media of `h323_caller`: a tone, a moving picture, content, and what comes back, decoded."""

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np

from tests.support.baresip import read_parts, tones_in
from tests.support.bridge import PATIENCE_S, eventually
from tests.support.h323_caller import Talk, Terminal, terminal
from tests.support.h323_secret import seal, unseal
from tests.support.h323_values import CONTENT, G722, HOST, PICTURES, SOUND, Ports, older_capability
from tests.transcode.peers import PICTURES as TYPES
from tests.transcode.peers import SOUNDS, Camera, Loudspeaker, Microphone, Screen
from transcode import rtp
from transcode.errors import Undecodable
from transcode.jobs import Layout, PictureCodec, SoundCodec
from transcode.tones import tone_for

SOUND_EVERY_S: Final = 0.02
PICTURE_EVERY_S: Final = 0.1
HEARD_PACKETS: Final = 25
"""Half a second."""
RATE: Final = 48_000
QUIET: Final = 100
"""A sample of what nobody hears, at the most."""
SIZES: Final = {"h264": (640, 360, 1_000_000), "h261": (352, 288, 300_000), "h263": (352, 288, 300_000)}
KEYS: Final = "0123456789*#"
"""By their numbers in RFC 4733."""
KEY_TICKS: Final = 160
"""Of the clock of sound, 20 ms."""


class _Socket(asyncio.DatagramProtocol):
    """Hands on what comes."""

    def __init__(self, take: Any) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Hand it on."""
        del addr
        self._take(data)


async def _socket(take: Callable[[bytes], None], port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    made, _ = await loop.create_datagram_endpoint(lambda: _Socket(take), local_addr=(HOST, port))
    return made


def _port(made: asyncio.DatagramTransport) -> int:
    return int(made.get_extra_info("sockname")[1])


class Picture:
    """One medium of pictures, main or content: a camera, which sends while `sending`, and a screen."""

    def __init__(self, identity: int, codec: PictureCodec, width: int, height: int, bitrate: int) -> None:
        """Show somebody's picture of this size."""
        self.codec = codec
        self.sending = True
        self.screen = Screen(codec)
        self.camera = Camera(identity, secrets.randbits(31) + 1, codec, width, height, bitrate=bitrate)

    async def sees(self, identity: int, height: int | None = None) -> None:
        """Wait for a moving picture of somebody, of so many lines if that is said."""
        self.screen.readings.clear()

        def seen() -> bool:
            found = [one for one in self.screen.readings if one is not None and one.identity == identity]
            return len({one.counter for one in found}) > 1 and height in (None, len(self.screen.last))

        await eventually(seen)


@dataclass
class RoomSystem:
    """A terminal with a screen, a camera, a loudspeaker and a microphone, all of one identity.

    Its content, if it has that, is of another identity, and is sent when a test says so.
    """

    identity: int
    terminal: Terminal
    codec: PictureCodec = "h264"
    voice: SoundCodec = "pcma"
    shown: int | None = None
    talk: Talk | None = None
    _sockets: dict[tuple[int, bool], asyncio.DatagramTransport] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.speaker = Loudspeaker(self.voice)
        self._microphone = Microphone(tone_for(self.identity), secrets.randbits(31) + 1, self.voice)
        self.main = Picture(self.identity, self.codec, *SIZES[self.codec])
        self.pictures = {PICTURES: self.main}
        if self.shown is not None:
            self.pictures[CONTENT] = Picture(self.shown, "h264", 1280, 720, 1_500_000)
            self.content.sending = False

    @property
    def content(self) -> Picture:
        """What it shows, and is shown, by H.239."""
        return self.pictures[CONTENT]

    async def open(self) -> None:
        """Take ports, for each session two that are neighbours: who knows RTCP's looks for RTP before it."""
        for session in (SOUND, *self.pictures):
            take = self._hear if session == SOUND else partial(self._see, session)
            while (session, True) not in self._sockets:
                rtp_socket = await _socket(take, 0)
                try:
                    self._sockets[session, True] = await _socket(self._report, _port(rtp_socket) + 1)
                except OSError:
                    rtp_socket.close()
                self._sockets[session, False] = rtp_socket

    @property
    def ports(self) -> Ports:
        """Of each session, for RTP and RTCP."""
        numbers = {key: _port(made) for key, made in self._sockets.items()}
        return {session: (numbers[session, False], numbers[session, True]) for session in (SOUND, *self.pictures)}

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
        self.speaker = Loudspeaker(self.voice)
        for one in self.pictures.values():
            one.screen = Screen(one.codec)
        self.talk = talk
        talk.on_key_frame = self._begin_anew
        await talk.until(lambda: SOUND in talk.ours and SOUND in talk.theirs)

    def press(self, keys: str) -> None:
        """Press keys."""
        assert self.talk is not None
        for key in keys:
            self.talk.press(key)

    async def press_by_rtp(self, keys: str) -> None:
        """Press keys as RFC 4733 has them: each lasts for three packets, and its end is said three times."""
        assert self.talk is not None
        assert self.talk.events is not None
        source = self._microphone
        for key in keys:
            begin = source.count * KEY_TICKS
            for packets in (1, 2, 3, 3, 3):
                is_end = packets == 3
                header = rtp.rtp_header(self.talk.events, source.count, begin, source.ssrc, marker=packets == 1)
                said = struct.pack("!BBH", KEYS.index(key), is_end << 7 | 10, packets * KEY_TICKS)
                source.count += 1
                self._send(SOUND, header + said)
                await asyncio.sleep(SOUND_EVERY_S)

    def _begin_anew(self) -> None:
        for one in self.pictures.values():
            one.camera.key = True

    def _hear(self, data: bytes) -> None:
        packet = self._read(SOUND, SOUNDS[self.voice], data)
        if packet is not None:
            self.speaker.take(packet)
            del self.speaker.heard[:-HEARD_PACKETS], self.speaker.packets[:-HEARD_PACKETS]

    def _see(self, session: int, data: bytes) -> None:
        packet = self._read(session, self.terminal.payload_type, data)
        if packet is None:
            return
        picture = self.pictures[session]
        try:
            picture.screen.take(packet._replace(pt=TYPES[picture.codec]))
        except Undecodable:
            if self.talk is not None:
                self.talk.want_key_frame(session)
        del picture.screen.packets[:-HEARD_PACKETS]

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
            for session, picture in self.pictures.items():
                if picture.sending and self.talk is not None and session in self.talk.ours:
                    for packet in await asyncio.to_thread(picture.camera.packets):
                        marked = packet[1] & 0x80 | self.terminal.payload_type
                        self._send(session, packet[:1] + bytes((marked,)) + packet[2:])
            await asyncio.sleep(PICTURE_EVERY_S)

    def _send(self, session: int, data: bytes) -> None:
        to = None if self.talk is None or self.talk.ended else self.talk.ours.get(session)
        if to is None:
            return
        if self.talk is not None and self.talk.keys is not None:
            data = seal(data, *self.talk.keys.outgoing[session])
        self._sockets[session, False].sendto(data, to)

    async def sees_together(self, wanted: set[int], layout: Layout) -> None:
        """Wait until its picture has all these identities in it, each in a place of its own."""
        await eventually(lambda: read_parts(self.main.screen.last, layout, len(wanted)) == wanted)

    async def hears_together(self, wanted: set[int]) -> None:
        """Wait until it hears the tones of these identities at once, and no others."""
        found = set[int]()
        async with asyncio.timeout(PATIENCE_S):
            while found != wanted:
                await asyncio.sleep(0.1)
                last = self.speaker.samples(HEARD_PACKETS)
                found = tones_in(last, RATE) if len(last) and np.abs(last).max() > QUIET else set()

    async def hears_nothing(self) -> None:
        """Wait until for a while nothing comes, or nothing that can be heard."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.speaker.heard.clear()
                await asyncio.sleep(SOUND_EVERY_S * HEARD_PACKETS)
                if all(np.abs(one).max(initial=0) <= QUIET for one in self.speaker.heard):
                    return

    def close(self) -> None:
        """Give the ports back."""
        for made in self._sockets.values():
            made.close()


@asynccontextmanager
async def room_system(
    identity: int,
    codec: PictureCodec = "h264",
    voice: SoundCodec = "pcma",
    shown: int | None = None,
    **wanted: Any,
) -> AsyncIterator[RoomSystem]:
    """One with the picture and tone of an identity, and content of another; `wanted` as `terminal` takes it."""
    if codec != "h264":
        wanted |= {"pictures": older_capability(codec), "payload_type": TYPES[codec]}
    if voice == "g722":
        wanted["sound"] = G722
    async with terminal(**wanted) as made, asyncio.TaskGroup() as group:
        system = RoomSystem(identity, made, codec, voice, shown)
        await system.open()
        made.ports = system.ports
        tasks = [group.create_task(system.speak()), group.create_task(system.show())]
        try:
            yield system
        finally:
            for task in tasks:
                task.cancel()
            system.close()
