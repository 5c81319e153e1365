"""A record system: a small FHIR server with a certified authorization server, as a doctor's is."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.auth.openid import RealProvider, provider


@dataclass
class RecordSystem:
    """What it holds; resources are by their references. `asked` are those that were read."""

    authority: RealProvider
    iss: str = ""
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    """What its description says otherwise."""

    async def describe(self, _request: web.Request) -> web.Response:
        """Say where to go."""
        at = self.authority.issuer
        told = {
            "issuer": at,
            "jwks_uri": f"{at}/jwks",
            "authorization_endpoint": f"{at}/auth",
            "token_endpoint": f"{at}/token",
            "capabilities": ["launch-ehr", "client-confidential-asymmetric", "sso-openid-connect"],
            "code_challenge_methods_supported": ["S256"],
        }
        return web.json_response(told | self.changes)

    async def read(self, request: web.Request) -> web.Response:
        """Give a resource to whoever has a token of the authorization server's."""
        reference = request.match_info["reference"]
        bearer = {"Authorization": request.headers["Authorization"]}
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.authority.issuer}/me", headers=bearer) as found,
        ):
            if found.status != 200:
                return web.Response(status=401)
        self.asked.append(reference)
        resource = self.resources.get(reference)
        return web.Response(status=404) if resource is None else web.json_response(resource)

    def settings(self, folder: Path, **changes: Any) -> dict[str, Any]:
        """What an operator writes of it."""
        key = folder / "record.jwk"
        key.touch(mode=0o600)
        key.write_text(json.dumps(self.authority.key.as_dict(private=True)))
        told = {
            "iss": self.iss,
            "client_id": self.authority.client_id,
            "key_file": str(key),
            "dialect": "idporten",
        }
        return told | changes


@asynccontextmanager
async def record_system(answer: str) -> AsyncIterator[RecordSystem]:
    """Run one that knows a bridge, whose address to come back to is `answer`."""
    async with provider(answer, smart=True) as authority:
        system = RecordSystem(authority)
        app = web.Application()
        app.router.add_get("/fhir/.well-known/smart-configuration", system.describe)
        app.router.add_get("/fhir/{reference:.+}", system.read)
        async with TestServer(app) as server:
            system.iss = str(server.make_url("/fhir"))
            yield system
