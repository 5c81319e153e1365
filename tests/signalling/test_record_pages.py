"""What is told afterwards, by REST: parameters read strictly, answers as the document says."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator

from signalling import messages as m
from signalling.web.openapi import document
from signalling.web.server import WebConfig, make_app
from tests.signalling.fakes import TOKEN, Administration, Consultations, Records

AUTH = {"Authorization": f"Bearer {TOKEN}"}
SINCE = "2026-11-22T12:00:00%2B01:00"
WINDOW = f"since={SINCE}&until=2026-11-23T00:00:00Z"


@pytest.fixture
def records() -> Records:
    """What the resources ask."""
    return Records()


@pytest.fixture
async def client(tmp_path: Path, records: Records) -> AsyncIterator[TestClient]:
    """Start a server."""
    config = WebConfig(api_tokens=(TOKEN,), static=tmp_path)
    app = make_app(Consultations(), Administration(), config, records=records)
    async with TestClient(TestServer(app)) as client:
        yield client


async def ask(client: TestClient, path: str) -> tuple[int, Any]:
    """Get it, with the token."""
    response = await client.get(path, headers=AUTH)
    return response.status, json.loads(await response.text())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/audit", "AuditBundle"),
        ("/api/v1/audit?room=r_1&after=3&limit=1000", "AuditBundle"),
        ("/api/v1/rooms/r_1/attendance", "Attendance"),
        ("/api/v1/rooms/r_1/attendance?organisation=987654321", "Attendance"),
        ("/api/v1/rooms/r_1/usage", "Usage"),
        (f"/api/v1/usage?{WINDOW}", "Usage"),
    ],
)
async def test_answers_follow_their_schemas(client: TestClient, path: str, name: str) -> None:
    """What is answered is what the served document says."""
    status, body = await ask(client, path)
    assert status == 200
    schemas = document()["components"]["schemas"]
    Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}).validate(
        body
    )


async def test_the_audit_is_fhir(client: TestClient) -> None:
    """By its media type as well."""
    response = await client.get("/api/v1/audit", headers=AUTH)
    assert response.content_type == "application/fhir+json"
    body = await response.json(content_type=None)
    assert (body["resourceType"], body["type"], body["entry"][0]["search"]) == (
        "Bundle",
        "searchset",
        {"mode": "match"},
    )


async def test_parameters_arrive_as_what_they_are(client: TestClient, records: Records) -> None:
    """Times with their zones, numbers, and what is left out."""
    await ask(client, f"/api/v1/audit?room=r_1&since={SINCE}&limit=7")
    await ask(client, f"/api/v1/usage?{WINDOW}&after=r_0")
    noon, midnight = datetime(2026, 11, 22, 11, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
    assert records.asked == [
        m.AuditQuery(room="r_1", since=noon, limit=7),
        m.UsageQuery(since=noon, until=midnight, after="r_0"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/audit?limit=0",
        "/api/v1/audit?limit=1001",
        "/api/v1/audit?limit=many",
        "/api/v1/audit?after=-1",
        "/api/v1/audit?after=2147483648",
        "/api/v1/audit?since=2026-11-22T12:00:00",
        "/api/v1/audit?since=yesterday",
        "/api/v1/audit?rooom=r_1",
        "/api/v1/audit?room=Kari%20Nordmann",
        "/api/v1/rooms/r_1/attendance?organisation=12345678",
        "/api/v1/rooms/r_1/attendance?organisation=98765432%C2%B2",
        "/api/v1/usage",
        f"/api/v1/usage?since={SINCE}",
        f"/api/v1/usage?{WINDOW}&limit=101",
    ],
)
async def test_bad_parameters_are_told_without_being_quoted(
    client: TestClient, records: Records, path: str
) -> None:
    """A misspelt or malformed parameter is an error and no other question; the error holds nothing of it."""
    status, error = await ask(client, path)
    assert (status, error["code"]) == (422, "bad_message")
    assert "Kari" not in error["message"]
    assert "rooom" not in error["message"]
    assert records.asked == []


@pytest.mark.parametrize(
    "path", ["/api/v1/rooms/r_2/attendance", "/api/v1/rooms/r_2/usage", "/api/v1/audit?room=r_2"]
)
async def test_a_room_that_never_was_is_unknown(client: TestClient, path: str) -> None:
    """As elsewhere."""
    status, error = await ask(client, path)
    assert (status, error["code"]) == (404, "unknown_room")


def test_parameters_are_in_the_document() -> None:
    """With their limits; what may be left out is no null in an address."""
    parameters = {one["name"]: one for one in document()["paths"]["/api/v1/audit"]["get"]["parameters"]}
    assert set(parameters) == {"room", "since", "until", "after", "limit"}
    assert not any(one["required"] for one in parameters.values())
    assert parameters["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    assert parameters["since"]["schema"] == {"type": "string", "format": "date-time"}
    window = {one["name"]: one["required"] for one in document()["paths"]["/api/v1/usage"]["get"]["parameters"]}
    assert window == {"since": True, "until": True, "after": False, "limit": False}
