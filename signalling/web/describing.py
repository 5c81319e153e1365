"""OpenAPI 3.1 documents, made from the structs that handlers decode and encode: one for each port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from signalling import messages as m

JSON: Final = "application/json"
Body = type[msgspec.Struct | bytes | str]
"""What is sent or answered: a struct as JSON, bytes, or text."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `errors` are the statuses whose body is `ErrorInfo`."""

    method: str
    path: str
    name: str
    summary: str
    status: int
    response: Body | None = None
    request: Body | None = None
    errors: tuple[int, ...] = ()
    keys: tuple[str, ...] = ("bearer",)
    """The names of what opens it, any one of them; none where it is open."""
    query: type[m.Part] | None = None
    """The parameters of the address, as the fields of a struct."""
    headers: type[m.Part] | None = None
    """Headers that count, in the same way."""
    media: str = JSON
    """Of the answer."""
    others: tuple[tuple[int, Body], ...] = ()
    """Answers with a body of their own, besides the one that is hoped for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What a document is about.

    `keys` are its security schemes, `paths` are described elsewhere, `kinds` are schemas that no operation names,
    `rules` hold between the fields of a struct, by its name.
    """

    title: str
    version: str
    description: str
    operations: tuple[Operation, ...]
    keys: Mapping[str, Mapping[str, str]]
    paths: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[type[msgspec.Struct], ...] = ()
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_IN_PATHS: Final = (
    ("room", m.Id),
    ("invitation", m.Id),
    ("provider", m.Name),
    ("still", m.Id),
    ("number", m.Count),
)
_MEANING: Final = {
    101: "The protocol is switched to WebSocket.",
    200: "Done.",
    201: "Made.",
    204: "Done, and there is nothing to tell.",
    303: "The browser goes on from here; a login that failed leads to the page, with `login` saying why.",
    400: "The request is not well formed, or is no WebSocket handshake where it has to be one.",
    401: "A valid bearer token is needed.",
    403: "A page of another site may not do this.",
    404: "There is no such room or provider, or it is over.",
    409: "The request does not fit the present state; the code says why.",
    413: "The body is over its limit.",
    422: "The body, or a parameter, breaks its schema, or names a time that cannot be meant.",
    429: "Too often; try again in a minute.",
    503: "Not now; the body says why.",
}


def described(interface: Interface) -> dict[str, Any]:
    """Return the whole document as JSON-ready values."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in interface.operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": interface.title,
            "version": interface.version,
            "description": interface.description,
        },
        "paths": paths | dict(interface.paths),
        "components": {"schemas": _schemas(interface), "securitySchemes": dict(interface.keys)},
    }


def _schemas(interface: Interface) -> dict[str, Any]:
    told = [
        kind for o in interface.operations for kind in (o.request, o.response, *(body for _, body in o.others))
    ]
    bodies = {kind for kind in told if kind is not None and issubclass(kind, msgspec.Struct)}
    kinds = [m.ErrorInfo, *sorted(bodies, key=lambda kind: kind.__name__), *interface.kinds]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return {name: schema | dict(interface.rules.get(name, {})) for name, schema in schemas.items()}


def _operation(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [{key: []} for key in operation.keys],
        "responses": {
            str(operation.status): _response(operation.status, operation.response, operation.media),
            **{str(status): _response(status, m.ErrorInfo) for status in _errors(operation)},
            **{str(status): _response(status, body) for status, body in operation.others},
        },
    }
    if operation.request is not None:
        told["requestBody"] = {"required": True, "content": _content(operation.request)}
    named = [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}
        for name, kind in _IN_PATHS
        if f"{{{name}}}" in operation.path
    ]
    for place, parameters in (("query", operation.query), ("header", operation.headers)):
        named += [] if parameters is None else _parameters(parameters, place)
    return told | ({"parameters": named} if named else {})


def _parameters(kind: type[m.Part], place: str) -> list[dict[str, Any]]:
    _, parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    schema = parts[kind.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": place, "required": name in required, "schema": _said(one)}
        for name, one in schema["properties"].items()
    ]


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    """Of what may be left out: what it is if it is there, since an address has no null."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


def _errors(operation: Operation) -> list[int]:
    """What an operation says, and what befalls all of its kind: other sites, too many wrong tokens."""
    foreign = () if operation.method == "get" else (403,)
    return sorted({*operation.errors, *foreign, *((429,) if "bearer" in operation.keys else ())})


def _response(status: int, kind: Body | None, media: str = JSON) -> dict[str, Any]:
    told: dict[str, Any] = {"description": _MEANING[status]}
    if kind is not None:
        told["content"] = _content(kind, media)
    return told


def _content(kind: Body, media: str = JSON) -> dict[str, Any]:
    if kind is bytes:
        return {"application/octet-stream": {}}
    if kind is str:
        return {media: {"schema": {"type": "string"}}}
    return {media: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
