"""The OpenAPI document of the operators' port: all of it, nothing else, and true."""

from http import HTTPStatus
from typing import Any

from aiohttp import ClientSession, web
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from bridge.ops.errors import Undone
from bridge.ops.openapi import OPERATIONS, document
from signalling.web.describing import Operation
from tests.ops.duty import Duty, on_duty
from tests.ops.stations import BEARER, TOKEN

# What browsers show; these have no other interface.
PAGES = {("GET", "/"), ("GET", "/operator"), ("GET", "/static")}
BODIES = {
    "openSession": {"token": TOKEN},
    "drain": {"reason": "upgrade"},
    "recordLink": {"leg": 7, "seconds": 20},
}
# Without a provider there is none to be sent to; tests of logins look at these.
NO_PROVIDER = {"logIn", "finishLogin"}


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    """Methods and paths; HEAD is GET without the body."""
    return {(r.method, r.resource.canonical) for r in app.router.routes() if r.resource and r.method != "HEAD"}


def test_the_document_is_valid() -> None:
    """It follows OpenAPI 3.1, and so do all its schemas JSON Schema 2020-12; objects hold what they say alone."""
    validate(document())
    for name, schema in document()["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert "enum" in schema or "additionalProperties" in schema or name == "ShardLoad", name


async def test_the_document_and_the_routes_agree() -> None:
    """Every route but the pages is in the document, and everything in the document is a route."""
    async with on_duty() as duty:
        routes = routes_of(duty.app)
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    assert routes - PAGES == described
    assert routes >= PAGES


async def asked(client: ClientSession, duty: Duty, operation: Operation) -> tuple[int, str, Any]:
    """Ask one operation as an operator; give status, kind of content, and what was said."""
    path = operation.path.replace("{room}", duty.rig.service.rooms[0].room.id)
    headers = BEARER | {"Origin": duty.address}
    async with client.request(
        operation.method, path, json=BODIES.get(operation.name), headers=headers, allow_redirects=False
    ) as answer:
        told = await (answer.json() if answer.content_type == "application/json" else answer.text())
        return answer.status, answer.content_type, told


async def test_answers_follow_their_schemas() -> None:
    """Everything is answered as the served document says, of a node with people in it and in trouble."""
    async with on_duty(trouble=True) as duty, ClientSession(duty.address) as client:
        for operation in OPERATIONS:
            status, kind, told = await asked(client, duty, operation)
            statuses = document()["paths"][operation.path][operation.method]["responses"]
            wanted = HTTPStatus.NOT_FOUND if operation.name in NO_PROVIDER else operation.status
            wanted = HTTPStatus.SERVICE_UNAVAILABLE if operation.name == "readiness" else wanted
            assert (operation.name, status) == (operation.name, wanted)
            content = statuses[str(status)].get("content")
            if content is not None:
                schema = content[kind]["schema"] | {"components": document()["components"]}
                Draft202012Validator(schema).validate(told)
            if operation.name == "describe":
                assert told == document()


async def test_what_could_not_be_put_on_record_is_answered_as_described() -> None:
    """The audit is away: nothing is done, and the answer is one of those that the document names."""
    async with on_duty() as duty, ClientSession(duty.address) as client:
        # There is something to fetch.
        await asked(client, duty, next(one for one in OPERATIONS if one.name == "recordLink"))
        duty.audit.failing = True
        for operation in (one for one in OPERATIONS if (503, Undone) in one.others):
            status, kind, told = await asked(client, duty, operation)
            content = document()["paths"][operation.path][operation.method]["responses"][str(status)]["content"]
            assert (status, told["code"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "not_recorded")
            Draft202012Validator(content[kind]["schema"] | {"components": document()["components"]}).validate(told)
