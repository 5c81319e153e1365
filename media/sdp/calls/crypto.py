"""Keys in descriptions (RFC 4568, RFC 6188, RFC 7714): what is offered, what is taken, how it is written."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

# Bytes of master key and salt, the most wanted suite first.
SUITES: Final = {
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
_LINE: Final = re.compile(r"([0-9]{1,9}) ([A-Za-z0-9_]{1,64}) (inline:\S+)((?: \S+)*)")
# The lifetime of a key is 2^48 packets at most, and no call lasts so long: it is read over. A key with an
# identifier (MKI) would have to be looked for in each packet.
_INLINE: Final = re.compile(r"inline:([A-Za-z0-9+/]{1,128}={0,2})(?:\|(?:2\^)?[0-9]{1,20})?")
# How large a window to keep changes nothing on the wire; whatever begins with a hyphen may be ignored.
_HARMLESS: Final = re.compile(r"WSH=[0-9]{1,9}|-\S+")


@dataclass(frozen=True, slots=True)
class Crypto:
    """One crypto attribute that can be used."""

    tag: int
    suite: str
    master: bytes = field(repr=False)

    def __str__(self) -> str:
        """The attribute's value."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.master).decode()}"


def parse(value: str) -> Crypto | None:
    """Read one attribute's value; None for what cannot be used, which is no fault (RFC 4568 section 7.1.2)."""
    match = _LINE.fullmatch(value)
    if match is None or match[2] not in SUITES:
        return None
    inline = _INLINE.fullmatch(match[3])
    if inline is None or not all(_HARMLESS.fullmatch(parameter) for parameter in match[4].split()):
        return None
    try:
        master = base64.b64decode(inline[1], validate=True)
    except binascii.Error:
        return None
    return Crypto(int(match[1]), match[2], master) if len(master) == SUITES[match[2]] else None


def best(offered: tuple[Crypto, ...]) -> Crypto | None:
    """The one to take: by our order of suites, and within one by the offer's."""
    order = list(SUITES)
    return min(offered, key=lambda crypto: order.index(crypto.suite), default=None)
