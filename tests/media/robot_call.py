"""A call between native robots over a real engine on loopback: DTLS on both ends, feeds, expectations."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from random import Random

from media import api, clients
from media.clients import AddClient, AddClip, ClientIce, Clients, Frame, Receiver, Sender, source_id
from media.description import CAMERA, MIC, Encoding, Extensions, Format, IceParams, Slot, Source
from media.transport import DtlsClient, DtlsServer
from tests.media.engine_peer import Ears
from tests.media.transport_network import certificate

ROOM = 1
MID_ID, LEVEL_ID = 4, 1
OPUS = Format(pt=111, codec="opus", clock_rate=48_000)
VP8 = Format(pt=96, codec="vp8", clock_rate=90_000, rtx_pt=97, nack=True, pli=True)
VP8_TICKS = 3_000
SOUND, PICTURES = 1, 2


def sound(frames: int = 50) -> AddClip:
    """Packets that look like Opus of 20 ms (code 0)."""
    random = Random(1)
    made = [
        Frame(ticks=960, key=True, payloads=[b"\x78" + random.randbytes(random.randrange(40, 120))])
        for _ in range(frames)
    ]
    return AddClip(clip=SOUND, codec="opus", clock_rate=48_000, frames=made)


def pictures(frames: int = 60, packets: int = 3) -> AddClip:
    """Packets that look like VP8 with a key frame first, 30 pictures a second."""
    random = Random(2)
    return AddClip(
        clip=PICTURES,
        codec="vp8",
        clock_rate=90_000,
        frames=[
            Frame(
                ticks=VP8_TICKS,
                key=at == 0,
                payloads=[_vp8(at, packet, random.randbytes(900)) for packet in range(packets)],
            )
            for at in range(frames)
        ],
    )


def _vp8(picture: int, packet: int, rest: bytes) -> bytes:
    """A payload descriptor with ids (RFC 7741), and the start of the payload header in the first packet."""
    head = bytes([0x90 if packet == 0 else 0x80, 0xC0, 0x80 | picture >> 8, picture & 0xFF, picture & 0xFF])
    if packet:
        return head + rest
    return head + (b"\x10\x02\x00\x9d\x01\x2a\x80\x02\xe0\x01" if picture == 0 else b"\x11\x02\x00") + rest


class Call:
    """Robots 1 to `size` on legs of the same numbers; receiver n and slot n carry whom the plan says."""

    def __init__(self, engine: api.Engine, robots: Clients, size: int) -> None:
        self.engine, self.robots, self.size = engine, robots, size
        self.ears, self.engine_ears = Ears(), Ears()
        self._servers: dict[int, DtlsServer] = {}
        self._dtls: dict[int, DtlsClient] = {}
        self._loop = asyncio.get_running_loop()
        engine.listen(self._loop, self._hear_engine)
        robots.listen(self._loop, self._hear_robots)

    def others(self, number: int) -> list[int]:
        """Everyone else, in the order of receivers."""
        return [other for other in range(1, self.size + 1) if other != number]

    def join(self, number: int, check_percent: int = 100) -> None:
        """Add a leg and its robot, and let everybody expect what `connect` will feed."""
        self._servers[number] = DtlsServer(certificate("server"), _fingerprint("robot"), self._loop.time())
        self.engine.submit(self._leg(number))
        self.robots.submit(self._robot(number, check_percent))

    def connect(self, feeds: Iterable[tuple[int, int, int, int]] | None = None) -> None:
        """Feed (leg, slot) from (leg, source): as expected, unless said otherwise."""
        plan = tuple(
            api.Feed(leg=leg, slot=slot, source=api.SourceRef(leg=other, source=source))
            for leg, slot, other, source in (feeds or self.expected_feeds())
        )
        self.engine.submit(api.SetFeeds(room=ROOM, feeds=plan))

    def expected_feeds(self) -> list[tuple[int, int, int, int]]:
        """Slots 0, 2, ... carry sound and 1, 3, ... pictures of the others."""
        return [
            (number, 2 * at + source, other, source)
            for number in range(1, self.size + 1)
            for at, other in enumerate(self.others(number))
            for source in (MIC, CAMERA)
        ]

    def open_gates(self) -> None:
        """Admit everybody."""
        for number in range(1, self.size + 1):
            self.engine.submit(api.SetGate(leg=number, open=True))

    async def until(self, holds: Callable[[clients.ClientsSnapshot], bool]) -> clients.ClientsSnapshot:
        """Look at the counters until they say so."""
        async with asyncio.timeout(60):
            while not holds(seen := self.robots.snapshot()):  # noqa: ASYNC110 - counters have no event
                await asyncio.sleep(0.05)
        return seen

    def _leg(self, number: int) -> api.AddLeg:
        return api.AddLeg(
            leg=number,
            room=ROOM,
            ice=IceParams(local_ufrag=f"leg{number}", local_pwd=f"password-of-leg-{number:06}"),
            sources=(
                Source(source=MIC, kind="audio", mid="0", encodings=(Encoding(),), formats=(OPUS,)),
                Source(source=CAMERA, kind="video", mid="1", encodings=(Encoding(),), formats=(VP8,)),
            ),
            slots=tuple(
                Slot(
                    slot=slot,
                    kind="video" if slot % 2 else "audio",
                    ssrc=_slot_ssrc(number, slot),
                    rtx_ssrc=_slot_ssrc(number, slot) + 500 if slot % 2 else None,
                    formats=(VP8,) if slot % 2 else (OPUS,),
                )
                for slot in range(2 * (self.size - 1))
            ),
            extensions=Extensions(mid=MID_ID, audio_level=LEVEL_ID),
            cname="bridge",
        )

    def _robot(self, number: int, check_percent: int) -> AddClient:
        receivers = tuple(
            Receiver(
                receiver=2 * at + source,
                kind="video" if source else "audio",
                mid=str(10 + 2 * at + source),
                ssrc=_slot_ssrc(number, 2 * at + source),
                rtx_ssrc=_slot_ssrc(number, 2 * at + source) + 500 if source else None,
                formats=(VP8,) if source else (OPUS,),
                nack=bool(source),
                expects=source_id(other, source),
            )
            for at, other in enumerate(self.others(number))
            for source in (MIC, CAMERA)
        )
        return AddClient(
            client=number,
            remote=self.engine.addresses[self.engine.shard_of(ROOM)],
            bind="127.0.0.1",
            ice=ClientIce(
                local_ufrag="robot",
                local_pwd="password-of-the-robot-22",  # noqa: S106 - of a test
                remote_ufrag=f"leg{number}",
                remote_pwd=f"password-of-leg-{number:06}",
            ),
            senders=(self._sender(number, MIC), self._sender(number, CAMERA)),
            receivers=receivers,
            cname=f"robot-{number}",
            mid_ext=None,
            twcc_ext=None,
            check_percent=check_percent,
        )

    def _sender(self, number: int, source: int) -> Sender:
        base = number * 0x0100_0000
        video = source == CAMERA
        return Sender(
            sender=source,
            clip=PICTURES if video else SOUND,
            start_frame=number,
            ssrc=base + source,
            rtx_ssrc=base + 100 if video else None,
            pt=96 if video else 111,
            rtx_pt=97 if video else None,
            mid=str(source),
            mid_ext=MID_ID,
            audio_level_ext=None if video else LEVEL_ID,
            twcc_ext=None,
            nack=video,
            pacing="burst",
        )

    def _hear_engine(self, event: api.Event) -> None:
        if isinstance(event, api.Dtls):
            server = self._servers[event.leg]
            had_keys = server.result is not None
            server.handle_datagram(event.data, self._loop.time())
            if datagrams := server.datagrams_to_send():
                self.engine.submit(api.SendDtls(leg=event.leg, datagrams=datagrams))
            if (keys := server.result) is not None and not had_keys:
                self.engine.submit(
                    api.SetKeys(leg=event.leg, profile=keys.profile, local=keys.local, remote=keys.remote)
                )
        self.engine_ears.take(event)

    def _hear_robots(self, event: clients.Event) -> None:
        now = self._loop.time()
        if isinstance(event, clients.ClientConnected):
            self._dtls[event.client] = DtlsClient(certificate("robot"), _fingerprint("server"), now)
            self._pass_dtls(event.client, had_keys=False)
        elif isinstance(event, clients.ClientDtls):
            had_keys = self._dtls[event.client].result is not None
            self._dtls[event.client].handle_datagram(event.data, now)
            self._pass_dtls(event.client, had_keys=had_keys)
        self.ears.take(event)

    def _pass_dtls(self, client: int, *, had_keys: bool) -> None:
        dtls = self._dtls[client]
        if datagrams := dtls.datagrams_to_send():
            self.robots.submit(clients.SendClientDtls(client=client, datagrams=datagrams))
        if (keys := dtls.result) is not None and not had_keys:
            self.robots.submit(
                clients.SetClientKeys(client=client, profile=keys.profile, local=keys.local, remote=keys.remote)
            )


@asynccontextmanager
async def running_call(size: int, check_percent: int = 100) -> AsyncIterator[Call]:
    """A call whose robots have joined; gates are closed and nothing is fed."""
    engine, robots = api.Engine("127.0.0.1", 0, 1), Clients(2)
    try:
        call = Call(engine, robots, size)
        robots.submit(sound())
        robots.submit(pictures())
        for number in range(1, size + 1):
            call.join(number, check_percent)
        yield call
    finally:
        robots.stop()
        engine.stop()


def _slot_ssrc(leg: int, slot: int) -> int:
    return leg * 1_000 + slot


def _fingerprint(name: str) -> list[tuple[str, str]]:
    return [("sha-256", certificate(name).fingerprint)]
