"""One input of pictures: from packets to the last good picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import av

from transcode.errors import Undecodable
from transcode.figures import Counters
from transcode.frames import Assembler, Frame
from transcode.jobs import PictureFormat
from transcode.older import SQUARE
from transcode.rtp import Packet
from transcode.video import VideoDecoder

# So long after its last packet a sender is no longer asked for a key frame.
_SPEAKING_S: Final = 2.0
# What somebody looked like so long ago is not shown when they are seen again.
_STALE_S: Final = 3.0
# More pictures than that at once are not caught up with: what follows the next key frame is.
_BACKLOG: Final = 20


class Feed:
    """Decodes what one SSRC sends while somebody watches.

    `picture` is the last good one, or None; `timestamp` its RTP time, `point` how much wider than high its
    points are.
    """

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self.picture: av.VideoFrame | None = None
        self.arrived = float("-inf")
        self.timestamp = 0
        self.point = SQUARE
        self._assembler = Assembler({})
        self._decoder: VideoDecoder | None = None
        self._spoke = float("-inf")
        self._broken = 0

    def set_formats(self, formats: Sequence[PictureFormat]) -> None:
        """Expect these payload types."""
        self._assembler.codecs = {one.pt: one.codec for one in formats}

    def take(self, packet: Packet, now: float) -> None:
        """Keep a packet until its picture is whole."""
        self._spoke = now
        self._assembler.take(packet, now)

    def wants_key(self, now: float) -> bool:
        """Whether only a key frame helps, and somebody is there to send it."""
        return self._assembler.wants_key and now - self._spoke < _SPEAKING_S

    @property
    def due(self) -> float | None:
        """When to call `run` again, if nothing comes."""
        return self._assembler.due

    def run(self, now: float, counters: Counters, *, watched: bool) -> bool:
        """Decode what has become whole; tell whether there is a new picture. Nothing is decoded for nobody."""
        frames = list(self._assembler.frames(now))
        counters.frames_in += len(frames)
        if frames and not watched:
            self._assembler.lose()
            if now - self.arrived > _STALE_S:
                self.picture = None
            return False
        if len(frames) > _BACKLOG:
            counters.dropped_frames += len(frames)
            self._assembler.lose()
            return False
        decoded = sum(self._decode(frame) for frame in frames)
        counters.dropped_frames += max(0, decoded - 1)
        self._count(counters)
        return decoded > 0

    def _decode(self, frame: Frame) -> bool:
        if self._assembler.wants_key and not frame.key:
            return False
        if self._decoder is None or self._decoder.codec != frame.codec:
            self._decoder = VideoDecoder(frame.codec)
        try:
            picture = self._decoder.decode(frame.data)
        except Undecodable:
            self._decoder = None
            self._assembler.broken += 1
            self._assembler.lose()
            return False
        if picture is not None:
            self.picture, self.arrived, self.timestamp = picture, frame.arrived, frame.timestamp
            self.point = self._decoder.point
        return picture is not None

    def _count(self, counters: Counters) -> None:
        counters.broken_frames += self._assembler.broken - self._broken
        self._broken = self._assembler.broken
