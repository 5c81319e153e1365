"""Operators who are at the page: sessions of this process, which end with it. Pure."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MOST: Final = 100
"""Sessions at once; the oldest gives way."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts. `actor` is what stands in the audit: an opaque id, the same for the same person, or an office."""

    actor: str


BY_TOKEN: Final = Operator("operator_token")
"""Whoever has the token: it is not known who."""


@dataclass(frozen=True, slots=True)
class _Session:
    operator: Operator
    until: datetime


class Sessions:
    """Only hashes of the secrets are kept; times are aware."""

    def __init__(self, lasts: timedelta, new_secret: Callable[[], str]) -> None:
        self.lasts = lasts
        self._new_secret = new_secret
        self._known: dict[str, _Session] = {}

    def open(self, operator: Operator, now: datetime) -> str:
        """Begin a session; give the secret that the browser keeps."""
        self._known = {key: one for key, one in self._known.items() if one.until > now}
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        secret = self._new_secret()
        self._known[_hash(secret)] = _Session(operator, now + self.lasts)
        return secret

    def find(self, secret: str, now: datetime) -> Operator | None:
        """Whose session this is, while it lasts."""
        session = self._known.get(_hash(secret))
        return session.operator if session is not None and session.until > now else None

    def close(self, secret: str) -> None:
        """End a session, if there is one."""
        self._known.pop(_hash(secret), None)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
