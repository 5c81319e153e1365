"""Tokens: read, and believed only when everything about them is as it was asked for."""

import base64
import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

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

_TYPES: Final = frozenset({None, "jwt", "id_token+jwt"})
"""What an ID token may call itself; access tokens and logout tokens have names of their own."""
S = TypeVar("S", bound=msgspec.Struct)


class UnknownKey(TokenRejected):
    """The token is signed by a key that was not among the provider's when they were fetched."""


def read(token: str, keys: KeySet, provider: Provider, nonce: str, now: datetime) -> Mapping[str, Any]:
    """Return the claims of a genuine ID token (OpenID Connect Core 1.0 section 3.1.3.7). Raises TokenRejected."""
    claims = genuine(token, keys, _TYPES)
    _check(claims, provider, nonce)
    check_times(claims, int(now.timestamp()))
    return claims


def genuine(token: str, keys: KeySet, types: Collection[str | None]) -> dict[str, Any]:
    """Return the claims of a token that one of these keys has signed. Raises TokenRejected.

    Neither key nor algorithm is the token's choice: what it brings or points to in its header is not looked at.
    Its `typ` has to be one of `types`, so that no token that was made for something else passes for this one.
    """
    header = _header(token)
    if (None if header.typ is None else header.typ.lower()) not in types:
        raise TokenRejected("the token is of another kind")
    found = (_signed(token, key) for key in _fitting(keys, header))
    claims = next((claims for claims in found if claims is not None), None)
    if claims is None:
        raise TokenRejected("the token is not genuine")
    return claims


def issuer_of(token: str) -> str:
    """Return from whom a token says that it is, of which nothing is proven yet. Raises TokenRejected."""
    return _segment(token, 1, _Issued).iss


def _signed(token: str, key: Key) -> dict[str, Any] | None:
    try:
        return jwt.decode(token, key, algorithms=list(SIGNATURES)).claims
    except (JoseError, ValueError, TypeError):
        return None


class _Header(msgspec.Struct):
    kid: str | None = None
    typ: str | None = None


class _Issued(msgspec.Struct):
    iss: str


def _fitting(keys: KeySet, header: _Header) -> list[Key]:
    """The keys that may have signed a token: those that it names, and that are for signing."""
    usable = [key for key in keys.keys if key.key_type != "oct" and key.get("use") in (None, "sig")]
    named = [key for key in usable if key.kid == header.kid] if header.kid is not None else usable
    if not named:
        raise UnknownKey("the token is signed by no key of the provider's")
    return named


def _header(token: str) -> _Header:
    return _segment(token, 0, _Header)


def _segment(token: str, number: int, kind: type[S]) -> S:
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenRejected("the token is too long")
    parts = token.split(".", number + 1)
    part = parts[number] if number < len(parts) else ""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise TokenRejected("the token cannot be read") from error


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
    check_subject(claims)


def check_subject(claims: Mapping[str, Any]) -> None:
    """Raise TokenRejected unless somebody is named."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # noqa: PLR2004 - section 2
        raise TokenRejected("the token names nobody")


def check_times(claims: Mapping[str, Any], now: int) -> None:
    """Raise TokenRejected unless it is valid at `now`, seconds since 1970, and was made for this login."""
    check_validity(claims, now)
    if not -LEEWAY_SECONDS <= now - time_of(claims, "iat") <= MAX_AGE_SECONDS:
        raise TokenRejected("the ID token was not made for this login")


def check_validity(claims: Mapping[str, Any], now: int) -> None:
    """Raise TokenRejected unless it is valid at `now`, seconds since 1970."""
    if now >= time_of(claims, "exp") + LEEWAY_SECONDS or now < time_of(claims, "nbf") - LEEWAY_SECONDS:
        raise TokenRejected("the token is not valid now")


def time_of(claims: Mapping[str, Any], name: str) -> float:
    """Return a time in seconds since 1970; without `nbf` it is valid from ever. Raises TokenRejected."""
    found = claims.get(name, 0 if name == "nbf" else None)
    # A bool is an int to Python, and no time.
    if type(found) not in (int, float) or not math.isfinite(found):
        raise TokenRejected("the token says no times")
    return float(found)
