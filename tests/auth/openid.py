"""A real OpenID provider for tests, and a browser that has nothing but cookies."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
from joserfc.jwk import ECKey

PROVIDER: Final = Path(__file__).with_name("provider")
REDIRECT: Final = "http://127.0.0.1:1/login/answer"
CLAIMS: Final = (
    "helseid://claims/identity/security_level",
    "helseid://claims/hpr/hpr_number",
    "helseid://claims/client/claims/orgnr_parent",
    "helseid://claims/client/claims/orgnr_child",
    "helseid://claims/identity/pid",
)


@dataclass(frozen=True)
class RealProvider:
    """What a test needs of it."""

    issuer: str
    key: ECKey
    client_id: str = "brotjeneste"

    async def will_log_in(self, sub: str, *, acr: str | None = None, refuse: bool = False, **claims: Any) -> None:
        """Say who logs in next."""
        await self._tell({"sub": sub, "acr": acr, "claims": claims, "refuse": refuse})

    async def will_launch(
        self, sub: str, launch: str, iss: str, context: Mapping[str, Any], **claims: Any
    ) -> None:
        """Say who is launched next, from where, with what, and for what."""
        await self._tell(
            {
                "sub": sub,
                "acr": "idporten-loa-high",
                "claims": claims,
                "launch": launch,
                "aud": iss,
                "context": context,
            }
        )

    async def _tell(self, told: Mapping[str, Any]) -> None:
        async with aiohttp.ClientSession() as http, http.post(f"{self.issuer}/next", json=told) as response:
            assert response.status == 200


@asynccontextmanager
async def provider(
    redirect_uri: str = REDIRECT, *, smart: bool = False, listen: str = "127.0.0.1"
) -> AsyncIterator[RealProvider]:
    """Start one that knows the bridge as a client; a `smart` one is a record system's authorization server."""
    key = ECKey.generate_key("P-256", {"kid": "bridge-1", "use": "sig", "alg": "ES256"})
    client = {
        "client_id": "brotjeneste",
        "redirect_uris": [redirect_uri],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "id_token_signed_response_alg": "RS256",
        "dpop_bound_access_tokens": not smart,
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    claims = [*CLAIMS, *(["fhirUser"] if smart else [])]
    settings = json.dumps({"client": client, "claims": claims, "smart": smart, "listen": listen})
    process = await asyncio.create_subprocess_exec(
        "node",
        "serve.js",
        settings,
        cwd=PROVIDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        issuer = (await process.stdout.readline()).decode().strip()
        assert issuer, "the provider did not start: make tests/auth/provider/node_modules"
        yield RealProvider(issuer, key)
    finally:
        process.terminate()
        await process.wait()


async def follow(
    address: str, until: str = REDIRECT, jar: aiohttp.abc.AbstractCookieJar | None = None
) -> dict[str, str]:
    """Be a browser: go from redirect to redirect until the bridge's own address; return what it is told.

    With a `jar` it is the same browser again, which a provider may know.
    """
    jar = aiohttp.CookieJar(unsafe=True) if jar is None else jar
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        for _ in range(12):
            async with http.get(address, allow_redirects=False) as response:
                assert response.status in (302, 303), await response.text()
                address = urljoin(address, response.headers["Location"])
            if address.startswith(until):
                return dict(parse_qsl(urlsplit(address).query))
    raise AssertionError("the provider leads nowhere")
