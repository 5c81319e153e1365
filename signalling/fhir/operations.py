"""The paths of the FHIR resources in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from signalling.fhir import resources as fhir

BASE: Final = "/fhir/R4"
TYPE: Final = "application/fhir+json"
BODIES: Final = (fhir.Appointment, fhir.Bundle, fhir.Parameters, fhir.OperationOutcome, fhir.CapabilityStatement)
_GUARDED: Final = (401, 429)
_MEANING: Final = {
    200: "Done.",
    201: "Made.",
    401: "A valid bearer token is needed.",
    404: "There is no such appointment, or nobody in it whom this names.",
    409: "It does not fit the present state; the code says why.",
    412: "The appointment was changed meanwhile.",
    413: "The body is over its limit.",
    422: "The resource is not one that the bridge can follow.",
    429: "Requests follow each other too fast.",
    503: "This bridge is being emptied, and opens no rooms.",
}


def paths() -> dict[str, Any]:
    """Return the paths."""
    one = f"{BASE}/Appointment/{{appointment}}"
    conditional = _parameter(
        "If-None-Exist",
        "header",
        "identifier=SYSTEM|VALUE, where there may be one already.",
        schema={"pattern": r"^identifier=[^|\s]+\|\S+$", "maxLength": 768 + len("identifier=")},
    )
    version = _parameter(
        "If-Match", "header", 'The version that is known, as W/"3".', schema={"pattern": '^W/"[0-9]{1,9}"$'}
    )
    identifier = _parameter(
        "identifier",
        "query",
        "SYSTEM|VALUE",
        schema={"pattern": r"^[^|]+\|[\s\S]+$", "maxLength": 768},
        required=True,
    )
    return {
        f"{BASE}/metadata": {
            "get": _operation("fhirMetadata", "See what of FHIR there is.", {200: fhir.CapabilityStatement})
        },
        f"{BASE}/Appointment": {
            "post": _operation(
                "createAppointment",
                "Open a room for an appointment, with a link for each of its people.",
                {201: fhir.Appointment, 200: fhir.Appointment},
                (*_GUARDED, 409, 413, 422, 503),
                parameters=[conditional],
                request=fhir.Appointment,
            ),
            "get": _operation(
                "searchAppointments",
                "Find an appointment by the book's identifier.",
                {200: fhir.Bundle},
                (*_GUARDED, 422),
                parameters=[identifier],
            ),
        },
        one: {
            "get": _operation(
                "readAppointment",
                "See an appointment, its links, and who has arrived.",
                {200: fhir.Appointment},
                (*_GUARDED, 404),
                parameters=[_ID],
            ),
            "put": _operation(
                "updateAppointment",
                "Follow the book: other times, other people, or called off.",
                {200: fhir.Appointment},
                (*_GUARDED, 404, 409, 412, 413, 422),
                parameters=[_ID, version],
                request=fhir.Appointment,
            ),
        },
        f"{one}/$start": {
            "post": _operation(
                "startAppointment",
                "Get a link that a doctor of the appointment can open now.",
                {200: fhir.Appointment},
                (*_GUARDED, 404, 409, 412, 413, 422),
                parameters=[_ID],
                request=fhir.Parameters,
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    answers: dict[int, type[fhir.Element]],
    errors: tuple[int, ...] = (),
    *,
    parameters: list[dict[str, Any]] | None = None,
    request: type[fhir.Element] | None = None,
) -> dict[str, Any]:
    bodies = answers | dict.fromkeys(errors, fhir.OperationOutcome)
    described: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "security": [{"bearer": []}] if errors else [],
        "responses": {
            str(status): {"description": _MEANING[status], "content": _content(kind)}
            for status, kind in bodies.items()
        },
    }
    if request is not None:
        described["requestBody"] = {"required": True, "content": _content(request)}
    return described | ({"parameters": parameters} if parameters else {})


def _content(kind: type[fhir.Element]) -> dict[str, Any]:
    return {TYPE: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def _parameter(
    name: str, place: str, text: str, *, schema: dict[str, Any], required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": text,
        "schema": {"type": "string", **schema},
    }


_ID: Final = {
    "name": "appointment",
    "in": "path",
    "required": True,
    "schema": msgspec.json.schema(fhir.FhirId),
}
