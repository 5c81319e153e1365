"""Coded sound to samples and back: Opus, G.722 and G.711, one channel.

One object is one stream. FFmpeg codes all of it; its G.711 is kept as tables, since handing it a block takes much
longer than coding it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from transcode.codec import mono
from transcode.errors import Undecodable, UnsupportedCodec
from transcode.jobs import SoundCodec
from transcode.resample import Upsampler
from transcode.tones import SAMPLE_RATE, Samples

_OPUS: Final = {"application": "voip", "frame_duration": "20", "compression_level": "5"}


class _Kind(NamedTuple):
    library: str
    rate: int
    clock_rate: int
    table: bool = False


# G.722 samples at 16 kHz and counts in its RTP clock as if at 8 (RFC 3551 section 4.5.2).
_KINDS: Final[dict[SoundCodec, _Kind]] = {
    "opus": _Kind("libopus", SAMPLE_RATE, SAMPLE_RATE),
    "g722": _Kind("g722", 16_000, 8_000),
    "pcmu": _Kind("pcm_mulaw", 8_000, 8_000, table=True),
    "pcma": _Kind("pcm_alaw", 8_000, 8_000, table=True),
}


def clock_rate(codec: SoundCodec) -> int:
    """Give a codec's RTP clock in Hz. Raises `UnsupportedCodec`."""
    return _kind(codec).clock_rate


class SoundDecoder:
    """Packets of one codec to samples at 48 kHz."""

    def __init__(self, codec: SoundCodec) -> None:
        kind = _kind(codec)
        self.codec = codec
        self._table = _decoding(kind.library) if kind.table else None
        self._context = _context(kind.library, "r", kind.rate)
        self._up = Upsampler(SAMPLE_RATE // kind.rate)

    def decode(self, data: bytes) -> Samples:
        """Give the samples of one packet. Raises `Undecodable`."""
        if self._table is not None:
            return self._up(self._table.take(np.frombuffer(data, np.uint8)))
        try:
            frames = self._context.decode(av.Packet(data)) if data else []
        except av.FFmpegError as error:
            raise Undecodable("the decoder refused a packet of sound") from error
        blocks = [_samples(frame) for frame in frames]
        if not blocks:
            return np.empty(0, np.int16)
        return self._up(blocks[0] if len(blocks) == 1 else np.concatenate(blocks))


class SoundEncoder:
    """Blocks of 20 ms at a `factor`th of 48 kHz to packets of one codec. `bitrate` in bit/s is Opus' alone."""

    def __init__(self, codec: SoundCodec, *, bitrate: int) -> None:
        kind = _kind(codec)
        self.factor = SAMPLE_RATE // kind.rate
        self._table = _encoding(kind.library) if kind.table else None
        self._context = _context(kind.library, "w", kind.rate)
        self._rate, self._tick = kind.rate, Fraction(1, kind.rate)
        self._position = 0
        if codec == "opus":
            self._context.bit_rate = bitrate
            self._context.options = dict(_OPUS)

    def encode(self, samples: Samples) -> bytes:
        """Encode a block; raises `Undecodable`, a `TranscodeError`, where the encoder fails."""
        if self._table is not None:
            return self._table.take(samples.view(np.uint16)).tobytes()
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples.size)
        memoryview(frame.planes[0])[: samples.nbytes] = samples.tobytes()
        frame.sample_rate = self._rate
        frame.pts, frame.time_base = self._position, self._tick
        self._position += samples.size
        try:
            return b"".join(bytes(packet) for packet in self._context.encode(frame))
        except av.FFmpegError as error:
            raise Undecodable("the encoder refused a block of sound") from error


def resampled(sound: bytes, rate: int) -> Samples:
    """Take a whole recording, 16-bit little-endian at `rate` Hz, to 48 kHz."""
    samples = np.frombuffer(sound[: len(sound) // 2 * 2], "<i2").astype(np.int16)
    if rate == SAMPLE_RATE or not samples.size:
        return samples
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    return np.concatenate([mono(one) for one in [*resampler.resample(frame), *resampler.resample(None)]])


def _samples(frame: av.AudioFrame) -> Samples:
    """Take a frame's samples, if it can be without PyAV's own conversion, which takes as long as decoding."""
    if frame.format.name != "s16":
        return mono(frame)
    samples: Samples = np.frombuffer(memoryview(frame.planes[0]), np.int16)[: frame.samples]
    return samples


def _kind(codec: SoundCodec) -> _Kind:
    if codec not in _KINDS:
        raise UnsupportedCodec("only opus, g722, pcmu and pcma can be converted")
    return _KINDS[codec]


def _context(name: str, mode: Any, rate: int) -> Any:
    context: Any = av.CodecContext.create(name, mode)
    context.sample_rate, context.layout = rate, "mono"
    if mode == "w":
        context.format, context.time_base = "s16", Fraction(1, rate)
    return context


@lru_cache
def _decoding(library: str) -> Samples:
    """Have FFmpeg decode each byte once."""
    (frame,) = _context(library, "r", 8_000).decode(av.Packet(bytes(range(256))))
    return _samples(frame).copy()


@lru_cache
def _encoding(library: str) -> NDArray[np.uint8]:
    """Have FFmpeg encode each sample once; the table is read by what a sample is as an unsigned number."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.int16).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(every, format="s16", layout="mono")
    frame.sample_rate = 8_000
    context = _context(library, "w", 8_000)
    coded = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    return np.frombuffer(coded, np.uint8)
