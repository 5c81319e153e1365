"""Coded sound to samples and back: Opus, G.722 and G.711, one channel, samples always int16 at 48 kHz here.

One object is one stream.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

import av
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from transcode.codec import mono
from transcode.errors import Undecodable, UnsupportedCodec
from transcode.jobs import SoundCodec
from transcode.tones import SAMPLE_RATE, Samples

# Taps of the low pass for each phase, and where it cuts, as a part of the lower of the two rates' half.
_TAPS: Final = 16
_CUT: Final = 0.92
_FULL: Final = 32_767

Line = NDArray[np.float32]


class _Kind(NamedTuple):
    decoder: str
    encoder: str
    rate: int
    clock_rate: int


# G.722 samples at 16 kHz and counts in its RTP clock as if at 8 (RFC 3551 section 4.5.2).
_KINDS: Final[dict[SoundCodec, _Kind]] = {
    "opus": _Kind("libopus", "libopus", SAMPLE_RATE, SAMPLE_RATE),
    "g722": _Kind("g722", "g722", 16_000, 8_000),
    "pcmu": _Kind("pcm_mulaw", "pcm_mulaw", 8_000, 8_000),
    "pcma": _Kind("pcm_alaw", "pcm_alaw", 8_000, 8_000),
}


def clock_rate(codec: SoundCodec) -> int:
    """Give a codec's RTP clock in Hz. Raises `UnsupportedCodec`."""
    return _kind(codec).clock_rate


class SoundDecoder:
    """Packets of one codec to samples."""

    def __init__(self, codec: SoundCodec) -> None:
        kind = _kind(codec)
        self.codec = codec
        self._context = _context(kind.decoder, "r", kind.rate)
        self._up = Upsampler(SAMPLE_RATE // kind.rate)

    def decode(self, data: bytes) -> Samples:
        """Give the samples of one packet. Raises `Undecodable`."""
        try:
            frames = self._context.decode(av.Packet(data)) if data else []
        except av.FFmpegError as error:
            raise Undecodable("the decoder refused a packet of sound") from error
        blocks = [_samples(frame) for frame in frames]
        return self._up(np.concatenate(blocks)) if blocks else np.empty(0, np.int16)


class SoundEncoder:
    """Blocks of 960 samples (20 ms) to packets of one codec. `bitrate` in bit/s is Opus' alone."""

    def __init__(self, codec: SoundCodec, *, bitrate: int) -> None:
        kind = _kind(codec)
        self._context = _context(kind.encoder, "w", kind.rate)
        self._rate = kind.rate
        self._down = Downsampler(SAMPLE_RATE // kind.rate)
        self._position = 0
        if codec == "opus":
            self._context.bit_rate = bitrate
            self._context.options = {"application": "voip", "frame_duration": "20", "compression_level": "5"}

    def encode(self, samples: Samples) -> bytes:
        """Encode 960 samples; raises `Undecodable`, a `TranscodeError`, where the encoder fails."""
        samples = self._down(samples)
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples.size)
        memoryview(frame.planes[0])[: samples.nbytes] = samples.tobytes()
        frame.sample_rate = self._rate
        frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
        self._position += samples.size
        try:
            return b"".join(bytes(packet) for packet in self._context.encode(frame))
        except av.FFmpegError as error:
            raise Undecodable("the encoder refused a block of sound") from error


class Upsampler:
    """Samples at `factor` times the rate, in blocks of any size; later by eight samples of the lower rate."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._phases = _low_pass(factor).reshape(_TAPS, factor)[::-1] * factor
        self._before: Line = np.zeros(_TAPS - 1, np.float32)

    def __call__(self, samples: Samples) -> Samples:
        """Convert the next block."""
        if self._factor == 1:
            return samples
        line = np.concatenate((self._before, samples), dtype=np.float32)
        self._before = line[-(_TAPS - 1) :]
        return _int16((_windows(line, _TAPS, 1) @ self._phases).reshape(-1))


class Downsampler:
    """Samples at a `factor`th of the rate, in blocks of a whole number of these."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._filter = _low_pass(factor)[::-1]
        self._before: Line = np.zeros(_TAPS * factor - 1, np.float32)

    def __call__(self, samples: Samples) -> Samples:
        """Convert the next block."""
        if self._factor == 1:
            return samples
        line = np.concatenate((self._before, samples), dtype=np.float32)
        self._before = line[-self._before.size :]
        return _int16(_windows(line, self._filter.size, self._factor) @ self._filter)


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


def _windows(line: Line, size: int, step: int) -> NDArray[np.float32]:
    """Give all stretches of `size` samples, `step` apart, one a row: a view that is not written to."""
    rows = (line.size - size) // step + 1
    stride = line.strides[0]
    return as_strided(line, (rows, size), (stride * step, stride))


@lru_cache
def _low_pass(factor: int) -> Line:
    """Design a windowed sinc with a gain of one."""
    at = np.arange(_TAPS * factor) - (_TAPS * factor - 1) / 2
    taps = np.sinc(at * _CUT / factor) * np.kaiser(at.size, 8.0)
    shape: Line = (taps / taps.sum()).astype(np.float32)
    return shape


def _int16(values: NDArray[np.float32]) -> Samples:
    return values.clip(-_FULL - 1, _FULL).round().astype(np.int16)
