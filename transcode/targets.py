"""Which outs of pictures share an encoder, and what each encoder aims at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from transcode.jobs import PictureCodec, PictureOut, Scene
from transcode.older import OLDER, square_width
from transcode.rtp_leg import Outgoing

LOWEST_BPS: Final = 50_000
# How far a rate leaves its octave before the out changes to another encoder, which takes a key frame.
_HYSTERESIS: Final = 0.2


class Shape(NamedTuple):
    """What an encoder is made for; a change of any of it takes another one."""

    codec: PictureCodec
    single: bool
    width: int
    height: int
    fps: int

    @property
    def painted(self) -> tuple[int, int]:
        """Width and height at which a scene is painted for it, with square points."""
        return square_width(self.width) if self.codec in OLDER else self.width, self.height


class Group(NamedTuple):
    """Outs that want the same: one encoder. `octave` is that of their bit rates."""

    shape: Shape
    scene: Scene
    octave: int


class Receiver:
    """One out as it is: its description, its stream, and the rate that its receivers can take, in bit/s."""

    def __init__(self, out: PictureOut, stream: Outgoing) -> None:
        self.out, self.stream = out, stream
        self.rate = out.bitrate
        self._octave = _octave(self.rate)

    def change(self, out: PictureOut) -> None:
        """Describe it anew; the rate stays what its receivers' reports made it unless the description's is new."""
        if out.bitrate != self.out.bitrate:
            self.rate = out.bitrate
        self.out = out

    @property
    def group(self) -> Group:
        """With whom it shares."""
        exact = math.log2(max(self.rate, LOWEST_BPS) / LOWEST_BPS)
        if not self._octave - _HYSTERESIS <= exact < self._octave + 1 + _HYSTERESIS:
            self._octave = math.floor(exact)
        out = self.out
        single = out.format.codec == "h264" and out.format.packetization_mode == 0
        shape = Shape(out.format.codec, single, out.width, out.height, out.fps)
        return Group(shape, out.scene, self._octave)


def grouped(receivers: Iterable[Receiver]) -> dict[Group, list[Receiver]]:
    """Put those together who want the same."""
    groups: dict[Group, list[Receiver]] = {}
    for one in receivers:
        groups.setdefault(one.group, []).append(one)
    return groups


def _octave(rate: int) -> int:
    return math.floor(math.log2(max(rate, LOWEST_BPS) / LOWEST_BPS))
