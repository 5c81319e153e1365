"""H.263 in RTP: RFC 2190 for its first version, RFC 4629 for all of them.

A picture is cut where a group of blocks begins with a start code. Where that is not enough, RFC 2190 (mode B) goes
on at a macroblock and says what is known there; RFC 4629 anywhere.
"""

from __future__ import annotations

import re
from bisect import bisect, bisect_left
from collections.abc import Sequence
from typing import Final

from transcode.bits import Piece, cut, joined, packed
from transcode.errors import Malformed
from transcode.h263_walk import Place, places

_START: Final = re.compile(rb"\x00\x00[\x80-\xff]", re.DOTALL)
_A_BYTES, _B_BYTES, _C_BYTES = 4, 8, 12
_PLUS_BYTES: Final = 2
_EXTENDED: Final = 7
_PICTURE: Final = range(0x80, 0x84)


def unpack(payloads: Sequence[bytes]) -> bytes:
    """Put a picture together from payloads of RFC 2190. Raises `Malformed`, and `IndexError` for one cut off."""
    picture = joined(_piece(payload) for payload in payloads)
    return _whole(picture)


def unpack_plus(payloads: Sequence[bytes]) -> bytes:
    """Put a picture together from payloads of RFC 4629. Raises as `unpack`."""
    picture = b"".join(_plus_part(payload) for payload in payloads)
    return _whole(picture)


def is_intra(picture: bytes) -> bool:
    """Whether a picture says that nothing is predicted in it (H.263 section 5.1); `IndexError` if cut off."""
    kind = picture[4]
    if kind >> 2 & 7 != _EXTENDED:
        return not kind & 2
    word = int.from_bytes(picture[4:9], "big")
    # UFEP: optional parts of the type come before the picture's own.
    update = word >> 31 & 7
    return update in (0, 1) and word >> (28 if update == 0 else 10) & 7 == 0


def payloads(picture: bytes, largest: int) -> list[bytes]:
    """Cut a picture for RFC 2190. Raises `Malformed` for what is not of the first version, or larger than CIF."""
    if len(picture) < 5 or picture[4] >> 2 & 7 == _EXTENDED:  # noqa: PLR2004
        raise Malformed("no picture of the first version of H.263")
    kind, end = picture[4] >> 1 & 15, len(picture) * 8
    groups = [found.start() * 8 for found in _START.finditer(picture)]
    runs = list(packed(groups, end, largest - _A_BYTES))
    room = largest - _B_BYTES
    if all(-(-last // 8) - first // 8 <= largest - _A_BYTES for first, last in runs):
        return [_payload(picture, run, kind, None) for run in runs]
    known: dict[int, Place | None] = {place.at: place for place in places(picture)} | dict.fromkeys(groups)
    edges = sorted(known)
    found: list[bytes] = []
    for first, last in runs:
        within = [first, *edges[bisect(edges, first) : bisect_left(edges, last)]]
        found += [_payload(picture, run, kind, known[run[0]]) for run in packed(within, last, room)]
    return found


def plus_payloads(picture: bytes, largest: int) -> list[bytes]:
    """Cut a picture for RFC 4629: before start codes, which lose two zeros, and anywhere in long groups."""
    groups = [found.start() * 8 for found in _START.finditer(picture)]
    room = largest - _PLUS_BYTES
    found: list[bytes] = []
    for first, last in packed(groups, len(picture) * 8, room + 2):
        part = picture[first // 8 + 2 : last // 8]
        found.append(b"\x04\x00" + part[:room])
        found += [b"\x00\x00" + part[at : at + room] for at in range(room, len(part), room)]
    return found


def _payload(picture: bytes, run: tuple[int, int], kind: int, place: Place | None) -> bytes:
    """Write a header of mode A (RFC 2190 section 5.1), or of mode B where a macroblock begins."""
    data, skip, unused = cut(picture, *run)
    size, predicted = kind >> 1, kind & 1
    first = skip << 3 | unused
    if place is None:
        return bytes((first, size << 5 | predicted << 4, 0, 0)) + data
    header = (0x80 | first) << 56 | size << 53 | place.quantizer << 48 | place.group << 43 | place.address << 34
    across, down = place.vector
    header |= predicted << 31 | (across & 127) << 21 | (down & 127) << 14
    return header.to_bytes(_B_BYTES, "big") + data


def _piece(payload: bytes) -> Piece:
    first = payload[0]
    header = _A_BYTES if not first & 0x80 else _C_BYTES if first & 0x40 else _B_BYTES
    return Piece(payload[header:], first >> 3 & 7, first & 7)


def _plus_part(payload: bytes) -> bytes:
    """What is left of a payload without its header, and with the zeros that are left out."""
    header = payload[0] << 8 | payload[1]
    repeated = header >> 3 & 0x3F
    rest = payload[_PLUS_BYTES + (header >> 9 & 1) + repeated :]
    return b"\x00\x00" + rest if header & 0x400 else rest


def _whole(picture: bytes) -> bytes:
    if len(picture) < 6 or picture[:2] != b"\x00\x00" or picture[2] not in _PICTURE:  # noqa: PLR2004
        raise Malformed("an H.263 picture without its beginning")
    return picture
