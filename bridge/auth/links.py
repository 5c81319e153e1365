"""Join links: signed, single-purpose, expiring tokens (JWS, RFC 7515, HS256) that name nobody.

A token says: whoever holds this may use invitation I of room R until T. Whether the invitation was already
used, blocked or withdrawn is the domain's business. The signature is checked before anything in the token is
believed, neither key nor algorithm is the token's choice, and a token has exactly one valid spelling.

Links are sent by SMS, so they are short: the payload is packed and no JSON, the key has a short name, and what all
links of a bridge have in common, their purpose and its address, is in the key that signs them (HKDF, RFC 5869)
instead of in each token. A link to a host of 20 characters has 158 characters; an SMS takes 160.
"""

import base64
import binascii
import json
import re
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bridge.auth.claims import LinkClaims
from bridge.auth.errors import KeyFileError, LinkExpired, LinkInvalid
from bridge.auth.keyfile import read_or_create

ALGORITHM: Final = "HS256"
PURPOSE: Final = b"brotjeneste join link 1"
KEY_BYTES: Final = 32  # RFC 7518 section 3.2: at least the size of the hash
KID_CHARS: Final = 6
MAX_TOKEN_CHARS: Final = 256
ROOM_PREFIX: Final = "r_"
INVITATION_PREFIX: Final = "i_"
# Seconds since 1970 and the length of the room's id; both ids follow, without their prefixes.
_HEAD: Final = struct.Struct(">IB")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_SPELLING: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class LinkKey:
    """One secret of the key file. Links are signed by what is derived from it for one bridge's address."""

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) < KEY_BYTES:
            raise KeyFileError(f"a link key has at least {KEY_BYTES} bytes, not {len(self.material)}")

    def signing_key(self, audience: str) -> OctKey:
        """The key for join links under this address, and for nothing else."""
        info = PURPOSE + b"\0" + audience.encode()
        return OctKey.import_key(HKDF(SHA256(), KEY_BYTES, None, info).derive(self.material))


class LinkSigner:
    """Signs with the first key and accepts every key, for links under one address (`audience`).

    To rotate, put a new key first, and drop the old one when its last link has expired.
    """

    def __init__(self, keys: Sequence[LinkKey], audience: str) -> None:
        if not keys:
            raise KeyFileError("there is no link key")
        signing = [key.signing_key(audience) for key in dict.fromkeys(keys)]
        self._accepted = {_encode(_header(key)): key for key in signing}
        if len(self._accepted) < len(signing):
            raise KeyFileError("two link keys happen to have one short name; replace the newer one")
        self._signing = signing[0]

    def sign(self, room: str, invitation: str, expires_at: datetime) -> str:
        """Give the token for one invitation; `expires_at` (aware, before 2106) is rounded down to whole seconds.

        Raises ValueError for ids that are none of this bridge's (`r_` or `i_` and up to 40 characters).
        """
        where, which = _bare(room, ROOM_PREFIX), _bare(invitation, INVITATION_PREFIX)
        try:
            head = _HEAD.pack(int(expires_at.timestamp()), len(where))
        except struct.error as error:
            raise ValueError("a link ends between 1970 and 2106") from error
        payload = head + f"{where}{which}".encode("ascii")
        return jws.serialize_compact(_header(self._signing), payload, self._signing, algorithms=[ALGORITHM])

    def verify(self, token: str, now: datetime) -> LinkClaims:
        """Give what the link says, or raise LinkInvalid or LinkExpired.

        `now` is aware, and the end itself is still in time. LinkExpired is raised for genuine links only.
        """
        claims = _claims(self._genuine(token))
        if now > claims.expires_at:
            raise LinkExpired("the link's time has passed", claims)
        return claims

    def _genuine(self, token: str) -> bytes:
        spelling = _SPELLING.fullmatch(token) if len(token) <= MAX_TOKEN_CHARS else None
        if spelling is None or not all(_is_canonical(segment) for segment in token.split(".")):
            raise LinkInvalid("the link is not complete")
        key = self._accepted.get(spelling[1])
        if key is None:
            raise LinkInvalid("the link was signed by nobody known here")
        try:
            return jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
        except (JoseError, ValueError) as error:
            raise LinkInvalid("the link is not genuine") from error


def load_link_keys(path: Path) -> list[LinkKey]:
    """Read the keys of `path`: one a line, base64url, the signing key first. A missing file is made."""
    lines = read_or_create(path, lambda: secrets.token_urlsafe(KEY_BYTES))
    try:
        return [LinkKey(base64.urlsafe_b64decode(line + "=" * (-len(line) % 4))) for line in lines]
    except binascii.Error as error:
        raise KeyFileError(f"the key file {path} has a line that is not base64url") from error


def _header(key: OctKey) -> dict[str, str]:
    """The key's name is the beginning of its RFC 7638 thumbprint, so that a key file needs no names."""
    return {"alg": ALGORITHM, "kid": key.thumbprint()[:KID_CHARS]}


def _encode(header: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(header, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _bare(identity: str, prefix: str) -> str:
    bare = identity.removeprefix(prefix)
    if bare == identity or not _ID.fullmatch(bare):
        raise ValueError(f"this is no id that begins with {prefix}")
    return bare


def _claims(payload: bytes) -> LinkClaims:
    """Take the payload of a genuine token apart; raises LinkInvalid for what `sign` never makes."""
    try:
        seconds, length = _HEAD.unpack_from(payload)
        ids = payload[_HEAD.size :].decode("ascii")
    except (struct.error, UnicodeDecodeError) as error:
        raise LinkInvalid("the link is not genuine") from error
    room, invitation = ids[:length], ids[length:]
    if not _ID.fullmatch(room) or not _ID.fullmatch(invitation):
        raise LinkInvalid("the link is not genuine")
    expires_at = datetime.fromtimestamp(seconds, UTC)
    return LinkClaims(ROOM_PREFIX + room, INVITATION_PREFIX + invitation, expires_at)


def _is_canonical(segment: str) -> bool:
    # The last character can hold bits that decoders ignore (RFC 4648 section 3.5): a second spelling.
    try:
        value = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        return False
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode() == segment
