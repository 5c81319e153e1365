"""What INFO carries besides sessions: a wish for a key frame (RFC 5168) and keys of a telephone.

The document is not parsed as XML, which would bring entities and their dangers: the one element that counts is
looked for by its name.
"""

import re
from dataclasses import dataclass
from typing import Final

from signalling.gateways.sip.message import Request

MEDIA_CONTROL: Final = "application/media_control+xml"
DTMF_RELAY: Final = "application/dtmf-relay"
DTMF: Final = "application/dtmf"
TYPES: Final = frozenset({MEDIA_CONTROL, DTMF_RELAY, DTMF})
PICTURE_FAST_UPDATE: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
)
KEYS: Final = "0123456789*#ABCD"
DEFAULT_MILLISECONDS: Final = 250
MAX_MILLISECONDS: Final = 8_000

_UPDATE: Final = re.compile(rb"<(?:[A-Za-z0-9]{1,32}:)?picture_fast_update[\s/>]")
_SIGNAL: Final = re.compile(rb"^\s*Signal\s*=\s*([0-9*#A-Da-d])\s*$", re.IGNORECASE | re.MULTILINE)
_DURATION: Final = re.compile(rb"^\s*Duration\s*=\s*([0-9]{1,5})\s*$", re.IGNORECASE | re.MULTILINE)
_KEY: Final = re.compile(rb"\s*([0-9*#A-Da-d])\s*")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a telephone, pressed for so long."""

    key: str
    milliseconds: int = DEFAULT_MILLISECONDS


def wants_key_frame(info: Request) -> bool:
    """Whether an INFO asks for a key frame."""
    return info.content_type == MEDIA_CONTROL and _UPDATE.search(info.body) is not None


def pressed(info: Request) -> Key | None:
    """The key that an INFO tells of."""
    if info.content_type == DTMF_RELAY:
        signal, duration = _SIGNAL.search(info.body), _DURATION.search(info.body)
        if signal is None:
            return None
        length = int(duration[1]) if duration else DEFAULT_MILLISECONDS
        return Key(signal[1].decode().upper(), min(length, MAX_MILLISECONDS))
    found = _KEY.fullmatch(info.body) if info.content_type == DTMF else None
    return Key(found[1].decode().upper()) if found else None
