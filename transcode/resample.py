"""Sound between 48 kHz and whole parts of it, by windowed sincs; blocks follow each other without a seam.

Done as products of matrices, since each call into numpy costs as much as the sums of a block.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from transcode.tones import Samples

# Taps of the low pass for each phase, and where it cuts, as a part of the lower of the two rates' half.
_TAPS: Final = 16
_CUT: Final = 0.92
_FULL: Final = 32_767
# The largest factor is 6. So much of what came before a block is needed to lower its rate.
HISTORY: Final = 6 * _TAPS - 1
# Samples that one row of a product gives.
_TOGETHER: Final = 10

Lines = NDArray[np.float32]


class Upsampler:
    """Samples at `factor` times the rate, in blocks of any size; later by eight samples of the lower rate."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._phases = _low_pass(factor).reshape(_TAPS, factor)[::-1] * factor
        self._before: Lines = np.zeros(_TAPS - 1, np.float32)

    def __call__(self, samples: Samples) -> Samples:
        """Convert the next block."""
        if self._factor == 1:
            return samples
        line = np.concatenate((self._before, samples), dtype=np.float32)
        self._before = line[-(_TAPS - 1) :]
        stride = line.strides[0]
        windows = np.ascontiguousarray(as_strided(line, (samples.size, _TAPS), (stride, stride)))
        return whole((windows @ self._phases).reshape(-1))


class Lowering:
    """Lines at a `factor`th of their rate, which are read where they are at each call.

    Their first `HISTORY` samples are of the block before; what follows is a whole number of ten times `factor`.
    """

    def __init__(self, lines: Lines, factor: int) -> None:
        count, rows = lines.shape[0], (lines.shape[1] - HISTORY) // (factor * _TOGETHER)
        self._matrix = _lowering(factor)
        start = HISTORY - (factor * _TAPS - 1)
        each, sample = lines.strides
        shape = (count, rows, self._matrix.shape[0])
        self._windows = as_strided(lines[:, start:], shape, (each, sample * factor * _TOGETHER, sample))
        self._held: Lines = np.empty(shape, np.float32)
        self._flat = self._held.reshape(count * rows, -1)

    def __call__(self) -> Samples:
        """Give what they hold, one below the other."""
        np.copyto(self._held, self._windows)
        return whole((self._flat @ self._matrix).reshape(self._held.shape[0], -1))


def whole(values: Lines) -> Samples:
    """Round to what fits."""
    np.rint(values, out=values)
    np.minimum(values, _FULL, out=values)
    np.maximum(values, -_FULL - 1, out=values)
    return values.astype(np.int16)


@lru_cache
def _lowering(factor: int) -> Lines:
    """Lay the filter out as a matrix: from a stretch of samples to ten at a `factor`th of the rate."""
    taps = _low_pass(factor)[::-1]
    matrix = np.zeros((factor * (_TOGETHER - 1) + taps.size, _TOGETHER), np.float32)
    for n in range(_TOGETHER):
        matrix[factor * n : factor * n + taps.size, n] = taps
    return matrix


@lru_cache
def _low_pass(factor: int) -> Lines:
    """Design a windowed sinc with a gain of one."""
    at = np.arange(_TAPS * factor) - (_TAPS * factor - 1) / 2
    taps = np.sinc(at * _CUT / factor) * np.kaiser(at.size, 8.0)
    shape: Lines = (taps / taps.sum()).astype(np.float32)
    return shape
