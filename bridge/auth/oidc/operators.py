"""Who of those who can log in runs the bridge: whoever has a claim that the configuration names (requirements D6).

Their logins are apart from participants': another address to come back to, and keys derived for them alone. So
neither what a browser keeps of the one nor the name in the records passes for the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.auth.links import KEY_BYTES, LinkKey
from bridge.auth.oidc.errors import NoOperator
from bridge.auth.oidc.levels import identify
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.provider import Provider
from signalling.ports import Kept

PURPOSE: Final = b"brotjeneste operators 1"
DIGEST_CHARS: Final = 32
"""128 bits tell operators apart, and fit into a line of the audit."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The claim that makes somebody an operator: a text, or a list of texts, with one of `values`."""

    claim: str
    values: frozenset[str]

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Whether these are an operator's."""
        found = claims.get(self.claim)
        held = found if isinstance(found, list) else [found]
        return any(isinstance(one, str) and one in self.values for one in held)


def operators_keys(keys: Sequence[LinkKey]) -> list[LinkKey]:
    """Derive the keys of operators' logins from those of links (HKDF, RFC 5869)."""
    return [LinkKey(HKDF(SHA256(), KEY_BYTES, None, PURPOSE).derive(key.material)) for key in keys]


class OperatorLogins:
    """One provider's logins, of which only operators' come to anything."""

    def __init__(self, logins: Logins, provider: str, title: str, rule: Rule) -> None:
        """Take logins with `operators_keys`, the provider's name there, and what people call it."""
        self.title = title
        self._logins = logins
        self._provider = provider
        self._rule = rule

    async def begin(self) -> tuple[str, Kept]:
        """Where the browser goes, and what it keeps meanwhile. Raises Rejected."""
        return await self._logins.begin(self._provider)

    async def finish(self, attempt: str | None, answer: Mapping[str, str]) -> str:
        """Who has come back, under a name that says nothing. Raises Rejected: `unauthorized` for no operator."""
        return await self._logins.proven(attempt, answer, self._operator)

    def _operator(self, provider: Provider, claims: Mapping[str, Any]) -> str:
        # How sure it has to be who it is, is the provider's `least`.
        identity = identify(provider, claims, self._logins.digest)
        if not self._rule.admits(claims):
            raise NoOperator("the login has no operator's claim")
        return f"operator_{identity.subject[:DIGEST_CHARS]}"
