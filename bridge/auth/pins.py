"""PINs: what a caller keys in after the room's number. Short, so only their keyed digests are kept.

A digest without a key would be undone by trying all PINs. The key is derived (HKDF, RFC 5869) from a link key, and
what is digested is tied to the room, so that one PIN in two rooms has two digests. How often somebody may try is
bounded elsewhere; with ten tries at a room of nine people, a PIN of six digits is hit once in 11,000.
"""

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.auth.errors import KeyFileError
from bridge.auth.links import KEY_BYTES, LinkKey

PURPOSE: Final = b"brotjeneste pin 1"
DIGITS: Final = 6
# The PIN of a host opens the room without anybody's look at who comes.
HOST_DIGITS: Final = 10


class Pins:
    """Makes PINs and digests them: a new one under the first key, an entered one under each."""

    def __init__(self, keys: Sequence[LinkKey]) -> None:
        if not keys:
            raise KeyFileError("there is no link key")
        self._keys = [HKDF(SHA256(), KEY_BYTES, None, PURPOSE).derive(key.material) for key in dict.fromkeys(keys)]

    def new(self, *, host: bool) -> str:
        """Make a PIN: digits, each as likely as any other."""
        digits = HOST_DIGITS if host else DIGITS
        return f"{secrets.randbelow(10**digits):0{digits}d}"

    def digest(self, room: str, pin: str) -> str:
        """Give what may be stored of a PIN of this room, in lower-case hex."""
        return _digest(self._keys[0], room, pin)

    def digests(self, room: str, pin: str) -> frozenset[str]:
        """Give every digest that an entered PIN may be stored under."""
        return frozenset(_digest(key, room, pin) for key in self._keys)


def _digest(key: bytes, room: str, pin: str) -> str:
    return hmac.digest(key, f"{room}\0{pin}".encode("utf-8", "surrogatepass"), "sha256").hex()
