"""An appointment book, and a bridge without sockets that it arranges rooms at, over real HTTP on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from aiohttp.test_utils import TestClient, TestServer
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from bridge.integration.appointments.desk import Appointments
from bridge.integration.appointments.views import LINK, PRESENCE
from bridge.rooms.model import RoomId
from bridge.store import AppointmentRecord, ConcurrentChange
from signalling.web.server import WebConfig, make_app
from tests.app.fakes import START, Links
from tests.app.rig import Page, Rig
from tests.signalling.fakes import Consultations, Counts

TOKEN = "a-token-of-20-characters"  # noqa: S105 - opens nothing
MODELS: Final[dict[str, Any]] = {
    "Appointment": Appointment,
    "Bundle": Bundle,
    "CapabilityStatement": CapabilityStatement,
    "OperationOutcome": OperationOutcome,
}
DOCTOR, PATIENT, INTERPRETER = "Practitioner/7", "Patient/123", "Practitioner/tolk"
SYSTEM = "https://book.example/appointments"


def at(minutes: float) -> str:
    """A time so long after the start of the tests' clock."""
    return (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def somebody(reference: str, name: str, *, code: tuple[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """One participant."""
    coded = {} if code is None else {"type": [{"coding": [{"system": code[0], "code": code[1]}]}]}
    return {"actor": {"reference": reference, "display": name}, "status": "accepted", **coded, **more}


PEOPLE = [
    somebody(DOCTOR, "Ingrid Berg"),
    somebody(PATIENT, "Aslaug Nordahl", status="needs-action"),
    somebody(INTERPRETER, "Tolk", code=("http://terminology.hl7.org/CodeSystem/participant-type", "translator")),
    {"actor": {"reference": "Location/3"}, "status": "accepted"},
]


def appointment(start: float = 60, minutes: float = 20, **more: Any) -> dict[str, Any]:
    """An appointment as the book sends it, with much that the bridge does not need."""
    wanted: dict[str, Any] = {
        "resourceType": "Appointment",
        "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Hoste</div>"},
        "identifier": [{"system": SYSTEM, "value": "a-1"}],
        "status": "booked",
        "description": "Hoste",
        "start": at(start),
        "end": at(start + minutes),
        "participant": PEOPLE,
    }
    return wanted | more


@dataclass
class MemoryAppointments:
    """Keeps appointments as the store does."""

    records: dict[str, AppointmentRecord] = field(default_factory=dict)

    async def get(self, appointment: str) -> AppointmentRecord | None:
        """One by its id."""
        return self.records.get(appointment)

    async def find(self, identifier: str) -> AppointmentRecord | None:
        """One by its digest."""
        return next((one for one in self.records.values() if one.identifier == identifier), None)

    async def put(self, record: AppointmentRecord) -> None:
        """Write a version."""
        known = self.records.get(record.id)
        if (0 if known is None else known.version) + 1 != record.version:
            raise ConcurrentChange
        self.records[record.id] = record


@dataclass
class Book:
    """The book's side. Each answer is held to the FHIR models of others."""

    rig: Rig
    client: TestClient
    store: MemoryAppointments

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send a request; give status and resource."""
        sent = {
            "Authorization": f"Bearer {TOKEN}",
            **{key.replace("_", "-"): text for key, text in headers.items()},
        }
        response = await self.client.request(method, f"/fhir/R4{path}", json=body, headers=sent)
        resource = await response.json(content_type="application/fhir+json")
        MODELS[resource["resourceType"]].model_validate(resource)
        return response.status, resource

    async def create(self, **wanted: Any) -> dict[str, Any]:
        """Have a room opened."""
        status, made = await self.ask("POST", "/Appointment", appointment(**wanted))
        assert status == 201, made
        return made

    async def change(self, made: dict[str, Any], **wanted: Any) -> tuple[int, Any]:
        """Tell of a change."""
        return await self.ask("PUT", f"/Appointment/{made['id']}", appointment(**wanted))

    async def see(self, made: dict[str, Any]) -> dict[str, Any]:
        """Look how it stands."""
        status, seen = await self.ask("GET", f"/Appointment/{made['id']}")
        assert status == 200
        return seen

    def room(self, made: dict[str, Any]) -> RoomId:
        """The room of an appointment."""
        return RoomId(self.store.records[made["id"]].room)

    async def enter(self, made: dict[str, Any], reference: str) -> Page:
        """Open somebody's link."""
        page = Page(link(made, reference))
        await self.rig.join(page)
        await self.rig.offer(page)
        return page


def link(resource: dict[str, Any], reference: str) -> str:
    """Somebody's link."""
    return extension(resource, reference, LINK)["valueUrl"]


def presence(resource: dict[str, Any], reference: str) -> str | None:
    """Whether somebody has arrived."""
    found = extension(resource, reference, PRESENCE)
    return None if found is None else found["valueCode"]


def extension(resource: dict[str, Any], reference: str, url: str) -> Any:
    """One extension of a participant, or None."""
    found = [one for one in resource["participant"] if one.get("actor", {}).get("reference") == reference]
    assert len(found) == 1
    return next((one for one in found[0].get("extension", []) if one["url"] == url), None)


@asynccontextmanager
async def keeping_a_book() -> AsyncIterator[Book]:
    """A bridge with an appointment book."""
    rig, store = Rig(), MemoryAppointments()
    desk = Appointments(rig.service, rig.administration, Links(), store, "https://bridge.example/join")
    config = WebConfig(api_tokens=(TOKEN,))
    app = make_app(Consultations(), rig.administration, config, rig.clock.monotonic, Counts(), appointments=desk)
    async with TestClient(TestServer(app)) as client:
        yield Book(rig, client, store)
