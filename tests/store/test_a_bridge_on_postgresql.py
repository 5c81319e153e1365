"""The bridge itself with its records in PostgreSQL, by nothing but its configuration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from bridge.compose import run_bridge
from bridge.config import Config
from tests.support.bridge import house_config


def _token(config: Config) -> str:
    return Path(config.auth.api_token_file).read_text("ascii").strip()


@asynccontextmanager
async def rest(folder: Path, url: str) -> AsyncIterator[ClientSession]:
    """Start a bridge, and give who may use its REST."""
    config = house_config(folder)
    config = replace(config, store=replace(config.store, url=url), transcode=replace(config.transcode, workers=0))
    async with run_bridge(config):
        headers = {"Authorization": f"Bearer {_token(config)}"}
        async with ClientSession(config.http.base_url, headers=headers, raise_for_status=True) as session:
            yield session


async def told(session: ClientSession, path: str) -> Any:
    """Ask, and read the answer."""
    async with session.get(path) as response:
        return await response.json(content_type=None)


async def test_a_room_outlives_its_bridge(postgresql: Any, tmp_path: Path) -> None:
    """What one process has written, the next one knows, and tells afterwards."""
    async with rest(tmp_path, postgresql.url) as session:
        async with session.post("/api/v1/rooms", json={"name": "Konsultasjon"}) as response:
            room = (await response.json())["room"]
        wish = {"role": "doctor", "name": "Kari Lege", "host": True}
        async with session.post(f"/api/v1/rooms/{room}/invitations", json=wish) as response:
            assert response.status == 201
    async with rest(tmp_path, postgresql.url) as session:
        assert [one["room"] for one in (await told(session, "/api/v1/rooms"))["rooms"]] == [room]
        async with session.delete(f"/api/v1/rooms/{room}") as response:
            assert response.status == 204
        acts = [
            entry["resource"]["subtype"][0]["code"]
            for entry in (await told(session, f"/api/v1/audit?room={room}"))["entry"]
        ]
        assert acts == ["room_created", "invited", "room_ended", "audit_read"]
        assert (await told(session, f"/api/v1/rooms/{room}/attendance"))["organisations"] == []
        usage = "/api/v1/usage?since=2026-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"
        assert (await told(session, usage)) == {"conferences": [], "next": None}
