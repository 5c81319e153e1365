"""The OpenAPI 3.1 document of the operators' port."""

from functools import cache
from typing import Any, Final

from bridge.ops.converting import Slots
from bridge.ops.errors import Undone
from bridge.ops.guard import SESSION, FromThisPage, SessionInfo, TokenGiven
from bridge.ops.health import Alive, Ready
from bridge.ops.links import WorstLinks
from bridge.ops.page import DrainWish
from bridge.ops.recording import RecordingState, RecordingWish
from bridge.ops.roomlist import Legs
from bridge.ops.station import DrainState, Picture
from signalling import messages as m
from signalling.web.describing import Interface, Operation, described

TEXT: Final = "text/plain"
_KEYS: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "The operators' own token."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION,
        "description": "Of somebody who has logged in; with it, changes are for pages of this origin alone.",
    },
}
_OPERATORS: Final = tuple(_KEYS)

OPERATIONS: Final = (
    Operation(
        "get", "/metrics", "metrics", "Read all figures, in Prometheus' form.", 200, str, keys=(), media=TEXT
    ),
    Operation("get", "/healthz", "health", "See whether the process answers.", 200, Alive, keys=()),
    Operation(
        "get",
        "/readyz",
        "readiness",
        "See whether new people are welcome; 503 while the node is emptied or something fails.",
        200,
        Ready,
        keys=(),
        others=((503, Ready),),
    ),
    Operation(
        "get",
        "/metrics/legs",
        "metricsOfLegs",
        "Read the figures of every single leg, in Prometheus' form.",
        200,
        str,
        errors=(401,),
        keys=_OPERATORS,
        media=TEXT,
    ),
    Operation(
        "get",
        "/legs/worst",
        "worstLegs",
        "See the legs that are worst off, and what is to blame.",
        200,
        WorstLinks,
        errors=(401,),
        keys=_OPERATORS,
    ),
    Operation(
        "put",
        "/legs/recording",
        "recordLink",
        "Record what the estimate of one leg's link is made of; of a leg that waits, from when it is let in.",
        200,
        RecordingState,
        RecordingWish,
        (401, 413, 422),
        _OPERATORS,
        others=((409, Undone), (503, Undone)),
    ),
    Operation(
        "get",
        "/legs/recording",
        "recordingState",
        "See how the last recording goes.",
        200,
        RecordingState,
        errors=(401,),
        keys=_OPERATORS,
    ),
    Operation(
        "get",
        "/legs/recording/trace",
        "recordedTrace",
        "Fetch the last recording: lines of times, numbers, sizes and kinds of packets, to be replayed as a test.",
        200,
        str,
        errors=(401,),
        keys=_OPERATORS,
        media=TEXT,
        others=((404, Undone), (503, Undone)),
    ),
    Operation(
        "get",
        "/feeds",
        "feeds",
        "See how every slot is filled, and why.",
        200,
        Slots,
        errors=(401,),
        keys=_OPERATORS,
    ),
    Operation(
        "get",
        "/picture",
        "picture",
        "See what the operators' page shows: the whole node, made once a second.",
        200,
        Picture,
        errors=(401,),
        keys=_OPERATORS,
    ),
    Operation(
        "get",
        "/rooms/{room}",
        "legsOfRoom",
        "See the connections in a room that somebody is in.",
        200,
        Legs,
        errors=(401, 404),
        keys=_OPERATORS,
    ),
    Operation(
        "get",
        "/drain",
        "drainState",
        "See whether the node is being emptied, and whom that concerns.",
        200,
        DrainState,
        errors=(401,),
        keys=_OPERATORS,
    ),
    Operation(
        "put",
        "/drain",
        "drain",
        "Open no more rooms here; what goes on goes on.",
        200,
        DrainState,
        DrainWish,
        (401, 413, 422),
        _OPERATORS,
        others=((503, Undone),),
    ),
    Operation(
        "delete",
        "/drain",
        "endDrain",
        "Open rooms again.",
        200,
        DrainState,
        errors=(401,),
        keys=_OPERATORS,
        others=((503, Undone),),
    ),
    Operation(
        "get",
        "/session",
        "session",
        "See whether this browser is known, and by what else than the token one can log in.",
        200,
        SessionInfo,
        keys=(),
    ),
    Operation(
        "post",
        "/session",
        "openSession",
        "Log in by the token.",
        204,
        None,
        TokenGiven,
        (401, 413, 422, 429),
        (),
        headers=FromThisPage,
    ),
    Operation(
        "delete", "/session", "closeSession", "Have this browser forget it.", 204, keys=(), headers=FromThisPage
    ),
    Operation(
        "get",
        "/login",
        "logIn",
        "Send the browser to the provider, where there is one.",
        303,
        errors=(404,),
        keys=(),
    ),
    Operation(
        "get",
        "/login/answer",
        "finishLogin",
        "Take the browser back from there.",
        303,
        errors=(404,),
        keys=(),
        query=m.LoginAnswer,
    ),
    Operation("get", "/openapi.json", "describe", "Get this document.", 200, errors=(401,), keys=_OPERATORS),
)


@cache
def document() -> dict[str, Any]:
    """Return the whole document as JSON-ready values. It is shared: do not change it."""
    return described(
        Interface(
            title="brotjeneste, for operators",
            version="1.0",
            description="How a node goes, and how it is emptied. Nobody's name is told.",
            operations=OPERATIONS,
            keys=_KEYS,
        )
    )
