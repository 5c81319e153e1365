"""REST for administrators, its OpenAPI document, the pages, and the headers of every answer."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from structlog.testing import capture_logs

from signalling import messages as m
from signalling.web.headers import content_security_policy
from signalling.web.openapi import OPERATIONS, document
from signalling.web.server import STATIC, WebConfig, make_app
from tests.signalling.conftest import House
from tests.signalling.fakes import INSTANT, PERSON, TOKEN, Administration, Consultations

AUTH = {"Authorization": f"Bearer {TOKEN}"}
PAGES = {("GET", "/"), ("GET", "/join"), ("GET", "/duty"), ("GET", "/static")}


async def ask(house: House, method: str, path: str, body: Any = None, **kwargs: Any) -> tuple[int, Any]:
    """Send a request with the token and return status and JSON, or None for an empty body."""
    data = body if isinstance(body, bytes | None) else json.dumps(body)
    response = await house.client.request(method, path, data=data, headers=kwargs.pop("headers", AUTH))
    text = await response.text()
    return response.status, json.loads(text) if text else None


def filled(path: str) -> str:
    """A path with ids in its places."""
    return path.replace("{room}", "r_1").replace("{invitation}", "i_1")


async def test_room_is_created_seen_and_ended(house: House) -> None:
    """A room goes from POST to DELETE, with the schema's defaults, and a second end is a conflict."""
    status, room = await ask(house, "POST", "/api/v1/rooms", {"name": "Consultation"})
    assert (status, room["room"], room["name"]) == (201, "r_1", "Consultation")
    assert await ask(house, "GET", "/api/v1/rooms/r_1") == (200, room | {"name": "Room"})
    assert await ask(house, "GET", "/api/v1/rooms") == (200, {"rooms": [room | {"name": "Room"}]})
    assert await ask(house, "DELETE", "/api/v1/rooms/r_1") == (204, None)
    status, error = await ask(house, "DELETE", "/api/v1/rooms/r_1")
    assert (status, error["code"]) == (409, "room_ended")


async def test_invitation_gives_a_link(house: House) -> None:
    """An invitation answers with the link and its expiry, and repeats no name."""
    body = {"role": "patient", "name": PERSON, "valid_minutes": 30}
    status, made = await ask(house, "POST", "/api/v1/rooms/r_1/invitations", body)
    assert status == 201
    assert made["link"] == "https://localhost/join#x"
    assert made["expires_at"] == "2026-11-22T12:00:00Z"
    assert PERSON not in json.dumps(made)


async def test_turns_are_put_off_and_called_off(house: House) -> None:
    """For the room or for one link, with a time or without; links are taken back, and substitutes appointed."""
    time = {"time": "2026-11-22T12:00:00Z"}
    room, link = "/api/v1/rooms/r_1", "/api/v1/rooms/r_1/invitations/i_1"
    for method, path, body in (
        ("POST", f"{room}/delay", time),
        ("POST", f"{link}/delay", {}),
        ("POST", f"{room}/cancel", {"time": None}),
        ("POST", f"{link}/cancel", time),
        ("POST", f"{link}/substitute", None),
        ("DELETE", link, None),
    ):
        assert await ask(house, method, path, body) == (204, None)
    assert house.administration.turns == [
        ("delay", None, INSTANT),
        ("delay", "i_1", None),
        ("cancel", None, None),
        ("cancel", "i_1", INSTANT),
        ("appoint", "i_1", None),
        ("withdraw", "i_1", None),
    ]
    status, error = await ask(house, "POST", f"{room}/delay", {"time": "2026-11-22T12:00:00"})
    assert (status, error["code"]) == (422, "bad_message")


@pytest.mark.parametrize(
    ("method", "path"), [(o.method.upper(), filled(o.path)) for o in OPERATIONS if "bearer" in o.keys]
)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00f8"]
)
async def test_guarded_resources_need_the_token(house: House, method: str, path: str, header: str | None) -> None:
    """Without a valid bearer token, no guarded resource does or tells anything."""
    headers = {} if header is None else {"Authorization": header}
    response = await house.client.request(method, path, headers=headers)
    assert (response.status, (await response.json())["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert house.administration.ended == []


@pytest.mark.parametrize("house", [{"api_tokens": ()}], indirect=True)
async def test_no_token_configured_shuts_rest(house: House) -> None:
    """With no token configured, nothing opens the REST resources, an empty token least of all."""
    for header in ("Bearer ", f"Bearer {TOKEN}"):
        status, _ = await ask(house, "GET", "/api/v1/rooms", headers={"Authorization": header})
        assert status == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/api/v1/rooms", b"{", 422, "bad_message"),
        ("POST", "/api/v1/rooms", b"", 422, "bad_message"),
        ("POST", "/api/v1/rooms", b"\xff", 422, "bad_message"),
        ("POST", "/api/v1/rooms", {"name": "N", "more": 1}, 422, "bad_message"),
        ("POST", "/api/v1/rooms", {"name": "N", "max_participants": 51}, 422, "bad_message"),
        ("POST", "/api/v1/rooms/r_1/invitations", {"role": "king", "name": "N"}, 422, "bad_message"),
        (
            "POST",
            "/api/v1/rooms/r_1/invitations",
            {"role": "doctor", "name": "N", "valid_minutes": 0},
            422,
            "bad_message",
        ),
        ("POST", "/api/v1/rooms", b" " * (m.MAX_BODY_BYTES + 1), 413, "too_large"),
        ("GET", "/api/v1/rooms/r_2", None, 404, "unknown_room"),
        ("GET", "/api/v1/rooms/not%20an%20id", None, 404, "not_found"),
        ("DELETE", "/api/v1/rooms/r_2", None, 404, "unknown_room"),
        ("POST", "/api/v1/rooms/r_2/invitations", {"role": "doctor", "name": "N"}, 404, "unknown_room"),
        ("PUT", "/api/v1/rooms", {}, 405, "method_not_allowed"),
        ("GET", "/api/v1/nothing", None, 404, "not_found"),
        ("GET", "/static/../server.py", None, 404, "not_found"),
    ],
)
async def test_bad_requests_get_code_and_sentence(  # noqa: PLR0917 - pytest gives them by name
    house: House, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """A bad request gets the right status and `{code, message}`, is counted, and is not logged."""
    with capture_logs() as logs:
        answer, error = await ask(house, method, path, body)
    assert (answer, error["code"]) == (status, code)
    assert error["message"].endswith(".")
    assert house.counts.seen["http_errors", code] == 1
    assert logs == []


async def test_fault_behind_rest_is_internal(house: House) -> None:
    """An exception behind a request gives 500 with a code, and a log line without its text."""
    with capture_logs() as logs:
        status, error = await ask(house, "POST", "/api/v1/rooms", {"name": "crash"})
    assert (status, error["code"]) == (500, "internal")
    assert [(line["event"], line["fault"]) for line in logs] == [("request_failed", "RuntimeError")]
    assert PERSON not in str(logs)


def test_openapi_document_is_valid() -> None:
    """The document follows OpenAPI 3.1, and so do all its schemas JSON Schema 2020-12."""
    validate(document())
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_openapi_document_and_routes_agree(tmp_path: Any) -> None:
    """Every route but the pages is in the document, and everything in the document is a route."""
    app = make_app(Consultations(), Administration(), WebConfig(static=tmp_path))
    routes = {(r.method, r.resource.canonical) for r in app.router.routes() if r.method != "HEAD"}
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert routes - PAGES == described
    assert routes >= PAGES


async def test_answers_follow_their_schemas(house: House) -> None:
    """What the server answers is what the served document says it answers."""
    served = await (await house.client.get("/openapi.json")).json()
    assert served == document()
    for operation in OPERATIONS:
        if operation.response is None or "oneTime" in operation.keys:
            continue
        body = {"name": "N", "role": "doctor"} if "invitations" in operation.path else {"name": "N"}
        body = {"token": "t"} if operation.request is m.CallInsteadOf else body
        path = operation.path.replace("{room}", "r_1")
        if operation.query is m.UsageQuery:
            path += "?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"
        status, answer = await ask(
            house, operation.method.upper(), path, body if operation.request is not None else None
        )
        assert status == operation.status
        schema = {
            "$ref": f"#/components/schemas/{operation.response.__name__}",
            "components": served["components"],
        }
        Draft202012Validator(schema).validate(answer)


async def test_pages_are_served_and_never_stored(house: House) -> None:
    """The two pages come from the static folder with `no-store`; their files may be kept and revalidated."""
    for path, title in (("/", "index"), ("/join", "join")):
        response = await house.client.get(path)
        assert response.status == 200
        assert title in await response.text()
        assert response.headers["Cache-Control"] == "no-store"
    script = await house.client.get("/static/page.js")
    assert (script.status, script.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize("house", [{"static": STATIC}], indirect=True)
async def test_the_page_asks_for_all_its_modules_at_once(house: House) -> None:
    """Each module is preloaded, so that a slow line does not pay one round trip for each level of imports."""
    told = (await house.client.get("/join")).headers["Link"]
    modules = {path.name for path in STATIC.glob("js/*.js")} - {"index.js"}
    assert sorted(re.findall(r"</static/js/([^>]+)>; rel=modulepreload", told)) == sorted(modules)


async def test_missing_page_is_not_found(house: House, tmp_path: Any) -> None:
    """A page that is not installed gives 404, not a fault."""
    (tmp_path / "join.html").unlink()
    response = await house.client.get("/join")
    assert (response.status, (await response.json())["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/", "/join", "/static/page.js", "/healthz", "/nothing", "/api/v1/rooms"])
async def test_every_answer_has_the_security_headers(house: House, path: str) -> None:
    """Pages, files, answers and errors alike carry the headers that shut the pages in."""
    headers = (await house.client.get(path)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert f"connect-src 'self' ws://{house.client.host}:{house.client.port}" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "camera=(self), microphone=(self), display-capture=(self)" in headers["Permissions-Policy"]
    assert headers["Server"] == "brotjeneste"


@pytest.mark.parametrize("host", ["", "a b", "x; script-src *", "x\n", "[::1", "a" * 300])
def test_policy_takes_no_words_from_a_strange_host(host: str) -> None:
    """A Host header that is no host leaves no trace in the policy."""
    assert "connect-src 'self';" in content_security_policy(host)


def test_policy_takes_names_and_addresses() -> None:
    """Names, ports and IPv6 literals are named as WebSocket addresses."""
    for host in ("video.example.no", "localhost:8080", "[::1]:8080"):
        assert f"wss://{host};" in content_security_policy(host)
