"""What a robot receives: for each slot a bounded sample of the last pictures and sound."""

from __future__ import annotations

from collections import deque
from typing import Final

import av
import numpy as np

from signalling.messages import LayoutSlot
from transcode.codec import luma, mono
from transcode.pictures import PictureReading, read_picture
from transcode.tones import SAMPLE_RATE, dominant_frequency

# A fifth of a second of sound tells a tone; half of it in one line is a tone and not noise.
_WINDOW_BLOCKS: Final = 10
_CONFIDENCE: Final = 0.5
_READINGS: Final = 32


class Slot:
    """One receiving m-line: who the layout says is in it, and what has come in since they are.

    A few packets of the one before may come after the layout that names the next; they count for the next.
    A check that must not be misled waits for a second reading.
    """

    def __init__(self, mid: str) -> None:
        self.mid = mid
        self.occupant: LayoutSlot | None = None
        self.frames = 0
        self.unreadable = 0
        self.readings: deque[PictureReading] = deque(maxlen=_READINGS)
        self._sound: deque[np.ndarray[tuple[int], np.dtype[np.int16]]] = deque(maxlen=_WINDOW_BLOCKS)
        self._rate = SAMPLE_RATE

    def assign(self, occupant: LayoutSlot | None) -> None:
        """Take over what the layout says; another person or source empties the sample."""
        if occupant != self.occupant:
            self.occupant = occupant
            self.readings.clear()
            self._sound.clear()

    def take(self, frame: object) -> None:
        """Look at one decoded frame; nothing of it but its reading or its sound is kept."""
        self.frames += 1
        if isinstance(frame, av.VideoFrame):
            reading = read_picture(luma(frame))
            if reading is None:
                self.unreadable += 1
            else:
                self.readings.append(reading)
        elif isinstance(frame, av.AudioFrame):
            self._rate = frame.sample_rate
            self._sound.append(mono(frame))

    def picture(self) -> PictureReading | None:
        """Give the newest reading, or None."""
        return self.readings[-1] if self.readings else None

    def tone_hz(self) -> float | None:
        """Frequency of the tone in the last fifth of a second, or None where there is no clear one."""
        if len(self._sound) < _WINDOW_BLOCKS:
            return None
        hz, confidence = dominant_frequency(np.concatenate(list(self._sound)), self._rate)
        return hz if confidence >= _CONFIDENCE else None
