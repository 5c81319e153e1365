"""What robots send is what they were given: decoders pass over the marks, and libsrtp opens the packets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import numpy as np
import pytest
from aioice import stun
from aiortc.codecs.h264 import h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from pylibsrtp import Policy, Session

from media.clients import AddClient, AddClip, ClientIce, Clients, Frame, Sender, SetClientKeys
from transcode.clips import Clip, picture_clip, tone_clip
from transcode.codec import OpusDecoder, PictureDecoder, VideoCodec
from transcode.pictures import PictureReading, TestPicture, read_picture
from transcode.tones import dominant_frequency, identity_of, tone_for

IDENTITY = 23
OURS, THEIRS = bytes(range(28)), bytes(range(100, 128))
PASSWORD = "password-of-22-letters"  # noqa: S105 - of a test
PT = 100
DEPAYLOAD = {"vp8": vp8_depayload, "h264": h264_depayload}


class Peer(asyncio.DatagramProtocol):
    """Answers connectivity checks and opens RTP with libsrtp; packets come out as (marker bit, payload)."""

    def __init__(self) -> None:
        policy = Policy(
            key=THEIRS,
            ssrc_type=Policy.SSRC_ANY_INBOUND,
            srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        )
        self._srtp = Session(policy)
        self._transport: asyncio.DatagramTransport | None = None
        self.packets: asyncio.Queue[tuple[bool, bytes]] = asyncio.Queue()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the way out."""
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Take STUN or RTP, by the first byte (RFC 7983)."""
        if data[0] < 2:
            request = stun.parse_message(data)
            request.check_message_integrity(PASSWORD.encode())
            answer = stun.Message(
                message_method=stun.Method.BINDING,
                message_class=stun.Class.RESPONSE,
                transaction_id=request.transaction_id,
            )
            answer.attributes["XOR-MAPPED-ADDRESS"] = address
            answer.add_message_integrity(PASSWORD.encode())
            assert self._transport is not None
            self._transport.sendto(bytes(answer), address)
        elif data[1] & 0x7F == PT:
            plain = self._srtp.unprotect(data)
            self.packets.put_nowait((bool(plain[1] & 0x80), plain[12:]))

    async def picture(self) -> list[bytes]:
        """The payloads of the next picture."""
        payloads = []
        async with asyncio.timeout(60):
            while True:
                last, payload = await self.packets.get()
                payloads.append(payload)
                if last:
                    return payloads


@contextlib.asynccontextmanager
async def sending(clip: Clip) -> AsyncIterator[Peer]:
    """A robot that sends this clip, and the peer to which it does."""
    loop, robots = asyncio.get_running_loop(), Clients(1)
    transport, peer = await loop.create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
    try:
        frames = [Frame(ticks=f.ticks, key=f.key, payloads=list(f.payloads)) for f in clip.frames]
        robots.submit(AddClip(clip=1, codec=clip.codec, clock_rate=clip.clock_rate, frames=frames))
        robots.submit(_client(transport.get_extra_info("sockname")))
        robots.submit(SetClientKeys(client=1, profile="AEAD_AES_128_GCM", local=THEIRS, remote=OURS))
        yield peer
    finally:
        robots.stop()
        transport.close()


def _client(remote: tuple[str, int]) -> AddClient:
    sender = Sender(
        sender=0,
        clip=1,
        start_frame=0,
        ssrc=7,
        rtx_ssrc=None,
        pt=PT,
        rtx_pt=None,
        mid="0",
        mid_ext=None,
        audio_level_ext=None,
        twcc_ext=None,
        nack=False,
        pacing="burst",
    )
    ice = ClientIce(local_ufrag="robot", local_pwd=PASSWORD, remote_ufrag="peer", remote_pwd=PASSWORD)
    return AddClient(
        client=1,
        remote=remote,
        bind="127.0.0.1",
        ice=ice,
        senders=(sender,),
        receivers=(),
        cname="robot",
        mid_ext=None,
        twcc_ext=None,
        check_percent=0,
    )


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_marked_pictures_decode_to_what_unmarked_ones_do(codec: VideoCodec) -> None:
    """Two turns of a clip decode picture by picture, each pixel the same as without marks."""
    clip = picture_clip(codec, TestPicture(IDENTITY, 320, 180), fps=30, bitrate=400_000, seconds=1, key_every_s=1)
    marked, plain = PictureDecoder(codec), PictureDecoder(codec)
    depayload = DEPAYLOAD[codec]
    async with sending(clip) as peer:
        for index in range(2 * len(clip.frames)):
            frame = clip.frames[index % len(clip.frames)]
            payloads = await peer.picture()
            sent = b"".join(depayload(payload) for payload in payloads)
            given = b"".join(depayload(payload) for payload in frame.payloads)
            assert len(sent) > len(given)
            (seen,), (expected,) = marked.decode(sent), plain.decode(given)
            assert np.array_equal(seen, expected)
            assert read_picture(seen) == PictureReading(IDENTITY, index % len(clip.frames))


async def test_marked_sound_decodes_to_what_unmarked_sound_does() -> None:
    """A turn of a tone decodes sample by sample to the same as without marks, and has its frequency."""
    clip = tone_clip(tone_for(IDENTITY), seconds=1)
    marked, plain = OpusDecoder(), OpusDecoder()
    heard = []
    async with sending(clip) as peer:
        for frame in clip.frames:
            async with asyncio.timeout(60):
                _, payload = await peer.packets.get()
            assert len(payload) > len(frame.payloads[0]) + 32
            heard.append(marked.decode(payload))
            assert np.array_equal(heard[-1], plain.decode(frame.payloads[0]))
    assert identity_of(dominant_frequency(np.concatenate(heard)[9_600:], 48_000)[0]) == IDENTITY
