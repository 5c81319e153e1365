"""A provider that answers whatever a test has it answer, for attacks on the bridge's side of a login."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from bridge.auth.links import LinkKey
from bridge.auth.oidc.client import Client
from bridge.auth.oidc.logins import Logins
from bridge.auth.oidc.provider import Dialect, Provider
from bridge.rooms.model import Assurance, Identity
from signalling.ports import Kept

NOW: Final = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AT: Final = int(NOW.timestamp())
KEY: Final = ECKey.generate_key("P-256", {"kid": "provider-1", "use": "sig"})
Make = Callable[[dict[str, Any]], str]


def b64(part: object) -> str:
    """A part of a token, of bytes or of JSON."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signed(claims: dict[str, Any], key: Any = KEY, alg: str = "ES256", **header: Any) -> str:
    """Sign claims as an honest provider does, or as the arguments say."""
    return jwt.encode({"alg": alg, "kid": "provider-1", **header}, claims, key, algorithms=[alg])


@dataclass
class Hostile:
    """The provider's side. `make` gets the claims that an honest one would sign and returns the token."""

    issuer: str = ""
    make: Make = signed
    described: dict[str, Any] = field(default_factory=dict)
    pushed: list[dict[str, str]] = field(default_factory=list)
    exchanged: list[dict[str, str]] = field(default_factory=list)
    acr: str = "idporten-loa-high"

    async def describe(self, _request: web.Request) -> web.Response:
        """Discovery."""
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "pushed_authorization_request_endpoint": f"{self.issuer}/par",
            "authorization_response_iss_parameter_supported": True,
        }
        return web.json_response(known | self.described)

    async def keys(self, _request: web.Request) -> web.Response:
        """Public keys."""
        return web.json_response(KeySet([KEY]).as_dict(private=False))

    async def par(self, request: web.Request) -> web.Response:
        """A pushed request."""
        self.pushed.append({name: str(value) for name, value in (await request.post()).items()})
        return web.json_response({"request_uri": f"urn:{len(self.pushed)}"}, status=201)

    async def token(self, request: web.Request) -> web.Response:
        """The exchange of a code: an ID token for the request that was pushed last."""
        self.exchanged.append({name: str(value) for name, value in (await request.post()).items()})
        claims = {
            "iss": self.issuer,
            "aud": "brotjeneste",
            "sub": "somebody",
            "nonce": self.pushed[-1]["nonce"],
            "iat": AT,
            "exp": AT + 60,
            "acr": self.acr,
        }
        return web.json_response({"id_token": self.make(claims), "access_token": "x", "token_type": "Bearer"})


@dataclass
class Desk:
    """The bridge's side: real code from the beginning of a login to its end, and a clock that a test moves."""

    logins: Logins
    seen: list[str] = field(default_factory=list)
    time: datetime = NOW

    def now(self) -> datetime:
        """The time of day."""
        return self.time

    def inc(self, name: str, code: str) -> None:
        """Count."""
        assert name == "logins"
        self.seen.append(code)

    async def begin(self, at: Hostile, name: str = "one") -> tuple[str, dict[str, str]]:
        """Begin a login; what the browser keeps, and with what an honest provider sends it back."""
        _, kept = await self.logins.begin(name)
        return kept.sealed, {"state": at.pushed[-1]["state"], "code": "c-1", "iss": at.issuer}

    async def log_in(self, at: Hostile) -> Identity | None:
        """Go there and back."""
        sealed, answer = await self.begin(at)
        kept: Kept = await self.logins.finish(sealed, answer)
        return self.logins.identity(kept.sealed)


@asynccontextmanager
async def hostile() -> AsyncIterator[Hostile]:
    """Start one."""
    one = Hostile()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", one.describe)
    app.router.add_get("/keys", one.keys)
    app.router.add_post("/par", one.par)
    app.router.add_post("/token", one.token)
    async with TestServer(app) as server:
        one.issuer = f"http://127.0.0.1:{server.port}"
        yield one


@asynccontextmanager
async def desk(**providers: Hostile) -> AsyncIterator[Desk]:
    """A bridge that trusts these providers."""
    async with ClientSession() as http:
        made = Desk.__new__(Desk)
        clients = [(Client(known(name, one), "https://here/login/answer", http, lambda: made.time), name)
                   for name, one in providers.items()]  # fmt: skip
        Desk.__init__(made, Logins(clients, [LinkKey(b"k" * 32)], made, made, timedelta(minutes=60)))
        yield made


def known(name: str, one: Hostile) -> Provider:
    """The provider as an operator describes it: asked for a high level, and nothing less is taken."""
    return Provider(
        name=name,
        dialect=Dialect.IDPORTEN,
        issuer=one.issuer,
        client_id="brotjeneste",
        key=ECKey.generate_key("P-256"),
        algorithm="ES256",
        acr_values=("idporten-loa-high",),
        least=Assurance.HIGH,
    )
