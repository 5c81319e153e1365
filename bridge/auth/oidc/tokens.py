"""ID tokens: read, and believed only when everything about them is as it was asked for."""

import base64
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from bridge.auth.oidc.errors import TokenRejected
from bridge.auth.oidc.provider import SIGNATURES, Provider

MAX_TOKEN_CHARS: Final = 32 * 1024
LEEWAY_SECONDS: Final = 30
"""By so much may the clocks of provider and bridge differ."""
MAX_AGE_SECONDS: Final = 10 * 60
"""An ID token is fetched at once; one that was made long before was made for something else."""


class UnknownKey(TokenRejected):
    """The token is signed by a key that was not among the provider's when they were fetched."""


def read(token: str, keys: KeySet, provider: Provider, nonce: str, now: datetime) -> Mapping[str, Any]:
    """Return the claims of a genuine ID token (OpenID Connect Core 1.0 section 3.1.3.7). Raises TokenRejected."""
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenRejected("the ID token is too long")
    claims = next((found for key in _fitting(keys, token) if (found := _genuine(token, key)) is not None), None)
    if claims is None:
        raise TokenRejected("the ID token is not genuine")
    _check(claims, provider, nonce)
    _check_times(claims, int(now.timestamp()))
    return claims


def _genuine(token: str, key: Key) -> dict[str, Any] | None:
    try:
        return jwt.decode(token, key, algorithms=list(SIGNATURES)).claims
    except (JoseError, ValueError, TypeError):
        return None


def _fitting(keys: KeySet, token: str) -> list[Key]:
    """The keys that may have signed a token: those that it names, and that are for signing."""
    header = _header(token)
    usable = [key for key in keys.keys if key.key_type != "oct" and key.get("use") in (None, "sig")]
    named = [key for key in usable if key.kid == header.kid] if header.kid is not None else usable
    if not named:
        raise UnknownKey("the ID token is signed by no key of the provider's")
    return named


class _Header(msgspec.Struct):
    kid: str | None = None


def _header(token: str) -> _Header:
    head = token.partition(".")[0]
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)), type=_Header)
    except (msgspec.MsgspecError, ValueError) as error:
        raise TokenRejected("the ID token has no header") from error


def _check(claims: Mapping[str, Any], provider: Provider, nonce: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != provider.issuer:
        raise TokenRejected("the ID token is another provider's")
    if provider.client_id not in audiences:
        raise TokenRejected("the ID token is for another client")
    party = claims.get("azp")
    if (len(audiences) > 1 or party is not None) and party != provider.client_id:
        raise TokenRejected("the ID token was made for another client")
    if claims.get("nonce") != nonce:
        raise TokenRejected("the ID token answers another login")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004 - section 2
        raise TokenRejected("the ID token names nobody")


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    ends, made, begins = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    if now >= ends + LEEWAY_SECONDS or now < begins - LEEWAY_SECONDS:
        raise TokenRejected("the ID token is not valid now")
    if not -LEEWAY_SECONDS <= now - made <= MAX_AGE_SECONDS:
        raise TokenRejected("the ID token was not made for this login")


def _time(claims: Mapping[str, Any], name: str) -> float:
    found = claims.get(name, 0 if name == "nbf" else None)
    # A bool is an int to Python, and no time.
    if type(found) not in (int, float) or not math.isfinite(found):
        raise TokenRejected("the ID token says no times")
    return float(found)
