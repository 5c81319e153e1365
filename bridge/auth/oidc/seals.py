"""What a browser keeps for the bridge, and can neither read nor change: JWE (RFC 7516), `dir` with A256GCM.

The key is derived from the bridge's key file for one purpose each (HKDF, RFC 5869), so that no seal passes for
another, nor for a link.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bridge.auth.links import KEY_BYTES, LinkKey

MAX_SEALED_CHARS: Final = 3_500
"""Browsers keep 4,096 bytes of a cookie, its name and attributes included."""
_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
T = TypeVar("T", bound=msgspec.Struct)


class _Sealed(msgspec.Struct, Generic[T], frozen=True):
    until: datetime
    value: T


class Seal(Generic[T]):
    """Seals and opens values of one type. The first key seals, every key opens."""

    def __init__(self, keys: Sequence[LinkKey], purpose: str, kind: type[T]) -> None:
        self._keys = [OctKey.import_key(derived(key, f"seal {purpose}")) for key in dict.fromkeys(keys)]
        self._decoder = msgspec.json.Decoder(_Sealed[kind])  # type: ignore[valid-type]

    def close(self, value: T, until: datetime) -> str:
        """Return the sealed value; it opens until then."""
        payload = msgspec.json.encode(_Sealed(until.astimezone(UTC), value))
        return jwe.encrypt_compact(dict(_HEADER), payload, self._keys[0])

    def open(self, sealed: str, now: datetime) -> T | None:
        """Return the value; None for one that is forged, changed, of another purpose, or past its time."""
        if len(sealed) > MAX_SEALED_CHARS:
            return None
        for key in self._keys:
            try:
                payload = jwe.decrypt_compact(sealed, key, algorithms=list(_HEADER.values())).plaintext
                opened: _Sealed[T] = self._decoder.decode(payload or b"")
            except (JoseError, ValueError, TypeError):
                continue
            return opened.value if now < opened.until else None
        return None


def person_digest(keys: Sequence[LinkKey], number: str) -> str:
    """Return the name by which a login with this national identity number is known."""
    return subject_digest(keys, f"pid\0{number}")


def subject_digest(keys: Sequence[LinkKey], of_whom: str) -> str:
    """Return a name for somebody by the oldest key, the last one: it must stay theirs when keys change."""
    return hmac.new(derived(keys[-1], "subject"), of_whom.encode(), hashlib.sha256).hexdigest()


def derived(key: LinkKey, purpose: str) -> bytes:
    """A key for one purpose."""
    info = f"brotjeneste {purpose} 1".encode()
    return HKDF(SHA256(), KEY_BYTES, None, info).derive(key.material)
