"""FHIR R4 over HTTP (https://hl7.org/fhir/R4/http.html): appointments, and errors as OperationOutcome."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from aiohttp import web

from signalling import strict
from signalling.errors import BadMessage, Code, Rejected, SignallingError
from signalling.fhir import resources as fhir
from signalling.fhir.operations import BASE, TYPE
from signalling.messages import MAX_BODY_BYTES
from signalling.web.faults import status_of
from signalling.web.reading import read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler

    from signalling.fhir.ports import AppointmentDesk, Stored
    from signalling.ports import Counters

CODES: Final = "urn:brotjeneste:fhir:code"
_ONE: Final = f"{BASE}/Appointment/{{appointment}}"
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_ETAG: Final = re.compile(r'W/"([0-9]{1,9})"')
_ISSUES: Final = {
    401: "login",
    404: "not-found",
    409: "conflict",
    412: "conflict",
    413: "too-long",
    422: "invalid",
}
Read = TypeVar("Read", bound=fhir.Element)


class Fhir:
    """Handlers over `AppointmentDesk`. `guard` lets nobody in without the operator's token."""

    def __init__(self, desk: AppointmentDesk, guard: Callable[[Handler], Handler], counters: Counters) -> None:
        self._desk = desk
        self._guard = guard
        self._counters = counters

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""

        def guard(handler: Handler) -> Handler:
            return self._outcomes(self._guard(handler))

        return [
            web.get(f"{BASE}/metadata", self._metadata, allow_head=False),
            web.post(f"{BASE}/Appointment", guard(self._create)),
            web.get(f"{BASE}/Appointment", guard(self._search), allow_head=False),
            web.get(_ONE, guard(self._read), allow_head=False),
            web.put(_ONE, guard(self._update)),
            web.post(f"{_ONE}/$start", guard(self._start)),
        ]

    def _outcomes(self, handler: Handler) -> Handler:
        """Say in FHIR's words what went wrong."""

        async def handled(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except SignallingError as error:
                code, status, words = error.code, status_of(error.code), error.message
            except web.HTTPRequestEntityTooLarge:
                code, status, words = Code.TOO_LARGE, 413, Code.TOO_LARGE.sentence
            self._counters.inc("http_errors", code.value)
            response = _answer(_outcome(code, status, words), status)
            if code is Code.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = "Bearer"
            return response

        return handled

    async def _metadata(self, _request: web.Request) -> web.Response:
        return _answer(CAPABILITIES)

    async def _create(self, request: web.Request) -> web.Response:
        condition = request.headers.get("If-None-Exist")
        unless = None if condition is None else _identifier(condition)
        stored = await self._desk.create(_body(await read_body(request), fhir.Appointment), unless)
        return self._stored(request, stored, 201 if stored.made else 200)

    async def _search(self, request: web.Request) -> web.Response:
        if set(request.query) != {"identifier"} or len(request.query) != 1:
            raise BadMessage("A search is by identifier alone.")
        found = await self._desk.search(*_token(request.query["identifier"]))
        entries = [] if found is None else [fhir.Entry(full_url=_address(request, found), resource=found.resource)]
        return _answer(fhir.Bundle(resource_type="Bundle", type="searchset", total=len(entries), entry=entries))

    async def _read(self, request: web.Request) -> web.Response:
        return self._stored(request, await self._desk.read(_id(request)))

    async def _update(self, request: web.Request) -> web.Response:
        wanted = _body(await read_body(request), fhir.Appointment)
        which = _id(request)
        if wanted.id not in (None, which):
            raise BadMessage("The resource has another id than its address.")
        condition = request.headers.get("If-Match")
        tag = None if condition is None else _ETAG.fullmatch(condition)
        if condition is not None and tag is None:
            raise Rejected(Code.STALE)
        version = None if tag is None else int(tag[1])
        return self._stored(request, await self._desk.update(which, wanted, version))

    async def _start(self, request: web.Request) -> web.Response:
        given = _body(await read_body(request), fhir.Parameters)
        actors = [
            one.value_reference.reference
            for one in given.parameter
            if one.name == "actor"
            and one.value_reference is not None
            and one.value_reference.reference is not None
        ]
        if len(actors) != 1:
            raise BadMessage("One parameter names the actor, by a reference.")
        return self._stored(request, await self._desk.start(_id(request), actors[0]))

    @staticmethod
    def _stored(request: web.Request, stored: Stored, status: int = 200) -> web.Response:
        response = _answer(stored.resource, status)
        response.headers["ETag"] = f'W/"{stored.version}"'
        response.headers["Location"] = f"{_address(request, stored)}/_history/{stored.version}"
        return response


def _id(request: web.Request) -> str:
    found = request.match_info["appointment"]
    if not _ID.fullmatch(found):
        raise Rejected(Code.NOT_FOUND)
    return found


def _address(request: web.Request, stored: Stored) -> str:
    return f"{request.scheme}://{request.host}{BASE}/Appointment/{stored.id}"


def _body(data: bytes, kind: type[Read]) -> Read:
    return strict.decode(msgspec.json.Decoder(kind), data, MAX_BODY_BYTES)


def _identifier(condition: str) -> tuple[str, str]:
    """Read the condition of a create: `identifier=SYSTEM|VALUE`."""
    name, _, token = condition.lstrip("?").partition("=")
    if name != "identifier":
        raise BadMessage("A create is conditional on the identifier alone.")
    return _token(token)


def _token(token: str) -> tuple[str, str]:
    system, bar, value = token.partition("|")
    if not bar or not system or not value or len(token) > 768:  # noqa: PLR2004 - system and value at their longest
        raise BadMessage("An identifier is a system, a vertical bar and a value.")
    return system, value


def _answer(resource: fhir.Element, status: int = 200) -> web.Response:
    return web.Response(text=fhir.encode(resource), status=status, content_type=TYPE)


def _outcome(code: Code, status: int, words: str) -> fhir.OperationOutcome:
    issue = fhir.Issue(
        severity="error",
        code=_ISSUES.get(status, "exception"),
        details=fhir.CodeableConcept(coding=[fhir.Coding(system=CODES, code=code.value)]),
        diagnostics=words,
    )
    return fhir.OperationOutcome(resource_type="OperationOutcome", issue=[issue])


CAPABILITIES: Final = fhir.CapabilityStatement(
    resource_type="CapabilityStatement",
    status="active",
    date="2026-11-26",
    kind="instance",
    fhir_version="4.0.1",
    format=["json"],
    rest=[
        {
            "mode": "server",
            "security": {"description": "A bearer token of the operator's."},
            "resource": [
                {
                    "type": "Appointment",
                    "interaction": [{"code": one} for one in ("create", "read", "update", "search-type")],
                    "versioning": "versioned-update",
                    "conditionalCreate": True,
                    "updateCreate": False,
                    "searchParam": [{"name": "identifier", "type": "token"}],
                    "operation": [
                        {"name": "start", "definition": "urn:brotjeneste:fhir:OperationDefinition:start"}
                    ],
                }
            ],
        }
    ],
)
