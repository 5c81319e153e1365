"""Resume secrets of browsers and the operators' bearer token; only their hashes are kept and compared."""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from bridge.auth.errors import KeyFileError
from bridge.auth.keyfile import read_or_create

SECRET_BYTES: Final = 32
MIN_API_TOKEN_CHARS: Final = 20


def new_secret() -> str:
    """Make a secret of 256 random bits, url-safe, 43 characters long."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(secret: str) -> str:
    """Give the SHA-256 of a secret in lower-case hex: what may be stored.

    A fast hash is enough, because the secrets are random and not chosen by people.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def secret_matches(secret: str, stored_hash: str) -> bool:
    """Tell whether `secret` is the one that was hashed, in the same time wherever they differ."""
    return hmac.compare_digest(hash_secret(secret).encode(), stored_hash.encode("utf-8", "surrogatepass"))


def api_token(given: str, path: Path) -> str:
    """Give the operators' bearer token: the `given` one, else that in the file at `path`, made on first use."""
    return given or read_or_create(path, new_secret)[0]


class ApiToken:
    """The operators' bearer token (RFC 6750 section 2.1) for the REST interface; holds its hash only."""

    def __init__(self, token: str) -> None:
        if len(token) < MIN_API_TOKEN_CHARS:
            raise KeyFileError(f"the API token needs at least {MIN_API_TOKEN_CHARS} characters")
        self._hash = hash_secret(token)

    @classmethod
    def from_file(cls, path: Path) -> "ApiToken":
        """Read the token from the first line of `path`; make the file (mode 0600) where there is none."""
        return cls(read_or_create(path, new_secret)[0])

    def accepts(self, authorization: str | None) -> bool:
        """Tell whether an `Authorization` header's value is `Bearer` with this token."""
        scheme, _, token = (authorization or "").partition(" ")
        return secret_matches(token.strip(), self._hash) and scheme.lower() == "bearer"
