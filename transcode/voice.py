"""One input of sound: a place on the mix's line of time for each sample that comes, early, late or never.

The line counts samples at 48 kHz of the machine's clock, in blocks of 20 ms. A voice that begins is placed so that
its packets can be mixed when they arrive. One whose packets come too late is moved back by as much, and forward
again when it has had time to spare for a while and is silent.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from transcode.tones import SAMPLE_RATE, Samples

BLOCK: Final = 960
FRAME: Final = 480
_RING: Final = 64 * BLOCK
_FRAMES: Final = _RING // FRAME
_FURTHEST: Final = 40 * BLOCK
_LATEST: Final = 10 * BLOCK
# A voice is waited for so long after its last packet ended: beyond that it has paused.
_ACTIVE_S: Final = 0.06
_FADE: Final = (0.7, 0.4, 0.2)
_EASE_AFTER: Final = 5 * SAMPLE_RATE
_QUIET: Final = 200


class Voice:
    """Samples of one input, placed on the mix's line; it is worth waiting for `until` then.

    `anchor` is the RTP time of its newest packet, and the sample of the line where that begins.
    """

    def __init__(self) -> None:
        self.until = float("-inf")
        self.late = 0
        self._ring: Samples = np.zeros(_RING, np.int16)
        # A list, since single numbers of an array are slow to read.
        self._filled = [0] * _FRAMES
        self._last: Samples = np.zeros(FRAME, np.int16)
        self._missed = len(_FADE)
        self.anchor: tuple[int, int] | None = None
        self._spare = _RING
        self._heard = 0

    def add(self, timestamp: int, scale: int, samples: Samples, now: float, begin: int) -> None:
        """Place a packet: `scale` samples a unit of its timestamp; blocks before `begin` have been mixed."""
        if not samples.size:
            return
        start, floor = self._place(timestamp, scale, samples.size, now, begin), begin * BLOCK
        if start < floor:
            start += self._move_back(floor - start)
        elif self._eases(start - floor, samples):
            start -= BLOCK
        self.anchor = (timestamp, start)
        self._write(start, samples)
        self.until = now + samples.size / SAMPLE_RATE + _ACTIVE_S

    def has(self, block: int) -> bool:
        """Whether all of a block is there."""
        at = block * 2 % _FRAMES
        return self._filled[at] >= FRAME and self._filled[at + 1] >= FRAME

    def take(self, block: int) -> Samples | None:
        """Take a block out; what is missing fades out of what was before. None for silence."""
        at = block * 2 % _FRAMES
        if self.has(block):
            return self._whole(at)
        if not self._filled[at] and not self._filled[at + 1] and self._missed >= len(_FADE):
            return None
        return np.concatenate([self._frame(at), self._frame(at + 1)])

    def _whole(self, at: int) -> Samples:
        ring = self._ring[at * FRAME : (at + 2) * FRAME]
        samples = ring.copy()
        ring[:] = 0
        self._filled[at] = self._filled[at + 1] = self._missed = 0
        self._last = samples[FRAME:]
        return samples

    def _frame(self, at: int) -> Samples:
        ring = self._ring[at * FRAME : (at + 1) * FRAME]
        if self._filled[at]:
            self._last = ring.copy()
            self._missed = 0
            self._filled[at] = 0
            ring[:] = 0
            return self._last
        gain = _FADE[self._missed] if self._missed < len(_FADE) else 0.0
        self._missed += 1
        return (self._last * gain).astype(np.int16)

    def _place(self, timestamp: int, scale: int, count: int, now: float, begin: int) -> int:
        if self.anchor is not None:
            before, position = self.anchor
            passed = ((timestamp - before + 2**31) & 0xFFFF_FFFF) - 2**31
            start = position + passed * scale
            if -_LATEST < start - begin * BLOCK < _FURTHEST:
                return start
        # Its last frame is the one that is running now, and its first begins a block.
        running = int(now * SAMPLE_RATE) // FRAME * FRAME
        self._spare, self._heard = _RING, 0
        return max((running + FRAME - count) // BLOCK, begin) * BLOCK

    def _move_back(self, samples: int) -> int:
        self.late += 1
        self._spare, self._heard = _RING, 0
        return -(-samples // BLOCK) * BLOCK

    def _eases(self, spare: int, samples: Samples) -> bool:
        """Whether it can be placed sooner: five seconds with a block to spare, and nothing to be heard now."""
        self._spare = min(self._spare, spare)
        self._heard += samples.size
        if self._heard < _EASE_AFTER:
            return False
        if self._spare >= 2 * BLOCK and np.abs(samples).max() < _QUIET:
            self._spare, self._heard = _RING, 0
            return True
        if self._spare < 2 * BLOCK:
            self._spare, self._heard = _RING, 0
        return False

    def _write(self, start: int, samples: Samples) -> None:
        at, size = start % _RING, samples.size
        before = min(size, _RING - at)
        self._ring[at : at + before] = samples[:before]
        if before < size:
            self._ring[: size - before] = samples[before:]
        done = 0
        while done < size:
            frame, within = divmod((at + done) % _RING, FRAME)
            count = min(size - done, FRAME - within)
            self._filled[frame] = min(FRAME, self._filled[frame] + count)
            done += count
