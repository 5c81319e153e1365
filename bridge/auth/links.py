"""Join links: signed, single-purpose, expiring tokens (JWT, RFC 7519, HS256) that name nobody.

A token says: whoever holds this may use invitation I of room R until T. Whether the invitation was already
used, blocked or withdrawn is the domain's business. The signature is checked before anything in the token is
believed, the algorithm never comes from the token, and a token has exactly one valid spelling.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from bridge.auth.claims import LinkClaims
from bridge.auth.errors import KeyFileError, LinkExpired, LinkInvalid
from bridge.auth.keyfile import read_or_create

ALGORITHM: Final = "HS256"
PURPOSE: Final = "join"
KEY_BYTES: Final = 32  # RFC 7518 section 3.2: at least the size of the hash
MAX_TOKEN_CHARS: Final = 1024
_SPELLING: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class LinkKey:
    """One signing key, named by its RFC 7638 thumbprint, so that a key file needs no names."""

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) < KEY_BYTES:
            raise KeyFileError(f"a link key has at least {KEY_BYTES} bytes, not {len(self.material)}")

    @property
    def kid(self) -> str:
        """The key's id as tokens carry it."""
        return OctKey.import_key(self.material).thumbprint()


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    """The claims as they stand in the token: no more, no fewer, of these types."""

    purpose: str
    room: str
    invitation: str
    exp: int
    aud: str


class _Header(msgspec.Struct):
    """The one part of the token's header that is read before the signature is checked."""

    kid: str


class LinkSigner:
    """Signs with the first key and accepts every key.

    To rotate, put a new key first, and drop the old one when its last link has expired.
    """

    def __init__(self, keys: Sequence[LinkKey], audience: str) -> None:
        if not keys:
            raise KeyFileError("there is no link key")
        self._audience = audience
        self._kid = keys[0].kid
        self._signing = _jwk(keys[0])
        self._accepted = {key.kid: KeySet([_jwk(key)]) for key in keys}

    def sign(self, room: str, invitation: str, expires_at: datetime) -> str:
        """Give the token for one invitation; `expires_at` (aware) is rounded down to whole seconds."""
        wire = _Wire(PURPOSE, room, invitation, int(expires_at.timestamp()), self._audience)
        header = {"alg": ALGORITHM, "kid": self._kid}
        token = jwt.encode(header, msgspec.to_builtins(wire), self._signing, algorithms=[ALGORITHM])
        if len(token) > MAX_TOKEN_CHARS:
            raise ValueError("room and invitation are opaque ids, far shorter than this")
        return token

    def verify(self, token: str, now: datetime) -> LinkClaims:
        """Give what the link says, or raise LinkInvalid or LinkExpired.

        `now` is aware, and the end itself is still in time. LinkExpired is raised for genuine links only.
        """
        wire = self._genuine(token)
        if wire.purpose != PURPOSE or wire.aud != self._audience:
            raise LinkInvalid("the link was made for another purpose")
        try:
            expires_at = datetime.fromtimestamp(wire.exp, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise LinkInvalid("the link has no possible end") from error
        claims = LinkClaims(wire.room, wire.invitation, expires_at)
        if now > expires_at:
            raise LinkExpired("the link's time has passed", claims)
        return claims

    def _genuine(self, token: str) -> _Wire:
        if len(token) > MAX_TOKEN_CHARS or not _SPELLING.fullmatch(token):
            raise LinkInvalid("the link is not complete")
        header, payload, signature = (_decode_segment(segment) for segment in token.split("."))
        del payload, signature  # spelled canonically; their meaning is checked below
        keys = self._accepted.get(_kid_of(header))
        if keys is None:
            raise LinkInvalid("the link was signed by nobody known here")
        try:
            claims = jwt.decode(token, keys, algorithms=[ALGORITHM]).claims
            return msgspec.convert(claims, _Wire)
        except (JoseError, msgspec.ValidationError, ValueError, TypeError, RecursionError) as error:
            raise LinkInvalid("the link is not genuine") from error


def load_link_keys(path: Path) -> list[LinkKey]:
    """Read the keys of `path`: one a line, base64url, the signing key first. A missing file is made."""
    lines = read_or_create(path, lambda: secrets.token_urlsafe(KEY_BYTES))
    try:
        return [LinkKey(base64.urlsafe_b64decode(line + "=" * (-len(line) % 4))) for line in lines]
    except binascii.Error as error:
        raise KeyFileError(f"the key file {path} has a line that is not base64url") from error


def _jwk(key: LinkKey) -> OctKey:
    return OctKey.import_key(key.material, {"kid": key.kid, "alg": ALGORITHM, "use": "sig"})


def _decode_segment(segment: str) -> bytes:
    # The last character can hold bits that decoders ignore (RFC 4648 section 3.5): a second spelling.
    try:
        value = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error as error:
        raise LinkInvalid("the link is not complete") from error
    if base64.urlsafe_b64encode(value).rstrip(b"=").decode() != segment:
        raise LinkInvalid("the link is not complete")
    return value


def _kid_of(header: bytes) -> str:
    try:
        return msgspec.json.decode(header, type=_Header).kid
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LinkInvalid("the link names no key") from error
