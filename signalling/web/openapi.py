"""The OpenAPI 3.1 document, made from the structs that the handlers decode and encode."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_args

import msgspec

from signalling import messages as m
from signalling.fhir import operations as fhir


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. `errors` are the statuses whose body is `ErrorInfo`."""

    method: str
    path: str
    name: str
    summary: str
    status: int
    response: type[m.Part | bytes] | None = None
    request: type[m.Part | bytes] | None = None
    errors: tuple[int, ...] = ()
    guarded: bool = True
    query: type[m.Part] | None = None
    """The parameters of the address, as the fields of a struct."""
    media: str = "application/json"
    """Of the answer."""
    one_time: bool = False
    """Whether it takes a token that was told by the WebSocket, for this alone."""


OPERATIONS: Final = (
    Operation(
        "post",
        "/api/v1/rooms",
        "createRoom",
        "Open a room.",
        201,
        m.RoomInfo,
        m.CreateRoom,
        (401, 409, 413, 422),
    ),
    Operation("get", "/api/v1/rooms", "listRooms", "List the rooms that are kept.", 200, m.Rooms, errors=(401,)),
    Operation("get", "/api/v1/rooms/{room}", "getRoom", "See one room.", 200, m.RoomInfo, errors=(401, 404)),
    Operation(
        "delete",
        "/api/v1/rooms/{room}",
        "endRoom",
        "End the consultation for everyone.",
        204,
        errors=(401, 404, 409),
    ),
    Operation(
        "post",
        "/api/v1/rooms/{room}/invitations",
        "invite",
        "Make a link for one person.",
        201,
        m.InvitationInfo,
        m.CreateInvitation,
        (401, 404, 409, 413, 422),
    ),
    Operation(
        "post",
        "/api/v1/rooms/{room}/delay",
        "delayRoom",
        "Tell those who wait when it is their turn.",
        204,
        request=m.NewTime,
        errors=(401, 404, 409, 413, 422),
    ),
    Operation(
        "post",
        "/api/v1/rooms/{room}/cancel",
        "cancelRoom",
        "Call a consultation off that has not begun.",
        204,
        request=m.NewTime,
        errors=(401, 404, 409, 413, 422),
    ),
    Operation(
        "post",
        "/api/v1/rooms/{room}/invitations/{invitation}/delay",
        "delayInvitation",
        "Put off the turn of one link's holder; the link lives on beyond it.",
        204,
        request=m.NewTime,
        errors=(401, 404, 409, 413, 422),
    ),
    Operation(
        "post",
        "/api/v1/rooms/{room}/invitations/{invitation}/cancel",
        "cancelInvitation",
        "Call off what one link was for.",
        204,
        request=m.NewTime,
        errors=(401, 404, 409, 413, 422),
    ),
    Operation(
        "post",
        "/api/v1/rooms/{room}/invitations/{invitation}/substitute",
        "appoint",
        "Let the holder of a link take over while no host is there.",
        204,
        errors=(401, 404, 409),
    ),
    Operation(
        "delete",
        "/api/v1/rooms/{room}/invitations/{invitation}",
        "withdraw",
        "Take a link back by which nobody holds a place.",
        204,
        errors=(401, 404, 409),
    ),
    Operation(
        "get",
        "/api/v1/rooms/{room}/attendance",
        "attendance",
        "See who came and went, for the organisations that took part.",
        200,
        m.Attendance,
        errors=(401, 404, 422),
        query=m.AttendanceQuery,
    ),
    Operation(
        "get",
        "/api/v1/rooms/{room}/usage",
        "roomUsage",
        "See the conferences of a room that are over.",
        200,
        m.Usage,
        errors=(401, 404),
    ),
    Operation(
        "get",
        "/api/v1/usage",
        "usage",
        "See the conferences that ended within a time.",
        200,
        m.Usage,
        errors=(401, 422),
        query=m.UsageQuery,
    ),
    Operation(
        "get",
        "/api/v1/audit",
        "audit",
        "Read the audit as AuditEvent resources of FHIR R4.",
        200,
        m.AuditBundle,
        errors=(401, 404, 422),
        query=m.AuditQuery,
        media="application/fhir+json",
    ),
    Operation(
        "get",
        "/api/v1/ws",
        "connect",
        "Open the WebSocket of a participant; see PROTOCOL.md.",
        101,
        errors=(400, 403),
        guarded=False,
    ),
    Operation(
        "get",
        "/api/v1/logins",
        "listLogins",
        "See by whom people can log in, and what is proven in this browser.",
        200,
        m.Logins,
        guarded=False,
    ),
    Operation(
        "get",
        "/api/v1/notice",
        "getNotice",
        "See who answers for consultations here, and the version of what people are told before they enter.",
        200,
        m.Notice,
        guarded=False,
    ),
    Operation(
        "delete",
        "/api/v1/logins",
        "logOut",
        "Have this browser forget its login.",
        204,
        guarded=False,
    ),
    Operation(
        "post",
        "/api/v1/logins",
        "launch",
        "Have a portal say who is at this browser.",
        204,
        None,
        m.Launch,
        (409, 413, 422, 429),
        guarded=False,
    ),
    Operation(
        "get",
        "/login/{provider}",
        "logIn",
        "Send the browser to a provider.",
        303,
        errors=(404,),
        guarded=False,
    ),
    Operation("get", "/login/answer", "finishLogin", "Take the browser back from a provider.", 303, guarded=False),
    Operation(
        "put",
        "/api/v1/stills/{still}/pieces/{number}",
        "putStillPiece",
        "Send one piece of a still picture; answered when it has come to the page that asked.",
        204,
        request=bytes,
        errors=(400, 401, 404, 409, 413, 422),
        guarded=False,
        one_time=True,
    ),
    Operation(
        "get",
        "/api/v1/stills/{still}/pieces/{number}",
        "getStillPiece",
        "Wait for one piece of a still picture; to ask for the next says that this one has come.",
        200,
        bytes,
        errors=(401, 404, 409),
        guarded=False,
        one_time=True,
    ),
    Operation(
        "get",
        "/launch",
        "launchFromRecord",
        "Come from a record system (SMART App Launch), with iss and launch.",
        303,
        guarded=False,
    ),
    Operation(
        "get",
        "/launch/answer",
        "finishLaunchFromRecord",
        "Take the browser back from a record system.",
        303,
        guarded=False,
    ),
    Operation(
        "post",
        "/api/v1/texts/receipts",
        "noteText",
        "Say what became of a text message; signed as Standard Webhooks has it.",
        204,
        request=m.TextReceipt,
        errors=(401, 413, 422),
        guarded=False,
    ),
    Operation("get", "/healthz", "health", "See whether the process answers.", 200, m.Health, guarded=False),
    Operation("get", "/openapi.json", "describe", "Get this document.", 200, guarded=False),
)

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
    422: "The body, or a parameter, breaks its schema.",
    429: "Too often; try again in a minute.",
}


@cache
def document() -> dict[str, Any]:
    """Return the whole document as JSON-ready values. It is shared: do not change it."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "brotjeneste",
            "version": f"{m.PROTOCOL_VERSION}.0",
            "description": "Rooms and invitations of the video bridge. The schemas of the WebSocket messages "
            "are among the components.",
        },
        "paths": paths | fhir.paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "oneTime": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Told by `still`; see PROTOCOL.md.",
                },
            },
        },
    }


def _schemas() -> dict[str, Any]:
    told = [kind for o in OPERATIONS for kind in (o.request, o.response)]
    bodies = {kind for kind in told if kind is not None and kind is not bytes}
    kinds = [m.ErrorInfo, *fhir.BODIES, *sorted(bodies, key=lambda kind: kind.__name__)]
    wire = [*get_args(m.ClientMessage), *get_args(m.ServerMessage)]
    _, schemas = msgspec.json.schema_components([*kinds, *wire], ref_template="#/components/schemas/{name}")
    return schemas


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation),
        "responses": {
            str(operation.status): _response(operation.status, operation.response, operation.media),
            **{str(status): _response(status, m.ErrorInfo) for status in _errors(operation)},
        },
    }
    if operation.request is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.request)}
    named = [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}
        for name, kind in _IN_PATHS
        if f"{{{name}}}" in operation.path
    ]
    if operation.query is not None:
        named += _parameters(operation.query)
    return described | ({"parameters": named} if named else {})


def _parameters(kind: type[m.Part]) -> list[dict[str, Any]]:
    _, parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    schema = parts[kind.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _said(one)}
        for name, one in schema["properties"].items()
    ]


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    """Of what may be left out: what it is if it is there, since an address has no null."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.one_time:
        return [{"oneTime": []}]
    return [{"bearer": []}] if operation.guarded else []


def _errors(operation: Operation) -> list[int]:
    """What an operation says, and what befalls all of its kind: other sites, too many wrong tokens."""
    foreign = () if operation.method == "get" else (403,)
    return sorted({*operation.errors, *foreign, *((429,) if operation.guarded else ())})


def _response(status: int, kind: type[m.Part | bytes] | None, media: str = "application/json") -> dict[str, Any]:
    described: dict[str, Any] = {"description": _MEANING[status]}
    if kind is not None:
        described["content"] = _content(kind, media)
    return described


def _content(kind: type[m.Part | bytes], media: str = "application/json") -> dict[str, Any]:
    if kind is bytes:
        return {"application/octet-stream": {}}
    return {media: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}
