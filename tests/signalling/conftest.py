"""The real server on loopback, with fakes behind its ports."""

# ruff: noqa: S107 - tokens here open nothing
from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

from signalling import messages as m
from signalling.session import Limits
from signalling.web.server import WebConfig, make_app
from tests.signalling.fakes import TOKEN, Administration, Calls, Clock, Consultations, Counts, Records


@dataclass
class House:
    """A running server, a client for it, and everything behind it."""

    client: TestClient
    consultations: Consultations
    administration: Administration
    clock: Clock
    counts: Counts

    async def connect(self, **headers: str) -> ClientWebSocketResponse:
        """Open a WebSocket without joining."""
        return await self.client.ws_connect("/api/v1/ws", headers=headers)

    async def join(self, token: str = "host") -> ClientWebSocketResponse:
        """Open a WebSocket, join and take the welcome."""
        ws = await self.connect()
        await ws.send_str(joining(token))
        assert isinstance(await heard(ws), m.Welcome)
        return ws


def joining(token: str = "host") -> str:
    """Make a join message."""
    return m.encode_client(m.Join(version=1, token=token, language=m.Language.NB))


async def heard(ws: ClientWebSocketResponse) -> m.ServerMessage:
    """Take the next message of the server."""
    return m.decode_server(await ws.receive_str(timeout=60))


@pytest.fixture
async def house(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """Start a server; a test may give `WebConfig` fields by indirect parametrization."""
    (tmp_path / "index.html").write_text("<!doctype html><title>index</title>")
    (tmp_path / "join.html").write_text("<!doctype html><title>join</title>")
    (tmp_path / "page.js").write_text("export {};")
    fields = {"api_tokens": ("another-token", TOKEN), "static": tmp_path, "limits": Limits(join_seconds=60)}
    fields |= getattr(request, "param", {})
    parts = (Consultations(), Administration(), Clock(), Counts())
    app = make_app(parts[0], parts[1], WebConfig(**fields), parts[2], parts[3], records=Records(), calls=Calls())
    async with TestClient(TestServer(app)) as client:
        yield House(client, *parts)
