"""Encoded pictures cut into RTP payloads: VP8 (RFC 7741), VP9 (RFC 9628) and H.264 (RFC 6184).

aiortc's packetizers fill 1300 bytes and cannot be told less; browsers keep under 1200 and cut a picture into
pieces of nearly one size, which is what these do. Their output is checked against aiortc's depacketizers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_START_CODE: Final = re.compile(b"\x00\x00\x00?\x01")
_FU_A: Final = 28
_FIRST, _LAST = 0x80, 0x40
_FU_BYTES: Final = 2
# The largest descriptor that is written here: flags, and a picture id of fifteen bits.
_DESCRIPTOR_BYTES: Final = 4
_VP9_DESCRIPTOR_BYTES: Final = 3
# Bits of the descriptors: VP8's X, S and I; VP9's I, P, B and E.
_VP8_MORE, _VP8_START, _VP8_ID = 0x80, 0x10, 0x80
_VP9_ID, _VP9_PREDICTED, _VP9_START, _VP9_END = 0x80, 0x40, 0x08, 0x04
_LONG_ID: Final = 0x8000


def split_evenly(length: int, largest: int, *, spare: int = 0) -> list[int]:
    """Cut `length` bytes into the fewest pieces of at most `largest`, whose sizes differ by one at most.

    The last piece is made `spare` bytes shorter than that, so that what is added to it makes it one of them.
    """
    count = max(1, -(-(length + spare) // largest))
    each, larger = divmod(length + spare, count)
    sizes = [each] * (count - larger) + [each + 1] * larger
    # A picture that is smaller than the spare itself leaves nothing to share out.
    sizes[-1] = max(0, sizes[-1] - spare)
    sizes[0] += length - sum(sizes)
    return [size for size in sizes if size]


def vp8_payloads(picture: bytes, picture_id: int, largest: int, *, spare: int = 0) -> list[bytes]:
    """Cut one VP8 frame into payloads with a descriptor each; `picture_id` is taken modulo 2**15."""
    payloads, at = [], 0
    number = (picture_id % 2**15 | _LONG_ID).to_bytes(2, "big")
    for size in split_evenly(len(picture), largest - _DESCRIPTOR_BYTES, spare=spare):
        flags = _VP8_MORE | (0 if at else _VP8_START)
        payloads.append(bytes((flags, _VP8_ID)) + number + picture[at : at + size])
        at += size
    return payloads


def vp9_payloads(picture: bytes, picture_id: int, largest: int, *, key: bool) -> list[bytes]:
    """Cut one VP9 frame (one layer, non-flexible mode) as `vp8_payloads` does."""
    payloads, at = [], 0
    number = (picture_id % 2**15 | _LONG_ID).to_bytes(2, "big")
    for size in split_evenly(len(picture), largest - _VP9_DESCRIPTOR_BYTES):
        flags = _VP9_ID | (0 if key else _VP9_PREDICTED) | (0 if at else _VP9_START)
        flags |= _VP9_END if at + size == len(picture) else 0
        payloads.append(bytes((flags,)) + number + picture[at : at + size])
        at += size
    return payloads


def h264_payloads(access_unit: bytes, largest: int) -> list[bytes]:
    """Cut one access unit in Annex B form: small NAL units whole, large ones as fragments (FU-A, mode 1)."""
    return [payload for unit in nal_units(access_unit) for payload in _h264_unit(unit, largest)]


def nal_units(access_unit: bytes) -> list[bytes]:
    """Take an access unit in Annex B form apart; this is all that packetization mode 0 does."""
    return [unit for unit in _START_CODE.split(access_unit) if unit]


def _h264_unit(unit: bytes, largest: int) -> Iterator[bytes]:
    if len(unit) <= largest:
        yield unit
        return
    indicator, kind, at = unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F, 1
    for size in split_evenly(len(unit) - 1, largest - _FU_BYTES):
        flags = (_FIRST if at == 1 else 0) | (_LAST if at + size == len(unit) else 0)
        yield bytes((indicator, flags | kind)) + unit[at : at + size]
        at += size
