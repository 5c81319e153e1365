"""Legs without ICE beside another implementation: FFmpeg speaks SRTP with keys from descriptions (RFC 4568)."""

import asyncio
import base64
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from media.api import Feed, LineConnected, SetFeeds, SetGate, SourceRef
from media.description import MIC, Encoding, Format, Slot, Source
from media.lines import AddLines, Cipher, Keys, Line, LinePorts, Remote, Sdes
from tests.media.engine_peer import running_engine

RATE = 8_000
FRAME = 160
TONE_HZ = 440
ROOM = 1
PCMU = Format(pt=0, codec="pcmu", clock_rate=RATE)
SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
# Under the names of RFC 4568 FFmpeg would shorten the tags of SRTCP as well, which section 6.2 does not.
FFMPEG_NAMES = dict(zip(SUITES, ("SRTP_AES128_CM_HMAC_SHA1_80", "SRTP_AES128_CM_HMAC_SHA1_32"), strict=True))


def free_pair() -> int:
    """An even port of loopback that is free, like the one after it."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as even,
            socket.socket(type=socket.SOCK_DGRAM) as odd,
        ):
            even.bind(("127.0.0.1", 0))
            first: int = even.getsockname()[1]
            try:
                odd.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
            if first % 2 == 0:
                return first


@dataclass(frozen=True)
class End:
    """One FFmpeg: its even port, and the keys of both directions."""

    port: int
    ours: Keys
    theirs: Keys


def end(suite: str) -> End:
    """An end whose two directions have keys of their own."""
    ours, theirs = (Keys(profile=suite, master=os.urandom(30)) for _ in range(2))
    return End(free_pair(), ours, theirs)


def leg(number: int, port: int, peer: End) -> AddLines:
    """A leg with one line of sound, towards an FFmpeg."""
    line = Line(
        ports=LinePorts(rtp=port, rtcp=port + 1),
        remote=Remote(rtp=f"127.0.0.1:{peer.port}"),
        protection=Sdes(local=peer.ours, remote=peer.theirs),
        sources=(Source(source=MIC, kind="audio", mid="", encodings=(Encoding(),), formats=(PCMU,)),),
        slots=(Slot(slot=0, kind="audio", ssrc=number, rtx_ssrc=None, formats=(PCMU,)),),
    )
    return AddLines(leg=number, room=ROOM, lines=(line,), cname="cname")


def tone() -> Iterator[av.AudioFrame]:
    """A tone without end, in frames of 20 ms."""
    start = 0
    while True:
        moments = np.arange(start, start + FRAME) / RATE
        samples = (np.sin(2 * np.pi * TONE_HZ * moments) * 12_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        yield frame
        start += FRAME


@contextmanager
def speaking(peer: End, port: int) -> Iterator[None]:
    """An FFmpeg that sends a tone from its port to one of ours, 50 packets a second."""
    done = threading.Event()
    key = base64.b64encode(peer.theirs.master).decode()
    # The keys are options of the protocol: this muxer passes them on, and PyAV by itself does not.
    protection = f"srtp_out_suite={FFMPEG_NAMES[peer.theirs.profile]}:srtp_out_params={key}"
    options = {"fifo_format": "rtp", "format_opts": protection}
    url = f"srtp://127.0.0.1:{port}?localrtpport={peer.port}&localrtcpport={peer.port + 1}&pkt_size=300"

    def speak() -> None:
        with av.open(url, "w", format="fifo", options=options) as container:
            stream = container.add_stream("pcm_mulaw", rate=RATE, layout="mono")
            for frame in tone():
                container.mux(stream.encode(frame))
                if done.wait(0.02):
                    return

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def hear(peer: End, path: Path, samples: int) -> np.ndarray:
    """What an FFmpeg that was given a description hears, so many samples of it."""
    key = base64.b64encode(peer.ours.master).decode()
    path.write_text(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {peer.port} RTP/SAVP 0\r\na=crypto:1 {FFMPEG_NAMES[peer.ours.profile]} inline:{key}\r\n"
    )
    options = {"protocol_whitelist": "file,udp,rtp,srtp", "probesize": "32", "analyzeduration": "0"}
    heard = np.empty(0, np.int16)
    with av.open(str(path), format="sdp", options=options, timeout=20) as container:
        for frame in container.decode(audio=0):
            heard = np.concatenate([heard, frame.to_ndarray()[0]])
            if len(heard) >= samples:
                return heard[:samples]
    raise AssertionError("it ended")


@pytest.mark.parametrize("suites", [SUITES, SUITES[::-1]], ids=["80-32", "32-80"])
async def test_ffmpeg_hears_through_the_engine_what_ffmpeg_says(suites: tuple[str, str], tmp_path: Path) -> None:
    """A tone from one FFmpeg reaches another one, each leg with its suite and its keys."""
    async with running_engine(lines=(41_000, 41_399)) as (engine, ears):
        ends = [end(suite) for suite in suites]
        ports = [engine.open_ports(ROOM) for _ in ends]
        for number, (port, peer) in enumerate(zip(ports, ends, strict=True), 1):
            engine.submit(leg(number, port, peer))
            engine.submit(SetGate(leg=number, open=True))
        engine.submit(SetFeeds(room=ROOM, feeds=(Feed(leg=2, slot=0, source=SourceRef(leg=1, source=MIC)),)))
        with speaking(ends[0], ports[0]):
            await ears.wait_for(lambda event: event == LineConnected(leg=1, line=0))
            heard = await asyncio.to_thread(hear, ends[1], tmp_path / "line.sdp", RATE // 2)
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
        assert np.argmax(spectrum) * RATE / len(heard) == pytest.approx(TONE_HZ, abs=4)
        lines = engine.snapshot().lines
        assert lines[["cipher_in", "cipher_out"]].tolist() == [(Cipher[suite], Cipher[suite]) for suite in suites]
        assert lines["wrong_source"].sum() == 0
        assert engine.snapshot().legs["srtp_failures"].sum() == 0
