"""H.261 (RFC 4587) and H.263 (RFC 2190 and RFC 4629) in descriptions of calls: older rooms have nothing else."""

import re
from typing import Final, TypedDict

from media.sdp.offer import OfferedCodec

CODECS: Final = ("h263-1998", "h263", "h261")
"""The better ones first; all of them after what is not older."""
SIZES: Final = {"cif": 288, "qcif": 144}
"""Lines of the pictures that are made, by the names of their formats: everybody takes QCIF, and CIF is enough."""
DEFAULT: Final = {"h261": (144, 1)}
"""Who says nothing takes QCIF: 30 a second of H.261 (RFC 4587 section 6.2), 15 of H.263 (RFC 4629 section 8.2)."""
_LIKE_1998: Final = "h263-2000"
_RECEIVED: Final = {
    "h261": "CIF=1;QCIF=1",
    "h263": "CIF=1;QCIF=1;SQCIF=1",
    "h263-1998": "CIF=1;QCIF=1;SQCIF=1",
}


class Limits(TypedDict, total=False):
    """What a peer takes: lines of a picture, and 1001/30000 s between two."""

    lines: int
    interval: int


def canonical(name: str) -> str:
    """One name for what is packed and read alike: both versions of H.263 that came later."""
    return "h263-1998" if name == _LIKE_1998 else name


def limits(codec: OfferedCodec) -> Limits:
    """Read the largest size of which a peer says how often it takes one; nothing for other codecs."""
    name = canonical(codec.name)
    if name not in CODECS:
        return {}
    for size, lines in SIZES.items():
        interval = codec.parameters.get(size, "")
        if re.fullmatch("[0-9]{1,2}", interval) and 1 <= int(interval) <= 32:  # noqa: PLR2004 - RFC 4629 section 8.1.1
            return {"lines": lines, "interval": int(interval)}
    lines, least = DEFAULT.get(name, (144, 2))
    return {"lines": lines, "interval": least}


def fmtp(name: str) -> str | None:
    """What converters read, as an answer or an offer says it; None for other codecs."""
    return _RECEIVED.get(canonical(name))
