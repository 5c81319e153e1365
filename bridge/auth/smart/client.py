"""Talks to one record system. Everything that it hears is bounded in size and time, and judged elsewhere."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bridge.auth.oidc import tokens
from bridge.auth.oidc.attempts import Attempt
from bridge.auth.oidc.errors import LoginRefused, ProviderError
from bridge.auth.oidc.provider import MAX_DOCUMENT_BYTES, Provider
from bridge.auth.oidc.requests import ASSERTION_SECONDS, ASSERTION_TYPE
from bridge.auth.smart.context import Configuration, Launched, launched, read_answer, read_configuration

PATIENCE: Final = aiohttp.ClientTimeout(total=10)
KEPT: Final = timedelta(minutes=10)
"""So long a record system's description is believed to be unchanged. Its keys are fetched for each launch."""
AWAY: Final = timedelta(seconds=5)
"""So long nobody is sent to one that did not answer: anybody can have it asked."""
OK: Final = 200


class RecordSystem:
    """One record system, over one HTTP session. `provider.issuer` is its FHIR address, the `iss` of launches."""

    def __init__(
        self, provider: Provider, redirect_uri: str, http: aiohttp.ClientSession, now: Callable[[], datetime]
    ) -> None:
        self.provider = provider
        self.iss = provider.issuer.rstrip("/")
        self._redirect_uri = redirect_uri
        self._http = http
        self._now = now
        self._known: tuple[datetime, Configuration] | None = None
        self._away_since: datetime | None = None

    async def begin(self, attempt: Attempt, launch: str) -> str:
        """Return where the browser goes. Raises ProviderError."""
        configuration = await self._configuration()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect_uri,
            "launch": launch,
            "scope": " ".join(self.provider.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "aud": self.provider.issuer,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in configuration.authorization_endpoint else "?"
        return f"{configuration.authorization_endpoint}{joint}{urlencode(query)}"

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Launched:
        """Return who was launched for what. Raises LoginError.

        `answer` is the query with which the browser came back, its state checked already.
        """
        configuration = await self._configuration()
        if answer.get("iss") not in (None, configuration.issuer):
            raise LoginRefused("the answer is another record system's")
        if "error" in answer or not answer.get("code"):
            raise LoginRefused("the record system did not let them in")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self._redirect_uri,
            "client_id": self.provider.client_id,
            "code_verifier": attempt.verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(configuration.token_endpoint),
        }
        told = read_answer(await self._ask("POST", configuration.token_endpoint, data=form))
        keys = _keys(await self._ask("GET", configuration.jwks_uri))
        # What says who it is names the authorization server, which need not be at the address of the records.
        speaker = replace(self.provider, issuer=configuration.issuer)
        claims = tokens.read(told.id_token, keys, speaker, attempt.nonce, self._now())
        return launched(self.iss, claims, told)

    async def resource(self, reference: str, access: str) -> bytes:
        """Read a resource by its relative reference. Raises ProviderError."""
        headers = {"Authorization": f"Bearer {access}", "Accept": "application/fhir+json"}
        return await self._ask("GET", f"{self.iss}/{reference}", headers=headers)

    def _assertion(self, audience: str) -> str:
        """Prove who asks (SMART App Launch 2.2 section 5, RFC 7523 section 3)."""
        at = int(self._now().timestamp())
        claims = {
            "iss": self.provider.client_id,
            "sub": self.provider.client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(24),
            "iat": at,
            "exp": at + ASSERTION_SECONDS,
        }
        header = {"alg": self.provider.algorithm, "typ": "JWT"}
        if self.provider.key.kid is not None:
            header["kid"] = self.provider.key.kid
        return jwt.encode(header, claims, self.provider.key, algorithms=[self.provider.algorithm])

    async def _configuration(self) -> Configuration:
        if self._known is None or self._now() - self._known[0] > KEPT:
            if self._away_since is not None and self._now() - self._away_since < AWAY:
                raise ProviderError("the record system could not be reached a moment ago")
            address = f"{self.iss}/.well-known/smart-configuration"
            try:
                document = await self._ask("GET", address, headers={"Accept": "application/json"})
                found = read_configuration(document, self.iss)
            except ProviderError:
                self._away_since = self._now()
                raise
            self._known, self._away_since = (self._now(), found), None
        return self._known[1]

    async def _ask(self, method: str, address: str, **wish: Any) -> bytes:
        try:
            asking = self._http.request(method, address, timeout=PATIENCE, allow_redirects=False, **wish)
            async with asking as response:
                body = await response.content.read(MAX_DOCUMENT_BYTES + 1)
                while len(body) <= MAX_DOCUMENT_BYTES and (
                    more := await response.content.read(MAX_DOCUMENT_BYTES)
                ):
                    body += more
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderError("the record system cannot be reached") from error
        if status != OK or len(body) > MAX_DOCUMENT_BYTES:
            raise ProviderError("the record system did not answer as it must")
        return body


def _keys(document: bytes) -> KeySet:
    try:
        return KeySet.import_key_set(msgspec.json.decode(document))
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProviderError("the record system's keys cannot be read") from error
