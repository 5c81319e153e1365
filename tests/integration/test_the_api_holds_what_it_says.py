"""Schemathesis asks the running bridge all that its OpenAPI documents let one ask, and much that they do not."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from requests import Session
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema

from tests.integration.asking import Asked, Ids
from tests.integration.book import DOCTOR, PEOPLE, SYSTEM
from tests.support.bridge import running_house

# What cannot be asked like this: the WebSocket has tests of its own.
ELSEWHERE = frozenset({"/api/v1/ws"})
# What is answered with success where there is somebody to log in, to call or to send a picture, in tests of these.
NEEDS_MORE = {
    "GET /login/{provider}",
    "POST /api/v1/logins",
    "POST /api/v1/calls",
    "PUT /api/v1/stills/{still}/pieces/{number}",
    "GET /api/v1/stills/{still}/pieces/{number}",
    "POST /api/v1/texts/receipts",
}
OPERATORS_NEED_MORE = {"GET /login", "GET /login/answer", "GET /legs/recording/trace"}


class Books:
    """What is really there: rooms with their links, every third called off, and appointments."""

    def __init__(self, schema: BaseSchema, headers: Mapping[str, str]) -> None:
        self._schema, self._headers = schema, headers
        self._session = Session()
        self._numbers = count()

    def _post(self, path: str, body: Any, **places: str) -> Any:
        operation = self._schema[path]["POST"]
        media = next(iter(operation.definition.raw["requestBody"]["content"]))
        case = operation.Case(body=body, media_type=media, path_parameters=dict(places))
        answer = case.call(session=self._session, headers=dict(self._headers))
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def real(self, names: Collection[str]) -> Ids:
        """An appointment, or a room with a link into it."""
        if "appointment" in names:
            return {"appointment": self._post("/fhir/R4/Appointment", self.appointment({}))["id"]}
        if "room" not in names:
            return {}
        room = self._post("/api/v1/rooms", {"name": "Consultation"})["room"]
        link = self._post("/api/v1/rooms/{room}/invitations", {"name": "N", "role": "doctor"}, room=room)
        if next(self._numbers) % 3 == 2:
            self._post("/api/v1/rooms/{room}/cancel", {}, room=room)
        return {"room": room, "invitation": link["invitation"]}

    def appointment(self, ids: Ids) -> dict[str, Any]:
        """One as a book sends it: an hour from now, with a name of the book's own."""
        start = datetime.now(UTC) + timedelta(hours=1)
        known = {"id": ids["appointment"]} if "appointment" in ids else {}
        return known | {
            "resourceType": "Appointment",
            "identifier": [{"system": SYSTEM, "value": f"a-{next(self._numbers)}"}],
            "status": "booked",
            "start": start.isoformat(),
            "end": (start + timedelta(minutes=20)).isoformat(),
            "participant": PEOPLE,
        }


def actor(_ids: Ids) -> dict[str, Any]:
    """Who starts an appointment."""
    named = {"name": "actor", "valueReference": {"reference": DOCTOR}}
    return {"resourceType": "Parameters", "parameter": [named]}


def soon(_ids: Ids) -> dict[str, Any]:
    """A time to which something can be put off."""
    return {"time": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}


def is_of_times(body: Any) -> bool:
    """Whether a time has to be to come, or one after another, for what is asked to be possible: no schema says so.

    Nor does it say of an appointment whom of its people a start can be for.
    """
    times = ("resourceType", "time", "expected_at")
    return isinstance(body, dict) and any(body.get(name) is not None for name in times)


async def described(port: int, headers: Mapping[str, str]) -> BaseSchema:
    """The document that a port serves."""
    schema = await asyncio.to_thread(
        schemathesis.openapi.from_url, f"http://127.0.0.1:{port}/openapi.json", headers=dict(headers)
    )
    # Too long a body is turned down before anything of it is read; a version that is not the last is of the state
    # of things, as a conflict is.
    rejection, acceptance = (
        schema.config.checks.negative_data_rejection,
        schema.config.checks.positive_data_acceptance,
    )
    rejection.expected_statuses = [*rejection.expected_statuses, "412", "413"]
    acceptance.expected_statuses = [*acceptance.expected_statuses, "412"]
    return schema


def never(answered: set[tuple[str, int]], asked: list[str], statuses: Callable[[int], bool]) -> set[str]:
    """Which operations never answered so."""
    return set(asked) - {label for label, status in answered if statuses(status)}


def is_success(status: int) -> bool:
    """Whether what was asked for was done."""
    return status < 400


@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Good and bad requests on every operation, at a bridge that runs as it does for people."""
    async with running_house(tmp_path, name="127.0.0.1") as house:
        headers = {"Authorization": f"Bearer {(tmp_path / 'api.token').read_text().strip()}"}
        schema = await described(house.bridge.config.http.port, headers)
        books = Books(schema, headers)
        everything = Asked(
            schema=schema,
            headers=headers,
            real=books.real,
            elsewhere=ELSEWHERE,
            bodies={
                "POST /api/v1/rooms/{room}/delay": soon,
                "POST /api/v1/rooms/{room}/cancel": soon,
                "POST /api/v1/rooms/{room}/invitations/{invitation}/delay": soon,
                "POST /api/v1/rooms/{room}/invitations/{invitation}/cancel": soon,
                "POST /fhir/R4/Appointment": lambda _ids: books.appointment({}),
                "PUT /fhir/R4/Appointment/{appointment}": books.appointment,
                "POST /fhir/R4/Appointment/{appointment}/$start": actor,
            },
            beyond_schemas=is_of_times,
        )
        faults, asked, answered = await asyncio.to_thread(everything.faults)
    assert "\n".join(faults) == ""
    assert {"POST /fhir/R4/Appointment", "POST /api/v1/rooms"} <= set(asked)
    assert never(answered, asked, is_success) == NEEDS_MORE


@pytest.mark.timeout(300)
async def test_schemathesis_finds_nothing_at_the_operators_port(tmp_path: Path) -> None:
    """The same of the other document, with a room that somebody is in; then the node is emptied no more."""
    async with running_house(tmp_path) as house:
        port = house.bridge.config.metrics.port
        token = house.as_operator
        own = token | {"Origin": f"http://127.0.0.1:{port}"}
        everything = Asked(
            schema=await described(port, token),
            headers=own,
            real=lambda _names: {"room": house.room_id},
            bodies={"POST /session": lambda _ids: {"token": token["Authorization"].removeprefix("Bearer ")}},
            # That it says when a node takes nobody is what it is for; what it then says is checked.
            unchecked={"GET /readyz": [not_a_server_error]},
        )
        faults, asked, answered = await asyncio.to_thread(everything.faults)
    assert "\n".join(faults) == ""
    assert never(answered, asked, is_success) == OPERATORS_NEED_MORE
