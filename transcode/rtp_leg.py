"""One job's side of its leg: who speaks on the socket, and what goes out with numbers that outlive the worker.

Without a clock or a socket: datagrams come in by `take`, those to be sent collect in `outbox`.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Sequence
from typing import Final

from transcode import rtp
from transcode.capture import Captures

_ENTRY: Final = struct.Struct("=III")
LEDGER_ENTRIES: Final = 256
LEDGER_BYTES: Final = LEDGER_ENTRIES * _ENTRY.size
_REPORT_EVERY_S: Final = 1.0
_ASK_AGAIN_S: Final = 0.5
OUTBOX_AT_MOST: Final = 4096


class Ledger:
    """The next sequence number and picture number of each out, in memory that pool and worker share.

    A worker that takes over goes on from there: receivers see a late picture instead of a jump or old numbers.
    """

    def __init__(self, memory: memoryview | bytearray) -> None:
        self._memory = memory
        self._places: dict[int, int] = {}
        for place in range(LEDGER_ENTRIES):
            ssrc, _, _ = _ENTRY.unpack_from(memory, place * _ENTRY.size)
            if ssrc:
                self._places[ssrc] = place

    def read(self, ssrc: int) -> tuple[int, int]:
        """Give both numbers; zeros for an out that has sent nothing."""
        place = self._places.get(ssrc)
        return (0, 0) if place is None else _ENTRY.unpack_from(self._memory, place * _ENTRY.size)[1:]

    def write(self, ssrc: int, seq: int, picture: int) -> None:
        """Keep them. Outs beyond 256 in a job's life are not kept, and begin at zero after a worker's death."""
        place = self._places.setdefault(ssrc, len(self._places))
        if place < LEDGER_ENTRIES:
            _ENTRY.pack_into(self._memory, place * _ENTRY.size, ssrc, seq & 0xFFFF_FFFF, picture & 0xFFFF_FFFF)


class Outgoing:
    """The RTP stream of one out."""

    def __init__(self, leg: RtpLeg, ssrc: int, pt: int, clock_rate: int) -> None:
        self.pt = pt
        self.sent = rtp.Sent(clock_rate)
        self._leg, self._ssrc = leg, ssrc
        self._seq, self.picture = leg.ledger.read(ssrc)

    def send(self, payloads: Sequence[bytes], timestamp: int, at: float, *, marker: bool = True) -> None:
        """Send what is of one moment `at`; of pictures the last payload has the marker."""
        last = len(payloads) - 1
        for n, payload in enumerate(payloads):
            header = rtp.rtp_header(self.pt, self._seq, timestamp, self._ssrc, marker=marker and n == last)
            self._leg.post(header + payload)
            self._seq += 1
        self.sent.note(timestamp, at, len(payloads), sum(map(len, payloads)))
        self.picture += 1
        self._leg.ledger.write(self._ssrc, self._seq, self.picture)


class RtpLeg:
    """Packets of the inputs that are known; counts of all others, which change nothing."""

    def __init__(self, name: int, ledger: Ledger) -> None:
        self.ledger = ledger
        self.outbox: list[bytes] = []
        self.outs: dict[int, Outgoing] = {}
        self.captures = Captures()
        self.refused = self.dropped = self.key_frames_wanted = 0
        # Reports on what is received are no out's: an SSRC of their own, derived from the job's.
        self._own = 0x6272_0000 | name & 0xFFFF
        self._cname = f"transcode-{name}"
        self._heard: dict[int, rtp.Heard] = {}
        self._asked: dict[int, float] = {}
        self._report_at = 0.0

    def take(self, data: bytes, inputs: Container[int], now: float) -> rtp.Packet | set[int] | None:
        """Give a packet of an input, or the outs of which key frames are asked, or None for what is neither."""
        if rtp.is_rtcp(data):
            asked = rtp.key_frames_asked(data)
            self.refused += asked is None
            for ssrc, clock, timestamp in rtp.sender_times(data):
                if ssrc in inputs:
                    self.captures.note(ssrc, clock, timestamp, now)
            return asked
        packet = rtp.parse_rtp(data)
        if packet is None or packet.ssrc not in inputs:
            self.refused += 1
            return None
        heard = self._heard.get(packet.ssrc)
        if heard is None:
            heard = self._heard[packet.ssrc] = rtp.Heard(packet)
        heard.note(packet)
        return packet

    def post(self, datagram: bytes) -> None:
        """Have a datagram sent."""
        if len(self.outbox) < OUTBOX_AT_MOST:
            self.outbox.append(datagram)
        else:
            self.dropped += 1

    def open(self, ssrc: int, pt: int, clock_rate: int) -> Outgoing:
        """Give the stream of an out, new or as it was."""
        out = self.outs.get(ssrc)
        if out is None or out.sent.clock_rate != clock_rate:
            out = self.outs[ssrc] = Outgoing(self, ssrc, pt, clock_rate)
        out.pt = pt
        return out

    def keep(self, inputs: Iterable[int], outs: Iterable[int]) -> None:
        """Forget all others."""
        ins, kept = set(inputs), set(outs)
        self.outs = {ssrc: out for ssrc, out in self.outs.items() if ssrc in kept}
        self._heard = {ssrc: one for ssrc, one in self._heard.items() if ssrc in ins}
        self._asked = {ssrc: at for ssrc, at in self._asked.items() if ssrc in ins}
        self.captures.keep(ins)

    def ask_key_frame(self, ssrc: int, now: float) -> None:
        """Ask the sender of an input to begin anew, twice a second at the most."""
        if now - self._asked.get(ssrc, -_ASK_AGAIN_S) < _ASK_AGAIN_S:
            return
        self._asked[ssrc] = now
        self.key_frames_wanted += 1
        self.post(rtp.reports(self._own, (), (), self._cname, now) + rtp.pli(self._own, ssrc))

    @property
    def due(self) -> float:
        """When the next report goes out."""
        return self._report_at

    def report(self, now: float) -> None:
        """Report once a second: sender reports keep sound and pictures together, and show that this leg lives."""
        if now < self._report_at:
            return
        self._report_at = now + _REPORT_EVERY_S
        sent = [(ssrc, out.sent) for ssrc, out in self.outs.items() if out.sent.packets]
        self.post(rtp.reports(self._own, sent, self._heard.items(), self._cname, now))
