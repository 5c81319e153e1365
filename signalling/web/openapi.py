"""The OpenAPI 3.1 document of the pages' port, made from the structs that the handlers decode and encode."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, get_args

from signalling import messages as m
from signalling.fhir import operations as fhir
from signalling.web.describing import Interface, Operation, described

OPERATIONS: Final = (
    Operation(
        "post",
        "/api/v1/rooms",
        "createRoom",
        "Open a room.",
        201,
        m.RoomInfo,
        m.CreateRoom,
        (401, 409, 413, 422, 503),
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
        keys=(),
    ),
    Operation(
        "get",
        "/api/v1/logins",
        "listLogins",
        "See by whom people can log in, and what is proven in this browser.",
        200,
        m.Logins,
        keys=(),
    ),
    Operation(
        "get",
        "/api/v1/notice",
        "getNotice",
        "See who answers for consultations here, and the version of what people are told before they enter.",
        200,
        m.Notice,
        keys=(),
    ),
    Operation(
        "delete",
        "/api/v1/logins",
        "logOut",
        "Have this browser forget its login.",
        204,
        keys=(),
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
        keys=(),
    ),
    Operation(
        "get",
        "/login/{provider}",
        "logIn",
        "Send the browser to a provider.",
        303,
        errors=(404,),
        keys=(),
        query=m.LoginQuery,
    ),
    Operation(
        "get",
        "/login/answer",
        "finishLogin",
        "Take the browser back from a provider.",
        303,
        keys=(),
        query=m.LoginAnswer,
    ),
    Operation(
        "post",
        "/api/v1/calls",
        "callInstead",
        "Have a number and a new PIN for whoever holds a link and cannot take part by this browser.",
        200,
        m.WayToCall,
        m.CallInsteadOf,
        (409, 413, 422, 429),
        keys=(),
    ),
    Operation(
        "put",
        "/api/v1/stills/{still}/pieces/{number}",
        "putStillPiece",
        "Send one piece of a still picture; answered when it has come to the page that asked.",
        204,
        request=bytes,
        errors=(400, 401, 404, 409, 413, 422),
        keys=("oneTime",),
    ),
    Operation(
        "get",
        "/api/v1/stills/{still}/pieces/{number}",
        "getStillPiece",
        "Wait for one piece of a still picture; to ask for the next says that this one has come.",
        200,
        bytes,
        errors=(401, 404, 409),
        keys=("oneTime",),
    ),
    Operation(
        "get",
        "/launch",
        "launchFromRecord",
        "Come from a record system (SMART App Launch).",
        303,
        keys=(),
        query=m.LaunchQuery,
    ),
    Operation(
        "get",
        "/launch/answer",
        "finishLaunchFromRecord",
        "Take the browser back from a record system.",
        303,
        keys=(),
        query=m.LoginAnswer,
    ),
    Operation(
        "post",
        "/api/v1/texts/receipts",
        "noteText",
        "Say what became of a text message; signed as Standard Webhooks has it.",
        204,
        request=m.TextReceipt,
        errors=(401, 413, 422),
        keys=(),
    ),
    Operation("get", "/healthz", "health", "See whether the process answers.", 200, m.Health, keys=()),
    Operation("get", "/openapi.json", "describe", "Get this document.", 200, keys=()),
)

_CLINICIANS: Final = [m.Role.DOCTOR.value, m.Role.SPECIALIST.value]


def _if(**fields: Any) -> dict[str, Any]:
    """Where these fields are there and so."""
    return {"properties": fields, "required": list(fields)}


_YES: Final = {"const": True}
_INVITED: Final = {
    "allOf": [
        {"properties": {"role": {"not": {"const": m.Role.OPERATOR.value}}}},
        *({"if": _if(**{kind: _YES}), "then": _if(role={"enum": _CLINICIANS})} for kind in ("host", "substitute")),
        {"not": _if(host=_YES, substitute=_YES)},
        {"not": _if(host=_YES, many=_YES)},
        {"not": _if(substitute=_YES, many=_YES)},
        {"not": _if(many=_YES, pin=_YES)},
        {"not": _if(many=_YES, person={"type": "string"})},
        {"not": _if(host=_YES, pin=_YES, requires={"not": {"const": m.Assurance.NONE.value}})},
    ]
}
"""No link is for an operator; who may be host, or substitute, is a clinician; a link for many is nobody's own, and
has no PIN, since who calls gives no name; and a host who has to log in has none, since who calls cannot."""
_KEYS: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "oneTime": {"type": "http", "scheme": "bearer", "description": "Told by `still`; see PROTOCOL.md."},
}


@cache
def document() -> dict[str, Any]:
    """Return the whole document as JSON-ready values. It is shared: do not change it."""
    return described(
        Interface(
            title="brotjeneste",
            version=f"{m.PROTOCOL_VERSION}.0",
            description="Rooms and invitations of the video bridge. The schemas of the WebSocket messages "
            "are among the components.",
            operations=OPERATIONS,
            keys=_KEYS,
            paths=fhir.paths(),
            rules={"CreateInvitation": _INVITED},
            kinds=(*fhir.BODIES, *get_args(m.ClientMessage), *get_args(m.ServerMessage)),
        )
    )
