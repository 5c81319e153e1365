"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body. Pure."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "whsec_"
MIN_BYTES: Final = 24
MAX_BYTES: Final = 64
NEW_BYTES: Final = 32
TOLERANCE: Final = 5 * 60
"""By how many seconds clocks may differ, and for how long a message can be played again."""
MAX_SIGNATURES: Final = 8


class SecretError(ValueError):
    """A line of a file of secrets is none."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A shared secret of 24 to 64 bytes."""

    key: bytes = field(repr=False)

    @classmethod
    def read(cls, text: str) -> "Secret":
        """Read `whsec_` and base64. Raises SecretError, whose text holds nothing of it."""
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError) as error:
            raise SecretError("is not whsec_ and base64") from error
        if not text.startswith(PREFIX) or not MIN_BYTES <= len(key) <= MAX_BYTES:
            raise SecretError(f"is not {PREFIX} and the base64 of {MIN_BYTES} to {MAX_BYTES} bytes")
        return cls(key)

    def sign(self, identity: str, at: int, body: bytes) -> str:
        """The signature of one message at one time, in seconds since 1970."""
        signed = b".".join((identity.encode(), str(at).encode(), body))
        return "v1," + base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()


def genuine(secrets_known: Sequence[Secret], headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether somebody who has one of the secrets signed this a short while ago."""
    identity, text = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity.isascii() or not text.isascii() or not text.isdigit() or abs(now - int(text[:12])) > TOLERANCE:
        return False
    given = headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]
    right = [secret.sign(identity, int(text[:12]), body) for secret in secrets_known]
    # All are compared, each in constant time, so that the time taken tells nothing of any.
    matches = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in right]
    return any(matches)


def new_secret() -> str:
    """Make a secret, as it is written into a file."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode()


def headers(secrets_known: Sequence[Secret], identity: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt. Every secret signs, so that a receiver can change from one to another."""
    return {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(secret.sign(identity, at, body) for secret in secrets_known),
    }
