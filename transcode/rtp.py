"""RTP and RTCP as far as a converter needs them (RFC 3550, RFC 4585, RFC 5104), on a leg that is not protected.

Parsers take any bytes and give None for what is no such packet; nothing here has a clock or a socket.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_RTP: Final = struct.Struct("!BBHII")
_HEADER: Final = struct.Struct("!BBH")
_WORD: Final = struct.Struct("!I")
_SENDER: Final = struct.Struct("!IQI")
_SENDER_BYTES: Final = 28
_VERSION: Final = 2 << 6
_PADDING: Final = 0x20
_EXTENSION: Final = 0x10
_MARKER: Final = 0x80
_SENDER_REPORT, _RECEIVER_REPORT, _DESCRIPTION, _PICTURE_FEEDBACK = 200, 201, 202, 206
_PLI, _FIR = 1, 4
_CNAME: Final = 1
_BLOCK_BYTES: Final = 24
_REPORTS_AT_MOST: Final = 31
_FEEDBACK_BYTES: Final = 12
_FIR_ENTRY_BYTES: Final = 8
# From 1900 to 1970 in seconds. What runs from there on is the machine's monotonic clock: streams of all workers
# have it, and RFC 3550 (section 4) asks for no more than that clocks of what belongs together agree.
_NTP_OFFSET: Final = 2_208_988_800


class Packet(NamedTuple):
    """An RTP packet without contributors, extensions and padding; `payload` may be empty (padding alone)."""

    pt: int
    marker: bool
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP from RTP on one port (RFC 5761 section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223  # noqa: PLR2004 - the RFC's range


def parse_rtp(data: bytes) -> Packet | None:
    """Take an RTP packet apart."""
    if len(data) < _RTP.size or data[0] >> 6 != 2:  # noqa: PLR2004 - the version
        return None
    first, second, seq, timestamp, ssrc = _RTP.unpack_from(data)
    start, end = _RTP.size + 4 * (first & 0x0F), len(data)
    if first & _EXTENSION:
        if start + _HEADER.size > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & _PADDING:
        if data[-1] == 0:
            return None
        end -= data[-1]
    if start > end:
        return None
    return Packet(second & 0x7F, bool(second & _MARKER), seq, timestamp, ssrc, data[start:end])


def rtp_header(pt: int, seq: int, timestamp: int, ssrc: int, *, marker: bool) -> bytes:
    """Write the twelve bytes before a payload; numbers are taken modulo their width."""
    return _RTP.pack(_VERSION, (_MARKER if marker else 0) | pt, seq & 0xFFFF, timestamp & 0xFFFF_FFFF, ssrc)


def key_frames_asked(data: bytes) -> set[int] | None:
    """Find the SSRCs of which a compound packet asks key frames, by PLI or FIR; None if it is malformed."""
    parts = _parts(data)
    if parts is None:
        return None
    asked: set[int] = set()
    for first, kind, part in parts:
        if kind == _PICTURE_FEEDBACK and len(part) >= _FEEDBACK_BYTES:
            asked |= _picture_feedback(first & 0x1F, part)
    return asked


def sender_times(data: bytes) -> Iterator[tuple[int, float, int]]:
    """Give SSRC, the sender's clock in seconds from 1900, and the RTP time of then; nothing if malformed."""
    for _, kind, part in _parts(data) or ():
        if kind == _SENDER_REPORT and len(part) >= _SENDER_BYTES:
            ssrc, ntp, timestamp = _SENDER.unpack_from(part, 4)
            yield ssrc, ntp / 2**32, timestamp


def _parts(data: bytes) -> list[tuple[int, int, bytes]] | None:
    """Take a compound packet apart: first byte, type and bytes of each; None if it is malformed."""
    parts, at = [], 0
    while at < len(data):
        if at + _HEADER.size > len(data) or data[at] >> 6 != 2:  # noqa: PLR2004 - the version
            return None
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if end > len(data):
            return None
        parts.append((first, kind, data[at:end]))
        at = end
    return parts


def _picture_feedback(form: int, part: bytes) -> set[int]:
    if form == _PLI:
        return {_WORD.unpack_from(part, 8)[0]}
    if form != _FIR:
        return set()
    entries = range(_FEEDBACK_BYTES, len(part) - _FIR_ENTRY_BYTES + 1, _FIR_ENTRY_BYTES)
    return {_WORD.unpack_from(part, at)[0] for at in entries}


def pli(sender: int, media: int) -> bytes:
    """Ask for a key frame of `media` (RFC 4585 section 6.3.1)."""
    return _HEADER.pack(_VERSION | _PLI, _PICTURE_FEEDBACK, 2) + _WORD.pack(sender) + _WORD.pack(media)


@dataclass
class Sent:
    """What an out has sent, for its sender reports: `clock_rate` in Hz, and the pair of times of one moment.

    `age` in seconds is how long before `at` what is seen or heard there was captured.
    """

    clock_rate: int
    timestamp: int = 0
    at: float = 0.0
    age: float = 0.0
    packets: int = 0
    payload_bytes: int = 0

    def note(self, timestamp: int, at: float, packets: int, payload_bytes: int) -> None:
        """Count packets whose `timestamp` stands for the moment `at` of the machine's clock, in seconds."""
        self.timestamp, self.at = timestamp, at
        self.packets += packets
        self.payload_bytes += payload_bytes


class Heard:
    """What came of one SSRC, for a block in a receiver report (RFC 3550 section 6.4.1 and appendix A.3)."""

    def __init__(self, packet: Packet) -> None:
        self._base = self._highest = packet.seq
        self._received = self._received_before = self._expected_before = 0

    def note(self, packet: Packet) -> None:
        """Count a packet, in any order."""
        ahead = (packet.seq - self._highest) & 0xFFFF
        if ahead < 0x8000:  # noqa: PLR2004 - half of the numbers lie ahead
            self._highest += ahead
        self._received += 1

    def block(self, ssrc: int) -> bytes:
        """Report on it; jitter is not measured, since the way here is short."""
        expected = self._highest - self._base + 1
        due, got = expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = expected, self._received
        fraction = max(0, due - got) * 256 // due if due > 0 else 0
        lost = max(0, min(expected - self._received, 0x7F_FFFF))
        words = (ssrc, min(fraction, 255) << 24 | lost, self._highest & 0xFFFF_FFFF, 0, 0, 0)
        return struct.pack("!6I", *words)


def reports(
    own: int, sent: Iterable[tuple[int, Sent]], heard: Iterable[tuple[int, Heard]], cname: str, now: float
) -> bytes:
    """Write a compound packet: a sender report for each of `sent`, receiver reports by `own` on all `heard`."""
    blocks = [one.block(ssrc) for ssrc, one in heard]
    parts = [_sender_report(ssrc, one, now) for ssrc, one in sent]
    parts += _receiver_reports(own, blocks)
    return b"".join([*parts, _description(own, cname)])


def _sender_report(ssrc: int, sent: Sent, now: float) -> bytes:
    ntp = int((now + _NTP_OFFSET) * 2**32)
    timestamp = sent.timestamp + round((now - sent.at + sent.age) * sent.clock_rate)
    words = (ssrc, ntp >> 32, ntp & 0xFFFF_FFFF, timestamp & 0xFFFF_FFFF)
    counts = (sent.packets & 0xFFFF_FFFF, sent.payload_bytes & 0xFFFF_FFFF)
    return _HEADER.pack(_VERSION, _SENDER_REPORT, 6) + struct.pack("!6I", *words, *counts)


def _receiver_reports(own: int, blocks: list[bytes]) -> Iterator[bytes]:
    for start in range(0, max(len(blocks), 1), _REPORTS_AT_MOST):
        some = blocks[start : start + _REPORTS_AT_MOST]
        words = 1 + len(some) * _BLOCK_BYTES // 4
        yield _HEADER.pack(_VERSION | len(some), _RECEIVER_REPORT, words) + _WORD.pack(own) + b"".join(some)


def _description(own: int, cname: str) -> bytes:
    text = cname.encode()[:255]
    chunk = _WORD.pack(own) + bytes((_CNAME, len(text))) + text
    chunk += bytes(4 - len(chunk) % 4)
    return _HEADER.pack(_VERSION | 1, _DESCRIPTION, len(chunk) // 4) + chunk
