"""Talks to providers. Everything that it hears is bounded in size and time, and judged elsewhere."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from bridge.auth.oidc import requests, tokens
from bridge.auth.oidc.attempts import Attempt
from bridge.auth.oidc.errors import LoginAsks, LoginRefused, ProviderError
from bridge.auth.oidc.provider import MAX_DOCUMENT_BYTES, Metadata, Provider, read_metadata

PATIENCE: Final = aiohttp.ClientTimeout(total=10)
KEPT: Final = timedelta(hours=1)
"""So long a provider's description and keys are believed to be unchanged."""
_WOULD_ASK: Final = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)
"""OpenID Connect Core 1.0 section 3.1.2.6."""
S = TypeVar("S")
LOOK_AGAIN: Final = timedelta(seconds=30)
"""Keys are fetched anew for a token that is signed by an unknown one, and no more often than this."""


class _Pushed(msgspec.Struct):
    request_uri: str


class _Tokens(msgspec.Struct):
    id_token: str


class _Fault(msgspec.Struct):
    error: str = ""


class Client:
    """One provider, over one HTTP session."""

    def __init__(
        self,
        provider: Provider,
        redirect_uri: str,
        http: aiohttp.ClientSession,
        now: Callable[[], datetime],
    ) -> None:
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._http = http
        self._now = now
        # Tokens are bound to a key that nobody else has and that is written nowhere; a new process has a new one.
        self._possession = ECKey.generate_key("P-256")
        self._nonce: str | None = None
        self._metadata: tuple[datetime, Metadata] | None = None
        self._keys: tuple[datetime, KeySet] | None = None
        self._fetching = asyncio.Lock()

    async def begin(self, attempt: Attempt) -> str:
        """Tell the provider of a login; return where the browser goes. Raises ProviderError."""
        metadata = await self._described()
        address = metadata.pushed_authorization_request_endpoint or ""

        def form() -> dict[str, str]:
            return requests.pushed(self.provider, attempt, self._redirect_uri, self._now())

        answer = _read(await self._post(address, form), _Pushed)
        query = urlencode({"client_id": self.provider.client_id, "request_uri": answer.request_uri})
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{query}"

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the claims of whoever logged in. Raises LoginError.

        `answer` is the query with which the browser came back, its state checked already.
        """
        metadata = await self._described()
        issuer = answer.get("iss")
        # RFC 9207: an answer of another provider's must not be exchanged at this one.
        missing = issuer is None and metadata.authorization_response_iss_parameter_supported
        if missing or issuer not in (None, metadata.issuer):
            raise LoginRefused("the answer is another provider's")
        if attempt.quiet and answer.get("error") in _WOULD_ASK:
            raise LoginAsks("the provider would have to ask")
        if "error" in answer or not answer.get("code"):
            raise LoginRefused("the provider did not let them in")

        def form() -> dict[str, str]:
            return requests.exchange(self.provider, attempt, answer["code"], self._redirect_uri, self._now())

        token = _read(await self._post(metadata.token_endpoint, form), _Tokens).id_token
        return await self._claims(token, attempt)

    async def _claims(self, token: str, attempt: Attempt) -> Mapping[str, Any]:
        try:
            return tokens.read(token, await self._keyring(), self.provider, attempt.nonce, self._now())
        except tokens.UnknownKey:
            keys = await self._keyring(since=self._now() - LOOK_AGAIN)
            return tokens.read(token, keys, self.provider, attempt.nonce, self._now())

    async def _described(self) -> Metadata:
        async with self._fetching:
            if self._metadata is None or self._now() - self._metadata[0] > KEPT:
                address = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
                document = await self._get(address)
                self._metadata = (self._now(), read_metadata(document, self.provider.issuer))
            return self._metadata[1]

    async def _keyring(self, since: datetime | None = None) -> KeySet:
        metadata = await self._described()
        async with self._fetching:
            oldest = since or self._now() - KEPT
            if self._keys is None or self._keys[0] < oldest:
                document = await self._get(metadata.jwks_uri)
                try:
                    keys = KeySet.import_key_set(msgspec.json.decode(document))
                except (JoseError, msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError) as error:
                    raise ProviderError("the provider's keys cannot be read") from error
                self._keys = (self._now(), keys)
            return self._keys[1]

    async def _get(self, address: str) -> bytes:
        try:
            async with self._http.get(address, timeout=PATIENCE, allow_redirects=False) as response:
                body = await _bounded(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderError("the provider cannot be reached") from error
        if response.status != 200:  # noqa: PLR2004
            raise ProviderError("the provider did not answer as it must")
        return body

    async def _post(self, address: str, form: Callable[[], dict[str, str]]) -> bytes:
        """Post a form; once more where the provider wants its nonce in the proof (RFC 9449 section 8).

        The form is made anew: the assertion in it may be used once.
        """
        status, body, nonce = await self._post_once(address, form(), self._nonce)
        if nonce is not None and status in (400, 401) and _fault(body) == "use_dpop_nonce":
            status, body, nonce = await self._post_once(address, form(), nonce)
        self._nonce = nonce or self._nonce
        if status not in (200, 201):
            raise ProviderError("the provider turned the bridge down")
        return body

    async def _post_once(
        self, address: str, form: dict[str, str], nonce: str | None
    ) -> tuple[int, bytes, str | None]:
        headers = {"Accept": "application/json"}
        if self.provider.dpop:
            headers["DPoP"] = requests.possession(self._possession, address, self._now(), nonce)
        try:
            posting = self._http.post(address, data=form, headers=headers, timeout=PATIENCE, allow_redirects=False)
            async with posting as response:
                return response.status, await _bounded(response), response.headers.get("DPoP-Nonce")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderError("the provider cannot be reached") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise ProviderError("the provider's answer is too long")
    return bytes(body)


def _read(body: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderError("the provider's answer cannot be read") from error


def _fault(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Fault).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
