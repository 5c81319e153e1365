"""Payloads of one picture, in order and complete, made one coded frame again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from transcode import h261, h263
from transcode.errors import Malformed
from transcode.jobs import PictureCodec

_START: Final = b"\x00\x00\x00\x01"
_STAP_A, _FU_A = 24, 28
_IDR: Final = 5
_SINGLE: Final = range(1, 24)


def unpack(codec: PictureCodec, payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    """Give the coded frame (H.264 in Annex B form), and whether it is a key frame. Raises `Malformed`.

    Of H.261 that is only said of what begins as one would: see `h261.is_whole`.
    """
    try:
        if codec == "vp8":
            return _vp8(payloads)
        if codec == "vp9":
            return _vp9(payloads)
        if codec == "h264":
            return _h264(payloads)
        return _older(codec, payloads)
    except IndexError as error:
        raise Malformed("a payload ends before its time") from error


def _older(codec: PictureCodec, payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    if codec == "h261":
        picture = h261.unpack(payloads)
        return picture, h261.begins_intra(picture)
    picture = h263.unpack(payloads) if codec == "h263" else h263.unpack_plus(payloads)
    return picture, h263.is_intra(picture)


def _vp8(payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    parts = [payload[_vp8_descriptor(payload) :] for payload in payloads]
    # S and PID: the first partition begins here.
    if payloads[0][0] & 0x17 != 0x10 or not parts[0]:  # noqa: PLR2004 - bits of RFC 7741 section 4.2
        raise Malformed("a VP8 picture without its beginning")
    return b"".join(parts), not parts[0][0] & 1


def _vp8_descriptor(payload: bytes) -> int:
    """Length of the descriptor (RFC 7741 section 4.2)."""
    if not payload[0] & 0x80:
        return 1
    extensions, at = payload[1], 2
    if extensions & 0x80:
        at += 2 if payload[at] & 0x80 else 1
    at += bool(extensions & 0x40)
    return at + bool(extensions & 0x30)


def _vp9(payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    parts = [payload[_vp9_descriptor(payload) :] for payload in payloads]
    if not payloads[0][0] & 0x08 or not parts[0]:
        raise Malformed("a VP9 picture without its beginning")
    # P: predicted from pictures before.
    return b"".join(parts), not payloads[0][0] & 0x40


def _vp9_descriptor(payload: bytes) -> int:
    """Length of the descriptor (RFC 9628 section 4.2)."""
    flags, at = payload[0], 1
    picture_id, predicted, layers, flexible, structure = (flags >> bit & 1 for bit in (7, 6, 5, 4, 1))
    if picture_id:
        at += 2 if payload[at] & 0x80 else 1
    if layers:
        at += 1 if flexible else 2
    if flexible and predicted:
        while payload[at] & 1:
            at += 1
        at += 1
    return _vp9_structure(payload, at) if structure else at


def _vp9_structure(payload: bytes, at: int) -> int:
    first = payload[at]
    at += 1
    if first & 0x10:
        at += 4 * ((first >> 5) + 1)
    if first & 0x08:
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 3)
    return at


def _h264(payloads: Sequence[bytes]) -> tuple[bytes, bool]:
    units = list(_h264_units(payloads))
    if not units:
        raise Malformed("an access unit without NAL units")
    return b"".join(_START + unit for unit in units), any(unit[0] & 0x1F == _IDR for unit in units)


def _h264_units(payloads: Sequence[bytes]) -> Iterator[bytes]:
    fragments: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            yield from _h264_fragment(payload, fragments)
        elif fragments:
            raise Malformed("a fragmented NAL unit without its end")
        elif kind in _SINGLE:
            yield payload
        elif kind == _STAP_A:
            yield from _h264_aggregate(payload)
        else:
            raise Malformed("a NAL unit of a kind that is not taken")
    if fragments:
        raise Malformed("a fragmented NAL unit without its end")


def _h264_fragment(payload: bytes, fragments: list[bytes]) -> Iterator[bytes]:
    """Add a fragment (RFC 6184 section 5.8) to those before; give the unit with its last."""
    header = payload[1]
    if bool(header & 0x80) == bool(fragments):
        raise Malformed("a fragmented NAL unit without its beginning")
    if not fragments:
        fragments.append(bytes((payload[0] & 0xE0 | header & 0x1F,)))
    fragments.append(payload[2:])
    if header & 0x40:
        yield b"".join(fragments)
        fragments.clear()


def _h264_aggregate(payload: bytes) -> Iterator[bytes]:
    at = 1
    while at < len(payload):
        size = payload[at] << 8 | payload[at + 1]
        unit = payload[at + 2 : at + 2 + size]
        if not unit or len(unit) < size:
            raise Malformed("an aggregate that is cut off")
        yield unit
        at += 2 + size
