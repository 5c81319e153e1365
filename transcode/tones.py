"""Tones that say who sent them: one frequency for each identity, far enough apart to tell after Opus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from transcode.pictures import IDENTITIES

Samples = NDArray[np.int16]

SAMPLE_RATE: Final = 48_000
LOWEST_HZ: Final = 300.0
STEP_HZ: Final = 50.0
_TOLERANCE_HZ: Final = 15.0
_FULL_SCALE: Final = 32_767
_LEAST_SAMPLES: Final = 64
# Below this root mean square (of full scale 1; about -60 dBov) there is silence, and a line in it is noise.
_SILENCE: Final = 0.001
# The Hann window spreads a line over two bins to each side.
_SPREAD: Final = 2


@dataclass(frozen=True)
class Tone:
    """A sine of `frequency_hz`; `amplitude` is the peak, 1.0 is full scale."""

    frequency_hz: float
    amplitude: float = 0.25

    def samples(self, start: int, count: int) -> Samples:
        """`count` samples from sample number `start`: int16, mono, 48 kHz. Blocks join without a click."""
        time = np.arange(start, start + count) / SAMPLE_RATE
        wave = np.sin(2 * np.pi * self.frequency_hz * time)
        return np.rint(wave * self.amplitude * _FULL_SCALE).astype(np.int16)


def tone_for(identity: int) -> Tone:
    """Give the tone of an identity (0 to 63): 300 Hz and 50 Hz more for each; else raise `ValueError`."""
    if not 0 <= identity < IDENTITIES:
        raise ValueError(f"identity must be 0 to {IDENTITIES - 1}")
    return Tone(LOWEST_HZ + STEP_HZ * identity)


def identity_of(frequency_hz: float) -> int | None:
    """Find the identity whose tone is within 15 Hz of this frequency, or None."""
    identity = round((frequency_hz - LOWEST_HZ) / STEP_HZ)
    near = abs(frequency_hz - LOWEST_HZ - STEP_HZ * identity) <= _TOLERANCE_HZ
    return identity if near and 0 <= identity < IDENTITIES else None


def dominant_frequency(samples: NDArray[np.generic], rate: int) -> tuple[float, float]:
    """Find the strongest frequency in Hz, and how much of the signal's power it holds, 0.0 to 1.0.

    Takes one channel, int16 or floating point with full scale 1.0. A tenth of a second tells the tones of all
    identities apart. Silence, or fewer than 64 samples, gives (0.0, 0.0).
    """
    wave = samples.astype(np.float64)
    if np.issubdtype(samples.dtype, np.integer):
        wave /= _FULL_SCALE
    if wave.size < _LEAST_SAMPLES or np.sqrt(np.mean(wave**2)) < _SILENCE:
        return 0.0, 0.0
    power = np.abs(np.fft.rfft((wave - wave.mean()) * np.hanning(wave.size))) ** 2
    peak = int(np.argmax(power))
    total = float(power.sum())
    line = float(power[max(0, peak - _SPREAD) : peak + _SPREAD + 1].sum())
    return (peak + _offset(power, peak)) * rate / wave.size, line / total if total else 0.0


def _offset(power: NDArray[np.float64], peak: int) -> float:
    """How far the true peak lies from its bin, -0.5 to 0.5: a parabola through three logarithms."""
    if not 0 < peak < power.size - 1:
        return 0.0
    before, at, after = np.log(power[peak - 1 : peak + 2] + 1e-30)
    bend = before - 2 * at + after
    return float((before - after) / (2 * bend)) if bend else 0.0
