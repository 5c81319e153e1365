"""From an error to what the client hears, the counter and the log line without content or names."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from signalling import messages as m
from signalling.errors import Code, SignallingError

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from signalling.ports import Counters

log: structlog.stdlib.BoundLogger = structlog.get_logger("signalling")

_STATUS: Final = {
    Code.BAD_MESSAGE: 422,
    Code.UNAUTHORIZED: 401,
    Code.ORIGIN_REFUSED: 403,
    Code.NOT_FOUND: 404,
    Code.UNKNOWN_ROOM: 404,
    Code.UNKNOWN_PARTICIPANT: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.STALE: 412,
    Code.TOO_LARGE: 413,
    Code.TOO_MANY: 429,
    Code.INTERNAL: 500,
    Code.RESTARTING: 503,
}
_CODE_OF_STATUS: Final = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 413: Code.TOO_LARGE}
_FRAMES: Final = 6


def status_of(code: Code) -> int:
    """HTTP status for a code: what is not listed is a request in conflict with the state of things."""
    return _STATUS.get(code, 409)


def json_response(body: m.Part, status: int = 200) -> web.Response:
    """Answer with a struct as JSON."""
    return web.Response(text=m.encode(body), status=status, content_type="application/json")


def log_internal(event: str, fault: BaseException, **fields: str) -> None:
    """Log a fault of our own: its kind and where it arose, not its text, which may quote personal data."""
    frames = traceback.extract_tb(fault.__traceback__)[-_FRAMES:]
    where = [f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in frames]
    log.error(event, fault=type(fault).__qualname__, where=where, **fields)


def error_middleware(counters: Counters) -> Middleware:
    """Turn every error of a plain HTTP request into `{code, message}` as JSON."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except SignallingError as error:
            code, message = error.code, error.message
            status, headers = status_of(code), {}
        except web.HTTPException as fault:
            if fault.status < 400:  # noqa: PLR2004 - redirects are no errors
                raise
            code = _CODE_OF_STATUS.get(fault.status, Code.BAD_MESSAGE)
            status, message = fault.status, code.sentence
            headers = {"Allow": fault.headers["Allow"]} if "Allow" in fault.headers else {}
        except Exception as fault:  # noqa: BLE001 - the outermost handler of a request
            log_internal("request_failed", fault, method=request.method)
            code, message, status, headers = Code.INTERNAL, Code.INTERNAL.sentence, 500, {}
        counters.inc("http_errors", code.value)
        response = json_response(m.ErrorInfo(code=code, message=message), status)
        response.headers.update(headers)
        if code is Code.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    return middleware
