"""What the bridge sends to a provider: the pushed request, the request for tokens, and the proofs with both."""

import secrets
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from bridge.auth.oidc.attempts import Attempt
from bridge.auth.oidc.provider import Provider

ASSERTION_SECONDS: Final = 30
"""HelseID takes 60 at the most; clocks may differ by the other half."""
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def pushed(provider: Provider, attempt: Attempt, redirect_uri: str, now: datetime) -> dict[str, str]:
    """Return the form of a pushed authorization request (RFC 9126 section 2.1)."""
    form = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
        **_proven(provider, now),
    }
    if attempt.quiet:
        form["prompt"] = "none"
    if provider.acr_values:
        form["acr_values"] = " ".join(provider.acr_values)
    return form


def exchange(provider: Provider, attempt: Attempt, code: str, redirect_uri: str, now: datetime) -> dict[str, str]:
    """Return the form of a request for tokens (OpenID Connect Core 1.0 section 3.1.3.1)."""
    return {
        "grant_type": "authorization_code",
        "client_id": provider.client_id,
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": attempt.verifier,
        **_proven(provider, now),
    }


def _proven(provider: Provider, now: datetime) -> dict[str, str]:
    """Prove who asks, by a signed assertion that is used once (RFC 7523 section 3).

    Its audience is the issuer, and that alone: one that names several addresses can be replayed by one at another.
    """
    at = int(now.timestamp())
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        "aud": provider.issuer,
        "jti": secrets.token_urlsafe(24),
        "iat": at,
        "nbf": at,
        "exp": at + ASSERTION_SECONDS,
    }
    header = {"alg": provider.algorithm, "kid": provider.key.kid, "typ": "client-authentication+jwt"}
    header = {name: value for name, value in header.items() if value is not None}
    assertion = jwt.encode(header, claims, provider.key, algorithms=[provider.algorithm])
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def possession(key: ECKey, address: str, now: datetime, nonce: str | None = None) -> str:
    """Return the DPoP proof of a POST to an address (RFC 9449 section 4.2)."""
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    claims = {
        "jti": secrets.token_urlsafe(24),
        "htm": "POST",
        "htu": urlunsplit(urlsplit(address)._replace(query="", fragment="")),
        "iat": int(now.timestamp()),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return jwt.encode(header, claims, key, algorithms=["ES256"])
