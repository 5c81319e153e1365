"""All mixes of a job at once: a row of samples for each, so that numpy is called as often for many as for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from transcode.resample import HISTORY, Lines, Lowering
from transcode.tones import Samples
from transcode.voice import BLOCK

_LOUDEST: Final = 30_000.0
_RECOVERY: Final = 1.05
# By so much others are turned down while something is said.
_DUCKED: Final = 4


class Row(NamedTuple):
    """Where a row was until now, less than zero for a new one, and to which part of 48 kHz it is to be lowered."""

    was: int
    factor: int


class Sums:
    """The newest block of each mix; rows stay what they are until they are arranged anew."""

    def __init__(self) -> None:
        self._lines: Lines = np.zeros((0, HISTORY + BLOCK), np.float32)
        self._gains: list[float] = []
        self._voices: Lines = np.zeros((0, BLOCK), np.float32)
        self._places: dict[int, int] = {}
        self._of: Lines = np.zeros((0, 0), np.float32)
        self._taken: dict[int, Lines | Lowering] = {}

    def arrange(self, voices: Sequence[int], mixes: Sequence[Collection[int]], rows: Sequence[Row]) -> None:
        """Have a row for each mix of voices; those of one factor stand together."""
        lines, gains = np.zeros((len(mixes), HISTORY + BLOCK), np.float32), [1.0] * len(mixes)
        for row, (before, _) in enumerate(rows):
            if before >= 0:
                lines[row], gains[row] = self._lines[before], self._gains[before]
        factors = [factor for _, factor in rows]
        self._taken = {}
        for factor in factors:
            some = lines[factors.index(factor) :][: factors.count(factor)]
            self._taken[factor] = some[:, HISTORY:] if factor == 1 else Lowering(some, factor)
        self._lines, self._gains = lines, gains
        self._voices = np.zeros((len(voices), BLOCK), np.float32)
        self._places = {voice: place for place, voice in enumerate(voices)}
        self._of = np.array([[voice in mix for voice in voices] for mix in mixes], np.float32).reshape(
            len(mixes), len(voices)
        )

    def add(self, blocks: Mapping[int, Samples], prompts: Mapping[int, Samples]) -> None:
        """Sum the next block of all: `blocks` by voice, silence where there is none; `prompts` by row."""
        for voice, place in self._places.items():
            self._voices[place] = blocks.get(voice, 0)
        self._lines[:, :HISTORY] = self._lines[:, BLOCK:]
        new = self._lines[:, HISTORY:]
        np.matmul(self._of, self._voices, out=new)
        for row, prompt in prompts.items():
            new[row] /= _DUCKED
            new[row, : prompt.size] += prompt
        self._limit(new)

    def _limit(self, new: Lines) -> None:
        """Turn down what would be too loud, at once, and up again slowly: clipping is a crackle."""
        peaks = np.maximum(new.max(axis=1), -new.min(axis=1)).tolist()
        gains = self._gains = [
            min(1.0, gain * _RECOVERY, _LOUDEST / max(peak, 1.0))
            for gain, peak in zip(self._gains, peaks, strict=True)
        ]
        if min(gains, default=1.0) < 1.0:
            new *= np.array(gains, np.float32)[:, np.newaxis]

    def rows(self, factor: int) -> Samples:
        """Give the newest block of the rows of a factor at that part of 48 kHz, one below the other."""
        taken = self._taken[factor]
        return taken() if isinstance(taken, Lowering) else taken.astype(np.int16)
