"""RTP packets of pictures, in any order, put together to frames of any codec that `unpack` knows.

What is missing is waited for a while, since it may be on its way again. Then the frame is given up, and everything
until the next key frame with it: the last good picture stays, instead of torn ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from transcode.errors import Malformed
from transcode.h261 import is_whole
from transcode.jobs import PictureCodec
from transcode.rtp import Packet
from transcode.unpack import unpack

# As long as a retransmission takes over a long way; nothing waits where nothing is lost.
_PATIENCE_S: Final = 0.2
_HELD_AT_MOST: Final = 1024
_JUMP: Final = 3000
_HALF: Final = 0x8000
# So long after a picture of H.261 that may be a beginning, one that is not whole is taken for one: nothing better
# may come, and what is missing does within 132 pictures (ITU-T H.261 section 3.4).
_PARTLY_S: Final = 2.0


class Frame(NamedTuple):
    """One coded picture; `arrived` is when its last packet came, in seconds of the machine's clock."""

    codec: PictureCodec
    data: bytes
    key: bool
    timestamp: int
    arrived: float


class Assembler:
    """Frames of one SSRC; `codecs` by payload type, packets of others are left out.

    `wants_key` is set while only a key frame helps, also before the first; `broken` counts frames given up.
    """

    def __init__(self, codecs: Mapping[int, PictureCodec]) -> None:
        self.codecs = dict(codecs)
        self.wants_key = True
        self.broken = 0
        self._held: dict[int, tuple[Packet, float]] = {}
        self._next: int | None = None
        self._missing_since: float | None = None
        self._partly_since: float | None = None

    @property
    def due(self) -> float | None:
        """When to call `frames` again, if nothing comes."""
        return None if self._missing_since is None else self._missing_since + _PATIENCE_S

    def take(self, packet: Packet, now: float) -> None:
        """Keep a packet until its frame is whole."""
        if self._next is None:
            self._next = packet.seq
        ahead = (packet.seq - self._next) & 0xFFFF
        if ahead >= _HALF and 0x10000 - ahead <= _JUMP:
            return
        if ahead > _JUMP or len(self._held) >= _HELD_AT_MOST:
            self._restart(packet.seq)
        self._held.setdefault(packet.seq, (packet, now))

    def frames(self, now: float) -> Iterator[Frame]:
        """Give all frames that are whole, in order."""
        while self._held:
            run = self._run()
            if run:
                yield from self._finish(run)
                continue
            if not self._skip(now):
                return
        self._missing_since = None

    def lose(self) -> None:
        """Begin anew with a key frame, since what depends on the ones before is of no use."""
        self.wants_key = True

    def _restart(self, seq: int) -> None:
        self._held.clear()
        self._give_up()
        self._next = seq

    def _give_up(self) -> None:
        self.broken += 1
        self.wants_key = True
        self._missing_since = None

    def _run(self) -> list[tuple[Packet, float]]:
        """Find the packets of the next frame, if all are there."""
        run: list[tuple[Packet, float]] = []
        seq = self._next or 0
        while (held := self._held.get(seq)) is not None:
            if run and held[0].timestamp != run[0][0].timestamp:
                return run
            run.append(held)
            if held[0].marker:
                return run
            seq = (seq + 1) & 0xFFFF
        return []

    def _finish(self, run: list[tuple[Packet, float]]) -> Iterator[Frame]:
        for packet, _ in run:
            del self._held[packet.seq]
        first, last = run[0][0], run[-1][0]
        self._next = (last.seq + 1) & 0xFFFF
        self._missing_since = None
        codec = self.codecs.get(first.pt)
        payloads = [packet.payload for packet, _ in run if packet.payload]
        if codec is None or not payloads:
            return
        try:
            data, key = unpack(codec, payloads)
        except Malformed:
            self._give_up()
            return
        arrived = max(came for _, came in run)
        if self.wants_key and not (key and self._begins(codec, data, arrived)):
            return
        self.wants_key = False
        yield Frame(codec, data, key, first.timestamp, arrived)

    def _begins(self, codec: PictureCodec, data: bytes, now: float) -> bool:
        """Whether to begin with what may be a key frame."""
        if codec == "h261" and not is_whole(data):
            if self._partly_since is None:
                self._partly_since = now
            if now - self._partly_since < _PARTLY_S:
                return False
        self._partly_since = None
        return True

    def _skip(self, now: float) -> bool:
        """Leave a frame with a hole behind once nobody can wait longer; else note since when it waits."""
        start = self._next or 0
        order = sorted(self._held, key=lambda seq: (seq - start) & 0xFFFF)
        hole = next((n for n, seq in enumerate(order) if (seq - start) & 0xFFFF != n), None)
        if hole is None:
            # The rest of a picture is still being sent.
            self._missing_since = None
            return False
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < _PATIENCE_S:
            return False
        self._leave_behind(order, hole)
        return True

    def _leave_behind(self, order: list[int], hole: int) -> None:
        """Go on at the first packet after the hole that begins another picture."""
        lost = self._held[order[hole]][0].timestamp
        rest = [seq for seq in order[hole:] if self._held[seq][0].timestamp != lost]
        after = rest[0] if rest else (order[-1] + 1) & 0xFFFF
        self._held = {seq: self._held[seq] for seq in rest}
        self._give_up()
        self._next = after
