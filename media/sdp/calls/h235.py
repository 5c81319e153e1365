"""Keys of H.235.6 in descriptions: of lines of H.323 alone, and never outside this process.

H.323 has no descriptions of this kind. Its gateway writes them, with a name for what protects the line that no
other writer may use: who knew it could have a line that proves nothing taken for one of SRTP.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

# Bytes of one direction's key, the most wanted suite first.
CHANNEL_SUITES: Final = {"H235_AES_256_CBC": 32, "H235_AES_128_CBC": 16}
_LINE: Final = re.compile(
    r"([0-9]{1,9}) (H235_AES_(?:128|256)_CBC) inline:([A-Za-z0-9+/]{1,128}={0,2})"
    r"(?: IN=([0-9]{1,3}))?(?: OUT=([0-9]{1,3}))?"
)
_PAYLOAD_TYPES: Final = range(128)


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """One crypto attribute: what both ends send with, the peer first; empty for what has no key yet.

    The types are those on the wire of packets under a key that has followed another.
    """

    tag: int
    suite: str
    theirs: bytes = field(default=b"", repr=False)
    ours: bytes = field(default=b"", repr=False)
    in_type: int | None = None
    out_type: int | None = None

    def __str__(self) -> str:
        """The attribute's value."""
        size = CHANNEL_SUITES[self.suite]
        both = b"".join(key or bytes(size) for key in (self.theirs, self.ours))
        types = [
            f" {name}={one}" for name, one in (("IN", self.in_type), ("OUT", self.out_type)) if one is not None
        ]
        return f"{self.tag} {self.suite} inline:{base64.b64encode(both).decode()}{''.join(types)}"


def parse(value: str) -> ChannelKeys | None:
    """Read one attribute's value; None for any other."""
    match = _LINE.fullmatch(value)
    if match is None:
        return None
    size = CHANNEL_SUITES[match[2]]
    try:
        both = base64.b64decode(match[3], validate=True)
    except binascii.Error:
        return None
    types = [None if one is None else int(one) for one in match.group(4, 5)]
    if len(both) != 2 * size or not all(one is None or one in _PAYLOAD_TYPES for one in types):
        return None
    theirs, ours = (key if any(key) else b"" for key in (both[:size], both[size:]))
    return ChannelKeys(int(match[1]), match[2], theirs, ours, *types)


def best(offered: tuple[ChannelKeys, ...]) -> ChannelKeys | None:
    """The one to take, by our order."""
    order = list(CHANNEL_SUITES)
    return min(offered, key=lambda one: order.index(one.suite), default=None)
