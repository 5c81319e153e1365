"""All mixes of a job at once: a row of samples for each, so that numpy is called as often for many as for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from transcode.resample import HISTORY, Lines, lowered
from transcode.tones import Samples
from transcode.voice import BLOCK

_LOUDEST: Final = 30_000.0
_RECOVERY: Final = 1.05
# By so much others are turned down while something is said.
_DUCKED: Final = 4


class Sums:
    """The newest block of each mix; rows stay what they are until they are arranged anew."""

    def __init__(self) -> None:
        self._lines: Lines = np.zeros((0, HISTORY + BLOCK), np.float32)
        self._gains: list[float] = []
        self._voices: Lines = np.zeros((0, BLOCK), np.float32)
        self._places: dict[int, int] = {}
        self._of: Lines = np.zeros((0, 0), np.float32)

    def arrange(self, voices: Sequence[int], mixes: Sequence[Collection[int]], was: Sequence[int]) -> None:
        """Have a row for each mix of voices; `was` are the rows until now, less than zero for new ones."""
        lines, gains = np.zeros((len(mixes), HISTORY + BLOCK), np.float32), [1.0] * len(mixes)
        for row, before in enumerate(was):
            if before >= 0:
                lines[row], gains[row] = self._lines[before], self._gains[before]
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

    def rows(self, rows: Sequence[int], factor: int) -> Samples:
        """Give the newest block of these rows at a `factor`th of 48 kHz, one below the other."""
        lines = self._lines if len(rows) == len(self._gains) else self._lines[list(rows)]
        return lines[:, HISTORY:].astype(np.int16) if factor == 1 else lowered(lines, factor)
