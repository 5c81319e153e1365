"""One login that is under way: what binds its answer to this browser and to this request."""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec

from bridge.auth.oidc.errors import LoginStale

LASTS: Final = timedelta(minutes=15)
"""Somebody may have to look for a code first, or to wake a telephone."""
_RANDOM_BYTES: Final = 32


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser keeps, sealed, until the provider sends it back.

    `state` ties the answer to the browser (RFC 6749 section 10.12), `nonce` the ID token to the request (OpenID
    Connect Core 1.0 section 3.1.2.1), `verifier` the code to who asked for it (RFC 7636).
    """

    provider: str
    state: str
    nonce: str
    verifier: str
    begun_at: datetime
    quiet: bool = False
    """Whether the provider was told to ask nobody anything: it knows already who it is, or says so."""

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"Attempt({self.provider})"

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier (RFC 7636 section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def check(self, state: str, now: datetime) -> None:
        """Raise LoginStale unless an answer with this state belongs to it, and came in time."""
        if not secrets.compare_digest(state.encode(), self.state.encode()) or now - self.begun_at > LASTS:
            raise LoginStale("the answer belongs to no login of this browser, or to an old one")


def begin(provider: str, now: datetime, *, quiet: bool = False) -> Attempt:
    """Begin a login."""
    return Attempt(
        provider=provider,
        state=secrets.token_urlsafe(_RANDOM_BYTES),
        nonce=secrets.token_urlsafe(_RANDOM_BYTES),
        verifier=secrets.token_urlsafe(_RANDOM_BYTES),
        begun_at=now,
        quiet=quiet,
    )
